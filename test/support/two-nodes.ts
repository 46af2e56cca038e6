/**
 * Two nodes and a gateway of their own each, over one journal, linked in memory: real hosts, links, routers and route
 * servers, on one clock. Moves are made by hand, so a test sees what one step does.
 */
import { type ClusterRouter, createClusterRouter } from '../../cluster/cluster-router.ts'
import type { Incarnation } from '../../cluster/member.ts'
import { createLinks, type RunningLinks } from '../../cluster/links.ts'
import { MemoryNetwork } from '../../cluster/network-memory.ts'
import { OwnerTable } from '../../cluster/owners.ts'
import { serveRoutes } from '../../cluster/route-server.ts'
import type { Envelope, Router } from '../../cluster/router.ts'
import type { ShardHost } from '../../cluster/shard-host.ts'
import { MemoryDatabase } from '../../actors/memory-database.ts'
import { shardCount } from '../../domain/ids.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { seededRandom } from '../../runtime/random.ts'
import { type EdgeOverHost, type EdgeOverHostOptions, edgeOverHost } from './edge-over-host.ts'

export interface ClusterNode {
  readonly edge: EdgeOverHost
  readonly self: Incarnation
  readonly owners: OwnerTable
  readonly links: RunningLinks
  readonly router: ClusterRouter
}

export interface TwoNodes {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  /** Has every shard at the start. */
  readonly old: ClusterNode
  readonly young: ClusterNode
  /** Hands shards over as planned; each table learns of it when the owner rows are read. */
  move(shards: readonly number[], from: ClusterNode, to: ClusterNode): Promise<void>
  /** Moves time until the work is done. */
  until<Result>(work: Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export const everyShard: readonly number[] = Array.from({ length: shardCount }, (_, shard) => shard)

export async function twoNodes(options: Pick<EdgeOverHostOptions, 'psp' | 'limits'> = {}): Promise<TwoNodes> {
  const clock = new VirtualClock(Date.UTC(2026, 10, 4, 12))
  const database = new MemoryDatabase()
  const network = new MemoryNetwork({ clock, random: seededRandom(1) })

  async function start(node: string, seed: number, shards: readonly number[]): Promise<ClusterNode> {
    const self: Incarnation = { node, incarnation: 'a' }
    const owners = new OwnerTable(shardCount)
    const peer = { ...self, roles: ['node', 'gateway'], build: 'test' } as const
    const links = createLinks({ self: peer, network: network.networkOf(node), clock, random: seededRandom(seed) })
    // The host and the router need each other; neither is asked before both are there.
    const host: Router = { route: (envelope) => edge.host.route(envelope) }
    const router = createClusterRouter({
      self,
      local: host,
      owners,
      links,
      living: () => true,
      refresh: () => undefined,
      clock,
      random: seededRandom(seed + 10),
    })
    serveRoutes({ self, links, host, owners, clock })
    const forward = (envelope: Envelope) => router.route<unknown>(envelope)
    const edge: EdgeOverHost = await edgeOverHost({
      ...options,
      clock,
      database,
      node,
      shards,
      forward,
      gateway: { router },
    })
    await links.listen()
    return { edge, self, owners, links, router }
  }

  const old = await start('node-1', 1, everyShard)
  const young = await start('node-2', 2, [])
  for (const each of [old, young]) {
    each.owners.learn(everyShard.map((shard) => ({ shard, epoch: 1, owner: old.self, released: false })))
  }
  old.links.connectTo([{ ...young.self, address: 'node-2' }])
  young.links.connectTo([{ ...old.self, address: 'node-1' }])
  await pass(100)

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1) {
      clock.advance(1)
      await old.edge.settle()
    }
  }

  async function until<Result>(work: Promise<Result>): Promise<Result> {
    const state = { isDone: false }
    const ended = work.finally(() => {
      state.isDone = true
    })
    // The failure is the caller's, who waits for it below.
    ended.catch(() => undefined)
    for (let ms = 0; ms < 60_000 && !state.isDone; ms += 1) await pass(1)
    return ended
  }

  async function move(shards: readonly number[], from: ClusterNode, to: ClusterNode): Promise<void> {
    const host: ShardHost = from.edge.host
    const released = await until(host.releaseShards(shards))
    const { opened } = await until(to.edge.host.openShards(released.map(({ shard }) => shard)))
    const news = opened.map(({ shard, epoch }) => ({ shard, epoch, owner: to.self, released: false }))
    for (const { owners } of [old, young]) owners.learn(news)
  }

  return {
    clock,
    network,
    old,
    young,
    move,
    until,
    async close() {
      const ends = [old, young].flatMap(({ edge, links }) => [edge.close(), links.close()])
      await until(Promise.all(ends))
      for (const { router } of [old, young]) router.stop()
    },
  }
}
