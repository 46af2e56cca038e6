/**
 * The router of a cluster: takes an envelope to the owner of its shard, wherever that is by the time it arrives.
 *
 * An envelope goes to the local host where this process owns the shard, else over the link to the incarnation that the
 * owner table names. `shard_moved` and `shard_not_owned` teach the table and lead to another attempt; so do a lost link
 * and an owner that was replaced while it was silent. Without an owner that can be reached the envelope is held
 * (cluster-router-lanes.ts). Every attempt carries the same command id.
 *
 * Guarantees:
 * - One answer, at the deadline at the latest.
 * - `not_accepted` only where every attempt was certain of it; one that may have been executed is remembered.
 * - A wrong table costs a detour and time, never an endless loop: attempts are paced, and only an epoch above all that were
 *   tried lifts a pause.
 * - Held envelopes are bounded, and refused by class: new payments first, internal ones only at a bound of their own.
 *
 * It leaves to others: who owns what (owners.ts and who feeds it), who is linked (links), what a repeated command id means
 * (the host attaches it to the first, the payment knows its request).
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { Journey } from './cluster-router-journey.ts'
import { Lanes } from './cluster-router-lanes.ts'
import { type ClusterRouterLimits, clusterRouterLimits } from './cluster-router-limits.ts'
import { decodeAnswer, encodeEnvelope, type EnvelopeWire } from './envelope-wire.ts'
import { type Link, LinkError, type Links } from './link.ts'
import { type Incarnation, sameIncarnation } from './member.ts'
import type { OwnerTable, ShardOwner } from './owners.ts'
import { routeCall } from './route-server.ts'
import type { Envelope, RouteAnswer, Router, TrafficClass } from './router.ts'

export interface ClusterRouterOptions {
  /** This process, where it is a node; with `local`. */
  readonly self?: Incarnation
  readonly local?: Router
  readonly owners: OwnerTable
  readonly links: Pick<Links, 'to' | 'on'>
  /** Whether an incarnation is not known to be dead. */
  readonly living: (of: Incarnation) => boolean
  /** Asks that the owner table be read anew, soon. Called at most once per `refreshEveryMs`. */
  readonly refresh: () => void
  readonly clock: Clock
  readonly random: Random
  readonly limits?: Partial<ClusterRouterLimits>
  readonly observer?: ClusterRouterObserver
}

export interface ClusterRouterObserver {
  /** Milliseconds that an answer took beyond the time at its node: both ways over the link, and its queues. */
  hop?(ms: number): void
  /** Milliseconds that an envelope was held at a time. */
  held?(ms: number): void
  shed?(trafficClass: TrafficClass): void
  /** The caller was told that its envelope got no answer, and why: by the owner, or by this router. */
  refused?(trafficClass: TrafficClass, reason: string): void
  /** An answer that is none: an error in the program, or another program. */
  malformed?(from: Incarnation): void
}

/** Counts since the start, but for `held` and `underWay`, which are now. */
export interface ClusterRouterStats {
  readonly routed: number
  /** Attempts at the local host. */
  readonly local: number
  /** Attempts over links. */
  readonly forwarded: number
  /** Answers that the owner is elsewhere. */
  readonly moved: number
  /** Attempts after the first of an envelope. */
  readonly retried: number
  readonly shed: number
  readonly held: number
  readonly underWay: number
}

export interface ClusterRouter extends Router {
  stats(): ClusterRouterStats
  /** Answers what is held and takes nothing more; attempts under way still get their answer. */
  stop(): void
}

export function createClusterRouter(options: ClusterRouterOptions): ClusterRouter {
  return new OwnerRouter(options)
}

/** The answering node is not the owner, or will not be for long. */
const elsewhere: ReadonlySet<string> = new Set(['shard_moved', 'shard_not_owned', 'stopping'])
/** Passes by itself; whoever waits is told, but nobody else would repeat what is internal. */
const passing: ReadonlySet<string> = new Set(['journal_unavailable', 'overloaded'])

type Target = { readonly kind: 'local'; readonly router: Router } | { readonly kind: 'link'; readonly link: Link }

class OwnerRouter implements ClusterRouter {
  readonly #options: ClusterRouterOptions
  readonly #clock: Clock
  readonly #limits: ClusterRouterLimits
  readonly #lanes: Lanes
  readonly #journeys = new Set<Journey>()
  /** Journeys whose attempt is under way, by shard. */
  readonly #away = new Map<number, Set<Journey>>()
  readonly #unsubscribe: readonly Cancel[]
  readonly #counts = { routed: 0, local: 0, forwarded: 0, moved: 0, retried: 0, shed: 0 }
  #order = 0
  #refreshedAt = Number.NEGATIVE_INFINITY
  #isStopped = false

  constructor(options: ClusterRouterOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#limits = clusterRouterLimits(options.limits)
    this.#lanes = new Lanes(options.clock, this.#limits, {
      canSend: (shard) => this.#target(shard) !== undefined,
      epochOf: (shard) => options.owners.get(shard).epoch,
      send: (journey) => this.#send(journey),
      overdue: (journey) => this.#refuse(journey, 'no_owner'),
      released: (heldMs) => options.observer?.held?.(heldMs),
    })
    this.#unsubscribe = [
      options.owners.onChange((changed) => this.#changed(changed)),
      options.links.on({ up: () => this.#lanes.wakeAll() }),
    ]
  }

  route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    this.#counts.routed += 1
    const { local } = this.#options
    if (local !== undefined && !this.#isStopped && this.#isOurs(envelope.shard) && !this.#lanes.has(envelope.shard)) {
      this.#counts.local += 1
      return local.route<Answer>(envelope).then((answer) => {
        if (answer.kind === 'answered') return answer
        if (this.#isWorthAnother(envelope, answer.reason)) return this.#begin<Answer>(envelope, answer)
        this.#options.observer?.refused?.(envelope.class, answer.reason)
        return answer
      })
    }
    return this.#begin(envelope)
  }

  stats(): ClusterRouterStats {
    return { ...this.#counts, held: this.#lanes.held, underWay: this.#journeys.size }
  }

  stop(): void {
    this.#isStopped = true
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#lanes.stop()
    for (const journey of [...this.#journeys]) if (!journey.isAway) this.#refuse(journey, 'stopping')
  }

  // --- the way of an envelope ----------------------------------------------------------------------------------------------

  /** @param first what the local host has answered to a first attempt. */
  #begin<Answer>(
    envelope: Envelope,
    first?: Extract<RouteAnswer<never>, { kind: 'unavailable' }>,
  ): Promise<RouteAnswer<Answer>> {
    return new Promise((resolve) => {
      // What an answer holds is between the caller and the owner.
      const journey = new Journey(envelope, ++this.#order, (answer) => resolve(answer as RouteAnswer<Answer>))
      const leftMs = envelope.deadline - this.#clock.monotonic()
      if (first?.certainty === 'acceptance_unknown') journey.isInDoubt = true
      if (this.#isStopped) return this.#refuse(journey, 'stopping')
      if (leftMs <= 0) return this.#refuse(journey, 'deadline_passed')
      this.#journeys.add(journey)
      journey.endsBy(this.#clock.schedule(Math.ceil(leftMs), () => this.#late(journey)))
      if (first === undefined) return this.#dispatch(journey)
      journey.attempts = 1
      journey.sentEpoch = this.#options.owners.get(envelope.shard).epoch
      this.#unavailable(journey, first)
    })
  }

  #dispatch(journey: Journey): void {
    if (journey.isSettled) return
    const { shard } = journey.envelope
    if (this.#lanes.has(shard) || this.#target(shard) === undefined) this.#hold(journey)
    else this.#send(journey)
  }

  #hold(journey: Journey): void {
    if (this.#isStopped) return this.#refuse(journey, 'stopping')
    if (this.#lanes.hold(journey)) return
    this.#counts.shed += 1
    this.#options.observer?.shed?.(journey.envelope.class)
    this.#refuse(journey, 'overloaded')
  }

  #send(journey: Journey): void {
    const { envelope } = journey
    const target = this.#target(envelope.shard)
    if (target === undefined) return this.#hold(journey)
    if (journey.attempts > 0) this.#counts.retried += 1
    journey.attempts += 1
    journey.attempt += 1
    journey.sentEpoch = this.#options.owners.get(envelope.shard).epoch
    this.#leave(journey)
    if (target.kind === 'local') this.#askHere(journey, target.router)
    else this.#askThere(journey, target.link)
  }

  #askHere(journey: Journey, router: Router): void {
    const { attempt } = journey
    this.#counts.local += 1
    void router.route(journey.envelope).then((answer) => this.#answered(journey, attempt, answer))
  }

  #askThere(journey: Journey, link: Link): void {
    const { envelope, attempt } = journey
    const now = this.#clock.monotonic()
    let body: EnvelopeWire
    try {
      body = encodeEnvelope(envelope, now)
    } catch {
      // Not a plain value: an error in the program, and certain before anything was sent.
      this.#back(journey)
      return this.#refuse(journey, 'envelope_unsendable')
    }
    this.#counts.forwarded += 1
    const timeoutMs = Math.max(1, Math.ceil(envelope.deadline - now))
    link.call(routeCall, body, { timeoutMs, bytes: envelope.bytes }).then(
      (answer) => {
        const decoded = decodeAnswer<unknown>(answer)
        if (decoded === undefined) {
          this.#options.observer?.malformed?.(link.peer)
          this.#failed(journey, attempt, true)
          return
        }
        this.#options.observer?.hop?.(Math.max(0, this.#clock.monotonic() - now - decoded.tookMs))
        this.#answered(journey, attempt, decoded.answer)
      },
      (error: unknown) => {
        if (error instanceof LinkError && error.code === 'call_unsendable') {
          this.#back(journey)
          this.#refuse(journey, 'envelope_unsendable')
        } else this.#failed(journey, attempt, !(error instanceof LinkError) || error.maybeDelivered)
      },
    )
  }

  #answered(journey: Journey, attempt: number, answer: RouteAnswer<unknown>): void {
    if (journey.isSettled) return
    // Also the answer of an earlier attempt is one: the command was executed.
    if (answer.kind === 'answered') {
      this.#lanes.answered(journey)
      return this.#settle(journey, answer)
    }
    if (attempt !== journey.attempt) return
    this.#back(journey)
    this.#unavailable(journey, answer)
  }

  #unavailable(journey: Journey, answer: Extract<RouteAnswer<never>, { kind: 'unavailable' }>): void {
    const { envelope } = journey
    if (answer.certainty === 'acceptance_unknown') journey.isInDoubt = true
    if (elsewhere.has(answer.reason)) {
      this.#counts.moved += 1
      if (answer.moved !== undefined) this.#learn(envelope.shard, answer.moved)
      return this.#again(journey, true)
    }
    this.#lanes.answered(journey)
    if (!this.#isWorthAnother(envelope, answer.reason)) return this.#refuse(journey, answer.reason, answer.retryAfterMs)
    // The owner is the right one, so the others of its shard need not wait.
    const pauseMs = Math.max(this.#pauseMs(journey), Math.min(answer.retryAfterMs, this.#limits.retryAfterMs))
    this.#clock.schedule(pauseMs, () => this.#dispatch(journey))
  }

  /** The attempt has no answer. */
  #failed(journey: Journey, attempt: number, maybeDelivered: boolean): void {
    if (journey.isSettled) return
    if (maybeDelivered) journey.isInDoubt = true
    if (attempt !== journey.attempt) return
    this.#back(journey)
    this.#again(journey, false)
  }

  /** Another attempt, in its place by arrival: at once where something was learned since it was sent, else after a pause. */
  #again(journey: Journey, refused: boolean): void {
    const { shard } = journey.envelope
    const hasNews = this.#options.owners.get(shard).epoch > journey.sentEpoch
    this.#hold(journey)
    if (this.#isStopped) return
    if (hasNews) this.#lanes.wake(shard)
    else {
      this.#lanes.pause(shard, refused ? journey.sentEpoch : undefined, this.#pauseMs(journey))
      this.#refresh()
    }
  }

  #isWorthAnother(envelope: Envelope, reason: string): boolean {
    return elsewhere.has(reason) || (envelope.class === 'internal' && passing.has(reason))
  }

  #pauseMs({ attempts }: Journey): number {
    const { pausesMs } = this.#limits
    const pauseMs = pausesMs[Math.min(attempts, pausesMs.length) - 1] ?? 0
    return pauseMs * (0.5 + this.#options.random.float() / 2)
  }

  // --- owners ------------------------------------------------------------------------------------------------------------

  #isOurs(shard: number): boolean {
    const { self, owners } = this.#options
    const { owner, released } = owners.get(shard)
    return self !== undefined && owner !== undefined && !released && sameIncarnation(owner, self)
  }

  /** Where the shard's envelopes can be sent now; undefined where nobody can be reached. */
  #target(shard: number): Target | undefined {
    const { local, owners, links, living } = this.#options
    if (local !== undefined && this.#isOurs(shard)) return { kind: 'local', router: local }
    const { owner, released } = owners.get(shard)
    if (owner !== undefined && !released && living(owner)) {
      const link = links.to(owner)
      if (link?.isOpen === true) return { kind: 'link', link }
    }
    this.#refresh()
    return undefined
  }

  #learn(shard: number, moved: { readonly node: string; readonly incarnation: string; readonly epoch: number }): void {
    const { node, incarnation, epoch } = moved
    this.#options.owners.learn([{ shard, epoch, owner: { node, incarnation }, released: false }])
  }

  #changed(changed: readonly ShardOwner[]): void {
    for (const { shard, released } of changed) {
      this.#lanes.wake(shard)
      if (!released && this.#away.has(shard)) this.#supersede(shard)
    }
  }

  /**
   * The shard has another owner while envelopes are with the former one. In a hand-off that one sends them on or answers
   * them; a dead one is silent, and its link may stand for seconds.
   */
  #supersede(shard: number): void {
    const former = [...(this.#away.get(shard) ?? [])].map((journey) => ({ journey, attempt: journey.attempt }))
    this.#clock.schedule(this.#limits.supersedeMs, () => {
      const { epoch } = this.#options.owners.get(shard)
      for (const { journey, attempt } of former) {
        if (journey.isSettled || journey.attempt !== attempt || !journey.isAway || journey.sentEpoch >= epoch) continue
        journey.isInDoubt = true
        // What the former owner answers from here on counts only if it is an answer.
        journey.attempt += 1
        this.#back(journey)
        this.#again(journey, false)
      }
    })
  }

  #refresh(): void {
    const now = this.#clock.monotonic()
    if (this.#isStopped || now - this.#refreshedAt < this.#limits.refreshEveryMs) return
    this.#refreshedAt = now
    this.#options.refresh()
  }

  // --- ends --------------------------------------------------------------------------------------------------------------

  #late(journey: Journey): void {
    this.#refuse(journey, journey.heldSince === undefined ? 'deadline_passed' : 'no_owner')
  }

  #refuse(journey: Journey, reason: string, retryAfterMs = this.#limits.retryAfterMs): void {
    if (!journey.isSettled) this.#options.observer?.refused?.(journey.envelope.class, reason)
    journey.refuse(reason, retryAfterMs)
    this.#ended(journey)
  }

  #settle(journey: Journey, answer: RouteAnswer<unknown>): void {
    journey.settle(answer)
    this.#ended(journey)
  }

  #ended(journey: Journey): void {
    this.#journeys.delete(journey)
    this.#lanes.forget(journey)
    this.#back(journey)
  }

  #leave(journey: Journey): void {
    const { shard } = journey.envelope
    journey.isAway = true
    const away = this.#away.get(shard)
    if (away === undefined) this.#away.set(shard, new Set([journey]))
    else away.add(journey)
  }

  #back(journey: Journey): void {
    if (!journey.isAway) return
    const { shard } = journey.envelope
    journey.isAway = false
    const away = this.#away.get(shard)
    away?.delete(journey)
    if (away?.size === 0) this.#away.delete(shard)
  }
}
