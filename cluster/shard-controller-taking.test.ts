import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { clusterLimits } from './cluster-limits.ts'
import { Taking } from './shard-controller-taking.ts'
import type { OpenedShards, ShardHost } from './shard-host.ts'

const limits = clusterLimits()

/** A journal that has lost acknowledged rows of these shards. */
class LossyHost {
  lost = new Set<number>()
  async openShards(shards: readonly number[]): Promise<OpenedShards> {
    const named = shards.filter((shard) => this.lost.has(shard))
    if (named.length > 0) {
      const about = { code: 'journal_lost_acknowledged_rows', canRetry: false, shards: named }
      throw Object.assign(new Error('acknowledged rows are gone'), about)
    }
    return { opened: shards.map((shard) => ({ shard, epoch: 1 })) }
  }
}

function setUp() {
  const host = new LossyHost()
  const clock = new VirtualClock()
  const told: (readonly number[])[] = []
  const taking = new Taking({
    host: host as unknown as ShardHost,
    clock,
    limits,
    databaseOf: () => 0,
    isReachable: () => true,
    opened: () => undefined,
    failed: (_error, shards) => told.push(shards),
  })
  return { host, clock, told, taking }
}

test('a shard whose journal has lost rows is refused by name, its neighbours are opened, and it is said once', async () => {
  const { host, told, taking } = setUp()
  host.lost.add(2)
  expect(await taking.take([1, 2, 3])).toEqual([
    { shard: 1, epoch: 1 },
    { shard: 3, epoch: 1 },
  ])
  expect(taking.stuck).toEqual([{ shard: 2, reason: 'journal_lost_acknowledged_rows' }])
  expect([1, 2, 3].map((shard) => taking.refusalOf(shard))).toEqual([
    undefined,
    'journal_lost_acknowledged_rows',
    undefined,
  ])
  await taking.take([2])
  expect(told).toEqual([[2]])
})

test('it is looked at again only after a long pause, and served once its journal was mended', async () => {
  const { host, clock, taking } = setUp()
  host.lost.add(2)
  await taking.take([2])
  expect(taking.waitsUntil(2)).toBe(clock.monotonic() + limits.lostRowsRetryMs)
  host.lost.clear()
  expect(await taking.take([2])).toEqual([{ shard: 2, epoch: 1 }])
  expect(taking.refusalOf(2)).toBeUndefined()
  expect(taking.stuck).toEqual([])
})
