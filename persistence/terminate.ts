/**
 * Ending sessions of others: of incarnations that were declared dead, and of one's own lost connections. For progress: a
 * statement that stands still holds locks that a successor waits for. Safety does not need it (acquire.ts), so a server
 * that does not let this role end them is no obstacle.
 *
 * Nobody waits here until they are gone: the server looks whether one is every 100 ms, one after the other, and a shard whose
 * node froze with six sessions would be dark for that much longer. What a session still holds is waited for at its lock.
 */
import type { Incarnation } from '../cluster/member.ts'
import { sessionTag } from './connection.ts'
import type { DatabasePool } from './database-pool.ts'

/** SQLSTATE of a role that may not end somebody else's session. */
const insufficientPrivilege = '42501'

/**
 * Tells all sessions of these incarnations in this database to end.
 * @throws {DatabaseError} 42501 where this role may not. @throws {JournalError} `journal_unavailable`
 */
export async function terminateSessions(pool: DatabasePool, of: readonly Incarnation[]): Promise<void> {
  if (of.length === 0) return
  await terminate(pool, of.map(sessionTag), null)
}

/** Tells those of an incarnation's sessions to end whose name begins with `role` and whose server process is one of `pids`. */
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
      text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND ($2::int[] IS NULL OR a.pid = ANY($2))
          AND EXISTS (SELECT FROM unnest($1::text[]) AS t (tag) WHERE starts_with(a.application_name, t.tag))`,
      values: [tags, pids],
    },
    [insufficientPrivilege],
  )
}
