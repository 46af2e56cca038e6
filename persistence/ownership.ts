/** What an owner asks and says of its owner rows: that it still owns shards, and that it gives them up. */
import type { DatabasePool } from './database-pool.ts'

/** An ownership as its holder knows it. */
export interface Provable {
  readonly shard: number
  readonly epoch: number
  /** Highest position that the database has acknowledged to this process. */
  readonly acknowledged: number
}

/**
 * In their order: whether the owner row stood at this epoch, not released, while the statement ran, in a database that has
 * every row it acknowledged: an owner that is ahead of its database proves nothing, as it appends nothing.
 */
export async function proveOwnerships(
  pool: DatabasePool,
  ownerships: readonly Provable[],
): Promise<readonly boolean[]> {
  const rows = await pool.query<{ mine: boolean | null }>({
    name: 'prove',
    text: `SELECT (SELECT o.epoch FROM shard_owner o WHERE o.shard = s.shard AND o.released_at_position IS NULL) = s.epoch
        AND EXISTS (SELECT FROM journal j WHERE j.shard = s.shard AND j.position >= s.acknowledged)
        AND NOT pg_is_in_recovery() AS mine
      FROM unnest($1::int[], $2::int[], $3::bigint[]) WITH ORDINALITY AS s (shard, epoch, acknowledged, n) ORDER BY n`,
    values: [
      ownerships.map(({ shard }) => shard),
      ownerships.map(({ epoch }) => epoch),
      ownerships.map(({ acknowledged }) => acknowledged),
    ],
  })
  return rows.map(({ mine }) => mine === true)
}

/**
 * Only where the epoch is still the owner's, and the last row is the last one it knows of. The last row is asked of what is
 * given up, not of the owner row: that made a plan which looks at the tails of all shards, while this one is dark.
 */
export const releaseText = `
  WITH mine AS (
    SELECT o.shard, r.position
    FROM unnest($1::int[], $2::int[], $3::bigint[]) AS r (shard, epoch, position) JOIN shard_owner o USING (shard, epoch)
    WHERE o.released_at_position IS NULL
      AND (SELECT j.position FROM journal j WHERE j.shard = r.shard ORDER BY j.position DESC LIMIT 1) = r.position
    ORDER BY o.shard FOR UPDATE OF o
  )
  UPDATE shard_owner o SET released_at_position = m.position FROM mine m WHERE o.shard = m.shard
  RETURNING o.shard`

/** A shard to be given up, nothing of it queued or in flight. */
export interface Releasable {
  readonly shard: number
  readonly epoch: number
  /** Position of its last row. */
  readonly tail: number
}

/** Answers the shards that were released. Where it rejects, some may have been. */
export async function releaseShards(pool: DatabasePool, shards: readonly Releasable[]): Promise<readonly number[]> {
  const rows = await pool.query<{ shard: number }>({
    name: 'release',
    text: releaseText,
    values: [shards.map(({ shard }) => shard), shards.map(({ epoch }) => epoch), shards.map(({ tail }) => tail)],
  })
  return rows.map(({ shard }) => shard)
}
