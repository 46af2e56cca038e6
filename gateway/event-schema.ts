/** The public form of an event and of lists, version 2026-11-01. */
import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'
import type { PublicEventType } from '../domain/payment/public-events.ts'
import type { DisputeView, PaymentView, RefundInPaymentView } from './payment-schema.ts'
import { closedObject, nullable, oneOf } from './schema.ts'

/** In the order of a payment's life, for the document; total, so a new type does not compile until it is here. */
const eventTypes = Object.keys({
  'payment.created': true,
  'payment.requires_action': true,
  'payment.pending': true,
  'payment.authorized': true,
  'payment.partially_captured': true,
  'payment.captured': true,
  'payment.canceled': true,
  'payment.expired': true,
  'payment.failed': true,
  'payment.review': true,
  'refund.created': true,
  'refund.succeeded': true,
  'refund.failed': true,
  'refund.reversed': true,
  'dispute.opened': true,
  'dispute.updated': true,
  'dispute.won': true,
  'dispute.lost': true,
} satisfies Record<PublicEventType, true>) as readonly PublicEventType[]

/** What an event is about: rendered by the same functions as an answer, so it is written as it comes. */
export type EventObject = PaymentView | RefundInPaymentView | DisputeView

const describe = (description: string): TSchemaOptions => ({ description })

export const EventSchema = closedObject(
  {
    id: Type.String(),
    object: oneOf('event'),
    type: oneOf(...eventTypes),
    api_version: Type.String(describe('The version that `data` is rendered in.')),
    created: Type.Integer(describe('When it was decided. Unix seconds.')),
    created_at: Type.String(),
    livemode: Type.Boolean(),
    request: nullable(
      closedObject({ id: Type.String(), idempotency_key: Type.String() }),
      describe('The request that caused it; null where no request of the merchant did.'),
    ),
    payment: Type.String(),
    sequence: Type.Integer(describe('Orders the events of a payment; events of one decision share it.')),
    data: closedObject({
      object: Type.Unsafe<EventObject>({
        type: 'object',
        additionalProperties: true,
        description: 'The payment, refund or dispute, nothing expanded, as it was right after the event.',
      }),
      previous_attributes: Type.Unsafe<Readonly<Record<string, unknown>>>({
        type: 'object',
        additionalProperties: true,
        description:
          'The members of `object` that the event changed, with what they were before; empty for what is new.',
      }),
    }),
  },
  describe('Something that happened to a payment.'),
)

export type EventView = Static<typeof EventSchema>

export interface ListView<Item> {
  readonly object: 'list'
  readonly url: string
  readonly has_more: boolean
  readonly data: readonly Item[]
}

export function listOf<Item extends TSchema>(item: Item, description: string) {
  return closedObject(
    {
      object: oneOf('list'),
      url: Type.String(describe('The path that was listed.')),
      has_more: Type.Boolean(describe('More follow in the direction that was asked for.')),
      data: Type.Array(item, describe('Newest first.')),
    },
    describe(description),
  )
}
