import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { closedLoop } from './closed-loop.ts'

it('a closed loop starts every operation once and never more at a time than its concurrency', async () => {
  const started: number[] = []
  let underWay = 0
  let most = 0
  const result = await closedLoop({
    concurrency: 3,
    count: 20,
    async start(index) {
      started.push(index)
      underWay += 1
      most = Math.max(most, underWay)
      await turn()
      underWay -= 1
    },
  })
  expect(started).toEqual(Array.from({ length: 20 }, (_, index) => index))
  expect(most).toBe(3)
  expect(result.count).toBe(20)
  expect(result.latency.count).toBe(20)
})

it('a closed loop ends after its time and counts what it did', async () => {
  let started = 0
  const result = await closedLoop({
    concurrency: 2,
    count: Number.POSITIVE_INFINITY,
    milliseconds: 20,
    start() {
      started += 1
      return turn()
    },
  })
  expect(result.count).toBe(started)
  expect(result.seconds).toBeGreaterThanOrEqual(0.02)
})

it('a closed loop whose operation fails is rejected with its error', async () => {
  const failing = closedLoop({ concurrency: 2, count: 5, start: () => Promise.reject(new Error('refused')) })
  await expect(failing).rejects.toThrow('refused')
})
