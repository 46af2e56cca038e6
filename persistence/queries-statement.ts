/**
 * Statements of lists: the newest rows behind a place, or the oldest before it, by the columns that order the list. All
 * values are parameters; only columns and filters that this code names are in the text.
 */
import type { QueryConfig } from 'pg'
import type { RowOwner } from './queries-pool.ts'

/** Position in a list, in the order of its key's columns. */
export type Key = readonly (number | string)[]

export interface ListShape {
  /** Table, with the alias that everything below uses. */
  readonly from: string
  readonly columns: string
  /** What orders the list: the first is an instant that partitions are by. */
  readonly key: readonly { readonly column: string; readonly parameter?: (number: string) => string }[]
  /** Around the page of rows, such as a join, in the same order and with the same limit. Default: the page itself. */
  readonly around?: (page: string, order: string, limit: string) => string
}

export interface PageBounds {
  readonly limit: number
  readonly direction: 'older' | 'newer'
  readonly from?: Key
}

/** Conditions and their parameters, in the order they were added. */
export class Conditions {
  readonly #texts: string[] = []
  readonly #values: unknown[] = []

  /** @param text is given the names of the values' parameters. */
  add(text: (...parameters: string[]) => string, ...values: readonly unknown[]): void {
    const names = values.map((value) => `$${this.#values.push(value)}`)
    this.#texts.push(text(...names))
  }

  /** Where the value is given. */
  addGiven<Value>(value: Value | undefined, text: (parameter: string) => string): void {
    if (value !== undefined) this.add(text, value)
  }

  get text(): string {
    return this.#texts.join(' AND ')
  }

  get values(): readonly unknown[] {
    return this.#values
  }
}

/** The parameter of the first value that a filter adds: the owner's two come before it. */
export const firstFilterParameter = '$3'

/** One row more than the page has, so that it is seen whether more follow. */
export function listStatement(
  shape: ListShape,
  { merchant, live }: RowOwner,
  { limit, direction, from }: PageBounds,
  filter: (conditions: Conditions) => void,
): QueryConfig {
  const alias = shape.from.split(' ').at(-1) ?? ''
  const conditions = new Conditions()
  // Row-level security says the same; this is the first wall, that one the second.
  conditions.add((name) => `${alias}.merchant = ${name}`, merchant)
  conditions.add((name) => `${alias}.live = ${name}`, live)
  filter(conditions)
  const columns = shape.key.map(({ column }) => column)
  const [older, sorting] = direction === 'older' ? ['<', 'DESC'] : ['>', 'ASC']
  if (from !== undefined) {
    const row = (names: readonly string[]): string =>
      names.map((name, index) => shape.key[index]?.parameter?.(name) ?? name).join(', ')
    conditions.add((...names) => `(${columns.join(', ')}) ${older} (${row(names)})`, ...from)
    // The same once more for the first column: whole partitions are left out.
    conditions.add((name) => `${columns[0]} ${older}= ${name}`, from[0])
  }
  const order = `ORDER BY ${columns.map((column) => `${column} ${sorting}`).join(', ')}`
  const limited = `LIMIT $${conditions.values.length + 1}`
  const page = `SELECT ${shape.columns} FROM ${shape.from} WHERE ${conditions.text} ${order} ${limited}`
  const text = shape.around === undefined ? page : shape.around(page, order, limited)
  return { text, values: [...conditions.values, limit + 1] }
}

/** In the order of both keys: below zero where `a` is before `b` in an ascending list. */
export function compareKeys(a: Key, b: Key): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] as typeof left
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}
