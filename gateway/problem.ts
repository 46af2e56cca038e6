/**
 * Error bodies: an RFC 9457 problem with the error object that Stripe's clients know inside it.
 *
 * Guarantees: nothing in it comes from an exception; a parameter is named only where its name is harmless.
 */
import type { LimitName } from '../domain/merchant/limits.ts'
import type { PaymentStatus } from '../domain/payment/state.ts'
import { containsCardNumber } from './card-number.ts'
import { type ErrorCode, errorTable } from './errors.ts'
import type { CardNumberPlace } from './metrics.ts'
import type { PaymentView } from './payment-schema.ts'
import type { Problem } from './problem-schema.ts'

/** Why a request is not answered as it wished; the table says the rest. */
export interface Refusal {
  readonly code: ErrorCode
  /** One sentence more exact than the table's; never the client's text, never an exception's. */
  readonly message?: string
  readonly param?: string | undefined
  readonly declineCode?: string | undefined
  /** The payment as it is, or just its id where nothing more is known. */
  readonly payment?: PaymentView | { readonly id: string }
  /** The request that the answer belongs to, where a replay shows the first one's. */
  readonly requestId?: string
  readonly retryAfterSeconds?: number
  readonly currentStatus?: PaymentStatus
  readonly allowedStatuses?: readonly PaymentStatus[]
  /** Minor units that could still be captured or refunded. */
  readonly amountAvailable?: number
  readonly limit?: number
  /** Which of the account's limits it is. */
  readonly limitName?: LimitName
  readonly operation?: string
  /** Where the card number was, if that is the reason and it was not the body. */
  readonly cardNumberIn?: CardNumberPlace
}

/** Carries a refusal out of where only an error can be handed on: hooks and body parsers. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

export interface ProblemContext {
  readonly requestId: string
  readonly instance: string
  /** Where docs/errors.md is served. */
  readonly errorDocsUrl: string
  /** 422, or 400 for merchants whose clients are strict about being Stripe's. */
  readonly keyReusedStatus: 400 | 422
}

export function problemOf(refusal: Refusal, context: ProblemContext): Problem {
  const code = errorTable[refusal.code].as ?? refusal.code
  const { status, type, title, retryable, message } = errorTable[code]
  const docUrl = `${context.errorDocsUrl}#${code}`
  const text = refusal.message ?? message
  return {
    type: docUrl,
    title,
    status: code === 'idempotency_key_reused' ? context.keyReusedStatus : status,
    detail: text,
    instance: context.instance,
    error: {
      type,
      code,
      ...(refusal.declineCode === undefined ? {} : { decline_code: refusal.declineCode }),
      message: text,
      param: paramShown(refusal.param),
      retryable,
      request_id: refusal.requestId ?? context.requestId,
      doc_url: docUrl,
      ...(refusal.currentStatus === undefined ? {} : { current_status: refusal.currentStatus }),
      ...(refusal.allowedStatuses === undefined ? {} : { allowed_statuses: [...refusal.allowedStatuses] }),
      ...(refusal.amountAvailable === undefined ? {} : { amount_available: refusal.amountAvailable }),
      ...(refusal.limit === undefined ? {} : { limit: refusal.limit }),
      ...(refusal.limitName === undefined ? {} : { limit_name: refusal.limitName }),
      ...(refusal.operation === undefined ? {} : { operation: refusal.operation }),
      ...(refusal.payment === undefined ? {} : { payment: refusal.payment }),
    },
  }
}

const shownParam = /^[A-Za-z_][A-Za-z0-9_.\-[\]]{0,99}$/

/** A field's name is the client's own text: shown only if it looks like a name and holds no card number. */
function paramShown(param: string | undefined): string | null {
  if (param === undefined || !shownParam.test(param) || containsCardNumber(param)) return null
  return param
}
