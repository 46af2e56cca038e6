/** One start of a node of a simulated cluster: a member with a host and a shard controller, from its first turn to its exit. */
import type { Host } from '../../actors/host.ts'
import type { ClusterRouter } from '../../cluster/cluster-router.ts'
import { serveRoutes } from '../../cluster/route-server.ts'
import { ShardController } from '../../cluster/shard-controller.ts'
import type { MemberOptions } from './member-process.ts'
import { MemberProcess } from './member-process.ts'
import { createHost } from './node.ts'
import { placed } from './placed.ts'
import type { WorldParts } from './topology.ts'

export class ClusterNode {
  readonly member: MemberProcess
  readonly host: Host
  readonly controller: ShardController
  readonly #router: ClusterRouter

  constructor(parts: WorldParts, options: MemberOptions) {
    const { process, self, limits, storage, chance } = options
    const { psp, replace } = parts
    this.member = new MemberProcess(options)
    const { links, owners, watch, membership, leases } = this.member
    this.host = createHost({
      process,
      self,
      storage,
      deaths: leases,
      connectors: psp.connectorsFor(process),
      chance: chance.split('host'),
      trouble: (what, error) => parts.trouble(what, error),
      acknowledged: (...what) => parts.acknowledged(...what),
      forward: (envelope) => this.#router.route(envelope),
      ...(replace !== undefined && { replace }),
    })
    const judged = parts.judged(replace?.node?.(this.host) ?? this.host)
    this.#router = this.member.router(judged)
    serveRoutes({ self, links, host: judged, owners, clock: process.clock })
    this.controller = new ShardController({
      self,
      host: this.host,
      membership,
      owners,
      watch,
      links,
      clock: process.clock,
      limits,
      place: placed,
      observer: {},
    })
  }

  /** As bin/ starts a node; whatever fails ends the process, and its supervisor starts another. */
  async start(): Promise<void> {
    const { links, membership, watch } = this.member
    const address = await links.listen()
    await membership.start({ address, build: 'sim' })
    await watch.start()
    this.controller.start()
  }

  /** SIGTERM: everything is handed off, then it leaves. */
  async drain(): Promise<void> {
    await this.controller.drain()
    this.controller.stop()
    await this.host.stop()
    this.#router.stop()
    await this.member.membership.leave()
    await this.member.links.close()
  }
}
