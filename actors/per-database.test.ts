import { expect, test } from 'vitest'
import { fromAnyDatabase, perDatabase } from './per-database.ts'

/** Even shards in one database, odd ones in the other. */
const journal = { databaseOf: (shard: number) => shard % 2 }
const away = new Error('away')

test('each database is asked once, for its own shards, in their order', async () => {
  const items = [{ of: 4 }, { of: 1 }, { of: 2 }]
  const { results, failures } = await perDatabase(
    journal,
    items,
    ({ of }) => of,
    async (own) => own.map(({ of }) => of),
  )
  expect(results).toEqual([[4, 2], [1]])
  expect(failures).toEqual([])
})

test('one that fails takes no answer of the other with it', async () => {
  const work = (own: readonly number[]): Promise<readonly number[]> =>
    own.includes(1) ? Promise.reject(away) : Promise.resolve(own)
  expect(await perDatabase(journal, [1, 2], (shard) => shard, work)).toEqual({ results: [[2]], failures: [away] })
  const told: unknown[] = []
  expect(await fromAnyDatabase(journal, [1, 2], work, (error) => told.push(error))).toEqual([[2]])
  expect(told).toEqual([away])
})

test('where none answers, the failure is thrown, and told to nobody else', async () => {
  const told: unknown[] = []
  const asked = fromAnyDatabase(
    journal,
    [1, 2],
    () => Promise.reject(away),
    (error) => told.push(error),
  )
  await expect(asked).rejects.toBe(away)
  expect(told).toEqual([])
  expect(await fromAnyDatabase(journal, [], () => Promise.reject(away), told.push)).toEqual([])
})
