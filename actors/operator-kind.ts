/** What operators do, as the host knows it: the log of their actions, one entity per day, the register of PSP connections, and closed months. */
import {
  applyDecision as applyToCloses,
  decide as decideOfCloses,
  type LedgerCloses,
  type LedgerClosesAnswer,
  type LedgerClosesCommand,
  type LedgerClosesRejection,
  type PeriodClosed,
} from '../domain/ledger/closes.ts'
import {
  type ActionLog,
  type ActionLogAnswer,
  type ActionLogCommand,
  type ActionLogEntry,
  type ActionLogEvent,
  type ActionLogRejection,
  applyDecision as applyToLog,
  decide as decideOfLog,
} from '../domain/operator/action-log.ts'
import {
  applyDecision as applyToConnections,
  decide as decideOfConnections,
  type PspConnections,
  type PspConnectionsAnswer,
  type PspConnectionsCommand,
  type PspConnectionsEvent,
  type PspConnectionsRejection,
} from '../domain/operator/psp-connections.ts'
import { emptyProjection, type EntityKind, snakeCase } from './entity-kind.ts'

/** Neither calls anything, waits for anything, nor is asked under an idempotency key. */
const configurationOnly = {
  openTimerKinds: [],
  transfers: () => [],
  effects: () => [],
  timers: () => [],
  timerCommand: () => {
    throw new Error('it has no timers')
  },
  recovery: () => undefined,
  projection: () => emptyProjection,
  isClosed: () => false,
  requestKey: () => undefined,
  request: () => undefined,
  inUse: () => {
    throw new Error('its commands carry no idempotency key')
  },
} as const

export const operatorKind: EntityKind<
  ActionLog,
  ActionLogCommand,
  ActionLogEvent,
  ActionLogRejection,
  never,
  ActionLogAnswer
> = {
  ...configurationOnly,
  name: 'operator',
  commandType: (command) => snakeCase(command.type),
  decide: (state, command, { now }) => decideOfLog(state, command, now),
  apply: applyToLog,
  sequence: (state) => state.seq,
  updatedAt: (state) => state.updatedAt,
  // before the first action of a day there is no past to ask
  read: (state, command) =>
    command.type === 'ListActions' && state === undefined ? { kind: 'entries', entries: [], more: false } : undefined,
  wantsHistory: (command) => command.type === 'ListActions',
  answerHistory(decisions, command) {
    if (command.type !== 'ListActions') throw new Error('only a list is answered from the past')
    const rest = decisions.filter(({ seq }) => seq > command.after)
    const entries = rest
      .slice(0, command.limit)
      .flatMap(({ seq, at, events }) => events.map((event): ActionLogEntry => ({ seq, at, event })))
    return { kind: 'entries', entries, more: rest.length > command.limit }
  },
  answer: () => ({ kind: 'recorded' }),
  reject: (rejection) => ({ kind: 'rejected', rejection }),
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as ActionLog,
}

export const pspConnectionsKind: EntityKind<
  PspConnections,
  PspConnectionsCommand,
  PspConnectionsEvent,
  PspConnectionsRejection,
  never,
  PspConnectionsAnswer
> = {
  ...configurationOnly,
  name: 'psp_connections',
  commandType: (command) => snakeCase(command.type),
  decide: (state, command) => decideOfConnections(state, command),
  apply: applyToConnections,
  sequence: (state) => state.seq,
  updatedAt: (state) => state.updatedAt,
  read: (state, command) =>
    command.type === 'ReadPspConnections' ? { kind: 'connections', connections: state?.connections ?? [] } : undefined,
  answer: (state) => ({ kind: 'connections', connections: state?.connections ?? [] }),
  reject: (rejection) => ({ kind: 'rejected', rejection }),
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as PspConnections,
}

export const ledgerClosesKind: EntityKind<
  LedgerCloses,
  LedgerClosesCommand,
  PeriodClosed,
  LedgerClosesRejection,
  never,
  LedgerClosesAnswer
> = {
  ...configurationOnly,
  name: 'ledger_closes',
  commandType: (command) => snakeCase(command.type),
  decide: (state, command, { now }) => decideOfCloses(state, command, now),
  apply: applyToCloses,
  sequence: (state) => state.seq,
  updatedAt: (state) => state.updatedAt,
  read: (state, command) => (command.type === 'ReadCloses' ? closesAnswer(state) : undefined),
  answer: closesAnswer,
  reject: (rejection) => ({ kind: 'rejected', rejection }),
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as LedgerCloses,
}

function closesAnswer(state: LedgerCloses | undefined): LedgerClosesAnswer {
  return { kind: 'closes', timeZone: state?.timeZone, closes: state?.closes ?? [] }
}
