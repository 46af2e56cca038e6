/**
 * The months that the read side of a database has partitions for, as far as this process knows: this one and those to come are
 * made ahead, an earlier one when its first row comes. Whoever is second finds it made.
 */
import type { Clock } from '../runtime/clock.ts'
import type { DatabasePool } from './database-pool.ts'
import type { ReadSchema } from './read-cursor.ts'

/** Beside the present one. */
const monthsAhead = 3

/** Months since the year 0, of UTC. */
type Month = number

export class ReadMonths {
  readonly #clock: Pick<Clock, 'now'>
  readonly #schema: ReadSchema
  #made = new Set<Month>()

  constructor(clock: Pick<Clock, 'now'>, schema: ReadSchema = 'read') {
    this.#clock = clock
    this.#schema = schema
  }

  /**
   * Makes those that hold these instants (Unix milliseconds), and those ahead.
   * @throws {JournalError} `journal_unavailable`.
   */
  async ensure(pool: DatabasePool, instants: Iterable<number>): Promise<void> {
    const present = monthOf(this.#clock.now())
    const wanted = new Set<Month>()
    for (let ahead = 0; ahead <= monthsAhead; ahead += 1) wanted.add(present + ahead)
    for (const instant of instants) wanted.add(monthOf(instant))
    const missing = [...wanted].filter((month) => !this.#made.has(month))
    if (missing.length === 0) return
    const starts = missing.map(startOf)
    await pool.query({
      text: 'SELECT read.ensure_partitions(s.start, s.start, $2) FROM unnest($1::bigint[]) AS s (start) ORDER BY s.start',
      values: [starts, this.#schema],
    })
    for (const month of missing) this.#made.add(month)
  }

  /** Somebody may have taken some away. */
  forget(): void {
    this.#made = new Set()
  }
}

function monthOf(instant: number): Month {
  const date = new Date(instant)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

function startOf(month: Month): number {
  return Date.UTC(Math.floor(month / 12), month % 12)
}
