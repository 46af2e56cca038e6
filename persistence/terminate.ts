/**
 * Ending sessions of others: of incarnations that were declared dead, and of one's own lost connections. For progress: a
 * statement that stands still holds locks that a successor waits for. Safety does not need it (acquire.ts), so a server
 * that does not let this role end them is no obstacle.
 */
import type { Incarnation } from '../cluster/member.ts'
import { sessionTag } from './connection.ts'
import type { DatabasePool } from './database-pool.ts'

/** How long the server waits for a session to end. */
const terminateWaitMs = 1_000

/** SQLSTATE of a role that may not end somebody else's session. */
const insufficientPrivilege = '42501'

/**
 * Ends all sessions of these incarnations in this database.
 * @throws {DatabaseError} 42501 where this role may not. @throws {JournalError} `journal_unavailable`
 */
export async function terminateSessions(pool: DatabasePool, of: readonly Incarnation[]): Promise<void> {
  if (of.length === 0) return
  await terminate(pool, of.map(sessionTag), null)
}

/** Ends those of an incarnation's sessions whose name begins with `role` and whose server process is one of `pids`. */
export async function terminateOwn(
  pool: DatabasePool,
  self: Incarnation,
  role: string,
  pids: readonly number[],
): Promise<void> {
  await terminate(pool, [`${sessionTag(self)}${role}`], pids)
}

async function terminate(pool: DatabasePool, tags: readonly string[], pids: readonly number[] | null): Promise<void> {
  await pool.query(
    {
      text: `SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND ($2::int[] IS NULL OR a.pid = ANY($2))
          AND EXISTS (SELECT FROM unnest($1::text[]) AS t (tag) WHERE starts_with(a.application_name, t.tag))`,
      values: [tags, pids, terminateWaitMs],
    },
    [insufficientPrivilege],
  )
}
