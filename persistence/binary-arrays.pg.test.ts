import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from '../test/support/test-database.ts'
import { byteaArray, byteaArrayOfHex, int4Array, int8Array, textArray } from './binary-arrays.ts'
import { safeIntegerTypes } from './int8.ts'

const { array, assert, asyncProperty, integer, maxSafeInteger, option, string, uint8Array } = fc

let database: Awaited<ReturnType<typeof createTestDatabase>>
let client: Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new Client({ connectionString: database.url, types: safeIntegerTypes })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

async function echo<Item = Buffer | null>(encoded: Buffer, type = 'bytea'): Promise<readonly Item[]> {
  const { rows } = await client.query<{ item: Item }>(
    `SELECT item FROM unnest($1::${type}[]) WITH ORDINALITY AS each (item, n) ORDER BY n`,
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

test('the server reads back every text: empty ones, nulls and any characters but NUL', async () => {
  const text = string({ unit: 'grapheme', maxLength: 40 }).map((each) => each.replaceAll('\0', ''))
  await assert(
    asyncProperty(array(option(text), { maxLength: 50 }), async (items) => {
      expect(await echo(textArray(items), 'text')).toEqual(items)
    }),
    { numRuns: 200 },
  )
})

test('the server reads back every whole number of 32 bits, and every safe integer', async () => {
  const extremes = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31)]
  await assert(
    asyncProperty(
      array(integer(), { maxLength: 50 }),
      array(maxSafeInteger(), { maxLength: 50 }),
      async (ints, longs) => {
        const all = [...extremes, ...ints]
        expect(await echo(int4Array(all), 'int')).toEqual(all)
        const wide = [...all, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 32, ...longs]
        expect(await echo(int8Array(wide), 'bigint')).toEqual(wide)
        expect(await echo(int4Array(ints.slice(0, 0)), 'int')).toEqual([])
      },
    ),
    { numRuns: 100 },
  )
})

test('what is no such number arrives as −1, which every column of the journal refuses', async () => {
  expect(await echo(int4Array([Number.NaN, 1.5, 2 ** 31]), 'int')).toEqual([-1, -1, -1])
  expect(await echo(int8Array([Number.NaN, 1.5, 2 ** 53]), 'bigint')).toEqual([-1, -1, -1])
})
