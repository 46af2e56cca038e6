/**
 * Operations at a PSP: what a payment asks of a connector, and every outcome a connector may report.
 * One operation is one planned request with one PSP idempotency key: its own id (`att_…`, `cap_…`, `void_…`, `re_…`).
 */

export type OperationKind = 'authorize' | 'capture' | 'void' | 'refund'

/**
 * `planned`: the intent is journaled; its call is released the moment the intent is durable, so for everyone who reads
 * the journal it may have been sent. `inquiring` is `unknown` with an inquiry on its way. `manual`: no automatic inquiry
 * is left, a person decides. See docs/decisions/0002-planned-is-dispatched.md.
 */
export type OperationStatus =
  | 'planned'
  | 'requires_action'
  | 'accepted'
  | 'unknown'
  | 'inquiring'
  | 'manual'
  | 'succeeded'
  | 'declined'
  | 'not_sent'
  | 'absent'

/** `hard`: never try this card again. `soft`: may work later. `shopper`: the shopper must do something. `retry_elsewhere`: another PSP may take it. `configuration`: the PSP refused our set-up. */
export type DeclineClass = 'hard' | 'soft' | 'shopper' | 'retry_elsewhere' | 'configuration'

export interface Decline {
  readonly class: DeclineClass
  /** Normalised code, shown to merchants as `decline_code`: `insufficient_funds`, `expired_card`, … */
  readonly code: string
  /** The PSP's own code, for support; never free text from the PSP. */
  readonly pspCode?: string
}

/** What the shopper must do before an authorization can go on (3-D Secure). */
export interface NextAction {
  readonly type: 'redirect'
  readonly url: string
}

/** Why nothing is known. Open set, for people and metrics. */
export type UnknownReason =
  | 'timeout'
  | 'connection_lost'
  | 'psp_error'
  | 'unreadable_answer'
  | 'in_progress'
  | 'recovered'
  | 'repeat_refused'
  | 'not_found_yet'
  | 'deadline_passed'
  | 'still_accepted'
  /** The budget for inquiries was used up. */
  | 'not_asked'

/**
 * What a PSP's answer, inquiry, webhook or report says about an operation.
 * `not_sent` is proof of non-delivery and only valid for the first send, by the process and epoch that planned it.
 * `absent` comes from inquiries alone.
 */
export type OperationOutcome =
  | {
      readonly kind: 'succeeded'
      /** The PSP's id of the object (payment intent, refund, …). */
      readonly pspReference: string
      readonly amountMinor: number
      readonly currency: string
      /** Authorizations: the PSP took the money in the same step. */
      readonly captured?: boolean
      /** Authorizations: unix milliseconds after which the PSP no longer accepts a capture. */
      readonly captureBefore?: number
      /** Our operation id as the PSP echoed it, where it did. */
      readonly echoedOperationId?: string
    }
  | {
      readonly kind: 'requires_action'
      readonly pspReference: string
      readonly action: NextAction
    }
  | { readonly kind: 'declined'; readonly decline: Decline; readonly pspReference?: string }
  /** The PSP took the request; the outcome comes by webhook, inquiry or report. */
  | { readonly kind: 'accepted'; readonly pspReference: string }
  | { readonly kind: 'not_sent'; readonly reason: string }
  | {
      readonly kind: 'unknown'
      readonly reason: UnknownReason
      readonly pspReference?: string
      /** The PSP stored an error under this key: repeating the request would only replay it, so look it up. */
      readonly repeatIsUseless?: boolean
    }
  /** The PSP knows no such operation. Final only after the quiet period, which the payment judges. */
  | { readonly kind: 'absent' }

/** What people may rule that an operation came to. */
export type RuledOutcome = Extract<OperationOutcome, { readonly kind: 'succeeded' | 'declined' | 'absent' }>

interface CallBase {
  readonly operationId: string
  /** Sent as the PSP's idempotency key; equals the operation id (`:complete` added for the second step, `:complete2` where a third follows). */
  readonly idempotencyKey: string
  readonly paymentId: string
  readonly merchant: string
  /** Which PSP connection's credentials are used, such as `stripe-test`. */
  readonly connection: string
  /** Version of the connector's request form; the same version always builds the same bytes. */
  readonly requestVersion: number
}

export interface AuthorizeCall extends CallBase {
  readonly kind: 'authorize'
  readonly amountMinor: number
  /** ISO 4217, upper case. */
  readonly currency: string
  readonly captureMethod: 'automatic' | 'manual'
  readonly paymentMethod: PaymentMethod
  /** The merchant's own id of the customer: tokens that a PSP keeps for a customer are found by it. */
  readonly customer?: string
  readonly merchantReference?: string
  readonly description?: string
  readonly statementDescriptor?: string
  /** Our own return address for this attempt; it carries the attempt's nonce. */
  readonly returnUrl?: string
}

/** Second step of an authorization, after the shopper acted. */
export interface CompleteCall extends CallBase {
  readonly kind: 'complete'
  readonly pspReference: string
  /** What the shopper brought back from the PSP's page, where that takes it. */
  readonly redirectResult?: string
  readonly amountMinor: number
  readonly currency: string
}

export interface CaptureCall extends CallBase {
  readonly kind: 'capture'
  /** The PSP's reference of the authorization. */
  readonly authorizationReference: string
  readonly amountMinor: number
  readonly currency: string
  readonly final: boolean
}

export interface VoidCall extends CallBase {
  readonly kind: 'void'
  /** Absent where the authorization's reference was never learned: the PSP is then asked by our operation id. */
  readonly authorizationReference?: string
  readonly authorizationOperationId: string
  readonly amountMinor: number
  readonly currency: string
}

export interface RefundCall extends CallBase {
  readonly kind: 'refund'
  readonly authorizationReference: string
  readonly captureReference?: string
  readonly amountMinor: number
  readonly currency: string
  readonly reason?: RefundReason
}

/** What a connector is asked to do. Rebuilt from the journal, it gives the identical request. */
export type PspCall = AuthorizeCall | CompleteCall | CaptureCall | VoidCall | RefundCall

export type RefundReason = 'duplicate' | 'fraudulent' | 'requested_by_customer'

/** A payment method by token; card numbers never reach this system. */
export type PaymentMethod =
  | {
      readonly type: 'card'
      /** The PSP's token, such as `pm_card_visa`, or the JSON text that its page encrypted the card into. */
      readonly token: string
    }
  | {
      readonly type: WalletType
      /** What the wallet gave the merchant's page, passed through as it is: the PSP's token, or a JSON text for it. */
      readonly token: string
    }

export type WalletType = 'apple_pay' | 'google_pay'

/** What the payment machine knows of a PSP connection when it plans: static facts of the connector, and health as a hint. */
export interface ConnectionProfile {
  readonly connection: string
  readonly psp: string
  readonly requestVersion: number
  /** Whether the breaker lets new attempts through; a hint. */
  readonly available: boolean
  /** Whether one authorization takes several captures. */
  readonly multicapture: boolean
  /** How long after planning the identical request may be repeated as an inquiry (below the PSP's key retention). */
  readonly repeatWindowMs: number
  /** Longest time the PSP may take to process a request: `absent` is believed only after it. */
  readonly quietPeriodMs: number
  /** How long an authorization can be captured where the PSP does not say. */
  readonly authorizationValidityMs: number
  /** A planned call not started within this time is not sent any more. */
  readonly sendWithinMs: number
  /** How long an `accepted` operation may wait for its outcome before it is inquired. */
  readonly acceptedWithinMs: number
  /** Longest pause between inquiries; absent: the schedule's own (policy.ts). */
  readonly inquiryPauseMsMax?: number
}
