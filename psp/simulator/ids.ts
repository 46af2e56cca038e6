/**
 * Ids in Stripe's form, each from the seed and a counter: repeatable, and never given twice, also not by a simulator that
 * was restarted on its book (the counter is in the book).
 */
import { createHash } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export class IdSource {
  readonly #seed: string
  #count: number

  constructor(seed: number, count = 0) {
    this.#seed = String(seed)
    this.#count = count
  }

  /** How many ids were made so far. */
  get count(): number {
    return this.#count
  }

  /** Goes on after what the book says was given. */
  resumeAfter(count: number): void {
    this.#count = Math.max(this.#count, count)
  }

  /** `pi_3…`: the prefix, and 24 characters. */
  next(prefix: string): string {
    this.#count += 1
    const bytes = createHash('sha256').update(`${this.#seed}:${this.#count}`).digest()
    let text = '3'
    for (let index = 0; index < 23; index += 1) text += alphabet[(bytes[index] ?? 0) % alphabet.length]
    return `${prefix}_${text}`
  }
}
