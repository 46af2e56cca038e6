/**
 * Names for lists' statements, so that a session plans each of them once and not whenever it is asked: over a year's partitions
 * planning takes longer than answering. Filters make thousands of different statements, and a session keeps the plan of each
 * that has a name; so the first hundred have one, which are those that are asked most, and others are planned each time.
 */
import type { QueryConfig } from 'pg'

export const namesMax = 100

export class StatementNames {
  readonly #names = new Map<string, string>()

  named(statement: QueryConfig): QueryConfig {
    let name = this.#names.get(statement.text)
    if (name === undefined && this.#names.size < namesMax) {
      name = `list_${this.#names.size}`
      this.#names.set(statement.text, name)
    }
    return name === undefined ? statement : { ...statement, name }
  }
}
