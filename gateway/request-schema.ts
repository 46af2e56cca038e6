/**
 * What requests may carry. Unknown members are refused, never dropped. Descriptions are what the document of the API says.
 */
import { type Static, type TSchemaOptions, Type } from 'typebox'
import { httpLimits } from '../runtime/limits.ts'
import { paymentMethodTypes } from './payment-schema.ts'
import { expandParameter } from './query.ts'
import { closedObject, oneOf } from './schema.ts'

const describe = (description: string): TSchemaOptions => ({ description })

/** What a currency allows is checked where the currency is known. */
const Amount = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Minor units: 1099 is 10.99 EUR, or 1099 JPY.',
})
/** Checked like the header, in one place: idempotency.ts. */
const IdempotencyKey = Type.String(
  describe('Instead of the header `Idempotency-Key`; both must be equal where both are given.'),
)
/** Its paths are checked where it is known what they can name: expand.ts. */
const Expand = Type.Array(Type.String(), {
  maxItems: httpLimits.expandPathsMax,
  description: 'Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal.',
})

/**
 * A token, or an object. One schema with two types instead of a choice of schemas, whose complaints name nothing; a
 * keyword counts for values of its own type only. What a wallet's token may be is checked in payment-method.ts.
 */
const PaymentMethod = Type.Unsafe<string | PaymentMethodBody>({
  type: ['string', 'object'],
  pattern: '^[A-Za-z0-9_-]{1,255}$',
  properties: {
    type: { type: 'string', enum: paymentMethodTypes },
    token: {
      type: 'string',
      minLength: 1,
      maxLength: httpLimits.walletTokenCharactersMax,
      description:
        'The PSP’s token, or a JSON text: what a wallet gave your page, or the card that the PSP’s page has encrypted.',
    },
  },
  required: ['type', 'token'],
  additionalProperties: false,
  description: 'The PSP’s token of a card, such as `pm_card_visa`; or an object, for wallets too.',
})
export interface PaymentMethodBody {
  readonly type: (typeof paymentMethodTypes)[number]
  readonly token: string
}

/** Its form is checked by hand: return-url.ts. */
const ReturnUrl = Type.String({
  minLength: 1,
  maxLength: 2_048,
  description: 'Where the shopper is sent after an action of the PSP. https, in test mode http too.',
})
const Metadata = Type.Unsafe<Readonly<Record<string, string>>>({
  type: 'object',
  maxProperties: httpLimits.metadataKeysMax,
  propertyNames: { type: 'string', minLength: 1, maxLength: httpLimits.metadataKeyCharactersMax },
  additionalProperties: { type: 'string', maxLength: httpLimits.metadataValueCharactersMax },
  description: 'Texts of your own, given back as they are. No card numbers, nothing that only shoppers should know.',
})

export const CreatePaymentBody = closedObject({
  amount: Amount,
  currency: Type.String({ pattern: '^[A-Za-z]{3}$', description: 'ISO 4217, in any case.' }),
  payment_method: Type.Optional(PaymentMethod),
  capture_method: Type.Optional(oneOf('automatic', 'manual')),
  confirm: Type.Optional(Type.Boolean(describe('Default true. False: the payment waits for `confirm`.'))),
  merchant_reference: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'Your own name for it, such as an order’s number.' }),
  ),
  description: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
  metadata: Type.Optional(Metadata),
  customer: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'Your own id of the customer.' })),
  return_url: Type.Optional(ReturnUrl),
  routing: Type.Optional(
    closedObject(
      {
        connection: Type.Optional(
          Type.String({
            pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
            description: 'Of the account’s routes only those of this PSP connection, such as `adyen-test`.',
          }),
        ),
      },
      describe('Narrows the account’s routes for this payment.'),
    ),
  ),
  /** What card statements can print; schemes refuse the rest. */
  statement_descriptor: Type.Optional(
    Type.String({
      pattern: '^(?=.*[A-Za-z])[A-Za-z0-9 .,&/()+:#-]{2,22}$',
      description: 'What the card’s statement shows: 2 to 22 characters, a letter among them.',
    }),
  ),
  expand: Type.Optional(Expand),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CreatePaymentBody = Static<typeof CreatePaymentBody>

export const ConfirmPaymentBody = closedObject({
  payment_method: Type.Optional(PaymentMethod),
  return_url: Type.Optional(ReturnUrl),
  expand: Type.Optional(Expand),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type ConfirmPaymentBody = Static<typeof ConfirmPaymentBody>

export const CapturePaymentBody = closedObject({
  amount: Type.Optional(Amount),
  final: Type.Optional(Type.Boolean(describe('Default true: the rest of the authorization is released.'))),
  expand: Type.Optional(Expand),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CapturePaymentBody = Static<typeof CapturePaymentBody>

export const CancelPaymentBody = closedObject({
  reason: Type.Optional(oneOf('duplicate', 'fraudulent', 'requested_by_customer', 'abandoned')),
  expand: Type.Optional(Expand),
  idempotency_key: Type.Optional(IdempotencyKey),
})
export type CancelPaymentBody = Static<typeof CancelPaymentBody>

const refundMembers = {
  amount: Type.Optional(Amount),
  reason: Type.Optional(oneOf('duplicate', 'fraudulent', 'requested_by_customer')),
  expand: Type.Optional(Expand),
  idempotency_key: Type.Optional(IdempotencyKey),
}
export const RefundPaymentBody = closedObject(refundMembers)
export type RefundPaymentBody = Static<typeof RefundPaymentBody>

export const CreateRefundBody = closedObject({ payment: Type.String(), ...refundMembers })
export type CreateRefundBody = Static<typeof CreateRefundBody>

export const NoQuery = closedObject({})

export const ExpandQuery = closedObject({
  [expandParameter]: Type.Optional(
    Type.Array(Type.String(), {
      maxItems: httpLimits.expandPathsMax,
      description: 'Which ids of the answer are replaced by what they stand for: `expand[]=refunds&expand[]=captures`.',
    }),
  ),
})
export type ExpandQuery = Static<typeof ExpandQuery>

const Cursor = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 128, description }))
export const ListQuery = closedObject({
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: httpLimits.listLimit.max, default: httpLimits.listLimit.default }),
  ),
  starting_after: Cursor('Id of an item: only what follows it, which is older.'),
  ending_before: Cursor('Id of an item: only what comes before it, which is newer.'),
})
export type ListQuery = Static<typeof ListQuery>
