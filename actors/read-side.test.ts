import { afterEach, describe, expect, test } from 'vitest'
import { addressOfName } from '../domain/ids.ts'
import { settle, stopHosts, TestHost } from './host-testing.ts'
import { JournalError } from './journal.ts'
import { MemoryDatabase } from './memory-database.ts'

const { shard } = addressOfName('c')
const intervalMs = 200

describe('a host’s read side', () => {
  afterEach(stopHosts)

  async function started(): Promise<{ database: MemoryDatabase; node: TestHost }> {
    const database = new MemoryDatabase()
    return { database, node: await TestHost.start(database, undefined, {}, { shards: [shard] }) }
  }

  async function afterInterval(node: TestHost): Promise<void> {
    await settle()
    node.clock.advance(intervalMs)
    await settle()
  }

  function tail(database: MemoryDatabase): number {
    return database.shard(shard).rows.length
  }

  test('follows what became durable within an interval, the epoch record too', async () => {
    const { database, node } = await started()
    await afterInterval(node)
    expect(database.shard(shard).readCursor.position).toBe(1)
    node.send('c', { type: 'Add', amount: 1 })
    await settle()
    expect(node.host.stats()).toMatchObject({ readBehind: 1, readParked: [] })
    await afterInterval(node)
    expect(database.shard(shard).readCursor.position).toBe(2)
    expect(node.host.stats().readBehind).toBe(0)
  })

  test('after a commit of unknown outcome follows what is stored, under the next epoch', async () => {
    const { database, node } = await started()
    await afterInterval(node)
    for (const fault of ['unknown_committed', 'unknown_lost'] as const) {
      node.journal.failNextFlush(fault)
      node.send('c', { type: 'Add', amount: 1 })
      for (let round = 0; round < 5; round += 1) await afterInterval(node)
      expect(database.shard(shard).readCursor.position).toBe(tail(database))
    }
    expect(node.troubles).not.toContain('read_failed')
  })

  test('while the database is away waits, and goes on by itself', async () => {
    const { database, node } = await started()
    await afterInterval(node)
    node.send('c', { type: 'Add', amount: 1 })
    await settle()
    database.available = false
    await afterInterval(node)
    expect(node.troubles).toContain('read_failed')
    database.available = true
    for (let round = 0; round < 5; round += 1) await afterInterval(node)
    expect(database.shard(shard).readCursor.position).toBe(tail(database))
  })

  test('leaves nothing behind where a shard is handed off', async () => {
    const { database, node } = await started()
    node.send('c', { type: 'Add', amount: 1 })
    await settle()
    await node.host.releaseShards([shard])
    expect(database.shard(shard).readCursor.position).toBe(tail(database))
  })

  test('that was never begun, or had fallen behind, is read from the journal when the shard is opened', async () => {
    const { database, node } = await started()
    node.journal.advanceRead = () => Promise.reject(new JournalError('journal_unavailable', 'the connection was lost'))
    for (let round = 0; round < 30; round += 1) {
      node.send('c', { type: 'Add', amount: 1 })
      await settle()
    }
    await node.host.releaseShards([shard])
    expect(database.shard(shard).readCursor.position).toBe(0)
    const next = await TestHost.start(database, node.clock, {}, { node: 'node-2', shards: [shard] })
    for (let round = 0; round < 3; round += 1) await afterInterval(next)
    expect(database.shard(shard).readCursor.position).toBe(tail(database))
  })

  test('goes on from where the cursor is found after a fail-over that lost its last move', async () => {
    const { database, node } = await started()
    node.send('c', { type: 'Add', amount: 1 })
    await settle()
    const image = database.image()
    await afterInterval(node)
    expect(database.shard(shard).readCursor.position).toBe(2)
    database.restore(image)
    expect(database.shard(shard).readCursor.position).toBe(0)
    node.send('c', { type: 'Add', amount: 1 })
    for (let round = 0; round < 4; round += 1) await afterInterval(node)
    expect(database.shard(shard).readCursor.position).toBe(tail(database))
    expect(tail(database)).toBe(3)
  })

  test('is told as parked where a row of it is refused; its actors go on', async () => {
    const { database, node } = await started()
    await afterInterval(node)
    node.journal.advanceRead = () => Promise.reject(new JournalError('journal_refused', 'a constraint'))
    node.send('c', { type: 'Add', amount: 1 })
    for (let round = 0; round < 3; round += 1) await afterInterval(node)
    expect(node.host.stats()).toMatchObject({ readBehind: 1, readParked: [shard] })
    expect(node.troubles).toContain('read_parked')
    const more = node.send('c', { type: 'Add', amount: 1 })
    for (let round = 0; round < 3; round += 1) await afterInterval(node)
    expect(more.answer).toMatchObject({ kind: 'answered' })
    expect(database.shard(shard).cursor.position).toBe(tail(database))
    expect(database.shard(shard).readCursor.position).toBe(1)
  })
})
