/**
 * PayPal's settlement report: typed records. RH and FH open report and file; each section is SH, CH, its lines SB, a footer
 * SF for each currency and its count SC; RF for each currency, RC and FF close report and file. Amounts are unsigned whole
 * numbers of hundredths in every currency, yen too; CR or DR is the sign; times carry their offset.
 *
 * Every footer is verified: counts of lines, and by currency the sums of credits and debits, gross and fees, of the section
 * and of the report. So a file that was cut anywhere is refused. The balances that footers also have are not read.
 */
import { Currencies, type CurrencyUnit, readImplied } from './amounts.ts'
import { Columns } from './columns.ts'
import type { RecordFormat } from './csv-report.ts'
import { ReportRefused } from './errors.ts'
import { type PayPalColumn, payPalColumnRules, payPalColumnsRead, payPalKind } from './paypal-columns.ts'
import { type Footer, FooterSums } from './paypal-footers.ts'
import { ourIds, readReference, readRequired } from './references.ts'
import { feesOf, type ParsedRow } from './row.ts'
import type { ReportFacts } from './summary.ts'
import { offsetMs, refusedDate, wallClock } from './times.ts'

export interface PayPalOptions {
  /** PayPal account ids that the connection has. */
  readonly accounts: readonly string[]
}

/** What has been read last; records come in this order. */
type Stage = 'begin' | 'RH' | 'FH' | 'SH' | 'CH' | 'SB' | 'SF' | 'SC' | 'RF' | 'RC' | 'FF'

const after: Readonly<Record<Exclude<Stage, 'begin'>, readonly Stage[]>> = {
  RH: ['begin'],
  FH: ['RH'],
  SH: ['FH', 'SC'],
  CH: ['SH'],
  SB: ['CH', 'SB'],
  SF: ['CH', 'SB', 'SF'],
  SC: ['CH', 'SB', 'SF'],
  RF: ['SC', 'RF'],
  RC: ['SC', 'RF'],
  FF: ['RC'],
}

type Places = Readonly<Record<PayPalColumn, number>>

export class PayPalSettlementReport implements RecordFormat {
  readonly #accounts: readonly string[]
  readonly #currencies = new Currencies(undefined, false)
  readonly #report = new FooterSums()
  #section = new FooterSums()
  #stage: Stage = 'begin'
  #account: string | undefined
  #from: number | null = null
  #to: number | null = null
  #header: { readonly columns: Columns; readonly places: Places } | undefined

  constructor({ accounts }: PayPalOptions) {
    this.#accounts = accounts
  }

  record(cells: readonly string[], line: number): ParsedRow | undefined {
    const type = cells[0] ?? ''
    if (!isRecordType(type)) throw new ReportRefused('structure', 'is no type of record', { line, column: 1 })
    if (!after[type].includes(this.#stage)) {
      const before = this.#stage === 'begin' ? 'at the beginning' : `after ${this.#stage}`
      throw new ReportRefused('structure', `${type} may not stand ${before}`, { line, column: 1 })
    }
    this.#stage = type
    switch (type) {
      case 'SB':
        return this.#line(cells, line)
      case 'FH':
        return this.#file(cells, line)
      case 'SH':
        return this.#begin(cells, line)
      case 'CH':
        return this.#columns(cells, line)
      case 'SF':
        return this.#section.verify(this.#footer(cells, line), line)
      case 'RF':
        return this.#report.verify(this.#footer(cells, line), line)
      case 'SC':
        return this.#endSection(cells, line)
      case 'RC':
        this.#report.verifyAll(line)
        return this.#count(cells, line, this.#report.lines)
      case 'FF':
        return this.#count(cells, line, this.#report.lines)
      case 'RH':
        return undefined
    }
  }

  finish(line: number): ReportFacts {
    if (this.#stage !== 'FF') {
      throw new ReportRefused('cut', 'the file ends before its footer (FF): it is cut, or one of several', { line })
    }
    const account = this.#account ?? null
    const none = { batch: null, payouts: [], statements: [], notBooked: 0 }
    return { ...none, account, from: this.#from, to: this.#to }
  }

  /** A report of more than a million lines comes in several files: only the first has the header, only the last the footer. */
  #file(cells: readonly string[], line: number): undefined {
    if (/^0*1$/.test(cells[1] ?? '')) return
    throw new ReportRefused('structure', 'is not the first file of its report', { line, column: 2 })
  }

  #begin(cells: readonly string[], line: number): undefined {
    const [, from = '', to = '', account = ''] = cells
    const begin = readTime(from, line, 'SH: start').at
    const end = readTime(to, line, 'SH: end').at
    if (end < begin) throw new ReportRefused('date', 'is before the start', { line, column: 'SH: end' })
    if (!this.#accounts.includes(account)) {
      const rule = 'is no account of the connection: the report belongs to another one'
      throw new ReportRefused('account_mismatch', rule, { line, column: 'SH: account' })
    }
    this.#account = Buffer.from(account).toString()
    this.#from = Math.min(this.#from ?? begin, begin)
    this.#to = Math.max(this.#to ?? end, end)
    this.#section = new FooterSums()
    return undefined
  }

  #columns(cells: readonly string[], line: number): undefined {
    const columns = new Columns(cells, line, payPalColumnRules)
    const places = Object.fromEntries(payPalColumnsRead.map((name) => [name, columns.place(name)])) as Places
    this.#header = { columns, places }
    return undefined
  }

  #endSection(cells: readonly string[], line: number): undefined {
    this.#section.verifyAll(line)
    this.#count(cells, line, this.#section.lines)
    this.#report.add(this.#section)
    return undefined
  }

  #count(cells: readonly string[], line: number, lines: number): undefined {
    const said = cells[1] ?? ''
    if (/^\d{1,12}$/.test(said) && Number(said) === lines) return
    throw new ReportRefused('count_mismatch', `is not the number of lines there are, ${lines}`, { line, column: 2 })
  }

  #footer(cells: readonly string[], line: number): Footer {
    const unit = this.#currencies.unit(cells[1] ?? '', line, 'footer: currency')
    const amount = (place: number, column: string): bigint => readImplied(cells[place] ?? '', unit, line, column)
    return {
      currency: unit.code,
      grossCredits: amount(2, 'footer: gross credits'),
      grossDebits: amount(3, 'footer: gross debits'),
      feeCredits: amount(4, 'footer: fee credits'),
      feeDebits: amount(5, 'footer: fee debits'),
    }
  }

  #line(cells: readonly string[], line: number): ParsedRow {
    if (this.#header === undefined) throw new ReportRefused('structure', 'a line before its columns', { line })
    const { columns, places } = this.#header
    columns.check(cells, line)
    const cell = (column: PayPalColumn): string => cells[places[column]] ?? ''
    const reference = (column: PayPalColumn): string | null => readReference(cell(column), line, column)
    const operation = readRequired(cell('Transaction ID'), line, 'Transaction ID')
    const rawType = readRequired(cell('Transaction Event Code'), line, 'Transaction Event Code')
    const unit = this.#currencies.unit(cell('Gross Transaction Currency'), line, 'Gross Transaction Currency')
    const amount = readImplied(cell('Gross Transaction Amount'), unit, line, 'Gross Transaction Amount')
    const gross = sign(cell('Transaction Debit or Credit'), line, 'Transaction Debit or Credit') * amount
    const fee = this.#fee(cell, unit, line)
    this.#section.addLine(unit.code, gross, fee)
    const { at: bookedAt, date: businessDate } = readTime(
      cell('Transaction Completion Date'),
      line,
      'Transaction Completion Date',
    )
    const kind = payPalKind(rawType)
    const invoice = reference('Invoice ID')
    const custom = reference('Custom Field')
    return {
      line,
      lineKey: `${operation}|${rawType}|${unit.code}`,
      kind,
      rawType,
      account: this.#account ?? null,
      references: {
        pspPayment: cell('PayPal Reference ID Type') === 'TXN' ? reference('PayPal Reference ID') : null,
        pspCharge: null,
        pspOperation: operation,
        merchantReference: invoice,
        ...ourIds(null, custom, invoice),
        bank: [],
      },
      gross: { minor: gross, currency: unit.code },
      fees: feesOf(fee),
      net: { minor: gross - fee, currency: unit.code },
      exchangeRate: null,
      bookedAt,
      businessDate,
      valueDate: null,
      batch: null,
      payout: kind === 'payout' ? operation : null,
    }
  }

  /** Above zero where charged. Nothing at all is no fee. */
  #fee(cell: (column: PayPalColumn) => string, unit: CurrencyUnit, line: number): bigint {
    for (const column of ['Credit Transactional Fee', 'Credit Promotional Fee'] as const) {
      if (/^0*$/.test(cell(column))) continue
      throw new ReportRefused('column_unknown', 'has a fee of which it is not known whether another has it', {
        line,
        column,
      })
    }
    const amount = cell('Fee Amount')
    if (amount === '') return 0n
    const fee = readImplied(amount, unit, line, 'Fee Amount')
    if (fee === 0n) return 0n
    if (cell('Fee Currency') !== unit.code) {
      throw new ReportRefused('currency', 'is not the currency of the line', { line, column: 'Fee Currency' })
    }
    return -sign(cell('Fee Debit or Credit'), line, 'Fee Debit or Credit') * fee
  }
}

function isRecordType(text: string): text is Exclude<Stage, 'begin'> {
  return Object.hasOwn(after, text)
}

function sign(cell: string, line: number, column: string): bigint {
  if (cell === 'CR') return 1n
  if (cell === 'DR') return -1n
  throw new ReportRefused(cell === '' ? 'blank' : 'text', 'is neither CR nor DR', { line, column })
}

const timePattern = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/

function readTime(cell: string, line: number, column: string): { readonly at: number; readonly date: string } {
  const match = timePattern.exec(cell)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? []).slice(1, 7).map(Number)
  const wall = match === null ? undefined : wallClock(year, month, day, hour, minute, second)
  const offset = offsetMs(match?.[7], match?.[8], match?.[9])
  if (wall === undefined || offset === undefined) {
    throw refusedDate(cell, 'YYYY/MM/DD HH:MM:SS ±HHMM', line, column)
  }
  return { at: wall - offset, date: new Date(wall).toISOString().slice(0, 10) }
}
