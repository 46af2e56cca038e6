/**
 * Closed months of the ledger: pure. A close notes, for every shard, up to which position of its journal transfers belong to
 * the month; these positions never change, so nor do the month's figures.
 *
 * A fact about money is never refused, and the ledger never dates a transfer otherwise than its decision. So a transfer that
 * reaches a shard behind the close's position, dated before the month's end (by a node whose clock was a day slow), is booked
 * in the month that is open: corrections of closed books stand in the next ones.
 *
 * Months are closed in order, in one time zone for ever, and not before the zone's month is over by {@link closeAfterMs}.
 * Event names and members are permanent, as the journal holds them.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision, RowMeta } from '../decision.ts'
import { shardCount } from '../ids.ts'
import { endOfMonth, isMonth, isTimeZone, nextMonth } from './day.ts'

/** Clocks of nodes and the last decisions under way are not further behind. */
export const closeAfterMs = 3_600_000

/** A line of the trial balance as of the close, for whoever compares later. Minor units, as text: sums have no limit. */
export interface ClosedTotal {
  readonly live: boolean
  readonly currency: string
  readonly account: string
  readonly debitMinor: string
  readonly creditMinor: string
}

export interface PeriodClose {
  /** `2026-11`. */
  readonly month: string
  /** The first instant after it, unix ms. */
  readonly until: number
  /** By shard: the last position whose transfers may belong to it or to a month before. */
  readonly positions: readonly number[]
  readonly totals: readonly ClosedTotal[]
  /** Unix ms. */
  readonly closedAt: number
  readonly closedBy: string
}

export type LedgerClosesCommand =
  | {
      readonly type: 'ClosePeriod'
      readonly month: string
      readonly timeZone: string
      readonly positions: readonly number[]
      readonly totals: readonly ClosedTotal[]
      readonly operator: string
      readonly reason: string
    }
  | { readonly type: 'ReadCloses' }

export interface PeriodClosed extends Omit<PeriodClose, 'closedAt' | 'closedBy'> {
  readonly type: 'PeriodClosed'
  readonly timeZone: string
  readonly operator: string
  readonly reason: string
}

export type LedgerClosesRejection =
  | { readonly code: 'parameter_invalid'; readonly param: string }
  | { readonly code: 'period_not_over' }
  | { readonly code: 'period_out_of_order' }
  | { readonly code: 'ledger_time_zone_set' }

export interface LedgerCloses {
  readonly timeZone: string
  /** In order of month. */
  readonly closes: readonly PeriodClose[]
  readonly seq: number
  readonly updatedAt: number
}

export type LedgerClosesAnswer =
  | { readonly kind: 'closes'; readonly timeZone: string | undefined; readonly closes: readonly PeriodClose[] }
  | { readonly kind: 'rejected'; readonly rejection: LedgerClosesRejection }

/** Name of the one entity that holds them. */
export const ledgerClosesName = 'ledger-closes'

type LedgerClosesDecision = Decision<PeriodClosed, LedgerClosesRejection>

export function decide(
  state: LedgerCloses | undefined,
  command: LedgerClosesCommand,
  now: number,
): LedgerClosesDecision {
  switch (command.type) {
    case 'ClosePeriod':
      return close(state, command, now)
    case 'ReadCloses':
      return { kind: 'ignored', reason: 'query' }
    default:
      return unreachable(command)
  }
}

function close(
  state: LedgerCloses | undefined,
  { month, timeZone, positions, totals, operator, reason }: Extract<LedgerClosesCommand, { type: 'ClosePeriod' }>,
  now: number,
): LedgerClosesDecision {
  if (!isMonth(month)) return rejected({ code: 'parameter_invalid', param: 'month' })
  if (!isTimeZone(timeZone)) return rejected({ code: 'parameter_invalid', param: 'time_zone' })
  if (state !== undefined && state.timeZone !== timeZone) return rejected({ code: 'ledger_time_zone_set' })
  if (state?.closes.some((each) => each.month === month) === true) {
    return { kind: 'ignored', reason: 'period_closed_already' }
  }
  const last = state?.closes.at(-1)
  if (last !== undefined && nextMonth(last.month) !== month) return rejected({ code: 'period_out_of_order' })
  const until = endOfMonth(month, timeZone)
  if (now < until + closeAfterMs) return rejected({ code: 'period_not_over' })
  assert(positions.length === shardCount, 'a close has a position of every shard', { positions: positions.length })
  for (const [shard, position] of positions.entries()) {
    assert(Number.isSafeInteger(position) && position >= (last?.positions[shard] ?? 0), 'positions never fall', {
      shard,
      position,
    })
  }
  return {
    kind: 'accepted',
    events: [{ type: 'PeriodClosed', month, timeZone, until, positions, totals, operator, reason }],
  }
}

function rejected(rejection: LedgerClosesRejection): LedgerClosesDecision {
  return { kind: 'rejected', rejection }
}

export function applyDecision(
  state: LedgerCloses | undefined,
  events: readonly PeriodClosed[],
  { seq, at }: RowMeta,
): LedgerCloses {
  const closes = events.map(
    ({ month, until, positions, totals, operator }): PeriodClose => ({
      ...{ month, until, positions, totals, closedAt: at, closedBy: operator },
    }),
  )
  const timeZone = state?.timeZone ?? events[0]?.timeZone
  assert(timeZone !== undefined, 'a decision to close names its time zone')
  return { timeZone, closes: [...(state?.closes ?? []), ...closes], seq, updatedAt: at }
}

/**
 * Which transfers were booked before an instant: those decided before it, and, where a closed month holds the instant's last
 * moment, of each shard those up to the close's position.
 */
export interface BookedBefore {
  /** Unix ms. */
  readonly before: number
  /** By shard; undefined: no bound. */
  readonly positions: readonly number[] | undefined
}

export function bookedBefore(
  before: number,
  closes: readonly Pick<PeriodClose, 'until' | 'positions'>[],
): BookedBefore {
  return { before, positions: closes.find(({ until }) => until >= before)?.positions }
}
