/**
 * Ids in the PSPs' forms, each from the seed and a counter: repeatable, and never given twice, also not by a simulator that
 * was restarted on its book (the counter is in the book).
 */
import { hash } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const upperCase = alphabet.slice(0, 36)

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
    return `${prefix}_3${this.#text(23, alphabet)}`
  }

  /** Adyen's form: 16 upper-case letters and digits. */
  nextReference(): string {
    return this.#text(16, upperCase)
  }

  #text(length: number, characters: string): string {
    this.#count += 1
    return drawn(`${this.#seed}:${this.#count}`, length, characters)
  }
}

/** The id of something that follows from what has other ids: always the same, and no other's. */
export function derivedId(prefix: string, ...from: readonly string[]): string {
  return `${prefix}_3${drawn(from.join(':'), 23, alphabet)}`
}

function drawn(from: string, length: number, characters: string): string {
  const bytes = hash('sha256', from, 'buffer')
  let text = ''
  for (const byte of bytes.subarray(0, length)) text += characters[byte % characters.length]
  return text
}
