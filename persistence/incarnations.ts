/**
 * Incarnations of nodes in the table `node_lease`. Dead is permanent, an incarnation starts once, and a new one of a node
 * ends its earlier ones. Sessions of a dead incarnation are terminated, for progress: a statement of it that stands
 * still holds locks that its successor waits for. Safety does not need it.
 */
import { JournalError } from '../actors/journal.ts'
import { assert } from '../runtime/assert.ts'
import { type Incarnation, sessionTag } from './connection.ts'
import type { DatabasePool } from './database-pool.ts'

/** How long the server waits for a session to end. */
const terminateWaitMs = 1_000

export interface IncarnationDetails {
  readonly address?: string
  readonly build?: string
}

export function assertIncarnation({ node, incarnation }: Incarnation): void {
  assert(/^[a-z0-9][a-z0-9-]{0,23}$/.test(node), 'a node is named by 1 to 24 of a-z, 0-9 and -', { node })
  assert(/^[a-z0-9]{1,20}$/.test(incarnation), 'an incarnation is named by 1 to 20 of a-z and 0-9', { incarnation })
}

/** @throws {JournalError} `journal_fenced` where this incarnation has been started before. */
export async function startIncarnation(
  pool: DatabasePool,
  self: Incarnation,
  details: IncarnationDetails = {},
): Promise<void> {
  const { node, incarnation } = self
  await pool.transaction(async (client) => {
    // Asked first: an old incarnation that starts a second time must not end the one that lives.
    const { rowCount } = await client.query('SELECT FROM node_lease WHERE node = $1 AND incarnation = $2', [
      node,
      incarnation,
    ])
    if (rowCount !== 0) {
      throw new JournalError('journal_fenced', `incarnation ${incarnation} of ${node} has been started before`)
    }
    await client.query(`UPDATE node_lease SET state = 'dead' WHERE node = $1 AND state <> 'dead'`, [node])
    const inserted = await client.query(
      `INSERT INTO node_lease (node, incarnation, address, build, state) VALUES ($1, $2, $3, $4, 'alive')
      ON CONFLICT DO NOTHING`,
      [node, incarnation, details.address ?? null, details.build ?? null],
    )
    if (inserted.rowCount === 0) {
      throw new JournalError('journal_fenced', `another incarnation of ${node} is starting at this moment`)
    }
  })
  await terminateDead(pool, [node])
}

/** Declares an incarnation dead and ends its sessions; its shards may be taken from then on. */
export async function declareDead(pool: DatabasePool, { node, incarnation }: Incarnation): Promise<void> {
  await pool.query({
    text: `UPDATE node_lease SET state = 'dead' WHERE node = $1 AND incarnation = $2`,
    values: [node, incarnation],
  })
  await terminateDead(pool, [node])
}

/** Ends all sessions of these nodes' dead incarnations. */
export async function terminateDead(pool: DatabasePool, nodes: readonly string[]): Promise<void> {
  const dead = await pool.query<{ node: string; incarnation: string }>({
    text: `SELECT l.node, l.incarnation FROM node_lease l JOIN pg_stat_activity a
        ON starts_with(a.application_name, 'shardpay ' || l.node || ' ' || l.incarnation || ' ')
      WHERE l.node = ANY($1::text[]) AND l.state = 'dead' AND a.datname = current_database()
      GROUP BY l.node, l.incarnation`,
    values: [nodes],
  })
  for (const incarnation of dead) await terminate(pool, sessionTag(incarnation))
}

/** Ends the sessions whose application_name begins with `tag`; with `pids`, only those of them. */
export async function terminate(pool: DatabasePool, tag: string, pids?: readonly number[]): Promise<void> {
  await pool.query({
    text: `SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity
      WHERE datname = current_database() AND starts_with(application_name, $1) AND pid <> pg_backend_pid()
        AND ($2::int[] IS NULL OR pid = ANY($2))`,
    values: [tag, pids ?? null, terminateWaitMs],
  })
}
