/**
 * What processes outside the actors may read of the database: the directory of merchants, which is behind the journal by as
 * much as cursors are, about a second (who must know decides on the journal's own state), and decisions of registers.
 */
import { Pool } from 'pg'
import type { EntityKey, MerchantRow } from '../actors/journal.ts'
import { safeIntegerTypes } from './int8.ts'

/** The rows that merchant actors keep up: newest configuration of each merchant. */
export interface MerchantDirectorySource {
  readAll(): Promise<readonly MerchantRow[]>
  /** Merchant → version, of every merchant: what a poll compares. The same map as before where nothing has changed. */
  readVersions(): Promise<ReadonlyMap<string, number>>
  /** Those of them that exist. */
  read(merchants: readonly string[]): Promise<readonly MerchantRow[]>
}

/** A decision without its private part. */
export interface StoredDecision {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly epoch: number
  readonly data: Buffer
}

export interface ReadModel extends MerchantDirectorySource {
  /** Decisions of an entity after sequence `after`, oldest first, at most a thousand: for registers that every process follows. */
  readDecisions(key: EntityKey, after: number): Promise<readonly StoredDecision[]>
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
  let known:
    | { readonly parts: readonly ReadonlyMap<string, number>[]; readonly all: ReadonlyMap<string, number> }
    | undefined
  return {
    readAll: () => merged((model) => model.readAll()),
    read: (merchants) => merged((model) => model.read(merchants)),
    // One of them has the shard.
    readDecisions: async (key, after) =>
      (await Promise.all(models.map((model) => model.readDecisions(key, after)))).flat(),
    async readVersions() {
      const parts = await Promise.all(models.map((model) => model.readVersions()))
      if (known === undefined || parts.some((part, index) => part !== known?.parts[index])) {
        known = { parts, all: new Map(parts.flatMap((part) => [...part])) }
      }
      return known.all
    },
    async close() {
      await Promise.all(models.map((model) => model.close()))
    },
  }
}

const connectionsMax = 2
const timeoutMs = 5_000
const columns = `merchant, shard, encode(entity, 'hex') AS entity, version, data`

/** Nothing where nothing has changed: merchants are never deleted, and their versions only rise. */
const versionsText = `
  WITH now AS (SELECT count(*)::bigint AS merchants, sum(version)::bigint AS versions FROM merchant)
  SELECT m.merchant, m.version, now.merchants, now.versions FROM now, merchant m
  WHERE (now.merchants, now.versions) IS DISTINCT FROM ($1::bigint, $2::bigint)`

const decisionsText = `
  SELECT seq, at, epoch, data FROM journal WHERE shard = $1 AND entity = $2 AND seq > $3 ORDER BY seq LIMIT 1000`

/** Of so many polls one reads all versions, whatever their sum: rows may have been mended by hand. */
const wholeReadEvery = 150

interface KnownVersions {
  readonly map: ReadonlyMap<string, number>
  readonly merchants: number
  readonly versions: number
  reads: number
}

interface VersionRow {
  readonly merchant: string
  readonly version: number
  readonly merchants: number
  readonly versions: number
}

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
  let known: KnownVersions | undefined
  return {
    async readAll() {
      return (await pool.query<MerchantRow>(`SELECT ${columns} FROM merchant ORDER BY merchant`)).rows
    },
    async readVersions() {
      const isWhole = known === undefined || known.reads >= wholeReadEvery
      const values = isWhole ? [null, null] : [known?.merchants, known?.versions]
      const { rows } = await pool.query<VersionRow>({ name: 'versions_since', text: versionsText, values })
      const [row] = rows
      if (row === undefined) {
        if (known === undefined) return new Map()
        known.reads += 1
        return known.map
      }
      const map = new Map(rows.map(({ merchant, version }) => [merchant, version]))
      known = { map, merchants: row.merchants, versions: row.versions, reads: 0 }
      return map
    },
    async read(merchants) {
      const text = `SELECT ${columns} FROM merchant WHERE merchant = ANY($1::text[]) ORDER BY merchant`
      return (await pool.query<MerchantRow>(text, [merchants])).rows
    },
    async readDecisions({ shard, entity }, after) {
      const values = [shard, Buffer.from(entity, 'hex'), after]
      return (await pool.query<StoredDecision>({ name: 'decisions', text: decisionsText, values })).rows
    },
    close: () => pool.end(),
  }
}
