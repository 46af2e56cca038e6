/**
 * Adyen's settlement details report of a batch: its transactions, and what the batch pays out or takes over, as 30 columns.
 * Amounts are unsigned decimals of major units; the column, debit or credit, is the sign; nothing stands for zero. Net credit
 * and net debit have the same sum in each currency.
 */
import type { AdyenBatch } from '../adyen/records.ts'
import { type ClosedBatch, feesOf, totalOf } from './adyen-ledger.ts'
import type { AdyenMovement, AdyenMovementType } from './adyen-movements.ts'
import columnsOfReports from './columns.json' with { type: 'json' }
import { csvOf } from './csv.ts'
import { decimalsOf, toDecimal } from './decimals.ts'
import { drifted, type InjectedDrift, type ReportLine } from './drift.ts'
import type { AdyenFees } from './fees.ts'
import { accountTimes } from './local-time.ts'

export const companyAccount = 'ShardpaySimulator'
export const adyenColumns: readonly string[] = columnsOfReports.adyen.settlement_detail_report.columns

/** Below it: the merchant account, then the file. */
export const adyenReportPath = '/reports/download/MerchantAccount/'

/** Where the report of a batch is fetched. */
export function adyenReportUrl(publicUrl: string, batch: Pick<AdyenBatch, 'merchantAccount' | 'number'>): string {
  return `${publicUrl}${adyenReportPath}${encodeURIComponent(batch.merchantAccount)}/${fileNameOf(batch)}`
}

export function fileNameOf({ number }: Pick<AdyenBatch, 'number'>): string {
  return `settlement_detail_report_batch_${number}.csv`
}

/** The number of the batch that a file is of. */
export function batchNumberOf(fileName: string): number | undefined {
  const [, digits] = /^settlement_detail_report_batch_([1-9]\d{0,8})\.csv$/.exec(fileName) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export interface AdyenLine extends ReportLine {
  readonly type: AdyenMovementType
  readonly references: { readonly payment: string; readonly modification: string }
  /** As the account is charged; `fee` is their sum, but where drift has changed it. */
  readonly fees: AdyenFees
  readonly known: AdyenMovement | null
}

/** The transactions of a batch, and what drift did to them. */
export function adyenLinesOf(batch: ClosedBatch, tell?: (injected: InjectedDrift) => void): Iterable<AdyenLine> {
  const { merchantAccount, drift } = batch.record
  const report = `${merchantAccount}/${fileNameOf(batch.record)}`
  return drifted(linesOf(batch), { psp: 'adyen', report, drift }, tell)
}

function* linesOf({ record, movements }: ClosedBatch): Generator<AdyenLine, void, undefined> {
  for (const movement of movements) {
    const { type, payment, reference, gross, createdAt } = movement
    const fees = feesOf(movement, record.fees)
    yield {
      id: `${type} ${reference}`,
      type,
      at: createdAt,
      currency: payment.currency,
      gross,
      fees,
      fee: totalOf(fees),
      references: { payment: payment.id, modification: reference },
      known: movement,
    }
  }
}

/** The file of a batch, in pieces; the same whenever it is asked for. */
export function* adyenFileOf(batch: ClosedBatch): Generator<string, void, undefined> {
  yield* csvOf(adyenColumns, cellsOf(rowsOf(batch)))
}

/** What a row lacks is empty. */
function* cellsOf(rows: Iterable<Row>): Generator<readonly string[], void, undefined> {
  for (const row of rows) yield adyenColumns.map((column) => row[column] ?? '')
}

type Row = Readonly<Record<string, string>>

function* rowsOf(batch: ClosedBatch): Generator<Row, void, undefined> {
  const { record } = batch
  const times = accountTimes(record.timeZone)
  const dated = (unixMs: number): Row => {
    const { time, zone } = times(unixMs)
    return { 'Creation Date': time, TimeZone: zone }
  }
  const ofBatch = {
    'Company Account': companyAccount,
    'Merchant Account': record.merchantAccount,
    'Batch Number': String(record.number),
  }
  for (const { currency, owedBefore } of record.balances) {
    if (owedBefore === 0) continue
    const reference = `Balancetransfer from batch ${record.number - 1}, ${record.merchantAccount}`
    const facts = { type: 'Balancetransfer', reference, currency, net: -owedBefore }
    yield { ...ofBatch, ...dated(record.closedAt), ...balanceCells(facts) }
  }
  for (const line of adyenLinesOf(batch)) {
    yield { ...ofBatch, ...dated(line.at), ...transactionCells(line, record) }
  }
  for (const { currency, paidOut, owedAfter } of record.balances) {
    const payout = `TX${record.id}XT batch ${record.number}, ${record.merchantAccount}`
    const toNext = `Balancetransfer to batch ${record.number + 1}, ${record.merchantAccount}`
    const closing = [
      { type: 'MerchantPayout', reference: payout, currency, net: -paidOut },
      { type: 'Balancetransfer', reference: toNext, currency, net: owedAfter },
    ].filter(({ net }) => net !== 0)
    for (const facts of closing) yield { ...ofBatch, ...dated(record.closedAt), ...balanceCells(facts) }
  }
}

function transactionCells(line: AdyenLine, { fees: pricing }: AdyenBatch): Row {
  const { type, currency, gross, fee, fees, references, known } = line
  const decimals = decimalsOf('adyen', currency)
  const changed = fee - totalOf(fees)
  const { commission, markup } = fees
  const brand = known?.payment.brand ?? 'visa'
  return {
    'Psp Reference': references.payment,
    'Merchant Reference': known?.payment.reference ?? '',
    'Payment Method': brand.split('_')[0] ?? '',
    Type: type,
    'Modification Reference': references.modification,
    'Gross Currency': currency,
    ...sidesOf('Gross', '(GC)', gross, decimals),
    'Exchange Rate': '1',
    'Net Currency': currency,
    ...sidesOf('Net', '(NC)', gross - fee, decimals),
    'Commission (NC)': cellOf(pricing === 'blended' ? commission + changed : 0, decimals),
    'Markup (NC)': cellOf(pricing === 'blended' ? 0 : markup + changed, decimals),
    'Scheme Fees (NC)': cellOf(fees.schemeFees, decimals),
    'Interchange (NC)': cellOf(fees.interchange, decimals),
    'Payment Method Variant': brand === 'visa' ? 'visaclassic' : brand,
    'Modification Merchant Reference': known?.merchantReference ?? '',
  }
}

/** A line that is the batch's: of no payment. @param net signed, minor units */
function balanceCells(facts: {
  readonly type: string
  readonly reference: string
  readonly currency: string
  readonly net: number
}): Row {
  return {
    Type: facts.type,
    'Modification Reference': facts.reference,
    'Net Currency': facts.currency,
    ...sidesOf('Net', '(NC)', facts.net, decimalsOf('adyen', facts.currency)),
  }
}

function sidesOf(name: string, unit: string, minor: number, decimals: number): Row {
  return { [`${name} ${minor < 0 ? 'Debit' : 'Credit'} ${unit}`]: cellOf(Math.abs(minor), decimals) }
}

function cellOf(minor: number, decimals: number): string {
  return minor === 0 ? '' : toDecimal(minor, decimals)
}
