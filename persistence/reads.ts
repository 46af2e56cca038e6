/** Reading the journal: entities, many in one query; a shard's tail. Every row read is checked against what was written. */
import type { ArchivedRecord, EntityKey, JournalRow, SnapshotRecord, StoredEntity } from '../actors/journal.ts'
import { assert } from '../runtime/assert.ts'
import { byteaArrayOfHex, int4Array } from './binary-arrays.ts'
import type { DatabasePool } from './database-pool.ts'

export interface EntityRequest extends EntityKey {
  readonly upTo: number
}

/** Columns of a journal row as {@link toRow} reads them. */
export const rowColumns = `j.shard, j.position, encode(j.entity, 'hex') AS entity, j.seq, j.epoch,
  encode(j.command, 'hex') AS command, j.type, j.at, j.data, j.private, j.key_id`

export interface StoredRow {
  readonly shard: number
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly command: string
  readonly type: string
  readonly at: number
  readonly data: Buffer
  readonly private: Buffer | null
  readonly key_id: string | null
}

export function toRow({ key_id: keyId, ...row }: StoredRow): JournalRow {
  return { ...row, keyId }
}

/**
 * What stands in for archived rows and a snapshot come first, without position; then the rows after them. A snapshot of another
 * epoch than its row's is none, nor is one whose row was archived. One statement: it sees either the rows or what stands in
 * for them.
 */
const loadText = `
  WITH base AS MATERIALIZED (
    SELECT k.n, k.shard, k.entity, s.seq, s.epoch, s.data, s.private, s.key_id, a.seq AS archived
    FROM unnest($1::int[], $2::bytea[], $3::int[]) WITH ORDINALITY AS k (shard, entity, up_to, n)
    LEFT JOIN LATERAL (
      SELECT s.* FROM snapshot s
      WHERE s.shard = k.shard AND s.entity = k.entity AND s.seq <= k.up_to
        AND s.epoch = (SELECT j.epoch FROM journal j WHERE j.shard = s.shard AND j.entity = s.entity AND j.seq = s.seq)
      ORDER BY s.seq DESC LIMIT 1
    ) s ON true
    LEFT JOIN journal_archived a ON a.shard = k.shard AND a.entity = k.entity
  )
  SELECT b.n, b.shard, NULL::bigint AS position, encode(b.entity, 'hex') AS entity, a.seq, a.epoch, NULL AS command,
    'archived' AS type, NULL::bigint AS at, a.data, a.private, a.key_id
  FROM base b JOIN journal_archived a ON a.shard = b.shard AND a.entity = b.entity WHERE b.archived IS NOT NULL
  UNION ALL
  SELECT n, shard, NULL::bigint, encode(entity, 'hex'), seq, epoch, NULL, NULL, NULL::bigint, data, private, key_id
  FROM base WHERE seq IS NOT NULL
  UNION ALL
  SELECT b.n, ${rowColumns}
  FROM base b CROSS JOIN LATERAL (
    SELECT * FROM journal j WHERE j.shard = b.shard AND j.entity = b.entity AND j.seq > coalesce(b.seq, b.archived, 0) ORDER BY j.seq
  ) j
  ORDER BY n, position NULLS FIRST`

type LoadedRow = Omit<StoredRow, 'position' | 'type'> & {
  readonly n: number
  readonly position: number | null
  /** Null for a snapshot. */
  readonly type: string | null
}

export async function loadEntities(
  pool: DatabasePool,
  requests: readonly EntityRequest[],
): Promise<readonly StoredEntity[]> {
  const rows = await pool.query<LoadedRow>({
    name: 'load',
    text: loadText,
    values: [
      int4Array(requests.map(({ shard }) => shard)),
      byteaArrayOfHex(requests.map(({ entity }) => entity)),
      int4Array(requests.map(({ upTo }) => Math.min(upTo, 2 ** 31 - 1))),
    ],
  })
  const loaded = requests.map(() => ({
    archived: undefined as ArchivedRecord | undefined,
    snapshot: undefined as SnapshotRecord | undefined,
    rows: [] as JournalRow[],
  }))
  for (const { n, position, type, ...row } of rows) {
    const entity = loaded[n - 1]
    assert(entity !== undefined, 'a loaded row belongs to a request', { n })
    if (position === null || type === null) {
      const { shard, entity: id, seq, epoch, data, private: hidden } = row
      entity[type === null ? 'snapshot' : 'archived'] = { shard, entity: id, seq, epoch, data, private: hidden }
    } else {
      const before = entity.rows.at(-1) ?? entity.snapshot ?? entity.archived
      const expected = (before?.seq ?? 0) + 1
      // Epoch records share one entity, and an epoch that was taken but not opened has none.
      const contiguous = row.seq === expected || (type === 'epoch' && row.seq > expected)
      assert(contiguous, 'sequences of an entity are contiguous', { shard: row.shard, seq: row.seq, expected })
      entity.rows.push(toRow({ ...row, type, position }))
    }
  }
  return loaded
}

const tailText = `SELECT ${rowColumns} FROM journal j WHERE j.shard = $1 AND j.position > $2 ORDER BY j.position LIMIT $3`

export async function readShardTail(
  pool: DatabasePool,
  shard: number,
  position: number,
  limit: number,
): Promise<readonly JournalRow[]> {
  const rows = await pool.query<StoredRow>({ name: 'tail', text: tailText, values: [shard, position, limit] })
  assertGapless(rows, position)
  return rows.map(toRow)
}

/** Rows of one shard in order, the first at `after` + 1. */
export function assertGapless(
  rows: readonly { readonly shard: number; readonly position: number }[],
  after: number,
): void {
  for (const [index, { shard, position }] of rows.entries()) {
    assert(position === after + 1 + index, 'positions of a shard are gapless', { shard, position, after, index })
  }
}
