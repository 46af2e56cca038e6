/**
 * What the simulated Adyen remembers: plain, immutable values, written to the book as they are. What time alone brings (a
 * modification taking effect, a hold running out) is announced in `next`, so that a simulator that was restarted goes on.
 */

import type { Drift } from '../reports/drift.ts'
import type { AdyenPricing } from '../reports/fees.ts'
import type { AccountZone } from '../reports/local-time.ts'

/** What happens to a record by itself. */
export interface Due<Step extends string> {
  /** Unix milliseconds. */
  readonly at: number
  readonly step: Step
}

/** Whose request asked for something. */
export interface AdyenRequestIdentity {
  readonly requestId: string
  /** Null also for what was done in the PSP's own pages. */
  readonly idempotencyKey: string | null
}

/** What comes later of a payment that was authorised, as its payment method has it. */
export type Course = 'plain' | 'capture_fails' | 'refund_fails' | 'charged_back'

export interface AdyenPayment {
  readonly kind: 'payment'
  /** Its pspReference. */
  readonly id: string
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly merchantAccount: string
  /** The merchant's, as sent with the payment. */
  readonly reference: string
  /** Authorised, or to be authorised; adjustments change it. */
  readonly amount: number
  /** As Adyen spells it, upper case. */
  readonly currency: string
  readonly status: 'redirected' | 'authorised' | 'refused' | 'cancelled' | 'expired'
  readonly captureAutomatically: boolean
  readonly captured: number
  readonly refunded: number
  /** No further capture is possible: what was left of the hold is gone. */
  readonly released: boolean
  readonly refusalCode: number | null
  readonly course: Course
  /** The stored payment method's id, or the type: what fault rules match. */
  readonly paymentMethod: string
  /** `scheme`, or the wallet's. */
  readonly type: string
  readonly brand: string
  /** Redirected shoppers alone. */
  readonly authentication: Authentication | null
  readonly request: AdyenRequestIdentity
  readonly next: Due<'expire'> | null
}

export interface Authentication {
  readonly returnUrl: string
  readonly outcome: 'waiting' | 'completed' | 'failed'
  /** What the shopper brings back, once there is an outcome. */
  readonly redirectResult: string | null
}

export interface AdyenModification {
  readonly kind: 'modification'
  /** Its own pspReference. */
  readonly id: string
  readonly createdAt: number
  readonly type: 'capture' | 'refund' | 'cancel' | 'technical_cancel' | 'reversal' | 'adjustment'
  readonly merchantAccount: string
  /** The payment's pspReference; of a technical cancel, once the payment was found. */
  readonly payment: string | null
  /** The payment's reference as a technical cancel names it. */
  readonly paymentReference: string | null
  /** The merchant's, for the modification. */
  readonly reference: string | null
  readonly amount: number | null
  readonly currency: string | null
  /** The capture that a refund is of. */
  readonly capture: string | null
  readonly status: 'received' | 'succeeded' | 'refused' | 'failed' | 'reversed'
  readonly request: AdyenRequestIdentity
  readonly next: Due<'apply' | 'fail' | 'charge_back'> | null
}

export interface AdyenDispute {
  readonly kind: 'dispute'
  readonly id: string
  readonly createdAt: number
  readonly payment: string
  readonly amount: number
  readonly status: 'inquiry' | 'notified' | 'charged_back' | 'reversed' | 'lost'
  readonly next: Due<'charge_back'> | null
}

/** A settlement batch of a merchant account: what moved since the batch before it. */
export interface AdyenBatch {
  readonly kind: 'batch'
  /** Of its payout. */
  readonly id: string
  readonly merchantAccount: string
  /** From 1, without gaps. */
  readonly number: number
  /** Unix milliseconds. */
  readonly closedAt: number
  readonly balances: readonly BatchBalance[]
  /** The account's settings then. */
  readonly fees: AdyenPricing
  readonly timeZone: AccountZone
  /** What is wrong with its report on purpose. */
  readonly drift: Drift | null
  readonly next: null
}

/** Minor units. */
export interface BatchBalance {
  readonly currency: string
  /** What the batch before it left below zero. */
  readonly owedBefore: number
  readonly paidOut: number
  /** What is left below zero. */
  readonly owedAfter: number
}

export type AdyenRecord = AdyenPayment | AdyenModification | AdyenDispute | AdyenBatch

/** What can still be captured. */
export function capturable(payment: AdyenPayment): number {
  return payment.status === 'authorised' && !payment.released ? payment.amount - payment.captured : 0
}
