/** What the lists of a large merchant read: a page's rows and the way to them, however few of the rows it is looking for there are. */
import { createHash } from 'node:crypto'
import { escapeLiteral } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { queryLimits, QueryPool } from './queries-pool.ts'
import { accountEntryList, entryList, filterByAccount, filterPayments, paymentList } from './queries-shapes.ts'
import { type Conditions, type ListShape, listStatement, type PageBounds } from './queries-statement.ts'
import { withClient } from './with-client.ts'

const merchant = { merchant: 'mer_large', live: false }
const payments = 20_000
const now = Date.UTC(2026, 10, 21)
const entityOf = (n: number): string => createHash('md5').update(`${n}`).digest('hex')
/** All payments take a hundred times as many. */
const blocksMax = 150

let database: TestDatabase
let pool: QueryPool
let prepared = 0

/** One in 5,000 payments failed, and one in 5,000 was booked on accounts that hardly anything is booked on. */
const written = [
  `INSERT INTO read.payment (created_at, updated_at, amount, authorized, captured, refunded, disputed, shard, seq, live, review,
    entity, merchant, currency, status, connection, psp, merchant_reference, data)
  SELECT ${now} + n, ${now} + n, 100, 100, 100, 0, 0, 5, 1, false, false, decode(md5(n::text), 'hex'), 'mer_large', 'EUR',
    CASE n % 5000 WHEN 7 THEN 'failed' ELSE 'captured' END, 'first', 'stripe', 'order-' || n, repeat('x', 600)::bytea
  FROM generate_series(1, ${payments}) AS n`,
  `INSERT INTO read.transfer (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
  SELECT ${now} + n, n, 100, 5, 0, false, decode(md5(n::text), 'hex'), 'mer_large', 'EUR',
    (CASE n % 5000 WHEN 7 THEN 'dispute_fees' WHEN 8 THEN 'auth_hold' ELSE 'psp_receivable' END),
    (CASE n % 5000 WHEN 9 THEN 'suspense' WHEN 8 THEN 'auth_hold_contra' ELSE 'merchant_payable' END), 'posted',
    CASE n % 5000 WHEN 10 THEN 'second' ELSE 'first' END, 'cap'
  FROM generate_series(1, ${payments}) AS n`,
  'VACUUM ANALYZE read.payment, read.transfer',
]

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new QueryPool(database.url, { ...queryLimits, connectionsMax: 1, statementMs: 20_000, answerMs: 30_000 })
  await pool.ofNobody({ text: 'SET plan_cache_mode = force_generic_plan' })
  await withClient(database.url, async (client) => {
    await client.query('SELECT read.ensure_partitions($1, $1)', [now])
    for (const text of written) await client.query(text)
  })
})

afterAll(async () => {
  await pool.close()
  await database.drop()
})

interface Plan {
  readonly 'Actual Rows': number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
}

/** By the plan for any values, which named statements come to have. */
async function explained(
  shape: ListShape,
  filter: (conditions: Conditions) => void,
  bounds: PageBounds = { limit: 10, direction: 'older' },
): Promise<{ readonly rows: number; readonly blocks: number }> {
  const { text, values = [] } = listStatement(shape, merchant, bounds, filter)
  const given = (values as readonly unknown[]).map((value) => escapeLiteral(String(value))).join(', ')
  const name = `list_${(prepared += 1)}`
  await pool.ofOwner(merchant, { text: `PREPARE ${name} AS ${text}` })
  const [row] = await pool.ofOwner<{ readonly 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(merchant, {
    text: `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${name} (${given})`,
  })
  const plan = row?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error('a statement has a plan')
  return { rows: plan['Actual Rows'], blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] }
}

const nothing = (): void => undefined
const middle: PageBounds = { limit: 10, direction: 'older', from: [now + payments / 2, entityOf(payments / 2)] }

test.each([
  ['all', {}, 11],
  ['those of a frequent status', { status: 'captured' }, 11],
  ['those of a rare status', { status: 'failed' }, 4],
  ['one by its reference', { merchantReference: 'order-777' }, 1],
] as const)('payments: %s', async (_name, filter, rows) => {
  const found = await explained(paymentList, (conditions) => filterPayments(conditions, filter))
  expect(found.rows).toBe(rows)
  expect(found.blocks).toBeLessThan(blocksMax)
})

test.each(['older', 'newer'] as const)('payments from the middle on, %s', async (direction) => {
  const found = await explained(paymentList, nothing, { ...middle, direction })
  expect(found.rows).toBe(11)
  expect(found.blocks).toBeLessThan(blocksMax)
})

test.each([
  ['first', 'psp_receivable', 11],
  ['first', 'merchant_payable', 11],
  ['first', 'dispute_fees', 4],
  ['first', 'suspense', 4],
  ['first', 'auth_hold', 4],
  ['second', 'psp_receivable', 4],
  ['first', 'losses', 0],
])('entries of an account: %s, %s', async (connection, account, rows) => {
  const found = await explained(accountEntryList, (conditions) =>
    filterByAccount(conditions, { currency: 'EUR', connection, account }),
  )
  expect(found.rows).toBe(rows)
  expect(found.blocks).toBeLessThan(blocksMax * 2)
})

test('entries of one payment', async () => {
  const found = await explained(entryList, (conditions) =>
    conditions.add((name) => `t.entity = decode(${name}, 'hex')`, entityOf(5)),
  )
  expect(found.rows).toBe(1)
  expect(found.blocks).toBeLessThan(blocksMax)
})
