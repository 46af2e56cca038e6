import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { Batched } from './batched.ts'

interface Query {
  readonly requests: readonly number[]
  resolve(answers: readonly number[]): void
  reject(error: Error): void
}

function batched(
  sizeMax: number,
  concurrencyMax: number,
  patienceMs = 0,
): { queries: Query[]; batch: Batched<number, number>; clock: VirtualClock } {
  const queries: Query[] = []
  const clock = new VirtualClock()
  const batch = new Batched<number, number>(
    { sizeMax, concurrencyMax, patienceMs },
    clock,
    (requests) => new Promise((resolve, reject) => queries.push({ requests, resolve, reject })),
  )
  return { queries, batch, clock }
}

test('what is asked for in one turn is one query, and everyone gets his own answer', async () => {
  const { queries, batch } = batched(10, 1)
  const answers = Promise.all([1, 2, 3].map((request) => batch.ask(request)))
  expect(queries).toHaveLength(0)
  await nextTurn()
  expect(queries.map(({ requests }) => requests)).toEqual([[1, 2, 3]])
  queries[0]?.resolve([10, 20, 30])
  expect(await answers).toEqual([10, 20, 30])
})

test('a query never answers a request that came after it began', async () => {
  const { queries, batch } = batched(10, 1)
  const first = batch.ask(1)
  await nextTurn()
  const second = batch.ask(2)
  await nextTurn()
  expect(queries.map(({ requests }) => requests)).toEqual([[1]])
  queries[0]?.resolve([10])
  expect(await first).toBe(10)
  expect(queries.map(({ requests }) => requests)).toEqual([[1], [2]])
  queries[1]?.resolve([20])
  expect(await second).toBe(20)
})

test('no query is larger, and no more run at once, than allowed', async () => {
  const { queries, batch } = batched(2, 2)
  const answers = Promise.all([1, 2, 3, 4, 5].map((request) => batch.ask(request)))
  await nextTurn()
  expect(queries.map(({ requests }) => requests)).toEqual([
    [1, 2],
    [3, 4],
  ])
  for (const query of queries) query.resolve(query.requests)
  await nextTurn()
  expect(queries[2]?.requests).toEqual([5])
  queries[2]?.resolve([5])
  expect(await answers).toEqual([1, 2, 3, 4, 5])
})

test('a failed query rejects what it was for, and the next one runs', async () => {
  const { queries, batch } = batched(1, 1)
  const outcomes = Promise.allSettled([batch.ask(1), batch.ask(2)])
  await nextTurn()
  queries[0]?.reject(new Error('lost'))
  await nextTurn()
  queries[1]?.resolve([20])
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
})

test('while a query is under way the next one gathers, until it has waited long enough or is full', async () => {
  const { queries, batch, clock } = batched(3, 3, 25)
  const asked = [batch.ask(1)]
  await nextTurn()
  asked.push(batch.ask(2))
  await nextTurn()
  clock.advance(20)
  asked.push(batch.ask(3))
  await nextTurn()
  expect(queries.map(({ requests }) => requests)).toEqual([[1]])
  clock.advance(5)
  expect(queries.map(({ requests }) => requests)).toEqual([[1], [2, 3]])
  asked.push(batch.ask(4), batch.ask(5), batch.ask(6))
  await nextTurn()
  expect(queries[2]?.requests).toEqual([4, 5, 6])
  for (const query of queries) query.resolve(query.requests)
  expect(await Promise.all(asked)).toEqual([1, 2, 3, 4, 5, 6])
})

test('what has gathered begins as soon as the query under way has ended, and leaves no timer', async () => {
  const { queries, batch, clock } = batched(3, 3, 25)
  const asked = [batch.ask(1)]
  await nextTurn()
  asked.push(batch.ask(2))
  await nextTurn()
  expect(clock.pending).toBe(1)
  queries[0]?.resolve([1])
  await asked[0]
  expect(queries[1]?.requests).toEqual([2])
  expect(clock.pending).toBe(0)
  queries[1]?.resolve([2])
  expect(await Promise.all(asked)).toEqual([1, 2])
})
