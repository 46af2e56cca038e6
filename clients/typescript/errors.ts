/** What a call throws, whatever went wrong. */
import type { Problem } from './types.ts'

/** Codes that this client makes itself, where no readable answer of the API decided. All others are in docs/errors.md. */
export type ClientCode =
  /** The connection could not be made, or was lost before the answer was complete. */
  | 'connection_lost'
  /** The call's time was used up. */
  | 'deadline_exceeded'
  /** What answered is not the API: a proxy's page, a redirect, a body that is no JSON. */
  | 'answer_unreadable'
  /** The caller's signal ended the call. */
  | 'aborted'

export interface ShardpayErrorFields {
  readonly message: string
  readonly code: string
  readonly retryable: boolean
  readonly type?: string | undefined
  readonly status?: number | undefined
  readonly declineCode?: string | undefined
  readonly param?: string | undefined
  readonly requestId?: string | undefined
  readonly docUrl?: string | undefined
  readonly idempotencyKey?: string | undefined
  readonly payment?: Problem['error']['payment']
  readonly details?: Problem['error'] | undefined
  readonly cause?: unknown
}

/**
 * Holds no API key and no body of a request, so that it can be logged.
 *
 * After `connection_lost`, `deadline_exceeded`, `aborted`, a 500 or a 503 it is not known whether the request was carried
 * out: make the same call again with `idempotencyKey`, and it happens once.
 */
export class ShardpayError extends Error {
  override readonly name = 'ShardpayError'
  /** Stable; decide on it, not on the message. */
  readonly code: string
  /** The same call with the same idempotency key may succeed later. */
  readonly retryable: boolean
  /** `card_error`, `invalid_request_error`, …; undefined for this client's own codes. */
  readonly type: string | undefined
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined
  /** Why the issuer declined, normalised over PSPs: `insufficient_funds`. */
  readonly declineCode: string | undefined
  /** The parameter that is at fault. */
  readonly param: string | undefined
  /** What to tell support. */
  readonly requestId: string | undefined
  readonly docUrl: string | undefined
  /** The key that the call was sent with, also where the client made it; undefined for reads. */
  readonly idempotencyKey: string | undefined
  /** The payment as it is, or its id where nothing more is known. */
  readonly payment: Problem['error']['payment']
  /** The error as the API wrote it, for what some codes add: `amount_available`, `allowed_statuses`, `operation`. */
  readonly details: Problem['error'] | undefined

  constructor(fields: ShardpayErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = fields.code
    this.retryable = fields.retryable
    this.type = fields.type
    this.status = fields.status
    this.declineCode = fields.declineCode
    this.param = fields.param
    this.requestId = fields.requestId
    this.docUrl = fields.docUrl
    this.idempotencyKey = fields.idempotencyKey
    this.payment = fields.payment
    this.details = fields.details
  }
}
