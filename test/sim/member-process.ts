/**
 * What every process of a simulated cluster has, made of the real thing: links, its view of members and owners, the
 * cluster's router. A node has a lease, a host and a shard controller as well.
 */
import { MemoryHints } from '../../actors/owner-store-memory.ts'
import { type ClusterRouter, createClusterRouter } from '../../cluster/cluster-router.ts'
import type { ClusterLimits } from '../../cluster/cluster-limits.ts'
import type { Incarnation, Role } from '../../cluster/member.ts'
import { MembershipAgent } from '../../cluster/membership.ts'
import type { MemoryNetwork } from '../../cluster/network-memory.ts'
import { createLinks, type RunningLinks } from '../../cluster/links.ts'
import { OwnerTable } from '../../cluster/owners.ts'
import { OwnerWatch } from '../../cluster/owner-watch.ts'
import type { Router } from '../../cluster/router.ts'
import type { Chance } from './chance.ts'
import { LeaseConnection } from './lease-connection.ts'
import { networkPort } from './network-port.ts'
import type { SimProcess } from './process.ts'
import type { StorageServer } from './storage-server.ts'

export interface MemberOptions {
  readonly process: SimProcess
  readonly self: Incarnation
  readonly role: Role
  readonly network: MemoryNetwork
  readonly storage: StorageServer
  readonly shards: number
  readonly chance: Chance
  readonly limits: ClusterLimits
  /** The process has to exit. */
  ended(): void
}

export class MemberProcess {
  readonly process: SimProcess
  readonly self: Incarnation
  readonly leases: LeaseConnection
  readonly links: RunningLinks
  readonly membership: MembershipAgent
  readonly owners: OwnerTable
  readonly watch: OwnerWatch
  readonly hints: MemoryHints
  readonly #options: MemberOptions

  constructor(options: MemberOptions) {
    const { process, self, role, network, storage, shards, chance, limits } = options
    const { clock } = process
    this.#options = options
    this.process = process
    this.self = self
    const carry = storage.connect(process)
    this.leases = new LeaseConnection(storage.database.membership, carry)
    this.hints = new MemoryHints([storage.database], (task) => void process.after(chance.latency(300), task))
    this.links = createLinks({
      self: { ...self, roles: [role], build: 'sim' },
      network: networkPort(network.networkOf(process.name), process),
      clock,
      random: chance.split('links'),
      defer: (callback) => void process.after(0, callback),
    })
    this.membership = new MembershipAgent({
      self: role === 'node' ? self : undefined,
      store: this.leases,
      clock,
      limits,
      hints: this.hints,
      observer: { ended: () => options.ended() },
    })
    this.owners = new OwnerTable(shards)
    this.watch = new OwnerWatch({
      table: this.owners,
      store: { owners: () => carry(() => storage.database.owners()) },
      hints: this.hints,
      clock,
      limits,
    })
    this.membership.onChange(({ leases }) => this.links.connectTo(leases))
    this.links.on({ gone: (peer) => this.membership.gone(peer) })
  }

  router(local?: Router): ClusterRouter {
    const { process, self, owners, links, membership, watch } = this
    return createClusterRouter({
      ...(local !== undefined && { self, local }),
      owners,
      links,
      living: (of) => membership.lives(of),
      refresh: () => void watch.refresh(),
      clock: process.clock,
      random: this.#options.chance.split('router'),
    })
  }

  /** Nothing of it is left in the world. */
  end(): void {
    this.process.kill()
    this.hints.close()
    this.#options.network.stop(this.process.name)
  }
}
