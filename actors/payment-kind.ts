/** Payments as the host knows them: the pure machine of domain/payment, told what this node knows of merchants and PSPs. */
import type { RequestRecord } from '../domain/decision.ts'
import { paymentIdOfEntity } from '../domain/ids.ts'
import { transfersOf } from '../domain/ledger/posting.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import { answeredSequences, isArchivable } from '../domain/payment/archiving.ts'
import type { PaymentAnswer, PaymentHistoryAnswer } from '../domain/payment/answers.ts'
import type { MerchantRequest, PaymentCommand, PaymentQuery, TimerKind } from '../domain/payment/commands.ts'
import { decide } from '../domain/payment/decide.ts'
import { findRequest, isClosed, operationsOf, statusOf } from '../domain/payment/derive.ts'
import { applyDecision } from '../domain/payment/evolve.ts'
import { pageOf, publishedEvents } from '../domain/payment/history.ts'
import { effectsOf } from '../domain/payment/plan.ts'
import type { PaymentEffect } from '../domain/payment/effects.ts'
import type { PaymentEvent } from '../domain/payment/events.ts'
import type { ConnectionProfile } from '../domain/payment/operations.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import type { Payment } from '../domain/payment/state.ts'
import { timersOf } from '../domain/payment/timers.ts'
import { assert } from '../runtime/assert.ts'
import type { Random } from '../runtime/random.ts'
import { type EntityKind, type PspReference, snakeCase } from './entity-kind.ts'
import { paymentReadRows } from './payment-read-rows.ts'
import { restorePayment } from './payment-snapshot.ts'
import type { Velocity } from './velocity.ts'

export interface PaymentKindOptions {
  /** `refresh` reads it anew: a gateway may have heard of a merchant before this node has. */
  readonly directory: Pick<MerchantDirectory, 'get'> & { refresh?(): Promise<void> }
  readonly connections: ReadonlyMap<string, ConnectionProfile>
  readonly random: Random
  /** Counts what is accepted of merchants with limits; default: nothing is counted, and only amounts are limited. */
  readonly velocity?: Pick<Velocity, 'acceptedOf' | 'count'>
  /** Public address of the gateways' return page. */
  readonly returnUrlBase: () => string
}

export type PaymentKind = EntityKind<
  Payment,
  PaymentCommand | PaymentQuery,
  PaymentEvent,
  PaymentRejection,
  PaymentEffect,
  PaymentAnswer | PaymentHistoryAnswer
>

function isQuery(command: PaymentCommand | PaymentQuery): command is PaymentQuery {
  return command.type === 'ReadPayment' || command.type === 'ReadPaymentHistory'
}

/** Key under which a shopper who came back waits; no merchant's key, which is visible ASCII. */
const shopperReturn = '\n'

/** The shopper's return as a request: it ends when the payment is no longer pending. */
function shopperRequest(state: Payment): RequestRecord {
  return {
    idempotencyKey: shopperReturn,
    fingerprint: '',
    operation: 'confirm',
    requestId: '',
    apiVersion: '',
    acceptedAt: state.updatedAt,
    ...(statusOf(state) !== 'pending' && { concludedSeq: state.seq }),
  }
}

/** Each once. A dispute is known at the PSP that has the money. */
function pspReferencesOf(state: Payment): readonly PspReference[] {
  const references: PspReference[] = []
  const add = (connection: string, reference: string | undefined): void => {
    if (reference === undefined) return
    const isKnown = references.some((each) => each.reference === reference && each.connection === connection)
    if (!isKnown) references.push({ connection, reference })
  }
  for (const { connection, pspReference } of operationsOf(state)) add(connection, pspReference)
  for (const { attemptId, pspReference } of state.disputes) {
    const attempt = state.attempts.find(({ id }) => id === attemptId)
    if (attempt !== undefined) add(attempt.connection, pspReference)
  }
  return references
}

/** How payments' decisions are folded, and what stays of them. */
export const paymentStates = {
  apply: applyDecision,
  sequence: (state) => state.seq,
  snapshot(state) {
    const { paymentMethod, customer, description, returnUrl, redirectResult, ...open } = state
    const hidden = {
      ...(paymentMethod !== undefined && { paymentMethod }),
      ...(customer !== undefined && { customer }),
      ...(description !== undefined && { description }),
      ...(returnUrl !== undefined && { returnUrl }),
      ...(redirectResult !== undefined && { redirectResult }),
    }
    return { state: open, private: Object.keys(hidden).length === 0 ? undefined : hidden }
  },
  restore: restorePayment,
  archiving: {
    isArchivable,
    answeredSequences,
    historyArchived: () => ({ kind: 'rejected', rejection: { code: 'payment_events_archived' } }),
  },
} satisfies Pick<PaymentKind, 'apply' | 'sequence' | 'snapshot' | 'restore' | 'archiving'>

export function paymentKind(options: PaymentKindOptions): PaymentKind {
  const { directory, connections, random, velocity } = options
  const nothingAccepted = new Map<string, never>()
  const acceptedOf = ({ merchant, mode }: MerchantRequest) => velocity?.acceptedOf(merchant, mode) ?? nothingAccepted
  return {
    ...paymentStates,
    name: 'payment',
    openTimerKinds: ['call_deadline', 'inquiry'] satisfies TimerKind[],
    commandType: (command) => snakeCase(command.type),

    prepare: (command) =>
      'request' in command && directory.get(command.request.merchant) === undefined ? directory.refresh?.() : undefined,

    decide(state, command, context) {
      if (isQuery(command)) return { kind: 'ignored', reason: 'a read decides nothing' }
      const merchant = state?.merchant ?? ('request' in command ? command.request.merchant : undefined)
      return decide(state, command, {
        paymentId: paymentIdOfEntity(context.address.entity),
        now: context.now,
        epoch: context.epoch,
        merchant: merchant === undefined ? undefined : directory.get(merchant),
        accepted: 'request' in command ? acceptedOf(command.request) : nothingAccepted,
        connections,
        nonce: random.hex(16),
        returnUrlBase: options.returnUrlBase(),
      })
    },
    journaling(after, events) {
      // A payment counts once, whichever connections it is tried on.
      const [first, ...others] = after.attempts
      const isFirst = first !== undefined && others.length === 0 && events.some(({ type }) => type === 'AttemptPlanned')
      const { merchant, mode, currency, amountMinor } = after
      return isFirst ? velocity?.count({ merchant, mode, currency, amountMinor, at: first.plannedAt }) : undefined
    },
    transfers: transfersOf,
    effects: effectsOf,
    timers: timersOf,
    timerCommand: (timer) => ({
      type: 'FireTimer',
      timer: timer.kind as TimerKind,
      ...(timer.operationId !== '' && { operationId: timer.operationId }),
    }),
    recovery: (state, newOwner) => {
      const lost = operationsOf(state).some(
        ({ status }) => status === 'planned' || status === 'inquiring' || (newOwner && status === 'unknown'),
      )
      return lost ? { type: 'RecoverOperations' } : undefined
    },
    projection: (state) => ({ pspReferences: pspReferencesOf(state) }),
    readRows(address, state) {
      return paymentReadRows(address, state, (shown) => paymentStates.snapshot(shown))
    },
    updatedAt: (state) => state.updatedAt,
    isClosed: (state) => isClosed(state) || statusOf(state) === 'captured',

    read(state, command) {
      if (!isQuery(command)) return undefined
      // The same few steps for a payment that does not exist and for somebody else's.
      if (state === undefined || state.merchant !== command.merchant || state.mode !== command.mode) {
        return { kind: 'rejected', rejection: { code: 'payment_not_found' } }
      }
      return command.type === 'ReadPayment' ? { kind: 'payment', state, replayed: false } : undefined
    },
    wantsHistory: (command) => command.type === 'ReadPaymentHistory',
    answerHistory(decisions, command) {
      assert(command.type === 'ReadPaymentHistory', 'history is shown to whoever asked for it')
      const page = pageOf(publishedEvents(decisions).toReversed(), command.page)
      return { kind: 'history', seq: decisions.at(-1)?.seq ?? 0, page }
    },
    requestKey(command) {
      if ('request' in command) return command.request.idempotencyKey
      return command.type === 'CompleteAction' ? shopperReturn : undefined
    },
    request(state, key) {
      if (key === shopperReturn) return shopperRequest(state)
      return findRequest(state, key)
    },
    answer(state, request, replayed) {
      if (state === undefined) return { kind: 'rejected', rejection: { code: 'payment_not_found' } }
      const isMerchants = request !== undefined && request.idempotencyKey !== shopperReturn
      return { kind: 'payment', state, replayed, ...(isMerchants && { request }) }
    },
    reject: (rejection, state) => ({ kind: 'rejected', rejection, ...(state !== undefined && { state }) }),
    inUse: () => ({ kind: 'in_use' }),
  }
}
