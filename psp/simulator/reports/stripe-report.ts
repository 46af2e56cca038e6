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
  yield* csvOf(columns, rowsOf(linesOf(run, ledger), columns, timesOf(run)))
}

type Times = (unixMs: number) => string
type Cell = (line: SettledMovement) => string

function timesOf({ parameters }: ReportRunRecord): Times {
  const { timezone } = parameters
  return timezone === null ? utcTime : (localTimes(timezone) ?? utcTime)
}

function* rowsOf(
  lines: Iterable<SettledMovement>,
  columns: readonly string[],
  local: Times,
): Generator<readonly string[], void, undefined> {
  const known: ReadonlyMap<string, Cell> = new Map([...plainCells, ...timeCells(local)])
  const cells = columns.map((column) => metadataCell(column) ?? known.get(column) ?? nothingKnown)
  for (const line of lines) yield cells.map((cell) => cell(line))
}

const nothingKnown: Cell = () => ''

function decimal({ currency }: SettledMovement, minor: number): string {
  return toDecimal(minor, decimalsOf('stripe', currency))
}

const plainCells: readonly (readonly [string, Cell])[] = [
  ['balance_transaction_id', ({ id }) => id],
  ['currency', ({ currency }) => currency],
  ['gross', (line) => decimal(line, line.gross)],
  ['fee', (line) => decimal(line, line.fee)],
  ['net', (line) => decimal(line, line.gross - line.fee)],
  ['reporting_category', ({ category }) => category],
  ['source_id', ({ references }) => references.source],
  ['charge_id', ({ references }) => references.charge],
  ['payment_intent_id', ({ references }) => references.payment_intent],
  ['customer_facing_amount', (line) => decimal(line, line.gross)],
  ['customer_facing_currency', ({ currency }) => currency],
  ['automatic_payout_id', ({ payout }) => payout?.id ?? ''],
  ['description', ({ known }) => known?.intent.description ?? ''],
  ['dispute_reason', ({ known }) => known?.dispute?.reason ?? ''],
  ['payment_method_type', () => 'card'],
  ['is_link', () => 'false'],
  ['card_brand', () => 'Visa'],
  ['card_funding', () => 'credit'],
  ['card_country', () => 'US'],
  ['statement_descriptor', () => 'SHARDPAY SIMULATOR'],
]

/** Unix milliseconds, or undefined where there is no such time. */
const times: readonly (readonly [string, (line: SettledMovement) => number | undefined])[] = [
  ['created', ({ at }) => at],
  ['available_on', ({ availableOn }) => availableOn * 1000],
  ['automatic_payout_effective_at', ({ payout }) => (payout === null ? undefined : payout.at * 1000)],
  ['charge_created', ({ known }) => (known === null ? undefined : known.charge.created * 1000)],
]

/** Each time twice: in the zone of the run, and in UTC. */
function timeCells(local: Times): [string, Cell][] {
  return times.flatMap(([name, timeOf]): [string, Cell][] => {
    const written =
      (write: Times): Cell =>
      (line) => {
        const time = timeOf(line)
        return time === undefined ? '' : write(time)
      }
    return [
      [name, written(local)],
      [`${name}_utc`, written(utcTime)],
    ]
  })
}

/** Undefined where the column is of no metadata. */
function metadataCell(column: string): Cell | undefined {
  const [, of, key = ''] = keyed.exec(column) ?? []
  if (of === undefined) return undefined
  return ({ known }) => {
    const metadata = (of === 'payment' ? known?.intent.metadata : of === 'refund' ? known?.refund?.metadata : {}) ?? {}
    return Object.hasOwn(metadata, key) ? (metadata[key] ?? '') : ''
  }
}
