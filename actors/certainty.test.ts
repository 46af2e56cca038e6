/** `not accepted` is a promise that nothing of a request is or will be in the journal. Found by the simulation (test/sim). */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { settle, TestHost } from './host-testing.ts'
import { MemoryDatabase } from './memory-database.ts'

const unknown = { kind: 'unavailable', certainty: 'acceptance_unknown' }

test('a request that is stored is never told that it was not accepted, when its wait ends without proof of ownership', async () => {
  const database = new MemoryDatabase()
  const before = await TestHost.start(database)
  const first = before.send('c', { type: 'Call', key: 'k' })
  await settle()
  const repeat = before.send('c', { type: 'Call', key: 'k' }, { attach: true })
  await settle()
  expect(before.effects).toHaveLength(1)
  await TestHost.start(database)
  before.clock.advance(11_000)
  await settle()
  expect(first.answer).toMatchObject(unknown)
  expect(repeat.answer).toMatchObject(unknown)
})

test('nor when the rows that its answer is made of cannot be read', async () => {
  const node = await TestHost.start(new MemoryDatabase())
  const first = node.send('c', { type: 'Call', key: 'k' })
  await settle()
  // The outcome and something after it become durable together: the answer is made from the rows, which cannot be read.
  const load = node.journal.load.bind(node.journal)
  node.journal.load = (key, upTo) =>
    upTo === undefined ? load(key) : Promise.reject(new Error('the connection was lost'))
  node.effects[0]?.end('done')
  await settle()
  const replay = node.send('c', { type: 'Add', amount: 1 })
  await settle()
  expect(replay.answer).toMatchObject({ kind: 'answered' })
  const again = node.send('c', { type: 'Call', key: 'k' })
  await settle()
  expect(first.answer).toMatchObject({ kind: 'answered' })
  expect(again.answer).toMatchObject(unknown)
})

test('nor when the decision of another command, behind which its repeat waits, is refused for good', async () => {
  const node = await TestHost.start(new MemoryDatabase())
  const first = node.send('c', { type: 'Call', key: 'k' })
  await settle()
  node.journal.failNextFlush('refused')
  const other = node.send('c', { type: 'Add', amount: 1 })
  const repeat = node.send('c', { type: 'Call', key: 'k' }, { attach: true })
  for (let n = 0; n < 40 && node.troubles.length === 0; n += 1) await turn()
  node.journal.failNextFlush('refused')
  await settle()
  expect(other.answer).toMatchObject({ kind: 'unavailable', certainty: 'not_accepted' })
  expect(first.answer).toBeUndefined()
  expect(repeat.answer).toMatchObject(unknown)
})
