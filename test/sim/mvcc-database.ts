/**
 * The journal's database with statements that take their time, as under READ COMMITTED: what a statement checks it sees as
 * it was when it began; what it inserts meets what is stored when it ends. So a row of an owner who was deposed while its
 * statement ran may still be written, up to the moment when the new owner's epoch record stands at its position: then the
 * primary key stops it.
 *
 * The twin that production tests use runs each statement at one instant; this one differs in nothing else. Each check has
 * a method of its own, for sabotages to leave out.
 */
import type { CursorAdvance } from '../../actors/journal.ts'
import type { ReadAdvance } from '../../actors/read-rows.ts'
import {
  MemoryDatabase,
  type MemoryShard,
  type MemoryWrite,
  type MemoryWriteResult,
} from '../../actors/memory-database.ts'

/** A shard as a statement saw it when it began. */
interface Seen {
  readonly epoch: number
  readonly isReleased: boolean
  readonly rows: number
}

export type Snapshot = ReadonlyMap<number, Seen>

export class MvccDatabase extends MemoryDatabase {
  #running: Snapshot | undefined
  readonly #known = new Set<number>()

  override shard(number: number): MemoryShard {
    this.#known.add(number)
    return super.shard(number)
  }

  snapshot(): Snapshot {
    const seen = new Map<number, Seen>()
    for (const number of this.#known) {
      const { epoch, releasedAt, rows } = super.shard(number)
      seen.set(number, { epoch, isReleased: releasedAt !== undefined, rows: rows.length })
    }
    return seen
  }

  /** Ends a statement that began when the snapshot was taken. */
  finish<Result>(began: Snapshot, execute: () => Result): Result {
    this.#running = began
    try {
      return execute()
    } finally {
      this.#running = undefined
    }
  }

  /** The shard's epoch as the running statement sees it. */
  epochSeen(number: number): number {
    return this.#seen(number).epoch
  }

  override write(write: MemoryWrite): MemoryWriteResult {
    const seen = this.#seen(write.shard)
    if (!this.isOwner(seen, write.epoch)) return { kind: 'not_owner' }
    if (!this.hasPredecessor(seen, write)) return { kind: 'no_predecessor' }
    const shard = this.shard(write.shard)
    if (shard.rows.length >= write.first) return this.collided(write)
    return this.#asSeen(shard, write.epoch, () => super.write(write))
  }

  override advance(advance: CursorAdvance): boolean {
    const shard = this.shard(advance.shard)
    if (!this.isOwner(this.#seen(advance.shard), advance.epoch)) return false
    return this.#asSeen(shard, advance.epoch, () => super.advance(advance))
  }

  override advanceRead(advance: ReadAdvance): boolean {
    const shard = this.shard(advance.shard)
    if (!this.isOwner(this.#seen(advance.shard), advance.epoch)) return false
    return this.#asSeen(shard, advance.epoch, () => super.advanceRead(advance))
  }

  override claimCursors(number: number, epoch: number): void {
    if (this.shard(number).cursor.epoch <= epoch) super.claimCursors(number, epoch)
  }

  protected isOwner(seen: Seen, epoch: number): boolean {
    return seen.epoch === epoch && !seen.isReleased
  }

  protected hasPredecessor(seen: Seen, { shard, first, epoch }: MemoryWrite): boolean {
    return seen.rows >= first - 1 && this.shard(shard).rows[first - 2]?.epoch === epoch
  }

  protected collided(_write: MemoryWrite): MemoryWriteResult {
    return { kind: 'collision' }
  }

  #seen(number: number): Seen {
    const seen = this.#running?.get(number)
    if (seen !== undefined) return seen
    const { epoch, releasedAt, rows } = this.shard(number)
    return { epoch, isReleased: releasedAt !== undefined, rows: rows.length }
  }

  /** The owner row was checked: the rest of the statement looks at what is stored now. */
  #asSeen<Result>(shard: MemoryShard, epoch: number, rest: () => Result): Result {
    const now = { epoch: shard.epoch, releasedAt: shard.releasedAt }
    shard.epoch = epoch
    shard.releasedAt = undefined
    try {
      return rest()
    } finally {
      Object.assign(shard, now)
    }
  }
}
