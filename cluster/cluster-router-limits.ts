/** Limits of the cluster's router, each named once, and how they relate. */
import { assert } from '../runtime/assert.ts'
import type { TrafficClass } from './router.ts'

export interface ClusterRouterLimits {
  /** Envelopes of all shards that are held for an owner; internal ones are counted apart. */
  readonly heldMax: number
  readonly heldPerShardMax: number
  /** Size of what is held, as the envelopes say it; internal ones are not counted. */
  readonly heldBytesMax: number
  readonly heldInternalMax: number
  /** Share of the three above that a class may fill. The journal's and the PSPs' own traffic is never shed for others. */
  readonly heldShare: Readonly<Record<Exclude<TrafficClass, 'internal'>, number>>
  /** How long an envelope is held in one piece; an internal one is held until its deadline. */
  readonly holdMs: number
  /** Pauses after the first, second, … attempt that found nobody; the last one is repeated. Half of each is left to chance. */
  readonly pausesMs: readonly number[]
  /** How long one envelope goes ahead to an owner that has just refused, before the others follow it unasked. */
  readonly probeMs: number
  /** Held envelopes leave at most so many at a time, of one shard and together, and then again after `releaseEveryMs`. */
  readonly releasePerShardMax: number
  readonly releaseMax: number
  readonly releaseEveryMs: number
  /** How often it is looked whether an owner can be reached, whatever events tell. */
  readonly recheckMs: number
  /** At most one request in this time that the table be read anew. */
  readonly refreshEveryMs: number
  /** How long the former owner of a shard may still answer what it was sent, before the next one is asked as well. */
  readonly supersedeMs: number
  /** What `retryAfterMs` says where the router itself refuses. */
  readonly retryAfterMs: number
}

export const defaultClusterRouterLimits: ClusterRouterLimits = {
  heldMax: 20_000,
  heldPerShardMax: 512,
  heldBytesMax: 64 * 1024 * 1024,
  heldInternalMax: 20_000,
  heldShare: { begin: 0.8, read: 0.9, settle: 1 },
  holdMs: 10_000,
  pausesMs: [5, 20, 50, 100, 200],
  probeMs: 100,
  releasePerShardMax: 16,
  releaseMax: 64,
  releaseEveryMs: 2,
  recheckMs: 50,
  refreshEveryMs: 25,
  supersedeMs: 150,
  retryAfterMs: 1_000,
}

/** @throws where limits contradict each other. */
export function clusterRouterLimits(changes: Partial<ClusterRouterLimits> = {}): ClusterRouterLimits {
  const limits = { ...defaultClusterRouterLimits, ...changes }
  const { begin, read, settle } = limits.heldShare
  assert(begin <= read && read <= settle && settle <= 1, 'new payments are shed first, what settles last')
  assert(limits.heldPerShardMax <= limits.heldMax, 'a shard is a part of all')
  assert(limits.releasePerShardMax <= limits.releaseMax, 'a shard is a part of all')
  assert(limits.pausesMs.length > 0 && limits.pausesMs.every((ms) => ms > 0), 'attempts are paced')
  assert(limits.releaseMax > 0 && limits.releaseEveryMs > 0 && limits.recheckMs > 0, 'what is held leaves')
  return limits
}
