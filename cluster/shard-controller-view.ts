/**
 * What a node makes of members, owner rows and its own host: where each shard is, and which may be taken from whom. A view may
 * be behind; the journal decides. That costs a statement in vain, or a second, never two owners.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import { type Incarnation, sameIncarnation } from './member.ts'
import type { MembershipAgent } from './membership.ts'
import type { OwnerTable } from './owners.ts'
import { type PlacementInput, placementNodes } from './placement.ts'

export interface OwnershipViewOptions {
  readonly self: Incarnation
  readonly membership: Pick<MembershipAgent, 'membership' | 'lives'>
  readonly table: OwnerTable
  readonly clock: Clock
  readonly limits: { readonly releasedGraceMs: number }
}

export class OwnershipView {
  readonly #options: OwnershipViewOptions
  /** When a release was first seen, on the monotonic clock. */
  readonly #releasedSince = new Map<number, number>()
  readonly #cancel: Cancel

  constructor(options: OwnershipViewOptions) {
    this.#options = options
    const { table, clock } = options
    const note = (shard: number, released: boolean): void => {
      if (released) this.#releasedSince.set(shard, clock.monotonic())
      else this.#releasedSince.delete(shard)
    }
    for (const { shard, released } of table.all) note(shard, released)
    this.#cancel = table.onChange((changed) => {
      for (const { shard, released } of changed) note(shard, released)
    })
  }

  stop(): void {
    this.#cancel()
  }

  /**
   * From when on, on the monotonic clock, a shard that is not held here may be taken; undefined while its owner lives. At once:
   * what nobody owns, what a dead one owned, and what is this node's by the owner row alone. What a living owner gave up
   * is its heir's for a while.
   */
  freeAt(shard: number): number | undefined {
    const { self, membership, table, limits } = this.#options
    const { owner, released } = table.get(shard)
    if (owner === undefined || !membership.lives(owner)) return 0
    if (released) return (this.#releasedSince.get(shard) ?? 0) + limits.releasedGraceMs
    return sameIncarnation(owner, self) ? 0 : undefined
  }

  /** By its owner row this node's, and released by nobody: it alone may take it, wherever it should be. */
  isOnlyMine(shard: number): boolean {
    const { owner, released } = this.#options.table.get(shard)
    return owner !== undefined && !released && sameIncarnation(owner, this.#options.self)
  }

  /** Whether operators let this node have shards that are not its own yet. */
  get takesNew(): boolean {
    const { self, membership } = this.#options
    const { weights, cordoned } = membership.membership.policy
    return weights.get(self.node) !== 0 && !cordoned.has(self.node)
  }

  /**
   * What placement is computed from.
   * @param held shards that this node serves.
   * @param leaving shards on their way to an heir, or to anybody.
   */
  placementInput(
    held: ReadonlySet<number>,
    leaving: ReadonlyMap<number, string | undefined>,
    draining: boolean,
  ): PlacementInput {
    const { self, membership, table } = this.#options
    const { leases, policy } = membership.membership
    // this node knows that it drains before its lease says so
    const members = leases.map((lease) => (draining && sameIncarnation(lease, self) ? { ...lease, draining } : lease))
    const current = table.all.map(({ shard, owner, released }) => {
      if (leaving.has(shard)) return leaving.get(shard)
      if (held.has(shard)) return self.node
      return released ? undefined : owner?.node
    })
    return {
      shardCount: current.length,
      nodes: placementNodes({ leases: members, policy }),
      current,
      pins: policy.pins,
    }
  }
}
