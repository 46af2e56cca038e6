/** Merchants as the host knows them: configuration only, shown to gateways and nodes through the directory. */
import type { MerchantAnswer } from '../domain/merchant/answers.ts'
import type { MerchantCommand, MerchantRejection } from '../domain/merchant/commands.ts'
import { decide } from '../domain/merchant/decide.ts'
import type { MerchantEvent } from '../domain/merchant/events.ts'
import { applyDecision } from '../domain/merchant/evolve.ts'
import type { MerchantConfiguration } from '../domain/merchant/state.ts'
import { type EntityKind, snakeCase } from './entity-kind.ts'

export type { MerchantAnswer } from '../domain/merchant/answers.ts'

interface Merchant {
  readonly configuration: MerchantConfiguration
  readonly updatedAt: number
}

export type MerchantKind = EntityKind<
  Merchant,
  MerchantCommand,
  MerchantEvent,
  MerchantRejection,
  never,
  MerchantAnswer
>

export const merchantKind: MerchantKind = {
  name: 'merchant',
  openTimerKinds: [],
  commandType: (command) => snakeCase(command.type),
  decide: (state, command, { now, epoch }) => decide(state?.configuration, command, { now, epoch }),
  apply: (state, events, meta) => ({
    configuration: applyDecision(state?.configuration, events, meta),
    updatedAt: meta.at,
  }),
  transfers: () => [],
  effects: () => [],
  timers: () => [],
  timerCommand: () => {
    throw new Error('a merchant has no timers')
  },
  recovery: () => undefined,
  projection: ({ configuration }) => ({
    merchant: { merchant: configuration.id, version: configuration.version, configuration },
  }),
  sequence: (state) => state.configuration.version,
  updatedAt: (state) => state.updatedAt,
  isClosed: () => false,
  read: () => undefined,
  requestKey: () => undefined,
  request: () => undefined,
  answer: (state) =>
    state === undefined
      ? { kind: 'rejected', rejection: { code: 'merchant_unknown' } }
      : { kind: 'merchant', configuration: state.configuration },
  reject: (rejection) => ({ kind: 'rejected', rejection }),
  inUse: () => {
    throw new Error('a merchant command carries no idempotency key')
  },
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as Merchant,
}
