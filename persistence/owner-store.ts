/**
 * Reads the owner rows of all shards, one statement per journal database: what a process believes of ownership is fed from
 * here (cluster/owners.ts). It waits no longer than its limits say; a database that does not answer leaves its shards out
 * and is said so once, and again when it is back.
 */
import type { Incarnation } from '../cluster/member.ts'
import type { OwnerStore, ShardOwner } from '../cluster/owners.ts'
import { type Log, silentLog } from '../runtime/log.ts'
import { sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import { type JournalDatabase, nameOfRange } from './journal-databases.ts'
import { type JournalLimits, journalLimits } from './journal-limits.ts'
import { describe } from './statement-outcome.ts'

export interface PostgresOwnerStoreOptions {
  readonly databases: readonly JournalDatabase[]
  /** Whose connections these are. */
  readonly self: Incarnation
  readonly log?: Log
  readonly limits?: Partial<JournalLimits>
}

/** One connection per database: a poll is one statement. */
const ownerLimits: Partial<JournalLimits> = {
  poolMax: 1,
  connectTimeoutMs: 1_000,
  lockTimeoutMs: 800,
  statementTimeoutMs: 1_000,
  transactionTimeoutMs: 1_200,
  queryTimeoutMs: 1_500,
}

interface OwnerRow {
  readonly shard: number
  readonly epoch: number
  readonly node: string | null
  readonly incarnation: string | null
  readonly released: boolean
}

const ownersText = `
  SELECT shard, epoch, node, incarnation, released_at_position IS NOT NULL AS released
  FROM shard_owner WHERE shard BETWEEN $1 AND $2 ORDER BY shard`

export class PostgresOwnerStore implements OwnerStore {
  readonly #databases: readonly (JournalDatabase & { readonly pool: DatabasePool; readonly log: Log })[]
  readonly #away = new Set<JournalDatabase>()

  constructor({ databases, self, log = silentLog, limits }: PostgresOwnerStoreOptions) {
    this.#databases = databases.map((database) => {
      const own = log.child({ database: nameOfRange(database) })
      const pool = new DatabasePool({
        databaseUrl: database.url,
        applicationName: `${sessionTag(self)}owners`,
        limits: journalLimits({ ...ownerLimits, ...limits }),
        connected: () => undefined,
        failed: (error) => own.warn({ reason: describe(error) }, 'a connection for owners was lost'),
      })
      return { ...database, pool, log: own }
    })
  }

  async owners(): Promise<readonly ShardOwner[]> {
    return (await Promise.all(this.#databases.map((database) => this.#ownersIn(database)))).flat()
  }

  async close(): Promise<void> {
    await Promise.all(this.#databases.map(({ pool }) => pool.close()))
  }

  async #ownersIn(
    database: JournalDatabase & { readonly pool: DatabasePool; readonly log: Log },
  ): Promise<readonly ShardOwner[]> {
    const { pool, first, last, log } = database
    try {
      const rows = await pool.query<OwnerRow>({ name: 'all_owners', text: ownersText, values: [first, last] })
      if (this.#away.delete(database)) log.info({}, 'owners are read again')
      return rows.map(toOwner)
    } catch (error) {
      if (!this.#away.has(database)) log.warn({ reason: describe(error) }, 'owners cannot be read')
      this.#away.add(database)
      return []
    }
  }
}

function toOwner({ node, incarnation, ...row }: OwnerRow): ShardOwner {
  return { ...row, owner: node === null || incarnation === null ? undefined : { node, incarnation } }
}
