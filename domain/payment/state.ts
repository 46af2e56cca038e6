/**
 * What one payment is: the payment itself, its attempts, captures, voids, refunds and disputes, in one value, so that
 * every guard on amounts is evaluated in one place. Derived facts (amounts, pending reason, refund status) are
 * functions in `derive.ts`, never stored.
 */
import type { RequestRecord } from '../decision.ts'
import type { Mode } from '../ids.ts'
import type {
  Decline,
  NextAction,
  OperationKind,
  OperationStatus,
  PaymentMethod,
  RefundReason,
  RuledOutcome,
  UnknownReason,
} from './operations.ts'

export type PaymentStatus = Lifecycle['status']

/** Each public status with the facts that have meaning in it alone. */
export type Lifecycle =
  | { readonly status: 'created'; readonly confirmBy: number }
  | { readonly status: 'pending' }
  | {
      readonly status: 'requires_action'
      readonly attemptId: string
      readonly action: NextAction
      readonly actionBy: number
    }
  | { readonly status: 'authorized'; readonly attemptId: string; readonly captureBefore: number }
  | { readonly status: 'partially_captured'; readonly attemptId: string; readonly captureBefore: number }
  | { readonly status: 'captured'; readonly attemptId: string }
  | { readonly status: 'canceled' }
  | { readonly status: 'expired' }
  | { readonly status: 'failed'; readonly failure: PaymentFailure }

/** Why a payment failed. `code` is public: `card_declined`, `psp_unavailable`, `action_expired`, `partial_authorization`, `capture_failed`, `psp_configuration`. */
export interface PaymentFailure {
  readonly code:
    | 'card_declined'
    | 'psp_unavailable'
    | 'action_expired'
    | 'partial_authorization'
    | 'capture_failed'
    | 'psp_configuration'
  readonly decline?: Decline
}

/** Who or what caused an operation. */
export type OperationCause =
  | 'merchant'
  | 'automatic'
  | 'cancel'
  | 'action_expired'
  | 'expiry'
  | 'capture_failed'
  | 'compensation'
  | 'external'

interface OperationBase {
  /** `att_…`, `cap_…`, `void_…`, `re_…`; also its PSP idempotency key. */
  readonly id: string
  readonly kind: OperationKind
  readonly status: OperationStatus
  readonly cause: OperationCause
  readonly amountMinor: number
  readonly connection: string
  readonly psp: string
  readonly requestVersion: number
  readonly plannedAt: number
  /** Epoch of the owner that planned it: only this one may say `not_sent`. */
  readonly plannedEpoch: number
  /** Unix milliseconds after which the request is not sent any more. */
  readonly notAfter: number
  /** Until when the identical request may be repeated as an inquiry. */
  readonly repeatUntil: number
  /** The PSP's longest processing time after {@link plannedAt}; `absent` is believed only that long after the last send. */
  readonly quietUntil: number
  /** Until when an inquiry that repeats the request may have been begun; absent where none was planned. */
  readonly repeatedUntil?: number
  /** How long it may stay `accepted` before it is asked about. */
  readonly acceptedWithinMs: number
  /** Longest pause between inquiries; absent: the schedule's own. */
  readonly inquiryPauseMsMax?: number
  /** The PSP's id of the object this operation made, once known. */
  readonly pspReference?: string
  readonly endedAt?: number
  readonly decline?: Decline
  /** Present while `unknown`, `inquiring` or `manual`. */
  readonly doubt?: Doubt
  /** Present while `accepted`: when to start asking. */
  readonly acceptedUntil?: number
}

/** An outcome nobody knows yet, and how far asking has come. */
export interface Doubt {
  readonly since: number
  readonly reason: UnknownReason
  /** Inquiries that came back without an outcome. */
  readonly inquiries: number
  /** When to ask next; while `inquiring`, when to ask again if no answer came; while `manual`, when to remind people. */
  readonly nextInquiryAt: number
  /** The PSP stored an error for this key: look it up, do not repeat. */
  readonly repeatIsUseless: boolean
  /** The PSP had taken the request and did not tell in time what became of it. */
  readonly overdue?: true
  /** A ruling that waits for a second person. It ends with the doubt, however that ends. */
  readonly proposal?: Proposal
}

export interface Proposal {
  readonly outcome: RuledOutcome
  readonly operator: string
  readonly evidence: string
  readonly reason: string
  /** Unix milliseconds. */
  readonly proposedAt: number
}

export interface Attempt extends OperationBase {
  readonly kind: 'authorize'
  readonly captureMethod: CaptureMethod
  /** What the shopper's return must carry. */
  readonly nonce: string
  /** Our address that the PSP sends the shopper back to, where the merchant gave one of its own. */
  readonly returnUrl?: string
  readonly authorizedMinor: number
  readonly captureBefore?: number
  readonly action?: NextAction
  readonly actionBy?: number
  /** `complete` once the shopper came back: the second step of the same operation is on its way. */
  readonly step: 'authorize' | 'complete'
  /** When it was planned first, where the shopper's return has planned it anew since. */
  readonly beganAt?: number
  /** How often the shopper came back; absent: never. Each time is a request of its own. */
  readonly returns?: number
  /** Minor units of this authorization that were given back: voided, expired or released. */
  readonly releasedMinor: number
  /** It succeeded when nobody wanted it any more (late, or a smaller amount): it is compensated and carries no payment. */
  readonly unwanted: boolean
}

export interface Capture extends OperationBase {
  readonly kind: 'capture'
  readonly attemptId: string
  readonly final: boolean
  /** Minor units taken back by the PSP after success. */
  readonly reversedMinor: number
  /** Somebody wants to give it back, and a second person has to agree. */
  readonly compensation?: CompensationProposal
  /** When people were last reminded that it waits for them. */
  readonly remindedAt?: number
}

export interface CompensationProposal {
  readonly operator: string
  readonly reason: string
  /** Unix milliseconds. */
  readonly proposedAt: number
}

export interface Void extends OperationBase {
  readonly kind: 'void'
  readonly attemptId: string
  /** The authorization's, as far as it was known when the void was planned: its request never changes. */
  readonly authorizationReference?: string
}

export interface Refund extends OperationBase {
  readonly kind: 'refund'
  readonly attemptId: string
  /** The capture that it compensates, where nobody wanted that. */
  readonly captureId?: string
  /** The capture's that is given back, as known when the refund was planned: its request never changes. */
  readonly captureReference?: string
  readonly reason?: RefundReason
  readonly reversed: boolean
}

export type Operation = Attempt | Capture | Void | Refund

export interface Dispute {
  /** `dp_…`, ours. */
  readonly id: string
  /** The attempt whose money is disputed. */
  readonly attemptId: string
  readonly pspReference: string
  readonly stage: string
  readonly status: 'inquiry' | 'open' | 'won' | 'lost'
  readonly amountMinor: number
  readonly feeMinor: number
  /** The PSP took the money: only then it is posted. */
  readonly fundsWithdrawn: boolean
  readonly evidenceBy?: number
}

export interface Settlement {
  readonly grossMinor: number
  readonly feeMinor: number
  readonly netMinor: number
  /** Keys of lines already applied. */
  readonly lines: readonly string[]
}

export type CaptureMethod = 'automatic' | 'manual'

export interface Payment {
  readonly id: string
  readonly merchant: string
  readonly mode: Mode
  /** Version of the merchant's configuration that the creation was decided on. */
  readonly merchantVersion: number
  readonly amountMinor: number
  readonly currency: string
  readonly captureMethod: CaptureMethod
  readonly paymentMethod?: PaymentMethod
  readonly merchantReference?: string
  readonly description?: string
  readonly statementDescriptor?: string
  readonly customer?: string
  readonly returnUrl?: string
  /** What the last shopper who came back brought from the PSP's page. */
  readonly redirectResult?: string
  readonly metadata: Readonly<Record<string, string>>
  /** The merchant wants this connection and no other. */
  readonly routing?: { readonly connection: string }
  readonly createdAt: number
  readonly createdKey: string
  readonly lifecycle: Lifecycle
  /** Set when the merchant asked to cancel while the outcome was open: it wins, no fallback. */
  readonly cancelRequestedAt?: number
  /** When an automatic capture that failed is tried again. */
  readonly captureRetryAt?: number
  readonly attempts: readonly Attempt[]
  readonly captures: readonly Capture[]
  readonly voids: readonly Void[]
  readonly refunds: readonly Refund[]
  readonly disputes: readonly Dispute[]
  /** When each of them was first heard of, in their order: see `disputedAt` in `derive.ts`. */
  readonly disputedAt?: readonly number[]
  readonly settlement: Settlement
  /** A person should look: conflicting facts, an echo that does not match. */
  readonly review: boolean
  /** Accepted requests, oldest first; each idempotency key once, on whatever operation. */
  readonly requests: readonly RequestRecord[]
  /** PSP event identities of facts already taken that no operation carries, newest last, bounded. */
  readonly seenFacts: readonly string[]
  /** Sequence and time of the last decision. */
  readonly seq: number
  readonly updatedAt: number
}
