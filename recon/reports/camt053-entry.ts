/** An entry of a camt.053 statement while it is read. */
import { type Currencies, type CurrencyUnit, readUnsigned } from './amounts.ts'
import { ReportRefused } from './errors.ts'
import { readReference } from './references.ts'
import { payoutReferences } from './remittance.ts'
import { readDate, readIsoTime, type TimeZone } from './times.ts'
import { reportLimits } from '../../runtime/limits.ts'
import type { OpenElement } from './xml.ts'

export interface BankDay {
  /** Unix milliseconds; of a date alone, its beginning in the bank's zone. */
  readonly at: number
  /** `YYYY-MM-DD` */
  readonly date: string
}

export interface EntryDetail {
  /** Signed; null where it has no amount of its own in the entry's currency. */
  readonly amount: bigint | null
  readonly references: readonly string[]
}

export interface StatementEntry {
  readonly line: number
  /** Signed. */
  readonly amount: bigint
  readonly currency: string
  readonly isReversal: boolean
  readonly isBooked: boolean
  /** Null where the bank says none; an entry that is booked has one. */
  readonly booked: BankDay | null
  readonly valueDate: string | null
  /** The bank's own, or the entry's within the statement. */
  readonly reference: string | null
  /** `PMNT/RCDT/ESCT`, or the bank's own code. */
  readonly code: string
  readonly references: readonly string[]
  readonly details: readonly EntryDetail[]
}

/** What ISO 20022 has where there is no reference. */
const noReference: ReadonlySet<string> = new Set(['', 'NOTPROVIDED', 'NONREF', 'NONE', 'N/A'])

export class EntryReader {
  readonly #settings: { readonly currencies: Currencies; readonly zone: TimeZone }
  readonly #line: number
  readonly #details: EntryDetail[] = []
  readonly #references = new Set<string>()
  readonly #codes: string[] = []
  #bankCode = ''
  #currency = ''
  #amount = ''
  #sign = ''
  #status = ''
  #isReversal = ''
  #booked: BankDay | null = null
  #valueDate: string | null = null
  #bankReference: string | null = null
  #entryReference: string | null = null
  #detail: DetailReader | undefined

  constructor(settings: { readonly currencies: Currencies; readonly zone: TimeZone }, line: number) {
    this.#settings = settings
    this.#line = line
  }

  /** @param path below the entry */
  open(path: string, element: OpenElement): void {
    if (path === 'Amt') this.#currency = element.attribute('Ccy') ?? ''
    else if (path === 'NtryDtls/TxDtls') this.#detail = new DetailReader()
    else this.#detail?.open(path.slice(detailStart), element)
  }

  /** @param path below the entry */
  close(path: string, text: string, line: number): void {
    if (path === 'NtryDtls/TxDtls') this.#endDetail(line)
    else if (this.#detail !== undefined) this.#detail.close(path.slice(detailStart), text, line)
    else this.#field(path, text, line)
  }

  #field(path: string, text: string, line: number): void {
    const { zone } = this.#settings
    switch (path) {
      case 'Amt':
        this.#amount = text
        break
      case 'CdtDbtInd':
        this.#sign = text
        break
      case 'RvslInd':
        this.#isReversal = text
        break
      // up to version 03 a code alone, then a choice
      case 'Sts':
      case 'Sts/Cd':
        this.#status = text === '' ? this.#status : text
        break
      case 'BookgDt/Dt':
        this.#booked = beginning(text, zone, line, path)
        break
      case 'BookgDt/DtTm':
        this.#booked = readIsoTime(text, zone, line, path)
        break
      case 'ValDt/Dt':
        readDate(text, line, path)
        this.#valueDate = text
        break
      case 'ValDt/DtTm':
        this.#valueDate = readIsoTime(text, zone, line, path).date
        break
      case 'NtryRef':
        this.#entryReference = referenceOf(text, line, path)
        break
      case 'AcctSvcrRef':
        this.#bankReference = referenceOf(text, line, path)
        break
      case 'AddtlNtryInf':
        this.#keep(payoutReferences(text))
        break
      case 'BkTxCd/Domn/Cd':
      case 'BkTxCd/Domn/Fmly/Cd':
      case 'BkTxCd/Domn/Fmly/SubFmlyCd':
        this.#codes.push(text)
        break
      case 'BkTxCd/Prtry/Cd':
        this.#bankCode = text
        break
      default:
    }
  }

  finish(line: number): StatementEntry {
    const unit = this.#settings.currencies.unit(this.#currency, this.#line, 'Ntry/Amt/@Ccy')
    const amount = signed(this.#sign, readUnsigned(this.#amount, unit, this.#line, 'Ntry/Amt'), this.#line)
    if (!['BOOK', 'PDNG', 'INFO', 'FUTR'].includes(this.#status)) {
      throw new ReportRefused(this.#status === '' ? 'blank' : 'text', 'is no status of an entry', {
        line,
        column: 'Ntry/Sts',
      })
    }
    if (!['', 'true', 'false', '1', '0'].includes(this.#isReversal)) {
      throw new ReportRefused('text', 'is neither true nor false', { line, column: 'Ntry/RvslInd' })
    }
    if (this.#bankReference !== null) this.#keep([this.#bankReference])
    const code = this.#codes.length > 0 ? this.#codes.join('/') : this.#bankCode
    return {
      line: this.#line,
      amount,
      currency: unit.code,
      isReversal: this.#isReversal === 'true' || this.#isReversal === '1',
      isBooked: this.#status === 'BOOK',
      booked: this.#booked,
      valueDate: this.#valueDate,
      reference: this.#bankReference ?? this.#entryReference,
      code: readReference(code, this.#line, 'Ntry/BkTxCd') ?? '',
      references: [...this.#references],
      details: this.#details,
    }
  }

  #endDetail(line: number): void {
    const { currencies } = this.#settings
    const unit = currencies.unit(this.#currency, this.#line, 'Ntry/Amt/@Ccy')
    const detail = this.#detail?.finish(unit, this.#sign, line)
    this.#detail = undefined
    if (detail === undefined) return
    this.#details.push(detail)
    this.#keep(detail.references)
    if (this.#details.length <= reportLimits.entryDetailsMax) return
    const rule = `an entry has more than ${reportLimits.entryDetailsMax} transactions`
    throw new ReportRefused('too_many', rule, { line })
  }

  #keep(references: readonly string[]): void {
    for (const reference of references) {
      if (this.#references.size < reportLimits.remittanceReferencesMax) this.#references.add(reference)
    }
  }
}

const detailStart = 'NtryDtls/TxDtls/'.length

class DetailReader {
  readonly #references = new Set<string>()
  /** Of the transaction itself, or as versions 02 and 03 have it. */
  readonly #amounts: { own?: Written; older?: Written } = {}
  #currency = ''
  #sign = ''

  open(path: string, element: OpenElement): void {
    if (path === 'Amt' || path === 'AmtDtls/TxAmt/Amt') this.#currency = element.attribute('Ccy') ?? ''
  }

  close(path: string, text: string, line: number): void {
    switch (path) {
      case 'Amt':
        this.#amounts.own = { text, currency: this.#currency }
        break
      case 'AmtDtls/TxAmt/Amt':
        this.#amounts.older = { text, currency: this.#currency }
        break
      case 'CdtDbtInd':
        this.#sign = text
        break
      case 'Refs/EndToEndId':
      case 'Refs/TxId':
      case 'Refs/InstrId':
      case 'Refs/AcctSvcrRef':
      case 'RmtInf/Strd/CdtrRefInf/Ref':
        this.#keep([referenceOf(text, line, path)])
        break
      case 'RmtInf/Ustrd':
      case 'AddtlTxInf':
        this.#keep(payoutReferences(text))
        break
      default:
    }
  }

  /** @param entrySign what counts where the transaction has none of its own */
  finish(unit: CurrencyUnit, entrySign: string, line: number): EntryDetail {
    const written = this.#amounts.own ?? this.#amounts.older
    const isOurs = written !== undefined && written.currency === unit.code
    const amount = isOurs
      ? signed(this.#sign === '' ? entrySign : this.#sign, readUnsigned(written.text, unit, line, 'TxDtls/Amt'), line)
      : null
    return { amount, references: [...this.#references] }
  }

  #keep(references: readonly (string | null)[]): void {
    for (const reference of references) {
      if (reference === null || this.#references.size >= reportLimits.remittanceReferencesMax) continue
      this.#references.add(reference)
    }
  }
}

interface Written {
  readonly text: string
  readonly currency: string
}

/** Above zero where credited. */
export function signed(indicator: string, amount: bigint, line: number): bigint {
  if (indicator === 'CRDT') return amount
  if (indicator === 'DBIT') return -amount
  const code = indicator === '' ? 'blank' : 'text'
  throw new ReportRefused(code, 'is neither CRDT nor DBIT', { line, column: 'CdtDbtInd' })
}

/** Of a date without a time: its first instant in the bank's zone. */
export function beginning(text: string, zone: TimeZone, line: number, column: string): BankDay {
  const day = readDate(text, line, column)
  return { at: zone.instants(day)[0] ?? day - zone.offset(day), date: text }
}

function referenceOf(text: string, line: number, column: string): string | null {
  return noReference.has(text.toUpperCase()) ? null : readReference(text, line, column)
}
