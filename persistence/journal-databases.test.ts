import { describe, expect, test } from 'vitest'
import { parseJournalDatabases } from './journal-databases.ts'

const a = 'postgres://user:s3cret@a:5432/shardpay'
const b = 'postgres://user:s3cret@b/shardpay'
const c = 'postgresql://user:s3cret@c/shardpay?sslmode=require'

function parse(text: string) {
  return parseJournalDatabases(text, 1024)
}

describe('journal databases', () => {
  test('one URL means all shards', () => {
    expect(parse(a)).toEqual([{ first: 0, last: 1023, url: a }])
    expect(parse(` ${a}\n`)).toEqual([{ first: 0, last: 1023, url: a }])
  })

  test('ranges come in order of shard, the database of shard 0 first, however they are written', () => {
    const expected = [
      { first: 0, last: 511, url: a },
      { first: 512, last: 1022, url: b },
      { first: 1023, last: 1023, url: c },
    ]
    expect(parse(`0-511=${a},512-1022=${b},1023-1023=${c}`)).toEqual(expected)
    expect(parse(`1023-1023=${c}, 0-511=${a},\n 512 - 1022 = ${b}`)).toEqual(expected)
  })

  test('a comma in a password belongs to its URL', () => {
    const odd = 'postgres://user:a,5b@a/shardpay'
    expect(parse(`0-511=${odd},512-1023=${b}`)).toMatchObject([{ url: odd }, { url: b }])
  })

  test.each([
    ['', 'database 1 is not written as'],
    ['mysql://a', 'database 1 is not written as'],
    [`0-511=${a},512-1023=`, 'database 2 is not written as'],
    [`0-511=${a},512=${b}`, 'no database for shards 512-1023'],
    [`0-511=${a}`, 'no database for shards 512-1023'],
    [`1-1023=${a}`, 'no database for shards 0-0'],
    [`0-500=${a},512-1023=${b}`, 'no database for shards 501-511'],
    [`0-600=${a},512-1023=${b}`, 'two databases for shards 512-600'],
    [`0-1023=${a},5-6=${b}`, 'two databases for shards 5-6'],
    [`511-0=${a},512-1023=${b}`, 'database 1 ends before it begins'],
    [`0-511=${a},512-1024=${b}`, 'database 2 has a shard beyond 1023'],
    [`0-511=${a},512-1023=http://user:s3cret@b`, 'database 2 has no postgres:// URL'],
    [`0-511=${a},512-1023=postgres://user:s3cret@b:99999/x`, 'database 2 has no postgres:// URL'],
    [`0-511=${a},512-1023=${a}`, 'databases 1 and 2 are the same'],
    [`0-511=${b},512-1023=postgres://other@B:5432/shardpay`, 'databases 1 and 2 are the same'],
    [`${a},512-1023=${b}`, 'database 1 has no shard range'],
  ])('%s is refused', (text, problem) => {
    expect(() => parse(text)).toThrow(problem)
    try {
      parse(text)
    } catch (error) {
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('s3cret')
      expect(error).toMatchObject({ code: 'journal_databases_invalid' })
    }
  })
})
