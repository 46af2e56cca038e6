import * as fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { byteaArray, byteaArrayOfHex } from './binary-arrays.ts'

let client: Client

beforeAll(async () => {
  client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
})

afterAll(async () => {
  await client.end()
})

async function roundTrip(parameter: Buffer): Promise<(Buffer | null)[]> {
  const { rows } = await client.query<{ item: Buffer | null }>(
    'SELECT item FROM unnest($1::bytea[]) WITH ORDINALITY AS a (item, n) ORDER BY n',
    [parameter],
  )
  return rows.map(({ item }) => item)
}

test('arrays of bytes arrive as they were, empty ones, empty items and nulls included', async () => {
  const item = fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)))
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
      expect(await roundTrip(byteaArray(items))).toEqual(items)
    }),
    { numRuns: 50 },
  )
})

test('hexadecimal digits arrive as bytes', async () => {
  expect(await roundTrip(byteaArrayOfHex(['00ff', 'deadbeef']))).toEqual([
    Buffer.from([0, 255]),
    Buffer.from('deadbeef', 'hex'),
  ])
})
