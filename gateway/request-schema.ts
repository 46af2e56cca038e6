/** What requests may carry. Unknown members are refused, never dropped. */
import { type Static, Type } from 'typebox'
import { httpLimits } from '../runtime/limits.ts'
import { closedObject, oneOf } from './schema.ts'

/** What a currency allows is checked where the currency is known. */
const Amount = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
/** Checked like the header, in one place: idempotency.ts. */
const IdempotencyKey = Type.String()
const PaymentMethodToken = Type.String({ pattern: '^[A-Za-z0-9_-]{1,255}$' })
/** Its form is checked by hand: return-url.ts. */
const ReturnUrl = Type.String({ minLength: 1, maxLength: 2_048 })
const Metadata = Type.Unsafe<Readonly<Record<string, string>>>({
  type: 'object',
  maxProperties: httpLimits.metadataKeysMax,
  propertyNames: { type: 'string', minLength: 1, maxLength: httpLimits.metadataKeyCharactersMax },
  additionalProperties: { type: 'string', maxLength: httpLimits.metadataValueCharactersMax },
})

export const CreatePaymentBody = closedObject({
  amount: Amount,
  currency: Type.String({ pattern: '^[A-Za-z]{3}$' }),
  payment_method: Type.Optional(PaymentMethodToken),
  capture_method: Type.Optional(oneOf('automatic', 'manual')),
  confirm: Type.Optional(Type.Boolean()),
  merchant_reference: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  description: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
  metadata: Type.Optional(Metadata),
  customer: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  return_url: Type.Optional(ReturnUrl),
  /** No members yet: routes are the account's configuration. */
  routing: Type.Optional(closedObject({})),
  /** What card statements can print; schemes refuse the rest. */
  statement_descriptor: Type.Optional(Type.String({ pattern: '^(?=.*[A-Za-z])[A-Za-z0-9 .,&/()+:#-]{2,22}$' })),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CreatePaymentBody = Static<typeof CreatePaymentBody>

export const ConfirmPaymentBody = closedObject({
  payment_method: Type.Optional(PaymentMethodToken),
  return_url: Type.Optional(ReturnUrl),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type ConfirmPaymentBody = Static<typeof ConfirmPaymentBody>

export const CapturePaymentBody = closedObject({
  amount: Type.Optional(Amount),
  final: Type.Optional(Type.Boolean()),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CapturePaymentBody = Static<typeof CapturePaymentBody>

export const CancelPaymentBody = closedObject({
  reason: Type.Optional(oneOf('duplicate', 'fraudulent', 'requested_by_customer', 'abandoned')),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CancelPaymentBody = Static<typeof CancelPaymentBody>

const refundMembers = {
  amount: Type.Optional(Amount),
  reason: Type.Optional(oneOf('duplicate', 'fraudulent', 'requested_by_customer')),
  idempotency_key: Type.Optional(IdempotencyKey),
}
export const RefundPaymentBody = closedObject(refundMembers)
export type RefundPaymentBody = Static<typeof RefundPaymentBody>

export const CreateRefundBody = closedObject({ payment: Type.String(), ...refundMembers })
export type CreateRefundBody = Static<typeof CreateRefundBody>

/** The routes of this edge take no query. */
export const NoQuery = closedObject({})
