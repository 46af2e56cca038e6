import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { type Membership, noPolicy } from './member.ts'
import { OwnerTable } from './owners.ts'
import { RebalanceAgent } from './rebalance-agent.ts'
import type { MoveRecord, ProcessStatus } from './status.ts'
import { StatusBoard } from './status-board.ts'

const shardCount = 64
const second = 1_000

/** Two agents over one world of two nodes, `a` busy with a few shards and `b` idle. */
function world(options: { readonly policy?: Partial<Membership['policy']>; readonly moveFails?: boolean } = {}) {
  const clock = new VirtualClock()
  const owners = new OwnerTable(shardCount)
  owners.learn(
    Array.from({ length: shardCount }, (_, shard) => ({
      shard,
      epoch: 1,
      owner: { node: shard % 2 === 0 ? 'a' : 'b', incarnation: 'i1' },
      released: false,
    })),
  )
  const board = new StatusBoard(clock)
  const membership: Membership = {
    leases: ['a', 'b'].map((node) => ({
      node,
      incarnation: 'i1',
      address: `${node}:1`,
      build: 'test',
      renewals: 1,
      draining: false,
    })),
    policy: { ...noPolicy, ...options.policy },
  }
  const moved: { shard: number; from: string; to: string; reason: string; at: number }[] = []
  const failures: number[] = []
  const told: MoveRecord[] = []
  const status = (node: string, cpu: number): ProcessStatus => ({
    node,
    incarnation: 'i1',
    roles: ['node'],
    build: 'test',
    address: `${node}:1`,
    startedAt: 1,
    draining: false,
    reasons: [],
    cpu,
    loopDelayMs: 1,
    residentBytes: 1,
    answeredPerSecond: 0,
    unavailablePerSecond: 0,
    nodeStatus: {
      shards: 32,
      uncertain: 0,
      stuck: [],
      entities: 0,
      pending: 0,
      commandsPerSecond: 1_000 * cpu,
      durablePerSecond: 0,
      flushMs: 1,
      hottest: owners.all
        .filter(({ owner }) => owner?.node === node)
        .slice(0, 10)
        .map(({ shard }) => ({ shard, perSecond: 100 * cpu })),
      moves: node === 'b' ? told : [],
      takeovers: [],
    },
  })
  const agents = ['a', 'b'].map(
    (node) =>
      new RebalanceAgent({
        node,
        membership: () => membership,
        owners,
        board,
        clock,
        move: (shard, from, to, reason) => {
          moved.push({ shard, from, to, reason, at: clock.monotonic() })
          if (options.moveFails) return Promise.reject(new Error('not now'))
          owners.learn([{ shard, epoch: 2, owner: { node: to, incarnation: 'i1' }, released: false }])
          return Promise.resolve()
        },
        observer: { failed: (shard) => void failures.push(shard) },
      }),
  )
  for (const agent of agents) agent.start()
  return {
    clock,
    moved,
    told,
    failures,
    agents,
    async run(ms: number): Promise<void> {
      for (let elapsed = 0; elapsed < ms; elapsed += second) {
        board.hear(status('a', 0.9))
        board.hear(status('b', 0.1))
        clock.advance(second)
        await Promise.resolve()
        await Promise.resolve()
      }
    },
  }
}

test('only the living node with the smallest name moves, after five samples of every node, one shard per 5 s', async () => {
  const { run, moved } = world()
  await run(4 * second)
  expect(moved).toEqual([])
  await run(30 * second)
  expect(moved.length).toBeGreaterThanOrEqual(2)
  expect(moved.every(({ from, to, reason }) => from === 'a' && to === 'b' && reason === 'rebalancing')).toBe(true)
  for (const [n, { at }] of moved.entries()) {
    const next = moved[n + 1]
    if (next !== undefined) expect(next.at - at).toBeGreaterThanOrEqual(5 * second)
  }
})

test('moves stay within the room that placement leaves, so that placement takes none back', async () => {
  const { run, moved } = world()
  await run(600 * second)
  // 32 shards each: at most 34 on one
  expect(moved.length).toBe(2)
})

test('the off switch stops it', async () => {
  const { run, moved } = world({ policy: { rebalancing: false } })
  await run(60 * second)
  expect(moved).toEqual([])
})

test('a move that fails is told of and not tried again for ten minutes', async () => {
  const { run, moved, failures } = world({ moveFails: true })
  await run(14 * second)
  expect(failures.length).toBe(2)
  expect(new Set(failures).size).toBe(2)
  expect(moved.length).toBe(2)
})

test('moves that others made count for the pace: while shards move for any reason it waits', async () => {
  const { run, moved, told } = world()
  for (let n = 0; n < 20; n += 1) {
    told.push({ shard: 1, from: 'a', to: 'b', epoch: 10 + n, reason: 'placement', at: 0, blackoutMs: 1 })
    await run(second)
  }
  expect(moved).toEqual([])
  await run(10 * second)
  expect(moved.length).toBeGreaterThan(0)
})

test('stopped, it moves nothing and leaves no timer behind', async () => {
  const { run, moved, agents, clock } = world()
  for (const agent of agents) agent.stop()
  await run(30 * second)
  expect(moved).toEqual([])
  expect(clock.pending).toBe(0)
})
