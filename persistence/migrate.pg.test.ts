import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { ClusterMismatch } from './cluster-mismatch.ts'
import { checkClusterMeta, checkJournalDatabases, migrate, migrateAll } from './migrate.ts'

describe('the schema', () => {
  let database: TestDatabase
  let client: Client

  beforeAll(async () => {
    database = await createTestDatabase()
    client = new Client({ connectionString: database.url })
    await client.connect()
  })

  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  async function keysOf(table: string): Promise<string[]> {
    const { rows } = await client.query<{ key: string }>(
      `SELECT CASE WHEN indisprimary THEN 'primary' ELSE 'unique' END || ' ' ||
         string_agg(attname::text, ', ' ORDER BY ordinality) || CASE WHEN indpred IS NULL THEN '' ELSE ' in part' END AS key
       FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS k(attnum, ordinality)
       JOIN pg_attribute a ON a.attnum = k.attnum
       WHERE indrelid = $1::regclass AND attrelid = indrelid AND indisunique AND indisvalid
       GROUP BY indexrelid, indisprimary, indpred ORDER BY 1`,
      [table],
    )
    return rows.map(({ key }) => key)
  }

  test('every journal partition has exactly the keys (shard, position) and (shard, entity, seq)', async () => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY 1`,
    )
    expect(rows).toHaveLength(16)
    for (const name of ['journal', ...rows.map((row) => row.name)]) {
      expect(await keysOf(name), name).toEqual(['primary shard, position', 'unique shard, entity, seq'])
    }
  })

  test('the journal is partitioned by ranges of shard and by nothing else', async () => {
    const { rows } = await client.query(`SELECT pg_get_partkeydef('journal'::regclass) AS key`)
    expect(rows).toEqual([{ key: 'RANGE (shard)' }])
  })

  test('every shard has an owner row and two cursors, and a place in the journal', async () => {
    const { rows } = await client.query(
      `SELECT (SELECT count(*)::int FROM shard_owner) AS owners, (SELECT count(*)::int FROM shard_cursor) AS cursors,
              (SELECT min(shard) FROM shard_owner) AS first, (SELECT max(shard) FROM shard_owner) AS last`,
    )
    expect(rows).toEqual([{ owners: 1024, cursors: 2048, first: 0, last: 1023 }])
    const insert = `INSERT INTO journal (shard, position, at, seq, epoch, entity, command, type, data)
      SELECT shard, 1, 0, 1, 1, decode(repeat('00', 16), 'hex'), decode(repeat('00', 16), 'hex'), 'epoch', '\\x80' FROM shard_owner`
    await client.query('BEGIN')
    expect((await client.query(insert)).rowCount).toBe(1024)
    await client.query('ROLLBACK')
  })

  test('migrations that run at once, and again, change nothing further', async () => {
    const before = await client.query('SELECT name FROM schema_migration ORDER BY id')
    await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)])
    const after = await client.query('SELECT name FROM schema_migration ORDER BY id')
    expect(after.rows).toEqual(before.rows)
    expect(after.rows.length).toBeGreaterThanOrEqual(3)
  })

  test('the first id key is kept, and every other one is refused', async () => {
    await checkClusterMeta(database.url, Buffer.alloc(32, 1))
    await checkClusterMeta(database.url, Buffer.alloc(32, 1))
    await expect(checkClusterMeta(database.url, Buffer.alloc(32, 2))).rejects.toThrow(ClusterMismatch)
  })

  test('a database keeps the shards it was first configured for, and refuses others', async () => {
    await expect(checkClusterMeta(database.url, Buffer.alloc(32, 1), { first: 0, last: 511 })).rejects.toThrow(
      'holds shards 0-1023, and is configured for 0-511',
    )
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()])
    try {
      const databases = [
        { first: 0, last: 511, url: first.url },
        { first: 512, last: 1023, url: second.url },
      ]
      const key = Buffer.alloc(32, 3)
      await migrateAll(databases)
      await checkJournalDatabases(databases, key)
      await checkJournalDatabases(databases, key)
      const swapped = [
        { first: 0, last: 511, url: second.url },
        { first: 512, last: 1023, url: first.url },
      ]
      await expect(checkJournalDatabases(swapped, key)).rejects.toThrow('holds shards 512-1023')
      await expect(checkJournalDatabases(databases, Buffer.alloc(32, 4))).rejects.toThrow('id key')
    } finally {
      await Promise.all([first.drop(), second.drop()])
    }
  })

  test('one process with another database for some shards is refused: they would have two journals', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => createTestDatabase()))
    const [first = '', second = '', otherSecond = '', otherFirst = ''] = made.map(({ url }) => url)
    const key = Buffer.alloc(32, 3)
    const check = (low: string, high: string): Promise<void> =>
      checkJournalDatabases(
        [
          { first: 0, last: 511, url: low },
          { first: 512, last: 1023, url: high },
        ],
        key,
      )
    try {
      await Promise.all([check(first, second), check(first, second)])
      await expect(check(first, otherSecond)).rejects.toThrow("the database for shards 512-1023 is not the cluster's")
      await expect(check(otherFirst, second)).rejects.toThrow('shards 512-1023 belongs to another membership database')
      await check(first, second)
    } finally {
      await Promise.all(made.map((database) => database.drop()))
    }
  })

  test('a key that is wrong leaves no range behind', async () => {
    const fresh = await createTestDatabase()
    try {
      const other = new Client({ connectionString: fresh.url })
      await other.connect()
      await other.query('UPDATE cluster_meta SET id_key_fingerprint = $1', [Buffer.alloc(32, 9)])
      await expect(checkClusterMeta(fresh.url, Buffer.alloc(32, 1))).rejects.toThrow('id key')
      const { rows } = await other.query('SELECT first_shard FROM cluster_meta')
      await other.end()
      expect(rows).toEqual([{ first_shard: null }])
    } finally {
      await fresh.drop()
    }
  })

  test('a build with other shards or another derivation of ids is refused', async () => {
    await client.query('UPDATE cluster_meta SET num_shards = 2048')
    await expect(checkClusterMeta(database.url, Buffer.alloc(32, 1))).rejects.toThrow('2048 shards')
    await client.query('UPDATE cluster_meta SET num_shards = 1024, hash_version = 2')
    await expect(checkClusterMeta(database.url, Buffer.alloc(32, 1))).rejects.toThrow('by version 2')
  })
})
