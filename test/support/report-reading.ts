/** Reads reports from memory, and tells how one was refused. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ReportRefused } from '../../recon/reports/errors.ts'
import { type ReportFormatName, type ReportSettings, readReport } from '../../recon/reports/formats.ts'
import type { ReportRow } from '../../recon/reports/row.ts'
import type { ReportSummary } from '../../recon/reports/summary.ts'

export interface ReadReport {
  readonly rows: readonly ReportRow[]
  readonly summary: ReportSummary
}

export function reportFixture(name: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`../../recon/reports/fixtures/${name}`, import.meta.url)))
}

/** Fixtures with the format and the settings that read them. */
export const fixtureReports: readonly {
  readonly file: string
  readonly format: ReportFormatName
  readonly settings: ReportSettings
}[] = [
  { file: 'stripe-balance-change.csv', format: 'stripe_balance_change', settings: { timeZone: 'Etc/UTC' } },
  {
    file: 'stripe-payout-reconciliation.csv',
    format: 'stripe_payout_reconciliation',
    settings: { timeZone: 'Europe/Amsterdam' },
  },
  {
    file: 'adyen-settlement-details.csv',
    format: 'adyen_settlement_details',
    settings: { timeZone: 'Europe/Amsterdam', accounts: ['Other', 'TestMerchant'] },
  },
  {
    file: 'paypal-settlement.csv',
    format: 'paypal_settlement',
    settings: { accounts: ['EZ782AXEUJUW8', 'SUBACCOUNT001'] },
  },
  ...(['02', '08'] as const).map((version) => ({
    file: `camt053-${version}.xml`,
    format: 'camt053' as const,
    settings: { timeZone: 'Europe/Amsterdam', accounts: ['NL26 VAYB 8060 4768 90'] },
  })),
]

/** @param sizes of the chunks that the bytes come in, over and over; default: all at once */
export async function readAll(
  format: ReportFormatName,
  file: string | Uint8Array,
  settings: ReportSettings,
  sizes: readonly number[] = [],
): Promise<ReadReport> {
  const reading = readReport(format, chunksOf(Buffer.from(file), sizes), settings)
  const rows: ReportRow[] = []
  let next = await reading.next()
  while (next.done !== true) {
    rows.push(...next.value)
    next = await reading.next()
  }
  return { rows, summary: next.value }
}

/** The refusal, or undefined where the report was read. Any other error is the test's failure. */
export async function refusalOf(
  format: ReportFormatName,
  file: string | Uint8Array,
  settings: ReportSettings,
): Promise<ReportRefused | undefined> {
  try {
    await readAll(format, file, settings)
    return undefined
  } catch (error) {
    if (error instanceof ReportRefused) return error
    throw error
  }
}

export async function* chunksOf(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[index % sizes.length] ?? 1)
    yield bytes.subarray(at, at + size)
    at += size
  }
}
