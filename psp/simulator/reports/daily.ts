/**
 * Ends each settlement day, for both PSPs: at every multiple of `dayMs` (from the epoch, so at midnight UTC for whole days).
 * A day that ended while the simulator was off is ended when it starts.
 */
import { assert } from '../../../runtime/assert.ts'
import type { Cancel, Clock } from '../../../runtime/clock.ts'

export interface DailyOptions {
  readonly clock: Clock
  /** Whole seconds, up to a day. */
  readonly dayMs: number
  /** When the oldest of what no day has ended yet happened, in unix milliseconds. */
  readonly openSince: () => number | undefined
  /** @param endMs of the day, unix milliseconds */
  readonly end: (endMs: number) => void
}

export const dayMsDefault = 24 * 3_600_000

export class Daily {
  readonly #options: DailyOptions
  #cancel: Cancel = () => undefined

  constructor(options: DailyOptions) {
    const { dayMs } = options
    assert(dayMs >= 1000 && dayMs <= dayMsDefault && dayMs % 1000 === 0, 'a day is of whole seconds', { dayMs })
    this.#options = options
  }

  start(): void {
    const { clock, dayMs, openSince, end } = this.#options
    const last = Math.floor(clock.now() / dayMs) * dayMs
    if ((openSince() ?? last) < last) end(last)
    this.#wait(last + dayMs)
  }

  stop(): void {
    this.#cancel()
  }

  #wait(endMs: number): void {
    const { clock, dayMs, end } = this.#options
    this.#cancel = clock.schedule(Math.max(endMs - clock.now(), 0), () => {
      end(endMs)
      this.#wait(Math.max(endMs, Math.floor(clock.now() / dayMs) * dayMs) + dayMs)
    })
  }
}
