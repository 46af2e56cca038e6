/**
 * Rows as CSV (RFC 4180, the header first), made as they are read: never more than a few rows at a time. Cells are written
 * as they are; nothing protects whoever opens the file with a spreadsheet, since the PSPs do not either.
 */
import { stringify } from 'csv-stringify/sync'

const rowsPerChunk = 200
const format = { record_delimiter: 'windows' } as const

/** Texts that are the file, one after the other. @param rows a cell for each column */
export function* csvOf(
  columns: readonly string[],
  rows: Iterable<readonly string[]>,
): Generator<string, void, undefined> {
  let waiting: (readonly string[])[] = [columns]
  for (const row of rows) {
    waiting.push(row)
    if (waiting.length < rowsPerChunk) continue
    yield stringify(waiting, format)
    waiting = []
  }
  if (waiting.length > 0) yield stringify(waiting, format)
}

export function bytesOf(texts: Iterable<string>): number {
  let bytes = 0
  for (const text of texts) bytes += Buffer.byteLength(text)
  return bytes
}
