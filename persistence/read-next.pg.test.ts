/** A second set of the read side's tables by itself: how it is made, and what keeps it from being swapped in. */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { safeIntegerTypes } from './int8.ts'
import { migrate } from './migrate.ts'
import { ReadNext } from './read-next.ts'
import { describeTables } from './read-next-definition.ts'
import { withClient } from './with-client.ts'

let database: TestDatabase
let admin: Client
const sessions: Client[] = []

async function session(): Promise<Client> {
  const client = new Client({ connectionString: database.url, types: safeIntegerTypes })
  client.on('error', () => undefined)
  await client.connect()
  sessions.push(client)
  return client
}

beforeEach(async () => {
  database = await createTestDatabase()
  admin = await session()
})

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((each) => each.end()))
  await database.drop()
})

const options = { keepsOld: false } as const
const swapping = { lockMs: 200, keepsOld: false, reach: () => Promise.resolve(true) } as const

async function created(): Promise<ReadNext> {
  return ReadNext.create(await session(), options)
}

async function namesIn(schema: string): Promise<readonly string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT format('%s %s', relkind, relname) AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) ORDER BY 1`,
    [schema],
  )
  return rows.map(({ name }) => name)
}

describe('a second set of tables', () => {
  test('is made as the live one is, partitions, indexes and names, whatever months there are', async () => {
    await admin.query('SELECT read.ensure_partitions($1, $1)', [Date.UTC(2019, 2, 1)])
    await created()
    const [live, next] = [await namesIn('read'), await namesIn('read_next')]
    expect(next).toEqual(live)
    expect(next).toContain('r transfer_2019_03')
    expect(await describeTables(admin, 'read_next')).toEqual(await describeTables(admin, 'read'))
    expect((await describeTables(admin, 'read')).length).toBeGreaterThan(100)
  })

  test('takes the place of the live one, cursors included, and leaves nothing behind', async () => {
    const before = await namesIn('read')
    const next = await created()
    await admin.query(`UPDATE shard_cursor SET position = 7 WHERE shard = 3 AND consumer = 'read_next'`)
    expect(await next.swap(swapping)).toMatchObject({ kind: 'swapped' })
    await next.drop()
    expect(await namesIn('read')).toEqual(before)
    for (const schema of ['read_next', 'read_replaced']) expect(await namesIn(schema)).toEqual([])
    const { rows } = await admin.query(
      `SELECT consumer, count(*) AS shards, sum(position)::int AS positions FROM shard_cursor GROUP BY consumer ORDER BY 1`,
    )
    expect(rows).toEqual([
      { consumer: 'actors', shards: 1_024, positions: 0 },
      { consumer: 'read', shards: 1_024, positions: 7 },
    ])
  })

  test('is not swapped in while a live cursor is ahead of it', async () => {
    const next = await created()
    await admin.query(`UPDATE shard_cursor SET position = 7 WHERE shard = 3 AND consumer = 'read'`)
    expect(await next.swap(swapping)).toEqual({ kind: 'behind' })
    expect(await next.swap({ ...swapping, reach: () => Promise.resolve(false) })).toEqual({ kind: 'behind' })
  })

  test('waits a moment for whoever reads, says who that is, and lets others pass', async () => {
    const next = await created()
    const reader = await session()
    await reader.query(`SET application_name = 'a long report'; BEGIN; SELECT FROM read.transfer`)
    const began = performance.now()
    const outcome = await next.swap(swapping)
    expect(performance.now() - began).toBeLessThan(1_500)
    expect(outcome).toEqual({ kind: 'in_use', by: [expect.stringMatching(/^a long report \(pid \d+, for \d+ s\)$/)] })
    await admin.query('SELECT FROM read.payment')
    await reader.query('ROLLBACK')
    expect(await next.swap(swapping)).toMatchObject({ kind: 'swapped' })
  })

  test('keeps what it replaces where that is asked for, once', async () => {
    const before = await namesIn('read')
    const next = await ReadNext.create(await session(), { keepsOld: true })
    await next.swap({ ...swapping, keepsOld: true })
    const tables = (names: readonly string[]): readonly string[] => names.filter((name) => /^[rpiI] /.test(name))
    expect(tables(await namesIn('read_old'))).toEqual(tables(before))
    await expect(ReadNext.create(await session(), { keepsOld: true })).rejects.toMatchObject({
      code: 'rebuild_running',
    })
    await sessions[1]?.end()
    await expect(ReadNext.create(await session(), { keepsOld: true })).rejects.toMatchObject({
      code: 'rebuild_old_kept',
    })
  })

  test('of a database is made by one at a time; what an interrupted one left is removed', async () => {
    const first = await session()
    await ReadNext.create(first, options)
    await admin.query(`INSERT INTO read_next.balance SELECT 1, 0, 0, 0, 0, true, 'm', 'EUR', '', 'a'`)
    await expect(ReadNext.create(await session(), options)).rejects.toMatchObject({ code: 'rebuild_running' })
    await first.end()
    const next = await created()
    expect(next.hadLeftovers).toBe(true)
    expect((await admin.query('SELECT FROM read_next.balance')).rowCount).toBe(0)
  })

  test('is refused where no migration defines what the live one is, and where a migration ran meanwhile', async () => {
    const code = 'rebuild_definition'
    const next = await created()
    await admin.query('ALTER TABLE read.payment ADD COLUMN colour text')
    await expect(next.swap(swapping)).rejects.toMatchObject({ code, message: expect.stringContaining('colour') })
    await next.drop()
    await sessions[1]?.end()
    await admin.query(`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER watched AFTER INSERT ON read.balance EXECUTE FUNCTION f()`)
    const refused = ReadNext.create(await session(), options)
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining('trigger watched') })
    expect(await namesIn('read_next')).toEqual([])
  })

  test('is not swapped in where logical replicas would keep the rows of the old one', async () => {
    const code = 'rebuild_replicated'
    const next = await created()
    await admin.query('CREATE PUBLICATION followers FOR TABLES IN SCHEMA read')
    await expect(next.swap(swapping)).rejects.toMatchObject({ code, message: expect.stringContaining('followers') })
    await next.drop()
    await sessions[1]?.end()
    await expect(ReadNext.create(await session(), options)).rejects.toMatchObject({ code })
    await sessions[2]?.end()
    await ReadNext.create(await session(), { ...options, isDryRun: true })
  })

  test('is of the tables’ owner alone', async () => {
    await admin.query(`CREATE ROLE stranger_to_read LOGIN PASSWORD 'p'`)
    try {
      const url = new URL(database.url)
      url.username = 'stranger_to_read'
      url.password = 'p'
      const stranger = new Client({ connectionString: url.href })
      await stranger.connect()
      sessions.push(stranger)
      const refused = ReadNext.create(stranger, options)
      await expect(refused).rejects.toMatchObject({ code: 'rebuild_not_owner' })
    } finally {
      await sessions.pop()?.end()
      await admin.query('DROP ROLE stranger_to_read')
    }
  })

  test('is made and swapped in by the user that migrated, where that is no superuser too', async () => {
    const name = `migrator_${randomBytes(4).toString('hex')}`
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'p';
      GRANT shardpay_reader, shardpay_projector, shardpay_auditor, shardpay_sealer, shardpay_archiver TO ${name} WITH SET TRUE, INHERIT FALSE`)
    const own = await createEmptyDatabase()
    try {
      const url = new URL(own.url)
      await admin.query(`ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${name}`)
      url.username = name
      url.password = 'p'
      await migrate(url.href)
      await withClient(url.href, async (client) => {
        const next = await ReadNext.create(client, options)
        expect(next.owner).toBe(name)
        await next.analyze()
        expect(await next.swap(swapping)).toMatchObject({ kind: 'swapped' })
      })
    } finally {
      await own.drop()
      await admin.query(`DROP ROLE ${name}`)
    }
  })
})
