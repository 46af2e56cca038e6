/**
 * The road for commands: an envelope in, an answer out. Payload-agnostic: it knows shards, deadlines and traffic
 * classes, nothing of payments. In one process the envelope goes straight to the local host.
 */

/** Sheds in this order, last first: `settle` (captures, refunds, webhooks, reconciliation) outlives `read` and `begin`. */
export type TrafficClass = 'begin' | 'settle' | 'read' | 'internal'

export interface Envelope {
  /** 128-bit command id, 32 hexadecimal digits; a repeated id attaches to the first. */
  readonly id: string
  readonly shard: number
  /** 32 hexadecimal digits. */
  readonly entity: string
  /** Which kind of actor: `payment` or `merchant`. */
  readonly kind: string
  readonly class: TrafficClass
  /** Size of the request as received, for limits. */
  readonly bytes: number
  readonly payload: unknown
  /** On the monotonic clock of this process: after it nobody waits for the answer. */
  readonly deadline: number
  /** How long the caller wants to wait for a final outcome, on the same clock; at most `deadline`. */
  readonly waitUntil: number
  /** Wait for a request that is already running instead of being told `in_use`. */
  readonly attach: boolean
  readonly traceparent?: string
}

/** `not_accepted` is said only where it is certain; `acceptance_unknown` promises that repeating with the same key is safe. */
export type RouteAnswer<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | {
      readonly kind: 'unavailable'
      readonly certainty: 'not_accepted' | 'acceptance_unknown'
      /**
       * Stable code for logs and metrics: `journal_unavailable`, `overloaded`, `entity_quarantined`, `deadline_passed`,
       * `stopping`; `shard_not_owned` and `shard_moved` send the router to another owner.
       */
      readonly reason: string
      readonly retryAfterMs: number
      /** With `shard_not_owned` and `shard_moved`: the owner that the answering node believes in. */
      readonly moved?: { readonly node: string; readonly incarnation: string; readonly epoch: number }
    }

export interface Router {
  /** Resolves always; never later than a turn after the envelope's deadline. */
  route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>>
}
