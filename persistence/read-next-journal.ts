/**
 * A journal database as a second set of the read side's tables is filled from it: rows are read by the tables' owner, and
 * written into `read_next` by the projector's role and statement, guarded by the cursor `read_next` of their shard. Nothing is
 * acquired and no owner is disturbed. Statements have more time than an owner's: nobody waits for them.
 */
import type { EntityKey, Journal } from '../actors/journal.ts'
import type { ReadAdvance } from '../actors/read-rows.ts'
import { systemClock } from '../runtime/clock.ts'
import { Batched } from './batched.ts'
import { DatabasePool } from './database-pool.ts'
import { journalLimits } from './journal-limits.ts'
import { advanceReadCursors, projectorRole } from './read-cursor.ts'
import { ReadMonths } from './read-months.ts'
import { type EntityRequest, loadEntities, readShardTail } from './reads.ts'

/** For statements of thousands of rows, on a server that has much else to do: what fails here ends an hour's work. */
const limits = journalLimits({
  ...{ lockTimeoutMs: 10_000, statementTimeoutMs: 30_000, transactionTimeoutMs: 31_000 },
  ...{ flushTimeoutMs: 32_000, queryTimeoutMs: 35_000, connectTimeoutMs: 20_000 },
})
const readingMax = 2

export class ReadNextJournal implements Pick<Journal, 'databaseOf' | 'load' | 'readTail' | 'advanceRead'> {
  readonly #reading: DatabasePool
  readonly #writing: DatabasePool
  readonly #months = new ReadMonths(systemClock, 'read_next')
  readonly #loads: Batched<EntityRequest, Awaited<ReturnType<Journal['load']>>>

  readonly #part: number

  /**
   * @param owner of the tables.
   * @param part of the balances: another one than that of everybody who fills the same tables.
   */
  constructor(databaseUrl: string, owner: string, part: number) {
    this.#part = part
    const poolOf = (poolMax: number, role: string): DatabasePool =>
      new DatabasePool({
        ...{ databaseUrl, applicationName: 'shardpay-rebuild', limits: { ...limits, poolMax }, role },
        connected: () => undefined,
        // the next statement opens another connection, or fails
        failed: () => undefined,
      })
    this.#reading = poolOf(readingMax, owner)
    this.#writing = poolOf(1, projectorRole)
    const batches = { sizeMax: limits.keysPerReadMax, concurrencyMax: 1, patienceMs: 0 }
    this.#loads = new Batched(batches, systemClock, (requests) => loadEntities(this.#reading, requests))
  }

  databaseOf(): number {
    return 0
  }

  load(key: EntityKey, upTo = Number.MAX_SAFE_INTEGER): ReturnType<Journal['load']> {
    return this.#loads.ask({ ...key, upTo })
  }

  readTail(shard: number, position: number, limit: number): ReturnType<Journal['readTail']> {
    return readShardTail(this.#reading, shard, position, limit)
  }

  advanceRead(advances: readonly ReadAdvance[]): Promise<readonly number[]> {
    return advanceReadCursors(this.#writing, this.#months, this.#part, advances, 'read_next')
  }

  /** Where the shard's cursor is, and its owner's epoch: both may have changed since they were asked for. */
  async cursor(shard: number): Promise<{ readonly epoch: number; readonly position: number }> {
    const rows = await this.#reading.query<{ epoch: number; position: number }>({
      name: 'rebuilt_cursor',
      text: `SELECT o.epoch, c.position FROM shard_cursor c JOIN shard_owner o USING (shard)
        WHERE c.shard = $1 AND c.consumer = 'read_next'`,
      values: [shard],
    })
    return rows[0] ?? { epoch: 0, position: 0 }
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.close(), this.#writing.close()])
  }
}
