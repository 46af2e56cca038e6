/** What a report says of itself, and what its rows add up to: known when its last byte was read. */
import type { LineKind, ReportRow } from './row.ts'

/** What the format's own parser has found out. */
export interface ReportFacts {
  /** The merchant's account at the PSP or bank that the file names. */
  readonly account: string | null
  /** Unix milliseconds: as the report says; else of the first and the last row's booking. Null where it has neither. */
  readonly from: number | null
  readonly to: number | null
  /** Adyen numbers an account's batches without a gap: who ingests compares with the one before. */
  readonly batch: number | null
  /** By payout and currency, in the order of the file. Empty for formats that do not say. */
  readonly payouts: readonly PayoutTotal[]
  /** Of a bank. */
  readonly statements: readonly StatementFacts[]
  /** Entries of bank statements that are not booked yet; they are no rows. */
  readonly notBooked: number
}

export interface PayoutTotal {
  readonly reference: string
  readonly currency: string
  /** How many lines say that they are in it; null where none does (Adyen's batch is paid out as a whole). */
  readonly lines: number | null
  /** Sum of their net amounts. */
  readonly net: bigint | null
  /** What was paid out, above zero; null where the report has no line for it. */
  readonly paid: bigint | null
  /** Unix milliseconds at which it is effective, where the report says so. */
  readonly at: number | null
}

export interface StatementFacts {
  readonly id: string
  readonly account: string
  readonly currency: string
  /** Electronic or legal sequence number: consecutive where the bank gives one. */
  readonly sequence: string | null
  readonly opening: bigint
  readonly closing: bigint
  /** `YYYY-MM-DD` of the closing balance. */
  readonly closingDate: string
}

/** Sums over rows of one kind and pair of currencies. */
export interface KindTotal {
  readonly kind: LineKind
  readonly grossCurrency: string
  /** Of fee and net. */
  readonly currency: string
  readonly count: number
  readonly gross: bigint
  readonly fee: bigint
  readonly net: bigint
}

export interface ReportSummary extends ReportFacts {
  readonly format: string
  readonly lines: number
  readonly repeatedLines: number
  readonly totals: readonly KindTotal[]
  readonly bytes: number
  /** SHA-256 of the bytes, hexadecimal: the same file again is known by it. */
  readonly sha256: string
}

export class Totals {
  readonly #totals = new Map<string, { -readonly [Key in keyof KindTotal]: KindTotal[Key] }>()
  #first: number | null = null
  #last: number | null = null
  #lines = 0
  #repeated = 0

  add({ kind, gross, fees, net, bookedAt, repeated }: ReportRow): void {
    const key = `${kind} ${gross.currency} ${net.currency}`
    let total = this.#totals.get(key)
    if (total === undefined) {
      const { currency } = net
      total = { kind, grossCurrency: gross.currency, currency, count: 0, gross: 0n, fee: 0n, net: 0n }
      this.#totals.set(key, total)
    }
    total.count += 1
    total.gross += gross.minor
    total.fee += fees.total
    total.net += net.minor
    this.#lines += 1
    if (repeated) this.#repeated += 1
    if (this.#first === null || bookedAt < this.#first) this.#first = bookedAt
    if (this.#last === null || bookedAt > this.#last) this.#last = bookedAt
  }

  get lines(): number {
    return this.#lines
  }

  summary(facts: ReportFacts, file: Pick<ReportSummary, 'format' | 'bytes' | 'sha256'>): ReportSummary {
    return {
      ...facts,
      ...file,
      from: facts.from ?? this.#first,
      to: facts.to ?? this.#last,
      lines: this.#lines,
      repeatedLines: this.#repeated,
      totals: [...this.#totals.values()],
    }
  }
}
