import { expect, test } from 'vitest'
import { type Clock, VirtualClock } from '../runtime/clock.ts'
import { Deadlines } from './deadlines.ts'

function setUp() {
  const virtual = new VirtualClock()
  let wakeUps = 0
  const clock: Clock = {
    now: () => virtual.now(),
    monotonic: () => virtual.monotonic(),
    schedule: (delayMs, callback) =>
      virtual.schedule(delayMs, () => {
        wakeUps += 1
        callback()
      }),
  }
  return { virtual, deadlines: new Deadlines(clock, 10), wakeUps: () => wakeUps }
}

test('callbacks run in order of their deadlines, never early and at most one resolution late', () => {
  const { virtual, deadlines } = setUp()
  const ran: [number, number][] = []
  for (const at of [95, 12, 30, 31]) deadlines.add(at, () => ran.push([at, virtual.monotonic()]))
  virtual.advance(200)
  expect(ran).toEqual([
    [12, 20],
    [30, 30],
    [31, 40],
    [95, 100],
  ])
})

test('deadlines that were cancelled wake nobody: who is answered in time leaves nothing behind', () => {
  const { virtual, deadlines, wakeUps } = setUp()
  for (let n = 0; n < 1_000; n += 1) deadlines.add(5_000 + n * 10, () => undefined).cancel()
  let ran = 0
  deadlines.add(40_000, () => (ran += 1))
  virtual.advance(60_000)
  expect(ran).toBe(1)
  expect(wakeUps()).toBeLessThanOrEqual(2)
})

test('a deadline that is cancelled twice, or late, harms none that came after it', () => {
  const { virtual, deadlines } = setUp()
  const first = deadlines.add(10, () => undefined)
  first.cancel()
  let ran = 0
  deadlines.add(10, () => (ran += 1))
  first.cancel()
  virtual.advance(10)
  first.cancel()
  expect(ran).toBe(1)
})
