/**
 * What the simulator remembers: plain, immutable values, written to the book as they are. Stripe's shapes are made from
 * them when an answer is rendered (`render.ts`). What time alone changes (a hold that ran out, a refund that fails later)
 * is a function of the record and the clock for whoever asks, and becomes a new version of the record once it fell due
 * (`courses.ts`).
 */

import type { Drift } from './reports/drift.ts'

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
  /** How its status goes on by itself; `succeeds` and `failed` are the ends. */
  readonly course: 'succeeds' | 'pending_then_succeeds' | 'succeeds_then_fails' | 'failed'
}

export interface DisputeRecord {
  readonly kind: 'dispute'
  readonly id: string
  readonly created: number
  readonly intent: string
  readonly charge: string
  readonly amount: number
  readonly currency: string
  readonly reason: DisputeReason
  readonly status: DisputeStatus
  /** When the money was taken from us, and when it was given back. */
  readonly withdrawn: Movement | null
  readonly reinstated: Movement | null
}

export const disputeReasons = [
  'credit_not_processed',
  'duplicate',
  'fraudulent',
  'general',
  'product_not_received',
  'product_unacceptable',
  'subscription_canceled',
  'unrecognized',
] as const
export type DisputeReason = (typeof disputeReasons)[number]

export type DisputeStatus =
  | 'warning_needs_response'
  | 'warning_under_review'
  | 'warning_closed'
  | 'needs_response'
  | 'under_review'
  | 'won'
  | 'lost'

export interface Movement {
  /** `txn_…` */
  readonly balanceTransaction: string
  /** Unix seconds. */
  readonly at: number
}

export interface ReportRunRecord {
  readonly kind: 'report_run'
  readonly id: string
  readonly created: number
  readonly reportType: string
  readonly parameters: ReportParameters
  /** Null while pending. */
  readonly succeededAt: number | null
  readonly file: { readonly id: string; readonly url: string; readonly size: number }
  /** How many days had ended: the report knows of no later one. */
  readonly dayCount: number
  /** What is wrong with it on purpose. */
  readonly drift: Drift | null
}

export interface ReportParameters {
  /** Unix seconds. */
  readonly intervalStart: number
  /** The first second that it does not have. */
  readonly intervalEnd: number
  /** Null: all that have a fixed name. */
  readonly columns: readonly string[] | null
  readonly currency: string | null
  readonly reportingCategory: string | null
  readonly timezone: string | null
}

/** The end of a day of the account's balance, and what was paid out of it. */
export interface ClosedDayRecord {
  readonly kind: 'closed_day'
  readonly id: string
  /** Unix seconds: the first that it does not have. */
  readonly end: number
  readonly payouts: readonly PayoutFact[]
}

export interface PayoutFact {
  readonly id: string
  readonly currency: string
  readonly amount: number
  readonly balanceTransaction: string
}

/** What belongs to one intent. */
export type PaymentRecord = IntentRecord | ChargeRecord | RefundRecord | DisputeRecord
export type StripeRecord = PaymentRecord | ReportRunRecord | ClosedDayRecord

/** How long a report run is pending. */
export const reportRunSeconds = 1

/** How long a test refund stays in its first status. */
export const refundCourseSeconds = 3
/** How long after an `automatic_async` capture its balance transaction is told. */
export const balanceDelaySeconds = 1
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
    case 'failed':
      return 'failed'
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
