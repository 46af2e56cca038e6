/**
 * Taking shards. First compare-and-set on the owner rows, committed alone; then an epoch record at tail + 1 of each, by a
 * statement that joins the owner rows at the new epochs. In one transaction a stale owner's row at that position would
 * roll the epoch back with it, and a busy one would win again and again.
 *
 * A shard may be taken from nobody, from an owner that gave it up or is dead, and from oneself.
 */
import { pack } from 'msgpackr'
import { DatabaseError } from 'pg'
import type { Ownership } from '../actors/journal.ts'
import type { Incarnation } from './connection.ts'
import type { DatabasePool } from './database-pool.ts'
import { terminateDead } from './incarnations.ts'
import { causeOf, journalError } from './statement-outcome.ts'

/** Entity and command of epoch records. */
export const nobody = Buffer.alloc(16)

const seenText = `
  SELECT o.shard, o.epoch, o.node,
    coalesce((SELECT j.position FROM journal j WHERE j.shard = o.shard ORDER BY j.position DESC LIMIT 1), 0) AS tail
  FROM shard_owner o WHERE o.shard = ANY($1::int[])`

const takeText = `
  WITH may_take AS (
    SELECT o.shard FROM unnest($1::int[], $2::int[]) AS s (shard, epoch) JOIN shard_owner o USING (shard, epoch)
    WHERE (
        o.node IS NULL OR o.released_at_position IS NOT NULL OR (o.node = $3 AND o.incarnation = $4)
        OR EXISTS (SELECT FROM node_lease l WHERE l.node = o.node AND l.incarnation = o.incarnation AND l.state = 'dead')
      )
      AND EXISTS (SELECT FROM node_lease l WHERE l.node = $3 AND l.incarnation = $4 AND l.state = 'alive')
    ORDER BY o.shard FOR UPDATE OF o
  )
  UPDATE shard_owner o
  SET node = $3, incarnation = $4, epoch = o.epoch + 1, released_at_position = NULL
  FROM may_take m WHERE o.shard = m.shard
  RETURNING o.shard, o.epoch`

const epochText = `
  INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data)
  SELECT s.shard,
    1 + coalesce((SELECT j.position FROM journal j WHERE j.shard = s.shard ORDER BY j.position DESC LIMIT 1), 0),
    $3, s.epoch, s.epoch, $3, 'epoch', $4, $5
  FROM unnest($1::int[], $2::int[]) AS s (shard, epoch) JOIN shard_owner o USING (shard, epoch)
  ORDER BY s.shard
  RETURNING shard, epoch, position`

interface Taken {
  readonly shard: number
  readonly epoch: number
}

/**
 * @param acknowledged positions that the database has acknowledged to this process.
 * @param at unix milliseconds, for the epoch records.
 * @returns what was taken, in order of shard.
 * @throws {JournalError} `journal_lost_acknowledged_rows`, before anything is taken.
 */
export async function acquireShards(
  pool: DatabasePool,
  self: Incarnation,
  shards: readonly number[],
  acknowledged: ReadonlyMap<number, number>,
  at: number,
  attemptsMax: number,
): Promise<readonly Ownership[]> {
  const seen = await pool.query<{ shard: number; epoch: number; node: string | null; tail: number }>({
    name: 'owners',
    text: seenText,
    values: [shards],
  })
  const behind = seen.filter(({ shard, tail }) => tail < (acknowledged.get(shard) ?? 0)).map(({ shard }) => shard)
  if (behind.length > 0) {
    const message = `the database has lost acknowledged rows of shards ${behind.join(', ')}`
    throw journalError('journal_lost_acknowledged_rows', message, undefined, behind)
  }
  const taken = await pool.query<Taken>({
    name: 'take',
    text: takeText,
    values: [seen.map(({ shard }) => shard), seen.map(({ epoch }) => epoch), self.node, self.incarnation],
  })
  await terminateDead(pool, [...new Set(seen.flatMap(({ node }) => node ?? []))])
  const data = pack({ v: 1, node: self.node, incarnation: self.incarnation })
  const ownerships: Ownership[] = []
  let left = taken.sort((a, b) => a.shard - b.shard)
  for (let attempt = 0; attempt < attemptsMax && left.length > 0; attempt += 1) {
    const { written, collided } = await writeEpochRecords(pool, left, at, data)
    ownerships.push(...written)
    left = collided
  }
  return ownerships.sort((a, b) => a.shard - b.shard)
}

/** One attempt: those whose next position a stale owner has taken meanwhile are left out and come back as `collided`. */
async function writeEpochRecords(
  pool: DatabasePool,
  taken: readonly Taken[],
  at: number,
  data: Buffer,
): Promise<{ written: Ownership[]; collided: Taken[] }> {
  const collided: Taken[] = []
  let left = taken
  while (left.length > 0) {
    try {
      const rows = await pool.query<Taken & { position: number }>(
        {
          name: 'epoch',
          text: epochText,
          values: [left.map(({ shard }) => shard), left.map(({ epoch }) => epoch), nobody, at, data],
        },
        ['23505'],
      )
      return { written: rows.map(({ shard, epoch, position }) => ({ shard, epoch, openedAt: position })), collided }
    } catch (error) {
      const cause = error instanceof DatabaseError ? causeOf(error) : undefined
      if (cause?.about !== 'position') throw error
      collided.push(...left.filter(({ shard }) => shard === cause.shard))
      left = left.filter(({ shard }) => shard !== cause.shard)
    }
  }
  return { written: [], collided }
}
