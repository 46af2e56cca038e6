/**
 * A cluster of nodes and gateways in one world, and what happens to them. Each node has a supervisor that starts it again as
 * a new incarnation when its process ended, as in production.
 */
import { clusterLimits } from '../../cluster/cluster-limits.ts'
import type { ClusterRouter } from '../../cluster/cluster-router.ts'
import type { PolicyChange } from '../../cluster/member.ts'
import { MemoryNetwork } from '../../cluster/network-memory.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { Door } from './clients.ts'
import { ClusterNode } from './cluster-node.ts'
import { MemberProcess } from './member-process.ts'
import { SimProcess } from './process.ts'
import { wallOffsetMsMax } from './psp.ts'
import type { Topology, WorldParts } from './topology.ts'

interface Slot {
  readonly name: string
  readonly role: 'node' | 'gateway'
  starts: number
  current: ClusterNode | Gateway | undefined
  /** Earlier incarnations that have not ended. */
  readonly zombies: (ClusterNode | Gateway)[]
  /** Nobody starts it again. */
  isGone: boolean
}

interface Gateway {
  readonly member: MemberProcess
  readonly router: ClusterRouter
}

const limits = clusterLimits()

export class Cluster implements Topology {
  readonly #parts: WorldParts
  readonly #network: MemoryNetwork
  readonly #slots: Slot[] = []
  #processes = 10

  constructor(parts: WorldParts) {
    const { loop, chance, flags } = parts
    this.#parts = parts
    const network = new SimProcess(loop, 2, 'network')
    this.#network = new MemoryNetwork({
      clock: network.clock,
      random: chance.split('network'),
      latencyMs: { min: 0.1, max: flags.network.latencyMsMax },
    })
    for (let n = 1; n <= flags.nodes; n += 1) this.#slot(`node-${n}`, 'node')
    for (let n = 1; n <= flags.gateways; n += 1) this.#slot(`gateway-${n}`, 'gateway')
  }

  get doors(): readonly Door[] {
    return this.#slots.flatMap(({ role, current }) => {
      if (role !== 'gateway' || current === undefined || !('router' in current)) return []
      const { member, router } = current
      return [{ process: member.process, route: (envelope) => router.route<PaymentAnswer>(envelope) }]
    })
  }

  get happen(): Required<Topology['happen']> {
    return {
      crash: () => this.#crash(),
      freeze: () => this.#freeze(),
      zombie: () => this.#zombie(),
      cut: () => this.#cut(),
      reset: () => this.#reset(),
      move: () => this.#move(),
      drain: () => this.#drain(),
      join: () => this.#join(),
      policy: () => this.#policy(),
    }
  }

  start(): void {
    for (const slot of this.#slots) this.#start(slot)
  }

  // --- what happens to processes -----------------------------------------------------------------------------------------

  #crash(): void {
    const slot = this.#anyRunning(this.#parts.chance.happens(0.25) ? 'gateway' : 'node')
    if (slot?.current !== undefined) this.#end(slot, slot.current)
  }

  /** For a moment, or for longer than its lease: then it is taken for dead, and wakes up as a zombie. */
  #freeze(): void {
    const { chance, supervisor } = this.#parts
    const slot = this.#anyRunning(chance.happens(0.2) ? 'gateway' : 'node')
    const victim = slot?.current?.member.process
    if (victim === undefined) return
    victim.freeze()
    supervisor.after(chance.between(1_000, chance.happens(0.5) ? 1_500_000 : 6_000_000), () => victim.thaw())
  }

  /** Its supervisor believes that it ended, and starts another beside it. */
  #zombie(): void {
    const { chance, supervisor } = this.#parts
    const slot = this.#anyRunning('node')
    if (slot?.current === undefined) return
    const old = slot.current
    slot.zombies.push(old)
    slot.current = undefined
    if (chance.happens(0.5)) {
      old.member.process.freeze()
      supervisor.after(chance.between(1_000, 6_000_000), () => old.member.process.thaw())
    }
    supervisor.after(chance.between(0, 500_000), () => this.#start(slot))
  }

  /** One way between two processes, or between a process and the database, for a while. */
  #cut(): void {
    const { chance, supervisor, storage } = this.#parts
    const from = this.#any()
    const to = this.#any()
    if (from === undefined || to === undefined) return
    const forUs = chance.between(10_000, 5_000_000)
    if (chance.happens(0.3)) {
      storage.cutOff(from.member.process)
      supervisor.after(forUs, () => storage.reach(from.member.process))
      return
    }
    const [a, b] = [from.member.process.name, to.member.process.name]
    this.#network.cut(a, b)
    if (chance.happens(0.3)) this.#network.cut(b, a)
    supervisor.after(forUs, () => {
      this.#network.heal(a, b)
      this.#network.heal(b, a)
    })
  }

  #reset(): void {
    const from = this.#any()
    const to = this.#any()
    if (from !== undefined && to !== undefined) {
      this.#network.reset(from.member.process.name, to.member.process.name)
    }
  }

  #move(): void {
    const { chance, flags } = this.#parts
    const slot = this.#anyRunning('node')
    const to = this.#anyRunning('node')
    if (slot?.current === undefined || to === undefined || !('controller' in slot.current)) return
    const { controller, host, member } = slot.current
    const owned = host.ownedShards
    const shard = owned.length > 0 ? chance.pick(owned) : chance.below(flags.shards)
    // A move that is refused, or fails, leaves the shard to placement.
    member.process.after(0, () => void controller.move(shard, to.name, 'operator').catch(() => undefined))
  }

  /** SIGTERM; the node starts again a while later. */
  #drain(): void {
    const { chance, supervisor } = this.#parts
    const slot = this.#anyRunning('node')
    if (slot?.current === undefined || !('controller' in slot.current)) return
    const { current } = slot
    if (!('controller' in current)) return
    const end = (): void => {
      if (current.member.process.isAlive) this.#end(slot, current)
    }
    current.member.process.after(0, () => void current.drain().then(end, end))
    // A drain that does not end is killed.
    supervisor.after(chance.between(2_000_000, 40_000_000), end)
  }

  #join(): void {
    const nodes = this.#slots.filter(({ role }) => role === 'node').length
    if (nodes < 6) this.#start(this.#slot(`node-${nodes + 1}`, 'node'))
  }

  /** Operators change weights, cordons and pins. */
  #policy(): void {
    const { chance, flags } = this.#parts
    const by = this.#anyRunning('node')?.current?.member
    const node = this.#anyRunning('node')?.name
    if (by === undefined || node === undefined) return
    const change: PolicyChange = chance.pick([
      { kind: 'weight', node, weight: chance.pick([null, 0, 1, 3]) },
      { kind: 'cordon', node, cordoned: chance.happens(0.5) },
      { kind: 'pin', shard: chance.below(flags.shards), node: chance.happens(0.5) ? node : null },
    ] as const)
    // One that the database did not take is not repeated: operators see that it failed.
    by.process.after(0, () => void by.leases.change(change).catch(() => undefined))
  }

  /** From now on one node is out of order for ever: the others have to do without it. */
  loseOne(): void {
    const { chance, storage } = this.#parts
    const slot = this.#anyRunning('node')
    if (slot?.current === undefined) return
    slot.isGone = true
    const { process } = slot.current.member
    const how = chance.pick(['killed', 'frozen', 'deaf', 'mute', 'without a database'] as const)
    if (how === 'killed') slot.current.member.end()
    else if (how === 'frozen') process.freeze()
    else if (how === 'without a database') storage.cutOff(process)
    else {
      for (const other of this.#slots) {
        const name = other.current?.member.process.name
        if (name === undefined || name === process.name) continue
        if (how === 'deaf') this.#network.cut(name, process.name)
        else this.#network.cut(process.name, name)
      }
    }
  }

  heal(): void {
    this.#network.healAll()
    const { membership } = this.#parts.storage.database
    for (const slot of this.#slots) {
      // Operators who let no living node take anything get what they asked for: nothing.
      membership.change({ kind: 'weight', node: slot.name, weight: null })
      membership.change({ kind: 'cordon', node: slot.name, cordoned: false })
      for (const each of [slot.current, ...slot.zombies]) {
        each?.member.process.thaw()
        if (each !== undefined) this.#parts.storage.reach(each.member.process)
      }
    }
  }

  restartAll(): void {
    for (const slot of this.#slots) {
      for (const each of [slot.current, ...slot.zombies.splice(0)]) each?.member.end()
      slot.current = undefined
      this.#start(slot)
    }
  }

  // --- processes -----------------------------------------------------------------------------------------------------------

  #slot(name: string, role: 'node' | 'gateway'): Slot {
    const slot: Slot = { name, role, starts: 0, current: undefined, zombies: [], isGone: false }
    this.#slots.push(slot)
    return slot
  }

  #anyRunning(role: 'node' | 'gateway'): Slot | undefined {
    const running = this.#slots.filter(
      (slot) => slot.role === role && !slot.isGone && slot.current?.member.process.fate === 'runs',
    )
    return running.length === 0 ? undefined : this.#parts.chance.pick(running)
  }

  #any(): ClusterNode | Gateway | undefined {
    const living = this.#slots.flatMap(({ current, zombies }) => [current ?? [], zombies].flat())
    return living.length === 0 ? undefined : this.#parts.chance.pick(living)
  }

  #end(slot: Slot, which: ClusterNode | Gateway): void {
    const { chance, supervisor } = this.#parts
    which.member.end()
    if (slot.zombies.includes(which)) slot.zombies.splice(slot.zombies.indexOf(which), 1)
    if (slot.current !== which) return
    slot.current = undefined
    supervisor.after(chance.between(100_000, 2_000_000), () => this.#start(slot))
  }

  #start(slot: Slot): void {
    const { loop, chance, storage, flags } = this.#parts
    if (slot.current !== undefined || slot.isGone) return
    slot.starts += 1
    this.#processes += 1
    const self = { node: slot.name, incarnation: `i${slot.starts}` }
    const process = new SimProcess(loop, this.#processes, `${self.node}-${self.incarnation}`)
    if (flags.skew) process.wallOffsetMs = chance.between(-wallOffsetMsMax, wallOffsetMsMax)
    let started: ClusterNode | Gateway | undefined
    const end = (): void => {
      if (started !== undefined && process.isAlive) this.#end(slot, started)
    }
    const options = {
      process,
      self,
      role: slot.role,
      network: this.#network,
      storage,
      shards: flags.shards,
      chance: chance.split(process.name),
      limits,
      // It may be in the middle of something: it ends with this turn.
      ended: () => void this.#parts.supervisor.after(0, end),
    }
    if (slot.role === 'node') {
      const node = new ClusterNode(this.#parts, options)
      started = node
      process.after(0, () => void node.start().catch(end))
    } else {
      const member = new MemberProcess(options)
      const gateway = { member, router: member.router() }
      started = gateway
      process.after(0, () => {
        void Promise.all([member.membership.start(), member.watch.start()]).catch(end)
      })
    }
    slot.current = started
  }
}
