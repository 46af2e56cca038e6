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
