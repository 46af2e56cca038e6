/** Every refusal of a merchant's command. The gateway maps each to one HTTP status in one total table. */
import type { LimitName } from '../merchant/limits.ts'
import type { PaymentStatus } from './state.ts'

export type PaymentRejection =
  | { readonly code: 'payment_not_found' }
  /** Its decisions were moved to an archive: what it is is known, what became of it step by step is in files. */
  | { readonly code: 'payment_events_archived' }
  | { readonly code: 'idempotency_key_reused' }
  /** Older than `idempotency_replay_days`: never a second charge, never a silent old success. */
  | { readonly code: 'idempotency_key_expired' }
  | {
      readonly code: 'payment_unexpected_state'
      readonly current: PaymentStatus
      readonly allowed: readonly PaymentStatus[]
    }
  | { readonly code: 'operation_in_progress'; readonly operationId: string }
  | { readonly code: 'amount_invalid'; readonly param: 'amount' }
  | { readonly code: 'amount_too_small_for_currency'; readonly param: 'amount' }
  | { readonly code: 'currency_unsupported'; readonly param: 'currency' }
  /** More than a limit of the merchant allows of one payment, or of all within the limit's window. */
  | {
      readonly code: 'amount_limit_exceeded'
      readonly param: 'amount'
      readonly limit: LimitName
      readonly max: number
      readonly currency: string
    }
  /** Too much was accepted lately. `retryAt`: Unix milliseconds from when it may be tried again. */
  | {
      readonly code: 'velocity_exceeded'
      readonly limit: LimitName
      readonly max: number
      readonly currency: string
      readonly retryAt: number
    }
  | { readonly code: 'payment_method_required'; readonly param: 'payment_method' }
  | { readonly code: 'card_number_not_allowed'; readonly param: string }
  | { readonly code: 'merchant_suspended' }
  | { readonly code: 'merchant_unknown' }
  /** `param`: no rule of the merchant leads to the connection that the request asks for. */
  | { readonly code: 'no_route'; readonly param?: 'routing.connection' }
  | { readonly code: 'attempts_exhausted' }
  | { readonly code: 'capture_exceeds_authorization'; readonly availableMinor: number }
  | { readonly code: 'capture_window_passed' }
  | { readonly code: 'multicapture_unsupported' }
  | { readonly code: 'final_capture_exists' }
  | { readonly code: 'refund_exceeds_capture'; readonly availableMinor: number }
  | { readonly code: 'refund_limit_reached'; readonly limit: number }
  | { readonly code: 'action_nonce_mismatch' }
  | { readonly code: 'operation_unknown' }
  | { readonly code: 'second_approver_required' }
  | { readonly code: 'evidence_required' }
  | { readonly code: 'proposal_exists' }
  | { readonly code: 'no_proposal' }
  /** The merchant can refund the capture, or what it took has gone back or is on its way. */
  | { readonly code: 'nothing_to_compensate' }
  /** The request might have reached the PSP after it was looked for there: it cannot be ruled absent by that. */
  | { readonly code: 'resolution_too_early' }
  /** A notice whose connection or references are none of this payment's. */
  | { readonly code: 'notice_not_ours' }

export type PaymentRejectionCode = PaymentRejection['code']
