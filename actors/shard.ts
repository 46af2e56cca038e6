/**
 * A shard as its owner holds it: ownership, entities in memory, appends under way.
 *
 * Modes:
 *   open       entities decide and append
 *   uncertain  a statement's outcome is unknown or the journal is away: nothing is decided until every append has settled,
 *              the shard was acquired anew (a new epoch) and its tail was read
 *   releasing  it is given up: nothing more is decided, what is on its way to the journal still becomes durable
 *   lost       it was released, or another owner has it: its entities are gone
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
  type OpenedShard,
  type Ownership,
} from './journal.ts'
import { ReadBuffer } from './read-buffer.ts'

export type ShardStatus = 'open' | 'uncertain' | 'releasing' | 'lost'

export interface ShardEvents {
  /** Nothing is decided in this shard for now. */
  uncertain(shard: Shard): void
  /** Every append of an uncertain shard has settled: it can be acquired anew. */
  readyToRecover(shard: Shard): void
  /** It was acquired anew and is open. */
  recovered(shard: Shard): void
  /** It was given up, or another owner has it; its entities are gone. */
  left(shard: Shard, how: 'released' | 'lost'): void
}

export class Shard {
  readonly number: number
  readonly entities = new Map<string, Entity>()
  /** Entities whose timers and cursor are behind their durable state. */
  readonly dirty = new Set<Entity>()
  /** Position up to which timers and directory rows are stored. */
  cursor: number
  /** What the read side has not stored yet. */
  readonly read: ReadBuffer
  /** Entities with rows after the cursor that nobody has looked at yet: until then the cursor stands still. */
  unread = 0
  /** Commands since the load was last taken. */
  commands = 0

  readonly #journal: Journal
  readonly #events: ShardEvents
  #ownership: Ownership
  #status: ShardStatus = 'open'
  #appending = 0
  #lastDurable: number

  constructor({ ownership, cursor, readCursor }: OpenedShard, journal: Journal, events: ShardEvents) {
    this.number = ownership.shard
    this.cursor = cursor
    this.read = new ReadBuffer(readCursor)
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
    this.#assertCertain()
    const ownership = this.#ownership
    const proved = this.#status !== 'lost' && (await this.#journal.proveOwnership(ownership))
    if (proved) return true
    // the epoch that the proof has met may be the one of its own recovery
    this.#assertCertain()
    if (this.#ownership === ownership) this.lose()
    return false
  }

  /** Where the read side's cursor stands; undefined where nothing is decided in the shard now. @throws {JournalError} */
  async readCursor(): Promise<number | undefined> {
    if (this.#status !== 'open' || !(await this.prove())) return undefined
    const [opened] = await this.#journal.open([this.#ownership], 0, [])
    return opened?.readCursor
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

  /** Nothing more is admitted or decided. False where it cannot be given up now: its journal's word is awaited, or it is lost. */
  beginRelease(): boolean {
    if (this.#status !== 'open') return false
    this.#status = 'releasing'
    return true
  }

  /** Its owner row says that it is released: everything of it leaves memory, and who waits is sent to the next owner. */
  released(): void {
    if (this.#status === 'releasing') this.#leave('released')
  }

  /** Another owner has the shard, or nobody can say whether it was released: everything of it leaves memory. */
  lose(): void {
    if (this.#status === 'lost') return
    this.#leave('lost')
  }

  #assertCertain(): void {
    if (this.#status === 'uncertain') throw new JournalError('journal_unavailable', 'the shard is uncertain')
  }

  #leave(how: 'released' | 'lost'): void {
    this.#status = 'lost'
    for (const entity of [...this.entities.values()]) entity.remove('shard_moved')
    this.dirty.clear()
    this.#events.left(this, how)
  }

  #doubt(): void {
    if (this.#status !== 'open') return
    this.#status = 'uncertain'
    this.#events.uncertain(this)
  }
}
