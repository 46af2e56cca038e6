import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { createMergedReadModel, createReadModel, type ReadModel } from './read-model.ts'
import { withClient } from './with-client.ts'

let database: TestDatabase
let model: ReadModel

beforeAll(async () => {
  database = await createTestDatabase()
  model = createReadModel(database.url)
  await withClient(database.url, (client) =>
    client.query(`INSERT INTO merchant (merchant, shard, entity, version, data)
      SELECT 'mer_' || n, n, decode(lpad(to_hex(n), 32, '0'), 'hex'), n * 10, '\\x80' FROM generate_series(1, 3) AS n`),
  )
})

afterAll(async () => {
  await model.close()
  await database.drop()
})

test('the versions of all merchants can be read', async () => {
  expect(await model.readVersions()).toEqual(
    new Map([
      ['mer_1', 10],
      ['mer_2', 20],
      ['mer_3', 30],
    ]),
  )
})

test('merchants are read by name, those that do not exist are left out', async () => {
  expect(await model.read(['mer_3', 'mer_9', 'mer_1'])).toEqual([
    { merchant: 'mer_1', shard: 1, entity: '1'.padStart(32, '0'), version: 10, data: Buffer.from([0x80]) },
    { merchant: 'mer_3', shard: 3, entity: '3'.padStart(32, '0'), version: 30, data: Buffer.from([0x80]) },
  ])
  expect(await model.read([])).toEqual([])
})

test('all merchants can be read at once', async () => {
  expect((await model.readAll()).map(({ merchant }) => merchant)).toEqual(['mer_1', 'mer_2', 'mer_3'])
})

describe('over two databases', () => {
  let other: TestDatabase
  let both: ReadModel

  beforeAll(async () => {
    other = await createTestDatabase()
    both = createMergedReadModel([other.url, database.url])
    await withClient(other.url, (client) =>
      client.query(`INSERT INTO merchant (merchant, shard, entity, version, data)
        VALUES ('mer_25', 900, decode(repeat('25', 16), 'hex'), 4, '\\x80')`),
    )
  })

  afterAll(async () => {
    await both.close()
    await other.drop()
  })

  test('merchants of all of them are listed, in one order', async () => {
    expect((await both.readAll()).map(({ merchant }) => merchant)).toEqual(['mer_1', 'mer_2', 'mer_25', 'mer_3'])
    const expected = { mer_1: 10, mer_2: 20, mer_25: 4, mer_3: 30 }
    expect(Object.fromEntries(await both.readVersions())).toEqual(expected)
    expect((await both.read(['mer_25', 'mer_1'])).map(({ shard }) => shard)).toEqual([1, 900])
  })

  test('a database that is away fails the poll: no merchant is taken for gone', async () => {
    const away = createMergedReadModel([database.url, 'postgres://nobody:x@127.0.0.1:1/none'])
    await expect(away.readVersions()).rejects.toThrow('ECONNREFUSED')
    await away.close()
  })
})

describe('decisions of an entity', () => {
  test('are read after a sequence, oldest first, whichever database has them', async () => {
    const entity = 'ab'.repeat(16)
    await withClient(database.url, (client) =>
      client.query(
        `INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data)
          SELECT 7, n, decode($1, 'hex'), n, 2, decode(repeat('00', 16), 'hex'), 'test', 1000 + n, '\\x80' FROM generate_series(1, 3) AS n`,
        [entity],
      ),
    )
    const merged = createMergedReadModel([database.url])
    try {
      const rows = await merged.readDecisions({ shard: 7, entity }, 1)
      expect(rows).toEqual([2, 3].map((seq) => ({ seq, at: 1_000 + seq, epoch: 2, data: Buffer.from([0x80]) })))
      expect(await merged.readDecisions({ shard: 7, entity }, 3)).toEqual([])
    } finally {
      await merged.close()
    }
  })
})
