/**
 * What is due when, one entry per record. Entries run in order of time, then of entering. Leaves to others: remembering
 * them over a restart (the records do).
 */
import type { Cancel, Clock } from '../../../runtime/clock.ts'

/** The clock takes no longer delays. */
const delayMsMax = 2 ** 31 - 1

export class Agenda {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Cancel>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Replaces what was due for `id`. @param at unix milliseconds */
  set(id: string, at: number, run: () => void): void {
    this.cancel(id)
    const delayMs = Math.max(at - this.#clock.now(), 0)
    const cancel = this.#clock.schedule(Math.min(delayMs, delayMsMax), () => {
      this.#waiting.delete(id)
      if (delayMs > delayMsMax) this.set(id, at, run)
      else run()
    })
    this.#waiting.set(id, cancel)
  }

  cancel(id: string): void {
    this.#waiting.get(id)?.()
    this.#waiting.delete(id)
  }

  close(): void {
    for (const cancel of this.#waiting.values()) cancel()
    this.#waiting.clear()
  }
}
