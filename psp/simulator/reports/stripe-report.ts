/**
 * Stripe's itemised reports: which balance transactions a report run lists, and their rows. `net` = `gross` − `fee`, all in
 * decimals of major units. `balance_change_from_activity` has what happened in the run's interval, `payout_reconciliation`
 * what was in the payouts that were made in it; both list no payout as a line of its own.
 *
 * What the simulator knows nothing of (customers, addresses, invoices, connected accounts) stays empty.
 */
import type { ReportRunRecord } from '../records.ts'
import columnsOfReports from './columns.json' with { type: 'json' }
import { csvOf } from './csv.ts'
import { decimalsOf, toDecimal } from './decimals.ts'
import { drifted, type InjectedDrift } from './drift.ts'
import { localTimes, utcTime } from './local-time.ts'
import type { SettledMovement, StripeLedger } from './stripe-ledger.ts'

const reports = columnsOfReports.stripe

/** Report types by their full names, version included. */
const names: ReadonlyMap<string, keyof typeof reports> = new Map(
  (Object.keys(reports) as (keyof typeof reports)[]).flatMap((name) =>
    reports[name].versions.map((version) => [version, name] as const),
  ),
)

export const stripeReportTypes: readonly string[] = [...names.keys()]

/** Columns whose names have a part of the merchant's: `payment_metadata[key]`. */
const keyed = /^(payment|refund|transfer)_metadata\[(.+)\]$/

/** All columns of a report type but those that are of a merchant's own keys: what a run has that asks for none. */
export function fixedColumns(reportType: string): readonly string[] {
  const name = names.get(reportType)
  return name === undefined ? [] : reports[name].columns.filter((column) => !keyed.test(column))
}

export function hasColumn(reportType: string, column: string): boolean {
  return keyed.test(column) || fixedColumns(reportType).includes(column)
}

/** The lines of a run, and what drift did to them. */
export function linesOf(
  run: ReportRunRecord,
  ledger: StripeLedger,
  tell?: (injected: InjectedDrift) => void,
): Iterable<SettledMovement> {
  return drifted(selected(run, ledger), { psp: 'stripe', report: run.id, drift: run.drift }, tell)
}

function* selected(run: ReportRunRecord, ledger: StripeLedger): Generator<SettledMovement, void, undefined> {
  const { intervalStart, intervalEnd, currency, reportingCategory } = run.parameters
  const byPayout = names.get(run.reportType) === 'payout_reconciliation.itemized'
  for (const movement of ledger.settled(run.dayCount)) {
    const at = byPayout ? movement.payout?.at : movement.at / 1000
    if (at === undefined || at < intervalStart || at >= intervalEnd) continue
    if (currency !== null && movement.currency !== currency) continue
    if (reportingCategory !== null && movement.category !== reportingCategory) continue
    yield movement
  }
}

/** The file of a run, in pieces; the same whenever it is asked for. */
export function* fileOf(run: ReportRunRecord, ledger: StripeLedger): Generator<string, void, undefined> {
  const columns = run.parameters.columns ?? fixedColumns(run.reportType)
  const local = localTimes(run.parameters.timezone ?? 'Etc/UTC') ?? utcTime
  yield* csvOf(columns, rowsOf(linesOf(run, ledger), columns, local))
}

function* rowsOf(
  lines: Iterable<SettledMovement>,
  columns: readonly string[],
  local: (unixMs: number) => string,
): Generator<Readonly<Record<string, string>>, void, undefined> {
  for (const line of lines) {
    const row: Record<string, string> = { ...moneyCells(line), ...timeCells(line, local), ...paymentCells(line) }
    for (const column of columns) {
      const [, of, key = ''] = keyed.exec(column) ?? []
      if (of !== undefined) row[column] = metadataCell(line, of, key)
    }
    yield row
  }
}

function moneyCells(line: SettledMovement): Record<string, string> {
  const { id, currency, gross, fee, category, references, payout } = line
  const decimals = decimalsOf('stripe', currency)
  return {
    balance_transaction_id: id,
    currency,
    gross: toDecimal(gross, decimals),
    fee: toDecimal(fee, decimals),
    net: toDecimal(gross - fee, decimals),
    reporting_category: category,
    source_id: references.source,
    charge_id: references.charge,
    payment_intent_id: references.payment_intent,
    customer_facing_amount: toDecimal(gross, decimals),
    customer_facing_currency: currency,
    automatic_payout_id: payout?.id ?? '',
  }
}

function timeCells(line: SettledMovement, local: (unixMs: number) => string): Record<string, string> {
  const { at, availableOn, payout, known } = line
  return {
    ...both('created', at, local),
    ...both('available_on', availableOn * 1000, local),
    ...(payout === null ? {} : both('automatic_payout_effective_at', payout.at * 1000, local)),
    ...(known === null ? {} : both('charge_created', known.charge.created * 1000, local)),
  }
}

function both(name: string, unixMs: number, local: (unixMs: number) => string): Record<string, string> {
  return { [name]: local(unixMs), [`${name}_utc`]: utcTime(unixMs) }
}

function paymentCells({ known }: SettledMovement): Record<string, string> {
  return {
    description: known?.intent.description ?? '',
    payment_method_type: 'card',
    is_link: 'false',
    card_brand: 'Visa',
    card_funding: 'credit',
    card_country: 'US',
    statement_descriptor: 'SHARDPAY SIMULATOR',
    dispute_reason: known?.dispute?.reason ?? '',
  }
}

function metadataCell({ known }: SettledMovement, of: string, key: string): string {
  const metadata = (of === 'payment' ? known?.intent.metadata : of === 'refund' ? known?.refund?.metadata : {}) ?? {}
  return Object.hasOwn(metadata, key) ? (metadata[key] ?? '') : ''
}
