/** Databases that miss one check each. */
import type { CursorAdvance } from '../../../actors/journal.ts'
import type { MemoryWrite, MemoryWriteResult } from '../../../actors/memory-database.ts'
import type { ReadAdvance } from '../../../actors/read-rows.ts'
import { store } from '../../../actors/memory-read.ts'
import { MvccDatabase } from '../mvcc-database.ts'

/** The appending statement does not join the owner row. */
export class OwnerCheckOff extends MvccDatabase {
  protected override isOwner(): boolean {
    return true
  }
}

/** It does not look at the row before the first one, and appends after the last one that is there. */
export class PredecessorCheckOff extends MvccDatabase {
  override write(write: MemoryWrite): MemoryWriteResult {
    const { rows } = this.shard(write.shard)
    const first = Math.min(write.first, rows.length + 1)
    const before = rows[first - 2]
    if (before === undefined || before.epoch === write.epoch) return super.write({ ...write, first })
    rows[first - 2] = { ...before, epoch: write.epoch }
    try {
      return super.write({ ...write, first })
    } finally {
      rows[first - 2] = before
    }
  }

  protected override hasPredecessor(): boolean {
    return true
  }
}

/** Whoever moves a cursor moves it, wherever it stands. */
export class CursorWithoutCompareAndSet extends MvccDatabase {
  override advance(advance: CursorAdvance): boolean {
    this.shard(advance.shard).cursor = { position: advance.from, epoch: advance.epoch }
    return super.advance(advance)
  }

  protected override isOwner(): boolean {
    return true
  }

  override write(write: MemoryWrite): MemoryWriteResult {
    return this.epochSeen(write.shard) === write.epoch ? super.write(write) : { kind: 'not_owner' }
  }
}

/** Whoever has rows for the read side stores them and sets its cursor, wherever that stands and whoever owns the shard. */
export class ReadCursorWithoutCompareAndSet extends MvccDatabase {
  override advanceRead(advance: ReadAdvance): boolean {
    const shard = this.shard(advance.shard)
    shard.readCursor = { position: advance.to, epoch: advance.epoch }
    store(shard.read, advance)
    return true
  }
}

/** A row that is there already counts as the one that was to be written. */
export class CollisionAsSuccess extends MvccDatabase {
  protected override collided(write: MemoryWrite): MemoryWriteResult {
    return { kind: 'written', positions: write.records.map((_, index) => write.first + index) }
  }
}
