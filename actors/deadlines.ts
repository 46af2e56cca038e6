/**
 * Deadlines without a timer each: callbacks in buckets of `resolutionMs`, one timer for the next bucket. A callback runs
 * at most one resolution late, never early. Cancelling is O(1), and a bucket whose last callback was cancelled is gone:
 * nearly all are, because who is answered has no deadline any more.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'

export interface Deadline {
  /** Forgets the callback; late or repeated calls do nothing. */
  cancel(): void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #resolutionMs: number
  readonly #buckets = new Map<number, Set<() => void>>()
  #armedFor = Number.POSITIVE_INFINITY
  #disarm: Cancel | undefined

  constructor(clock: Clock, resolutionMs: number) {
    this.#clock = clock
    this.#resolutionMs = resolutionMs
  }

  /** Calls `callback` once the monotonic clock has reached `at`. */
  add(at: number, callback: () => void): Deadline {
    const bucket = Math.ceil(at / this.#resolutionMs)
    let entries = this.#buckets.get(bucket)
    if (entries === undefined) {
      entries = new Set()
      this.#buckets.set(bucket, entries)
      if (bucket < this.#armedFor) this.#arm(bucket)
    }
    entries.add(callback)
    return { cancel: () => this.#cancel(bucket, entries, callback) }
  }

  /** Forgets everything. */
  clear(): void {
    this.#buckets.clear()
    this.#disarm?.()
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  /** @param entries of the bucket when the callback was added; by now there may be others. */
  #cancel(bucket: number, entries: Set<() => void>, callback: () => void): void {
    entries.delete(callback)
    if (entries.size === 0 && this.#buckets.get(bucket) === entries) this.#buckets.delete(bucket)
  }

  #arm(bucket: number): void {
    this.#disarm?.()
    this.#armedFor = bucket
    this.#disarm = this.#clock.schedule(bucket * this.#resolutionMs - this.#clock.monotonic(), () => this.#run())
  }

  #run(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    const due = [...this.#buckets.keys()].filter((bucket) => bucket * this.#resolutionMs <= now).sort((a, b) => a - b)
    for (const bucket of due) {
      const entries = this.#buckets.get(bucket)
      this.#buckets.delete(bucket)
      for (const callback of entries ?? []) callback()
    }
    let next = Number.POSITIVE_INFINITY
    for (const bucket of this.#buckets.keys()) if (bucket < next) next = bucket
    if (next < this.#armedFor) this.#arm(next)
  }
}
