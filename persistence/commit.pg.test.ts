import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { commit, inTransaction, NotCommitted } from './commit.ts'

let database: TestDatabase
let client: Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query('CREATE TABLE thing (id integer PRIMARY KEY)')
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

async function stored(): Promise<number[]> {
  return (await client.query<{ id: number }>('SELECT id FROM thing ORDER BY id')).rows.map(({ id }) => id)
}

test('the commit of an aborted transaction, which Postgres answers without an error, throws', async () => {
  await client.query('BEGIN')
  await client.query('INSERT INTO thing VALUES (1)')
  await expect(client.query('INSERT INTO thing VALUES (1)')).rejects.toMatchObject({ code: '23505' })
  await expect(commit(client)).rejects.toThrow(NotCommitted)
  expect(await stored()).toEqual([])
})

test('a transaction whose work swallows an error is not taken for committed', async () => {
  const work = inTransaction(client, async () => {
    await client.query('INSERT INTO thing VALUES (2)')
    await client.query('INSERT INTO thing VALUES (2)').catch(() => undefined)
  })
  await expect(work).rejects.toThrow(NotCommitted)
  expect(await stored()).toEqual([])
})

test('a transaction that fails is rolled back and rejects with its error', async () => {
  const work = inTransaction(client, async () => {
    await client.query('INSERT INTO thing VALUES (3)')
    throw new Error('changed my mind')
  })
  await expect(work).rejects.toThrow('changed my mind')
  expect(await stored()).toEqual([])
})

test('a transaction that succeeds is stored, and its result comes back', async () => {
  const work = inTransaction(client, async () => (await client.query('INSERT INTO thing VALUES (4)')).rowCount)
  expect(await work).toBe(1)
  expect(await stored()).toEqual([4])
})
