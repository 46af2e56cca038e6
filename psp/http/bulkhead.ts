/**
 * Bounds how many calls to one PSP run at once, and how many wait for a turn.
 *
 * Guarantees: at most `concurrent` holders at any time; waiters get their turn in order of arrival; a waiter is told
 * `expired` once it waited longer than it wanted to, and whoever finds the queue full is told so at once.
 * Leaves to others: what a refusal means. Nothing was sent at that point, so it is proof of non-delivery.
 */
import { assert } from '../../runtime/assert.ts'
import type { Cancel, Clock } from '../../runtime/clock.ts'

export type Admission = 'admitted' | 'full' | 'expired' | 'closed'

interface Waiter {
  readonly settle: (admission: Admission) => void
  readonly cancelExpiry: Cancel
}

export class Bulkhead {
  readonly #clock: Clock
  readonly #concurrent: number
  readonly #queueMax: number
  readonly #waiters = new Set<Waiter>()
  #running = 0
  #closed = false

  constructor(clock: Clock, limits: { readonly concurrent: number; readonly queueMax: number }) {
    assert(Number.isInteger(limits.concurrent) && limits.concurrent >= 1, 'a bulkhead lets at least one call run')
    assert(Number.isInteger(limits.queueMax) && limits.queueMax >= 0, 'a queue has a whole number of places')
    this.#clock = clock
    this.#concurrent = limits.concurrent
    this.#queueMax = limits.queueMax
  }

  get running(): number {
    return this.#running
  }

  /** A turn, or why there is none. Every `admitted` is given back by one {@link release}. */
  enter(waitMs: number): Admission | Promise<Admission> {
    if (this.#closed) return 'closed'
    if (this.#running < this.#concurrent) {
      this.#running += 1
      return 'admitted'
    }
    if (this.#waiters.size >= this.#queueMax) return 'full'
    if (waitMs <= 0) return 'expired'
    return new Promise((resolve) => {
      const waiter: Waiter = {
        settle: resolve,
        cancelExpiry: this.#clock.schedule(waitMs, () => {
          if (this.#waiters.delete(waiter)) resolve('expired')
        }),
      }
      this.#waiters.add(waiter)
    })
  }

  release(): void {
    assert(this.#running > 0, 'a turn is given back once')
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter)
      waiter.cancelExpiry()
      waiter.settle('admitted') // the turn passes on; `#running` stays
      return
    }
    this.#running -= 1
  }

  /** Lets nobody in any more; those who wait are told. */
  close(): void {
    this.#closed = true
    for (const waiter of this.#waiters) {
      waiter.cancelExpiry()
      waiter.settle('closed')
    }
    this.#waiters.clear()
  }
}
