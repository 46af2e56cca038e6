/** Tables of figures: markdown, aligned so that it reads as well in a terminal. */

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  /** Numbers are shown with three significant digits below 100, whole above; text as it is. */
  readonly rows: readonly (readonly (string | number)[])[]
}

export function markdownTable(table: Table): string {
  const cells = [table.columns, ...table.rows.map((row) => row.map(show))]
  const widths = table.columns.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const isNumeric = table.columns.map((_, column) => table.rows.every((row) => typeof row[column] === 'number'))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(row[column] ?? '', width, isNumeric[column] === true)).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (isNumeric[column] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  const [header, ...rows] = cells
  return [`## ${table.title}\n`, line(header ?? []), rule, ...rows.map(line), ''].join('\n')
}

function show(value: string | number): string {
  if (typeof value === 'string') return value
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width)
}
