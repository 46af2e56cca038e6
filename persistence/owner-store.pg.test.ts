/** What a process hears of owners and members: the rows by polling, that they changed by hints. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../runtime/clock.ts'
import { type PostgresHarness, postgresHarness } from '../test/support/journal-harness.ts'
import { startTcpProxy, type TcpProxy } from '../test/support/tcp-proxy.ts'
import { createTestDatabase } from '../test/support/test-database.ts'
import { PostgresHints } from './hints.ts'
import { PostgresOwnerStore } from './owner-store.ts'
import { PostgresLeaseStore } from './postgres-lease-store.ts'

const self = { node: 'node-9', incarnation: 'a1' }
let harness: PostgresHarness
let proxy: TcpProxy
let databases: { first: number; last: number; url: string }[]
const cleanups: (() => Promise<void>)[] = []

beforeEach(async () => {
  harness = await postgresHarness()
  cleanups.push(() => harness.close())
  proxy = await startTcpProxy({ targetPort: Number(new URL(harness.url).port) })
  cleanups.push(() => proxy.close())
  const second = await createTestDatabase()
  cleanups.push(() => second.drop())
  databases = [
    { first: 0, last: 511, url: proxy.through(harness.url) },
    { first: 512, last: 1023, url: second.url },
  ]
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('the owner rows of all shards are read, each from the database that has it', async () => {
  const owners = new PostgresOwnerStore({ databases, self })
  cleanups.push(() => owners.close())
  const node = await harness.start('node-1')
  const [five, six] = await node.journal.acquire([5, 6, 700])
  if (five === undefined || six === undefined) throw new Error('shards were acquired')
  await node.journal.release([six])
  const all = await owners.owners()
  expect(all.map(({ shard }) => shard)).toEqual(Array.from({ length: 1024 }, (_, shard) => shard))
  const owner = { node: 'node-1', incarnation: node.incarnation }
  expect(all[5]).toEqual({ shard: 5, epoch: 1, owner, released: false })
  expect(all[6]).toEqual({ shard: 6, epoch: 1, owner, released: true })
  // its row in the first database is not that of the shard: the second one has it
  expect(all[700]).toEqual({ shard: 700, epoch: 0, owner: undefined, released: false })
})

test('a database that is away leaves its shards out, and they are back when it is', async () => {
  const owners = new PostgresOwnerStore({ databases, self })
  cleanups.push(() => owners.close())
  expect(await owners.owners()).toHaveLength(1024)
  proxy.refuse()
  proxy.cut()
  expect((await owners.owners()).map(({ shard }) => shard)[0]).toBe(512)
  proxy.resume()
  while ((await owners.owners()).length < 1024) await nextTurn()
})

test('every taking and every release is read, and where nothing has changed no row comes again', async () => {
  const owners = new PostgresOwnerStore({ databases, self })
  cleanups.push(() => owners.close())
  const node = await harness.start('node-1')
  const seen = async () => (await owners.owners())[5]
  const owner = { node: 'node-1', incarnation: node.incarnation }
  expect(await seen()).toEqual({ shard: 5, epoch: 0, owner: undefined, released: false })
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    const [taken] = await node.journal.acquire([5])
    if (taken === undefined) throw new Error('the shard was acquired')
    expect(await seen()).toEqual({ shard: 5, epoch, owner, released: false })
    await node.journal.release([taken])
    const released = await seen()
    expect(released).toEqual({ shard: 5, epoch, owner, released: true })
    expect(await seen()).toBe(released)
  }
})

test('a change brings the rows near it: those of other shards do not come again', async () => {
  const owners = new PostgresOwnerStore({ databases, self })
  cleanups.push(() => owners.close())
  const before = [...(await owners.owners())]
  const node = await harness.start('node-1')
  await node.journal.acquire([5, 700])
  const after = await owners.owners()
  expect(after[5]).toMatchObject({ shard: 5, epoch: 1 })
  const same = after.filter((each, shard) => each === before[shard]).map(({ shard }) => shard)
  expect(same).toEqual(expect.arrayContaining([100, 511, 512, 1023]))
})

async function listening(): Promise<{ hints: PostgresHints; heard: string[]; until(about: string): Promise<void> }> {
  const hints = await PostgresHints.start({ databases, self, clock: systemClock })
  cleanups.push(() => hints.close())
  const heard: string[] = []
  hints.subscribe((about) => heard.push(about))
  return {
    hints,
    heard,
    async until(about) {
      while (!heard.includes(about)) await nextTurn()
    },
  }
}

test('taking and releasing hundreds of shards is a hint each; rows and renewals are none', async () => {
  const { heard, until } = await listening()
  const node = await harness.start('node-1')
  await until('members')
  heard.length = 0
  const owned = await node.journal.acquire(Array.from({ length: 300 }, (_, shard) => shard))
  await until('owners')
  expect(heard).toEqual(['owners'])
  heard.length = 0
  const leases = await PostgresLeaseStore.connect({ databaseUrl: harness.url, self: node })
  cleanups.push(() => leases.close())
  for (let n = 0; n < 5; n += 1) expect(await leases.renew(node, false)).toBe('renewed')
  await node.journal.release(owned)
  await until('owners')
  expect(heard).toEqual(['owners'])
})

test('drains, deaths and what operators change are hints about members', async () => {
  const { heard, until } = await listening()
  const node = await harness.start('node-1')
  await until('members')
  const leases = await PostgresLeaseStore.connect({ databaseUrl: harness.url, self: node })
  cleanups.push(() => leases.close())
  const changes: (() => Promise<unknown>)[] = [
    () => leases.renew(node, true),
    () => leases.change({ kind: 'pin', shard: 3, node: 'node-1' }),
    () => leases.change({ kind: 'weight', node: 'node-1', weight: 2 }),
    () => leases.change({ kind: 'rebalancing', on: false }),
    () => leases.declareDead(node, undefined),
  ]
  for (const change of changes) {
    heard.length = 0
    await change()
    await until('members')
    expect(heard).not.toContain('owners')
  }
})

test('a lost connection is made again, and what may have been missed is told', async () => {
  const { heard, until } = await listening()
  proxy.cut()
  await until('owners')
  await until('members')
  expect(heard).toEqual(['owners', 'members'])
  heard.length = 0
  const node = await harness.start('node-1')
  await node.journal.acquire([5])
  await until('owners')
})

test('a database that is away at the start is heard once it is back', async () => {
  proxy.refuse()
  const { heard } = await listening()
  expect(heard).toEqual([])
  proxy.resume()
  const node = await harness.start('node-1')
  for (let n = 0; !heard.includes('owners'); n += 1) await node.journal.acquire([n % 1024])
  expect(heard).toContain('owners')
})

test('who has unsubscribed hears nothing more', async () => {
  const { hints, until } = await listening()
  const late: string[] = []
  hints.subscribe((about) => late.push(about))()
  await harness.start('node-1')
  await until('members')
  expect(late).toEqual([])
})
