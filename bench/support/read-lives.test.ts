import { expect, test } from 'vitest'
import { statusOf } from '../../domain/payment/derive.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { type Course, type Life, Lives, merchantName } from './read-lives.ts'

const at = Date.UTC(2026, 10, 21)

function lastState({ steps }: Life): Payment {
  return steps.at(-1)?.heard.state as Payment
}

test.each([
  ['captured', 'captured', 2],
  ['capturedLater', 'captured', 4],
  ['authorized', 'authorized', 2],
  ['declined', 'failed', 2],
  ['refunded', 'captured', 4],
  ['disputed', 'captured', 3],
] as const)('a payment that is %s ends %s after %d decisions', (course: Course, status, decisions) => {
  const life = new Lives().next(1, at, course)
  expect(life.steps).toHaveLength(decisions)
  expect(life.steps.map(({ record }) => record.seq)).toEqual(life.steps.map((_, index) => index + 1))
  expect(statusOf(lastState(life))).toBe(status)
  expect(lastState(life).refunds).toHaveLength(course === 'refunded' ? 1 : 0)
  expect(lastState(life).disputes).toHaveLength(course === 'disputed' ? 1 : 0)
})

test('a PSP answers and a merchant asks after what came before', () => {
  const times = new Lives().next(1, at, 'capturedLater').steps.map(({ record }) => record.at - at)
  expect(times).toEqual([0, 250, 1_750, 2_000])
})

test('every number has a payment of its own, the same in every run', () => {
  const ids = (lives: Lives): string[] =>
    Array.from({ length: 200 }, (_, index) => lives.next(index, at).steps[0]?.record.entity ?? '')
  expect(new Set(ids(new Lives())).size).toBe(200)
  expect(ids(new Lives())).toEqual(ids(new Lives()))
})

test('the n-th merchant has an n-th of the first’s payments', () => {
  const lives = new Lives(4)
  const counts = new Map<string, number>()
  for (let index = 0; index < 2_500; index += 1) {
    const { merchant } = lives.next(index, at, 'declined')
    counts.set(merchant, (counts.get(merchant) ?? 0) + 1)
  }
  // 1 + 1/2 + 1/3 + 1/4 = 25/12
  const expected = [1_200, 600, 400, 300]
  for (const [rank, count] of expected.entries()) {
    expect(Math.abs((counts.get(merchantName(rank)) ?? 0) - count)).toBeLessThan(90)
  }
})
