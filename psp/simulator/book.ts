/**
 * The book: an append-only file of JSON lines, one per request that reached the simulator with a purpose, holding what it
 * did. It is the independent witness of every effect, and all of the simulator's memory.
 *
 * Guarantees: a line is in the file (handed to the operating system, so it survives the end of the process) before the
 * request it tells of is answered; a line is one write, and half a line at the end, left by a killed process, is cut off
 * at the next start, since nobody was answered for it; opening the same file again gives the same memory.
 * Leaves to others: power failures (it is not fsynced), and that only one simulator uses a directory at a time.
 */
import {
  closeSync,
  createReadStream,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { assert } from '../../runtime/assert.ts'
import type { AdyenLine } from './adyen/engine.ts'
import type { ErrorFields } from './failure.ts'
import type { StripeRecord } from './records.ts'
import type { EventFact } from './stripe-events.ts'
import type { WebhookLine } from './webhooks/outbox.ts'

/** `adjust`: another amount authorised, at Adyen alone. */
export type BookOperation = 'authorize' | 'capture' | 'void' | 'refund' | 'adjust'

/** What a request asked for, and whether it did it. Amounts are the PSP's minor units, currencies lower case. */
export interface BookEntry {
  /** Unix milliseconds. */
  readonly at: number
  /** Absent: Stripe. */
  readonly psp?: 'adyen'
  readonly operation: BookOperation
  readonly operation_id: string | null
  readonly idempotency_key: string | null
  readonly amount: number | null
  readonly currency: string | null
  /** Money or a hold changed because of this request. False for replays, declines, refusals and injected faults. */
  readonly effect: boolean
  /** Our payment id, as the metadata say, or the reference. */
  readonly payment: string | null
  /** The intent, or the refund. Adyen: the payment of authorisations and voids, else the modification. */
  readonly psp_reference: string | null
  /** The object's status afterwards, an error code, `replayed`, or the injected fault. */
  readonly status: string
  readonly request_id: string
}

/** What an answer is rendered from. */
export type AnswerBody =
  | { readonly kind: 'object'; readonly id: string; readonly expand: readonly string[] }
  | { readonly kind: 'error'; readonly error: ErrorFields; readonly intent: string | null }

/** Kept under an idempotency key. */
export interface StoredAnswer {
  readonly key: string
  /** Method, path and parameters of the request, hashed. */
  readonly fingerprint: string
  readonly status: number
  readonly body: AnswerBody
}

/** An event by its id; what it shows are the records of its line. */
export interface LineEvent extends EventFact {
  readonly id: string
}

export interface BookLine {
  readonly at: number
  /** Null for what nobody asked for. */
  readonly request_id: string | null
  readonly entries: readonly BookEntry[]
  /** New versions of records. */
  readonly records: readonly StripeRecord[]
  /** Ids given so far. */
  readonly ids: number
  readonly answer?: StoredAnswer
  /** What the simulated Adyen remembers of it. */
  readonly adyen?: AdyenLine
  /** Where webhooks go from now on, or how one ended. */
  readonly webhooks?: WebhookLine
  /** What Stripe tells of it, and the key of the API request that caused it. */
  readonly events?: { readonly idempotency_key: string | null; readonly list: readonly LineEvent[] }
}

const newLine = 0x0a
const recentMax = 50

export class Book {
  readonly path: string
  readonly #file: number
  #size: number
  /** Where a payment's lines are: offset, length, offset, length, … */
  readonly #places = new Map<string, number[]>()
  readonly #recent: BookEntry[] = []

  private constructor(path: string, file: number, size: number) {
    this.path = path
    this.#file = file
    this.#size = size
  }

  /** Opens the book of a directory, making it where there is none, and tells `replay` every line, oldest first. */
  static async open(directory: string, replay: (line: BookLine) => void): Promise<Book> {
    mkdirSync(directory, { recursive: true })
    const path = join(directory, 'book.jsonl')
    const file = openSync(path, 'a+')
    try {
      cutTornLine(file)
      const book = new Book(path, file, 0)
      const lines = createInterface({ input: createReadStream(path, { encoding: 'utf8' }), crlfDelay: Infinity })
      for await (const text of lines) {
        const line = JSON.parse(text) as BookLine
        book.#remember(line, Buffer.byteLength(text) + 1)
        replay(line)
      }
      return book
    } catch (error) {
      closeSync(file)
      throw error
    }
  }

  append(line: BookLine): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
    let written = 0
    while (written < bytes.length) written += writeSync(this.#file, bytes, written)
    this.#remember(line, bytes.length)
  }

  /** The last entries, newest first. */
  recent(): readonly BookEntry[] {
    return this.#recent.toReversed()
  }

  /** One payment's entries, oldest first. */
  *entriesOf(payment: string): Generator<BookEntry> {
    const places = this.#places.get(payment) ?? []
    for (let index = 0; index < places.length; index += 2) {
      const bytes = Buffer.alloc(places[index + 1] ?? 0)
      const count = readSync(this.#file, bytes, 0, bytes.length, places[index] ?? 0)
      assert(count === bytes.length, 'a line that was written is in the book', { count, length: bytes.length })
      const line = JSON.parse(bytes.toString('utf8')) as BookLine
      yield* line.entries.filter((entry) => entry.payment === payment)
    }
  }

  /** Every entry so far, oldest first. */
  async *entries(): AsyncGenerator<BookEntry> {
    if (this.#size === 0) return
    const input = createReadStream(this.path, { encoding: 'utf8', end: this.#size - 1 })
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      yield* (JSON.parse(text) as BookLine).entries
    }
  }

  close(): void {
    closeSync(this.#file)
  }

  #remember(line: BookLine, length: number): void {
    for (const payment of new Set(line.entries.map((entry) => entry.payment))) {
      if (payment === null) continue
      const places = this.#places.get(payment)
      if (places === undefined) this.#places.set(payment, [this.#size, length])
      else places.push(this.#size, length)
    }
    this.#size += length
    this.#recent.push(...line.entries)
    if (this.#recent.length > recentMax) this.#recent.splice(0, this.#recent.length - recentMax)
  }
}

/** Cuts off what follows the last complete line. */
function cutTornLine(file: number): void {
  const { size } = fstatSync(file)
  const chunk = Buffer.alloc(64 * 1024)
  let end = size
  while (end > 0) {
    const start = Math.max(0, end - chunk.length)
    const count = readSync(file, chunk, 0, end - start, start)
    const at = chunk.subarray(0, count).lastIndexOf(newLine)
    if (at !== -1) {
      end = start + at + 1
      break
    }
    end = start
  }
  if (end < size) ftruncateSync(file, end)
}
