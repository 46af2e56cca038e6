import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { shardOfEntity } from '../domain/ids.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { askEveryMs } from './queries-as-of.ts'
import { QueriesUnavailable, QueryPool, type RowOwner } from './queries-pool.ts'
import type { Key, PageBounds } from './queries-statement.ts'
import { MerchantQueries, type QueryDatabase } from './queries.ts'
import { withClient } from './with-client.ts'

const merchant: RowOwner = { merchant: 'mer_a', live: false }
const others: readonly RowOwner[] = [
  { merchant: 'mer_b', live: false },
  { merchant: 'mer_a', live: true },
]
const now = Date.now()
const entities = Array.from({ length: 1_000 }, (_, n) => createHash('md5').update(`payment ${n}`).digest('hex'))

/** Of other owners. */
const foreign = Array.from({ length: 50 }, (_, n) => createHash('md5').update(`foreign ${n}`).digest('hex'))

interface Read {
  readonly databases: readonly QueryDatabase[]
  readonly queries: MerchantQueries
  readonly clock: VirtualClock
  /** Writes a payment with one refund, one dispute and one transfer. */
  write(entity: string, at: number, owner?: RowOwner): Promise<void>
  end(): Promise<void>
}

const paymentText = `
  INSERT INTO read.payment (created_at, updated_at, amount, authorized, captured, refunded, disputed, shard, seq, live, review,
    entity, merchant, currency, status, connection, psp, merchant_reference, data)
  SELECT at, at, 100, 100, 100, 0, 0, shard, 1, $3, false, decode(entity, 'hex'), $2, CASE WHEN at % 2 = 0 THEN 'EUR' ELSE 'USD' END,
    CASE WHEN at % 10 = 0 THEN 'failed' ELSE 'captured' END, 'stripe-test', 'stripe', 'order-' || left(entity, 6), '\\x80'
  FROM unnest($1::text[], $4::bigint[], $5::int[]) AS given (entity, at, shard)`
const partsText = ['refund', 'dispute'].map(
  (part) => `
  INSERT INTO read.${part} (created_at, payment_created_at, amount, shard, ordinal, live, payment, merchant, currency, status
    ${part === 'refund' ? ', connection, reversed' : ', fee'})
  SELECT at + 5, at, 40, shard, 1, $3, decode(entity, 'hex'), $2, 'EUR'${part === 'refund' ? ", 'succeeded', 'stripe-test', false" : ", 'open', 0"}
  FROM unnest($1::text[], $4::bigint[], $5::int[]) AS given (entity, at, shard)`,
)
const transferText = `
  INSERT INTO read.transfer (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
  SELECT at, 7 + ('x' || right(entity, 7))::bit(28)::int, 100, shard, 0, $3, decode(entity, 'hex'), $2, 'EUR', 'psp_receivable', 'merchant_payable', 'posted', 'stripe-test', 'cap'
  FROM unnest($1::text[], $4::bigint[], $5::int[]) AS given (entity, at, shard)`
const balanceText = `
  INSERT INTO read.balance (debits, credits, reserved_debits, reserved_credits, part, live, merchant, currency, connection, account)
  SELECT 90071992547409931, 1, 2, 3, shard, $3, $2, 'EUR', 'stripe-test', 'psp_receivable'
  FROM unnest($1::text[], $4::bigint[], $5::int[]) AS given (entity, at, shard)
  ON CONFLICT DO NOTHING`

async function over(databaseCount: 1 | 2): Promise<Read> {
  const fresh: TestDatabase[] = []
  for (let n = 0; n < databaseCount; n += 1) fresh.push(await createTestDatabase(inject('postgresUrl')))
  const [low, high] = fresh.map(({ url }) => url)
  const databases: readonly QueryDatabase[] =
    low === undefined || high === undefined
      ? [{ first: 0, last: 1_023, url: low ?? '' }]
      : [
          { first: 0, last: 511, url: low },
          { first: 512, last: 1_023, url: high },
        ]
  const clock = new VirtualClock()
  const queries = new MerchantQueries(databases, clock)
  return {
    databases,
    queries,
    clock,
    write: (entity, at, owner = merchant) => writeAll(databases, [entity], [at], owner),
    async end() {
      await queries.close()
      for (const { drop } of fresh) await drop()
    },
  }
}

async function writeAll(
  databases: readonly QueryDatabase[],
  given: readonly string[],
  times: readonly number[],
  owner: RowOwner,
): Promise<void> {
  for (const { first, last, url } of databases) {
    const own = given.map((entity, n) => ({ entity, at: times[n], shard: shardOfEntity(entity) }))
    const here = own.filter(({ shard }) => shard >= first && shard <= last)
    const columns = [here.map(({ at }) => at), here.map(({ shard }) => shard)]
    const values = [here.map(({ entity }) => entity), owner.merchant, owner.live, ...columns]
    await withClient(url, async (client) => {
      for (const text of [paymentText, ...partsText, transferText, balanceText]) await client.query(text, values)
    })
  }
}

type Ask = (bounds: PageBounds) => Promise<{ readonly keys: readonly Key[]; readonly hasMore: boolean }>

/** All pages of a list, walked in one direction. */
async function walk(ask: Ask, direction: PageBounds['direction'], limit: number): Promise<readonly Key[]> {
  const walked: Key[] = []
  for (let from: Key | undefined; ; ) {
    const { keys, hasMore } = await ask({ limit, direction, ...(from !== undefined && { from }) })
    expect(keys.length).toBeLessThanOrEqual(limit)
    if (direction === 'older') walked.push(...keys)
    else walked.unshift(...keys)
    if (!hasMore) return walked
    expect(keys).toHaveLength(limit)
    from = direction === 'older' ? keys.at(-1) : keys[0]
  }
}

describe.each([1, 2] as const)('over %d databases', (databaseCount) => {
  let read: Read
  const lists: Readonly<Record<string, Ask>> = {
    payments: async (bounds) => {
      const { rows, hasMore } = await read.queries.payments(merchant, {}, bounds)
      return { keys: rows.map(({ at, entity }) => [at, entity]), hasMore }
    },
    refunds: async (bounds) => {
      const { rows, hasMore } = await read.queries.parts('refund', merchant, {}, undefined, bounds)
      return { keys: rows.map(({ at, entity, ordinal }) => [at, entity, ordinal]), hasMore }
    },
    disputes: async (bounds) => {
      const { rows, hasMore } = await read.queries.parts('dispute', merchant, {}, undefined, bounds)
      return { keys: rows.map(({ at, entity, ordinal }) => [at, entity, ordinal]), hasMore }
    },
    entries: async (bounds) => {
      const account = { currency: 'EUR', connection: 'stripe-test', account: 'psp_receivable' }
      const { rows, hasMore } = await read.queries.entriesOfAccount(merchant, account, bounds)
      return { keys: rows.map(({ at, shard, position, n }) => [at, shard, position, n]), hasMore }
    },
  }

  beforeAll(async () => {
    read = await over(databaseCount)
    // Three of an instant, so that ids decide too.
    const times = entities.map((_, n) => now - 3_000 + Math.floor(n / 3))
    await writeAll(read.databases, entities, times, merchant)
    for (const [n, owner] of others.entries())
      await writeAll(
        read.databases,
        foreign.map((each) => each.replace(/^./, `${n}`)),
        times,
        owner,
      )
  })

  afterAll(() => read.end())

  test.each(Object.keys(lists))(
    'paging through a thousand %s gives each once, in order, in both directions',
    async (name) => {
      const ask = lists[name] as Ask
      const forward = await walk(ask, 'older', 37)
      expect(new Set(forward.map(String)).size).toBe(1_000)
      expect(forward.map(([at]) => at)).toEqual(forward.map(([at]) => at).toSorted((a, b) => Number(b) - Number(a)))
      expect(await walk(ask, 'newer', 41)).toEqual(forward)
      expect(await walk(ask, 'older', 100)).toEqual(forward)
    },
  )

  test('rows that arrive between pages shift nothing: what was there is seen once', async () => {
    const before = (await walk(lists['payments'] as Ask, 'older', 100)).map(String)
    const seen: string[] = []
    let from: Key | undefined
    for (let n = 0; ; n += 1) {
      const { rows, hasMore } = await read.queries.payments(
        merchant,
        {},
        { limit: 100, direction: 'older', ...(from && { from }) },
      )
      seen.push(...rows.map(({ at, entity }) => String([at, entity])))
      const last = rows.at(-1)
      if (!hasMore || last === undefined) break
      from = [last.at, last.entity]
      await read.write(createHash('md5').update(`late ${n}`).digest('hex'), now)
    }
    expect(seen).toEqual(before)
  })

  test('filters hold together, and are found over all databases', async () => {
    const bounds = { limit: 1_000, direction: 'older' } as const
    const count = async (filter: Parameters<MerchantQueries['payments']>[1]): Promise<number> => {
      const { rows } = await read.queries.payments(merchant, { createdBefore: now - 1_000, ...filter }, bounds)
      return rows.length
    }
    const all = await count({})
    expect(all).toBe(1_000)
    expect((await count({ status: 'failed' })) + (await count({ status: 'captured' }))).toBe(all)
    expect((await count({ currency: 'EUR' })) + (await count({ currency: 'USD' }))).toBe(all)
    expect(await count({ status: 'failed', currency: 'USD' })).toBe(0)
    expect(await count({ psp: 'stripe', review: false, amountFrom: 100, amountTo: 100 })).toBe(all)
    expect(await count({ psp: 'adyen' })).toBe(0)
    expect(await count({ amountFrom: 101 })).toBe(0)
    expect(await count({ amountTo: -1 })).toBe(0)
    expect(await count({ merchantReference: `order-${entities[5]?.slice(0, 6)}` })).toBe(1)
    expect(await count({ merchantReferencePrefix: 'order-' })).toBe(all)
    expect(await count({ merchantReferencePrefix: '%' })).toBe(0)
    expect(await count({ createdFrom: now - 3_000 + 1, createdBefore: now - 3_000 + 3 })).toBe(6)
  })

  test('what is about one payment is asked of its own database', async () => {
    const [entity = ''] = entities
    const payment = { shard: shardOfEntity(entity), entity }
    const bounds = { limit: 10, direction: 'older' } as const
    for (const part of ['refund', 'dispute'] as const) {
      const { rows } = await read.queries.parts(part, merchant, {}, payment, bounds)
      expect(rows).toEqual([{ at: now - 2_995, entity, ordinal: 1, data: Buffer.from([0x80]), private: null }])
      expect(await read.queries.placeOfPart(part, merchant, payment, 1)).toBe(now - 2_995)
      expect(await read.queries.placeOfPart(part, merchant, payment, 2)).toBeUndefined()
    }
    const { rows: entries } = await read.queries.entriesOfPayment(merchant, payment, bounds)
    expect(entries).toMatchObject([{ entity, amount: 100, debit: 'psp_receivable', credit: 'merchant_payable' }])
    expect(await read.queries.placeOfPayment(merchant, payment)).toBe(now - 3_000)
  })

  test('sums of accounts are exact beyond what a double can hold', async () => {
    const { rows } = await read.queries.balances(merchant)
    const [{ debits, credits, ...rest } = { debits: 0n, credits: 0n }] = rows
    expect(rows).toHaveLength(1)
    expect(rest).toMatchObject({ account: 'psp_receivable', currency: 'EUR', connection: 'stripe-test' })
    expect(debits).toBe(90_071_992_547_409_931n * credits)
  })

  test('S1 another merchant, and the same one in the other mode, find none of it', async () => {
    const bounds = { limit: 100, direction: 'older' } as const
    const payment = { shard: shardOfEntity(entities[99] ?? ''), entity: entities[99] ?? '' }
    for (const owner of [...others, { merchant: '', live: false }]) {
      expect(await read.queries.placeOfPayment(owner, payment)).toBeUndefined()
      expect(await read.queries.placeOfPart('refund', owner, payment, 1)).toBeUndefined()
      expect((await read.queries.parts('dispute', owner, {}, payment, bounds)).rows).toEqual([])
      expect((await read.queries.entriesOfPayment(owner, payment, bounds)).rows).toEqual([])
    }
    const { rows } = await read.queries.payments({ merchant: 'mer_c', live: false }, {}, bounds)
    expect(rows).toEqual([])
  })
})

describe('row-level security', () => {
  let read: Read
  let pool: QueryPool

  beforeAll(async () => {
    read = await over(1)
    pool = new QueryPool(read.databases[0]?.url ?? '', {
      connectionsMax: 1,
      waitingMax: 5,
      connectMs: 1_000,
      statementMs: 500,
      answerMs: 900,
    })
    await read.write(entities[0] ?? '', now)
  })

  afterAll(async () => {
    await pool.close()
    await read.end()
  })

  const tables = ['payment', 'refund', 'dispute', 'transfer', 'balance']

  test.each(tables)('S2 read.%s shows no row to whom nothing was told, whatever is asked', async (table) => {
    expect(await pool.ofNobody({ text: `SELECT 1 FROM read.${table}` })).toEqual([])
    const all = { text: `SELECT 1 FROM read.${table}` }
    expect(await pool.ofOwner(merchant, all)).toHaveLength(1)
    for (const owner of others) expect(await pool.ofOwner(owner, all)).toEqual([])
  })

  test('S2 the sessions are of a role that is no superuser, owns nothing, cannot pass by, and cannot write', async () => {
    const [role] = await pool.ofNobody({
      text: `SELECT current_user AS name, rolsuper, rolbypassrls, rolcanlogin, (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owned
        FROM pg_roles r WHERE rolname = current_user`,
    })
    expect(role).toEqual({
      name: 'shardpay_reader',
      rolsuper: false,
      rolbypassrls: false,
      rolcanlogin: false,
      owned: 0,
    })
    const write = { text: `UPDATE read.payment SET review = true` }
    await expect(pool.ofOwner(merchant, write)).rejects.toMatchObject({ code: '25006' })
    await expect(pool.ofNobody({ text: 'CREATE TEMPORARY TABLE x (y int)' })).rejects.toMatchObject({ code: '25006' })
    await expect(pool.ofNobody({ text: 'SELECT data FROM journal' })).rejects.toMatchObject({ code: '42501' })
  })

  test('S5 what a session was told is gone when its transaction has ended, and the next one sees nothing', async () => {
    const setting = { text: `SELECT current_setting('shardpay.merchant', true) AS merchant` }
    expect(await pool.ofOwner(merchant, setting)).toEqual([{ merchant: 'mer_a' }])
    expect(await pool.ofNobody(setting)).toEqual([{ merchant: '' }])
    expect(await pool.ofNobody({ text: 'SELECT 1 FROM read.payment' })).toEqual([])
  })

  test('a query that fails leaves nothing behind for the next one of the connection', async () => {
    await expect(pool.ofOwner(merchant, { text: 'SELECT nothing' })).rejects.toMatchObject({ code: '42703' })
    expect(await pool.ofNobody({ text: 'SELECT 1 FROM read.payment' })).toEqual([])
    expect(await pool.ofOwner(merchant, { text: 'SELECT 1 AS one FROM read.payment' })).toEqual([{ one: 1 }])
  })

  test('a statement that takes too long is ended, and is no error of ours', async () => {
    await expect(pool.ofOwner(merchant, { text: 'SELECT pg_sleep(30)' })).rejects.toThrow(QueriesUnavailable)
    expect(await pool.ofOwner(merchant, { text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
  })

  test('queries that would wait behind too many others are refused at once', async () => {
    const slow = Array.from({ length: 5 }, () => pool.ofOwner(merchant, { text: 'SELECT pg_sleep(0.05)' }))
    await expect(pool.ofOwner(merchant, { text: 'SELECT 1' })).rejects.toThrow('too many queries wait')
    await Promise.all(slow)
  })
})

describe('as of when', () => {
  test('is now while the projector has taken everything, and before the first decision that it has not', async () => {
    const { databases, queries, clock, end } = await over(2)
    const bounds = { limit: 1, direction: 'older' } as const
    const ask = async (): Promise<number> => {
      clock.advance(askEveryMs)
      return (await queries.payments(merchant, {}, bounds)).asOf
    }
    try {
      const earliest = Date.now()
      const first = await ask()
      expect(first).toBeGreaterThanOrEqual(earliest - 1)
      expect(first).toBeLessThanOrEqual(Date.now() + 1)
      await withClient(databases[1]?.url ?? '', (client) =>
        client.query(`INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data)
          SELECT 700, n, decode(repeat('af', 16), 'hex'), n, 1, decode(repeat('00', 16), 'hex'), 'test', 1000 * n, '\\x80' FROM generate_series(1, 3) AS n`),
      )
      expect((await queries.payments(merchant, {}, bounds)).asOf).toBe(first)
      expect(await ask()).toBe(999)
      await moveCursor(databases[1]?.url ?? '', 700, 2)
      expect(await ask()).toBe(2_999)
      await moveCursor(databases[1]?.url ?? '', 700, 3)
      expect(await ask()).toBeGreaterThanOrEqual(first)
    } finally {
      await end()
    }
  })

  test('a database that is away leaves no list, and one of its payments none either', async () => {
    const { databases, end } = await over(1)
    const [{ url } = { url: '' }] = databases
    const queries = new MerchantQueries(
      [
        { first: 0, last: 511, url },
        { first: 512, last: 1_023, url: 'postgres://postgres@127.0.0.1:9/none' },
      ],
      new VirtualClock(),
    )
    try {
      await expect(queries.payments(merchant, {}, { limit: 1, direction: 'older' })).rejects.toThrow(QueriesUnavailable)
      await expect(queries.balances(merchant)).rejects.toThrow(QueriesUnavailable)
      const entity = '0'.repeat(31).concat('4')
      expect(await queries.placeOfPayment(merchant, { shard: 0, entity })).toBeUndefined()
    } finally {
      await queries.close()
      await end()
    }
  })
})

async function moveCursor(url: string, shard: number, position: number): Promise<void> {
  await withClient(url, (client) =>
    client.query(`UPDATE shard_cursor SET position = $2 WHERE shard = $1 AND consumer = 'read'`, [shard, position]),
  )
}
