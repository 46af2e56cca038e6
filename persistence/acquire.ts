/**
 * Taking shards. What nobody has to be dead for is taken at once: planned moves wait in the dark for each statement here. Of
 * the others the owner rows are read, and which of those owners are dead; then they are taken by compare-and-set on the rows'
 * epochs. Either is committed alone; then comes an epoch record at tail + 1 of each, by a statement that joins the owner rows
 * at the new epochs. In one transaction a stale owner's row at that position would roll the epoch back with it, and a busy
 * one would win again and again. Committed alone, the epoch stops every statement begun after it: what can still collide is
 * what was under way.
 *
 * A shard may be taken from nobody, from an owner that gave it up or is dead, and from one's own node: an incarnation that is
 * not dead is its node's last, so the others were before it, even where the membership database has forgotten them. Who is
 * dead is kept in another database; that is safe to read before, since dead is permanent and an epoch belongs to one owner.
 */
import { pack } from 'msgpackr'
import { DatabaseError } from 'pg'
import type { Ownership } from '../actors/journal.ts'
import { type Deaths, type Incarnation, nameOf } from '../cluster/member.ts'
import type { DatabasePool } from './database-pool.ts'
import { causeOf, journalError } from './statement-outcome.ts'

/** Entity and command of epoch records. */
export const nobody = Buffer.alloc(16)

/** The row that is locked is the row that is judged: an owner that is not looked at any more cannot have taken it meanwhile. */
const takeFreeText = `
  WITH asked AS MATERIALIZED (
    SELECT a.shard, a.acknowledged,
      coalesce((SELECT j.position FROM journal j WHERE j.shard = a.shard ORDER BY j.position DESC LIMIT 1), 0) AS tail
    FROM unnest($1::int[], $2::bigint[]) AS a (shard, acknowledged)
  ), free AS (
    SELECT o.shard FROM asked a JOIN shard_owner o USING (shard)
    WHERE (o.node IS NULL OR o.released_at_position IS NOT NULL OR (o.node, o.incarnation) = ($3, $4))
      AND NOT EXISTS (SELECT FROM asked b WHERE b.tail < b.acknowledged)
    ORDER BY o.shard FOR UPDATE OF o
  ), taken AS (
    UPDATE shard_owner o
    SET node = $3, incarnation = $4, epoch = o.epoch + 1, released_at_position = NULL
    FROM free f WHERE o.shard = f.shard
    RETURNING o.shard, o.epoch
  )
  SELECT a.shard, t.epoch, a.tail < a.acknowledged AS behind FROM asked a LEFT JOIN taken t USING (shard)`

const heldText = `SELECT shard, epoch, node, incarnation FROM shard_owner
  WHERE shard = ANY($1::int[]) AND node IS NOT NULL AND released_at_position IS NULL`

const takeText = `
  WITH seen AS (
    SELECT o.shard FROM unnest($1::int[], $2::int[]) AS s (shard, epoch) JOIN shard_owner o USING (shard, epoch)
    ORDER BY o.shard FOR UPDATE OF o
  )
  UPDATE shard_owner o
  SET node = $3, incarnation = $4, epoch = o.epoch + 1, released_at_position = NULL
  FROM seen s WHERE o.shard = s.shard
  RETURNING o.shard, o.epoch`

/** The records, and with them the cursors for their epochs (cursors.ts): a statement of its own would cost the shard another commit in the dark. */
const epochText = `
  WITH opened AS (
    INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data)
    SELECT s.shard,
      1 + coalesce((SELECT j.position FROM journal j WHERE j.shard = s.shard ORDER BY j.position DESC LIMIT 1), 0),
      $3, s.epoch, s.epoch, $3, 'epoch', $4, $5
    FROM unnest($1::int[], $2::int[]) AS s (shard, epoch) JOIN shard_owner o USING (shard, epoch)
    ORDER BY s.shard
    RETURNING shard, epoch, position
  ), claimable AS (
    SELECT c.shard, c.consumer, e.epoch FROM opened e
    JOIN shard_cursor c ON c.shard = e.shard AND c.consumer IN ('actors', 'read') AND c.epoch <= e.epoch
    ORDER BY c.shard, c.consumer FOR UPDATE OF c
  ), claimed AS (
    UPDATE shard_cursor c SET epoch = e.epoch FROM claimable e WHERE c.shard = e.shard AND c.consumer = e.consumer
  )
  SELECT shard, epoch, position FROM opened`

interface Held extends Incarnation {
  readonly shard: number
  readonly epoch: number
}

interface Asked {
  readonly shard: number
  /** Null where it was not free. */
  readonly epoch: number | null
  readonly behind: boolean
}

interface Taken {
  readonly shard: number
  readonly epoch: number
}

export interface AcquireOptions {
  readonly pool: DatabasePool
  readonly self: Incarnation
  readonly deaths: Deaths
  /** Positions that the database has acknowledged to this process. */
  readonly acknowledged: ReadonlyMap<number, number>
  /** Unix milliseconds, for the epoch records. */
  readonly at: number
  readonly attemptsMax: number
  /** Ends what the dead owners of taken shards still run here. */
  readonly endSessions: (of: readonly Incarnation[]) => Promise<void>
}

export interface Acquired {
  /** In order of shard. */
  readonly ownerships: readonly Ownership[]
  /** Epoch records that a stale owner's last row got before. */
  readonly collisions: number
}

/** @throws {JournalError} `journal_lost_acknowledged_rows`, before anything is taken; `journal_unavailable`. */
export async function acquireShards(shards: readonly number[], options: AcquireOptions): Promise<Acquired> {
  const { pool, self, deaths, acknowledged } = options
  // who was declared dead takes nothing
  if ((await whoIsDead(deaths, [self])).size > 0) return { ownerships: [], collisions: 0 }
  const asked = await pool.query<Asked>({
    name: 'take_free',
    text: takeFreeText,
    values: [shards, shards.map((shard) => acknowledged.get(shard) ?? 0), self.node, self.incarnation],
  })
  const behind = asked.filter((row) => row.behind).map(({ shard }) => shard)
  if (behind.length > 0) {
    const message = `the database has lost acknowledged rows of shards ${behind.join(', ')}`
    throw journalError('journal_lost_acknowledged_rows', message, undefined, behind)
  }
  const free = asked.flatMap(({ shard, epoch }): Taken[] => (epoch === null ? [] : [{ shard, epoch }]))
  const held = asked.filter(({ epoch }) => epoch === null).map(({ shard }) => shard)
  const taken = held.length === 0 ? free : [...free, ...(await takeFromDead(held, options))]
  const data = pack({ v: 1, node: self.node, incarnation: self.incarnation })
  const ownerships: Ownership[] = []
  let collisions = 0
  let left: readonly Taken[] = taken.toSorted((a, b) => a.shard - b.shard)
  for (let attempt = 0; attempt < options.attemptsMax && left.length > 0; attempt += 1) {
    const { written, collided } = await writeEpochRecords(pool, left, options.at, data)
    ownerships.push(...written)
    collisions += collided.length
    left = collided
  }
  return { ownerships: ownerships.sort((a, b) => a.shard - b.shard), collisions }
}

async function takeFromDead(
  shards: readonly number[],
  { pool, self, deaths, endSessions }: AcquireOptions,
): Promise<readonly Taken[]> {
  const held = await pool.query<Held>({ name: 'held', text: heldText, values: [shards] })
  // Asked after the rows were read: a younger incarnation of this node that has taken one is found out by its epoch.
  const dead = await whoIsDead(deaths, [self, ...held.filter(({ node }) => node !== self.node)])
  const free = held.filter((row) => row.node === self.node || dead.has(nameOf(row)))
  if (dead.has(nameOf(self)) || free.length === 0) return []
  const taken = await pool.query<Taken>({
    name: 'take',
    text: takeText,
    values: [free.map(({ shard }) => shard), free.map(({ epoch }) => epoch), self.node, self.incarnation],
  })
  await endSessions([...dead.values()])
  return taken
}

/** Of these, by name. */
async function whoIsDead(deaths: Deaths, of: readonly Incarnation[]): Promise<ReadonlyMap<string, Incarnation>> {
  const asked = new Map(of.map((each) => [nameOf(each), each]))
  if (asked.size === 0) return asked
  try {
    return new Map((await deaths.dead([...asked.values()])).map((each) => [nameOf(each), each]))
  } catch (error) {
    throw journalError('journal_unavailable', 'who is dead cannot be asked', error)
  }
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
