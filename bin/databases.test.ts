import { expect, test } from 'vitest'
import { ConfigError } from '../runtime/config.ts'
import { queryDatabasesOf } from './databases.ts'

const low = { first: 0, last: 511, url: 'postgres://a/one' }
const high = { first: 512, last: 1_023, url: 'postgres://b/two' }

test('without replicas queries are answered by the journal databases', () => {
  expect(queryDatabasesOf([low, high], undefined)).toEqual([low, high])
})

test('a replica is found by its range, in whatever order they are written', () => {
  expect(queryDatabasesOf([low, high], '512-1023=postgres://d/two, 0-511=postgres://c/one')).toEqual([
    { ...low, replicaUrl: 'postgres://c/one' },
    { ...high, replicaUrl: 'postgres://d/two' },
  ])
  const all = { first: 0, last: 1_023, url: 'postgres://a/all' }
  expect(queryDatabasesOf([all], 'postgres://c/all')).toEqual([{ ...all, replicaUrl: 'postgres://c/all' }])
})

test.each([
  ['postgres://c/all', 'must have the ranges of the journal databases'],
  ['0-255=postgres://c/one,256-1023=postgres://d/two', 'must have the ranges of the journal databases'],
  ['0-511=postgres://c/one', 'no database for shards 512-1023'],
  ['nonsense', 'database 1 is not written as first-last=postgres://…'],
])('replicas written as %s are refused: %s', (text, problem) => {
  expect(() => queryDatabasesOf([low, high], text)).toThrow(ConfigError)
  expect(() => queryDatabasesOf([low, high], text)).toThrow(problem)
})
