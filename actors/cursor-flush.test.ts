import { describe, expect, test } from 'vitest'
import { settle, TestHost } from './host-testing.ts'
import { MemoryDatabase } from './memory-database.ts'

/** Found by the simulation (test/sim): a payment of unknown outcome whose inquiry nobody remembered. */
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

describe('PSP references', () => {
  async function started(): Promise<{ node: TestHost; sent: string[][]; flush: () => Promise<void> }> {
    const node = await TestHost.start(new MemoryDatabase(), undefined, { cursorFlushMs: 100 })
    const sent: string[][] = []
    const advance = node.journal.advance.bind(node.journal)
    node.journal.advance = (advances) => {
      sent.push(advances.flatMap(({ pspReferences }) => pspReferences.map(({ reference }) => reference)))
      return advance(advances)
    }
    const flush = async (): Promise<void> => {
      await settle()
      node.clock.advance(100)
      await settle()
    }
    return { node, sent, flush }
  }

  /** A call that ends: from then on the counter is known by its key. */
  async function call(node: TestHost, key: string): Promise<void> {
    node.send('c', { type: 'Call', key })
    await settle()
    node.effects.at(-1)?.end('done')
    await settle()
  }

  test('are stored once; what the entity decides later stores new ones alone', async () => {
    const { node, sent, flush } = await started()
    await call(node, 'k1')
    await flush()
    node.send('c', { type: 'Add', amount: 1 })
    await flush()
    await call(node, 'k2')
    await flush()
    expect(sent).toEqual([['k1'], [], ['k2']])
  })

  test('whose advance failed are sent again', async () => {
    const { node, sent, flush } = await started()
    const { advance } = node.journal
    node.journal.advance = () => Promise.reject(new Error('the connection was lost'))
    await call(node, 'k1')
    await flush()
    node.journal.advance = advance
    await flush()
    expect(sent).toEqual([['k1']])
    expect(node.troubles).toContain('cursor_failed')
  })
})
