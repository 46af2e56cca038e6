/** Tables that fit 100 columns, and figures as people read them. */
import { styleText } from 'node:util'

export const columnsMax = 100

export interface Column<Row> {
  readonly title: string
  readonly of: (row: Row) => string | number
  /** Figures stand to the right. */
  readonly right?: true
  /** Cut first where the table is too wide. */
  readonly flexible?: true
}

/** With a line end. The widest flexible column is cut until the table fits. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty = 'none'): string {
  if (rows.length === 0) return `${empty}\n`
  const cells = rows.map((row) => columns.map(({ of }) => plain(String(of(row)))))
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  )
  const excess = widths.reduce((sum, width) => sum + width, 0) + 2 * (columns.length - 1) - columnsMax
  const flexible = columns.findIndex((column) => column.flexible === true)
  if (excess > 0 && flexible !== -1) widths[flexible] = Math.max(8, (widths[flexible] ?? 0) - excess)
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => fit(text, widths[index] ?? 0, columns[index]?.right === true))
      .join('  ')
      .trimEnd()
  const head = line(columns.map(({ title }) => title))
  return `${[styleText('dim', head), ...cells.map(line)].join('\n')}\n`
}

function fit(text: string, width: number, right: boolean): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return right ? cut.padStart(width) : cut.padEnd(width)
}

/** What others wrote may not move the cursor or colour the terminal. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?')
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** `12:03:07`, UTC as the API has it. */
export function time(iso: string): string {
  return iso.slice(11, 19)
}

/** The value that `share` of the sorted values do not exceed. @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
