/** What a decider answers, and what it is told beside the command. Shared by every kind of actor. */

/** An accepted command's events, a repeat of a request already accepted, or a refusal that the caller can act on. */
export type Decision<Event, Rejection> =
  | { readonly kind: 'accepted'; readonly events: readonly Event[] }
  /** The same request again (same key, same fingerprint): nothing is appended, the request's record says what came of it. */
  | { readonly kind: 'replayed'; readonly request: RequestRecord }
  /** Nothing to record and nothing to refuse: a fact that is already known. */
  | { readonly kind: 'ignored'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }

/** A merchant's request as the journal remembers it, under its idempotency key; the guard against doing it twice. */
export interface RequestRecord {
  readonly idempotencyKey: string
  /** SHA-256 over operation, payment and canonical body, hexadecimal; a repeat must carry the same. */
  readonly fingerprint: string
  readonly operation: RequestOperation
  /** `req_…` of the first acceptance; every replay shows this one. */
  readonly requestId: string
  /** Dated API version the answer is rendered in. */
  readonly apiVersion: string
  /** Unix milliseconds of the acceptance. */
  readonly acceptedAt: number
  /** The operation (`cap_…`, `re_…`, `void_…`, `att_…`) that the request planned, where it planned one. */
  readonly operationId?: string
  /** Sequence of the decision whose state is the request's final answer; absent while the outcome is open. */
  readonly concludedSeq?: number
}

export type RequestOperation = 'create' | 'confirm' | 'capture' | 'cancel' | 'refund'

/** What `evolve` is told about the journal row that its events come from. */
export interface RowMeta {
  /** Sequence of the decision within its entity, from 1. */
  readonly seq: number
  /** Unix milliseconds at which it was decided. */
  readonly at: number
  /** Epoch of the shard's owner that decided it. */
  readonly epoch: number
}
