/** What processes tell of themselves once a second, for operators and the rebalancer; wire format between builds: add, never change. */
import type { Incarnation, Role } from './member.ts'

export type MoveReason = 'placement' | 'drain' | 'operator' | 'rebalancing'

/** A planned move of one shard, as its new owner saw it. */
export interface MoveRecord {
  readonly shard: number
  readonly from: string
  readonly to: string
  readonly epoch: number
  readonly reason: MoveReason
  /** Unix ms at which the new owner served. */
  readonly at: number
  /** From the old owner's last admission to the new owner's first; both processes' durations added, no clocks compared. */
  readonly blackoutMs: number
}

/** Shards taken from a dead incarnation. */
export interface TakeoverRecord {
  readonly from: Incarnation
  readonly by: string
  readonly shards: number
  /** Unix ms. */
  readonly at: number
  /** From the decision to take to serving. */
  readonly tookMs: number
}

export interface ProcessStatus extends Incarnation {
  readonly roles: readonly Role[]
  readonly build: string
  readonly address: string
  /** Unix ms. */
  readonly startedAt: number
  readonly draining: boolean
  /** Not ready for these reasons; empty: ready. */
  readonly reasons: readonly string[]
  /** Of one processor, 0 to 1 and beyond. */
  readonly cpu: number
  /** 99th percentile of the event loop's delay in the last second. */
  readonly loopDelayMs: number
  readonly residentBytes: number
  /** HTTP requests or commands answered in the last second. */
  readonly answeredPerSecond: number
  readonly unavailablePerSecond: number
  /** Of nodes only. */
  readonly nodeStatus?: NodeStatus
}

export interface NodeStatus {
  readonly shards: number
  readonly uncertain: number
  /** Shards that do not serve, with the reason. */
  readonly stuck: readonly { readonly shard: number; readonly reason: string }[]
  readonly entities: number
  readonly pending: number
  readonly commandsPerSecond: number
  /** Decisions made durable in the last second. */
  readonly durablePerSecond: number
  readonly flushMs: number
  /** Commands per second of the busiest shards, at most 64, and of all others together is the rest. */
  readonly hottest: readonly { readonly shard: number; readonly perSecond: number }[]
  /** Newest last, at most 50. */
  readonly moves: readonly MoveRecord[]
  readonly takeovers: readonly TakeoverRecord[]
  /** Decisions that its shards' read sides do not show yet, and shards whose read side stands still before one that it cannot store. */
  readonly readSide?: { readonly behind: number; readonly parked: readonly number[] }
  /** PSP connections that it calls, by name. */
  readonly connections?: readonly string[]
  /** Gateways with a link to this node, as they told it; operators hear of them through any node. */
  readonly gateways?: readonly ProcessStatus[]
}
