/**
 * What happened to a payment. Permanent: these names and fields are in the journal; add, never change.
 *
 * An event never repeats what its journal row says (time, epoch, sequence) nor what the state already has. Personal data and
 * payment-method tokens stand only under `private`: the codec stores that member in a column of its own.
 */
import type { RequestOperation } from '../decision.ts'
import type { Mode } from '../ids.ts'
import type { Decline, NextAction, PaymentMethod, RefundReason, RuledOutcome, UnknownReason } from './operations.ts'
import type { CaptureMethod, Dispute, OperationCause, PaymentFailure } from './state.ts'

/** A merchant's request, remembered under its key. */
export interface AcceptedRequest {
  readonly key: string
  readonly fingerprint: string
  readonly requestId: string
  readonly apiVersion: string
}

/** Everything about a planned call that the connection decides; times in ms after the row's `at`. */
export interface CallTerms {
  readonly connection: string
  readonly psp: string
  readonly requestVersion: number
  readonly sendWithin: number
  readonly repeatWithin: number
  readonly quiet: number
  readonly acceptWithin: number
  /** Longest pause between inquiries; absent: the schedule's own. */
  readonly askWithin?: number
}

interface OfOperation {
  readonly operationId: string
}

export type PaymentEvent =
  | {
      readonly type: 'PaymentCreated'
      readonly payment: string
      readonly request: AcceptedRequest
      readonly merchant: string
      readonly mode: Mode
      readonly merchantVersion: number
      readonly amountMinor: number
      readonly currency: string
      readonly captureMethod: CaptureMethod
      readonly merchantReference?: string
      readonly statementDescriptor?: string
      readonly metadata?: Readonly<Record<string, string>>
      readonly routing?: { readonly connection: string }
      readonly private?: PrivateDetails
    }
  /** A request on a payment that exists: its key is bound from here on. */
  | {
      readonly type: 'RequestAccepted'
      readonly operation: RequestOperation
      readonly request: AcceptedRequest
      readonly operationId?: string
    }
  | { readonly type: 'PaymentConfirmed'; readonly private?: PrivateDetails }
  /** `rule`: index of the merchant's route rule. */
  | { readonly type: 'RouteChosen'; readonly connection: string; readonly rule: number }
  | ({
      readonly type: 'AttemptPlanned'
      readonly nonce: string
      readonly returnUrl?: string
      readonly terms: CallTerms
    } & OfOperation)
  | ({ readonly type: 'ActionRequired'; readonly pspReference: string; readonly action: NextAction } & OfOperation)
  | ({ readonly type: 'ActionCompleted'; readonly private?: Pick<PrivateDetails, 'redirectResult'> } & OfOperation)
  | ({
      readonly type: 'Authorized'
      readonly pspReference: string
      readonly amountMinor: number
      readonly captureBefore: number
    } & OfOperation)
  /** The PSP authorized less than was asked: never used, voided. */
  | ({
      readonly type: 'PartiallyAuthorized'
      readonly pspReference: string
      readonly amountMinor: number
    } & OfOperation)
  | ({ readonly type: 'OperationDeclined'; readonly decline: Decline; readonly pspReference?: string } & OfOperation)
  | ({ readonly type: 'OperationNotSent'; readonly reason: string } & OfOperation)
  | ({ readonly type: 'OperationAbsent' } & OfOperation)
  | ({ readonly type: 'OperationAccepted'; readonly pspReference: string } & OfOperation)
  | ({
      readonly type: 'OutcomeUnknown'
      readonly reason: UnknownReason
      /** The PSP stored an error under the key: a repeat would only replay it. */
      readonly repeatIsUseless?: true
      readonly pspReference?: string
    } & OfOperation)
  | ({ readonly type: 'InquiryPlanned' } & OfOperation)
  /** Nobody can find out by asking: a person decides. */
  | ({ readonly type: 'ManualNeeded' } & OfOperation)
  | ({
      readonly type: 'ResolutionProposed'
      readonly outcome: RuledOutcome
      readonly operator: string
      readonly evidence: string
      readonly reason: string
    } & OfOperation)
  /** Approved, the outcome's own events follow in the same decision. */
  | ({ readonly type: 'ResolutionDecided'; readonly approver: string; readonly approved: boolean } & OfOperation)
  | ({ readonly type: 'CompensationProposed'; readonly operator: string; readonly reason: string } & OfOperation)
  /** Approved, the refund follows in the same decision. */
  | ({ readonly type: 'CompensationDecided'; readonly approver: string; readonly approved: boolean } & OfOperation)
  /** What was captured when nobody wanted it is still here: a person should look. */
  | ({ readonly type: 'CompensationDue' } & OfOperation)
  | { readonly type: 'PaymentFailed'; readonly failure: PaymentFailure }
  | { readonly type: 'PaymentCanceled' }
  | { readonly type: 'PaymentExpired' }
  | { readonly type: 'CancelRequested' }
  /** The cancel did not come through: the payment is authorized after all. */
  | { readonly type: 'CancelFailed' }
  | ({
      readonly type: 'CapturePlanned'
      readonly attemptId: string
      readonly amountMinor: number
      readonly final: boolean
      readonly cause: OperationCause
      readonly terms: CallTerms
    } & OfOperation)
  /** `amountMinor` where the PSP took another amount than was planned. */
  | ({ readonly type: 'CaptureSucceeded'; readonly pspReference: string; readonly amountMinor?: number } & OfOperation)
  | ({ readonly type: 'CaptureReversed'; readonly amountMinor: number; readonly factId: string } & OfOperation)
  | { readonly type: 'CaptureRetryScheduled'; readonly pause: number }
  | { readonly type: 'RemainderReleased'; readonly attemptId: string; readonly amountMinor: number }
  | ({
      readonly type: 'VoidPlanned'
      readonly attemptId: string
      /** The authorization's reference where the attempt itself has none: told by the fact that made the void necessary. */
      readonly authorizationReference?: string
      readonly cause: OperationCause
      readonly terms: CallTerms
    } & OfOperation)
  | ({ readonly type: 'VoidSucceeded'; readonly pspReference?: string } & OfOperation)
  | ({
      readonly type: 'RefundPlanned'
      readonly attemptId: string
      /** The capture that it compensates. */
      readonly captureId?: string
      readonly amountMinor: number
      readonly cause: OperationCause
      readonly reason?: RefundReason
      readonly terms: CallTerms
    } & OfOperation)
  | ({ readonly type: 'RefundSucceeded'; readonly pspReference: string; readonly amountMinor?: number } & OfOperation)
  | ({ readonly type: 'RefundReversed'; readonly factId: string } & OfOperation)
  /** An authorization or capture succeeded after it had ended otherwise; what compensates it follows in the same decision. */
  | ({ readonly type: 'LateSuccess'; readonly pspReference: string; readonly amountMinor: number } & OfOperation)
  | ({ readonly type: 'FactConflict'; readonly fact: string; readonly factId?: string } & OfOperation)
  | { readonly type: 'ReviewOpened'; readonly reason: string }
  | { readonly type: 'BreakRaised'; readonly code: BreakCode; readonly operationId?: string }
  | { readonly type: 'DisputeRecorded'; readonly dispute: Dispute; readonly factId: string }
  /** Nobody sent evidence in time: a person should look. */
  | { readonly type: 'DisputeEvidenceDue'; readonly disputeId: string }
  | {
      readonly type: 'SettlementLineRecorded'
      readonly lineKey: string
      readonly lineType: string
      readonly grossMinor: number
      readonly feeMinor: number
      readonly netMinor: number
      readonly batch: string
    }
  /** Made in the PSP's own pages. The planned-and-succeeded operation it became, if any, follows in the same decision. */
  | {
      readonly type: 'ExternalOperationRecorded'
      readonly kind: 'capture' | 'void' | 'refund' | 'authorization_expired'
      /** The authorization that it was made on; absent where the payment had none. */
      readonly attemptId?: string
      readonly pspReference: string
      readonly amountMinor: number
      readonly factId: string
    }

/** Personal data and payment-method tokens: only ever under an event's `private`. */
export interface PrivateDetails {
  readonly paymentMethod?: PaymentMethod
  readonly customer?: string
  readonly description?: string
  readonly returnUrl?: string
  /** Of the attempt whose shopper came back last. */
  readonly redirectResult?: string
}

/** Breaks that a payment itself raises; reconciliation opens cases from them. */
export type BreakCode =
  | 'late_success'
  | 'status_conflict'
  | 'external_operation'
  | 'over_refunded'
  | 'capture_reversed'
  | 'refund_failed_after_success'
  | 'amount_mismatch'
