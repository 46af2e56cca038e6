/**
 * Why a report is refused. A report is taken whole or not at all: whoever reads one keeps its rows apart until its end
 * was reached without a refusal.
 *
 * Messages name the place and the rule that was broken, never what stood there: a cell may hold anything.
 */

export const refusalCodes = [
  /** No bytes; or nothing but a header, in a format that has no trailer to prove it. */
  'empty',
  'no_lines',
  /** Compressed: a gzip or zip file. */
  'archive',
  /** Not UTF-8. */
  'encoding',
  'nul_character',
  /** Line ends that differ, or a carriage return alone. */
  'line_ends',
  /** The last line, section or element does not end. */
  'cut',
  /** Other than as many bytes as the source said. */
  'size_mismatch',
  'too_long',
  'too_many',
  'quote',
  'column_missing',
  'column_repeated',
  /** Has no name, a name that is nearly a known one, or one that says money. */
  'column_unknown',
  'cells',
  'blank',
  'amount',
  'currency',
  'exchange_rate',
  'date',
  'time_zone',
  'text',
  /** A net amount that is not what gross and fees make. */
  'net_mismatch',
  'control_total',
  'count_mismatch',
  'balance_missing',
  'batch_mixed',
  'account_mismatch',
  /** Rows in an order that the format does not have. */
  'structure',
  'xml',
  'xml_forbidden',
  'format_unknown',
  /** What the connection says of its reports is incomplete, or is not so. */
  'settings',
] as const
export type RefusalCode = (typeof refusalCodes)[number]

export interface RefusalPlace {
  /** From 1; of a record over several lines, its first. Null where the whole file is meant. */
  readonly line?: number | null
  /** The name of a column that the format knows, or a position from 1: of a column, in XML of a character. */
  readonly column?: string | number | null
}

/** The whole file is refused, and would be again: {@link canRetry} is false. */
export class ReportRefused extends Error {
  override readonly name = 'ReportRefused'
  readonly code: RefusalCode
  readonly canRetry = false
  readonly line: number | null
  readonly column: string | number | null
  /** The message without its place. */
  readonly rule: string

  constructor(code: RefusalCode, rule: string, { line = null, column = null }: RefusalPlace = {}) {
    super(`${placeOf(line, column)}${rule}`)
    this.code = code
    this.rule = rule
    this.line = line
    this.column = column
  }

  /** The same with a place, where it has none yet. */
  at({ line = null, column = null }: RefusalPlace): ReportRefused {
    return this.line === null ? new ReportRefused(this.code, this.rule, { line, column: this.column ?? column }) : this
  }
}

function placeOf(line: number | null, column: string | number | null): string {
  const parts = [
    ...(line === null ? [] : [`line ${line}`]),
    ...(column === null ? [] : [typeof column === 'number' ? `column ${column}` : `column “${column}”`]),
  ]
  return parts.length === 0 ? '' : `${parts.join(', ')}: `
}
