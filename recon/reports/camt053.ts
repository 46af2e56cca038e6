/**
 * ISO 20022 camt.053, versions 02 to 08: bank statements. A row is a booked entry, or each of its transactions where an entry
 * sums up several and says each amount. Amounts are unsigned decimals; CdtDbtInd is the sign, also of a reversal, which says
 * of itself that it undoes an entry of the other sign.
 *
 * Checked: opening balance and booked entries make the closing balance, each entry is in the account's currency, and where
 * the statement sums its entries up (TxsSummry), numbers and sums are right. Of remittance texts only what names a payout is
 * kept: statements have the business of others in them.
 */
import type { StatementEntry } from './camt053-entry.ts'
import { EntryReader } from './camt053-entry.ts'
import { Statement, type StatementSettings } from './camt053-statement.ts'
import type { ParsedReport } from './csv-report.ts'
import { ReportRefused } from './errors.ts'
import type { ParsedRow } from './row.ts'
import type { ReportFacts, StatementFacts } from './summary.ts'
import { readText } from './text.ts'
import { TimeZone } from './times.ts'
import { type OpenElement, type XmlHandler, XmlReader } from './xml.ts'
import { Currencies } from './amounts.ts'
import { reportLimits } from '../../runtime/limits.ts'

export interface CamtOptions {
  /** Of the bank: its days, and its times that have no offset. */
  readonly timeZone: string
  /** IBANs or other ids of the merchant's accounts. */
  readonly accounts: readonly string[]
}

const namespacePattern = /^urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.0[2-8]$/
const statementPath = 'Document/BkToCstmrStmt/Stmt'
const entryPath = `${statementPath}/Ntry`

export async function* parseCamt053(bytes: AsyncIterable<Uint8Array>, options: CamtOptions): ParsedReport {
  const report = new CamtReport(options)
  const reader = new XmlReader(report)
  try {
    for await (const text of readText(bytes)) {
      reader.read(text)
      const rows = report.takeRows()
      if (rows.length > 0) yield rows
    }
    reader.end()
    return report.finish()
  } catch (error) {
    if (error instanceof ReportRefused && error.code !== 'empty') throw error.at({ line: reader.line })
    throw error
  }
}

class CamtReport implements XmlHandler {
  readonly #settings: StatementSettings
  readonly #path: string[] = []
  readonly #statements: StatementFacts[] = []
  #rows: ParsedRow[] = []
  #statement: Statement | undefined
  #entry: EntryReader | undefined
  #from: number | null = null
  #to: number | null = null
  #notBooked = 0

  constructor({ timeZone, accounts }: CamtOptions) {
    const compact = accounts.map((account) => account.replaceAll(' ', ''))
    this.#settings = { accounts: compact, zone: new TimeZone(timeZone), currencies: new Currencies(undefined, false) }
  }

  open(element: OpenElement, line: number): void {
    const { name, namespace } = element
    const path = this.#path.length === 0 ? name : `${this.#path.at(-1)}/${name}`
    if (path === 'Document' ? !namespacePattern.test(namespace) : this.#path.length === 0) {
      throw new ReportRefused('format_unknown', 'the file is no camt.053.001.02 to .08', { line })
    }
    this.#path.push(path)
    if (path === statementPath) this.#statement = new Statement(this.#settings, line)
    else if (path === entryPath) this.#entry = new EntryReader(this.#settings, line)
    else if (this.#entry !== undefined) this.#entry.open(path.slice(entryPath.length + 1), element)
    else this.#statement?.open(path.slice(statementPath.length + 1), element)
  }

  close(text: string, line: number): void {
    const path = this.#path.pop() ?? ''
    if (path === entryPath) this.#endEntry(line)
    else if (path === statementPath) this.#endStatement(line)
    else if (this.#entry !== undefined) this.#entry.close(path.slice(entryPath.length + 1), text, line)
    else this.#statement?.close(path.slice(statementPath.length + 1), text, line)
  }

  takeRows(): readonly ParsedRow[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  finish(): ReportFacts {
    if (this.#statements.length === 0) throw new ReportRefused('no_lines', 'the file has no statement')
    const accounts = new Set(this.#statements.map(({ account }) => account))
    const [account = null] = accounts.size === 1 ? accounts : []
    const period = { from: this.#from, to: this.#to }
    return { account, ...period, batch: null, payouts: [], statements: this.#statements, notBooked: this.#notBooked }
  }

  #endEntry(line: number): void {
    if (this.#entry === undefined || this.#statement === undefined) return
    const entry: StatementEntry = this.#entry.finish(line)
    this.#entry = undefined
    const rows = this.#statement.add(entry)
    if (rows.length === 0) this.#notBooked += 1
    this.#rows.push(...rows)
  }

  #endStatement(line: number): void {
    if (this.#statement === undefined) return
    const { facts, from, to } = this.#statement.finish(line)
    this.#statement = undefined
    this.#statements.push(facts)
    if (from !== null) this.#from = Math.min(this.#from ?? from, from)
    if (to !== null) this.#to = Math.max(this.#to ?? to, to)
    if (this.#statements.length > reportLimits.statementsMax) {
      throw new ReportRefused('too_many', `the file has more than ${reportLimits.statementsMax} statements`, { line })
    }
  }
}
