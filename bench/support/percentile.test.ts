import { expect, it } from 'vitest'
import { Samples } from './percentile.ts'

it('a percentile is the nearest rank of all samples, whatever their order and number', () => {
  const samples = new Samples(2)
  for (let value = 100; value >= 1; value -= 1) samples.add(value)
  expect(samples.count).toBe(100)
  expect([0.5, 0.99, 1, 0.001].map((share) => samples.percentile(share))).toEqual([50, 99, 100, 1])
})

it('a percentile of nothing is no number', () => {
  expect(new Samples().percentile(0.5)).toBeNaN()
})
