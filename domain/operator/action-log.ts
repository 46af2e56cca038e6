/**
 * What operators did, one log per day: pure. An action is recorded before it takes effect, and again when its outcome is
 * known; one without an outcome was cut short, and may have taken effect or not. The log is append-only: there is no command
 * that changes or removes an entry. Event names and members are permanent, as the journal holds them.
 *
 * The state holds no entries, only what deciding needs; a list is folded from the log's own rows.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision, RowMeta } from '../decision.ts'

export type OperatorRole = 'viewer' | 'operator' | 'approver'

export const operatorRoles: readonly OperatorRole[] = ['viewer', 'operator', 'approver']

/** How an operator is named: no person's name or address. */
export const operatorNamePattern = /^[a-z0-9][a-z0-9_.:-]{0,63}$/

export const actionLogLimits = {
  /** Rows of one day; beyond it actions are refused: somebody's program runs wild. */
  rowsPerDayMax: 20_000,
  /** Rows of one day beyond which reading is refused, so that whoever reads a lot leaves room for actions. */
  rowsBeforeReadingsEnd: 15_000,
  /** Actions without an outcome that are waited for; the oldest is then left without one. */
  openMax: 256,
  reasonCharactersMax: 500,
  /** Reading what is audited is recorded once per operator and subject in this time. */
  readingEveryMs: 600_000,
  readingsMax: 256,
} as const

assert(
  actionLogLimits.rowsBeforeReadingsEnd < actionLogLimits.rowsPerDayMax,
  'reading never keeps operators from acting',
)

export type ActionParameters = Readonly<Record<string, string | number | boolean>>

export interface OperatorAction {
  /** `act_` and 24 hexadecimal digits. */
  readonly id: string
  readonly operator: string
  readonly role: OperatorRole
  /** `shard.move`, `node.drain`, `merchant.create`, … */
  readonly kind: string
  /** `shard:17`, `node:node-2`, a merchant's id, … */
  readonly subject: string
  /** In the operator's words; no personal data. */
  readonly reason: string
  readonly parameters: ActionParameters
  readonly requestId: string
}

/** `failed`: nothing took effect. `unknown`: it may have. */
export type ActionOutcome = 'done' | 'refused' | 'failed' | 'unknown'

/** Every command names the day of the log it is for: `2026-11-21`. */
export type ActionLogCommand = { readonly day: string } & (
  | { readonly type: 'BeginAction'; readonly action: OperatorAction }
  /** `code`: of the refusal or failure. */
  | { readonly type: 'EndAction'; readonly id: string; readonly outcome: ActionOutcome; readonly code?: string }
  | { readonly type: 'RecordReading'; readonly operator: string; readonly role: OperatorRole; readonly subject: string }
  /** Query: entries of rows after sequence `after`, at most `limit`, oldest first. */
  | { readonly type: 'ListActions'; readonly after: number; readonly limit: number }
)

export type ActionLogEvent =
  | ({ readonly type: 'ActionBegun'; readonly day: string } & OperatorAction)
  | { readonly type: 'ActionEnded'; readonly id: string; readonly outcome: ActionOutcome; readonly code?: string }
  | {
      readonly type: 'AuditRead'
      readonly day: string
      readonly operator: string
      readonly role: OperatorRole
      readonly subject: string
    }

export type ActionLogRejection = { readonly code: 'action_log_full' } | { readonly code: 'action_unknown' }

export interface ActionLog {
  readonly day: string
  /** Ids of actions whose outcome is awaited, oldest first. */
  readonly open: readonly string[]
  /** Operator and subject → when its reading was recorded last, unix ms. */
  readonly readings: Readonly<Record<string, number>>
  readonly seq: number
  readonly updatedAt: number
}

/** The entry of a list: one row of the log. */
export interface ActionLogEntry {
  readonly seq: number
  /** Unix ms. */
  readonly at: number
  readonly event: ActionLogEvent
}

export type ActionLogAnswer =
  | { readonly kind: 'recorded' }
  | { readonly kind: 'entries'; readonly entries: readonly ActionLogEntry[]; readonly more: boolean }
  | { readonly kind: 'rejected'; readonly rejection: ActionLogRejection }

/** Name of the log's entity; its address is derived from it (`addressOfName`). */
export function actionLogName(day: string): string {
  return `operator-log:${day}`
}

type ActionLogDecision = Decision<ActionLogEvent, ActionLogRejection>

export function decide(state: ActionLog | undefined, command: ActionLogCommand, now: number): ActionLogDecision {
  assert(state === undefined || state.day === command.day, 'a command reaches the log of its day')
  switch (command.type) {
    case 'BeginAction':
      return begin(state, command.action, command.day)
    case 'EndAction': {
      const { id, outcome, code } = command
      if (state?.open.includes(id) !== true) return { kind: 'rejected', rejection: { code: 'action_unknown' } }
      return accepted({ type: 'ActionEnded', id, outcome, ...(code !== undefined && { code }) })
    }
    case 'RecordReading': {
      const { day, operator, role, subject } = command
      const last = state?.readings[readingKey(operator, subject)]
      if (last !== undefined && now - last < actionLogLimits.readingEveryMs) return ignored('reading_recorded_lately')
      if ((state?.seq ?? 0) >= actionLogLimits.rowsBeforeReadingsEnd) {
        return { kind: 'rejected', rejection: { code: 'action_log_full' } }
      }
      return accepted({ type: 'AuditRead', day, operator, role, subject })
    }
    case 'ListActions':
      return ignored('query')
    default:
      return unreachable(command)
  }
}

function begin(state: ActionLog | undefined, action: OperatorAction, day: string): ActionLogDecision {
  if (state?.open.includes(action.id) === true) return ignored('action_known')
  if (isFull(state)) return { kind: 'rejected', rejection: { code: 'action_log_full' } }
  const { id, operator, role, kind, subject, reason, parameters, requestId } = action
  assert(operatorNamePattern.test(operator), 'an operator has a name that may be journaled')
  assert(reason.trim() !== '' && reason.length <= actionLogLimits.reasonCharactersMax, 'an action has a reason')
  return accepted({ type: 'ActionBegun', day, id, operator, role, kind, subject, reason, parameters, requestId })
}

/** Outcomes of what has begun are always taken. */
function isFull(state: ActionLog | undefined): boolean {
  return (state?.seq ?? 0) >= actionLogLimits.rowsPerDayMax
}

function accepted(event: ActionLogEvent): ActionLogDecision {
  return { kind: 'accepted', events: [event] }
}

function ignored(reason: string): ActionLogDecision {
  return { kind: 'ignored', reason }
}

function readingKey(operator: string, subject: string): string {
  return `${operator} ${subject}`
}

export function applyDecision(
  state: ActionLog | undefined,
  events: readonly ActionLogEvent[],
  meta: RowMeta,
): ActionLog {
  const { seq, at: updatedAt } = meta
  return events.reduce<ActionLog>(
    (log, event) => ({ ...applyEvent(log, event, updatedAt), seq, updatedAt }),
    state ?? { day: '', open: [], readings: {}, seq, updatedAt },
  )
}

function applyEvent(log: ActionLog, event: ActionLogEvent, at: number): ActionLog {
  switch (event.type) {
    case 'ActionBegun':
      return { ...log, day: event.day, open: [...log.open, event.id].slice(-actionLogLimits.openMax) }
    case 'ActionEnded':
      return { ...log, open: log.open.filter((id) => id !== event.id) }
    case 'AuditRead': {
      const readings = Object.entries({ ...log.readings, [readingKey(event.operator, event.subject)]: at })
        .filter(([, last]) => at - last < actionLogLimits.readingEveryMs)
        .slice(-actionLogLimits.readingsMax)
      return { ...log, day: event.day, readings: Object.fromEntries(readings) }
    }
    default:
      return unreachable(event)
  }
}
