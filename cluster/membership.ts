/**
 * This process's place among the living, and its view of them.
 *
 *   new       `start` has not been called, or has not succeeded
 *   member    a node renews its lease, reads who lives, and judges; a gateway (without `self`) only reads
 *   leaving   a drained node declares itself dead
 *   ended     declared dead, or the loop stood still: the process has to exit. For good.
 *   stopped   for good
 *
 * Guarantees: a death is declared only as judge.ts allows and the database agrees, so with the database away for everybody
 * nobody dies, and all go on when it is back. No clock but this process's monotonic one is looked at. Listeners hear of a
 * death as soon as it is known, before the next read confirms it. At worst a node is declared dead one `judgeEveryMs` and
 * two statements after its ttl has passed since its last renewal.
 *
 * Leaves to others: what becomes of a dead node's shards (shard-controller.ts), and that a process which was told `ended`
 * exits. Until it does, the journal refuses whatever it writes to a shard that was taken from it.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import { assert } from '../runtime/assert.ts'
import type { ClusterLimits } from './cluster-limits.ts'
import {
  assertIncarnation,
  type Incarnation,
  type Lease,
  type LeaseStore,
  type Membership,
  nameOf,
  noPolicy,
} from './member.ts'
import { fingerprintOf } from './membership-fingerprint.ts'
import { Judge } from './membership-judge.ts'
import { declareOwnEnd } from './membership-leave.ts'
import { Renewal } from './membership-renewal.ts'
import type { HintSource } from './owners.ts'
import { Polling } from './polling.ts'
import { Watchdog } from './watchdog.ts'

export type MembershipEnd = 'declared_dead' | 'loop_stood_still'

export interface MembershipObserver {
  /** Called once. The process has to exit: nothing that it owned is its own any more. */
  ended(reason: MembershipEnd): void
  /** This process declared that death. */
  declaredDead?(of: Incarnation, why: DeathReason): void
  /** Members could not be read, a lease not renewed, a death not declared: leases are looked at again. */
  failed?(what: 'read' | 'renewal' | 'declaration', error: unknown): void
}

export type DeathReason = 'stood_still' | 'gone'

export interface MembershipOptions {
  /** Undefined: this process only watches. */
  readonly self: Incarnation | undefined
  readonly store: LeaseStore
  readonly clock: Clock
  readonly limits: ClusterLimits
  readonly observer: MembershipObserver
  readonly hints?: HintSource
}

export type MembershipListener = (membership: Membership) => void

export class MembershipAgent {
  readonly self: Incarnation | undefined
  /** Of nodes: asked before anything that must not happen after a long sleep. */
  readonly watchdog: Watchdog
  readonly #options: MembershipOptions
  readonly #judge: Judge | undefined
  readonly #renewal: Renewal | undefined
  readonly #polling: Polling<Membership>
  readonly #listeners = new Set<MembershipListener>()
  /** Deaths that are being declared. */
  readonly #declaring = new Set<string>()
  /** Declared dead by this process, and perhaps living in a read that began before that. */
  readonly #dead = new Set<string>()
  /** When others seemed gone, on the monotonic clock. */
  readonly #goneAt = new Map<string, number>()
  #state: 'new' | 'member' | 'leaving' | 'ended' | 'stopped' = 'new'
  #membership: Membership = { leases: [], policy: noPolicy }
  #living = new Set<string>()
  #fingerprint = ''
  #cancelJudgement: Cancel | undefined
  #unsubscribe: Cancel | undefined

  constructor(options: MembershipOptions) {
    const { self, store, clock, limits, observer } = options
    if (self !== undefined) assertIncarnation(self)
    this.self = self
    this.#options = options
    this.watchdog = new Watchdog({ clock, limits, ended: () => this.#end('loop_stood_still') })
    if (self !== undefined) {
      this.#judge = new Judge({ self, ...limits })
      this.#renewal = new Renewal({
        self,
        store,
        clock,
        limits,
        mayRenew: () => !this.watchdog.hasStoodStill(),
        renewed: () => {
          this.#judge?.renewed(clock.monotonic())
          this.#decide()
        },
        failed: (error) => {
          this.#judge?.renewalFailed()
          observer.failed?.('renewal', error)
        },
        dead: () => this.#end('declared_dead'),
      })
    }
    this.#polling = new Polling({
      clock,
      everyMs: self === undefined ? limits.membersPollMs : limits.judgeEveryMs,
      timeoutMs: limits.pollTimeoutMs,
      read: () => store.read(),
      learn: (membership) => this.#learn(membership),
      failed: (error) => observer.failed?.('read', error),
    })
  }

  /**
   * Becomes a member; a gateway needs no details. Resolves when members were read, or could not be.
   * @throws {LeaseError} of the store: nothing has begun, and it may be called again, with another incarnation where the
   * first call's outcome is unknown.
   */
  async start(details?: { readonly address: string; readonly build: string }): Promise<void> {
    assert(this.#state === 'new', 'membership starts once', { state: this.#state })
    const { store, hints } = this.#options
    if (this.self !== undefined) {
      assert(details !== undefined, 'a node says where it is')
      await store.start(this.self, details)
      // stopped meanwhile: its row ends as everybody's who is silent
      if ((this.#state as string) !== 'new') return
    }
    this.#state = 'member'
    this.#unsubscribe = hints?.subscribe((about) => {
      if (about === 'members') void this.refresh()
    })
    if (this.self !== undefined) {
      this.watchdog.start()
      this.#renewal?.start()
    }
    await this.#polling.start()
  }

  /** As last read; nobody before the first time. */
  get membership(): Membership {
    return this.#membership
  }

  lives(incarnation: Incarnation): boolean {
    return this.#living.has(nameOf(incarnation))
  }

  /** The living incarnation of a node. */
  leaseOf(node: string): Lease | undefined {
    return this.#membership.leases.find((lease) => lease.node === node)
  }

  get isMember(): boolean {
    return this.#state === 'member'
  }

  get isDraining(): boolean {
    return this.#renewal?.isDraining === true
  }

  /** Milliseconds since the last read; infinite before the first. */
  get contactAgeMs(): number {
    return this.#polling.contactAgeMs
  }

  /** What is known is too old to be shown as the present. */
  get stale(): boolean {
    return this.contactAgeMs > this.#options.limits.staleAfterMs
  }

  /** Called when somebody came, died or drains, and when the policy changed; not at renewals. */
  onChange(listener: MembershipListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Reads members now; false where that failed. */
  refresh(): Promise<boolean> {
    return this.#polling.refresh()
  }

  /** Says so in the lease, at once. */
  setDraining(): void {
    this.#renewal?.setDraining()
  }

  /**
   * Its process seems to be gone: its established link was reset and its address refuses connections. Declared dead without
   * waiting for its lease. Where that fails, or where this node's own renewals do not commit, it is rather this one that is
   * cut off: then leases tell, and nothing of what was seen meanwhile is kept. So where more than half of the others seem gone
   * within a lease, and more than one. From a gateway, only a reason to look.
   */
  gone(incarnation: Incarnation): void {
    if (this.#state !== 'member') return
    if (this.#judge?.isSound(this.#options.clock.monotonic()) !== true) {
      void this.refresh()
      return
    }
    if (!this.lives(incarnation) || nameOf(incarnation) === this.#ownName) return
    if (!this.#mayBeGone(nameOf(incarnation))) return
    this.#declare(incarnation, undefined, 'gone')
  }

  /** Declares this node dead, when it owns nothing any more. False where nobody heard of it in time: its lease runs out then. */
  async leave(): Promise<boolean> {
    const { self } = this
    if (this.#state !== 'member' || self === undefined) {
      this.stop()
      return false
    }
    this.#halt('leaving')
    const { observer } = this.#options
    const left = await declareOwnEnd({
      ...this.#options,
      self,
      failed: (error) => observer.failed?.('declaration', error),
    })
    this.stop()
    return left
  }

  /** Renews no more and reads no more. The lease runs out; the store is the caller's to close. */
  stop(): void {
    this.#halt('stopped')
    this.#listeners.clear()
  }

  get #ownName(): string | undefined {
    return this.self === undefined ? undefined : nameOf(this.self)
  }

  #halt(state: 'leaving' | 'ended' | 'stopped'): void {
    if (this.#state !== 'ended') this.#state = state
    this.watchdog.stop()
    this.#polling.stop()
    this.#renewal?.stop()
    this.#cancelJudgement?.()
    this.#unsubscribe?.()
  }

  #end(reason: MembershipEnd): void {
    if (this.#state !== 'member') return
    this.#halt('ended')
    this.#options.observer.ended(reason)
  }

  /** False where too many others have seemed gone within a lease. */
  #mayBeGone(name: string): boolean {
    const { clock, limits } = this.#options
    const now = clock.monotonic()
    for (const [other, at] of this.#goneAt) if (now - at >= limits.leaseTtlMs) this.#goneAt.delete(other)
    // this one is among the living
    const others = new Set([...this.#living, ...this.#goneAt.keys()]).size - 1
    if (this.#goneAt.size >= Math.max(1, Math.floor(others / 2))) return false
    this.#goneAt.set(name, now)
    return true
  }

  // --- the others ----------------------------------------------------------------------------------------------------------

  #learn(read: Membership): void {
    const names = new Set(read.leases.map(nameOf))
    const ownName = this.#ownName
    if (ownName !== undefined && !names.has(ownName)) {
      this.#end('declared_dead')
      return
    }
    for (const name of this.#dead) if (!names.has(name)) this.#dead.delete(name)
    const leases = read.leases.filter((lease) => !this.#dead.has(nameOf(lease)))
    this.#judge?.observe(leases, this.#options.clock.monotonic())
    this.#show({ ...read, leases })
    this.#decide()
  }

  #show(membership: Membership): void {
    this.#membership = membership
    this.#living = new Set(membership.leases.map(nameOf))
    const fingerprint = fingerprintOf(membership)
    if (fingerprint === this.#fingerprint) return
    this.#fingerprint = fingerprint
    for (const listener of [...this.#listeners]) listener(membership)
  }

  /** Declares who is due, and sees to it that the next one is looked at exactly when its window ends. */
  #decide(): void {
    const judge = this.#judge
    if (judge === undefined || this.#state !== 'member') return
    this.#cancelJudgement?.()
    const { clock } = this.#options
    const now = clock.monotonic()
    for (const lease of judge.due(now)) this.#declare(lease, lease.renewals, 'stood_still')
    const next = judge.nextDue
    // past already: not to be judged now, or being declared; the next read or renewal looks again
    if (next !== undefined && next > now) this.#cancelJudgement = clock.schedule(next - now, () => this.#decide())
  }

  #declare({ node, incarnation }: Incarnation, renewals: number | undefined, why: DeathReason): void {
    const of = { node, incarnation }
    const name = nameOf(of)
    if (this.#declaring.has(name) || this.watchdog.hasStoodStill()) return
    this.#declaring.add(name)
    const { store, observer } = this.#options
    store.declareDead(of, renewals).then(
      (declared) => {
        this.#declaring.delete(name)
        if (this.#state !== 'member') return
        if (declared) {
          observer.declaredDead?.(of, why)
          this.#dead.add(name)
          this.#show({ ...this.#membership, leases: this.#membership.leases.filter((lease) => nameOf(lease) !== name) })
        } else {
          // it has renewed since, or somebody else has declared it
          this.#judge?.forget(of)
        }
        void this.refresh()
      },
      (error: unknown) => {
        this.#declaring.delete(name)
        if (this.#state === 'member') observer.failed?.('declaration', error)
      },
    )
  }
}
