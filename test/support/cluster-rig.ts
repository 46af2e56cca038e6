/**
 * Nodes of a cluster on one virtual clock, for tests of membership and ownership: the real membership, links and shard
 * controller over the twins of network, lease store, owner rows and actor host. A node can be killed, frozen out of the
 * network, and started again as another incarnation.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MemoryDatabase } from '../../actors/memory-database.ts'
import { MemoryHints, MemoryOwnerStore } from '../../actors/owner-store-memory.ts'
import { type ClusterLimits, clusterLimits } from '../../cluster/cluster-limits.ts'
import type { Peer } from '../../cluster/link.ts'
import { MemoryLeaseStore, MemoryMembership } from '../../cluster/lease-store-memory.ts'
import { createLinks, type RunningLinks } from '../../cluster/links.ts'
import type { Incarnation } from '../../cluster/member.ts'
import { MembershipAgent, type MembershipEnd } from '../../cluster/membership.ts'
import { MemoryNetwork } from '../../cluster/network-memory.ts'
import { OwnerTable, type ShardOwner } from '../../cluster/owners.ts'
import { OwnerWatch } from '../../cluster/owner-watch.ts'
import { assignShards } from '../../cluster/placement.ts'
import { ShardController } from '../../cluster/shard-controller.ts'
import { type Execution, MemoryShardHost } from './shard-host-memory.ts'
import type { MoveRecord, TakeoverRecord } from '../../cluster/status.ts'
import { type Cancel, type Clock, VirtualClock } from '../../runtime/clock.ts'
import { seededRandom } from '../../runtime/random.ts'

/** A clock whose callbacks do not come any more once its process is dead. */
class MortalClock implements Clock {
  isDead = false
  readonly #world: Clock

  constructor(world: Clock) {
    this.#world = world
  }

  now(): number {
    return this.#world.now()
  }

  monotonic(): number {
    return this.#world.monotonic()
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    return this.#world.schedule(delayMs, () => {
      if (!this.isDead) callback()
    })
  }
}

export interface RigNode {
  readonly self: Incarnation
  readonly clock: MortalClock
  readonly leases: MemoryLeaseStore
  readonly ownerRows: MemoryOwnerStore
  readonly hints: MemoryHints
  readonly membership: MembershipAgent
  readonly owners: OwnerTable
  readonly watch: OwnerWatch
  readonly links: RunningLinks
  readonly host: MemoryShardHost
  readonly controller: ShardController
  readonly moved: MoveRecord[]
  readonly tookOver: TakeoverRecord[]
  readonly failures: string[]
  readonly ends: MembershipEnd[]
}

export interface RigOptions {
  readonly shards?: number
  /** Shards are split evenly over these. */
  readonly databases?: number
  readonly limits?: Partial<ClusterLimits>
  readonly seed?: number
}

export class ClusterRig {
  readonly clock = new VirtualClock()
  readonly limits: ClusterLimits
  readonly members = new MemoryMembership()
  readonly databases: readonly MemoryDatabase[]
  readonly network: MemoryNetwork
  readonly executed: Execution[] = []
  readonly shardCount: number
  readonly nodes: RigNode[] = []
  readonly #random
  #starts = 0

  constructor(options: RigOptions = {}) {
    this.shardCount = options.shards ?? 64
    this.limits = clusterLimits(options.limits)
    this.databases = Array.from({ length: options.databases ?? 1 }, () => new MemoryDatabase(this.members))
    this.#random = seededRandom(options.seed ?? 1)
    this.network = new MemoryNetwork({ clock: this.clock, random: this.#random })
  }

  readonly databaseIndexOf = (shard: number): number => Math.floor((shard * this.databases.length) / this.shardCount)

  readonly databaseOf = (shard: number): MemoryDatabase => {
    const database = this.databases[this.databaseIndexOf(shard)]
    if (database === undefined) throw new RangeError(`there is no shard ${shard}`)
    return database
  }

  async start(node: string): Promise<RigNode> {
    this.#starts += 1
    const self = { node, incarnation: `i${this.#starts}` }
    const clock = new MortalClock(this.clock)
    const leases = new MemoryLeaseStore(this.members)
    const ownerRows = new MemoryOwnerStore(this.databases)
    const hints = new MemoryHints(this.databases)
    const ends: MembershipEnd[] = []
    const membership = new MembershipAgent({
      self,
      store: leases,
      clock,
      limits: this.limits,
      hints,
      observer: { ended: (reason) => ends.push(reason) },
    })
    const owners = new OwnerTable(this.shardCount)
    const watch = new OwnerWatch({ table: owners, store: ownerRows, clock, limits: this.limits, hints })
    const links = createLinks({
      self: { ...self, roles: ['node'], build: 'test' },
      network: this.network.networkOf(node),
      clock,
      random: this.#random,
      defer: (callback) => void clock.schedule(0, callback),
    })
    const { databaseOf, executed } = this
    const host = new MemoryShardHost({ self, databaseOf, clock, executed })
    const moved: MoveRecord[] = []
    const tookOver: TakeoverRecord[] = []
    const failures: string[] = []
    const controller = new ShardController({
      ...{ self, host, membership, owners, watch, links, clock },
      limits: this.limits,
      place: assignShards,
      databaseOf: this.databaseIndexOf,
      observer: {
        moved: (record) => moved.push(record),
        tookOver: (record) => tookOver.push(record),
        failed: (what, error) => failures.push(`${what} ${(error as { code?: string }).code}`),
      },
    })
    membership.onChange(({ leases: living }) => links.connectTo(living.filter((lease) => lease.node !== node)))
    links.on({ gone: (peer) => membership.gone(peer) })
    const address = await links.listen()
    await membership.start({ address, build: 'test' })
    await watch.start()
    controller.start()
    const made = {
      ...{ self, clock, leases, ownerRows, hints, membership, owners, watch, links, host, controller },
      ...{ moved, tookOver, failures, ends },
    }
    this.nodes.push(made)
    return made
  }

  /** Its process is gone, without a word. */
  kill(node: RigNode): void {
    this.silence(node)
    this.network.stop(node.self.node)
  }

  /** It does nothing any more, and nobody is told: as if it were frozen, and for good. */
  silence(node: RigNode): void {
    node.clock.isDead = true
    node.host.isDead = true
    node.leases.away = true
    node.ownerRows.away = true
    node.hints.close()
    this.network.pause(node.self.node)
    this.nodes.splice(this.nodes.indexOf(node), 1)
  }

  /** Virtual time passes, a millisecond at a time. */
  async pass(ms: number): Promise<void> {
    await nextTurn()
    for (let passed = 0; passed < ms; passed += 1) {
      this.clock.advance(1)
      await nextTurn()
    }
  }

  /** Until `condition` holds: how long it took, in milliseconds; not a number where it took longer than `maxMs`. */
  async until(condition: () => boolean, maxMs = 30_000): Promise<number> {
    for (let passed = 0; passed <= maxMs; passed += 1) {
      if (condition()) return passed
      await this.pass(1)
    }
    return Number.NaN
  }

  /** Runs what a promise waits for. */
  async settle<Value>(work: Promise<Value>, maxMs = 60_000): Promise<Value> {
    let isSettled = false
    const settled = (): void => void (isSettled = true)
    work.then(settled, settled)
    await this.until(() => isSettled, maxMs)
    if (!isSettled) throw new Error(`not settled after ${maxMs} ms`)
    return work
  }

  row(shard: number): ShardOwner & { readonly epoch: number } {
    const { epoch, owner, releasedAt } = this.databaseOf(shard).shard(shard)
    return { shard, epoch, owner, released: releasedAt !== undefined }
  }

  /** Nodes by how many shards they serve under an owner row that is theirs. */
  serving(): Record<string, number> {
    return Object.fromEntries(this.nodes.map((node) => [node.self.node, this.servedBy(node).length]))
  }

  servedBy({ host, self }: RigNode): readonly number[] {
    return host.ownedShards.filter((shard) => {
      const { owner, released } = this.row(shard)
      return !released && owner?.node === self.node && owner.incarnation === self.incarnation
    })
  }

  /** Every shard is served, by one node, and every table says by whom. */
  isWhole(): boolean {
    const served = this.nodes.flatMap((node) => this.servedBy(node))
    return served.length === this.shardCount && new Set(served).size === this.shardCount
  }

  /** Nothing is to be moved and nothing has moved for a while. */
  async calm(): Promise<void> {
    let before = ''
    for (let looks = 0; looks < 60; looks += 1) {
      await this.pass(2_500)
      const now = JSON.stringify(
        this.nodes.map(({ self, host }) => [self.node, [...host.ownedShards].sort((a, b) => a - b)]),
      )
      if (now === before && this.isWhole()) return
      before = now
    }
    throw new Error(`the cluster does not come to rest: ${JSON.stringify(this.serving())}`)
  }

  peerOf({ self }: RigNode): Peer {
    return { ...self, roles: ['node'], build: 'test', protocol: 1 }
  }

  async close(): Promise<void> {
    for (const { controller, membership, watch, links } of this.nodes) {
      controller.stop()
      membership.stop()
      watch.stop()
      await links.close()
    }
  }
}
