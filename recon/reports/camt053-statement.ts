/** A camt.053 statement while it is read: its account, its balances, and that they and the entries agree. */
import { type Currencies, type CurrencyUnit, readDecimal, readUnsigned } from './amounts.ts'
import { beginning, signed, type StatementEntry } from './camt053-entry.ts'
import { ReportRefused } from './errors.ts'
import { readRequired } from './references.ts'
import { Ordinals } from './repeats.ts'
import { type LineKind, noFees, noReferences, type ParsedRow } from './row.ts'
import type { StatementFacts } from './summary.ts'
import { readIsoTime, type TimeZone } from './times.ts'
import type { OpenElement } from './xml.ts'

export interface StatementSettings {
  /** Without blanks. */
  readonly accounts: readonly string[]
  readonly zone: TimeZone
  readonly currencies: Currencies
}

interface Balance {
  readonly unit: CurrencyUnit
  readonly amount: bigint
  readonly date: string
}

/** What TxsSummry says of entries of one sign, or of all. */
interface Said {
  count?: string
  sum?: string
}

const summaries = { TtlNtries: 'all', TtlCdtNtries: 'credits', TtlDbtNtries: 'debits' } as const
type SummaryName = keyof typeof summaries

export class Statement {
  readonly #settings: StatementSettings
  readonly #line: number
  readonly #ordinals = new Ordinals()
  readonly #balances = new Map<string, Balance>()
  readonly #said = new Map<SummaryName, Said>()
  readonly #counted = { all: { count: 0, sum: 0n }, credits: { count: 0, sum: 0n }, debits: { count: 0, sum: 0n } }
  #balance = { code: '', amount: '', currency: '', sign: '', date: '' }
  #account = ''
  #id = ''
  #electronic = ''
  #legal = ''
  #from: number | null = null
  #to: number | null = null
  /** Of the entries; of all the same. */
  #currency: string | undefined
  #booked = 0n

  constructor(settings: StatementSettings, line: number) {
    this.#settings = settings
    this.#line = line
  }

  /** @param path below the statement */
  open(path: string, element: OpenElement): void {
    if (path === 'Bal') this.#balance = { code: '', amount: '', currency: '', sign: '', date: '' }
    else if (path === 'Bal/Amt') this.#balance.currency = element.attribute('Ccy') ?? ''
  }

  /** @param path below the statement */
  close(path: string, text: string, line: number): void {
    const { zone } = this.#settings
    switch (path) {
      case 'Id':
        this.#id = readRequired(text, line, 'Stmt/Id')
        break
      case 'ElctrncSeqNb':
        this.#electronic = text
        break
      case 'LglSeqNb':
        this.#legal = text
        break
      case 'FrToDt/FrDtTm':
        this.#from = readIsoTime(text, zone, line, path).at
        break
      case 'FrToDt/ToDtTm':
        this.#to = readIsoTime(text, zone, line, path).at
        break
      case 'Acct/Id/IBAN':
      case 'Acct/Id/Othr/Id':
        this.#readAccount(text, line)
        break
      case 'Bal/Tp/CdOrPrtry/Cd':
        this.#balance.code = text
        break
      case 'Bal/Amt':
        this.#balance.amount = text
        break
      case 'Bal/CdtDbtInd':
        this.#balance.sign = text
        break
      case 'Bal/Dt/Dt':
        this.#balance.date = beginning(text, zone, line, path).date
        break
      case 'Bal/Dt/DtTm':
        this.#balance.date = readIsoTime(text, zone, line, path).date
        break
      case 'Bal':
        this.#endBalance(line)
        break
      default:
        this.#summary(path, text)
    }
  }

  /** The rows of an entry; none where it is not booked. */
  add(entry: StatementEntry): readonly ParsedRow[] {
    const { line, amount, currency, details } = entry
    this.#currency ??= currency
    if (currency !== this.#currency) {
      throw new ReportRefused('currency', 'is not that of the entries before it', { line, column: 'Ntry/Amt/@Ccy' })
    }
    for (const counted of [this.#counted.all, amount < 0n ? this.#counted.debits : this.#counted.credits]) {
      counted.count += 1
      counted.sum += amount < 0n ? -amount : amount
    }
    if (!entry.isBooked) return []
    if (entry.booked === null) throw new ReportRefused('blank', 'is missing', { line, column: 'Ntry/BookgDt' })
    this.#booked += amount
    const base = this.#keyOf(entry, entry.booked.date)
    const sum = details.reduce((total, detail) => total + (detail.amount ?? 0n), 0n)
    const isApart = details.length > 1 && sum === amount && details.every((detail) => detail.amount !== null)
    if (!isApart) return [this.#row(entry, base, amount, entry.references)]
    return details.map((detail, index) =>
      this.#row(entry, `${base}/${index + 1}`, detail.amount ?? 0n, detail.references),
    )
  }

  finish(line: number): { readonly facts: StatementFacts; readonly from: number | null; readonly to: number | null } {
    if (this.#account === '')
      throw new ReportRefused('blank', 'is missing', { line: this.#line, column: 'Stmt/Acct/Id' })
    if (this.#id === '') throw new ReportRefused('blank', 'is missing', { line: this.#line, column: 'Stmt/Id' })
    const opening = this.#balances.get('OPBD') ?? this.#balances.get('PRCD')
    const closing = this.#balances.get('CLBD')
    if (opening === undefined || closing === undefined) {
      const rule = 'the statement lacks its opening (OPBD, PRCD) or closing balance (CLBD); pages are to be joined'
      throw new ReportRefused('balance_missing', rule, { line })
    }
    const currency = closing.unit.code
    if (opening.unit.code !== currency || (this.#currency ?? currency) !== currency) {
      throw new ReportRefused('currency', 'balances and entries of the statement are in several currencies', { line })
    }
    if (opening.amount + this.#booked !== closing.amount) {
      throw new ReportRefused('control_total', 'opening balance and entries do not make the closing balance', { line })
    }
    for (const [name, said] of this.#said) this.#verify(name, said, closing.unit, line)
    const facts = {
      id: this.#id,
      account: this.#account,
      currency,
      sequence: this.#electronic || this.#legal || null,
      opening: opening.amount,
      closing: closing.amount,
      closingDate: closing.date,
    }
    return { facts, from: this.#from, to: this.#to }
  }

  #readAccount(text: string, line: number): void {
    const account = text.replaceAll(' ', '')
    if (!this.#settings.accounts.includes(account)) {
      const rule = 'is no account of the connection: the statement belongs to another one'
      throw new ReportRefused('account_mismatch', rule, { line, column: 'Stmt/Acct/Id' })
    }
    this.#account = account
  }

  #endBalance(line: number): void {
    const { code, amount, currency, sign, date } = this.#balance
    if (!['OPBD', 'PRCD', 'CLBD'].includes(code)) return
    const unit = this.#settings.currencies.unit(currency, line, 'Bal/Amt/@Ccy')
    if (this.#balances.has(code))
      throw new ReportRefused('structure', 'is there twice', { line, column: `Bal ${code}` })
    this.#balances.set(code, { unit, amount: signed(sign, readUnsigned(amount, unit, line, 'Bal/Amt'), line), date })
  }

  #summary(path: string, text: string): void {
    const [, name, field] = /^TxsSummry\/(\w+)\/(NbOfNtries|Sum)$/.exec(path) ?? []
    if (name === undefined || !Object.hasOwn(summaries, name)) return
    const said = this.#said.get(name as SummaryName) ?? {}
    this.#said.set(name as SummaryName, field === 'Sum' ? { ...said, sum: text } : { ...said, count: text })
  }

  #verify(name: SummaryName, { count, sum }: Said, unit: CurrencyUnit, line: number): void {
    const counted = this.#counted[summaries[name]]
    const column = `TxsSummry/${name}`
    if (count !== undefined && Number(count) !== counted.count) {
      const rule = `is not the number of entries there are, ${counted.count}`
      throw new ReportRefused('count_mismatch', rule, { line, column: `${column}/NbOfNtries` })
    }
    if (sum !== undefined && readDecimal(sum, unit, line, `${column}/Sum`) !== counted.sum) {
      throw new ReportRefused('control_total', 'is not what the entries add up to', { line, column: `${column}/Sum` })
    }
  }

  /**
   * Banks name statements and entries anew when one is fetched again; day and the bank's reference, or the amount, stay.
   * Entries that are alike in all of it are told apart by their order.
   */
  #keyOf({ reference, amount, currency, line }: StatementEntry, date: string): string {
    return this.#ordinals.keyOf(`${this.#account}|${date}|${reference ?? `${amount} ${currency}`}`, line)
  }

  #row(entry: StatementEntry, lineKey: string, amount: bigint, bank: readonly string[]): ParsedRow {
    const { line, currency, isReversal, booked, valueDate, code } = entry
    const money = { minor: amount, currency }
    return {
      line,
      lineKey,
      kind: kindOf(entry.amount, isReversal),
      rawType: code,
      account: this.#account,
      references: { ...noReferences, bank },
      gross: money,
      fees: noFees,
      net: money,
      exchangeRate: null,
      bookedAt: booked?.at ?? 0,
      businessDate: booked?.date ?? '',
      valueDate,
      batch: null,
      payout: null,
    }
  }
}

function kindOf(amount: bigint, isReversal: boolean): LineKind {
  if (isReversal) return amount < 0n ? 'bank_credit_reversed' : 'bank_debit_reversed'
  return amount < 0n ? 'bank_debit' : 'bank_credit'
}
