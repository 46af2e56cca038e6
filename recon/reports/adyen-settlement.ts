/**
 * Adyen's settlement details report: the lines of one batch of one merchant account. Amounts are unsigned decimals in a debit
 * or a credit column, fees signed ones in the net currency; times are of the account's zone, with its abbreviation.
 *
 * Checked besides every cell: net is gross by the exchange rate less the fees, all lines are of one batch and account, and
 * net debit and net credit have the same sum in each currency, which is the file's control total: a file that lacks a line
 * does not balance. Where what was cut off balances by itself, the cut cannot be seen.
 */
import { AccountTimes } from './account-times.ts'
import { adyenColumnRules, type AdyenColumn, adyenColumnsRead, batchTypes, lineKindOf } from './adyen-columns.ts'
import { type CellOf, readMoney } from './adyen-money.ts'
import { Currencies } from './amounts.ts'
import { Columns } from './columns.ts'
import type { RecordFormat } from './csv-report.ts'
import { ReportRefused } from './errors.ts'
import { Payouts } from './payouts.ts'
import { ourIds, readReference, readRequired } from './references.ts'
import { Ordinals } from './repeats.ts'
import type { ParsedRow } from './row.ts'
import type { ReportFacts } from './summary.ts'
import { TimeZone } from './times.ts'

export interface AdyenOptions {
  /** Of the account. */
  readonly timeZone: string
  /** Merchant accounts that the connection has. */
  readonly accounts: readonly string[]
}

type Places = Readonly<Record<AdyenColumn, number>>

export class AdyenSettlementReport implements RecordFormat {
  readonly #accounts: readonly string[]
  readonly #zone: TimeZone
  readonly #created: AccountTimes
  readonly #booked: AccountTimes
  readonly #currencies = new Currencies('adyen', false)
  readonly #ordinals = new Ordinals()
  readonly #payouts = new Payouts()
  /** Net by currency; zero in a whole batch. */
  readonly #balances = new Map<string, bigint>()
  #header: { readonly columns: Columns; readonly places: Places } | undefined
  #batch: { readonly account: string; readonly number: string } | undefined

  constructor({ timeZone, accounts }: AdyenOptions) {
    this.#accounts = accounts
    this.#zone = new TimeZone(timeZone)
    this.#created = new AccountTimes(this.#zone)
    this.#booked = new AccountTimes(this.#zone)
  }

  record(cells: readonly string[], line: number): ParsedRow | undefined {
    if (this.#header !== undefined) {
      this.#header.columns.check(cells, line)
      return this.#row(cells, line, this.#header.places)
    }
    const columns = new Columns(cells, line, adyenColumnRules)
    const places = Object.fromEntries(adyenColumnsRead.map((name) => [name, columns.place(name)])) as Places
    this.#header = { columns, places }
    return undefined
  }

  finish(line: number): ReportFacts {
    if (this.#batch === undefined) throw new ReportRefused('no_lines', 'the file has no line but its header', { line })
    for (const [currency, balance] of this.#balances) {
      if (balance === 0n) continue
      const rule = `net debit and net credit in ${currency} differ: a line is missing, doubled or changed`
      throw new ReportRefused('control_total', rule, { line })
    }
    const { account, number } = this.#batch
    const facts = { account, from: null, to: null, batch: Number(number), payouts: this.#payouts.list() }
    return { ...facts, statements: [], notBooked: 0 }
  }

  #row(cells: readonly string[], line: number, places: Places): ParsedRow {
    const cell: CellOf = (column) => cells[places[column]] ?? ''
    const reference = (column: AdyenColumn): string | null => readReference(cell(column), line, column)
    const rawType = readRequired(cell('Type'), line, 'Type')
    const { account, number: batch } = this.#checkBatch(cell, line)
    const isKnown = lineKindOf(rawType, 0n) !== 'unknown'
    const payment = reference('Psp Reference')
    const modification = reference('Modification Reference')
    if (isKnown && !batchTypes.has(rawType) && payment === null) {
      throw new ReportRefused('blank', 'is empty on a line of this type', { line, column: 'Psp Reference' })
    }
    const money = readMoney(cell, line, this.#currencies, isKnown)
    const kind = lineKindOf(rawType, money.net.minor)
    const bookedAt = this.#bookedAt(cell, line)
    const { currency } = money.net
    const base = `${rawType}|${payment ?? ''}|${modification ?? ''}|${batch}`
    const row: ParsedRow = {
      line,
      lineKey: payment === null ? this.#ordinals.keyOf(`${base}|${currency}`, line) : base,
      kind,
      rawType,
      account,
      references: {
        pspPayment: payment,
        pspCharge: null,
        pspOperation: modification,
        merchantReference: reference('Merchant Reference'),
        ...ourIds(null, reference('Modification Merchant Reference'), reference('Merchant Reference')),
        bank: [],
      },
      ...money,
      bookedAt,
      businessDate: this.#zone.date(bookedAt),
      valueDate: null,
      batch,
      payout: kind === 'payout' || kind === 'payout_reversed' ? modification : null,
    }
    this.#balances.set(currency, (this.#balances.get(currency) ?? 0n) + money.net.minor)
    if (kind === 'payout') this.#payouts.add(row, bookedAt)
    return row
  }

  /** All lines are of the account and the batch that the first one is of. */
  #checkBatch(cell: CellOf, line: number): { readonly account: string; readonly number: string } {
    const account = cell('Merchant Account')
    const number = cell('Batch Number')
    if (this.#batch !== undefined && account === this.#batch.account && number === this.#batch.number)
      return this.#batch
    if (account === '') throw new ReportRefused('blank', 'is empty', { line, column: 'Merchant Account' })
    if (number === '') throw new ReportRefused('blank', 'is empty', { line, column: 'Batch Number' })
    if (this.#batch !== undefined) {
      const column = account === this.#batch.account ? 'Batch Number' : 'Merchant Account'
      throw new ReportRefused('batch_mixed', 'is not that of the lines before it: a report is of one batch', {
        line,
        column,
      })
    }
    if (!this.#accounts.includes(account)) {
      const rule = 'is no account of the connection: the report belongs to another one'
      throw new ReportRefused('account_mismatch', rule, { line, column: 'Merchant Account' })
    }
    if (!/^[1-9]\d{0,8}$/.test(number)) {
      throw new ReportRefused('text', 'is no batch number', { line, column: 'Batch Number' })
    }
    this.#batch = { account: Buffer.from(account).toString(), number: Buffer.from(number).toString() }
    return this.#batch
  }

  #bookedAt(cell: CellOf, line: number): number {
    const [columns, times] =
      cell('Booking Date') === ''
        ? ([{ time: 'Creation Date', zone: 'TimeZone' }, this.#created] as const)
        : ([{ time: 'Booking Date', zone: 'Booking Date TimeZone' }, this.#booked] as const)
    return times.read({ time: cell(columns.time), zone: cell(columns.zone) }, line, columns)
  }
}
