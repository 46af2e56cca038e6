/**
 * What the simulator remembers: plain, immutable values, written to the book as they are. Stripe's shapes are made from
 * them when an answer is rendered (`render.ts`); what time alone changes (a hold that ran out, a refund that fails later)
 * is a function of the record and the clock, never a stored change.
 */

export interface IntentRecord {
  readonly kind: 'intent'
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly amount: number
  readonly currency: string
  readonly captureMethod: 'automatic' | 'automatic_async' | 'manual'
  readonly status:
    | 'requires_payment_method'
    | 'requires_confirmation'
    | 'requires_action'
    | 'requires_capture'
    | 'succeeded'
    | 'canceled'
  readonly amountCapturable: number
  readonly amountReceived: number
  readonly paymentMethod: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly description: string | null
  readonly descriptorSuffix: string | null
  readonly returnUrl: string | null
  readonly allowRedirects: 'always' | 'never'
  readonly multicapture: boolean
  readonly clientSecret: string
  readonly latestCharge: string | null
  readonly canceledAt: number | null
  readonly cancellationReason: string | null
  readonly lastError: CardError | null
  /** The authentication page while `requires_action`. */
  readonly actionUrl: string | null
  /** Whose request asked for the authorization that is under way or was concluded last. */
  readonly authorizedBy: RequestIdentity | null
  /** Unix seconds after which an uncaptured hold is released. */
  readonly captureBefore: number | null
}

export interface RequestIdentity {
  readonly operationId: string | null
  readonly idempotencyKey: string | null
}

export interface CardError {
  readonly code: string
  readonly declineCode: string | null
  readonly message: string
  readonly adviceCode: string | null
  readonly charge: string | null
}

export interface ChargeRecord {
  readonly kind: 'charge'
  readonly id: string
  readonly intent: string
  readonly created: number
  readonly amount: number
  readonly currency: string
  readonly status: 'succeeded' | 'failed'
  readonly captured: boolean
  readonly amountCaptured: number
  readonly paymentMethod: string
  readonly threeDSecure: boolean
  readonly failure: CardError | null
  /** `txn_…` once money moved and it is told at once (`automatic_async` tells it later). */
  readonly balanceTransaction: string | null
  readonly captureBefore: number | null
  /** The hold was given back without a capture. */
  readonly released: boolean
  readonly disputed: string | null
}

export interface RefundRecord {
  readonly kind: 'refund'
  readonly id: string
  readonly created: number
  readonly intent: string
  readonly charge: string
  readonly amount: number
  readonly currency: string
  readonly reason: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly paymentMethod: string
  readonly balanceTransaction: string
  /** How its status goes on by itself. */
  readonly course: 'succeeds' | 'pending_then_succeeds' | 'succeeds_then_fails'
}

export type StripeRecord = IntentRecord | ChargeRecord | RefundRecord

/** How long a test refund stays in its first status. */
export const refundCourseSeconds = 3
/** How long a hold lasts. */
export const holdSeconds = 7 * 24 * 3600

export function refundStatusAt(refund: RefundRecord, nowSeconds: number): 'pending' | 'succeeded' | 'failed' {
  const first = nowSeconds < refund.created + refundCourseSeconds
  switch (refund.course) {
    case 'succeeds':
      return 'succeeded'
    case 'pending_then_succeeds':
      return first ? 'pending' : 'succeeded'
    case 'succeeds_then_fails':
      return first ? 'succeeded' : 'failed'
  }
}

/** The intent as it is now: a hold that nobody captured in time is canceled. */
export function intentAt(intent: IntentRecord, nowSeconds: number): IntentRecord {
  if (intent.status !== 'requires_capture' || intent.captureBefore === null) return intent
  if (nowSeconds < intent.captureBefore) return intent
  return {
    ...intent,
    status: 'canceled',
    amountCapturable: 0,
    canceledAt: intent.captureBefore,
    cancellationReason: 'automatic',
  }
}
