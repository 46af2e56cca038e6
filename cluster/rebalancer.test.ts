import { describe, expect, test } from 'vitest'
import { type Random, seededRandom } from '../runtime/random.ts'
import { type ProposedMove, proposeMove, type RebalanceInput, rebalancerLimits } from './rebalancer.ts'

const minute = 60_000

/** A cluster whose load is known: shards with a rate each, nodes that use processor time in proportion and some for nothing. */
class SimulatedCluster {
  readonly owners: number[]
  readonly moves: (ProposedMove & { at: number })[] = []
  readonly rates: number[]
  now = 0
  readonly #random: Random
  readonly #noise: number
  readonly #nodeCount: number

  constructor(nodeCount: number, rates: readonly number[], options: { seed: number; noise: number }) {
    this.#nodeCount = nodeCount
    this.rates = [...rates]
    this.owners = rates.map((_, shard) => shard % nodeCount)
    this.#random = seededRandom(options.seed)
    this.#noise = options.noise
  }

  /** Commands per second of each node, without noise. */
  get loads(): number[] {
    const loads = Array.from({ length: this.#nodeCount }, () => 0)
    for (const [shard, owner] of this.owners.entries()) loads[owner] = (loads[owner] ?? 0) + (this.rates[shard] ?? 0)
    return loads
  }

  get hottest(): number {
    return Math.max(...this.loads)
  }

  /** Lets a time pass. Each decision rests on averages since the last move, 5 to 15 samples a second apart, as the agent's do. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 1_000) {
      const samples = Math.min(15, (this.now - (this.moves.at(-1)?.at ?? 0)) / 1_000)
      if (samples < 5) continue
      const seen = this.rates.map((rate) => rate * this.#noisy(samples))
      const measured = Array.from({ length: this.#nodeCount }, (_, node) => ({
        node: `n${node}`,
        commandsPerSecond: seen.reduce((sum, rate, shard) => sum + (this.owners[shard] === node ? rate : 0), 0),
        takesNew: true,
      }))
      const input: RebalanceInput = {
        enabled: true,
        nodes: measured.map((each) => ({
          ...each,
          cpu: 0.02 + (each.commandsPerSecond / 5_000) * this.#noisy(samples),
        })),
        shards: seen.map((perSecond, shard) => ({ shard, owner: `n${this.owners[shard]}`, perSecond })),
        pins: new Map(),
        movable: () => true,
        lastMoves: this.moves,
        now: this.now,
      }
      const before = this.hottest
      const move = proposeMove(input)
      if (move === undefined) continue
      expect(move.from).toBe(`n${this.owners[move.shard]}`)
      this.owners[move.shard] = Number(move.to.slice(1))
      this.moves.push({ ...move, at: this.now })
      expect(this.hottest, 'a move never makes the hottest node hotter').toBeLessThanOrEqual(before)
    }
  }

  /** A mean of samples that are each off by up to `noise`: its spread falls with the root of their number. */
  #noisy(samples: number): number {
    return 1 + ((this.#random.float() * 2 - 1) * this.#noise) / Math.sqrt(samples)
  }
}

/** Rates as merchants have them: few shards are hot, most are not. */
function skewed(count: number, seed: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => 5 / (0.02 + random.float()))
}

const clusters = [2, 3, 4, 5, 8].flatMap((nodeCount) => [1, 2, 3, 4].map((seed) => ({ nodeCount, seed })))

function shardsMovedTwice(moves: readonly { shard: number; at: number }[], withinMs: number) {
  return moves.filter((move, n) =>
    moves.slice(n + 1).some((later) => later.shard === move.shard && later.at - move.at < withinMs),
  )
}

describe('a cluster under noisy load', () => {
  test.each(clusters)('of $nodeCount nodes ends balanced and then stands still (seed $seed)', ({ nodeCount, seed }) => {
    const rates = skewed(256, seed).map((rate, shard) => rate * (shard % nodeCount === 0 ? 3 : 1))
    const cluster = new SimulatedCluster(nodeCount, rates, { seed, noise: 0.3 })
    cluster.run(20 * minute)
    const mean = cluster.loads.reduce((sum, load) => sum + load, 0) / nodeCount
    expect(cluster.hottest / mean).toBeLessThan(rebalancerLimits.hotFactor * 1.1)
    const settled = cluster.moves.length
    cluster.run(40 * minute)
    expect(cluster.moves.length - settled, 'moves without a change of load').toBeLessThanOrEqual(1)
    expect(shardsMovedTwice(cluster.moves, 60 * minute)).toEqual([])
  })

  test.each(clusters)('of $nodeCount nodes, load that wanders moves no shard back and forth (seed $seed)', (each) => {
    const { nodeCount, seed } = each
    const cluster = new SimulatedCluster(nodeCount, skewed(256, seed), { seed, noise: 0.2 })
    const random = seededRandom(seed + 100)
    for (let hour = 0; hour < 6; hour += 1) {
      // each half hour another tenth of the shards is hot
      for (const shard of cluster.rates.keys()) cluster.rates[shard] = random.float() < 0.1 ? 60 : 6
      cluster.run(30 * minute)
    }
    expect(shardsMovedTwice(cluster.moves, rebalancerLimits.restMs)).toEqual([])
    for (const [n, move] of cluster.moves.entries()) {
      const next = cluster.moves[n + 1]
      if (next !== undefined) expect(next.at - move.at).toBeGreaterThanOrEqual(rebalancerLimits.paceMs)
    }
  })
})

describe('a single hot shard', () => {
  test('that is a hot spot by itself is not moved: it would only be hot elsewhere', () => {
    const rates = skewed(64, 1).map(() => 1)
    rates[0] = 4_000
    const cluster = new SimulatedCluster(4, rates, { seed: 1, noise: 0.1 })
    cluster.run(30 * minute)
    expect(cluster.moves.filter(({ shard }) => shard === 0)).toEqual([])
  })

  test('of two on one node, one is moved', () => {
    const rates = skewed(64, 1).map(() => 1)
    rates[0] = 2_000
    rates[4] = 2_000
    const cluster = new SimulatedCluster(4, rates, { seed: 1, noise: 0.05 })
    cluster.run(1 * minute)
    const owners = [cluster.owners[0], cluster.owners[4]]
    // the mean of four nodes is a quarter of both: either alone is a hot spot anywhere
    expect(owners).toEqual([0, 0])
    const pair = new SimulatedCluster(2, rates, { seed: 1, noise: 0.05 })
    pair.run(1 * minute)
    expect(new Set([pair.owners[0], pair.owners[4]]).size).toBe(2)
  })
})

describe('what is not moved', () => {
  const hot: RebalanceInput = {
    enabled: true,
    nodes: [
      { node: 'a', cpu: 0.9, commandsPerSecond: 1_000, takesNew: true },
      { node: 'b', cpu: 0.1, commandsPerSecond: 100, takesNew: true },
      { node: 'c', cpu: 0.2, commandsPerSecond: 200, takesNew: true },
    ],
    shards: [
      { shard: 1, owner: 'a', perSecond: 200 },
      { shard: 2, owner: 'a', perSecond: 150 },
      { shard: 3, owner: 'a', perSecond: 800 },
    ],
    pins: new Map(),
    movable: () => true,
    lastMoves: [],
    now: 1_000_000,
  }

  test('the hottest shard that fits goes to the coolest node', () => {
    expect(proposeMove(hot)).toEqual({ shard: 1, from: 'a', to: 'b' })
  })

  test('nothing where operators switched it off', () => {
    expect(proposeMove({ ...hot, enabled: false })).toBeUndefined()
  })

  test('nothing within 5 s of any other move', () => {
    expect(proposeMove({ ...hot, lastMoves: [{ shard: 9, at: hot.now - 4_999 }] })).toBeUndefined()
    expect(proposeMove({ ...hot, lastMoves: [{ shard: 9, at: hot.now - 5_000 }] })).toBeDefined()
  })

  test('no pinned shard, none that has just moved, none that placement would take back', () => {
    expect(proposeMove({ ...hot, pins: new Map([[1, 'a']]) })?.shard).toBe(2)
    expect(proposeMove({ ...hot, lastMoves: [{ shard: 1, at: hot.now - rebalancerLimits.restMs + 1 }] })?.shard).toBe(2)
    expect(proposeMove({ ...hot, movable: (shard, to) => shard !== 1 && to !== 'b' })).toEqual({
      shard: 2,
      from: 'a',
      to: 'c',
    })
  })

  test('nothing onto a node that takes none', () => {
    const [a, b, c] = hot.nodes
    if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
    expect(proposeMove({ ...hot, nodes: [a, { ...b, takesNew: false }, c] })?.to).toBe('c')
    expect(proposeMove({ ...hot, nodes: [a, { ...b, takesNew: false }, { ...c, takesNew: false }] })).toBeUndefined()
  })

  test('nothing in a cluster that idles, however unequally', () => {
    const nodes = hot.nodes.map((each) => ({ ...each, cpu: each.cpu / 10 }))
    expect(proposeMove({ ...hot, nodes })).toBeUndefined()
  })

  test('nothing from a node within 1.3 of the mean', () => {
    const nodes = hot.nodes.map((each, n) => ({ ...each, cpu: [0.6, 0.4, 0.4][n] ?? 0 }))
    expect(proposeMove({ ...hot, nodes })).toBeUndefined()
  })
})
