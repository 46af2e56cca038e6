/** Where the live tables of the read side differ from what the journal was folded into once more, by shard and table. */
import type { Client } from 'pg'
import type { ReadSchema } from './read-cursor.ts'

/** Rows of one table to be compared: of which shard, what names each within it whatever else was changed, and the whole of it. */
interface Compared {
  readonly from: (schema: ReadSchema) => string
  readonly shard: string
  readonly key: string
}

const parts = `encode(payment, 'hex') || '_' || ordinal`
const tables = {
  payment: { from: (schema) => `${schema}.payment`, shard: 'shard', key: `encode(entity, 'hex')` },
  refund: { from: (schema) => `${schema}.refund`, shard: 'shard', key: parts },
  dispute: { from: (schema) => `${schema}.dispute`, shard: 'shard', key: parts },
  transfer: { from: (schema) => `${schema}.transfer`, shard: 'shard', key: `position || '_' || n` },
  // Its parts mean nothing, and are of all shards.
  balance: {
    from: (
      schema,
    ) => `(SELECT merchant, live, currency, connection, account, sum(debits), sum(credits), sum(reserved_debits),
      sum(reserved_credits) FROM ${schema}.balance GROUP BY merchant, live, currency, connection, account)`,
    shard: '-1',
    key: `concat_ws(' ', merchant, CASE WHEN live THEN 'live' ELSE 'test' END, currency, quote_literal(connection), account)`,
  },
} as const satisfies Readonly<Record<string, Compared>>

export type ReadTable = keyof typeof tables
const allShards = -1

export interface ReadDifference {
  /** Null of balances: they are sums over all shards of the database. */
  readonly shard: number | null
  readonly table: ReadTable
  /** Rows that the journal has and the live table has not. */
  readonly missing: number
  /** Rows of the live table that are not in the journal, or are there twice. */
  readonly surplus: number
  readonly changed: number
  /** Names of some of those rows. */
  readonly examples: readonly string[]
}

const examplesMax = 3

/** A connection, by its snapshot. */
interface Side {
  readonly client: Client
  readonly schema: ReadSchema
}

/**
 * @param live sees the live tables as of the positions that `read_next` was folded to; `next` sees that. Both as the auditor.
 * @param shards that are at the same position in both. Balances are compared where all of them are.
 * @param comparedMax shards and tables whose rows are compared one by one; of the others it is said only that they differ.
 */
export async function readDifferences(
  live: Client,
  next: Client,
  shards: { readonly same: ReadonlySet<number>; readonly isAll: boolean },
  comparedMax: number,
): Promise<{ readonly differences: readonly ReadDifference[]; readonly count: number }> {
  const sides = { live: { client: live, schema: 'read' }, next: { client: next, schema: 'read_next' } } as const
  const differences: ReadDifference[] = []
  let count = 0
  for (const table of Object.keys(tables) as ReadTable[]) {
    const [found, expected] = await Promise.all([digests(sides.live, table), digests(sides.next, table)])
    for (const shard of [...new Set([...found.keys(), ...expected.keys()])].sort((a, b) => a - b)) {
      const isComparable = shard === allShards ? shards.isAll : shards.same.has(shard)
      if (!isComparable || found.get(shard) === expected.get(shard)) continue
      count += 1
      if (differences.length < comparedMax) differences.push(await compareRows(sides.live, sides.next, table, shard))
    }
  }
  return { differences, count }
}

/** Of each shard's rows, how many there are and a sum of their hashes. */
async function digests({ client, schema }: Side, table: ReadTable): Promise<ReadonlyMap<number, string>> {
  const { rows } = await client.query<{ shard: number; digest: string }>(
    `SELECT ${tables[table].shard} AS shard, count(*) || ' ' || sum(hashtextextended(t::text, 0)::numeric) AS digest
    FROM ${tables[table].from(schema)} t GROUP BY 1`,
  )
  return new Map(rows.map(({ shard, digest }) => [shard, digest]))
}

async function compareRows(live: Side, next: Side, table: ReadTable, shard: number): Promise<ReadDifference> {
  const [found, expected] = await Promise.all([rowsOf(live, table, shard), rowsOf(next, table, shard)])
  const sums = { missing: 0, surplus: 0, changed: 0 }
  const examples: string[] = []
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const left = [...(found.get(key) ?? [])]
    const wanted = (expected.get(key) ?? []).filter((hash) => {
      const at = left.indexOf(hash)
      if (at === -1) return true
      left.splice(at, 1)
      return false
    })
    if (left.length === 0 && wanted.length === 0) continue
    const changed = Math.min(left.length, wanted.length)
    sums.changed += changed
    sums.missing += wanted.length - changed
    sums.surplus += left.length - changed
    if (examples.length < examplesMax) examples.push(key)
  }
  return { shard: shard === allShards ? null : shard, table, ...sums, examples }
}

async function rowsOf(
  { client, schema }: Side,
  table: ReadTable,
  shard: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await client.query<{ key: string; hash: string }>(
    `SELECT ${tables[table].key} AS key, hashtextextended(t::text, 0)::text AS hash FROM ${tables[table].from(schema)} t
    WHERE ${tables[table].shard} = $1::int ORDER BY key`,
    [shard],
  )
  const hashes = new Map<string, string[]>()
  for (const { key, hash } of rows) hashes.set(key, [...(hashes.get(key) ?? []), hash])
  return hashes
}
