/**
 * The schema: SQL files, forward only, run in order under an advisory lock, all in one transaction. Processes that start at
 * once wait for the one that migrates. And the check, at every start, that this build and this cluster agree on what never
 * changes.
 */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import { hashVersion, shardCount } from '../domain/ids.ts'
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

/** This build or this key belongs to another cluster than the database does. Nothing may start then. */
export class ClusterMismatch extends Error {
  override readonly name = 'ClusterMismatch'
  readonly code = 'cluster_mismatch'
}

/**
 * @param idKey the cluster's secret from which payment ids are derived. The first call stores its fingerprint; with another
 *   key every retry would reach another payment, and charge again.
 * @throws {ClusterMismatch}
 */
export async function checkClusterMeta(databaseUrl: string, idKey: Uint8Array): Promise<void> {
  const fingerprint = createHash('sha256').update('shardpay id_key\0').update(idKey).digest()
  const meta = await withClient(databaseUrl, async (client) => {
    await client.query('UPDATE cluster_meta SET id_key_fingerprint = $1 WHERE id_key_fingerprint IS NULL', [
      fingerprint,
    ])
    const { rows } = await client.query<{ num_shards: number; hash_version: number; id_key_fingerprint: Buffer }>(
      'SELECT num_shards, hash_version, id_key_fingerprint FROM cluster_meta',
    )
    return rows[0]
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
}
