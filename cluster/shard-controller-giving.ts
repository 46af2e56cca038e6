/**
 * Everything that leaves a node on purpose, one hand-off at a time: batches of placement and of a drain, single moves that
 * somebody asked for, and, where there is nobody to hand over to, shards released to anybody.
 *
 * What the heir declined is opened here again at once; what it may have taken is left to it, and to the owner rows.
 */
import type { Clock } from '../runtime/clock.ts'
import type { ClusterLimits } from './cluster-limits.ts'
import { HandOff, type HandOffFailed } from './hand-off.ts'
import { type MoveRefusal, MoveRefused } from './hand-off-wire.ts'
import type { Links } from './link.ts'
import type { Incarnation } from './member.ts'
import type { MembershipAgent } from './membership.ts'
import type { OwnerTable } from './owners.ts'
import { MoveQueue } from './shard-controller-moves.ts'
import type { Taking } from './shard-controller-taking.ts'
import type { ShardHost } from './shard-host.ts'
import type { MoveReason, MoveRecord } from './status.ts'

export interface GivingOptions {
  readonly self: Incarnation
  readonly host: ShardHost
  readonly membership: MembershipAgent
  readonly owners: OwnerTable
  readonly links: Links
  readonly clock: Clock
  readonly limits: ClusterLimits
  readonly taking: Taking
  readonly moved: (record: MoveRecord) => void
  readonly failed: HandOffFailed
  /** Something has ended: shards may have left, or may be to be given elsewhere. */
  readonly ended: () => void
}

export class Giving {
  readonly #options: GivingOptions
  readonly #handOff: HandOff
  readonly #queue: MoveQueue
  /** With the heir, undefined where anybody is. */
  readonly #leaving = new Map<number, string | undefined>()
  /** Heirs that did not take all they were given: until when they are given nothing, on the monotonic clock, and for how long. */
  readonly #avoided = new Map<string, { readonly until: number; readonly ms: number }>()
  #isStopped = false

  constructor(options: GivingOptions) {
    const { self, host, owners: table, links, clock, limits, failed } = options
    this.#options = options
    this.#handOff = new HandOff({ self, host, table, links, clock, limits, failed })
    this.#queue = new MoveQueue(limits.movesQueuedMax)
  }

  /** Shards that are being handed over or wait for it, with the heir, undefined where anybody is. */
  get leaving(): ReadonlyMap<number, string | undefined> {
    return this.#leaving
  }

  get isBusy(): boolean {
    return this.#queue.isBusy
  }

  /** What waits for its turn is not begun any more. */
  stop(): void {
    this.#isStopped = true
  }

  /** The living incarnation of a node, where it can be given something. */
  heirAt(node: string): Incarnation | undefined {
    const { membership, links } = this.#options
    const lease = membership.leaseOf(node)
    return lease !== undefined && links.to(lease) !== undefined ? lease : undefined
  }

  /** From when on a node is given shards, on the monotonic clock. */
  avoidsUntil(node: string): number {
    return this.#avoided.get(node)?.until ?? 0
  }

  /** One shard that somebody wants elsewhere. @throws {MoveRefused} (as a rejection). */
  async move(shard: number, to: string, reason: MoveReason): Promise<MoveRecord> {
    const refusal = this.#refusal(shard, to)
    if (refusal !== undefined) throw new MoveRefused(refusal)
    const record = await this.#inTurn([shard], to, async () => {
      const heir = this.heirAt(to)
      if (heir === undefined) throw new MoveRefused('no_link')
      const { moved, kept } = await this.#give([shard], heir, reason)
      const [first] = moved
      if (first === undefined) throw new MoveRefused(kept.length > 0 ? 'not_released' : 'not_taken')
      return first
    })
    if (record === undefined) throw new MoveRefused('stopping')
    return record
  }

  /** Never rejects. */
  async batch(shards: readonly number[], heir: Incarnation, reason: MoveReason): Promise<void> {
    const { clock, limits } = this.#options
    await this.#inTurn(shards, heir.node, async () => {
      const { moved } = await this.#give(shards, heir, reason)
      if (moved.length === shards.length) {
        this.#avoided.delete(heir.node)
        return
      }
      const { min, max } = limits.avoidHeirMs
      const ms = Math.min(max, (this.#avoided.get(heir.node)?.ms ?? min / 2) * 2)
      this.#avoided.set(heir.node, { until: clock.monotonic() + ms, ms })
    })
  }

  /** Never rejects. */
  async toAnybody(shards: readonly number[]): Promise<void> {
    await this.#inTurn(shards, undefined, async () => {
      await this.#handOff.release(shards)
      const { host, clock, limits } = this.#options
      // an uncertain shard is refused at once: it is tried again after a pause, not in a circle
      const stays = shards.some((shard) => host.ownedShards.includes(shard))
      if (stays) await new Promise<void>((resolve) => void clock.schedule(limits.handOffPauseMs, resolve))
    })
  }

  /** Undefined where it was stopped meanwhile. */
  async #inTurn<Result>(
    shards: readonly number[],
    heir: string | undefined,
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    for (const shard of shards) this.#leaving.set(shard, heir)
    await this.#queue.turn()
    try {
      return this.#isStopped ? undefined : await work()
    } finally {
      for (const shard of shards) this.#leaving.delete(shard)
      this.#queue.done()
      this.#options.ended()
    }
  }

  async #give(shards: readonly number[], heir: Incarnation, reason: MoveReason): ReturnType<HandOff['give']> {
    const { taking, moved } = this.#options
    const outcome = await this.#handOff.give(shards, heir, reason)
    for (const record of outcome.moved) moved(record)
    // nobody else takes them within the grace: dark no longer than it takes to open them again
    if (outcome.orphaned.length > 0 && outcome.heirDeclined) await taking.take(outcome.orphaned)
    return outcome
  }

  #refusal(shard: number, to: string): MoveRefusal | undefined {
    const { host, membership, owners, self } = this.#options
    if (!host.ownedShards.includes(shard)) return 'not_owner'
    if (to === self.node) return 'already_there'
    const lease = membership.leaseOf(to)
    const { weights, cordoned, pins } = membership.membership.policy
    if (lease === undefined) {
      const wasKnown = weights.has(to) || cordoned.has(to) || owners.all.some(({ owner }) => owner?.node === to)
      return wasKnown ? 'node_not_living' : 'node_unknown'
    }
    if (lease.draining) return 'node_draining'
    if (weights.get(to) === 0) return 'node_takes_none'
    const pin = pins.get(shard)
    if (pin !== undefined && pin !== to && membership.leaseOf(pin) !== undefined) return 'shard_pinned'
    if (this.#leaving.has(shard)) return 'shard_busy'
    if (this.heirAt(to) === undefined) return 'no_link'
    return this.#queue.isFull ? 'overloaded' : undefined
  }
}
