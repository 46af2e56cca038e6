/**
 * Which node each shard should be on. Pure and deterministic: every process that knows the same members, owners and pins
 * computes the same answer, whatever the order it learned them in; ownership itself is decided in the database.
 *
 * A node's share is its part of the shards by weight. Between `keepFactor` and `floorFactor` of its share nothing moves:
 * that is the room in which the rebalancer moves hot shards without placement moving others back. Beyond it,
 *
 *   - a node above its most gives shards away until it has its share, those that prefer it least first;
 *   - a node below its least (one that has just joined) is given shards until it has its share, those that prefer it most;
 *   - shards without a node (their node died or leaves) go where they prefer to be, to nodes with room.
 *
 * A node that joins or leaves therefore moves its own share and nothing between the others. Preference is the walk along
 * a hash ring, so most of it survives a change of members. Pins beat everything while the pinned node lives and stays.
 * Cordons and weights of 0 are wishes: where nobody is left that takes shards, those without a node go to those that stay
 * rather than be served by nobody.
 * It knows nothing of load: that is the rebalancer's business.
 */
import HashRing from 'hashring'
import { assert } from '../runtime/assert.ts'
import type { Membership } from './member.ts'

export interface PlacementNode {
  readonly node: string
  /** Share relative to the others; 0: it keeps nothing but what is pinned to it. */
  readonly weight: number
  /** False: cordoned. It keeps all that it has and is given nothing but what is pinned to it. */
  readonly takesNew: boolean
  /** True: it keeps nothing. */
  readonly leaving: boolean
}

export interface PlacementInput {
  readonly shardCount: number
  /** The living, in any order. */
  readonly nodes: readonly PlacementNode[]
  /** Shard → node that has it now, living or not. */
  readonly current: readonly (string | undefined)[]
  /** Shard → node. */
  readonly pins: ReadonlyMap<number, string>
}

export const placementLimits = {
  /**
   * A node keeps what it has up to this multiple of its share. 1.05 of 341 shards (three nodes) is room for 17 moves of the
   * rebalancer, and a ring alone would be worse: 640 points per node spread 1,024 shards to within 1.1 to 1.3 of the mean.
   */
  keepFactor: 1.05,
  /** Below this multiple of its share a node is given shards. */
  floorFactor: 0.95,
  /**
   * Always given to hashring: what it computes by itself is rounded down for some numbers of nodes, and then shards of nodes
   * that stayed move as well. Each stands for four points on the ring.
   */
  vnodesPerNode: 160,
} as const

assert(placementLimits.floorFactor < 1 && placementLimits.keepFactor > 1, 'a node with its share keeps it')

/**
 * The node for each shard; undefined where nobody may take it. For 1,024 shards: 0.2 ms where nothing moves; with
 * 3 nodes 2 to 6 ms, with 32 nodes 20 to 36 ms where nodes join or die: the ring is made then, and kept (m: Node 24, one core).
 */
export function assignShards(input: PlacementInput): readonly (string | undefined)[] {
  const placing = new Placing(input)
  placing.placeHomeless()
  placing.fillTheNeedy()
  return placing.assigned
}

/** The members as placement sees them. */
export function placementNodes({ leases, policy }: Membership): readonly PlacementNode[] {
  return leases.map(({ node, draining }) => ({
    node,
    weight: policy.weights.get(node) ?? 1,
    takesNew: !policy.cordoned.has(node),
    leaving: draining,
  }))
}

/** A node that may be given shards. */
interface Taker {
  readonly node: string
  /** Its part of the shards, not rounded; at least what is pinned to it. */
  share: number
  /** All that is on it now, pinned or not. */
  count: number
}

class Placing {
  readonly assigned: (string | undefined)[]
  readonly #takers: ReadonlyMap<string, Taker>
  readonly #pinned: ReadonlySet<number>
  readonly #preference: Preference
  /** Where nobody takes shards: the cordoned, or else those of weight 0. */
  readonly #lastResort: readonly string[]

  constructor({ shardCount, nodes, current, pins }: PlacementInput) {
    assert(new Set(nodes.map(({ node }) => node)).size === nodes.length, 'a node is a member once')
    const sorted = nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1))
    const staying = new Map(sorted.filter(({ leaving }) => !leaving).map((each) => [each.node, each]))
    const taking = [...staying.values()].filter(({ weight, takesNew }) => takesNew && weight > 0)

    const keeping = [...staying.values()].filter(({ weight }) => weight > 0)
    const resort = keeping.length > 0 ? keeping : [...staying.values()]
    this.#lastResort = taking.length === 0 ? resort.map(({ node }) => node) : []

    // pins, then what stays because its node does
    const pinned = new Set<number>()
    this.assigned = Array.from({ length: shardCount }, (_, shard) => {
      const pin = pins.get(shard)
      if (pin !== undefined && staying.has(pin)) {
        pinned.add(shard)
        return pin
      }
      const node = current[shard]
      const stays = this.#lastResort.length > 0 ? staying.has(node ?? '') : (staying.get(node ?? '')?.weight ?? 0) > 0
      return stays ? node : undefined
    })
    this.#pinned = pinned
    this.#preference = preferenceAmong(taking.length > 0 ? taking.map(({ node }) => node) : this.#lastResort)
    this.#takers = this.#sharesOf(taking)
    for (const taker of this.#takers.values()) this.#shed(taker)
  }

  /** What the cordoned keep is not shared. A node with more pins than its share has these, and the others share the rest. */
  #sharesOf(taking: readonly PlacementNode[]): Map<string, Taker> {
    const takers = new Map<string, Taker>(taking.map(({ node }) => [node, { node, share: 0, count: 0 }]))
    const pins = new Map<string, number>()
    let left = 0
    for (const [shard, node] of this.assigned.entries()) {
      const taker = node === undefined ? undefined : takers.get(node)
      if (taker !== undefined) {
        taker.count += 1
        if (this.#pinned.has(shard)) pins.set(taker.node, (pins.get(taker.node) ?? 0) + 1)
      }
      if (node === undefined || taker !== undefined) left += 1
    }
    let open = taking
    for (;;) {
      const total = open.reduce((sum, { weight }) => sum + weight, 0)
      const perWeight = total === 0 ? 0 : left / total
      const full = open.filter(({ node, weight }) => (pins.get(node) ?? 0) > weight * perWeight)
      for (const { node, weight } of open) this.#taker(takers, node).share = weight * perWeight
      if (full.length === 0) return takers
      for (const { node } of full) {
        const own = pins.get(node) ?? 0
        this.#taker(takers, node).share = own
        left -= own
      }
      open = open.filter((each) => !full.includes(each))
    }
  }

  /** Takes shards from a node that has more than it may keep, down to its share. */
  #shed(taker: Taker): void {
    if (taker.count <= mostOf(taker)) return
    const movable = this.#movableOf(taker.node)
    const rank = new Map(movable.map((shard) => [shard, this.#preference.of(shard).indexOf(taker.node)]))
    movable.sort((a, b) => (rank.get(b) ?? 0) - (rank.get(a) ?? 0) || a - b)
    for (const shard of movable.slice(0, taker.count - Math.ceil(taker.share))) {
      this.assigned[shard] = undefined
      taker.count -= 1
    }
  }

  /** To those below their least as long as there are any, so that nothing has to be taken from others for them. */
  placeHomeless(): void {
    if (this.#takers.size === 0) return this.#placeAsLastResort()
    const homeless = this.assigned.flatMap((node, shard) => (node === undefined ? [shard] : []))
    let needy = [...this.#takers.values()].filter((taker) => taker.count < leastOf(taker)).length
    for (const shard of homeless) {
      const taker = this.#firstOf(shard, (each) => each.count < (needy > 0 ? leastOf(each) : Math.ceil(each.share)))
      this.assigned[shard] = taker.node
      taker.count += 1
      if (needy > 0 && taker.count === leastOf(taker)) needy -= 1
    }
  }

  /** Nothing else moves: what the cordoned keep they keep. */
  #placeAsLastResort(): void {
    if (this.#lastResort.length === 0) return
    for (const [shard, node] of this.assigned.entries()) {
      if (node === undefined) this.assigned[shard] = this.#preference.of(shard)[0]
    }
  }

  /** Gives nodes below their least their share, each shard from the node that is furthest above its own. */
  fillTheNeedy(): void {
    for (const needy of this.#takers.values()) {
      if (needy.count >= leastOf(needy)) continue
      const givers = new Map<Taker, number[]>()
      while (needy.count < Math.floor(needy.share)) {
        const giver = this.#furthestAbove()
        const shards = givers.get(giver) ?? this.#byPreferenceFor(needy.node, giver.node)
        givers.set(giver, shards)
        const shard = shards.pop()
        // above its share, so it has more than its pins
        assert(shard !== undefined, 'a node above its share has a shard to give', { node: giver.node })
        this.assigned[shard] = needy.node
        giver.count -= 1
        needy.count += 1
      }
    }
  }

  #firstOf(shard: number, hasRoom: (taker: Taker) => boolean): Taker {
    for (const node of this.#preference.of(shard)) {
      const taker = this.#taker(this.#takers, node)
      if (hasRoom(taker)) return taker
    }
    throw new TypeError('shares add up to all shards, so some node has room')
  }

  #furthestAbove(): Taker {
    const [first, ...others] = this.#takers.values()
    assert(first !== undefined, 'somebody takes shards')
    return others.reduce((most, each) => (each.count - each.share > most.count - most.share ? each : most), first)
  }

  #movableOf(node: string): number[] {
    return this.assigned.flatMap((owner, shard) => (owner === node && !this.#pinned.has(shard) ? [shard] : []))
  }

  /** The giver's shards, those that prefer the receiver most last. */
  #byPreferenceFor(receiver: string, giver: string): number[] {
    const shards = this.#movableOf(giver)
    const rank = new Map(shards.map((shard) => [shard, this.#preference.of(shard).indexOf(receiver)]))
    return shards.sort((a, b) => (rank.get(b) ?? 0) - (rank.get(a) ?? 0) || b - a)
  }

  #taker(takers: ReadonlyMap<string, Taker>, node: string): Taker {
    const taker = takers.get(node)
    assert(taker !== undefined, 'the ring holds those that take shards', { node })
    return taker
  }
}

function mostOf({ share }: Taker): number {
  return Math.ceil(share * placementLimits.keepFactor)
}

function leastOf({ share }: Taker): number {
  return Math.floor(share * placementLimits.floorFactor)
}

/** Nodes in the order a shard prefers them, a fact about their names alone. Built when first asked: most placements move nothing. */
class Preference {
  readonly #nodes: readonly string[]
  readonly #orders = new Map<number, readonly string[]>()
  #ring: HashRing | undefined

  constructor(nodes: readonly string[]) {
    this.#nodes = nodes
  }

  of(shard: number): readonly string[] {
    const known = this.#orders.get(shard)
    if (known !== undefined) return known
    this.#ring ??= new HashRing(
      // a prefix, because hashring keeps names as members of a plain object: `constructor` is a fine name for a node
      Object.fromEntries(
        this.#nodes.map((node) => [`${ringPrefix}${node}`, { vnodes: placementLimits.vnodesPerNode }]),
      ),
    )
    const key = `shard-${String(shard).padStart(4, '0')}`
    const order = this.#ring.range(key, this.#nodes.length).map((name) => name.slice(ringPrefix.length))
    this.#orders.set(shard, order)
    return order
  }
}

const ringPrefix = 'node-'

/** Of the last nodes that were asked for. */
let latest: { readonly names: string; readonly preference: Preference } | undefined

/**
 * Kept from one placement to the next: while a shard is on its way every node places it again and again among the same nodes,
 * and making the ring stops the event loop for longer than any statement of the move takes (m: 8 to 24 ms under load).
 */
function preferenceAmong(nodes: readonly string[]): Preference {
  const names = nodes.join(' ')
  if (latest?.names !== names) latest = { names, preference: new Preference(nodes) }
  return latest.preference
}
