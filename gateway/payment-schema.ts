/**
 * The public form of a payment and a refund, version 2026-11-01. The serializers are made from these schemas, so nothing
 * that is not declared here can leave, and members are written in this order: a replay is byte-identical.
 *
 * Permanent per API version: members may be added at the end of an object under the next version, never moved.
 */
import { type Static, Type } from 'typebox'
import { closedObject, nullable, oneOf, textByName } from './schema.ts'

const PaymentStatusSchema = oneOf(
  'created',
  'requires_action',
  'pending',
  'authorized',
  'partially_captured',
  'captured',
  'canceled',
  'expired',
  'failed',
)

/** What became of one operation: `pending` covers everything between the plan and a known outcome. */
const operationStatuses = ['pending', 'requires_action', 'succeeded', 'declined', 'failed', 'reversed'] as const

const FailureSchema = closedObject({
  code: Type.String(),
  decline_code: nullable(Type.String()),
})

const AttemptSchema = closedObject({
  id: Type.String(),
  psp: Type.String(),
  status: oneOf(...operationStatuses),
  failure: nullable(FailureSchema),
  created: Type.Integer(),
})

const CaptureSchema = closedObject({
  id: Type.String(),
  amount: Type.Integer(),
  amount_reversed: Type.Integer(),
  final: Type.Boolean(),
  status: oneOf(...operationStatuses),
  failure: nullable(FailureSchema),
  created: Type.Integer(),
})

const refundProperties = {
  id: Type.String(),
  object: oneOf('refund'),
  payment: Type.String(),
  amount: Type.Integer(),
  currency: Type.String(),
  status: oneOf(...operationStatuses),
  reason: nullable(Type.String()),
  failure: nullable(FailureSchema),
  created: Type.Integer(),
  created_at: Type.String(),
  livemode: Type.Boolean(),
}

export const RefundSchema = closedObject(refundProperties)

const DisputeSchema = closedObject({
  id: Type.String(),
  amount: Type.Integer(),
  status: oneOf('inquiry', 'open', 'won', 'lost'),
  evidence_by: nullable(Type.Integer()),
})

const paymentProperties = {
  id: Type.String(),
  object: oneOf('payment'),
  status: PaymentStatusSchema,
  amount: Type.Integer(),
  amount_authorized: Type.Integer(),
  amount_capturable: Type.Integer(),
  amount_captured: Type.Integer(),
  amount_refunded: Type.Integer(),
  amount_disputed: Type.Integer(),
  currency: Type.String(),
  pending_reason: nullable(oneOf('awaiting_psp', 'psp_outcome_unknown', 'awaiting_webhook', 'cancel_requested')),
  refund_status: oneOf('none', 'partial', 'full'),
  dispute_status: oneOf('none', 'open', 'won', 'lost'),
  settlement_status: oneOf('none', 'partial', 'settled'),
  review: Type.Boolean(),
  capture_method: oneOf('automatic', 'manual'),
  capture_before: nullable(Type.Integer()),
  payment_method: nullable(closedObject({ type: oneOf('card') })),
  next_action: nullable(closedObject({ type: oneOf('redirect'), url: Type.String(), expires_at: Type.Integer() })),
  latest_attempt: nullable(AttemptSchema),
  last_error: nullable(
    closedObject({ code: Type.String(), decline_code: nullable(Type.String()), message: Type.String() }),
  ),
  captures: Type.Array(CaptureSchema),
  refunds: Type.Array(RefundSchema),
  disputes: Type.Array(DisputeSchema),
  merchant_reference: nullable(Type.String()),
  description: nullable(Type.String()),
  statement_descriptor: nullable(Type.String()),
  customer: nullable(Type.String()),
  return_url: nullable(Type.String()),
  metadata: textByName(),
  created: Type.Integer(),
  created_at: Type.String(),
  livemode: Type.Boolean(),
}

export const PaymentSchema = closedObject(paymentProperties)

/** In a 202: seconds after which asking again makes sense. */
const pollMember = { next_poll_after: Type.Integer() }
export const PendingPaymentSchema = closedObject({ ...paymentProperties, ...pollMember })
export const PendingRefundSchema = closedObject({ ...refundProperties, ...pollMember })

export type PaymentView = Static<typeof PaymentSchema>
export type RefundView = Static<typeof RefundSchema>
export type OperationStatusView = (typeof operationStatuses)[number]

/** What an error says of a payment: all of it, or its id where nothing more is known. */
export const PaymentInErrorSchema = Type.Unsafe<PaymentView | { readonly id: string }>({
  ...PaymentSchema,
  required: ['id'],
})
