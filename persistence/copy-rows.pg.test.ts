import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { CopiedBytes } from './copied-bytes.ts'
import { copyRows } from './copy-rows.ts'

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

test('what is written as a row is what Postgres copies out, byte by byte', async () => {
  const texts = ['', 'merchant_payable', 'Grüße, 東京 🙂', `it's`]
  const numbers = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    1_795_737_600_001,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ]
  const bytes = new CopiedBytes()
  const rows = Array.from({ length: 2_000 }, (_, index) => {
    const text = texts[index % texts.length] as string
    const number = numbers[index % numbers.length] as number
    const isEven = index % 2 === 0
    bytes.row(6).int8(number).int2(index).int4(-index).boolean(isEven).text(text).bytes(Buffer.from(text))
    const literal = `'${text.replaceAll(`'`, `''`)}'`
    return `(${index}, (${number})::bigint, ${index}::smallint, ${-index}::integer, ${isEven}, ${literal}::text, convert_to(${literal}, 'UTF8'))`
  })
  let at = 0
  await copyRows(
    client,
    `SELECT b, c, d, e, f, g FROM (VALUES ${rows.join()}) AS v (a, b, c, d, e, f, g) ORDER BY a`,
    (row) => {
      expect(row.equals(bytes.all, at)).toBe(true)
      expect(row.equals(bytes.all, at + 1)).toBe(false)
      at += row.length
    },
  )
  expect(at).toBe(bytes.length)
})

test('a field of another type than is read, or that is null, ends the reading with an error', async () => {
  await expect(copyRows(client, 'SELECT 1::integer', (row) => void row.int8())).rejects.toThrow('length of its type')
  await expect(copyRows(client, 'SELECT NULL::integer', (row) => void row.int4())).rejects.toThrow('length of its type')
  await expect(copyRows(client, 'SELECT 1::integer', (row) => [row.int4(), row.int4()])).rejects.toThrow(
    /length of its type|out of range/,
  )
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('an error of the server is that of the reading', async () => {
  await expect(copyRows(client, 'SELECT 1 / (5 - n) FROM generate_series(1, 9) n', () => undefined)).rejects.toThrow(
    'division by zero',
  )
})
