/**
 * The ledger as a CSV file (RFC 4180, UTF-8), page by page as it is read: one line is one transfer. A cell that a spreadsheet
 * would take for a formula is written with an apostrophe before it, since references and names come from others.
 */
import { pipeline, Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import { paymentIdOfEntity } from '../../../domain/ids.ts'
import { transferId } from '../../../domain/ledger/chart.ts'
import type { LedgerEntry } from '../../../domain/ledger/report.ts'
import { toDecimalString } from '../../../domain/money/currency.ts'
import { iso } from '../views.ts'

/** Permanent: columns are added at the end. */
const columns = [
  ...['transfer', 'posted_at', 'mode', 'merchant', 'connection', 'payment', 'operation', 'phase'],
  ...['debit_account', 'credit_account', 'currency', 'amount', 'amount_minor'],
]

/** Ends the reading where the client goes away, and the answer where reading fails: a file without its end is seen as such. */
export function csvOf(pages: AsyncGenerator<readonly LedgerEntry[]>, failed: (error: Error) => void): Readable {
  const lines = Readable.from(linesOf(pages))
  const text = stringify({ header: true, columns, escape_formulas: true, record_delimiter: 'windows' })
  return pipeline(lines, text, (error) => {
    if (error !== null && error !== undefined && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') failed(error)
  })
}

async function* linesOf(pages: AsyncGenerator<readonly LedgerEntry[]>): AsyncGenerator<readonly (string | number)[]> {
  for await (const page of pages) for (const entry of page) yield lineOf(entry)
}

function lineOf(entry: LedgerEntry): readonly (string | number)[] {
  const { postedAt, live, merchant, connection, entity, operation, phase, debit, credit, currency, amount } = entry
  return [
    ...[transferId(entry), iso(postedAt), live ? 'live' : 'test', merchant, connection],
    ...[paymentIdOfEntity(entity), operation, phase, debit, credit, currency],
    ...[toDecimalString(amount, currency), amount],
  ]
}
