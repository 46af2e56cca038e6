/** Every command a payment takes: from merchants (may be refused) and facts from PSPs, timers and operators (never refused). */
import type { Mode } from '../ids.ts'
import type { Notice } from '../inbox/notice.ts'
import type { PageRequest } from './history.ts'
import type { OperationOutcome, PaymentMethod, RefundReason, RuledOutcome } from './operations.ts'
import type { CaptureMethod } from './state.ts'

/** What every merchant command carries so that a repeat is known as one. */
export interface MerchantRequest {
  readonly merchant: string
  readonly mode: Mode
  readonly idempotencyKey: string
  readonly fingerprint: string
  readonly requestId: string
  readonly apiVersion: string
}

export interface CreatePayment {
  readonly type: 'CreatePayment'
  readonly request: MerchantRequest
  readonly amountMinor: number
  readonly currency: string
  readonly captureMethod: CaptureMethod
  readonly confirm: boolean
  readonly paymentMethod?: PaymentMethod
  readonly merchantReference?: string
  readonly description?: string
  readonly statementDescriptor?: string
  readonly customer?: string
  readonly returnUrl?: string
  /** Of the merchant's rules only those of this connection. */
  readonly routing?: { readonly connection: string }
  readonly metadata: Readonly<Record<string, string>>
}

export interface ConfirmPayment {
  readonly type: 'ConfirmPayment'
  readonly request: MerchantRequest
  readonly paymentMethod?: PaymentMethod
  readonly returnUrl?: string
}

export interface CapturePayment {
  readonly type: 'CapturePayment'
  readonly request: MerchantRequest
  /** Absent: all that is capturable. */
  readonly amountMinor?: number
  /** Default true: one capture releases the rest. */
  readonly final: boolean
}

export interface CancelPayment {
  readonly type: 'CancelPayment'
  readonly request: MerchantRequest
  readonly reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer' | 'abandoned'
}

export interface RefundPayment {
  readonly type: 'RefundPayment'
  readonly request: MerchantRequest
  /** Absent: all that is refundable. */
  readonly amountMinor?: number
  readonly reason?: RefundReason
}

/** The shopper came back from the PSP's page. `nonce` must be the attempt's. */
export interface CompleteAction {
  readonly type: 'CompleteAction'
  readonly attemptId: string
  readonly nonce: string
  /** What the PSP gave the shopper for us, where it did (Adyen); at most {@link redirectResultLengthMax} characters. */
  readonly redirectResult?: string
}

export const redirectResultLengthMax = 4096

export type FactSource = 'response' | 'inquiry' | 'webhook' | 'report'

/** What a PSP says about an operation that we planned. */
export interface RecordOutcome {
  readonly type: 'RecordOutcome'
  readonly operationId: string
  readonly outcome: OperationOutcome
  readonly source: FactSource
  /** True only for the answer to the first send, by the process that planned the operation. */
  readonly firstSend: boolean
  /** Which step of an authorization this answers; `authorize` for all other operations. */
  readonly step?: 'authorize' | 'complete'
  /** Inquiries: unix milliseconds of the decision to ask, before which the PSP's answer may not have been given. */
  readonly askedAt?: number
  /** PSP event identity, for de-duplication of webhooks. */
  readonly factId?: string
}

/** The PSP took back an amount it had confirmed: a capture (Adyen CAPTURE_FAILED) or a refund (REFUNDED_REVERSED, refund failed later). */
export interface RecordReversal {
  readonly type: 'RecordReversal'
  readonly operationId: string
  /** The PSP's reference of the operation, where the fact tells it. */
  readonly pspReference?: string
  readonly amountMinor: number
  readonly currency: string
  readonly factId: string
}

/** An operation that we did not plan: made in the PSP's own pages. */
export interface RecordExternalOperation {
  readonly type: 'RecordExternalOperation'
  readonly kind: 'capture' | 'void' | 'refund' | 'authorization_expired'
  readonly pspReference: string
  readonly amountMinor: number
  readonly currency: string
  readonly factId: string
}

export interface RecordDispute {
  readonly type: 'RecordDispute'
  readonly pspReference: string
  readonly stage: string
  readonly status: 'inquiry' | 'open' | 'won' | 'lost'
  readonly amountMinor: number
  readonly currency: string
  readonly feeMinor: number
  readonly fundsWithdrawn: boolean
  readonly evidenceBy?: number
  readonly factId: string
}

/** One line of a PSP's settlement report, matched to this payment by reconciliation. Amounts signed, minor units of `currency`. */
export interface RecordSettlementLine {
  readonly type: 'RecordSettlementLine'
  readonly lineKey: string
  readonly lineType:
    | 'captured'
    | 'refunded'
    | 'refund_reversed'
    | 'capture_reversed'
    | 'disputed'
    | 'dispute_reversed'
    | 'fee'
  readonly grossMinor: number
  readonly feeMinor: number
  readonly netMinor: number
  readonly currency: string
  readonly batch: string
}

/**
 * What a PSP pushed, told by the connection's inbox. The payment finds the operation by our id, else by the PSP's reference;
 * where it has neither, the operation was made in the PSP's own pages.
 */
export interface RecordNotice {
  readonly type: 'RecordNotice'
  readonly connection: string
  readonly notice: Pick<Notice, 'id' | 'type' | 'subject' | 'fact'>
}

/** One person's ruling on an operation whose outcome no inquiry could find. It is nothing before another has approved it. */
export interface ProposeResolution {
  readonly type: 'ProposeResolution'
  readonly operationId: string
  readonly outcome: RuledOutcome
  readonly operator: string
  /** A PSP reference or the key of a report line. */
  readonly evidence: string
  /** In the operator's words; no personal data. */
  readonly reason: string
}

/** Another person's word on the proposal that is open. */
export interface DecideResolution {
  readonly type: 'DecideResolution'
  readonly operationId: string
  readonly approver: string
  readonly approve: boolean
}

/** One person wants to give back what was captured when nobody wanted it any more. Nothing happens before another has approved it. */
export interface ProposeCompensation {
  readonly type: 'ProposeCompensation'
  /** The capture. */
  readonly operationId: string
  readonly operator: string
  /** In the operator's words; no personal data. */
  readonly reason: string
}

/** Another person's word on the compensation that is proposed. */
export interface DecideCompensation {
  readonly type: 'DecideCompensation'
  /** The capture. */
  readonly operationId: string
  readonly approver: string
  readonly approve: boolean
}

export type TimerKind =
  | 'confirm_deadline'
  | 'action_deadline'
  | 'capture_deadline'
  | 'capture_retry'
  | 'void_retry'
  | 'inquiry'
  | 'accepted_deadline'
  | 'call_deadline'
  | 'evidence_deadline'
  | 'manual'
  | 'compensation'

/** A timer of this payment fell due. A timer that no longer applies is ignored. */
export interface FireTimer {
  readonly type: 'FireTimer'
  readonly timer: TimerKind
  readonly operationId?: string
}

/** A new owner opened the shard: operations read without outcome count as sent. */
export interface RecoverOperations {
  readonly type: 'RecoverOperations'
}

export type MerchantCommand = CreatePayment | ConfirmPayment | CapturePayment | CancelPayment | RefundPayment
export type PaymentFact =
  | RecordOutcome
  | RecordReversal
  | RecordExternalOperation
  | RecordDispute
  | RecordSettlementLine
export type PaymentCommand =
  | MerchantCommand
  | PaymentFact
  | CompleteAction
  | RecordNotice
  | ProposeResolution
  | DecideResolution
  | ProposeCompensation
  | DecideCompensation
  | FireTimer
  | RecoverOperations

/** A query, not a command: answered from the actor's state, appends nothing. Refused as not found for anybody else's payment. */
export interface ReadPayment {
  readonly type: 'ReadPayment'
  readonly merchant: string
  readonly mode: Mode
}

/** A query for what became of the payment, decision by decision: answered from its rows in the journal. */
export interface ReadPaymentHistory {
  readonly type: 'ReadPaymentHistory'
  readonly merchant: string
  readonly mode: Mode
  readonly page: PageRequest
}

export type PaymentQuery = ReadPayment | ReadPaymentHistory
