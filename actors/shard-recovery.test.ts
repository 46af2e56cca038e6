import { afterEach, expect, test } from 'vitest'
import { addressOfName } from '../domain/ids.ts'
import { settle, stopHosts, TestHost } from './host-testing.ts'
import { MemoryDatabase } from './memory-database.ts'

afterEach(stopHosts)

test('a shard that lost acknowledged rows stays uncertain alone: those recovered with it serve again', async () => {
  const database = new MemoryDatabase()
  const node = await TestHost.start(
    database,
    undefined,
    {},
    { shards: ['a', 'b', 'c'].map((name) => addressOfName(name).shard) },
  )
  node.send('a', { type: 'Add', amount: 1 })
  node.send('b', { type: 'Add', amount: 1 })
  await settle()
  const first = node.journal.hangNextFlush()
  node.send('c', { type: 'Add', amount: 1 })
  await settle()
  const second = node.journal.hangNextFlush()
  node.send('a', { type: 'Add', amount: 1 })
  const neighbour = node.send('b', { type: 'Add', amount: 1 })
  await settle()
  first.release()
  await settle()
  database.loseRowsAfter(addressOfName('a').shard, 1)
  second.giveUp()
  for (let n = 0; n < 20; n += 1) {
    await settle()
    node.clock.advance(100)
  }
  await settle()
  expect(neighbour.answer).toEqual({ kind: 'answered', answer: expect.objectContaining({ value: 2 }) })
  expect(node.host.stats().uncertain).toBe(1)
})

test('a proof that meets the epoch of the shard’s own recovery is none of a loss', async () => {
  const { shard } = addressOfName('a')
  const node = await TestHost.start(new MemoryDatabase(), undefined, {}, { shards: [shard] })
  node.send('a', { type: 'Add', amount: 1 })
  await settle()
  const { journal } = node
  const [prove, acquire] = [journal.proveOwnership.bind(journal), journal.acquire.bind(journal)]
  const [proving, recovering] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  journal.proveOwnership = async (ownership) => {
    await proving.promise
    return prove(ownership)
  }
  journal.acquire = async (shards) => {
    const taken = await acquire(shards)
    proving.resolve()
    await recovering.promise
    return taken
  }
  const read = node.send('a', { type: 'Read' })
  await settle()
  journal.failNextFlush('unknown_committed')
  const added = node.send('a', { type: 'Add', amount: 1 })
  await settle()
  node.clock.advance(10)
  await settle()
  expect(read.answer, 'nobody can say yet').toBeUndefined()
  recovering.resolve()
  await settle()
  expect(added.answer).toMatchObject({ kind: 'answered', answer: { value: 2 } })
  expect(read.answer).toMatchObject({ kind: 'answered', answer: { value: 2 } })
  expect(node.lost).toEqual([])
})
