/**
 * Reads the owner rows of all shards, one statement per journal database: what a process believes of ownership is fed from
 * here (cluster/owners.ts). A read brings the rows near those that have changed, because every process reads after every
 * taking and release of any shard. It waits no longer than its limits say; a database that does not answer leaves its
 * shards out and is said so once, and again when it is back.
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

/** Shards whose rows are read together where one of them has changed. */
const blockSize = 32

/** Of a block of shards: every taking raises the sum of epochs, and between two takings a shard can only be released once. */
interface Fingerprint {
  readonly block: number
  readonly epochs: number
  readonly released_count: number
}

interface OwnerRow extends Fingerprint {
  readonly shard: number
  readonly epoch: number
  readonly node: string | null
  readonly incarnation: string | null
  readonly released: boolean
}

/** What was read of a database so far. */
interface Known {
  /** In order of shard. */
  readonly owners: ShardOwner[]
  readonly fingerprints: Map<number, Fingerprint>
  reads: number
}

/** The rows of blocks whose fingerprints are not among those known ($3, $4, $5). */
const ownersText = `
  WITH changed AS MATERIALIZED (
    SELECT shard / ${blockSize} AS block, sum(epoch)::bigint AS epochs, count(released_at_position)::bigint AS released
    FROM shard_owner WHERE shard BETWEEN $1 AND $2 GROUP BY 1
    EXCEPT SELECT * FROM unnest($3::int[], $4::bigint[], $5::bigint[])
  )
  SELECT o.shard, o.epoch, o.node, o.incarnation, o.released_at_position IS NOT NULL AS released,
    c.block, c.epochs, c.released AS released_count
  FROM changed c JOIN shard_owner o
    ON o.shard BETWEEN greatest($1, c.block * ${blockSize}) AND least($2, c.block * ${blockSize} + ${blockSize - 1})
  ORDER BY o.shard`

/** Of so many reads one reads everything, whatever the fingerprints: rows may have been mended by hand. */
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
      const before = this.#known.get(database)
      const known =
        before === undefined || before.reads >= wholeReadEvery
          ? { owners: [], fingerprints: new Map<number, Fingerprint>(), reads: 0 }
          : before
      const fingerprints = [...known.fingerprints.values()]
      const rows = await pool.query<OwnerRow>({
        name: 'owners_since',
        text: ownersText,
        values: [
          ...[first, last],
          fingerprints.map(({ block }) => block),
          fingerprints.map(({ epochs }) => epochs),
          fingerprints.map(({ released_count: released }) => released),
        ],
      })
      if (this.#away.delete(database)) log.info({}, 'owners are read again')
      for (const row of rows) {
        known.owners[row.shard - first] = toOwner(row)
        known.fingerprints.set(row.block, row)
      }
      known.reads += 1
      this.#known.set(database, known)
      return known.owners
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
