/**
 * Which column stands where, read by name. Order is free, and so are columns that the format does not need, unless they
 * could hold money: reports grow columns, and one that says a fee or an amount must be known before it is passed over.
 */
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'

export interface ColumnRules {
  readonly required: readonly string[]
  /** Read where it is there. */
  readonly optional: readonly string[]
  /** Known, and never read. */
  readonly unread: readonly string[]
  /** Of a name that is in none of the lists: whether it sounds like money. */
  readonly soundsLikeMoney: RegExp
}

export class Columns {
  readonly #places: ReadonlyMap<string, number>
  /** Of each record. */
  readonly count: number

  /** @param names the cells of the header */
  constructor(names: readonly string[], line: number, rules: ColumnRules) {
    const { required, optional, unread, soundsLikeMoney } = rules
    const known = new Set([...required, ...optional, ...unread])
    const nearly = new Map([...known].map((name) => [folded(name), name]))
    const places = new Map<string, number>()
    if (names.length > reportLimits.columnsMax) {
      throw new ReportRefused('too_many', `has more than ${reportLimits.columnsMax} columns`, { line })
    }
    for (const [place, name] of names.entries()) {
      const at = { line, column: place + 1 }
      if (name === '') throw new ReportRefused('column_unknown', 'has no name', at)
      const meant = nearly.get(folded(name))
      if (places.has(name)) throw new ReportRefused('column_repeated', 'has the name of one before it', at)
      if (!known.has(name) && meant !== undefined) {
        throw new ReportRefused('column_unknown', `is not named exactly “${meant}”, and nearly so`, at)
      }
      places.set(name, place)
    }
    for (const column of required) {
      if (!places.has(column)) throw new ReportRefused('column_missing', 'the column is missing', { line, column })
    }
    for (const [name, place] of places) {
      if (known.has(name) || !soundsLikeMoney.test(name)) continue
      const rule = 'is unknown and has the name of an amount or a currency'
      throw new ReportRefused('column_unknown', rule, { line, column: place + 1 })
    }
    this.#places = places
    this.count = names.length
  }

  /** From 0; -1 where the file has no such column. */
  place(name: string): number {
    return this.#places.get(name) ?? -1
  }

  /** Refuses a record that has not a cell for each column. */
  check(cells: readonly string[], line: number): void {
    if (cells.length === this.count) return
    const rule = `has ${cells.length} cells where the header has ${this.count} columns`
    throw new ReportRefused('cells', rule, { line, column: Math.min(cells.length, this.count) })
  }
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_"'\uFEFF]/g, '')
}
