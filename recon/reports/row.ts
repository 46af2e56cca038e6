/**
 * The neutral row: what every report's line becomes, whoever wrote it. Matching knows these and no PSP's columns.
 *
 * Money is signed from the merchant's side: above zero it comes to the merchant, below it goes. Fees are above zero where
 * they are charged, below where they are given back. `net + fees.total` is gross in the currency of `net`: the parsers have
 * checked it, but for lines of unknown types. A row keeps references, dates and money of its line and nothing else of it: no names,
 * addresses or texts of customers.
 */

/**
 * What a line is about, named by the type that the PSP gave it and never by its sign: a `settled` line below zero is a
 * contradiction that whoever matches must see.
 */
export const lineKinds = [
  /** A capture. */
  'settled',
  /** A capture that failed after all. */
  'settled_reversed',
  /** Stripe: the part of an authorization that was not captured, taken back; the capture is this and `settled` together. */
  'partial_capture_reversal',
  'refunded',
  /** A refund that failed after all. */
  'refund_reversed',
  'chargeback',
  'chargeback_reversed',
  'second_chargeback',
  /** Charged apart from a payment's line. */
  'fee',
  'tax',
  /** To the merchant's bank. */
  'payout',
  'payout_reversed',
  /** From or to the neighbouring batch. */
  'carried_over',
  'reserve_taken',
  'reserve_released',
  /** Corrections by the PSP. */
  'adjustment',
  /** From one of the merchant's currencies to another; two lines. */
  'conversion',
  /** Entries of a bank statement, and their reversals. */
  'bank_credit',
  'bank_debit',
  'bank_credit_reversed',
  'bank_debit_reversed',
  /** Well formed, of a type that nobody here knows. Kept; it becomes the break `unparsed_line`. */
  'unknown',
] as const
export type LineKind = (typeof lineKinds)[number]

/** `minor` is signed minor units of ISO 4217's `currency`, whatever the PSP counts in. */
export interface Money {
  readonly minor: bigint
  readonly currency: string
}

/** Minor units of the net amount's currency. A part that the report does not have is null. */
export interface LineFees {
  readonly total: bigint
  readonly interchange: bigint | null
  readonly scheme: bigint | null
  readonly markup: bigint | null
  readonly commission: bigint | null
  readonly tax: bigint | null
}

export interface LineReferences {
  /** The PSP's name of the payment: `pi_…`, Adyen's Psp Reference, PayPal's original transaction. */
  readonly pspPayment: string | null
  /** Stripe's charge, which stands between a payment and its refunds. */
  readonly pspCharge: string | null
  /** The PSP's name of what the line is about: capture, refund, dispute, payout. */
  readonly pspOperation: string | null
  /** What the merchant, or we for it, named the payment at the PSP. */
  readonly merchantReference: string | null
  /** Our id of the operation, where the line has one of the canonical form. */
  readonly operation: string | null
  /** Our id of the payment: as the line has it, else as the operation's id says. */
  readonly payment: string | null
  /** Of a bank's entry: its references (end-to-end id, transaction id, the bank's own) and payouts named in its text. */
  readonly bank: readonly string[]
}

export interface ReportRow {
  /** In the file, from 1; of a record over several lines, its first. */
  readonly line: number
  /**
   * Names the line within its connection, format and account. The same in every issue of the report, so a later issue
   * supersedes it; unique within one file but for `repeated` lines.
   */
  readonly lineKey: string
  /** A line before it in the file has the same key: the break `duplicate_line`. Wrong once in 10¹³ lines of a file of 10⁶. */
  readonly repeated: boolean
  readonly kind: LineKind
  /** As the report has it. */
  readonly rawType: string
  /** The merchant's account at the PSP or bank; null where the report does not say. */
  readonly account: string | null
  readonly references: LineReferences
  /** What the customer paid or got back, in the payment's currency. */
  readonly gross: Money
  readonly fees: LineFees
  /** What it changes in the merchant's balance. */
  readonly net: Money
  /** From the currency of gross to that of net; a decimal above zero, as the report has it. */
  readonly exchangeRate: string | null
  /** Unix milliseconds, the closest to the booking that the report says; of a date alone, its beginning. */
  readonly bookedAt: number
  /** `YYYY-MM-DD` of `bookedAt` in the report's time zone. */
  readonly businessDate: string
  /** `YYYY-MM-DD` on which the money can be used. */
  readonly valueDate: string | null
  /** The settlement batch. */
  readonly batch: string | null
  /** The PSP's name of the payout that the line is in, or is. */
  readonly payout: string | null
}

/** A row before it was compared with those before it. */
export type ParsedRow = Omit<ReportRow, 'repeated'>

export const noFees: LineFees = {
  total: 0n,
  interchange: null,
  scheme: null,
  markup: null,
  commission: null,
  tax: null,
}

/** What a report charges without saying for what. */
export function feesOf(total: bigint): LineFees {
  return total === 0n ? noFees : { ...noFees, total }
}

export const noReferences: LineReferences = {
  pspPayment: null,
  pspCharge: null,
  pspOperation: null,
  merchantReference: null,
  operation: null,
  payment: null,
  bank: [],
}
