/**
 * The order in which Adyen serves one endpoint. While all goes well, messages are sent as they come. One that fails four
 * times in a row waits at the end of the endpoint's queue; while there is a queue, its first message alone is tried, ever
 * more rarely, and everything else waits behind it, new messages too.
 */
import type { Delivery } from './outbox.ts'
import { adyenImmediateRetries, adyenWaitsMs } from './schedule.ts'

export interface LaneEffects {
  attempt(delivery: Delivery): void
  after(waitMs: number, run: () => void): void
  giveUp(delivery: Delivery): void
}

export class AdyenLane {
  readonly #effects: LaneEffects
  readonly #queue: Delivery[] = []
  /** Waits that the first message has had. */
  #waits = 0

  constructor(effects: LaneEffects) {
    this.#effects = effects
  }

  offer(delivery: Delivery): void {
    if (this.#queue.length > 0) this.#queue.push(delivery)
    else this.#effects.attempt(delivery)
  }

  failed(delivery: Delivery): void {
    if (delivery === this.#queue[0]) this.#wait(delivery)
    else if (delivery.attempts <= adyenImmediateRetries) this.#effects.attempt(delivery)
    else if (this.#queue.push(delivery) === 1) this.#wait(delivery)
  }

  /** It was delivered, or is owed no more. */
  left(delivery: Delivery): void {
    if (delivery === this.#queue[0]) this.#next()
  }

  #wait(first: Delivery): void {
    const waitMs = adyenWaitsMs[this.#waits]
    this.#waits += 1
    if (waitMs !== undefined) return this.#effects.after(waitMs, () => this.#effects.attempt(first))
    this.#effects.giveUp(first)
    this.#next()
  }

  #next(): void {
    this.#queue.shift()
    this.#waits = 0
    const [first] = this.#queue
    if (first !== undefined) this.#effects.attempt(first)
  }
}
