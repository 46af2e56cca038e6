/** What became of attempts since this process began: counts, and the last of them. */
import type { DeliveryEnd } from './outbox.ts'
import type { Psp } from './ports.ts'

export interface AttemptRecord {
  /** Unix milliseconds. */
  readonly at: number
  readonly psp: Psp
  readonly type: string
  readonly message: string
  /** Our payment id, where the message tells it. */
  readonly payment: string | null
  readonly endpoint: string
  /** From 1; 0 for a copy. */
  readonly attempt: number
  /** A status, or why there is none. */
  readonly result: string
}

export interface DeliveryCounts {
  /** Attempts, lost ones and copies too. */
  readonly sent: number
  readonly retried: number
  readonly copies: number
  /** Attempts that a rule lost on the way. */
  readonly lost: number
  readonly delivered: number
  readonly swallowed: number
  readonly given_up: number
}

const recentMax = 1000

export class DeliveryLog {
  readonly #recent: AttemptRecord[] = []
  readonly #counts = { sent: 0, retried: 0, copies: 0, lost: 0, delivered: 0, swallowed: 0, given_up: 0 }

  get counts(): DeliveryCounts {
    return { ...this.#counts }
  }

  add(record: AttemptRecord): void {
    this.#counts.sent += 1
    if (record.attempt === 0) this.#counts.copies += 1
    if (record.attempt > 1) this.#counts.retried += 1
    if (record.result === 'lost') this.#counts.lost += 1
    this.#recent.push(record)
    if (this.#recent.length > recentMax) this.#recent.shift()
  }

  ended(how: DeliveryEnd): void {
    this.#counts[how] += 1
  }

  /** Newest first. */
  recent(): readonly AttemptRecord[] {
    return this.#recent.toReversed()
  }
}
