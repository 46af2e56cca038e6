/** What the cluster needs of the actor host of a node (`actors/host.ts` implements it). */
import type { Router } from './router.ts'

export interface ReleasedShard {
  readonly shard: number
  readonly epoch: number
  /** Position of its last row. */
  readonly position: number
  /** From the last admission until the release was durable: the giving side's part of the blackout. */
  readonly darkMs: number
}

export interface OpenedShards {
  /** What was taken and serves now, with the epochs. A shard that somebody else took meanwhile is left out. */
  readonly opened: readonly { readonly shard: number; readonly epoch: number }[]
}

/** Load of one shard since the last time it was asked for. */
export interface ShardLoad {
  readonly shard: number
  readonly commands: number
}

export interface ShardHost extends Router {
  readonly ownedShards: readonly number[]
  /** Takes shards from nobody, from an owner that released them, that is dead, or from itself; then serves them. */
  openShards(shards: readonly number[]): Promise<OpenedShards>
  /**
   * Planned hand-off, the giving side: stops admitting (`shard_moved`), lets decisions become durable, stores what is behind,
   * releases the owner row. Callers that wait for an outcome are told `shard_moved` and wait at the new owner instead. PSP
   * calls in flight go on; their outcomes are handed to `forward`. A shard that could not be released in time is released by
   * nobody: it stays open here, or is lost.
   */
  releaseShards(shards: readonly number[]): Promise<readonly ReleasedShard[]>
  /** Commands per shard since the last call. */
  takeLoad(): readonly ShardLoad[]
}
