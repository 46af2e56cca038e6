/**
 * Moves hot shards, on one node: the living one with the smallest name that stays. That is a hint, not an election: two nodes
 * that both believe to be it make a move too many, and every move is safe by itself (owner rows decide).
 *
 * Loads are averaged over the samples since anything last changed hands, and nothing is proposed before there are enough of
 * each node; so no decision rests on loads from before a move. A move that placement would take back is not made. Moves that
 * others made are learned from what processes tell and count for pace and rest like its own; when they were is taken from
 * when they were heard, no clocks are compared.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Membership } from './member.ts'
import type { OwnerTable } from './owners.ts'
import { assignShards, placementNodes } from './placement.ts'
import { type NodeLoad, type PastMove, proposeMove, type ShardRate } from './rebalancer.ts'
import type { MoveReason, NodeStatus, ProcessStatus } from './status.ts'
import { type HeardStatus, statusEveryMs } from './status-board.ts'

/** Samples of every node before anything is proposed. */
const samplesMin = 5
/** Older ones are dropped: load that was is no reason to move. */
const samplesMax = 15
/** A status that is older says nothing of now. */
const sampleAgeMsMax = 2.5 * statusEveryMs
/** More than all processes that a board holds can tell of (256 with 50 moves each): one that is still told is not forgotten. */
const heardMovesMax = 20_000

export interface RebalanceAgentOptions {
  /** Name of this node. */
  readonly node: string
  readonly membership: () => Membership
  readonly owners: OwnerTable
  /** This node's own status among them. */
  readonly board: { readonly all: readonly HeardStatus[] }
  readonly clock: Clock
  /** Resolves when the new owner serves; settles always, within the time that a hand-off may take. */
  readonly move: (shard: number, from: string, to: string, reason: MoveReason) => Promise<unknown>
  readonly observer?: Partial<RebalanceObserver>
}

export interface RebalanceObserver {
  proposed(shard: number, from: string, to: string): void
  failed(shard: number, error: unknown): void
}

interface Sample {
  readonly status: ProcessStatus
  readonly node: NodeStatus
}

export class RebalanceAgent {
  readonly #options: RebalanceAgentOptions
  readonly #samples = new Map<string, Sample[]>()
  /** By shard and epoch: since when it is known here. */
  readonly #heardMoves = new Map<string, PastMove>()
  #attempted: PastMove | undefined
  #moving = false
  #cancelTick: Cancel | undefined
  #cancelOwners: Cancel | undefined

  constructor(options: RebalanceAgentOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancelOwners = this.#options.owners.onChange(() => this.#samples.clear())
    this.#schedule()
  }

  stop(): void {
    this.#cancelTick?.()
    this.#cancelOwners?.()
    this.#samples.clear()
  }

  #schedule(): void {
    this.#cancelTick = this.#options.clock.schedule(statusEveryMs, () => {
      this.#tick()
      this.#schedule()
    })
  }

  #tick(): void {
    const membership = this.#options.membership()
    const heard = this.#options.board.all.filter(({ ageMs }) => ageMs <= sampleAgeMsMax)
    this.#hearMoves(heard)
    if (membership.leases.find(({ draining }) => !draining)?.node !== this.#options.node) return this.#samples.clear()
    for (const { status } of heard) this.#sample(status)
    if (this.#moving) return
    const loads = this.#loadsOf(membership)
    if (loads === undefined) return
    const { clock } = this.#options
    const proposed = proposeMove({
      enabled: membership.policy.rebalancing,
      ...loads,
      pins: membership.policy.pins,
      movable: this.#leavesAll(membership),
      lastMoves: [...this.#heardMoves.values(), ...(this.#attempted === undefined ? [] : [this.#attempted])],
      now: clock.monotonic(),
    })
    if (proposed !== undefined) void this.#perform(proposed.shard, proposed.from, proposed.to)
  }

  async #perform(shard: number, from: string, to: string): Promise<void> {
    const { clock, move, observer } = this.#options
    this.#moving = true
    observer?.proposed?.(shard, from, to)
    try {
      await move(shard, from, to, 'rebalancing')
    } catch (error) {
      observer?.failed?.(shard, error)
    } finally {
      this.#moving = false
      // one that failed counts as well: what cannot be moved now is not tried every second
      this.#attempted = { shard, at: clock.monotonic() }
      this.#samples.clear()
    }
  }

  #sample(status: ProcessStatus): void {
    if (status.node === undefined || status.nodeStatus === undefined) return
    const samples = this.#samples.get(status.node) ?? []
    const last = samples.at(-1)
    if (last?.status === status) return
    if (last !== undefined && last.status.incarnation !== status.incarnation) samples.length = 0
    samples.push({ status, node: status.nodeStatus })
    if (samples.length > samplesMax) samples.shift()
    this.#samples.set(status.node, samples)
  }

  #hearMoves(heard: readonly HeardStatus[]): void {
    const now = this.#options.clock.monotonic()
    for (const { status } of heard) {
      for (const { shard, epoch } of status.nodeStatus?.moves ?? []) {
        const name = `${shard}/${epoch}`
        if (!this.#heardMoves.has(name)) this.#heardMoves.set(name, { shard, at: now })
      }
    }
    for (const name of this.#heardMoves.keys()) {
      if (this.#heardMoves.size <= heardMovesMax) return
      this.#heardMoves.delete(name)
    }
  }

  /** Averages of all living nodes; undefined while one of them has told too little. */
  #loadsOf({ leases, policy }: Membership): { nodes: NodeLoad[]; shards: ShardRate[] } | undefined {
    const nodes: NodeLoad[] = []
    const shards: ShardRate[] = []
    for (const { node, incarnation, draining } of leases) {
      const samples = this.#samples.get(node) ?? []
      if (samples.length < samplesMin || samples.at(-1)?.status.incarnation !== incarnation) return undefined
      const mean = (of: (sample: Sample) => number): number =>
        samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
      nodes.push({
        node,
        cpu: mean(({ status }) => status.cpu),
        commandsPerSecond: mean((sample) => sample.node.commandsPerSecond),
        takesNew: !draining && !policy.cordoned.has(node) && policy.weights.get(node) !== 0,
      })
      const rates = new Map<number, number>()
      for (const sample of samples) {
        for (const { shard, perSecond } of sample.node.hottest) {
          rates.set(shard, (rates.get(shard) ?? 0) + perSecond / samples.length)
        }
      }
      for (const [shard, perSecond] of rates) {
        // told by a node that does not have it any more: it would be a move from nowhere
        if (this.#options.owners.get(shard).owner?.node === node) shards.push({ shard, owner: node, perSecond })
      }
    }
    return { nodes, shards }
  }

  /** Whether placement would leave everything as it is after that move. Any shard without a pin stands for all of its node. */
  #leavesAll(membership: Membership): (shard: number, to: string) => boolean {
    const nodes = placementNodes(membership)
    const { pins } = membership.policy
    const current = this.#options.owners.all.map(({ owner, released }) => (released ? undefined : owner?.node))
    const known = new Map<string, boolean>()
    return (shard, to) => {
      const between = `${current[shard]} ${to}`
      const before = known.get(between)
      if (before !== undefined) return before
      const moved = current.with(shard, to)
      const after = assignShards({ shardCount: moved.length, nodes, current: moved, pins })
      const leaves = after.every((node, other) => node === moved[other])
      known.set(between, leaves)
      return leaves
    }
  }
}
