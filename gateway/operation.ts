/** What the document of the API says of a route beside its schemas, and which errors it can answer. */
import { Type } from 'typebox'
import type { ErrorCode } from './errors.ts'
import { closedObject } from './schema.ts'

export type OperationTag = 'Payments' | 'Refunds' | 'Disputes' | 'Ledger' | 'Service'

export interface OperationText {
  readonly operationId: string
  readonly tags: OperationTag[]
  readonly summary: string
  readonly description: string
}

export function operation(operationId: string, tag: OperationTag, summary: string, description: string): OperationText {
  return { operationId, tags: [tag], summary, description }
}

export const PaymentParams = closedObject({
  id: Type.String({ description: 'Id of the payment: `pay_` and 26 characters.' }),
})
export const RefundParams = closedObject({
  id: Type.String({ description: 'Id of the refund: `re_`, 26 characters, its number.' }),
})

export const DisputeParams = closedObject({
  id: Type.String({ description: 'Id of the dispute: `dp_`, 26 characters, its number.' }),
})
export const AccountParams = closedObject({
  id: Type.String({ description: 'Id of the account, such as `acc_stripe-test.eur.psp_receivable`.' }),
})

/** What every route answers that a merchant's key opens. */
const always: readonly ErrorCode[] = [
  'request_invalid',
  'request_timeout',
  'headers_too_large',
  'expectation_unknown',
  'header_repeated',
  'content_type_unsupported',
  'content_encoding_unsupported',
  'pan_not_allowed',
  'api_key_invalid',
  'merchant_suspended',
  'rate_limited',
  'scope_missing',
  'api_version_unknown',
  'configuration_unavailable',
  'unknown_field',
  'parameter_invalid',
  'internal_error',
]

const body: readonly ErrorCode[] = [
  'body_empty',
  'body_not_object',
  'body_too_large',
  'encoding',
  'json_invalid',
  'duplicate_key',
  'key_not_allowed',
  'too_deep',
  'too_many_values',
  'number_not_canonical',
  'text_not_storable',
]

const keyed: readonly ErrorCode[] = [
  'idempotency_key_required',
  'idempotency_key_conflict',
  'idempotency_key_invalid',
  'idempotency_key_in_use',
  'idempotency_key_reused',
  'idempotency_key_expired',
  'acceptance_unknown',
  'not_accepted',
]

const authorization: readonly ErrorCode[] = [
  'payment_method_required',
  'no_route',
  'amount_limit_exceeded',
  'velocity_exceeded',
  'card_declined',
  'action_expired',
  'partial_authorization',
  'psp_unavailable',
  'capture_failed',
  'psp_configuration',
]

const amount: readonly ErrorCode[] = ['amount_type', 'amount_range']
const ofPayment: readonly ErrorCode[] = ['id_format', 'payment_not_found']

/** The errors of each route, by what it does. */
export const errorsOf = {
  read: [...always, ...ofPayment, 'service_unavailable'],
  readEvents: [...always, ...ofPayment, 'payment_events_archived', 'service_unavailable'],
  readRefund: [...always, ...ofPayment, 'refund_not_found', 'service_unavailable'],
  readDispute: [...always, ...ofPayment, 'dispute_not_found', 'service_unavailable'],
  list: [...always, 'read_unavailable'],
  listParts: [...always, 'id_format', 'read_unavailable'],
  search: [...always, 'parameter_missing', 'read_unavailable'],
  listOfPayment: [...always, ...ofPayment, 'service_unavailable', 'read_unavailable'],
  create: [
    ...always,
    ...body,
    ...keyed,
    ...amount,
    ...authorization,
    'parameter_missing',
    'amount_too_small_for_currency',
    'currency_unsupported',
  ],
  confirm: [
    ...always,
    ...body,
    ...keyed,
    ...ofPayment,
    ...authorization,
    'payment_unexpected_state',
    'operation_in_progress',
    'attempts_exhausted',
  ],
  capture: [
    ...always,
    ...body,
    ...keyed,
    ...ofPayment,
    ...amount,
    'payment_unexpected_state',
    'operation_in_progress',
    'attempts_exhausted',
    'capture_exceeds_authorization',
    'capture_window_passed',
    'multicapture_unsupported',
    'final_capture_exists',
    'capture_declined',
    'psp_unavailable',
    'psp_configuration',
  ],
  cancel: [
    ...always,
    ...body,
    ...keyed,
    ...ofPayment,
    'payment_unexpected_state',
    'operation_in_progress',
    'attempts_exhausted',
    'cancel_declined',
    'psp_unavailable',
    'psp_configuration',
  ],
  refund: [
    ...always,
    ...body,
    ...keyed,
    ...ofPayment,
    ...amount,
    'parameter_missing',
    'payment_unexpected_state',
    'refund_exceeds_capture',
    'refund_limit_reached',
    'refund_declined',
    'psp_unavailable',
    'psp_configuration',
  ],
} as const satisfies Record<string, readonly ErrorCode[]>
