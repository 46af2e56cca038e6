/**
 * How every connection of a journal is set up: named after its node and incarnation, with timeouts, and only to a server
 * that keeps its word (fsync and synchronous_commit on, no standby). Each connection tells which server it has reached,
 * by system identifier and timeline: after a fail-over it is another one.
 */
import type { ClientBase, ClientConfig } from 'pg'
import { JournalError } from '../actors/journal.ts'
import type { Incarnation } from '../cluster/member.ts'
import { safeIntegerTypes } from './int8.ts'
import type { JournalLimits } from './journal-limits.ts'
import { journalError } from './statement-outcome.ts'

export interface ServerIdentity {
  readonly system: string
  /** Rises with every promotion of a standby. */
  readonly timeline: number
}

/** Beginning of the `application_name` of a process's sessions, 63 bytes at most with the role; ends so that no tag is the beginning of another. */
export function sessionTag({ node, incarnation }: Incarnation): string {
  return `shardpay ${node} ${incarnation} `
}

export function clientConfig(databaseUrl: string, limits: JournalLimits): ClientConfig {
  return {
    connectionString: databaseUrl,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.keepAliveDelayMs,
    types: safeIntegerTypes,
  }
}

const serverQuery = `
  SELECT current_setting('server_version_num')::int AS version,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS standby,
    (SELECT system_identifier::text FROM pg_control_system()) AS system,
    CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline`

interface ServerRow {
  readonly version: number
  readonly fsync: string
  readonly synchronous_commit: string
  readonly standby: boolean
  readonly system: string
  readonly timeline: string | null
}

/**
 * Checks the server and sets the session up.
 * @throws {JournalError} `journal_settings_unsafe`, or `journal_unavailable` where the server is a standby.
 */
export async function prepareConnection(
  client: ClientBase,
  applicationName: string,
  limits: JournalLimits,
): Promise<ServerIdentity> {
  const { rows } = await client.query<ServerRow>(serverQuery)
  const [server] = rows
  if (server === undefined) throw journalError('journal_unavailable', 'the server did not describe itself')
  if (server.version < 170_000) {
    throw new JournalError('journal_settings_unsafe', 'Postgres 17 or newer is needed, for transaction_timeout')
  }
  if (server.fsync !== 'on') throw new JournalError('journal_settings_unsafe', 'fsync is off: commits are not durable')
  if (server.synchronous_commit !== 'on' && server.synchronous_commit !== 'remote_apply') {
    throw new JournalError(
      'journal_settings_unsafe',
      `synchronous_commit is ${server.synchronous_commit}: commits are answered before they are durable`,
    )
  }
  if (server.standby || server.timeline === null) {
    throw new JournalError('journal_unavailable', 'the server is a standby and takes no writes')
  }
  const settings = {
    application_name: applicationName,
    statement_timeout: String(limits.statementTimeoutMs),
    lock_timeout: String(limits.lockTimeoutMs),
    idle_in_transaction_session_timeout: String(limits.transactionTimeoutMs),
    transaction_timeout: String(limits.transactionTimeoutMs),
    // Statements are few, constant and keyed: one plan each, always by index, also while tables are empty or statistics old.
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
    jit: 'off',
  }
  await client.query('SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)', [
    Object.keys(settings),
    Object.values(settings),
  ])
  return { system: server.system, timeline: Number.parseInt(server.timeline, 16) }
}
