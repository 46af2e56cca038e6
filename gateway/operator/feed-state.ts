/** What the feed compares from second to second. Pure. */
import type { ClusterView } from './deps.ts'
import type { FeedChange, FeedSnapshot } from './feed-messages.ts'
import { type ClusterSummary, clusterSummary, shardViews } from './views.ts'

export interface FeedState {
  readonly cluster: ClusterSummary
  /** By shard; null: nobody who lives owns it. */
  readonly owners: readonly (string | null)[]
  readonly pinned: readonly number[]
}

export function feedStateOf(view: ClusterView, now: number): FeedState {
  return {
    cluster: clusterSummary(view, now),
    owners: shardViews(view).map(({ state, owner }) => (state === 'owned' ? owner : null)),
    pinned: [...view.membership.policy.pins.keys()].sort((a, b) => a - b),
  }
}

export function snapshotOf({ cluster, owners, pinned }: FeedState): FeedSnapshot {
  const nodes = [...new Set(owners.filter((owner) => owner !== null))].sort()
  const numbers = new Map(nodes.map((node, index) => [node, index]))
  return {
    ...{ type: 'snapshot', cluster, pinned },
    shards: { nodes, owners: owners.map((owner) => (owner === null ? -1 : (numbers.get(owner) ?? -1))) },
  }
}

export function changeSince(before: FeedState, now: FeedState): FeedChange {
  const owners = now.owners.flatMap((owner, shard) => (owner === before.owners[shard] ? [] : [[shard, owner] as const]))
  const samePins = now.pinned.join() === before.pinned.join()
  return { type: 'change', cluster: now.cluster, owners, ...(!samePins && { pinned: now.pinned }) }
}
