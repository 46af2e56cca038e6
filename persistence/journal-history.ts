/**
 * The journal as operators read it: committed rows, in order, with the incarnation that wrote them. The private part is not
 * read at all.
 */
import type { EntityKey } from '../actors/journal.ts'
import type { Incarnation } from '../cluster/member.ts'
import { byteaArrayOfHex, int4Array } from './binary-arrays.ts'
import type { StandIn } from './journal-archive-log.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { ReadingPools } from './reading-pools.ts'
import type { StoredRow } from './reads.ts'
import { standInColumns, type StoredStandIn, toStandIn } from './stand-in-rows.ts'

/** A row without its private part; an entity of zeros is an epoch record. */
export interface HistoryRow extends Omit<StoredRow, 'private' | 'key_id'> {
  /** Of the epoch record of the row's epoch; null where that is missing. */
  readonly opened: Buffer | null
}

export const historyColumns = `j.shard, j.position, encode(j.entity, 'hex') AS entity, j.seq, j.epoch, encode(j.command, 'hex') AS command,
  j.type, j.at, j.data,
  (SELECT e.data FROM journal e
    WHERE e.shard = j.shard AND e.entity = '\\x00000000000000000000000000000000' AND e.seq = j.epoch) AS opened`

export class JournalHistory {
  readonly #pools: ReadingPools

  constructor(databases: readonly JournalDatabase[], self: Incarnation) {
    this.#pools = new ReadingPools(databases, self, 'history')
  }

  /** Decisions of an entity after sequence `after`, at most `limit`. @throws {JournalError} `journal_unavailable`. */
  entity({ shard, entity }: EntityKey, after: number, limit: number): Promise<readonly HistoryRow[]> {
    return this.#pools.of(shard).query<HistoryRow>({
      name: 'history_of_entity',
      text: `SELECT ${historyColumns} FROM journal j WHERE j.shard = $1 AND j.entity = decode($2, 'hex') AND j.seq > $3
        ORDER BY j.seq LIMIT $4`,
      values: [shard, entity, after, limit],
    })
  }

  /** Rows of a shard after `position`, epoch records included, at most `limit`. @throws as {@link JournalHistory.entity}. */
  shard(shard: number, position: number, limit: number): Promise<readonly HistoryRow[]> {
    return this.#pools.of(shard).query<HistoryRow>({
      name: 'history_of_shard',
      text: `SELECT ${historyColumns} FROM journal j WHERE j.shard = $1 AND j.position > $2 ORDER BY j.position LIMIT $3`,
      values: [shard, position, limit],
    })
  }

  /** What stands in for the rows of those that are archived, without personal data. @throws as {@link JournalHistory.entity}. */
  async standIns(keys: readonly EntityKey[]): Promise<readonly StandIn[]> {
    const found = await Promise.all(
      this.#pools.all.map(async ({ first, last, pool }) => {
        const own = keys.filter(({ shard }) => shard >= first && shard <= last)
        if (own.length === 0) return []
        return pool.query<StoredStandIn>({
          name: 'stand_ins',
          text: `SELECT ${standInColumns} FROM unnest($1::int[], $2::bytea[]) AS k (shard, entity)
            JOIN journal_archived a ON a.shard = k.shard AND a.entity = k.entity`,
          values: [int4Array(own.map(({ shard }) => shard)), byteaArrayOfHex(own.map(({ entity }) => entity))],
        })
      }),
    )
    return found.flat().map(toStandIn)
  }

  /** How many payments of a shard are archived. @throws as {@link JournalHistory.entity}. */
  async archivedCount(shard: number): Promise<number> {
    const text = 'SELECT count(*)::int AS payments FROM journal_archived WHERE shard = $1'
    const [row] = await this.#pools
      .of(shard)
      .query<{ payments: number }>({ name: 'archived_count', text, values: [shard] })
    return row?.payments ?? 0
  }

  close(): Promise<void> {
    return this.#pools.close()
  }
}
