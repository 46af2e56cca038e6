/**
 * Reads the owner rows of all shards, one statement per journal database, which brings rows only where any has changed: what a process believes of ownership is fed from
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

/** An {@link OwnerRow} with the fingerprint of all. */
interface ReadRow extends OwnerRow {
  readonly epochs: number
  readonly released_count: number
}

/** The last rows read of a database. */
interface Known {
  readonly owners: readonly ShardOwner[]
  readonly epochs: number
  readonly released: number
  reads: number
}

/**
 * Nothing where nothing has changed since the fingerprint ($3, $4) was read: every taking raises the sum of epochs, and between
 * two takings of a shard it can only be released once.
 */
const ownersText = `
  WITH now AS (
    SELECT sum(epoch)::bigint AS epochs, count(released_at_position)::bigint AS released
    FROM shard_owner WHERE shard BETWEEN $1 AND $2
  )
  SELECT o.shard, o.epoch, o.node, o.incarnation, o.released_at_position IS NOT NULL AS released,
    now.epochs, now.released AS released_count
  FROM now, shard_owner o
  WHERE o.shard BETWEEN $1 AND $2 AND (now.epochs, now.released) IS DISTINCT FROM ($3::bigint, $4::bigint)
  ORDER BY o.shard`

/** Of so many reads one reads everything, whatever the fingerprint: rows may have been mended by hand. */
const wholeReadEvery = 60

export class PostgresOwnerStore implements OwnerStore {
  readonly #databases: readonly (JournalDatabase & { readonly pool: DatabasePool; readonly log: Log })[]
  readonly #away = new Set<JournalDatabase>()
  readonly #known = new Map<JournalDatabase, Known>()

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
      const known = this.#known.get(database)
      const since = known === undefined || known.reads >= wholeReadEvery ? [null, null] : [known.epochs, known.released]
      const rows = await pool.query<ReadRow>({
        name: 'owners_since',
        text: ownersText,
        values: [first, last, ...since],
      })
      if (this.#away.delete(database)) log.info({}, 'owners are read again')
      const [row] = rows
      if (row === undefined && known !== undefined) {
        known.reads += 1
        return known.owners
      }
      const owners = rows.map(toOwner)
      if (row !== undefined) {
        this.#known.set(database, { owners, epochs: row.epochs, released: row.released_count, reads: 0 })
      }
      return owners
    } catch (error) {
      if (!this.#away.has(database)) log.warn({ reason: describe(error) }, 'owners cannot be read')
      this.#away.add(database)
      return []
    }
  }
}

function toOwner({ shard, epoch, released, node, incarnation }: OwnerRow): ShardOwner {
  return { shard, epoch, released, owner: node === null || incarnation === null ? undefined : { node, incarnation } }
}
