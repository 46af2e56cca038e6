/**
 * Timers of owned shards that fall due soon. Rows in the database are the truth; this holds those within the horizon, by
 * entity, and fires each once. Firing a timer that no longer applies is harmless: the entity ignores it.
 */
import type { Clock } from '../runtime/clock.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { TimerRow } from './journal.ts'

export class Timers {
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #fire: (row: TimerRow) => void
  readonly #armed = new Map<string, Map<string, { readonly due: number; readonly deadline: Deadline }>>()
  #count = 0

  constructor(clock: Clock, deadlines: Deadlines, fire: (row: TimerRow) => void) {
    this.#clock = clock
    this.#deadlines = deadlines
    this.#fire = fire
  }

  /** How many wait. */
  get count(): number {
    return this.#count
  }

  /** Adds a timer; one that is armed already for the same instant stays as it is. */
  arm(row: TimerRow): void {
    const key = `${row.operation}/${row.kind}`
    let timers = this.#armed.get(row.entity)
    if (timers === undefined) {
      timers = new Map()
      this.#armed.set(row.entity, timers)
    }
    const present = timers.get(key)
    if (present?.due === row.due) return
    if (present === undefined) this.#count += 1
    else present.deadline.cancel()
    const delay = Math.max(row.due - this.#clock.now(), 0)
    const deadline = this.#deadlines.add(this.#clock.monotonic() + delay, () => {
      this.#remove(row.entity, key)
      this.#fire(row)
    })
    timers.set(key, { due: row.due, deadline })
  }

  /** Forgets an entity's timers. */
  disarm(entity: string): void {
    const timers = this.#armed.get(entity)
    if (timers === undefined) return
    for (const { deadline } of timers.values()) deadline.cancel()
    this.#count -= timers.size
    this.#armed.delete(entity)
  }

  #remove(entity: string, key: string): void {
    const timers = this.#armed.get(entity)
    if (timers?.delete(key)) this.#count -= 1
    if (timers?.size === 0) this.#armed.delete(entity)
  }
}
