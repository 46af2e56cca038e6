import { expect, test } from 'vitest'
import { boundOf, countedSince, histogramCounts } from './histogram-counts.ts'

const text = (counts: readonly number[]): string =>
  ['0.001', '0.01', '+Inf'].map((bound, index) => `pay_hop_seconds_bucket{le="${bound}"} ${counts[index]}`).join('\n')

test('a histogram is read as counts, and what was counted between two readings is their difference', () => {
  const before = histogramCounts(text([1, 3, 3]), 'pay_hop_seconds')
  expect(before).toEqual({ bounds: [0.001, 0.01], counts: [1, 2, 0] })
  const after = histogramCounts(text([91, 102, 103]), 'pay_hop_seconds')
  expect(countedSince(before, after).counts).toEqual([90, 9, 1])
})

test('a percentile is the bound below which so many are', () => {
  const counted = { bounds: [0.001, 0.01], counts: [90, 9, 1] }
  expect(boundOf(counted, 0.5)).toBe(0.001)
  expect(boundOf(counted, 0.99)).toBe(0.01)
  expect(boundOf(counted, 1)).toBe(Number.POSITIVE_INFINITY)
  expect(boundOf({ bounds: [1], counts: [0, 0] }, 0.5)).toBeNaN()
})
