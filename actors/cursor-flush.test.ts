/** Found by the simulation (test/sim): a payment of unknown outcome whose inquiry nobody remembered. */
import { expect, test } from 'vitest'
import { settle, TestHost } from './host-testing.ts'
import { MemoryDatabase } from './memory-database.ts'

test('an entity stays in memory until its timers are stored, so that a cursor that failed to move leaves none behind', async () => {
  const node = await TestHost.start(new MemoryDatabase(), undefined, { residentBytesMax: 1, cursorFlushMs: 100 })
  const advance = node.journal.advance.bind(node.journal)
  let fail = (): void => undefined
  node.journal.advance = () =>
    new Promise((_resolve, reject) => {
      fail = () => reject(new Error('the connection was lost'))
    })
  const wait = node.clock.monotonic() + 20
  node.send('c', { type: 'Call', key: 'k' }, { waitUntil: wait })
  await settle()
  // Its call ends without a word, nobody waits any more: only its timer will wake it.
  node.effects[0]?.end(undefined)
  node.clock.advance(100)
  await settle()
  node.send('other', { type: 'Add', amount: 1 })
  await settle()
  fail()
  await settle()
  node.journal.advance = advance
  node.clock.advance(100)
  await settle()
  node.clock.advance(100)
  await settle()
  const due = await node.journal.timersDue(node.shards, Number.MAX_SAFE_INTEGER)
  expect(due.map(({ kind, operation }) => `${kind} ${operation}`)).toEqual(['counter.call k'])
})
