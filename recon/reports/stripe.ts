/**
 * What Stripe's two itemised reports have in common: `balance_change_from_activity.itemized` and
 * `payout_reconciliation.itemized`, of any version. A line is a balance transaction. Amounts are signed decimals, `net` is
 * `gross` − `fee`, currencies are in either case; `customer_facing_*` is what the customer paid where Stripe converted it.
 *
 * The files have no trailer: one that was cut at a line end looks whole. Who fetches one tells its size (`bytes`).
 */
import { Currencies, type CurrencyUnit, readDecimal } from './amounts.ts'
import type { ColumnRules } from './columns.ts'
import { Columns } from './columns.ts'
import type { RecordFormat } from './csv-report.ts'
import { ReportRefused } from './errors.ts'
import { Payouts } from './payouts.ts'
import { ourIds, readReference, readRequired } from './references.ts'
import { feesOf, type LineKind, type Money, type ParsedRow } from './row.ts'
import { stripeUnread } from './stripe-columns.ts'
import type { ReportFacts } from './summary.ts'
import { TimeZone, WallClockReader } from './times.ts'

const kinds: ReadonlyMap<string, LineKind> = new Map<string, LineKind>([
  ['charge', 'settled'],
  ['charge_failure', 'settled_reversed'],
  ['partial_capture_reversal', 'partial_capture_reversal'],
  ['refund', 'refunded'],
  ['refund_failure', 'refund_reversed'],
  ['dispute', 'chargeback'],
  ['dispute_reversal', 'chargeback_reversed'],
  ['fee', 'fee'],
  ['network_cost', 'fee'],
  ['tax', 'tax'],
  ['payout', 'payout'],
  ['payout_reversal', 'payout_reversed'],
  ['other_adjustment', 'adjustment'],
])

/** Their names do not say whether money goes into the reserve or comes out of it. */
const reserves: ReadonlySet<string> = new Set(['risk_reserved_funds', 'connect_reserved_funds'])

/** Lines of these are nothing without what they are of. */
const ofAnOperation: ReadonlySet<LineKind> = new Set([
  'settled',
  'settled_reversed',
  'partial_capture_reversal',
  'refunded',
  'refund_reversed',
  'chargeback',
  'chargeback_reversed',
  'payout',
  'payout_reversed',
])

/** Lines of these are of the operation that the payment's metadata name; refunds and disputes are not. */
const ofACapture: ReadonlySet<LineKind> = new Set(['settled', 'settled_reversed', 'partial_capture_reversal'])

const required = [
  'balance_transaction_id',
  'currency',
  'gross',
  'fee',
  'net',
  'reporting_category',
  'source_id',
] as const

const optional = [
  'created',
  'created_utc',
  'available_on',
  'available_on_utc',
  'automatic_payout_id',
  'automatic_payout_effective_at',
  'automatic_payout_effective_at_utc',
  'charge_id',
  'payment_intent_id',
  'customer_facing_amount',
  'customer_facing_currency',
  'payment_metadata[payment_id]',
  'payment_metadata[operation_id]',
  'payment_metadata[merchant_reference]',
  'refund_metadata[payment_id]',
  'refund_metadata[operation_id]',
] as const

type ColumnName = (typeof required)[number] | (typeof optional)[number]

export interface StripeOptions {
  /** The one that the report run was asked for; Stripe's default is UTC. */
  readonly timeZone: string
  /** Whether every line is of an automatic payout. */
  readonly byPayout: boolean
}

export class StripeReport implements RecordFormat {
  readonly #options: StripeOptions
  readonly #zone: TimeZone
  readonly #currencies = new Currencies('stripe', true)
  readonly #payouts = new Payouts()
  readonly #created = { utc: new WallClockReader(), local: new WallClockReader() }
  readonly #other = { utc: new WallClockReader(), local: new WallClockReader() }
  #header: { readonly columns: Columns; readonly places: Readonly<Record<ColumnName, number>> } | undefined
  #lines = 0

  constructor(options: StripeOptions) {
    this.#options = options
    this.#zone = new TimeZone(options.timeZone)
  }

  record(cells: readonly string[], line: number): ParsedRow | undefined {
    if (this.#header === undefined) {
      this.#readHeader(cells, line)
      return undefined
    }
    this.#header.columns.check(cells, line)
    this.#lines += 1
    return this.#row(cells, line, this.#header.places)
  }

  finish(line: number): ReportFacts {
    if (this.#lines === 0) throw new ReportRefused('no_lines', 'the file has no line but its header', { line })
    const none = { account: null, from: null, to: null, batch: null, statements: [], notBooked: 0 }
    return { ...none, payouts: this.#payouts.list() }
  }

  #readHeader(cells: readonly string[], line: number): void {
    const columns = new Columns(cells, line, this.#rules())
    const names = [...required, ...optional].map((name) => [name, columns.place(name)] as const)
    const places = Object.fromEntries(names) as Record<ColumnName, number>
    if (places.created === -1 && places.created_utc === -1) {
      throw new ReportRefused('column_missing', 'the column is missing', { line, column: 'created_utc' })
    }
    this.#header = { columns, places }
  }

  #rules(): ColumnRules {
    const { byPayout } = this.#options
    return {
      required: byPayout ? [...required, 'automatic_payout_id'] : required,
      optional,
      unread: stripeUnread,
      soundsLikeMoney: /^(?!(?:payment|refund|transfer)_metadata\[).*(?:amount|currency|fee|gross|net|tax|balance)/i,
    }
  }

  #row(cells: readonly string[], line: number, places: Readonly<Record<ColumnName, number>>): ParsedRow {
    const cell = (column: ColumnName): string => cells[places[column]] ?? ''
    const reference = (column: ColumnName): string | null => readReference(cell(column), line, column)
    const unit = this.#currencies.unit(cell('currency'), line, 'currency')
    const gross = readDecimal(cell('gross'), unit, line, 'gross')
    const fee = readDecimal(cell('fee'), unit, line, 'fee')
    const net = readDecimal(cell('net'), unit, line, 'net')
    if (net !== gross - fee) throw new ReportRefused('net_mismatch', 'is not gross − fee', { line, column: 'net' })
    const rawType = readRequired(cell('reporting_category'), line, 'reporting_category')
    const kind = kinds.get(rawType) ?? reserveKind(rawType, net)
    const source = reference('source_id')
    if (source === null && ofAnOperation.has(kind)) {
      throw new ReportRefused('blank', 'is empty on a line of this category', { line, column: 'source_id' })
    }
    const bookedAt = this.#bookedAt(cell('created'), cell('created_utc'), line, places)
    const automaticPayout = reference('automatic_payout_id')
    if (automaticPayout === null && this.#options.byPayout) {
      throw new ReportRefused('blank', 'is empty', { line, column: 'automatic_payout_id' })
    }
    const row: ParsedRow = {
      line,
      lineKey: readRequired(cell('balance_transaction_id'), line, 'balance_transaction_id'),
      kind,
      rawType,
      account: null,
      references: {
        pspPayment: reference('payment_intent_id'),
        pspCharge: reference('charge_id'),
        pspOperation: source,
        merchantReference: reference('payment_metadata[merchant_reference]'),
        ...ourIds(
          reference('refund_metadata[payment_id]') ?? reference('payment_metadata[payment_id]'),
          reference('refund_metadata[operation_id]'),
          ofACapture.has(kind) ? reference('payment_metadata[operation_id]') : null,
        ),
        bank: [],
      },
      gross: this.#customerFacing(cell, unit, gross, line),
      fees: feesOf(fee),
      net: { minor: net, currency: unit.code },
      exchangeRate: null,
      bookedAt,
      businessDate: this.#zone.date(bookedAt),
      valueDate: this.#dateOf(cell('available_on'), cell('available_on_utc'), line),
      batch: null,
      payout: automaticPayout ?? (kind === 'payout' || kind === 'payout_reversed' ? source : null),
    }
    this.#payouts.add(row, this.#effectiveAt(cell, line))
    return row
  }

  /** What the customer paid, where it is said and in another currency than the balance's. */
  #customerFacing(cell: (column: ColumnName) => string, unit: CurrencyUnit, gross: bigint, line: number): Money {
    const settled = { minor: gross, currency: unit.code }
    const currency = cell('customer_facing_currency')
    const amount = cell('customer_facing_amount')
    if (currency === '' && amount === '') return settled
    const theirs = this.#currencies.unit(currency, line, 'customer_facing_currency')
    const minor = readDecimal(amount, theirs, line, 'customer_facing_amount')
    if (theirs.code === unit.code) return settled
    return { minor: gross < 0n && minor > 0n ? -minor : minor, currency: theirs.code }
  }

  /** Where both columns are there they have to name the same instant, or the time zone is not the report's. */
  #bookedAt(local: string, utc: string, line: number, places: Readonly<Record<ColumnName, number>>): number {
    if (places.created_utc === -1)
      return this.#zone.instant(this.#created.local.read(local, line, 'created'), line, 'created')
    const at = this.#created.utc.read(utc, line, 'created_utc')
    if (places.created === -1 || this.#created.local.read(local, line, 'created') === at + this.#zone.offset(at))
      return at
    const rule = "is not created_utc in the connection's time zone"
    throw new ReportRefused('time_zone', rule, { line, column: 'created' })
  }

  #dateOf(local: string, utc: string, line: number): string | null {
    if (local !== '') {
      this.#other.local.read(local, line, 'available_on')
      return local.slice(0, 10)
    }
    return utc === '' ? null : this.#zone.date(this.#other.utc.read(utc, line, 'available_on_utc'))
  }

  #effectiveAt(cell: (column: ColumnName) => string, line: number): number | null {
    const utc = cell('automatic_payout_effective_at_utc')
    if (utc !== '') return this.#other.utc.read(utc, line, 'automatic_payout_effective_at_utc')
    const local = cell('automatic_payout_effective_at')
    const column = 'automatic_payout_effective_at'
    return local === '' ? null : this.#zone.instant(this.#other.local.read(local, line, column), line, column)
  }
}

function reserveKind(category: string, net: bigint): LineKind {
  if (!reserves.has(category)) return 'unknown'
  return net < 0n ? 'reserve_taken' : 'reserve_released'
}
