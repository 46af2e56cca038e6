/**
 * What {@link MemoryJournal} stores in: the twin of the Postgres database, shared by several journals as by several
 * nodes. Every method is one statement: atomic, judged against what is stored at that instant, with the conflicts that
 * Postgres would find (owner row, predecessor, primary key, unique entity sequence, check constraints).
 *
 * It holds no time and no tasks; when a statement runs, and whether its answer arrives, is the journal's business. What it
 * cannot show is a statement that is half done while another runs: a statement that hangs runs when it is released.
 */
import { MemoryMembership } from '../cluster/lease-store-memory.ts'
import type { Incarnation } from '../cluster/member.ts'
import type { ShardOwner } from '../cluster/owners.ts'
import type { Cancel } from '../runtime/clock.ts'
import {
  type ArchivedRecord,
  type CursorAdvance,
  type DecisionRecord,
  type EntityKey,
  JournalError,
  type JournalRow,
  type MerchantRow,
  type NoticeRow,
  type PspReferenceRow,
  type SnapshotRecord,
  type StoredEntity,
  type TimerRow,
} from './journal.ts'
import { accepts, copyMemoryRead, emptyMemoryRead, type MemoryRead, store } from './memory-read.ts'
import type { ReadAdvance } from './read-rows.ts'

export interface MemoryShard {
  owner: Incarnation | undefined
  epoch: number
  /** Position at which its owner gave it up; undefined while it is owned. */
  releasedAt: number | undefined
  /** Row at position p is `rows[p - 1]`. */
  rows: JournalRow[]
  /** Entity → indexes into `rows`, in order of seq. */
  entities: Map<string, number[]>
  snapshots: Map<string, SnapshotRecord[]>
  /** Entity → what stands in for its rows up to a sequence: they stay in `rows`, and nobody is shown them. */
  archived: Map<string, ArchivedRecord>
  /** Entity → its rows. */
  timers: Map<string, readonly TimerRow[]>
  cursor: MemoryCursor
  readCursor: MemoryCursor
  read: MemoryRead
}

interface MemoryCursor {
  readonly position: number
  readonly epoch: number
}

/** Everything stored at some instant; see {@link MemoryDatabase.restore}. */
export interface MemoryImage {
  readonly shards: ReadonlyMap<number, MemoryShard>
  readonly merchants: ReadonlyMap<string, MerchantRow>
  readonly pspReferences: ReadonlyMap<string, PspReferenceRow>
  readonly notices: ReadonlyMap<string, NoticeRow>
}

/** Rows of one shard as a flush sends them. */
export interface MemoryWrite {
  readonly shard: number
  readonly epoch: number
  /** Position of the first record. */
  readonly first: number
  readonly records: readonly DecisionRecord[]
}

export type MemoryWriteResult =
  /** Positions in order of the records; undefined where the record was refused. */
  | { readonly kind: 'written'; readonly positions: readonly (number | undefined)[] }
  | { readonly kind: 'not_owner' }
  /** The row before the first is missing or of another epoch. */
  | { readonly kind: 'no_predecessor' }
  /** Somebody has written at the first position. */
  | { readonly kind: 'collision' }

export const epochEntity = '0'.repeat(32)

/** The check constraints of the `journal` table. */
function violatesChecks(record: DecisionRecord): boolean {
  const hex = /^[0-9a-f]{32}$/
  return (
    !hex.test(record.entity) ||
    !hex.test(record.command) ||
    !/^[a-z][a-z0-9_.-]{0,62}$/.test(record.type) ||
    record.seq < 1 ||
    record.at < 0 ||
    record.data.length === 0
  )
}

/** The unique index (shard, entity, seq). */
function isTaken(shard: MemoryShard, { entity, seq }: DecisionRecord): boolean {
  const indexes = shard.entities.get(entity)
  const last = shard.rows[indexes?.at(-1) ?? -1]
  if (indexes === undefined || last === undefined || last.seq < seq) return false
  return indexes.some((index) => shard.rows[index]?.seq === seq)
}

export class MemoryDatabase {
  /** False: every statement fails without being executed, as with a server that is away. */
  available = true
  /** Who lives; several databases may share it, as journal databases share the membership database. */
  readonly membership: MemoryMembership
  readonly #listeners = new Set<() => void>()
  #shards = new Map<number, MemoryShard>()
  #merchants = new Map<string, MerchantRow>()
  /** By connection and reference. */
  #pspReferences = new Map<string, PspReferenceRow>()
  /** By entity. */
  #notices = new Map<string, NoticeRow>()

  constructor(membership: MemoryMembership = new MemoryMembership()) {
    this.membership = membership
  }

  shard(number: number): MemoryShard {
    let shard = this.#shards.get(number)
    if (shard === undefined) {
      shard = {
        owner: undefined,
        epoch: 0,
        releasedAt: undefined,
        rows: [],
        entities: new Map(),
        snapshots: new Map(),
        archived: new Map(),
        timers: new Map(),
        cursor: { position: 0, epoch: 0 },
        readCursor: { position: 0, epoch: 0 },
        read: emptyMemoryRead(),
      }
      this.#shards.set(number, shard)
    }
    return shard
  }

  // --- statements --------------------------------------------------------------------------------------------------

  /**
   * Compare-and-set on the owner row, at the epoch that was seen; answers the new epoch, or undefined where the shard may
   * not be taken.
   * @param dead owners that the taker knows to be dead.
   */
  take(number: number, seenEpoch: number, self: Incarnation, dead: readonly Incarnation[]): number | undefined {
    const shard = this.shard(number)
    const { owner } = shard
    const mayTake =
      owner === undefined ||
      shard.releasedAt !== undefined ||
      owner.node === self.node ||
      dead.some(({ node, incarnation }) => owner.node === node && owner.incarnation === incarnation)
    if (shard.epoch !== seenEpoch || !mayTake) return undefined
    shard.owner = { node: self.node, incarnation: self.incarnation }
    shard.epoch += 1
    shard.releasedAt = undefined
    this.#changed()
    return shard.epoch
  }

  /** Marks the owner row as released; false where the epoch is past, or the last row is not at this position. */
  release(number: number, epoch: number, position: number): boolean {
    const shard = this.shard(number)
    if (!this.owns(number, epoch) || shard.rows.length !== position) return false
    shard.releasedAt = position
    this.#changed()
    return true
  }

  owns(number: number, epoch: number): boolean {
    const shard = this.shard(number)
    return shard.epoch === epoch && shard.releasedAt === undefined
  }

  /** The owner rows of shards that ever had an owner, in order of shard. */
  owners(): readonly ShardOwner[] {
    return [...this.#shards]
      .filter(([, { epoch }]) => epoch > 0)
      .sort(([a], [b]) => a - b)
      .map(([shard, { epoch, owner, releasedAt }]) => ({ shard, epoch, owner, released: releasedAt !== undefined }))
  }

  /** Called at once when an owner row has changed. */
  onOwnersChanged(listener: () => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** The epoch record at tail + 1, which takes the cursor for its epoch; undefined where the shard was taken again meanwhile. */
  writeEpochRecord(number: number, epoch: number, record: DecisionRecord): number | undefined {
    const shard = this.shard(number)
    if (shard.epoch !== epoch) return undefined
    this.claimCursors(number, epoch)
    return this.#insert(shard, record, epoch)
  }

  write({ shard: number, epoch, first, records }: MemoryWrite): MemoryWriteResult {
    const shard = this.shard(number)
    if (!this.owns(number, epoch)) return { kind: 'not_owner' }
    if (shard.rows[first - 2]?.epoch !== epoch) return { kind: 'no_predecessor' }
    if (shard.rows.length >= first) return { kind: 'collision' }
    const refused = new Set<string>()
    const positions = records.map((record) => {
      if (refused.has(record.entity) || isTaken(shard, record) || violatesChecks(record)) {
        refused.add(record.entity)
        return undefined
      }
      return this.#insert(shard, record, epoch)
    })
    return { kind: 'written', positions }
  }

  load({ shard: number, entity }: EntityKey, upTo: number): StoredEntity {
    const shard = this.shard(number)
    const archived = shard.archived.get(entity)
    const rows = (shard.entities.get(entity) ?? [])
      .flatMap((index) => shard.rows[index] ?? [])
      .filter(({ seq }) => seq > (archived?.seq ?? 0))
    const snapshot = (shard.snapshots.get(entity) ?? [])
      .filter(({ seq, epoch }) => seq <= upTo && rows.some((row) => row.seq === seq && row.epoch === epoch))
      .toSorted((a, b) => a.seq - b.seq)
      .at(-1)
    return { archived, snapshot, rows: rows.filter((row) => row.seq > (snapshot?.seq ?? 0)) }
  }

  /** Rows after `position` that are shown, in order, at most `limit`. */
  tail(number: number, position: number, limit = Number.MAX_SAFE_INTEGER): readonly JournalRow[] {
    const { rows, archived } = this.shard(number)
    if (archived.size === 0) return rows.slice(position, position + limit)
    const shown = rows.slice(position).filter(({ entity, seq }) => seq > (archived.get(entity)?.seq ?? 0))
    return shown.slice(0, limit)
  }

  /**
   * Lets a record stand in for an entity's rows up to its sequence; false, and nothing is done, where that is not the last
   * one's, one is not below every cursor, the entity has timers, or is archived already.
   */
  archive(record: ArchivedRecord): boolean {
    const shard = this.shard(record.shard)
    const rows = (shard.entities.get(record.entity) ?? []).flatMap((index) => shard.rows[index] ?? [])
    const below = Math.min(shard.cursor.position, shard.readCursor.position)
    const last = rows.at(-1)
    if (last?.seq !== record.seq || last.epoch !== record.epoch || last.position >= below) return false
    if ((shard.timers.get(record.entity) ?? []).length > 0 || shard.archived.has(record.entity)) return false
    shard.archived.set(record.entity, record)
    return true
  }

  /** Shows the rows again. */
  restoreArchived({ shard, entity }: EntityKey): void {
    this.shard(shard).archived.delete(entity)
  }

  saveSnapshot(snapshot: SnapshotRecord): void {
    const { snapshots } = this.shard(snapshot.shard)
    const present = snapshots.get(snapshot.entity) ?? []
    if (present.some(({ seq, epoch }) => seq === snapshot.seq && epoch === snapshot.epoch)) return
    snapshots.set(snapshot.entity, [...present, snapshot])
  }

  /** Takes the cursors for an epoch: no owner of an older one moves them from now on, where that is not past. */
  claimCursors(number: number, epoch: number): void {
    const shard = this.shard(number)
    if (shard.epoch !== epoch) return
    shard.cursor = { ...shard.cursor, epoch }
    shard.readCursor = { ...shard.readCursor, epoch }
  }

  /** Where the cursors stand; undefined where they were not claimed for this epoch, or the epoch is past. */
  claimedCursors(number: number, epoch: number): { readonly cursor: number; readonly readCursor: number } | undefined {
    const shard = this.shard(number)
    const isClaimed = shard.epoch === epoch && shard.cursor.epoch === epoch && shard.readCursor.epoch === epoch
    return isClaimed ? { cursor: shard.cursor.position, readCursor: shard.readCursor.position } : undefined
  }

  /** False where the cursor is elsewhere, the epoch is past, or no row is where it is to go: nothing is written then. */
  advance(advance: CursorAdvance): boolean {
    const shard = this.shard(advance.shard)
    const move = moveOf(shard, shard.cursor, advance)
    if (move !== 'moves') return move === 'done'
    shard.cursor = { position: advance.to, epoch: advance.epoch }
    for (const entity of advance.entities) {
      const rows = advance.timers.filter((timer) => timer.entity === entity)
      if (rows.length === 0) shard.timers.delete(entity)
      else shard.timers.set(entity, rows)
    }
    for (const merchant of advance.merchants) {
      const present = this.#merchants.get(merchant.merchant)
      if (present === undefined || present.version < merchant.version) this.#merchants.set(merchant.merchant, merchant)
    }
    for (const row of advance.pspReferences) {
      const key = `${row.connection} ${row.reference}`
      if (!this.#pspReferences.has(key)) this.#pspReferences.set(key, row)
    }
    for (const notice of advance.notices) {
      const { entity, status, reason, payment } = notice
      this.#notices.set(entity, { ...(this.#notices.get(entity) ?? notice), status, reason, payment })
    }
    return true
  }

  /** The same for the read side, whose rows are not refused. */
  advanceRead(advance: ReadAdvance): boolean {
    const shard = this.shard(advance.shard)
    const move = moveOf(shard, shard.readCursor, advance)
    if (move !== 'moves') return move === 'done'
    shard.readCursor = { position: advance.to, epoch: advance.epoch }
    store(shard.read, advance)
    return true
  }

  /** Whether a row of it would be refused. */
  refusesRead(advance: ReadAdvance): boolean {
    const shard = this.shard(advance.shard)
    return moveOf(shard, shard.readCursor, advance) === 'moves' && !accepts(shard.read, advance)
  }

  timers(number: number, wanted: (timer: TimerRow) => boolean): readonly TimerRow[] {
    return [...this.shard(number).timers.values()].flat().filter(wanted)
  }

  get merchants(): ReadonlyMap<string, MerchantRow> {
    return this.#merchants
  }

  get pspReferences(): readonly PspReferenceRow[] {
    return [...this.#pspReferences.values()]
  }

  get notices(): readonly NoticeRow[] {
    return [...this.#notices.values()]
  }

  /** Whether a decision that was made until then is beyond its shard's cursor. */
  isBehind(at: number): boolean {
    return [...this.#shards.values()].some(({ rows, cursor }) =>
      rows.slice(cursor.position).some((row) => row.type !== 'epoch' && row.at <= at),
    )
  }

  // --- fail-over -----------------------------------------------------------------------------------------------------

  /** What a standby that receives nothing from now on would hold. */
  image(): MemoryImage {
    return {
      shards: copyShards(this.#shards),
      merchants: new Map(this.#merchants),
      pspReferences: new Map(this.#pspReferences),
      notices: new Map(this.#notices),
    }
  }

  /** A fail-over to that standby: what was stored after the image is gone, acknowledged or not. Leases stay. */
  restore(image: MemoryImage): void {
    this.#shards = copyShards(image.shards)
    this.#merchants = new Map(image.merchants)
    this.#pspReferences = new Map(image.pspReferences)
    this.#notices = new Map(image.notices)
  }

  /** The same for one shard. */
  loseRowsAfter(number: number, position: number): void {
    const shard = this.shard(number)
    const rows = shard.rows.slice(0, position)
    shard.rows = []
    shard.entities.clear()
    for (const { epoch, position: _position, ...record } of rows) this.#insert(shard, record, epoch)
  }

  #insert(shard: MemoryShard, record: DecisionRecord, epoch: number): number {
    const position = shard.rows.length + 1
    const indexes = shard.entities.get(record.entity)
    if (indexes === undefined) shard.entities.set(record.entity, [position - 1])
    else indexes.push(position - 1)
    shard.rows.push({ ...record, position, epoch })
    return position
  }
}

/**
 * One statement over several shards' read sides: answers those that were left out.
 * @throws {JournalError} where a row was refused; nothing is written then.
 */
export function advanceTogether(database: MemoryDatabase, advances: readonly ReadAdvance[]): readonly number[] {
  if (advances.some((advance) => database.refusesRead(advance))) {
    throw new JournalError('journal_refused', 'a row of the read side was refused')
  }
  return advances.filter((advance) => !database.advanceRead(advance)).map(({ shard }) => shard)
}

interface Move {
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** A cursor that this epoch has moved there already counts as done. */
function moveOf(
  { epoch: owned, rows }: MemoryShard,
  cursor: MemoryCursor,
  { epoch, from, to }: Move,
): 'moves' | 'done' | 'left_out' {
  if (owned !== epoch || cursor.epoch > epoch) return 'left_out'
  if (cursor.position === to && cursor.epoch === epoch && from !== to) return 'done'
  return cursor.position === from && rows.length >= to ? 'moves' : 'left_out'
}

function copyShards(shards: ReadonlyMap<number, MemoryShard>): Map<number, MemoryShard> {
  return new Map(
    [...shards].map(([number, shard]) => [
      number,
      {
        owner: shard.owner,
        epoch: shard.epoch,
        releasedAt: shard.releasedAt,
        rows: [...shard.rows],
        entities: new Map([...shard.entities].map(([entity, indexes]) => [entity, [...indexes]])),
        snapshots: new Map(shard.snapshots),
        archived: new Map(shard.archived),
        timers: new Map(shard.timers),
        cursor: shard.cursor,
        readCursor: shard.readCursor,
        read: copyMemoryRead(shard.read),
      },
    ]),
  )
}
