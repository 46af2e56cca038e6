/**
 * Timers of owned shards that fall due soon. Rows in the database are the truth; this holds those within the horizon, by
 * entity, and fires each once. Firing a timer that no longer applies is harmless: the entity ignores it.
 */
import type { Clock } from '../runtime/clock.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { EntityKey, TimerRow } from './journal.ts'

interface Armed {
  readonly due: number
  readonly deadline: Deadline
}

export class Timers {
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #fire: (row: TimerRow) => void
  /** By shard, entity, and what tells an entity's timers apart. */
  readonly #armed = new Map<number, Map<string, Map<string, Armed>>>()
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
    const timers = this.#timersOf(row)
    const present = timers.get(key)
    if (present?.due === row.due) return
    if (present === undefined) this.#count += 1
    else present.deadline.cancel()
    const delay = Math.max(row.due - this.#clock.now(), 0)
    const deadline = this.#deadlines.add(this.#clock.monotonic() + delay, () => {
      this.#remove(row, key)
      this.#fire(row)
    })
    timers.set(key, { due: row.due, deadline })
  }

  /** Forgets an entity's timers. */
  disarm({ shard, entity }: EntityKey): void {
    const entities = this.#armed.get(shard)
    const timers = entities?.get(entity)
    if (entities === undefined || timers === undefined) return
    this.#forget(timers)
    entities.delete(entity)
    if (entities.size === 0) this.#armed.delete(shard)
  }

  /** Forgets the timers of a shard that is gone: its next owner has the rows. */
  disarmShard(shard: number): void {
    for (const timers of this.#armed.get(shard)?.values() ?? []) this.#forget(timers)
    this.#armed.delete(shard)
  }

  #timersOf({ shard, entity }: EntityKey): Map<string, Armed> {
    let entities = this.#armed.get(shard)
    if (entities === undefined) {
      entities = new Map()
      this.#armed.set(shard, entities)
    }
    let timers = entities.get(entity)
    if (timers === undefined) {
      timers = new Map()
      entities.set(entity, timers)
    }
    return timers
  }

  #forget(timers: ReadonlyMap<string, Armed>): void {
    for (const { deadline } of timers.values()) deadline.cancel()
    this.#count -= timers.size
  }

  #remove(row: TimerRow, key: string): void {
    const timers = this.#armed.get(row.shard)?.get(row.entity)
    if (timers?.delete(key)) this.#count -= 1
    if (timers?.size === 0) this.disarm(row)
  }
}
