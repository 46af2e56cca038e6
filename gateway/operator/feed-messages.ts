/**
 * What the feed says, also for the page: JSON, one message per frame. A snapshot first; then once a second what changed since
 * the message before, or that nothing did. Members are added, never renamed.
 */
import type { ClusterSummary } from './views.ts'

/** Name of the WebSocket subprotocol; a second one carries the ticket. */
export const feedProtocol = 'shardpay.feed.v1'
export const ticketProtocolPrefix = 'ticket.'

/** Shards by owner: `owners[shard]` is an index of `nodes`, or −1 where nobody who lives owns it. */
export interface FeedShards {
  readonly nodes: readonly string[]
  readonly owners: readonly number[]
}

export interface FeedSnapshot {
  readonly type: 'snapshot'
  readonly cluster: ClusterSummary
  readonly shards: FeedShards
  /** Shards that are held by a pin. */
  readonly pinned: readonly number[]
}

export interface FeedChange {
  readonly type: 'change'
  readonly cluster: ClusterSummary
  /** Shards whose owner changed, each with its new one; null: nobody who lives. */
  readonly owners: readonly (readonly [shard: number, node: string | null])[]
  /** All of them, where any changed. */
  readonly pinned?: readonly number[]
}

/** The client's message was not understood; after the third it is closed with 1008. */
export interface FeedError {
  readonly type: 'error'
  readonly code: 'message_not_text' | 'message_invalid' | 'message_type_unknown'
}

export type FeedMessage = FeedSnapshot | FeedChange | FeedError | { readonly type: 'pong' }
