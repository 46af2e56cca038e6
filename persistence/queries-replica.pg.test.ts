/** Reading from a replica that follows by logical replication, on a server of its own. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../runtime/clock.ts'
import { type Postgres, startPostgres } from '../test/support/postgres.ts'
import { migrate } from './migrate.ts'
import type { RowOwner } from './queries-pool.ts'
import { MerchantQueries } from './queries.ts'
import { withClient } from './with-client.ts'

const merchant: RowOwner = { merchant: 'mer_a', live: false }
/** Another merchant, and the same one in the other mode. */
const others: readonly RowOwner[] = [
  { merchant: 'mer_b', live: false },
  { merchant: 'mer_a', live: true },
]
const bounds = { limit: 100, direction: 'older' } as const

let primary: Postgres
let replica: Postgres
let queries: MerchantQueries

beforeAll(async () => {
  ;[primary, replica] = await Promise.all([
    startPostgres({ settings: { wal_level: 'logical' } }),
    startPostgres({ settings: { wal_level: 'logical' } }),
  ])
  await Promise.all([migrate(primary.url), migrate(replica.url)])
  await run(
    primary.url,
    'CREATE PUBLICATION shardpay_read FOR TABLES IN SCHEMA read, TABLE shard_cursor WITH (publish_via_partition_root = true)',
  )
  await run(replica.url, 'TRUNCATE shard_cursor')
  await run(replica.url, `CREATE SUBSCRIPTION shardpay_read CONNECTION '${primary.url}' PUBLICATION shardpay_read`)
  queries = new MerchantQueries([{ first: 0, last: 1_023, url: primary.url, replicaUrl: replica.url }], systemClock)
})

afterAll(async () => {
  await queries.close()
  await run(replica.url, 'DROP SUBSCRIPTION shardpay_read')
  await Promise.all([replica.stop(), primary.stop()])
})

async function run(url: string, text: string, values: readonly unknown[] = []): Promise<void> {
  await withClient(url, (client) => client.query(text, [...values]))
}

/** A payment with one transfer, and the cursor of its shard moved in the same transaction, as the projector does it. */
async function project(n: number, { merchant: id, live }: RowOwner = merchant): Promise<void> {
  await run(
    primary.url,
    `WITH moved AS (UPDATE shard_cursor SET position = $1 WHERE shard = 7 AND consumer = 'read'),
    now AS (SELECT floor(extract(epoch FROM now()) * 1000)::bigint AS at),
    posted AS (INSERT INTO read.transfer
      (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
      SELECT at, $1, 100, 7, 0, $3, decode(lpad(to_hex($1), 32, '0'), 'hex'), $2, 'EUR', 'psp_receivable', 'merchant_payable', 'posted',
        'stripe-test', 'cap' FROM now),
    balance AS (INSERT INTO read.balance AS b
      (debits, credits, reserved_debits, reserved_credits, part, live, merchant, currency, connection, account)
      VALUES (100, 0, 0, 0, 7, $3, $2, 'EUR', 'stripe-test', 'psp_receivable')
      ON CONFLICT (merchant, live, currency, connection, account, part) DO UPDATE SET debits = b.debits + excluded.debits)
    INSERT INTO read.payment (created_at, updated_at, amount, authorized, captured, refunded, disputed, shard, seq, live, review,
      entity, merchant, currency, status, data)
    SELECT at, at, 100, 100, 100, 0, 0, 7, 1, $3, false, decode(lpad(to_hex($1), 32, '0'), 'hex'), $2, 'EUR', 'captured', '\\x80' FROM now`,
    [n, id, live],
  )
}

/** The list as soon as it knows what was there at that instant. */
async function listAsOf(instant: number): Promise<number> {
  const until = performance.now() + 30_000
  for (;;) {
    const { rows, asOf } = await queries.payments(merchant, {}, bounds)
    if (asOf >= instant) return rows.length
    if (performance.now() > until) throw new Error(`as of ${asOf}, and not ${instant}`)
    await pause(50)
  }
}

test('a replica answers, and says as of which state of the journal database it does', async () => {
  await project(1)
  expect(await listAsOf(Date.now())).toBe(1)
  await project(2)
  expect(await listAsOf(Date.now())).toBe(2)
})

test('a replica that has stopped following says so: its answers stay as of what it has', async () => {
  await run(replica.url, 'ALTER SUBSCRIPTION shardpay_read DISABLE')
  const stopped = await untilStill()
  await project(3)
  const written = Date.now()
  await pause(300)
  const { rows, asOf } = await queries.payments(merchant, {}, bounds)
  expect(rows).toHaveLength(2)
  expect(asOf).toBeGreaterThanOrEqual(stopped)
  expect(asOf).toBeLessThan(written)
  await run(replica.url, 'ALTER SUBSCRIPTION shardpay_read ENABLE')
  expect(await listAsOf(written)).toBe(3)
})

test('S2 the replica shows to each merchant and mode its own payments, entries and balance, and nothing to nobody', async () => {
  for (const [n, other] of others.entries()) await project(10 + n, other)
  await listAsOf(Date.now())
  const account = { connection: 'stripe-test', currency: 'EUR', account: 'psp_receivable' } as const
  for (const [owner, count] of [[merchant, 3] as const, ...others.map((other) => [other, 1] as const)]) {
    expect((await queries.payments(owner, {}, bounds)).rows).toHaveLength(count)
    expect((await queries.entriesOfAccount(owner, account, bounds)).rows).toHaveLength(count)
    const { rows } = await queries.balances(owner)
    expect(rows.map(({ debits }) => debits)).toEqual([BigInt(100 * count)])
  }
  const tables = ['payment', 'transfer', 'balance'].map((table) => `SELECT 1 AS one FROM read.${table}`)
  const told = await withClient(replica.url, async (client) => {
    await client.query('SET ROLE shardpay_reader')
    return (await client.query<{ one: number }>(tables.join(' UNION ALL '))).rows
  })
  expect(told).toEqual([])
})

/** No worker applies anything any more; as of when the replica is now. */
async function untilStill(): Promise<number> {
  for (;;) {
    const workers = await withClient(replica.url, async (client) => {
      const text = `SELECT count(*)::int AS count FROM pg_stat_subscription WHERE pid IS NOT NULL`
      return (await client.query<{ count: number }>(text)).rows[0]?.count
    })
    if (workers === 0) return (await queries.payments(merchant, {}, bounds)).asOf
    await pause(50)
  }
}
