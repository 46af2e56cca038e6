/**
 * Keeps the shards of one node where they should be: takes what is to be here, hands over what is to be elsewhere. Every node
 * runs one, none is a leader: all compute the same placement from the same members, policy and owner rows, and where their
 * views differ for a moment, the journal lets one of them have a shard and the others try in vain.
 *
 *   new        waits to be started
 *   running    looks at everything when members, policy or owners changed, when something it began has ended, and once
 *              per `controlEveryMs` whatever happened
 *   draining   takes nothing, hands over everything
 *   stopped    begins nothing more
 *
 * Shards of the dead are taken the moment the death is known, all together. Planned moves wait until members have settled,
 * go in batches with pauses, and leave what has just come where it is, so that no two nodes pass shards back and forth.
 * A shard that nobody serves is taken by whoever placement says, whatever became of those that were to hand it over.
 *
 * Leaves to others: safety (the journal), where shards should be (placement.ts, the rebalancer), commands meanwhile (router).
 */
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { ClusterLimits } from './cluster-limits.ts'
import { MoveRefused, type OwnedShard, ownedBody, ownedTopic } from './hand-off-wire.ts'
import type { Links } from './link.ts'
import { type Incarnation, nameOf } from './member.ts'
import type { MembershipAgent } from './membership.ts'
import type { OwnerWatch } from './owner-watch.ts'
import type { OwnerTable } from './owners.ts'
import type { PlacementInput } from './placement.ts'
import { Giving } from './shard-controller-giving.ts'
import { learnOwned, servePeers } from './shard-controller-peers.ts'
import { Taking } from './shard-controller-taking.ts'
import { OwnershipView } from './shard-controller-view.ts'
import type { ShardHost } from './shard-host.ts'
import type { MoveReason, MoveRecord, TakeoverRecord } from './status.ts'

export interface ShardControllerObserver {
  moved?(record: MoveRecord): void
  tookOver?(record: TakeoverRecord): void
  /** Tried again, or left to whoever placement says. */
  failed?(what: 'take' | 'release' | 'take_call', error: unknown, shards: readonly number[]): void
}

export interface ShardControllerOptions {
  readonly self: Incarnation
  readonly host: ShardHost
  readonly membership: MembershipAgent
  readonly owners: OwnerTable
  readonly watch: OwnerWatch
  readonly links: Links
  readonly clock: Clock
  readonly limits: ClusterLimits
  readonly observer: ShardControllerObserver
  /** `assignShards` of placement.ts. */
  readonly place: (input: PlacementInput) => readonly (string | undefined)[]
  /** Which journal database a shard is in. Default: one has them all. */
  readonly databaseOf?: (shard: number) => number
}

export class ShardController {
  readonly #options: ShardControllerOptions
  readonly #view: OwnershipView
  readonly #taking: Taking
  readonly #giving: Giving
  readonly #moves: MoveRecord[] = []
  readonly #takeovers: TakeoverRecord[] = []
  /** When shards came, on the monotonic clock; of those that are here. */
  readonly #cameAt = new Map<number, number>()
  /** Since when shards are free that are not here, on the monotonic clock. */
  readonly #freeSince = new Map<number, number>()
  /** Dead owners of shards that are being taken. */
  readonly #inherited = new Map<number, Incarnation>()
  #state: 'new' | 'running' | 'draining' | 'stopped' = 'new'
  #cancels: Cancel[] = []
  #cancelLook: Cancel | undefined
  #looksAt = Number.POSITIVE_INFINITY
  #mayTakeAt = 0
  #mayGiveAt = 0
  #draining: Promise<void> = Promise.resolve()
  #isEmpty: (() => void) | undefined

  constructor(options: ShardControllerOptions) {
    const { self, host, membership, owners, links, clock, limits, observer } = options
    this.#options = options
    this.#view = new OwnershipView({ self, membership, table: owners, clock, limits })
    this.#taking = new Taking({
      host,
      clock,
      limits,
      databaseOf: options.databaseOf ?? (() => 0),
      isReachable: (shard) => !options.watch.silentShards.has(shard),
      opened: (shards, tookMs) => this.#opened(shards, tookMs),
      failed: (error, shards) => observer.failed?.('take', error, shards),
    })
    this.#giving = new Giving({
      ...{ self, host, membership, owners, links, clock, limits },
      taking: this.#taking,
      moved: (record) => this.#moved(record),
      failed: (what, error, shards) => observer.failed?.(what, error, shards),
      ended: () => this.#lookIn(0),
    })
    servePeers({
      ...{ self, links, owners, clock },
      refusal: () => {
        if (this.#state === 'running') return undefined
        return this.#state === 'draining' ? 'node_draining' : 'stopping'
      },
      take: (shards) => this.#taking.take(shards),
      move: ({ shard, to, reason }) => this.move(shard, to, reason),
      came: (record) => this.#moved(record),
    })
  }

  /** After the membership was started. */
  start(): void {
    assert(this.#state === 'new', 'a controller starts once', { state: this.#state })
    const { membership, owners, watch, links, clock, limits } = this.#options
    this.#state = 'running'
    this.#mayTakeAt = clock.monotonic() + limits.joinSettleMs
    this.#mayGiveAt = clock.monotonic() + limits.placementSettleMs
    this.#cancels = [
      membership.onChange(() => {
        this.#mayGiveAt = clock.monotonic() + limits.placementSettleMs
        this.#look()
        void watch.refresh()
      }),
      owners.onChange(() => this.#lookIn(limits.ownerNewsMs)),
      links.on({
        up: () => this.#lookIn(0),
        told: (from, topic, body) => learnOwned(owners, from, topic, body),
      }),
    ]
    this.#lookIn(0)
  }

  /** Newest last. Of both sides: what this node gave, and what it was given. */
  get moves(): readonly MoveRecord[] {
    return this.#moves
  }

  /** Newest last. */
  get takeovers(): readonly TakeoverRecord[] {
    return this.#takeovers
  }

  /** Shards that should be here and cannot be opened. */
  get stuck(): readonly { readonly shard: number; readonly reason: string }[] {
    return this.#taking.stuck
  }

  /** What commands for a shard are told that is not served by anybody until somebody mends its journal; else undefined. */
  refusalOf(shard: number): string | undefined {
    return this.#taking.refusalOf(shard)
  }

  /**
   * Gives one shard of this node to another node.
   * @throws {MoveRefused} (as a rejection). After `not_taken` somebody else may have the shard.
   */
  move(shard: number, to: string, reason: MoveReason): Promise<MoveRecord> {
    return this.#state === 'running'
      ? this.#giving.move(shard, to, reason)
      : Promise.reject(new MoveRefused('stopping'))
  }

  /**
   * Hands over everything: says so in the lease, then batch by batch. Where there is nobody to hand over to, and for what is
   * left after `drainMs`, shards are released to anybody. The caller stops the host and leaves the membership afterwards.
   */
  drain(): Promise<void> {
    if (this.#state === 'running') this.#draining = this.#drain()
    return this.#draining
  }

  async #drain(): Promise<void> {
    const { membership, clock, limits, host } = this.#options
    this.#state = 'draining'
    membership.setDraining()
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(limits.drainMs, resolve)
      this.#isEmpty = () => {
        cancel()
        resolve()
      }
      this.#lookIn(0)
    })
    const left = host.ownedShards.filter((shard) => !this.#giving.leaving.has(shard))
    if (left.length > 0) await this.#giving.toAnybody(left)
    this.stop()
  }

  /** What is under way ends by itself; nothing more is begun. */
  stop(): void {
    this.#state = 'stopped'
    for (const cancel of this.#cancels.splice(0)) cancel()
    this.#cancelLook?.()
    this.#giving.stop()
    this.#view.stop()
    this.#isEmpty?.()
  }

  // --- looking at everything ---------------------------------------------------------------------------------------------

  /** Looks in so long at the latest. */
  #lookIn(delayMs: number): void {
    const { clock } = this.#options
    const at = clock.monotonic() + delayMs
    if (at >= this.#looksAt || this.#state === 'stopped' || this.#state === 'new') return
    this.#cancelLook?.()
    this.#looksAt = at
    this.#cancelLook = clock.schedule(delayMs, () => this.#look())
  }

  #look(): void {
    this.#cancelLook?.()
    this.#looksAt = Number.POSITIVE_INFINITY
    if (this.#state !== 'running' && this.#state !== 'draining') return
    const { membership, self, host, limits, place, watch, clock } = this.#options
    const held = new Set(host.ownedShards)
    const isEmpty = held.size === 0 && this.#giving.leaving.size === 0 && this.#taking.count === 0
    if (this.#state === 'draining' && isEmpty) {
      this.#isEmpty?.()
      return
    }
    this.#lookIn(limits.controlEveryMs)
    for (const shard of this.#cameAt.keys()) if (!held.has(shard)) this.#cameAt.delete(shard)
    // nothing is known yet, or this incarnation is known to be dead
    if (!membership.lives(self) || watch.contactAgeMs === Number.POSITIVE_INFINITY) return
    const assignment = place(this.#view.placementInput(held, this.#giving.leaving, this.#state === 'draining'))
    const now = clock.monotonic()
    if (this.#state === 'running') this.#takeMine(assignment, held, now)
    if (!this.#giving.isBusy) this.#giveOthers(assignment, held, now)
  }

  #takeMine(assignment: readonly (string | undefined)[], held: ReadonlySet<number>, now: number): void {
    const { self, owners, limits } = this.#options
    const mine = assignment.flatMap((node, shard) => {
      const freeAt = held.has(shard) ? undefined : this.#view.freeAt(shard)
      if (freeAt === undefined) {
        this.#freeSince.delete(shard)
        this.#taking.forget(shard)
        return []
      }
      const freeSince = Math.max(freeAt, this.#freeSince.get(shard) ?? now)
      this.#freeSince.set(shard, freeSince)
      if (this.#giving.leaving.has(shard) || this.#taking.isUnderWay(shard)) return []
      const isMine = node === self.node || this.#view.isOnlyMine(shard)
      if (!isMine && !this.#view.takesNew) return []
      const mineAt = isMine ? freeAt : freeSince + limits.abandonedMs
      const at = Math.max(mineAt, this.#mayTakeAt, this.#taking.waitsUntil(shard))
      if (at <= now) return [shard]
      this.#lookIn(at - now)
      return []
    })
    if (mine.length === 0) return
    for (const shard of mine) {
      const { owner, released } = owners.get(shard)
      if (owner !== undefined && !released && !this.#view.isOnlyMine(shard)) this.#inherited.set(shard, owner)
    }
    void this.#take(mine)
  }

  async #take(shards: readonly number[]): Promise<void> {
    const opened = await this.#taking.take(shards)
    for (const shard of shards) this.#inherited.delete(shard)
    // somebody has the others: better to know who than to try again
    if (opened.length < shards.length) void this.#options.watch.refresh()
    this.#lookIn(0)
  }

  /** The next batch: to the node that is to get most. */
  #giveOthers(assignment: readonly (string | undefined)[], held: ReadonlySet<number>, now: number): void {
    const { limits, self } = this.#options
    const isDraining = this.#state === 'draining'
    const batches = new Map<string, number[]>()
    const toAnybody: number[] = []
    for (const shard of [...held].sort((a, b) => a - b)) {
      const node = assignment[shard]
      if (node === self.node || this.#giving.leaving.has(shard)) continue
      if (node === undefined) {
        toAnybody.push(shard)
        continue
      }
      const mayGoAt = isDraining ? 0 : Math.max((this.#cameAt.get(shard) ?? 0) + limits.dwellMs, this.#mayGiveAt)
      const at = Math.max(mayGoAt, this.#giving.avoidsUntil(node))
      if (at > now) this.#lookIn(at - now)
      else pushTo(batches, node, shard)
    }
    let largest: { readonly heir: Incarnation; readonly shards: readonly number[] } | undefined
    for (const [node, shards] of [...batches].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const heir = this.#giving.heirAt(node)
      if (heir !== undefined && shards.length > (largest?.shards.length ?? 0)) largest = { heir, shards }
    }
    if (largest !== undefined) {
      void this.#giveBatch(largest.shards.slice(0, limits.handOffBatch), largest.heir)
    } else if (isDraining && toAnybody.length > 0) void this.#giving.toAnybody(toAnybody)
  }

  async #giveBatch(shards: readonly number[], heir: Incarnation): Promise<void> {
    const { clock, limits } = this.#options
    await this.#giving.batch(shards, heir, this.#state === 'draining' ? 'drain' : 'placement')
    this.#mayGiveAt = Math.max(this.#mayGiveAt, clock.monotonic() + limits.handOffPauseMs)
  }

  // --- what came and went ------------------------------------------------------------------------------------------------

  #opened(shards: readonly OwnedShard[], tookMs: number): void {
    const { self, owners, links, clock, observer, limits } = this.#options
    const dead = new Map<string, { readonly from: Incarnation; shards: number }>()
    for (const { shard } of shards) {
      this.#cameAt.set(shard, clock.monotonic())
      const from = this.#inherited.get(shard)
      if (from === undefined) continue
      const entry = dead.get(nameOf(from)) ?? { from, shards: 0 }
      entry.shards += 1
      dead.set(nameOf(from), entry)
    }
    owners.learn(shards.map(({ shard, epoch }) => ({ shard, epoch, owner: self, released: false })))
    for (const link of links.all) link.tell(ownedTopic, ownedBody(shards))
    for (const inherited of dead.values()) {
      const record = { ...inherited, by: self.node, at: clock.now(), tookMs }
      remember(this.#takeovers, record, limits.recordsMax)
      observer.tookOver?.(record)
    }
  }

  #moved(record: MoveRecord): void {
    remember(this.#moves, record, this.#options.limits.recordsMax)
    this.#options.observer.moved?.(record)
  }
}

function pushTo(batches: Map<string, number[]>, node: string, shard: number): void {
  const batch = batches.get(node)
  if (batch === undefined) batches.set(node, [shard])
  else batch.push(shard)
}

function remember<Entry>(records: Entry[], record: Entry, max: number): void {
  records.push(record)
  if (records.length > max) records.shift()
}
