import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from '../test/support/test-database.ts'
import { byteaArray, byteaArrayOfHex } from './binary-arrays.ts'

const { array, assert, asyncProperty, option, uint8Array } = fc

let database: Awaited<ReturnType<typeof createTestDatabase>>
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

async function echo(encoded: Buffer): Promise<readonly (Buffer | null)[]> {
  const { rows } = await client.query<{ item: Buffer | null }>(
    'SELECT item FROM unnest($1::bytea[]) WITH ORDINALITY AS each (item, n) ORDER BY n',
    [encoded],
  )
  return rows.map(({ item }) => item)
}

test('the server reads back every item of a binary array: empty ones, nulls and all bytes', async () => {
  await assert(
    asyncProperty(array(option(uint8Array({ maxLength: 300 })), { maxLength: 50 }), async (items) => {
      const expected = items.map((item) => (item === null ? null : Buffer.from(item)))
      expect(await echo(byteaArray(items))).toEqual(expected)
    }),
    { numRuns: 200 },
  )
})

test('hexadecimal ids arrive as their 16 bytes', async () => {
  const ids = ['00'.repeat(16), 'ff'.repeat(16), '0123456789abcdef'.repeat(2)]
  expect(await echo(byteaArrayOfHex(ids))).toEqual(ids.map((id) => Buffer.from(id, 'hex')))
})
