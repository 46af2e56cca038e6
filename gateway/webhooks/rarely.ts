/**
 * Lets a repeated occurrence through once per interval and counts the rest, so that whoever sends rubbish does not fill the
 * log. Keys must be few: they are kept for ever.
 */
import type { Clock } from '../../runtime/clock.ts'

export class Rarely {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #everyMs: number
  readonly #seen = new Map<string, { since: number; count: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** How often it occurred since it was let through last, this time included; undefined where this one is only counted. */
  occurred(key: string): number | undefined {
    const now = this.#clock.monotonic()
    const seen = this.#seen.get(key)
    if (seen !== undefined && now - seen.since < this.#everyMs) {
      seen.count += 1
      return undefined
    }
    this.#seen.set(key, { since: now, count: 0 })
    return (seen?.count ?? 0) + 1
  }
}
