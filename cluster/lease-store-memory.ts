/**
 * The in-memory twin of the membership database. {@link MemoryMembership} is what is stored, shared by everybody;
 * {@link MemoryLeaseStore} is one process's connection to it, with troubles of its own. Several stores over one membership
 * are several processes.
 *
 * It reads no clock and has no task but what it hands to `defer`: a test or a simulation decides when anything happens. So
 * it bounds nothing by itself: a renewal that hangs is given up by whoever made it hang.
 */
import { assert } from '../runtime/assert.ts'
import type { Cancel } from '../runtime/clock.ts'
import {
  assertIncarnation,
  assertPolicyChange,
  type Deaths,
  type Incarnation,
  type Lease,
  LeaseError,
  type LeaseStore,
  type Membership,
  nameOf,
  noPolicy,
  type PlacementPolicy,
  type PolicyChange,
} from './member.ts'

/** Every method is one statement: atomic, judged against what is stored at that instant. */
export class MemoryMembership {
  /** False: every statement of everybody fails without being executed. */
  available = true
  readonly #leases = new Map<string, { lease: Lease; dead: boolean }>()
  readonly #listeners = new Set<() => void>()
  #policy: PlacementPolicy = noPolicy

  /** False where this incarnation has been started before; else it lives, and the node's earlier ones are dead. */
  start(self: Incarnation, details: { readonly address: string; readonly build: string }): boolean {
    if (this.#leases.has(nameOf(self))) return false
    const { node, incarnation } = self
    for (const entry of this.#leases.values()) if (entry.lease.node === node) entry.dead = true
    const lease: Lease = { node, incarnation, ...details, renewals: 0, draining: false }
    this.#leases.set(nameOf(self), { lease, dead: false })
    this.#changed()
    return true
  }

  knows(of: Incarnation): boolean {
    return this.#leases.has(nameOf(of))
  }

  isDead(of: Incarnation): boolean {
    return this.#leases.get(nameOf(of))?.dead === true
  }

  /** False where it is dead, or was never started. */
  renew(self: Incarnation, draining: boolean): boolean {
    const entry = this.#leases.get(nameOf(self))
    if (entry === undefined || entry.dead) return false
    const before = entry.lease
    entry.lease = { ...before, renewals: before.renewals + 1, draining }
    if (before.draining !== draining) this.#changed()
    return true
  }

  /** Compare-and-set on `renewals`, where that is given. */
  declareDead(of: Incarnation, renewals: number | undefined): boolean {
    const entry = this.#leases.get(nameOf(of))
    if (entry === undefined || entry.dead) return false
    if (renewals !== undefined && renewals !== entry.lease.renewals) return false
    entry.dead = true
    this.#changed()
    return true
  }

  read(): Membership {
    const leases = [...this.#leases.values()].filter(({ dead }) => !dead).map(({ lease }) => lease)
    return { leases: leases.sort((a, b) => (a.node < b.node ? -1 : 1)), policy: this.#policy }
  }

  change(change: PolicyChange): void {
    const policy = this.#policy
    switch (change.kind) {
      case 'weight':
        this.#policy = { ...policy, weights: withEntry(policy.weights, change.node, change.weight) }
        break
      case 'cordon': {
        const cordoned = new Set(policy.cordoned)
        if (change.cordoned) cordoned.add(change.node)
        else cordoned.delete(change.node)
        this.#policy = { ...policy, cordoned }
        break
      }
      case 'pin':
        this.#policy = { ...policy, pins: withEntry(policy.pins, change.shard, change.node) }
        break
      case 'rebalancing':
        this.#policy = { ...policy, rebalancing: change.on }
    }
    this.#changed()
  }

  /** Called at once when somebody began, died, drains, or the policy is another: not at renewals. */
  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Renewals that were sent and have not arrived. */
export interface HungRenewals {
  /** How many wait, given up or not. */
  readonly waiting: number
  /** Their process stops waiting: it is told `membership_unavailable`. They may still arrive. */
  giveUp(): void
  /** Later renewals do not hang. */
  letOthersPass(): void
  /** They arrive, those that were given up as well, and later ones do not hang any more. */
  release(): void
}

export interface MemoryLeaseStoreOptions {
  /** Runs a task later, in order, never at once. Default: `queueMicrotask`. */
  readonly defer?: (task: () => void) => void
}

export class MemoryLeaseStore implements LeaseStore, Deaths {
  /** The membership database cannot be reached from this process: what is on its way is lost, in both directions. */
  away = false
  /** So many of the next statements are executed, but their answers are lost. */
  repliesToLose = 0
  readonly #membership: MemoryMembership
  readonly #defer: (task: () => void) => void
  #hung: { arrivals: (() => void)[]; given: ((error: LeaseError) => void)[] } | undefined
  #closed = false

  constructor(membership: MemoryMembership, options: MemoryLeaseStoreOptions = {}) {
    this.#membership = membership
    this.#defer = options.defer ?? queueMicrotask
  }

  /** From now on renewals hang on their way. */
  hangRenewals(): HungRenewals {
    assert(this.#hung === undefined, 'renewals hang once at a time')
    const hung = { arrivals: [] as (() => void)[], given: [] as ((error: LeaseError) => void)[] }
    this.#hung = hung
    const letOthersPass = (): void => {
      if (this.#hung === hung) this.#hung = undefined
    }
    return {
      get waiting() {
        return hung.arrivals.length
      },
      giveUp: () => {
        for (const give of hung.given.splice(0)) give(unavailable('the renewal hung'))
      },
      letOthersPass,
      release: () => {
        letOthersPass()
        for (const arrive of hung.arrivals.splice(0)) arrive()
      },
    }
  }

  async start(self: Incarnation, details: { readonly address: string; readonly build: string }): Promise<void> {
    assertIncarnation(self)
    const started = await this.#statement(() => this.#membership.start(self, details))
    if (!started) throw new LeaseError('incarnation_used', `${nameOf(self)} has been started before`)
  }

  async renew(self: Incarnation, draining: boolean): Promise<'renewed' | 'dead'> {
    const hung = this.#hung
    if (hung !== undefined) {
      await new Promise<void>((arrive, giveUp) => {
        let given = false
        hung.arrivals.push(() => {
          if (given && !this.away) this.#membership.renew(self, draining)
          arrive()
        })
        hung.given.push((error) => {
          given = true
          giveUp(error)
        })
      })
    }
    return (await this.#statement(() => this.#membership.renew(self, draining))) ? 'renewed' : 'dead'
  }

  read(): Promise<Membership> {
    return this.#statement(() => this.#membership.read())
  }

  declareDead(of: Incarnation, renewals: number | undefined): Promise<boolean> {
    return this.#statement(() => this.#membership.declareDead(of, renewals))
  }

  async change(change: PolicyChange): Promise<void> {
    assertPolicyChange(change)
    await this.#statement(() => this.#membership.change(change))
  }

  dead(of: readonly Incarnation[]): Promise<readonly Incarnation[]> {
    return this.#statement(() => of.filter((each) => this.#membership.isDead(each)))
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  /** A turn until the statement arrives, another until its answer does. */
  async #statement<Result>(execute: () => Result): Promise<Result> {
    await this.#turn()
    if (this.#closed) throw unavailable('the store is closed')
    if (this.away || !this.#membership.available) throw unavailable('the membership database is away')
    const result = execute()
    await this.#turn()
    const lost = this.repliesToLose > 0
    if (lost) this.repliesToLose -= 1
    if (lost || this.away) throw unavailable('the answer was lost')
    return result
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#defer(resolve))
  }
}

function withEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value | null): ReadonlyMap<Key, Value> {
  const changed = new Map(map)
  if (value === null) changed.delete(key)
  else changed.set(key, value)
  return changed
}

function unavailable(message: string): LeaseError {
  return new LeaseError('membership_unavailable', message)
}
