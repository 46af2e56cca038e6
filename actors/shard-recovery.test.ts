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
