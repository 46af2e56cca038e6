/**
 * Ends a process whose event loop stood still longer than its lease: frozen, starved or blocked, it has probably been
 * declared dead, and what it has in memory is of the past. The journal keeps it from writing whatever it does; this keeps
 * it from acting towards others on what it knew.
 *
 * On waking up, timers run in the order in which they were due, so others may run before the watchdog's own. What must not
 * happen after a long sleep therefore asks {@link Watchdog.hasStoodStill} itself, right before: renewals do, and whoever
 * is about to say something to the world outside may.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'

export interface WatchdogOptions {
  readonly clock: Clock
  readonly limits: { readonly leaseTtlMs: number; readonly watchdogBeatMs: number }
  /** Called once, at the first sight of it. */
  ended(stoodStillMs: number): void
}

export class Watchdog {
  readonly #options: WatchdogOptions
  #beatAt: number | undefined
  #hasStoodStill = false
  #cancel: Cancel | undefined

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  start(): void {
    this.#beatAt = this.#options.clock.monotonic()
    this.#next()
  }

  stop(): void {
    this.#cancel?.()
    this.#beatAt = undefined
  }

  /** Whether the loop stood still longer than the lease, as of now; once true, it stays so. Costs a look at the clock. */
  hasStoodStill(): boolean {
    if (this.#hasStoodStill || this.#beatAt === undefined) return this.#hasStoodStill
    const stoodStillMs = this.#options.clock.monotonic() - this.#beatAt
    if (stoodStillMs <= this.#options.limits.leaseTtlMs) return false
    this.#hasStoodStill = true
    this.#cancel?.()
    this.#options.ended(stoodStillMs)
    return true
  }

  #next(): void {
    const { clock, limits } = this.#options
    this.#cancel = clock.schedule(limits.watchdogBeatMs, () => {
      if (this.#beatAt === undefined || this.hasStoodStill()) return
      this.#beatAt = clock.monotonic()
      this.#next()
    })
  }
}
