/**
 * Taking shards. The owner rows are read, and who of those owners is dead where they released nothing; then compare-and-set on the rows' epochs,
 * committed alone; then an epoch record at tail + 1 of each, by a statement that joins the owner rows at the new epochs. In
 * one transaction a stale owner's row at that position would roll the epoch back with it, and a busy one would win again
 * and again. Committed alone, the epoch stops every statement begun after it: what can still collide is what was under way.
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

const seenText = `
  SELECT o.shard, o.epoch, o.node, o.incarnation, o.released_at_position IS NOT NULL AS released,
    coalesce((SELECT j.position FROM journal j WHERE j.shard = o.shard ORDER BY j.position DESC LIMIT 1), 0) AS tail
  FROM shard_owner o WHERE o.shard = ANY($1::int[])`

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
    SELECT c.shard, e.epoch FROM opened e
    JOIN shard_cursor c ON c.shard = e.shard AND c.consumer = 'actors' AND c.epoch <= e.epoch
    ORDER BY c.shard FOR UPDATE OF c
  ), claimed AS (
    UPDATE shard_cursor c SET epoch = e.epoch FROM claimable e WHERE c.shard = e.shard AND c.consumer = 'actors'
  )
  SELECT shard, epoch, position FROM opened`

interface SeenOwner {
  readonly shard: number
  readonly epoch: number
  readonly node: string | null
  readonly incarnation: string | null
  readonly released: boolean
  readonly tail: number
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
  const [seen, isDead] = await Promise.all([
    pool.query<SeenOwner>({ name: 'owners', text: seenText, values: [shards] }),
    // who was declared dead takes nothing
    whoIsDead(deaths, [self]).then(({ size }) => size > 0),
  ])
  const behind = seen.filter(({ shard, tail }) => tail < (acknowledged.get(shard) ?? 0)).map(({ shard }) => shard)
  if (behind.length > 0) {
    const message = `the database has lost acknowledged rows of shards ${behind.join(', ')}`
    throw journalError('journal_lost_acknowledged_rows', message, undefined, behind)
  }
  if (isDead) return { ownerships: [], collisions: 0 }
  const holders = seen.flatMap((row) => holderOf(row, self) ?? [])
  const dead = await whoIsDead(deaths, holders)
  const free = seen.filter((row) => {
    const holder = holderOf(row, self)
    return holder === undefined || dead.has(nameOf(holder))
  })
  const taken = await pool.query<Taken>({
    name: 'take',
    text: takeText,
    values: [free.map(({ shard }) => shard), free.map(({ epoch }) => epoch), self.node, self.incarnation],
  })
  await options.endSessions([...dead.values()])
  const data = pack({ v: 1, node: self.node, incarnation: self.incarnation })
  const ownerships: Ownership[] = []
  let collisions = 0
  let left = taken.sort((a, b) => a.shard - b.shard)
  for (let attempt = 0; attempt < options.attemptsMax && left.length > 0; attempt += 1) {
    const { written, collided } = await writeEpochRecords(pool, left, options.at, data)
    ownerships.push(...written)
    collisions += collided.length
    left = collided
  }
  return { ownerships: ownerships.sort((a, b) => a.shard - b.shard), collisions }
}

/** Who has to be dead before the shard may be taken; undefined where nobody has. */
function holderOf({ node, incarnation, released }: SeenOwner, self: Incarnation): Incarnation | undefined {
  if (node === null || incarnation === null || released || node === self.node) return undefined
  return { node, incarnation }
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
