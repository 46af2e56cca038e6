/** Runs a format that is made of records over a file: bytes to text to records to rows, with the memory of a piece. */
import { type CsvOptions, CsvReader } from './csv.ts'
import { ReportRefused } from './errors.ts'
import type { ParsedRow } from './row.ts'
import type { ReportFacts } from './summary.ts'
import { readText } from './text.ts'

/** What a format does with records, one report at a time. Both refuse by throwing {@link ReportRefused}. */
export interface RecordFormat {
  /** @returns undefined for a record that is no line: a header, a trailer */
  record(cells: readonly string[], line: number): ParsedRow | undefined
  /** After the last record. @param line where another one would have begun */
  finish(line: number): ReportFacts
}

/** Rows in pieces, and what the file says of itself. */
export type ParsedReport = AsyncGenerator<readonly ParsedRow[], ReportFacts, undefined>

export async function* parseRecords(
  bytes: AsyncIterable<Uint8Array>,
  format: RecordFormat,
  options: CsvOptions,
): ParsedReport {
  const reader = new CsvReader(options)
  let rows: ParsedRow[] = []
  const take = (cells: readonly string[], line: number): void => {
    const row = format.record(cells, line)
    if (row !== undefined) rows.push(row)
  }
  try {
    for await (const text of readText(bytes)) {
      reader.read(text, take)
      if (rows.length > 0) yield rows
      rows = []
    }
    reader.end(take)
    const facts = format.finish(reader.line)
    if (rows.length > 0) yield rows
    return facts
  } catch (error) {
    if (error instanceof ReportRefused && error.code !== 'empty') throw error.at({ line: reader.line })
    throw error
  }
}
