import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimitValues } from './limits.ts'
import { AcceptedPayments, amountRefusal, limitRefusal, windowStart } from './velocity.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
/** On the hour. */
const noon = Date.UTC(2026, 10, 4, 12)

function acceptedAt(...payments: readonly (readonly [at: number, amountMinor: number])[]): AcceptedPayments {
  const accepted = new AcceptedPayments()
  for (const [at, amountMinor] of payments) accepted.add(at, { count: 1, amountMinor })
  return accepted
}

describe('a limit of one payment', () => {
  it('takes the amount itself and refuses one more, for ever', () => {
    expect(limitRefusal({ max_amount: 100 }, undefined, 100, noon)).toBeUndefined()
    expect(limitRefusal({ max_amount: 100 }, undefined, 101, noon)).toEqual({ limit: 'max_amount', max: 100 })
  })

  it('is also what one payment alone would be more than within an hour or a day', () => {
    expect(limitRefusal({ hourly_amount: 100 }, undefined, 101, noon)).toEqual({ limit: 'hourly_amount', max: 100 })
    expect(amountRefusal({ daily_amount: 100 }, 101)).toEqual({ limit: 'daily_amount', max: 100 })
    expect(amountRefusal({ hourly_count: 1, daily_count: 1 }, 101)).toBeUndefined()
  })
})

describe('a limit per hour or day', () => {
  it('takes what reaches it exactly, and refuses what exceeds it', () => {
    const accepted = acceptedAt([noon, 60])
    expect(limitRefusal({ hourly_amount: 100 }, accepted, 40, noon)).toBeUndefined()
    expect(limitRefusal({ hourly_amount: 100 }, accepted, 41, noon)).toMatchObject({ limit: 'hourly_amount', max: 100 })
    expect(limitRefusal({ daily_count: 2 }, accepted, 1, noon)).toBeUndefined()
    expect(limitRefusal({ daily_count: 1 }, accepted, 1, noon)).toMatchObject({ limit: 'daily_count', max: 1 })
  })

  it('says from when the same payment is allowed: the end of the minute, or quarter of an hour, that has to leave', () => {
    const accepted = acceptedAt([noon, 10], [noon + 5 * minute, 60], [noon + 9 * minute, 30])
    const now = noon + 10 * minute
    expect(limitRefusal({ hourly_amount: 100 }, accepted, 10, now)?.retryAt).toBe(noon + hour)
    expect(limitRefusal({ hourly_amount: 100 }, accepted, 11, now)?.retryAt).toBe(noon + hour + 5 * minute)
    expect(limitRefusal({ hourly_amount: 100 }, accepted, 100, now)?.retryAt).toBe(noon + hour + 9 * minute)
    expect(limitRefusal({ daily_count: 3 }, accepted, 1, now)?.retryAt).toBe(noon + day)
  })

  it('names, of several that are reached, the one that keeps the payment out longest', () => {
    const accepted = acceptedAt([noon, 10])
    const limits = { hourly_count: 1, daily_count: 1, daily_amount: 10 }
    expect(limitRefusal(limits, accepted, 10, noon)).toMatchObject({ limit: 'daily_amount', retryAt: noon + day })
  })

  it('forgets what has left its window, and nothing before', () => {
    const accepted = acceptedAt([noon + 59_999, 1])
    for (const [limits, length] of [
      [{ hourly_count: 1 }, hour],
      [{ daily_count: 1 }, day],
    ] as const) {
      expect(limitRefusal(limits, accepted, 1, noon + length - 1)).toBeDefined()
      expect(limitRefusal(limits, accepted, 1, noon + length)).toBeUndefined()
    }
  })

  it('takes what is told late, and not what is older than its window', () => {
    const accepted = acceptedAt([noon, 1], [noon - 30 * minute, 1], [noon - hour, 1], [noon - day, 1])
    expect([accepted.sum('hour', 'count', noon), accepted.sum('day', 'count', noon)]).toEqual([2, 3])
  })

  it('counts up to 2^53 - 1, which no limit is above', () => {
    const accepted = acceptedAt([noon, Number.MAX_SAFE_INTEGER], [noon, Number.MAX_SAFE_INTEGER])
    expect(accepted.sum('hour', 'amountMinor', noon)).toBe(Number.MAX_SAFE_INTEGER)
  })
})

describe('what another source knows', () => {
  it('counts as the least of each step at once; what is accepted now is added, what is told only once it is settled', () => {
    const accepted = acceptedAt([noon, 1])
    for (let n = 0; n < 5; n += 1) accepted.addToFloor(noon, { count: 1, amountMinor: 1 })
    expect(accepted.sum('hour', 'count', noon)).toBe(5)
    accepted.addTold(noon, { count: 1, amountMinor: 1 })
    expect(accepted.sum('hour', 'count', noon)).toBe(5)
    accepted.add(noon, { count: 1, amountMinor: 1 })
    expect(accepted.sum('hour', 'count', noon)).toBe(6)
    accepted.settleFloor()
    accepted.addTold(noon, { count: 1, amountMinor: 1 })
    expect([accepted.sum('hour', 'count', noon), accepted.sum('day', 'count', noon)]).toEqual([7, 7])
  })

  it('that is less than what is counted changes nothing', () => {
    const accepted = acceptedAt([noon, 1], [noon, 1])
    accepted.addToFloor(noon, { count: 1, amountMinor: 1 })
    accepted.settleFloor()
    expect(accepted.sum('day', 'count', noon)).toBe(2)
  })
})

it('counters are empty once their windows are, and never while a floor is waited for', () => {
  const accepted = acceptedAt([noon, 1])
  expect(accepted.isEmptyAt(noon + day - 1)).toBe(false)
  expect(accepted.isEmptyAt(noon + day)).toBe(true)
  accepted.addToFloor(noon, { count: 1, amountMinor: 1 })
  expect(accepted.isEmptyAt(noon + day)).toBe(false)
})

const values = fc.record(
  {
    max_amount: fc.integer({ min: 1, max: 60 }),
    hourly_amount: fc.integer({ min: 1, max: 300 }),
    hourly_count: fc.integer({ min: 1, max: 8 }),
    daily_amount: fc.integer({ min: 1, max: 900 }),
    daily_count: fc.integer({ min: 1, max: 24 }),
  },
  { requiredKeys: [] },
)
const payments = fc.array(
  fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 2 * minute }), fc.integer({ min: 0, max: 5 * hour })),
    fc.integer({ min: 1, max: 60 }),
  ),
  { maxLength: 60 },
)

it('whatever comes when: exactly what exceeds a limit is refused, and it is allowed when it was said to be', () => {
  fc.assert(
    fc.property(values, payments, (limits: LimitValues, arrivals) => {
      const accepted = new AcceptedPayments()
      const taken: { at: number; amountMinor: number }[] = []
      /** By the plain rule, over the list of all payments. */
      const exceeded = (at: number, amountMinor: number): boolean => {
        const inHour = taken.filter((each) => each.at >= windowStart('hour', at))
        const inDay = taken.filter((each) => each.at >= windowStart('day', at))
        const sum = (of: readonly { amountMinor: number }[]): number =>
          of.reduce((total, each) => total + each.amountMinor, amountMinor)
        return (
          amountMinor > (limits.max_amount ?? Infinity) ||
          sum(inHour) > (limits.hourly_amount ?? Infinity) ||
          inHour.length + 1 > (limits.hourly_count ?? Infinity) ||
          sum(inDay) > (limits.daily_amount ?? Infinity) ||
          inDay.length + 1 > (limits.daily_count ?? Infinity)
        )
      }
      let now = noon
      for (const [pause, amountMinor] of arrivals) {
        now += pause
        const refusal = limitRefusal(limits, accepted, amountMinor, now)
        expect(refusal !== undefined).toBe(exceeded(now, amountMinor))
        if (refusal === undefined) {
          accepted.add(now, { count: 1, amountMinor })
          taken.push({ at: now, amountMinor })
        } else if (refusal.retryAt !== undefined) {
          expect(refusal.retryAt).toBeGreaterThan(now)
          expect(exceeded(refusal.retryAt, amountMinor)).toBe(false)
          expect(exceeded(refusal.retryAt - 1, amountMinor)).toBe(true)
        }
      }
    }),
  )
})

it('whatever is told when, late, ahead or taken back: the sum is that of the steps in the window', () => {
  const told = fc.record({
    /** Minutes from now. */
    at: fc.integer({ min: -90, max: 2 }),
    count: fc.integer({ min: 1, max: 5 }),
    isTakenBack: fc.boolean(),
    pauseMinutes: fc.constantFrom(0, 0, 1, 7, 61),
  })
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), (messages) => {
      const accepted = new AcceptedPayments()
      const counts = new Map<number, number>()
      let now = noon
      for (const { at, count, isTakenBack, pauseMinutes } of messages) {
        now += pauseMinutes * minute
        const step = now / minute + at
        const newest = Math.max(...counts.keys(), step)
        const sum = { count, amountMinor: count }
        accepted.addTold(step * minute, sum)
        // a step that a newer one took the place of is gone
        if (!counts.has(step + 60) && !counts.has(step + 120) && step > newest - 300) {
          for (const old of [step - 60, step - 120, step - 180]) counts.delete(old)
          counts.set(step, (counts.get(step) ?? 0) + count)
        }
        if (isTakenBack) {
          accepted.addTold(step * minute, { count: -count, amountMinor: -count })
          const there = counts.get(step)
          if (there !== undefined) counts.set(step, Math.max(0, there - count))
        }
        const inWindow = [...counts].filter(([each]) => each <= now / minute && each > now / minute - 60)
        expect(accepted.sum('hour', 'count', now)).toBe(inWindow.reduce((total, [, each]) => total + each, 0))
      }
    }),
  )
})
