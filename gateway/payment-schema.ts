/**
 * The public form of payments and what belongs to them, version 2026-11-01. The serializers are made from these schemas,
 * so nothing that is not declared here can leave, and members are written in this order: a replay is byte-identical.
 *
 * Permanent per API version: members may be added at the end of an object under the next version, never moved.
 */
import { type Static, type TSchemaOptions, Type } from 'typebox'
import { closedObject, expandable, nullable, oneOf, textByName } from './schema.ts'

const describe = (description: string): TSchemaOptions => ({ description })
const amount = (description: string) => Type.Integer(describe(description))
const seconds = (description: string) => Type.Integer(describe(`${description} Unix seconds.`))
const livemode = Type.Boolean(describe('False for what was made with a test key.'))

export const paymentStatuses = [
  'created',
  'requires_action',
  'pending',
  'authorized',
  'partially_captured',
  'captured',
  'canceled',
  'expired',
  'failed',
] as const
const PaymentStatusSchema = oneOf(...paymentStatuses)

/** What became of one operation: `pending` covers everything between the plan and a known outcome. */
const operationStatuses = ['pending', 'requires_action', 'succeeded', 'declined', 'failed', 'reversed'] as const
const OperationStatusSchema = oneOf(...operationStatuses)

const FailureSchema = closedObject({
  code: Type.String(describe('A code of the table of errors.')),
  decline_code: nullable(Type.String(), describe('Why the issuer or PSP declined, as far as it told.')),
})
const Failure = nullable(FailureSchema, describe('Why it came to nothing; null where it did not.'))

export const paymentMethodTypes = ['card', 'apple_pay', 'google_pay'] as const
const PaymentMethodSchema = closedObject({ type: oneOf(...paymentMethodTypes) })

export const AttemptSchema = closedObject(
  {
    id: Type.String(),
    object: oneOf('attempt'),
    payment: Type.String(),
    psp: Type.String(describe('The provider that was asked, such as `stripe`.')),
    status: OperationStatusSchema,
    amount: amount('Minor units that were asked for.'),
    amount_authorized: amount('Minor units that were authorized.'),
    failure: Failure,
    created: seconds('When it was planned.'),
    created_at: Type.String(),
    livemode,
  },
  describe('One try to authorize a payment at one PSP.'),
)

export const CaptureSchema = closedObject(
  {
    id: Type.String(),
    object: oneOf('capture'),
    payment: Type.String(),
    amount: Type.Integer(),
    amount_reversed: amount('Minor units that the PSP took back after success.'),
    final: Type.Boolean(describe('Whether the rest of the authorization is released with it.')),
    status: OperationStatusSchema,
    failure: Failure,
    created: seconds('When it was planned.'),
    created_at: Type.String(),
    livemode,
  },
  describe('One capture of an authorized payment.'),
)

export const DisputeSchema = closedObject(
  {
    id: Type.String(),
    object: oneOf('dispute'),
    payment: Type.String(),
    amount: Type.Integer(),
    currency: Type.String(),
    status: oneOf('inquiry', 'open', 'won', 'lost'),
    evidence_by: nullable(Type.Integer(), describe('Until when evidence can be sent. Unix seconds.')),
    livemode,
  },
  describe('A dispute of a captured payment.'),
)

const refundHead = { id: Type.String(), object: oneOf('refund') }
const refundRest = {
  amount: Type.Integer(),
  currency: Type.String(),
  status: OperationStatusSchema,
  reason: nullable(Type.String()),
  failure: Failure,
  created: seconds('When it was accepted.'),
  created_at: Type.String(),
  livemode,
}
/** A refund inside its payment: the payment is not written again. */
const RefundInPaymentSchema = closedObject({ ...refundHead, payment: Type.String(), ...refundRest })

const paymentProperties = {
  id: Type.String(),
  object: oneOf('payment'),
  status: PaymentStatusSchema,
  amount: amount('Minor units that were asked for.'),
  amount_authorized: Type.Integer(),
  amount_capturable: amount('What a capture may still take.'),
  amount_captured: amount('What the PSP took back again is subtracted.'),
  amount_refunded: Type.Integer(),
  amount_disputed: amount('In disputes that are open or lost.'),
  currency: Type.String(describe('ISO 4217, lower case.')),
  pending_reason: nullable(
    oneOf('awaiting_psp', 'psp_outcome_unknown', 'awaiting_webhook', 'cancel_requested'),
    describe('Why the outcome is open; null unless the status is `pending`.'),
  ),
  refund_status: oneOf('none', 'partial', 'full'),
  dispute_status: oneOf('none', 'open', 'won', 'lost'),
  settlement_status: oneOf('none', 'partial', 'settled'),
  review: Type.Boolean(describe('A person looks at it, because a PSP said something that does not fit.')),
  capture_method: oneOf('automatic', 'manual'),
  capture_before: nullable(Type.Integer(), describe('Until when it can be captured. Unix seconds.')),
  payment_method: nullable(PaymentMethodSchema),
  next_action: nullable(
    closedObject({ type: oneOf('redirect'), url: Type.String(), expires_at: Type.Integer() }),
    describe('What the shopper has to do; null unless the status is `requires_action`.'),
  ),
  latest_attempt: nullable(
    expandable('Attempt', AttemptSchema),
    describe('Id of the newest attempt; the attempt itself where `latest_attempt` is expanded.'),
  ),
  last_error: nullable(
    closedObject({ code: Type.String(), decline_code: nullable(Type.String()), message: Type.String() }),
    describe('Why it failed; null unless the status is `failed`.'),
  ),
  captures: Type.Array(
    expandable('Capture', CaptureSchema),
    describe('Ids, oldest first; captures where `captures` is expanded.'),
  ),
  refunds: Type.Array(
    expandable('Refund', RefundInPaymentSchema),
    describe('Ids, oldest first; refunds where `refunds` is expanded.'),
  ),
  disputes: Type.Array(
    expandable('Dispute', DisputeSchema),
    describe('Ids, oldest first; disputes where `disputes` is expanded.'),
  ),
  merchant_reference: nullable(Type.String()),
  description: nullable(Type.String()),
  statement_descriptor: nullable(Type.String()),
  customer: nullable(Type.String()),
  return_url: nullable(Type.String()),
  metadata: textByName(),
  created: seconds('When it was created.'),
  created_at: Type.String(),
  livemode,
}

export const PaymentSchema = closedObject(paymentProperties, describe('A payment.'))

const refundProperties = {
  ...refundHead,
  payment: expandable(
    'Payment',
    PaymentSchema,
    describe('Id of its payment; the payment where `payment` is expanded.'),
  ),
  ...refundRest,
}
export const RefundSchema = closedObject(refundProperties, describe('A refund of a captured payment.'))

/** In a 202: seconds after which asking again makes sense. */
const pollMember = { next_poll_after: Type.Integer(describe('Seconds after which it is worth asking again.')) }
export const PendingPaymentSchema = closedObject({ ...paymentProperties, ...pollMember }, describe('An open payment.'))
export const PendingRefundSchema = closedObject({ ...refundProperties, ...pollMember }, describe('An open refund.'))

export type PaymentView = Static<typeof PaymentSchema>
export type RefundView = Static<typeof RefundSchema>
export type RefundInPaymentView = Static<typeof RefundInPaymentSchema>
export type AttemptView = Static<typeof AttemptSchema>
export type CaptureView = Static<typeof CaptureSchema>
export type DisputeView = Static<typeof DisputeSchema>
export type OperationStatusView = (typeof operationStatuses)[number]

/** What an error says of a payment: all of it, or its id where nothing more is known. */
export const PaymentInErrorSchema = Type.Unsafe<PaymentView | { readonly id: string }>({
  ...PaymentSchema,
  description: 'The payment as it is; its id alone where nothing more is known.',
  required: ['id'],
})
