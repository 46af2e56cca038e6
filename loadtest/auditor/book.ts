/**
 * The PSP simulator's book, the independent witness of money: JSON lines from its `/_admin/book`, or from its file, where a
 * line holds several entries. Only what an audit compares is kept.
 */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { linesOf } from '../history.ts'

export interface BookEntry {
  /** Unix milliseconds. */
  readonly at: number
  readonly operation: 'authorize' | 'capture' | 'void' | 'refund'
  readonly operation_id: string | null
  readonly idempotency_key: string | null
  readonly amount: number | null
  readonly currency: string | null
  /** Money or a hold changed because of it. */
  readonly effect: boolean
  readonly payment: string | null
  readonly psp_reference: string | null
  readonly status: string
}

/** Entries of a simulator (`http:` URL of its `/_admin/book`) or of a file. @throws where either cannot be read. */
export async function* readBook(location: string): AsyncGenerator<BookEntry> {
  // not inside the loop's head: vite's lexer takes a regular expression after `of` for a division
  const lines = /^https?:/.test(location) ? linesFrom(location) : linesOf(location)
  for await (const text of lines) {
    const line = JSON.parse(text) as BookEntry | { readonly entries: readonly BookEntry[] }
    for (const {
      at,
      operation,
      operation_id,
      idempotency_key,
      amount,
      currency,
      effect,
      payment,
      psp_reference,
      status,
    } of 'entries' in line ? line.entries : [line]) {
      yield { at, operation, operation_id, idempotency_key, amount, currency, effect, payment, psp_reference, status }
    }
  }
}

async function* linesFrom(url: string): AsyncGenerator<string> {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`the book answered ${response.status}`)
  for await (const line of createInterface({ input: Readable.from(response.body), crlfDelay: Infinity })) {
    if (line !== '') yield line
  }
}
