import { expect, test } from 'vitest'
import { type Clock, VirtualClock } from '../runtime/clock.ts'
import { clusterLimits } from './cluster-limits.ts'
import { Watchdog } from './watchdog.ts'

const limits = clusterLimits()

/** Time passes, and no timer runs until it has: as for a process that is stopped. */
function sleepingClock(): { clock: Clock; sleep(ms: number): void; wake(): void; pending(): number } {
  const world = new VirtualClock()
  let asleepMs = 0
  return {
    clock: {
      now: () => world.now() + asleepMs,
      monotonic: () => world.monotonic() + asleepMs,
      schedule: (delayMs, callback) => world.schedule(delayMs, callback),
    },
    sleep: (ms) => void (asleepMs += ms),
    wake: () => world.advance(limits.watchdogBeatMs),
    pending: () => world.pending,
  }
}

test('a loop that turns, or stands still for a lease at most, is left alone', () => {
  const { clock, sleep, wake } = sleepingClock()
  const ended: number[] = []
  const watchdog = new Watchdog({ clock, limits, ended: (ms) => ended.push(ms) })
  watchdog.start()
  for (let n = 0; n < 100; n += 1) {
    sleep(limits.leaseTtlMs - limits.watchdogBeatMs)
    wake()
    expect(watchdog.hasStoodStill()).toBe(false)
  }
  expect(ended).toEqual([])
})

test('a loop that stood still longer than the lease is seen by its own timer, once', () => {
  const { clock, sleep, wake, pending } = sleepingClock()
  const ended: number[] = []
  const watchdog = new Watchdog({ clock, limits, ended: (ms) => ended.push(ms) })
  watchdog.start()
  sleep(limits.leaseTtlMs + 1)
  wake()
  expect(ended).toEqual([limits.leaseTtlMs + 1 + limits.watchdogBeatMs])
  expect(watchdog.hasStoodStill()).toBe(true)
  expect(ended).toHaveLength(1)
  expect(pending()).toBe(0)
})

test('whoever asks before its timer runs is told, and it is seen then', () => {
  const { clock, sleep } = sleepingClock()
  const ended: number[] = []
  const watchdog = new Watchdog({ clock, limits, ended: (ms) => ended.push(ms) })
  expect(watchdog.hasStoodStill()).toBe(false)
  watchdog.start()
  sleep(limits.leaseTtlMs + 1)
  expect(watchdog.hasStoodStill()).toBe(true)
  expect(ended).toEqual([limits.leaseTtlMs + 1])
})

test('stopped, it looks no more', () => {
  const { clock, sleep, wake, pending } = sleepingClock()
  const watchdog = new Watchdog({ clock, limits, ended: () => expect.fail('it was stopped') })
  watchdog.start()
  watchdog.stop()
  sleep(60_000)
  wake()
  expect(watchdog.hasStoodStill()).toBe(false)
  expect(pending()).toBe(0)
})

test('limits that contradict each other do not get as far as a process', () => {
  expect(() => clusterLimits({ renewEveryMs: 700 })).toThrow('a lease outlives')
  expect(() => clusterLimits({ renewTimeoutMs: 500 })).toThrow('delays no other')
  expect(() => clusterLimits({ ownRenewalGapMaxMs: 2_000 })).toThrow('cut off')
  expect(() => clusterLimits({ handOffBatch: 0 })).toThrow('positive')
  expect(() => clusterLimits({ takeRetryMs: { min: 10, max: 5 } })).toThrow('pauses grow')
})
