/** One envelope on its way through the router, from `route` to its one answer. */
import type { Cancel } from '../runtime/clock.ts'
import type { Envelope, RouteAnswer } from './router.ts'

export type Unavailable = Extract<RouteAnswer<never>, { kind: 'unavailable' }>

export class Journey {
  readonly envelope: Envelope
  /** Rises with arrival: envelopes of a shard leave in this order. */
  readonly order: number
  /** Monotonic ms at which it began to be held; undefined while it is not. */
  heldSince: number | undefined
  /** How often it was sent. */
  attempts = 0
  /** Which attempt counts: the answer `unavailable` of an earlier one says nothing any more. */
  attempt = 0
  /** An attempt is under way. */
  isAway = false
  /** The shard's epoch, as believed when it was sent last. */
  sentEpoch = 0
  /** An attempt may have been executed, and its answer is not known. */
  isInDoubt = false
  isSettled = false
  readonly #resolve: (answer: RouteAnswer<unknown>) => void
  #cancelDeadline: Cancel | undefined

  constructor(envelope: Envelope, order: number, resolve: (answer: RouteAnswer<unknown>) => void) {
    this.envelope = envelope
    this.order = order
    this.#resolve = resolve
  }

  endsBy(cancelDeadline: Cancel): void {
    this.#cancelDeadline = cancelDeadline
  }

  settle(answer: RouteAnswer<unknown>): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#cancelDeadline?.()
    this.#resolve(answer)
  }

  /** `not_accepted` only where every attempt was certain. */
  refuse(reason: string, retryAfterMs: number): void {
    const certainty = this.isInDoubt || this.isAway ? 'acceptance_unknown' : 'not_accepted'
    this.settle({ kind: 'unavailable', certainty, reason, retryAfterMs })
  }
}
