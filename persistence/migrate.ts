/**
 * The schema: SQL files, forward only, run in order under an advisory lock, all in one transaction. Processes that start at
 * once wait for the one that migrates. And the check, at every start, that this build and this cluster agree on what never
 * changes.
 */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import { DatabaseError } from 'pg'
import { hashVersion, shardCount } from '../domain/ids.ts'
import { checkDatabaseNames } from './cluster-databases.ts'
import { ClusterMismatch } from './cluster-mismatch.ts'
import { type JournalDatabase, nameOfRange, type ShardRange } from './journal-databases.ts'
import { withClient } from './with-client.ts'

const migrationsDirectory = fileURLToPath(new URL('./migrations', import.meta.url))

/** Brings the database to this build's schema; does nothing where it is there already. */
export async function migrate(databaseUrl: string, log: (line: string) => void = () => undefined): Promise<void> {
  await withClient(databaseUrl, (dbClient) =>
    runner({
      dbClient,
      dir: migrationsDirectory,
      direction: 'up',
      migrationsTable: 'schema_migration',
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      log,
    }),
  )
}

/** The same for each of them. @throws the first failure, after all have been tried. */
export async function migrateAll(databases: readonly JournalDatabase[]): Promise<void> {
  await all(databases.map(({ url }) => migrate(url)))
}

/** undefined_table, undefined_column */
const schemaMissing: ReadonlySet<string> = new Set(['42P01', '42703'])

const allShards: ShardRange = { first: 0, last: shardCount - 1 }

/**
 * @param idKey the cluster's secret from which payment ids are derived. The first call stores its fingerprint; with another
 *   key every retry would reach another payment, and charge again.
 * @param range shards whose journal this database has to hold. The first call stores it; with another one shards would
 *   begin anew in a database that has none of their rows.
 * @throws {ClusterMismatch}
 */
export async function checkClusterMeta(
  databaseUrl: string,
  idKey: Uint8Array,
  range: ShardRange = allShards,
): Promise<void> {
  const fingerprint = createHash('sha256').update('shardpay id_key\0').update(idKey).digest()
  const read = withClient(databaseUrl, async (client) => {
    // The range only where the key is right: a process of another cluster must leave nothing behind.
    await client.query('UPDATE cluster_meta SET id_key_fingerprint = $1 WHERE id_key_fingerprint IS NULL', [
      fingerprint,
    ])
    await client.query(
      `UPDATE cluster_meta SET first_shard = $1, last_shard = $2
      WHERE first_shard IS NULL AND id_key_fingerprint = $3 AND num_shards = $4`,
      [range.first, range.last, fingerprint, shardCount],
    )
    return (await client.query<ClusterMeta>('SELECT * FROM cluster_meta')).rows[0]
  })
  const meta = await read.catch((error: unknown) => {
    if (!(error instanceof DatabaseError) || !schemaMissing.has(error.code ?? '')) throw error
    throw new ClusterMismatch('the database does not have the schema of this build: npm run migrate', { cause: error })
  })
  if (meta === undefined) throw new ClusterMismatch('cluster_meta is empty: the database was not migrated by Shardpay')
  if (meta.num_shards !== shardCount) {
    throw new ClusterMismatch(`the cluster has ${meta.num_shards} shards, this build has ${shardCount}`)
  }
  if (meta.hash_version !== hashVersion) {
    throw new ClusterMismatch(`the cluster derives ids by version ${meta.hash_version}, this build by ${hashVersion}`)
  }
  if (!meta.id_key_fingerprint.equals(fingerprint)) {
    throw new ClusterMismatch('the id key is not the one this database was started with: retries would charge again')
  }
  if (meta.first_shard !== range.first || meta.last_shard !== range.last) {
    const held = nameOfRange({ first: meta.first_shard, last: meta.last_shard })
    throw new ClusterMismatch(`the database holds shards ${held}, and is configured for ${nameOfRange(range)}`)
  }
}

/** The same for each of them, and that they are all of one cluster. @throws {ClusterMismatch} */
export async function checkJournalDatabases(databases: readonly JournalDatabase[], idKey: Uint8Array): Promise<void> {
  await all(databases.map(({ url, ...range }) => checkClusterMeta(url, idKey, range)))
  await checkDatabaseNames(databases)
}

interface ClusterMeta {
  readonly num_shards: number
  readonly hash_version: number
  readonly id_key_fingerprint: Buffer
  readonly first_shard: number
  readonly last_shard: number
}

async function all(tries: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(tries)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
