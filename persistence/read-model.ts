/**
 * What processes outside the actors may read of the database: for now, the directory of merchants. It is behind the
 * journal by as much as cursors are, about a second; who must know decides on the journal's own state.
 */
import { Pool } from 'pg'
import type { MerchantRow } from '../actors/journal.ts'
import { safeIntegerTypes } from './int8.ts'

/** The rows that merchant actors keep up: newest configuration of each merchant. */
export interface MerchantDirectorySource {
  readAll(): Promise<readonly MerchantRow[]>
  /** Merchant → version, of every merchant: what a poll compares. */
  readVersions(): Promise<ReadonlyMap<string, number>>
  /** Those of them that exist. */
  read(merchants: readonly string[]): Promise<readonly MerchantRow[]>
}

export interface ReadModel extends MerchantDirectorySource {
  close(): Promise<void>
}

/**
 * Over all journal databases: a merchant's row is where its shard is. A poll takes all of them or fails, since a directory
 * without some of its merchants would refuse their requests as unknown keys; until it is stale it keeps what it has.
 *
 * @param lost is told when an idle connection ends; queries open new ones.
 */
export function createMergedReadModel(
  databaseUrls: readonly string[],
  lost: (error: Error) => void = () => undefined,
): ReadModel {
  const models = databaseUrls.map((url) => createReadModel(url, lost))
  const merged = async (read: (model: ReadModel) => Promise<readonly MerchantRow[]>): Promise<readonly MerchantRow[]> =>
    (await Promise.all(models.map(read))).flat().sort((a, b) => (a.merchant < b.merchant ? -1 : 1))
  return {
    readAll: () => merged((model) => model.readAll()),
    read: (merchants) => merged((model) => model.read(merchants)),
    async readVersions() {
      const versions = await Promise.all(models.map((model) => model.readVersions()))
      return new Map(versions.flatMap((each) => [...each]))
    },
    async close() {
      await Promise.all(models.map((model) => model.close()))
    },
  }
}

const connectionsMax = 2
const timeoutMs = 5_000
const columns = `merchant, shard, encode(entity, 'hex') AS entity, version, data`

/** @param lost is told when an idle connection ends; queries open new ones. */
export function createReadModel(databaseUrl: string, lost: (error: Error) => void = () => undefined): ReadModel {
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: 'shardpay read-model',
    types: safeIntegerTypes,
    max: connectionsMax,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
  })
  pool.on('error', lost)
  return {
    async readAll() {
      return (await pool.query<MerchantRow>(`SELECT ${columns} FROM merchant ORDER BY merchant`)).rows
    },
    async readVersions() {
      const { rows } = await pool.query<{ merchant: string; version: number }>('SELECT merchant, version FROM merchant')
      return new Map(rows.map(({ merchant, version }) => [merchant, version]))
    },
    async read(merchants) {
      const text = `SELECT ${columns} FROM merchant WHERE merchant = ANY($1::text[]) ORDER BY merchant`
      return (await pool.query<MerchantRow>(text, [merchants])).rows
    },
    close: () => pool.end(),
  }
}
