import { describe, expect, test } from 'vitest'
import { shardCount } from '../ids.ts'
import {
  applyDecision,
  bookedBefore,
  closeAfterMs,
  decide,
  type LedgerCloses,
  type LedgerClosesCommand,
} from './closes.ts'

const positions = (each: number) => Array.from({ length: shardCount }, () => each)
const end = Date.UTC(2026, 10, 30, 23)
const over = end + closeAfterMs

function close(more: Partial<Extract<LedgerClosesCommand, { type: 'ClosePeriod' }>> = {}): LedgerClosesCommand {
  return {
    ...{ type: 'ClosePeriod', month: '2026-11', timeZone: 'Europe/Berlin', positions: positions(5), totals: [] },
    ...{ operator: 'ops-1', reason: 'November', ...more },
  }
}

function given(...commands: readonly LedgerClosesCommand[]): LedgerCloses | undefined {
  return commands.reduce<LedgerCloses | undefined>((state, command) => {
    const decision = decide(state, command, Date.UTC(2030, 0, 1))
    if (decision.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(decision)}`)
    return applyDecision(state, decision.events, { seq: (state?.seq ?? 0) + 1, at: 7, epoch: 1 })
  }, undefined)
}

describe('a month', () => {
  test('is closed once it is over in its time zone, and clocks that are behind have had their time', () => {
    expect(decide(undefined, close(), over - 1)).toMatchObject({ rejection: { code: 'period_not_over' } })
    expect(decide(undefined, close(), over)).toMatchObject({ events: [{ month: '2026-11', until: end }] })
    expect(decide(undefined, close({ timeZone: 'UTC' }), over)).toMatchObject({
      rejection: { code: 'period_not_over' },
    })
  })

  test('closed again changes nothing', () => {
    expect(decide(given(close()), close({ positions: positions(9) }), over)).toMatchObject({ kind: 'ignored' })
  })

  test.each([
    ['period_out_of_order', { month: '2027-01' }],
    ['period_out_of_order', { month: '2026-10' }],
    ['ledger_time_zone_set', { month: '2026-12', timeZone: 'UTC' }],
    ['parameter_invalid', { month: '2026-13' }],
    ['parameter_invalid', { timeZone: 'Mars/Olympus' }],
  ])('is refused with %s after November: %j', (code, more) => {
    expect(decide(given(close()), close(more), Date.UTC(2030, 0, 1))).toMatchObject({ rejection: { code } })
  })

  test('never takes back a position of the one before', () => {
    const december = close({ month: '2026-12', positions: positions(4) })
    expect(() => decide(given(close()), december, Date.UTC(2030, 0, 1))).toThrow('positions never fall')
  })
})

describe('what was booked before an instant', () => {
  const closes = given(close(), close({ month: '2026-12', positions: positions(8) }))?.closes ?? []

  test('is bounded by the first close that covers it', () => {
    expect(bookedBefore(end - 1, closes).positions?.[0]).toBe(5)
    expect(bookedBefore(end, closes).positions?.[0]).toBe(5)
    expect(bookedBefore(end + 1, closes).positions?.[0]).toBe(8)
  })

  test('is everything decided before it, where nothing is closed yet', () => {
    const january = Date.UTC(2027, 0, 31)
    expect(bookedBefore(january, closes)).toEqual({ before: january, positions: undefined })
  })
})
