/**
 * Reports by the names of their formats, and the one way to read one: {@link readReport}. Bytes in, neutral rows out in
 * pieces, and at the end what the file says of itself, its size and hash; repeated lines are marked on the way.
 *
 * A refusal comes as {@link ReportRefused} whenever it is found, also after rows were given: whoever takes rows keeps them
 * apart until the summary is there. Memory: a piece of the file with its rows, and 11 to 22 bytes a line.
 */
import { createHash } from 'node:crypto'
import { AdyenSettlementReport } from './adyen-settlement.ts'
import { parseCamt053 } from './camt053.ts'
import { type ParsedReport, parseRecords } from './csv-report.ts'
import { ReportRefused } from './errors.ts'
import { PayPalSettlementReport } from './paypal-settlement.ts'
import { SeenKeys } from './repeats.ts'
import type { ReportRow } from './row.ts'
import { StripeReport } from './stripe.ts'
import { type ReportSummary, Totals } from './summary.ts'

/** What a connection has to say of its reports. */
export interface ReportSettings {
  /** IANA: of Stripe's report run, Adyen's account, the bank. */
  readonly timeZone?: string
  /** Adyen's merchant accounts, PayPal's account ids, IBANs: a report of any other is refused. */
  readonly accounts?: readonly string[]
  /** How many bytes the source says that the file has; any other number is refused. */
  readonly bytes?: number
}

interface Settled {
  readonly timeZone: string
  readonly accounts: readonly string[]
}

export interface ReportFormat {
  /** Settings without which no report of this format is read. */
  readonly needs: readonly (keyof Settled)[]
  parse(bytes: AsyncIterable<Uint8Array>, settings: Settled): ParsedReport
}

const strictEnd = { mayLackLastEnd: false }

export const reportFormats = {
  stripe_balance_change: {
    needs: ['timeZone'],
    parse: (bytes, { timeZone }) => parseRecords(bytes, new StripeReport({ timeZone, byPayout: false }), strictEnd),
  },
  stripe_payout_reconciliation: {
    needs: ['timeZone'],
    parse: (bytes, { timeZone }) => parseRecords(bytes, new StripeReport({ timeZone, byPayout: true }), strictEnd),
  },
  adyen_settlement_details: {
    needs: ['timeZone', 'accounts'],
    parse: (bytes, settings) => parseRecords(bytes, new AdyenSettlementReport(settings), strictEnd),
  },
  paypal_settlement: {
    needs: ['accounts'],
    parse: (bytes, settings) => parseRecords(bytes, new PayPalSettlementReport(settings), { mayLackLastEnd: true }),
  },
  camt053: {
    needs: ['timeZone', 'accounts'],
    parse: parseCamt053,
  },
} as const satisfies Record<string, ReportFormat>

export type ReportFormatName = keyof typeof reportFormats

export function isReportFormat(name: string): name is ReportFormatName {
  return Object.hasOwn(reportFormats, name)
}

/** @throws {ReportRefused} */
export async function* readReport(
  name: ReportFormatName,
  bytes: AsyncIterable<Uint8Array>,
  settings: ReportSettings,
): AsyncGenerator<readonly ReportRow[], ReportSummary, undefined> {
  const format: ReportFormat = reportFormats[name]
  const file = new Meter(bytes)
  const seen = new SeenKeys()
  const totals = new Totals()
  const rows = format.parse(file.bytes(), settled(format, settings))
  try {
    let next = await rows.next()
    while (next.done !== true) {
      const marked = next.value.map((row): ReportRow => ({ ...row, repeated: seen.add(row.lineKey) }))
      for (const row of marked) totals.add(row)
      yield marked
      next = await rows.next()
    }
    return totals.summary(next.value, file.told(name, settings.bytes))
  } finally {
    // whoever stops in the middle closes the file too
    await rows.return(undefined as never)
  }
}

function settled({ needs }: ReportFormat, { timeZone = '', accounts = [] }: ReportSettings): Settled {
  for (const need of needs) {
    const isThere = need === 'timeZone' ? timeZone !== '' : accounts.length > 0
    if (!isThere) throw new ReportRefused('settings', `the connection does not say ${need}, which this format needs`)
  }
  return { timeZone, accounts }
}

/** Counts and hashes bytes as they pass. */
class Meter {
  readonly #bytes: AsyncIterable<Uint8Array>
  readonly #hash = createHash('sha256')
  #count = 0

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of this.#bytes) {
      this.#hash.update(chunk)
      this.#count += chunk.length
      yield chunk
    }
  }

  /** Once, after the last byte. @param expected of bytes, where the source says */
  told(format: string, expected: number | undefined): Pick<ReportSummary, 'format' | 'bytes' | 'sha256'> {
    if (expected !== undefined && expected !== this.#count) {
      const rule = `the file has ${this.#count} bytes where its source says ${expected}`
      throw new ReportRefused('size_mismatch', rule)
    }
    return { format, bytes: this.#count, sha256: this.#hash.digest('hex') }
  }
}
