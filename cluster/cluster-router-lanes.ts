/**
 * Envelopes that wait for the owner of their shard: while it moves, while its owner is dead, while the link to it is down,
 * and after an answer that it is elsewhere.
 *
 * Guarantees: what waits leaves in order of arrival per shard, a bounded number at a time over all shards in turn; where
 * an owner has just refused and nothing new was learned since, one envelope goes ahead and the others wait for its answer.
 * What waits is bounded per shard, in all, in bytes and in time; classes are refused in their order. Nothing is asked of
 * events: each lane is looked at again every `recheckMs`.
 *
 * It leaves to the router where a shard's envelopes go, and what becomes of one that cannot wait.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Journey } from './cluster-router-journey.ts'
import type { ClusterRouterLimits } from './cluster-router-limits.ts'

export interface LaneEvents {
  /** Whether the owner of the shard can be reached. Where it cannot, somebody is asked for news. */
  canSend(shard: number): boolean
  epochOf(shard: number): number
  send(journey: Journey): void
  /** It has been held for as long as may be. */
  overdue(journey: Journey): void
  /** It is not held any more, after this long. */
  released(heldMs: number): void
}

interface Lane {
  readonly shard: number
  /** In order of arrival; some may have been settled meanwhile. */
  readonly queue: Journey[]
  /** Nothing leaves before. */
  notBefore: number
  /** The owner of this epoch has refused; undefined where none has. */
  refusedEpoch: number | undefined
  /** Went ahead to an owner that had refused. */
  probe: Journey | undefined
  probeUntil: number
}

export class Lanes {
  readonly #clock: Clock
  readonly #limits: ClusterRouterLimits
  readonly #events: LaneEvents
  readonly #lanes = new Map<number, Lane>()
  #held = 0
  #heldBytes = 0
  #heldInternal = 0
  #cancelTick: Cancel | undefined
  #tickAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, limits: ClusterRouterLimits, events: LaneEvents) {
    this.#clock = clock
    this.#limits = limits
    this.#events = events
  }

  /** Envelopes that wait. */
  get held(): number {
    return this.#held + this.#heldInternal
  }

  /** Something of this shard waits: what comes now waits behind it. */
  has(shard: number): boolean {
    return this.#lanes.has(shard)
  }

  /** Takes an envelope, at its place by arrival. False where there is no room for its class. */
  hold(journey: Journey): boolean {
    const { shard } = journey.envelope
    const lane = this.#lanes.get(shard)
    if (!this.#hasRoom(journey, lane?.queue.length ?? 0)) return false
    this.#count(journey, 1)
    journey.heldSince = this.#clock.monotonic()
    this.#push(lane ?? this.#add(shard), journey)
    this.#tickIn(this.#limits.recheckMs)
    return true
  }

  /**
   * Nothing of the shard leaves for `pauseMs`, unless there is news.
   * @param refusedEpoch the owner of this epoch has refused an envelope; undefined where none could be asked.
   */
  pause(shard: number, refusedEpoch: number | undefined, pauseMs: number): void {
    const lane = this.#lanes.get(shard) ?? this.#add(shard)
    lane.refusedEpoch = refusedEpoch
    lane.probe = undefined
    lane.notBefore = Math.max(lane.notBefore, this.#clock.monotonic() + pauseMs)
    this.#tickIn(pauseMs)
  }

  /** There is news of this shard: its owner, or the link to it. */
  wake(shard: number): void {
    const lane = this.#lanes.get(shard)
    if (lane === undefined) return
    if (lane.refusedEpoch !== this.#events.epochOf(shard)) lane.notBefore = 0
    this.#tickIn(0)
  }

  wakeAll(): void {
    for (const shard of [...this.#lanes.keys()]) this.wake(shard)
  }

  /** An envelope that was held, or went ahead, has been answered by the owner. */
  answered(journey: Journey): void {
    const lane = this.#lanes.get(journey.envelope.shard)
    if (lane?.probe !== journey) return
    lane.probe = undefined
    lane.refusedEpoch = undefined
    this.#tickIn(0)
  }

  /** It waits no longer, because it was settled. */
  forget(journey: Journey): void {
    if (journey.heldSince === undefined) return
    this.#events.released(this.#clock.monotonic() - journey.heldSince)
    journey.heldSince = undefined
    this.#count(journey, -1)
  }

  stop(): void {
    this.#cancelTick?.()
    this.#lanes.clear()
  }

  #add(shard: number): Lane {
    const lane = { shard, queue: [], notBefore: 0, refusedEpoch: undefined, probe: undefined, probeUntil: 0 }
    this.#lanes.set(shard, lane)
    return lane
  }

  #push({ queue }: Lane, journey: Journey): void {
    let place = queue.length
    while (place > 0 && (queue[place - 1] as Journey).order > journey.order) place -= 1
    queue.splice(place, 0, journey)
  }

  #hasRoom({ envelope, attempts }: Journey, queued: number): boolean {
    const { heldMax, heldPerShardMax, heldBytesMax, heldInternalMax, heldShare } = this.#limits
    if (envelope.class === 'internal') return this.#heldInternal < heldInternalMax
    // What was admitted once is not shed for what came after it.
    const share = attempts > 0 ? 1 : heldShare[envelope.class]
    return (
      this.#held < heldMax * share &&
      queued < heldPerShardMax * share &&
      this.#heldBytes + envelope.bytes <= heldBytesMax * share
    )
  }

  #count({ envelope }: Journey, sign: 1 | -1): void {
    if (envelope.class === 'internal') this.#heldInternal += sign
    else {
      this.#held += sign
      this.#heldBytes += sign * envelope.bytes
    }
  }

  // --- leaving -----------------------------------------------------------------------------------------------------------

  #tickIn(delayMs: number): void {
    const at = this.#clock.monotonic() + delayMs
    if (at >= this.#tickAt) return
    this.#cancelTick?.()
    this.#tickAt = at
    this.#cancelTick = this.#clock.schedule(delayMs, () => this.#tick())
  }

  #tick(): void {
    this.#tickAt = Number.POSITIVE_INFINITY
    const { releaseMax, releaseEveryMs, recheckMs } = this.#limits
    let room = releaseMax
    let next = Number.POSITIVE_INFINITY
    for (const lane of [...this.#lanes.values()]) {
      const now = this.#clock.monotonic()
      this.#dropDone(lane, now)
      const sent = room > 0 && now >= lane.notBefore ? this.#release(lane, room, now) : 0
      room -= sent
      if (lane.queue.length === 0 && (lane.probe === undefined || now >= lane.probeUntil)) {
        if (this.#lanes.get(lane.shard) === lane && now >= lane.notBefore) this.#lanes.delete(lane.shard)
        else next = Math.min(next, lane.notBefore - now)
        continue
      }
      if (sent > 0) {
        // The others have their turn first.
        this.#lanes.delete(lane.shard)
        this.#lanes.set(lane.shard, lane)
        next = Math.min(next, releaseEveryMs)
      } else next = Math.min(next, room > 0 ? this.#waitOf(lane, now, recheckMs) : releaseEveryMs)
    }
    if (next < Number.POSITIVE_INFINITY) this.#tickIn(Math.max(next, 0))
  }

  #waitOf({ notBefore, probe, probeUntil }: Lane, now: number, recheckMs: number): number {
    if (now < notBefore) return Math.min(notBefore - now, recheckMs)
    return probe === undefined ? recheckMs : Math.min(Math.max(probeUntil - now, 1), recheckMs)
  }

  /** Takes out what was settled meanwhile, and what has waited for too long. */
  #dropDone({ queue }: Lane, now: number): void {
    const { holdMs } = this.#limits
    for (;;) {
      const [first] = queue
      if (first === undefined) return
      if (!first.isSettled) {
        const heldMs = now - (first.heldSince ?? now)
        if (first.envelope.class === 'internal' || heldMs < holdMs) return
        this.#events.overdue(first)
      }
      queue.shift()
    }
  }

  /** @returns how many left. */
  #release(lane: Lane, room: number, now: number): number {
    if (lane.queue.length === 0 || !this.#events.canSend(lane.shard)) return 0
    if (lane.refusedEpoch === this.#events.epochOf(lane.shard)) {
      if (lane.probe === undefined) {
        const probe = this.#leave(lane)
        lane.probe = probe
        lane.probeUntil = now + this.#limits.probeMs
        if (probe !== undefined) this.#events.send(probe)
        return probe === undefined ? 0 : 1
      }
      if (now < lane.probeUntil) return 0
      // It was taken, or it would be back: whoever waits for an outcome waits long.
      lane.probe = undefined
    }
    lane.refusedEpoch = undefined
    const most = Math.min(room, this.#limits.releasePerShardMax)
    let sent = 0
    while (sent < most && lane.refusedEpoch === undefined) {
      const journey = this.#leave(lane)
      if (journey === undefined) break
      sent += 1
      this.#events.send(journey)
    }
    return sent
  }

  #leave({ queue }: Lane): Journey | undefined {
    for (;;) {
      const journey = queue.shift()
      if (journey === undefined) return undefined
      if (journey.isSettled) continue
      this.forget(journey)
      return journey
    }
  }
}
