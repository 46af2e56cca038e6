/** What an actor host is given, how much of everything it takes, and what it tells of itself. */
import type { Envelope, RouteAnswer } from '../cluster/router.ts'
import { assert } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { AnyKind } from './entity-kind.ts'
import type { Journal } from './journal.ts'

export interface HostLimits {
  readonly inboxMax: number
  readonly pipelineMax: number
  /** Commands of the whole node that wait for an answer; beyond it new payments are refused first (`begin` at 80 %). */
  readonly pendingMax: number
  readonly residentBytesMax: number
  /** How long commands are held for an uncertain shard before they are refused. */
  readonly holdMs: number
  readonly loadRetryMs: number
  readonly cursorFlushMs: number
  /** How far the read side is behind at most, while it keeps up. */
  readonly readFlushMs: number
  /** How long the read side of a shard stands still before a decision that it cannot store, until it tries again. */
  readonly readParkedMs: number
  /** Timers due within this are held in memory; the rest is asked for every `timerPollMs`. */
  readonly timerHorizonMs: number
  readonly timerPollMs: number
  /** Rows after which a passivated entity leaves a snapshot. */
  readonly snapshotEvery: number
  /** How long `stop` waits for accepted requests to be answered. */
  readonly drainMs: number
  /** Entities of opened shards that are read at a time, before anyone asked for them. */
  readonly warmUpMax: number
  /** Longest time for storing what is behind when shards are given away, and again for the release. */
  readonly handOffMs: number
  /** How long the owner of a shard that left is looked for, for PSPs' answers and timers. */
  readonly forwardMs: number
  /** Of these on their way at a time. */
  readonly forwardsMax: number
}

export const defaultHostLimits: HostLimits = {
  inboxMax: 256,
  pipelineMax: 64,
  pendingMax: 20_000,
  residentBytesMax: 512 * 1024 * 1024,
  holdMs: 500,
  loadRetryMs: 250,
  cursorFlushMs: 500,
  readFlushMs: 200,
  readParkedMs: 60_000,
  timerHorizonMs: 120_000,
  timerPollMs: 60_000,
  snapshotEvery: 32,
  drainMs: 15_000,
  warmUpMax: 64,
  handOffMs: 5_000,
  forwardMs: 180_000,
  forwardsMax: 10_000,
}

export type HostTrouble =
  | 'entity_quarantined'
  | 'entity_crashed'
  | 'load_failed'
  | 'append_refused'
  | 'open_failed'
  | 'recovery_failed'
  | 'cursor_failed'
  | 'read_failed'
  | 'read_parked'
  | 'effect_failed'
  | 'snapshot_failed'
  | 'timer_poll_failed'
  | 'release_failed'
  | 'forward_failed'
  | 'actor_crashed'

export interface HostObserver {
  trouble(
    what: HostTrouble,
    error: unknown,
    where?: { readonly shard: number; readonly entity?: string; readonly position?: number },
  ): void
  shardLost(shard: number): void
  shardUncertain(shard: number): void
  shardRecovered(shard: number): void
}

export interface HostOptions {
  /** Name of the actor system, unique in the process. */
  readonly name: string
  readonly kinds: readonly AnyKind[]
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly limits: HostLimits
  readonly observer: HostObserver
  /** Runs an effect of a durable decision; its result, if any, comes back to the entity as a command. Never rejects. */
  runEffect(effect: unknown): Promise<unknown>
  /** The cluster's router, for what must reach an entity whose shard has left; absent where there are no other nodes. */
  readonly forward?: (envelope: Envelope) => Promise<RouteAnswer<unknown>>
}

/** @throws where limits contradict each other. */
export function assertHostLimits(limits: HostLimits): void {
  const { warmUpMax, pipelineMax, inboxMax, handOffMs, forwardMs } = limits
  assert(warmUpMax >= 1, 'opened shards are read by one at least', { warmUpMax })
  assert(inboxMax >= 1 && pipelineMax >= 1, 'an entity takes one command at least', { inboxMax, pipelineMax })
  assert(handOffMs < forwardMs, 'what must be sent on outlives a hand-off', { handOffMs, forwardMs })
}

/** Figures for metrics and the operators. */
export interface HostStats {
  readonly shards: number
  readonly uncertain: number
  readonly entities: number
  readonly residentBytes: number
  readonly pending: number
  readonly timers: number
  /** PSP calls that run. */
  readonly calls: number
  /** Commands on their way to the next owner of their shard. */
  readonly forwards: number
  /** Entities of opened shards that are still to be read. */
  readonly unread: number
  /** Decisions that the read side does not show yet. */
  readonly readBehind: number
  /** Shards whose read side stands still before a decision that it cannot store. */
  readonly readParked: readonly number[]
}
