/** The read side's tables by themselves: who may see and change what, and where rows of which month go. */
import { Client, DatabaseError } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { migrate } from './migrate.ts'
import { ReadNext } from './read-next.ts'
import { withClient } from './with-client.ts'

const november = Date.UTC(2026, 10, 21)

async function swapIn(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const next = await ReadNext.create(client, { keepsOld: false })
    const swapped = await next.swap({ lockMs: 1_000, keepsOld: false, reach: () => Promise.resolve(true) })
    expect(swapped.kind).toBe('swapped')
  })
}

describe.each([
  ['as migrated', () => Promise.resolve()],
  ['as a rebuild swaps it in', swapIn],
])('the read side’s schema, %s', (_name, prepare) => {
  let database: TestDatabase
  let client: Client

  beforeAll(async () => {
    database = await createTestDatabase()
    await prepare(database.url)
    client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query('SELECT read.ensure_partitions($1, $1)', [november])
    for (const [n, merchant, live] of [
      [0, 'mer_a', false],
      [1, 'mer_a', true],
      [2, 'mer_b', false],
    ]) {
      await client.query(
        `INSERT INTO read.transfer (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
         VALUES ($1, 1, 100, 7, $2, $4, decode(repeat('07', 16), 'hex'), $3, 'EUR', 'auth_hold', 'auth_hold_contra', 'posted', 'first', 'att_1')`,
        [november, n, merchant, live],
      )
    }
  })

  beforeEach(() => client.query('RESET ROLE'))

  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  async function refusal(work: Promise<unknown>): Promise<string | undefined> {
    return work.then(
      () => undefined,
      (error: unknown) => (error instanceof DatabaseError ? error.code : String(error)),
    )
  }

  async function readAs(merchant: string | undefined, live: string | undefined): Promise<string[]> {
    await client.query('BEGIN')
    await client.query('SET LOCAL ROLE shardpay_reader')
    for (const [name, value] of Object.entries({ merchant, live })) {
      if (value !== undefined) await client.query('SELECT set_config($1, $2, true)', [`shardpay.${name}`, value])
    }
    try {
      const { rows } = await client.query<{ seen: string }>(
        `SELECT merchant || ' ' || live AS seen FROM read.transfer ORDER BY 1`,
      )
      return rows.map(({ seen }) => seen)
    } finally {
      await client.query('ROLLBACK')
    }
  }

  async function tables(): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'read'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }

  test('a reader sees the rows of one merchant and mode, and none where either is not said (S2, S5)', async () => {
    expect(await readAs('mer_a', 'false')).toEqual(['mer_a false'])
    expect(await readAs('mer_a', 'true')).toEqual(['mer_a true'])
    expect(await readAs('mer_b', 'true')).toEqual([])
    expect(await readAs('mer_a', undefined)).toEqual([])
    expect(await readAs(undefined, 'false')).toEqual([])
    // what was set in the transactions before is an empty text now
    expect(await readAs(undefined, undefined)).toEqual([])
  })

  test('every table forces row-level security, and no role of the read side is above it (S2)', async () => {
    const { rows } = await client.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'read'::regnamespace AND relkind IN ('r', 'p')
         AND NOT (relrowsecurity AND relforcerowsecurity)`,
    )
    expect(rows).toEqual([])
    const roles = await client.query(
      `SELECT rolname FROM pg_roles WHERE rolname ~ '^shardpay_' AND (rolsuper OR rolbypassrls OR rolcanlogin)`,
    )
    expect(roles.rows).toEqual([])
    expect((await tables()).length).toBeGreaterThan(5)
  })

  test('no function of the read side leaves its search path to the caller (S7)', async () => {
    const { rows } = await client.query(
      `SELECT proname FROM pg_proc WHERE pronamespace = 'read'::regnamespace AND prosecdef
         AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)`,
    )
    expect(rows).toEqual([])
  })

  test('keys over what merchants choose begin with the merchant (S6)', async () => {
    const { rows } = await client.query<{ key: string }>(
      `SELECT DISTINCT (SELECT string_agg(attname::text, ', ' ORDER BY ordinality)
         FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (attnum, ordinality)
         JOIN pg_attribute a ON a.attnum = k.attnum AND a.attrelid = indrelid) AS key
       FROM pg_index JOIN pg_class c ON c.oid = indrelid
       WHERE c.relnamespace = 'read'::regnamespace AND indisunique ORDER BY 1`,
    )
    expect(rows.map(({ key }) => key)).toEqual([
      'merchant, live, created_at, entity',
      'merchant, live, created_at, payment, ordinal',
      'merchant, live, currency, connection, account, part',
      // a position of the journal: no merchant chooses it
      'shard, position, n, posted_at',
    ])
  })

  test.each(['shardpay_reader', 'shardpay_auditor', 'shardpay_projector'])(
    '%s changes and removes no transfer (S8)',
    async (role) => {
      await client.query(`SET ROLE ${role}`)
      const texts = ['UPDATE read.transfer SET amount = 1', 'DELETE FROM read.transfer', 'TRUNCATE read.transfer']
      for (const text of texts) expect(await refusal(client.query(text)), text).toBe('42501')
      const direct = await refusal(client.query('DELETE FROM read.transfer_2026_11'))
      expect(direct).toBe('42501')
      const rows = await client.query('SELECT FROM read.transfer')
      expect(rows.rowCount).toBe(role === 'shardpay_reader' ? 0 : 3)
    },
  )

  test.each(['shardpay_reader', 'shardpay_auditor'])('%s writes nothing', async (role) => {
    const names = (await tables()).filter((name) => !/_\d{4}_\d\d$/.test(name))
    await client.query(`SET ROLE ${role}`)
    for (const name of names) {
      expect(await refusal(client.query(`INSERT INTO ${name} DEFAULT VALUES`)), name).toBe('42501')
      expect(await refusal(client.query(`DELETE FROM ${name}`)), name).toBe('42501')
    }
    expect(await refusal(client.query('DELETE FROM journal'))).toBe('42501')
    expect(await refusal(client.query('SELECT data FROM journal'))).toBe(
      role === 'shardpay_reader' ? '42501' : undefined,
    )
    expect(await refusal(client.query('SELECT read.ensure_partitions(0, 0)'))).toBe('42501')
  })

  test('the owner’s own rights on transfers are taken away too: only a superuser could', async () => {
    const { rows } = await client.query<{ acl: string }>(
      `SELECT relacl::text AS acl FROM pg_class WHERE oid = 'read.transfer'::regclass`,
    )
    for (const right of rows[0]?.acl.matchAll(/=([a-zA-Z*]+)\//g) ?? []) expect(right[1]).not.toMatch(/[wdD]/)
  })

  test('a month is made once, however many ask at once, and begins and ends at midnight of UTC', async () => {
    const others = await Promise.all(
      [1, 2, 3].map(async () => {
        const other = new Client({ connectionString: database.url })
        await other.connect()
        await other.query('SET ROLE shardpay_projector')
        return other
      }),
    )
    const march = Date.UTC(2019, 2, 1)
    const ask = (each: Client): Promise<{ rows: { made: number }[] }> =>
      each.query('SELECT read.ensure_partitions($1, $2) AS made', [march, Date.UTC(2019, 3, 1) - 1])
    const made = await Promise.all(others.map(ask))
    await Promise.all(others.map((each) => each.end()))
    expect(made.reduce((sum, { rows }) => sum + (rows[0]?.made ?? 0), 0)).toBe(4)
    const { rows } = await client.query(
      `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'payment_2019_03'`,
    )
    expect(rows).toEqual([{ bound: `FOR VALUES FROM ('${march}') TO ('${Date.UTC(2019, 3, 1)}')` }])
  })

  test('months without end are refused', async () => {
    expect(await refusal(client.query('SELECT read.ensure_partitions(-1, 0)'))).toBe('22023')
    expect(await refusal(client.query('SELECT read.ensure_partitions(0, 9007199254740991)'))).toBe('22023')
  })

  test('databases of one server that are migrated at once share the roles', async () => {
    const fresh = await Promise.all([createEmptyDatabase(), createEmptyDatabase(), createEmptyDatabase()])
    try {
      const outcomes = await Promise.allSettled(fresh.map(({ url }) => migrate(url)))
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    } finally {
      await Promise.all(fresh.map((each) => each.drop()))
    }
  })
})
