/**
 * The journal as actors see it: ownership of shards, appends that prove it, reads, snapshots and the rows kept under
 * each shard's cursor. Implementations: `MemoryJournal` (`journal-memory.ts`) and Postgres
 * (`persistence/postgres-journal.ts`); one conformance suite holds both to the same claims (`journal-conformance.ts`).
 *
 * Guarantees:
 * - An append is settled exactly once. `durable` means committed under my epoch; `refused` and `fenced` mean that nothing
 *   of it is or will be in the journal; `unknown` means neither: the shard is uncertain until it is acquired anew.
 * - Positions are gapless per shard, given when a flush is formed; one row is one decision.
 * - A deposed owner, and an owner that is ahead of the database, write nothing.
 * - A statement of unknown outcome is never sent again.
 */
import type { ReadAdvance } from './read-rows.ts'

/** One decision as it is stored. Field names are the columns' names; docs/journal-format.md describes the bytes. */
export interface DecisionRecord {
  readonly shard: number
  /** 32 hexadecimal digits. */
  readonly entity: string
  /** From 1, contiguous within the entity. */
  readonly seq: number
  /** Command id, 32 hexadecimal digits: finds the waiting caller after an unknown commit. */
  readonly command: string
  /** `payment.<command>`, `merchant.<command>` or `epoch`. */
  readonly type: string
  /** Unix milliseconds. */
  readonly at: number
  /** msgpack with a schema version. */
  readonly data: Buffer
  /** Personal data and payment-method tokens, msgpack; null where there are none. */
  readonly private: Buffer | null
  /** Which key encrypts `private`; null until encryption is built. */
  readonly keyId: string | null
}

export interface JournalRow extends DecisionRecord {
  /** From 1, gapless within the shard. */
  readonly position: number
  readonly epoch: number
}

export type AppendOutcome =
  | { readonly kind: 'durable'; readonly position: number }
  /** Definitely not written, the shard is still mine: a constraint refused this decision. */
  | { readonly kind: 'refused'; readonly error: JournalError }
  /** Definitely not written: another owner has the shard, or the database is behind what it had acknowledged. */
  | { readonly kind: 'fenced'; readonly error: JournalError }
  /** Nobody knows: acquire the shard anew and read its tail. */
  | { readonly kind: 'unknown'; readonly error: JournalError }

export interface Append {
  readonly record: DecisionRecord
  /** Called once, from the event loop, never synchronously within `append`. Must not throw. */
  settle(outcome: AppendOutcome): void
}

/** A shard as its owner holds it. */
export interface Ownership {
  readonly shard: number
  readonly epoch: number
  /** Position of the epoch record: everything after it was written under this epoch. */
  readonly openedAt: number
}

export interface ReleasedOwnership extends Ownership {
  /** Position of the shard's last row. */
  readonly releasedAt: number
}

export interface EntityKey {
  readonly shard: number
  readonly entity: string
}

export interface SnapshotRecord extends EntityKey {
  readonly seq: number
  readonly epoch: number
  /** msgpack of the state without personal data. */
  readonly data: Buffer
  /** msgpack of the personal data taken out of it; null where there is none. */
  readonly private: Buffer | null
}

/**
 * What stands in for an entity's rows that were moved to an archive: rows up to and including `seq` are not in the journal any
 * more. Its bytes are those of archived.ts; `epoch` is that of the row at `seq`.
 */
export interface ArchivedRecord extends SnapshotRecord {}

/** An entity as stored: its newest valid snapshot, if any, and all rows after it in order of `seq`. */
export interface StoredEntity {
  /** Where rows were archived: there are none up to its sequence, and no snapshot is older. */
  readonly archived: ArchivedRecord | undefined
  readonly snapshot: SnapshotRecord | undefined
  readonly rows: readonly JournalRow[]
}

/** An open operation or timer: a row under its shard's cursor. */
export interface TimerRow extends EntityKey {
  /** Operation id, or empty. */
  readonly operation: string
  readonly kind: string
  /** Unix milliseconds. */
  readonly due: number
}

/** A merchant's configuration as the directory reads it: newest by version. */
export interface MerchantRow extends EntityKey {
  readonly merchant: string
  readonly version: number
  /** msgpack of MerchantConfiguration. */
  readonly data: Buffer
}

/** A PSP's reference and whose it is. Insert-only: the first entity that has it keeps it. */
export interface PspReferenceRow extends EntityKey {
  readonly connection: string
  readonly reference: string
}

export type NoticeStatus = 'received' | 'delivered' | 'orphaned' | 'kept'

/** What a PSP pushed, and what became of it: one row per entity of an inbox. */
export interface NoticeRow extends EntityKey {
  readonly connection: string
  /** The PSP's identity of it. */
  readonly notice: string
  readonly type: string
  readonly status: NoticeStatus
  /** Why no payment took it; null unless `orphaned`. */
  readonly reason: string | null
  /** Entity of the payment that took it, or whose operation it names, 32 hexadecimal digits; null where none is known. */
  readonly payment: string | null
  /** Unix milliseconds. */
  readonly receivedAt: number
}

/**
 * What one shard's owner writes beside its cursor, in one transaction, guarded by compare-and-set on the old position, and
 * only where a row is stored at the new one:
 * for each entity in `entities`, `timers` replaces all its rows.
 */
export interface CursorAdvance {
  readonly shard: number
  readonly epoch: number
  readonly from: number
  readonly to: number
  readonly entities: readonly string[]
  readonly timers: readonly TimerRow[]
  readonly merchants: readonly MerchantRow[]
  readonly pspReferences: readonly PspReferenceRow[]
  readonly notices: readonly NoticeRow[]
}

export interface OpenedShard {
  readonly ownership: Ownership
  /** Position up to which all that is kept under it is current. */
  readonly cursor: number
  /** Position up to which the read side is current. */
  readonly readCursor: number
  /** Timer rows as `open` was asked for them. */
  readonly timers: readonly TimerRow[]
  /** Rows after the cursor, in order of position, epoch records included. */
  readonly tail: readonly JournalRow[]
}

export interface Journal {
  /**
   * Which of its databases keeps a shard: a number without further meaning. A call about shards of several databases rejects
   * where any of them fails, though the others did what was asked; who wants shards of one database not to wait for another
   * asks for each apart (per-database.ts).
   */
  databaseOf(shard: number): number
  /**
   * Makes this process the owner of `shards`: compare-and-set on the owner rows, committed alone, then an epoch record
   * at tail + 1 for each. Also the way out of an uncertain shard. In order of shard; a shard another owner took
   * meanwhile is left out of the answer.
   */
  acquire(shards: readonly number[]): Promise<readonly Ownership[]>
  /**
   * What an owner needs before it serves: cursor, tail, and the timers that are due before `horizon` (unix ms) or whose
   * kind is one of `openKinds`, however late they are due. Set-based.
   */
  open(ownerships: readonly Ownership[], horizon: number, openKinds: readonly string[]): Promise<readonly OpenedShard[]>
  /**
   * Gives shards up, for a planned hand-off: finishes what is queued and in flight, then marks the owner rows as released
   * at their last positions. From the call on, appends to them settle as `fenced`. Answers what was released; a shard of
   * unknown outcome, or one that another owner took, is left out, and is lost to this process either way.
   */
  release(ownerships: readonly Ownership[]): Promise<readonly ReleasedOwnership[]>
  /** Queues a decision for its shard's lane. The record's seq and position order are the order of calls. */
  append(ownership: Ownership, append: Append): void
  /**
   * Rows of an entity with its newest valid snapshot; calls within one turn are one query. Rejects with {@link JournalError}.
   * As of one moment: while an entity is archived or restored, either its rows come back or what stands in for them.
   * @param upTo only a snapshot at or before this sequence is used; all rows after that snapshot come back.
   */
  load(key: EntityKey, upTo?: number): Promise<StoredEntity>
  /** Rows of a shard after `position`, in order, at most `limit`. */
  readTail(shard: number, position: number, limit: number): Promise<readonly JournalRow[]>
  /**
   * Proves that the ownership held at some instant after the call, in a database that has all it has acknowledged; calls
   * within one turn are one query.
   */
  proveOwnership(ownership: Ownership): Promise<boolean>
  /** Stores snapshots, insert-only; one that exists already stays. */
  saveSnapshots(snapshots: readonly SnapshotRecord[]): Promise<void>
  /** Moves cursors with what they guard. Answers the shards whose compare-and-set failed: nothing of those was written. */
  advance(advances: readonly CursorAdvance[]): Promise<readonly number[]>
  /**
   * The same for the read side and its cursor.
   * @throws {JournalError} `journal_refused` where a row of one of them was refused: nothing of any was written.
   */
  advanceRead(advances: readonly ReadAdvance[]): Promise<readonly number[]>
  /** Timers of owned shards due before `horizon`. Those of a database that is away are left out; rejects where all are. */
  timersDue(shards: readonly number[], horizon: number): Promise<readonly TimerRow[]>
  /** Finishes what is in flight, then ends. Appends after it settle as `refused`. */
  close(): Promise<void>
}

export type JournalErrorCode =
  | 'journal_unavailable'
  | 'journal_outcome_unknown'
  | 'journal_fenced'
  | 'journal_refused'
  | 'journal_closed'
  | 'journal_lost_acknowledged_rows'
  | 'journal_settings_unsafe'

export class JournalError extends Error {
  override readonly name = 'JournalError'
  readonly code: JournalErrorCode
  /** Whether the same request may succeed later without anyone changing anything. */
  readonly canRetry: boolean
  /** The shards it is about, where it is about some and not about the server as a whole. */
  readonly shards: readonly number[]

  constructor(
    code: JournalErrorCode,
    message: string,
    options: ErrorOptions & { readonly shards?: readonly number[] } = {},
  ) {
    super(message, options)
    this.code = code
    this.shards = options.shards ?? []
    this.canRetry = code === 'journal_unavailable' || code === 'journal_outcome_unknown'
  }
}
