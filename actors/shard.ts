/**
 * A shard as its owner holds it: ownership, entities in memory, appends under way.
 *
 * Modes:
 *   open       entities decide and append
 *   uncertain  a statement's outcome is unknown or the journal is away: nothing is decided until every append has settled,
 *              the shard was acquired anew (a new epoch) and its tail was read
 *   lost       another owner has it: its entities are gone
 *
 * It guarantees that a decision of unknown outcome is matched by its command id against the journal before anyone is
 * answered (I3). It leaves taking many uncertain shards in one statement to shard-recovery.ts.
 */
import type { Entity } from './entity.ts'
import {
  type Append,
  type AppendOutcome,
  type Journal,
  JournalError,
  type JournalRow,
  type Ownership,
} from './journal.ts'

export type ShardStatus = 'open' | 'uncertain' | 'lost'

export interface ShardEvents {
  /** Nothing is decided in this shard for now. */
  uncertain(shard: Shard): void
  /** Every append of an uncertain shard has settled: it can be acquired anew. */
  readyToRecover(shard: Shard): void
  /** It was acquired anew and is open. */
  recovered(shard: Shard): void
  lost(shard: Shard): void
}

export class Shard {
  readonly number: number
  readonly entities = new Map<string, Entity>()
  /** Entities whose timers and cursor are behind their durable state. */
  readonly dirty = new Set<Entity>()
  /** Position up to which timers and directory rows are stored. */
  cursor: number

  readonly #journal: Journal
  readonly #events: ShardEvents
  #ownership: Ownership
  #status: ShardStatus = 'open'
  #appending = 0
  #lastDurable: number

  constructor(ownership: Ownership, cursor: number, journal: Journal, events: ShardEvents) {
    this.number = ownership.shard
    this.cursor = cursor
    this.#ownership = ownership
    this.#lastDurable = ownership.openedAt
    this.#journal = journal
    this.#events = events
  }

  get status(): ShardStatus {
    return this.#status
  }

  get ownership(): Ownership {
    return this.#ownership
  }

  /** Position of the last row known to be durable. */
  get lastDurable(): number {
    return this.#lastDurable
  }

  append(append: Append): void {
    this.#appending += 1
    this.#journal.append(this.#ownership, append)
  }

  /** An append of this shard has settled. */
  settled(outcome: AppendOutcome): void {
    this.#appending -= 1
    if (outcome.kind === 'durable') this.#lastDurable = Math.max(this.#lastDurable, outcome.position)
    else if (outcome.kind === 'fenced') this.lose()
    else if (outcome.kind === 'unknown' || outcome.error.code === 'journal_unavailable') this.#doubt()
    if (this.#status === 'uncertain' && this.#appending === 0) this.#events.readyToRecover(this)
  }

  /**
   * Whether the ownership held at some instant after this call; where it did not, the shard is lost.
   * @throws {JournalError} where nobody can say.
   */
  async prove(): Promise<boolean> {
    if (this.#status === 'uncertain') throw new JournalError('journal_unavailable', 'the shard is uncertain')
    const ownership = this.#ownership
    const proved = this.#status === 'open' && (await this.#journal.proveOwnership(ownership))
    if (!proved && this.#ownership === ownership) this.lose()
    return proved
  }

  /** Acquired anew, with the rows after {@link Shard.lastDurable}: callers in doubt are told, everyone goes on. */
  recovered(ownership: Ownership, tail: readonly JournalRow[]): void {
    if (this.#status !== 'uncertain') return
    this.#ownership = ownership
    this.#lastDurable = ownership.openedAt
    this.#status = 'open'
    this.#events.recovered(this)
    const rows = Map.groupBy(tail, (row) => row.entity)
    for (const entity of [...this.entities.values()]) {
      entity.settleFromTail(rows.get(entity.address.entity) ?? [])
      entity.wake()
    }
  }

  /** Another owner has the shard: everything of it leaves memory. */
  lose(): void {
    if (this.#status === 'lost') return
    this.#status = 'lost'
    for (const entity of [...this.entities.values()]) entity.remove('shard_moved')
    this.dirty.clear()
    this.#events.lost(this)
  }

  #doubt(): void {
    if (this.#status !== 'open') return
    this.#status = 'uncertain'
    this.#events.uncertain(this)
  }
}
