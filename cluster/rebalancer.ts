/**
 * Which shard to move because of load: pure, one proposal at a time, from loads averaged since anything last moved.
 *
 * A node is hot above `hotFactor` × the mean. Its hottest shard that fits goes to the coolest node that takes it, and it fits
 * only where that node then stays below `coolFactor` × the mean. The gap between the two factors is what keeps load from
 * going back and forth: the new node becomes hot only if load grows by an eighth. So a shard that is a hot spot by itself is
 * never moved: it would only be hot elsewhere. And no shard moves again before `restMs`, whatever its load does.
 *
 * Processor time is what runs out first in a node (one thread), and it already contrasts fast and slow machines; a shard's
 * part of it is taken to be its part of the node's commands.
 */
import { assert } from '../runtime/assert.ts'

export const rebalancerLimits = {
  /** At most one move in this time, whoever asked for it. */
  paceMs: 5_000,
  /** A shard that has moved stays for this long. */
  restMs: 600_000,
  /** A node above this multiple of the mean is hot. */
  hotFactor: 1.3,
  /** The taker stays below this multiple of the mean, with the shard. */
  coolFactor: 1.15,
  /** Part of a processor. A node below it is not hot, whatever the mean: what idles needs no balance. */
  busyCpu: 0.2,
} as const

assert(rebalancerLimits.coolFactor < rebalancerLimits.hotFactor, 'who takes a shard does not become hot by it')
assert(rebalancerLimits.paceMs < rebalancerLimits.restMs, 'a shard rests for longer than one move takes')

export interface NodeLoad {
  readonly node: string
  /** Of one processor, 0 to 1 and beyond. */
  readonly cpu: number
  readonly commandsPerSecond: number
  /** Neither leaving nor cordoned. */
  readonly takesNew: boolean
}

export interface ShardRate {
  readonly shard: number
  readonly owner: string
  readonly perSecond: number
}

export interface PastMove {
  readonly shard: number
  /** Milliseconds, on the clock of `now`. */
  readonly at: number
}

export interface RebalanceInput {
  /** False: operators switched it off. */
  readonly enabled: boolean
  /** All living nodes. */
  readonly nodes: readonly NodeLoad[]
  /** The busiest shards of each node; what is missing is not moved. */
  readonly shards: readonly ShardRate[]
  readonly pins: ReadonlyMap<number, string>
  /** Whether the shard may be there: asked before it is proposed. */
  readonly movable: (shard: number, to: string) => boolean
  /** Moves for any reason, at least those of the last `restMs`. */
  readonly lastMoves: readonly PastMove[]
  /** Milliseconds of a monotonic clock. */
  readonly now: number
}

export interface ProposedMove {
  readonly shard: number
  readonly from: string
  readonly to: string
}

/** The move to make now, if there is one that makes things better. */
export function proposeMove(input: RebalanceInput): ProposedMove | undefined {
  const { enabled, nodes, pins, lastMoves, now } = input
  if (!enabled || nodes.length < 2) return undefined
  if (lastMoves.some(({ at }) => now - at < rebalancerLimits.paceMs)) return undefined
  const resting = new Set(lastMoves.filter(({ at }) => now - at < rebalancerLimits.restMs).map(({ shard }) => shard))
  const mean = nodes.reduce((sum, { cpu }) => sum + cpu, 0) / nodes.length
  const coolest = nodes.filter(({ takesNew }) => takesNew).toSorted((a, b) => a.cpu - b.cpu || byName(a, b))
  for (const from of nodes.toSorted((a, b) => b.cpu - a.cpu || byName(a, b))) {
    if (from.cpu <= mean * rebalancerLimits.hotFactor || from.cpu < rebalancerLimits.busyCpu) return undefined
    const hottest = input.shards
      .filter(({ shard, owner }) => owner === from.node && !pins.has(shard) && !resting.has(shard))
      .toSorted((a, b) => b.perSecond - a.perSecond || a.shard - b.shard)
    for (const { shard, perSecond } of hottest) {
      const cost = costOf(perSecond, from)
      if (cost === 0) break
      const to = coolest.find(
        (each) =>
          each.node !== from.node &&
          each.cpu + cost <= mean * rebalancerLimits.coolFactor &&
          input.movable(shard, each.node),
      )
      if (to !== undefined) return { shard, from: from.node, to: to.node }
    }
  }
  return undefined
}

/** Processor time that goes with the shard. */
function costOf(perSecond: number, { cpu, commandsPerSecond }: NodeLoad): number {
  return commandsPerSecond === 0 ? 0 : cpu * Math.min(1, perSecond / commandsPerSecond)
}

function byName(a: NodeLoad, b: NodeLoad): number {
  return a.node < b.node ? -1 : 1
}
