/**
 * The journal's judge: looks at the stored rows themselves after every statement that changed something, and keeps a copy
 * of what it saw. It knows the columns and the documented form of an epoch record; nothing of who wrote them, nor how.
 *
 * - One owner per (shard, epoch), for ever; an epoch's first row is its record, naming that owner.
 * - A row's epoch is the one that the shard's owner row had when the statement that wrote it began.
 * - Positions are gapless, epochs never go back, sequences of an entity are contiguous, a request is decided once.
 * - What was stored stays as it was, but for a declared fail-over to an older copy.
 * - Cursors never go back.
 */
import { unpack } from 'msgpackr'
import type { JournalRow } from '../../../actors/journal.ts'
import type { MvccDatabase } from '../mvcc-database.ts'
import { claim } from './violation.ts'

interface SeenShard {
  readonly rows: JournalRow[]
  readonly sequences: Map<string, number>
  epoch: number
  cursor: number
}

export interface JournalCheckerEvents {
  /** A decision was stored (epoch records are not told). */
  stored(row: JournalRow): void
}

const noEntity = '0'.repeat(32)
const factTypes = new Set(['payment.record_outcome', 'payment.fire_timer', 'payment.recover_operations'])

export class JournalChecker {
  readonly #events: JournalCheckerEvents
  readonly #shards = new Map<number, SeenShard>()
  readonly #owners = new Map<string, string>()
  readonly #commands = new Set<string>()
  /** Incarnation and shard → the last position that it was told to be durable. */
  readonly #acknowledged = new Map<string, number>()
  /** Incarnations and shards whose acknowledged rows are gone. */
  readonly #bereft = new Set<string>()

  constructor(events: JournalCheckerEvents) {
    this.#events = events
  }

  /** Rows of the shard as they were seen. */
  rows(shard: number): readonly JournalRow[] {
    return this.#seen(shard).rows
  }

  has(command: string): boolean {
    return this.#commands.has(command)
  }

  get shards(): readonly number[] {
    return [...this.#shards.keys()]
  }

  /** Something of this shard was written. */
  changed(database: MvccDatabase, number: number): void {
    const stored = database.shard(number)
    const seen = this.#seen(number)
    if (stored.owner !== undefined)
      this.#owner(number, stored.epoch, `${stored.owner.node}/${stored.owner.incarnation}`)
    claim(
      stored.rows.length >= seen.rows.length && stored.rows[seen.rows.length - 1] === seen.rows.at(-1),
      'journal_rewritten',
      'what is in the journal stays there',
      () => ({ shard: number, rows: stored.rows.length, seen: seen.rows.length }),
    )
    for (let index = seen.rows.length; index < stored.rows.length; index += 1) {
      this.#row(number, seen, stored.rows[index] as JournalRow, database.epochSeen(number))
    }
    claim(
      stored.cursor.position >= seen.cursor && stored.cursor.position <= stored.rows.length,
      'cursor_went_back',
      'a cursor moves forward, and not beyond the last row',
      () => ({ shard: number, cursor: stored.cursor.position, before: seen.cursor, rows: stored.rows.length }),
    )
    seen.cursor = stored.cursor.position
  }

  /** An incarnation was told that the shard's rows up to here are durable. */
  acknowledged(incarnation: string, shard: number, position: number): void {
    this.#acknowledged.set(`${incarnation} ${shard}`, position)
  }

  /**
   * A fail-over to an older copy was declared: what is stored now is what counts. Whoever had been told of more has to
   * notice, and writes nothing any more.
   */
  rebase(database: MvccDatabase): void {
    const numbers = [...this.#shards.keys()]
    this.#shards.clear()
    this.#owners.clear()
    this.#commands.clear()
    for (const number of numbers) {
      const stored = database.shard(number)
      const seen = this.#seen(number)
      for (const row of stored.rows) this.#row(number, seen, row, row.epoch)
      seen.cursor = stored.cursor.position
    }
    for (const [who, position] of this.#acknowledged) {
      const number = Number(who.split(' ')[1])
      if (database.shard(number).rows.length < position) this.#bereft.add(who)
    }
  }

  #seen(number: number): SeenShard {
    let seen = this.#shards.get(number)
    if (seen === undefined) {
      seen = { rows: [], sequences: new Map(), epoch: 0, cursor: 0 }
      this.#shards.set(number, seen)
    }
    return seen
  }

  #owner(shard: number, epoch: number, owner: string): void {
    const key = `${shard}/${epoch}`
    const known = this.#owners.get(key)
    claim(known === undefined || known === owner, 'owner_not_alone', 'an epoch of a shard has one owner', () => ({
      shard,
      epoch,
      owner,
      known,
    }))
    this.#owners.set(key, owner)
  }

  #row(shard: number, seen: SeenShard, row: JournalRow, ownerEpoch: number): void {
    const facts = (): Record<string, unknown> => {
      const { position, epoch, entity, seq, type, command } = row
      return { shard, position, epoch, entity, seq, type, command, ownerEpoch, lastEpoch: seen.epoch }
    }
    claim(
      row.shard === shard && row.position === seen.rows.length + 1,
      'position_not_gapless',
      'positions count on',
      facts,
    )
    claim(row.epoch >= seen.epoch, 'epoch_went_back', 'epochs never go back', facts)
    claim(row.epoch === ownerEpoch, 'row_of_no_owner', 'only the shard’s owner writes', facts)
    const isRecord = row.type === 'epoch'
    // Its taking may have been under way: a record alone acknowledges nothing.
    claim(
      isRecord || !this.#bereft.has(`${this.#owners.get(`${shard}/${ownerEpoch}`)} ${shard}`),
      'lost_rows_continued',
      'a node whose acknowledged rows are gone writes nothing more into that shard',
      facts,
    )
    claim(
      isRecord === row.epoch > seen.epoch,
      'epoch_without_record',
      'an epoch begins with its record and has only one',
      facts,
    )
    if (isRecord) {
      claim(row.entity === noEntity && row.seq === row.epoch, 'epoch_without_record', 'it is an epoch record', facts)
      const { node, incarnation } = unpack(row.data) as { node: string; incarnation: string }
      this.#owner(shard, row.epoch, `${node}/${incarnation}`)
    } else {
      const last = seen.sequences.get(row.entity) ?? 0
      claim(row.seq === last + 1, 'sequence_not_contiguous', 'sequences of an entity count on', facts)
      seen.sequences.set(row.entity, row.seq)
      // Facts and timers that are sent on in a hand-off may arrive twice (actors/forwarding.ts); requests may not.
      const isFact = factTypes.has(row.type)
      claim(isFact || !this.#commands.has(row.command), 'decision_twice', 'a request is decided once', facts)
      this.#commands.add(row.command)
    }
    seen.epoch = row.epoch
    seen.rows.push(row)
    if (!isRecord) this.#events.stored(row)
  }
}
