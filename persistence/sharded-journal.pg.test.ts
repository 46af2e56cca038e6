/** The journals' suite over two servers, and what only two can show: one of them away, or frozen. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import {
  acquireEventually,
  acquireOne,
  appendAll,
  describeJournal,
  idOf,
  kindsOf,
  nothingKept,
  recordOf,
} from '../actors/journal-conformance.ts'
import { type Postgres, startPostgres } from '../test/support/postgres.ts'
import { type ShardedHarness, shardedHarness, type ShardedTestNode } from '../test/support/sharded-harness.ts'
import { templateDatabase, withDatabase } from '../test/support/test-database.ts'
import { migrate } from './migrate.ts'
import { statsOf } from './sharded-journal.ts'
import { withClient } from './with-client.ts'

let second: Postgres

beforeAll(async () => {
  second = await startPostgres()
  await withClient(second.url, (client) => client.query(`CREATE DATABASE ${templateDatabase}`))
  await migrate(withDatabase(second.url, templateDatabase))
})

afterAll(async () => {
  await second.stop()
})

const makeHarness = (): Promise<ShardedHarness> => shardedHarness([inject('postgresUrl'), second.url])

describeJournal('the journal over two servers', makeHarness)

describe('one of two servers', () => {
  let harness: ShardedHarness
  let node: ShardedTestNode

  beforeEach(async () => {
    harness = await makeHarness()
    node = await harness.start('node-1')
  })

  afterEach(async () => {
    for (const proxy of node.proxies) proxy.resume()
    await harness.close()
  })

  test('away: the shards of the other are appended to, read, proved, moved and taken; its own come back with it', async () => {
    const { journal, proxies } = node
    const owned = await journal.acquire([5, 6])
    const [low, high] = owned
    if (low === undefined || high === undefined) throw new Error('two shards were acquired')
    proxies[1]?.refuse()
    proxies[1]?.cut()
    const outcomes = await appendAll(journal, owned, [recordOf(5, 1, 1), recordOf(6, 1, 1)])
    expect(kindsOf(outcomes)[0]).toBe('durable')
    expect(kindsOf(outcomes)[1]).not.toBe('durable')
    expect((await journal.load({ shard: 5, entity: idOf(2) })).rows).toHaveLength(1)
    expect(await journal.proveOwnership(low)).toBe(true)
    await expect(journal.proveOwnership(high)).rejects.toMatchObject({ code: 'journal_unavailable' })
    await expect(journal.load({ shard: 6, entity: idOf(2) })).rejects.toMatchObject({ code: 'journal_unavailable' })
    const [opened] = await journal.open([low], 0, [])
    const advance = { shard: 5, epoch: 1, from: opened?.cursor ?? 0, to: 2, ...nothingKept }
    expect(await journal.advance([advance])).toEqual([])
    expect(await journal.timersDue([5, 6], 1)).toEqual([])
    const other = await harness.start('node-2')
    await node.declareDead()
    expect(await other.journal.acquire([5])).toMatchObject([{ shard: 5, epoch: 2 }])
    proxies[1]?.resume()
    expect(await acquireEventually(other, [6])).toMatchObject([{ shard: 6, epoch: 2 }])
  })

  test('frozen: a flush to the other is not held up', async () => {
    const { journal, proxies } = node
    const owned = await journal.acquire([5, 6])
    proxies[1]?.hold('both')
    const frozen = appendAll(journal, owned, [recordOf(6, 1, 1)])
    for (let seq = 1; seq <= 5; seq += 1) {
      expect(kindsOf(await appendAll(journal, owned, [recordOf(5, 1, seq)]))).toEqual(['durable'])
    }
    expect(statsOf(journal).durable).toBe(5)
    proxies[1]?.resume()
    expect(kindsOf(await frozen)).toEqual(['durable'])
    expect(statsOf(journal).durable).toBe(6)
  })

  test('its dead owner’s sessions are ended there when its shards are taken', async () => {
    const own = await acquireOne(node.journal, 6)
    const stopped = node.proxies[1]?.atNextSync('hold_sync')
    const outcomes = appendAll(node.journal, own, [recordOf(6, 1, 1)])
    await stopped
    const other = await harness.start('node-2')
    await node.declareDead()
    expect(await other.journal.acquire([6])).toMatchObject([{ shard: 6, epoch: 2, openedAt: 2 }])
    expect(kindsOf(await outcomes)).toEqual(['unknown'])
    while (statsOf(node.journal).connectionsLost === 0) await nextTurn()
    expect((await harness.rows(6)).map(({ type }) => type)).toEqual(['epoch', 'epoch'])
  })
})
