/**
 * Rows as CSV (RFC 4180, the header first), made as they are read: never more than a few rows at a time. Cells are written
 * as they are; nothing protects whoever opens the file with a spreadsheet, since the PSPs do not either.
 */
import { stringify } from 'csv-stringify/sync'

const rowsPerChunk = 200

/** Texts that are the file, one after the other. A column that a row lacks is empty. */
export function* csvOf(
  columns: readonly string[],
  rows: Iterable<Readonly<Record<string, string>>>,
): Generator<string, void, undefined> {
  const write = (records: readonly (readonly string[])[]): string =>
    stringify([...records], { record_delimiter: 'windows' })
  let waiting: string[][] = [[...columns]]
  for (const row of rows) {
    waiting.push(columns.map((column) => row[column] ?? ''))
    if (waiting.length < rowsPerChunk) continue
    yield write(waiting)
    waiting = []
  }
  if (waiting.length > 0) yield write(waiting)
}

export function bytesOf(texts: Iterable<string>): number {
  let bytes = 0
  for (const text of texts) bytes += Buffer.byteLength(text)
  return bytes
}
