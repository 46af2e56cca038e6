/** Limits of membership, ownership and hand-off, and how they relate. Every process of a cluster has the same. */
import { assert } from '../runtime/assert.ts'

export interface ClusterLimits {
  /** An incarnation whose counter stood still this long, on a judge's clock, is declared dead. */
  readonly leaseTtlMs: number
  readonly renewEveryMs: number
  /** Then a renewal counts as failed, and another one is sent. */
  readonly renewTimeoutMs: number
  /** Pause after a renewal that failed. */
  readonly renewRetryMs: number
  /** Longest time between two of a judge's own committed renewals; beyond it, it judges nobody by what it saw before. */
  readonly ownRenewalGapMaxMs: number
  /** How often judges read the counters. */
  readonly judgeEveryMs: number
  /** How often gateways read who lives. */
  readonly membersPollMs: number
  /** How often the event loop is looked at. */
  readonly watchdogBeatMs: number
  /** How often the owner rows are read. */
  readonly ownersPollMs: number
  /** One read of members or owners; then it counts as failed. */
  readonly pollTimeoutMs: number
  /** Without a read of members, or of owners, for this long, what is known of them is called stale. */
  readonly staleAfterMs: number
  /** How long a process tries to say that it leaves. */
  readonly leaveTimeoutMs: number

  /** The controller looks at everything this often, whether anything was said to have changed or not. */
  readonly controlEveryMs: number
  /** News of owners are looked at together for so long. */
  readonly ownerNewsMs: number
  /** A node that has just started takes nothing yet: the others of a cluster that starts may be about to. */
  readonly joinSettleMs: number
  /** Placement moves nothing until members and policy have been the same for this long. Shards of the dead do not wait. */
  readonly placementSettleMs: number
  /** Placement leaves a shard where it is for this long after it came. */
  readonly dwellMs: number
  /** Shards of one hand-off: so many are dark together. */
  readonly handOffBatch: number
  /** Between two hand-offs of placement. */
  readonly handOffPauseMs: number
  /** From asking the heir to its answer; an heir that takes longer may still take the shards, if nobody else has. */
  readonly takeTimeoutMs: number
  /** Released by an owner that lives: the heir has this long before the shard is anybody's by placement. */
  readonly releasedGraceMs: number
  /** Free for this long, a shard is taken by any node that takes shards: the one that placement says cannot open it. */
  readonly abandonedMs: number
  /** How long an heir that did not take what it was given is given nothing by placement, doubled every time. */
  readonly avoidHeirMs: { readonly min: number; readonly max: number }
  /** One move, asked for over a link: its release, the heir's answer. */
  readonly moveTimeoutMs: number
  /** Moves that wait for their turn; beyond it they are refused. */
  readonly movesQueuedMax: number
  /** All hand-offs of a drain together; what is left then is released to anybody. */
  readonly drainMs: number
  /** Pause before taking is tried again, doubled with every failure. */
  readonly takeRetryMs: { readonly min: number; readonly max: number }
  /** Pause before a shard whose journal has lost acknowledged rows is looked at again. */
  readonly lostRowsRetryMs: number
  /** A taking that lasts longer shows its shards as stuck. */
  readonly takeStuckMs: number
  /** Moves and take-overs that are remembered. */
  readonly recordsMax: number
}

export const defaultClusterLimits: ClusterLimits = {
  leaseTtlMs: 2_000,
  renewEveryMs: 500,
  renewTimeoutMs: 400,
  renewRetryMs: 100,
  ownRenewalGapMaxMs: 1_000,
  judgeEveryMs: 200,
  membersPollMs: 500,
  watchdogBeatMs: 100,
  ownersPollMs: 1_000,
  pollTimeoutMs: 2_000,
  staleAfterMs: 5_000,
  leaveTimeoutMs: 2_000,

  controlEveryMs: 1_000,
  ownerNewsMs: 20,
  joinSettleMs: 500,
  placementSettleMs: 1_000,
  dwellMs: 2_000,
  handOffBatch: 32,
  handOffPauseMs: 100,
  takeTimeoutMs: 2_000,
  releasedGraceMs: 1_000,
  abandonedMs: 5_000,
  avoidHeirMs: { min: 2_000, max: 60_000 },
  moveTimeoutMs: 20_000,
  movesQueuedMax: 64,
  drainMs: 30_000,
  takeRetryMs: { min: 100, max: 2_000 },
  lostRowsRetryMs: 30_000,
  takeStuckMs: 5_000,
  recordsMax: 50,
}

export function clusterLimits(changes: Partial<ClusterLimits> = {}): ClusterLimits {
  const limits = { ...defaultClusterLimits, ...changes }
  for (const [name, value] of Object.entries(limits)) {
    const { min, max } = typeof value === 'number' ? { min: value, max: value } : value
    assert(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min > 0, 'a limit is a positive whole number', {
      name,
    })
    assert(min <= max, 'pauses grow', { name })
  }
  assert(limits.renewEveryMs * 3 <= limits.leaseTtlMs, 'a lease outlives two renewals that failed')
  assert(limits.renewTimeoutMs < limits.renewEveryMs, 'a renewal that hangs delays no other')
  assert(
    limits.renewEveryMs + limits.renewTimeoutMs <= limits.ownRenewalGapMaxMs,
    'a judge whose renewals all commit in time may judge',
  )
  assert(limits.ownRenewalGapMaxMs < limits.leaseTtlMs, 'a judge that was cut off notices before it judges')
  assert(limits.judgeEveryMs * 2 <= limits.renewEveryMs, 'counters are read more often than they rise')
  assert(limits.watchdogBeatMs * 2 <= limits.leaseTtlMs, 'the event loop is looked at within a lease')
  assert(limits.pollTimeoutMs < limits.staleAfterMs, 'one read that hangs makes nothing stale')
  assert(limits.releasedGraceMs <= limits.takeTimeoutMs, 'who waits for the heir learns who took the shard instead')
  assert(limits.releasedGraceMs < limits.abandonedMs, 'placement has its say before anybody takes a shard')
  assert(limits.takeTimeoutMs < limits.moveTimeoutMs, 'who asked for a move waits for the heir')
  assert(limits.takeTimeoutMs < limits.drainMs, 'a drain outlives one heir that is silent')
  return limits
}
