/**
 * What clients were told, one JSON object a line (docs/auditor.md has every member). An operation is one request on one
 * connection: an `invoke` when it was meant to be sent, and one end, `ok`, `fail` or `info`, with the same number `i`.
 *
 * `ok` and `fail` are definite: it was done, or it certainly was not. `info` is neither (a timeout, a reset, a 5xx that
 * promises nothing) and is never turned into `fail`. A retry under the same key is an operation of its own.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

export type OperationName = 'create' | 'capture' | 'refund' | 'void' | 'read'
export type EndType = 'ok' | 'fail' | 'info'

export interface Invocation {
  readonly i: number
  /** Nanoseconds of the machine's monotonic clock, the same for all processes of the machine. */
  readonly t_mono_ns: number
  /** A client that does one thing after the other; after an `info` it goes on under another name. */
  readonly proc: string
  readonly type: 'invoke'
  readonly f: OperationName
  /** `final`: after the load, to find out what is left to find out. */
  readonly phase: 'load' | 'final'
  readonly merchant: string
  readonly mode: 'live' | 'test'
  /** Idempotency key; null for reads. */
  readonly key: string | null
  /** Hash of method, path and body as sent; null for reads. */
  readonly body_hash: string | null
  /** Absent for a create: its payment has no id yet. */
  readonly payment_id?: string
  readonly gateway: string
}

export interface End {
  readonly i: number
  readonly t_mono_ns: number
  readonly type: EndType
  /** HTTP status; absent where there was no answer. */
  readonly status?: number
  /** Stable error code of a refusal, or of what broke the connection. */
  readonly code?: string
  readonly payment_id?: string
  /** The payment's version: its `ETag`. */
  readonly version?: number
  /** Hash of the body of the answer. */
  readonly resp_hash?: string
  /** The answer said that it is an earlier one's. */
  readonly replayed?: boolean
  readonly value?: ToldPayment | ToldRefund
}

/** The payment as an answer showed it, amounts in minor units. */
export interface ToldPayment {
  readonly object: 'payment'
  readonly status: string
  readonly authorized: number
  readonly captured: number
  readonly refunded: number
}

export interface ToldRefund {
  readonly object: 'refund'
  readonly id: string
  readonly status: string
  readonly amount: number
}

export type HistoryLine = Invocation | End

/** Longest line that is read: a line is a few hundred bytes. */
const lineCharactersMax = 64 * 1024

/** Non-empty lines of a text file, one at a time. A last line cut short by a killed writer is the reader's to judge. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({
    input: createReadStream(path, { encoding: 'utf8' }),
    crlfDelay: Infinity,
  })) {
    if (line === '') continue
    if (line.length > lineCharactersMax)
      throw new Error(`a line of ${path} has more than ${lineCharactersMax} characters`)
    yield line
  }
}

/** @throws where a line is no JSON of a known type. */
export async function* readHistory(path: string): AsyncGenerator<HistoryLine> {
  for await (const text of linesOf(path)) {
    const line = JSON.parse(text) as HistoryLine
    if (!Number.isSafeInteger(line.i) || !['invoke', 'ok', 'fail', 'info'].includes(line.type)) {
      throw new Error(`no line of a history: ${text.slice(0, 200)}`)
    }
    yield line
  }
}
