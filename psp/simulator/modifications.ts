/** What happens to an authorization afterwards: capture, cancellation, refund. */
import { testCard } from './cards.ts'
import { isChargedBack, withDisputeOfCard } from './disputes.ts'
import {
  type Call,
  type Effect,
  effectOf,
  executed,
  type Execution,
  findIntent,
  mergeMetadata,
  readAmount,
  unexpectedState,
} from './execution.ts'
import { invalidParameter, notFound } from './failure.ts'
import { type ChargeRecord, type IntentRecord, type RefundRecord, refundStatusAt } from './records.ts'

const cancellationReasons = ['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'] as const
const refundReasons = ['duplicate', 'fraudulent', 'requested_by_customer'] as const

export function captureIntent(call: Call, id: string): Execution {
  const { parameters } = call
  const asked = readAmount(parameters, 'amount_to_capture')
  const final = parameters.boolean('final_capture')
  const metadata = parameters.map('metadata')
  const expand = parameters.list('expand')
  parameters.text('statement_descriptor_suffix')
  parameters.finish()
  const intent = findIntent(call, id)
  const charge = intent.latestCharge === null ? undefined : call.world.charge(intent.latestCharge)
  if (intent.status !== 'requires_capture' || charge === undefined) throw unexpectedState(intent, 'capture')
  if (final !== undefined && !intent.multicapture) {
    throw executed('Multicapture is not available on this PaymentIntent.', intent, { param: 'final_capture' })
  }
  const amount = asked ?? intent.amountCapturable
  if (amount > intent.amountCapturable) {
    throw executed('The amount to capture is above the amount that can be captured.', intent, {
      code: 'amount_too_large',
      param: 'amount_to_capture',
    })
  }
  const capturable = intent.amountCapturable - amount
  const done = final !== false || capturable === 0
  const next: IntentRecord = {
    ...intent,
    status: done ? 'succeeded' : 'requires_capture',
    amountCapturable: done ? 0 : capturable,
    amountReceived: intent.amountReceived + amount,
    metadata: metadata === undefined ? intent.metadata : mergeMetadata(intent.metadata, metadata),
  }
  const nextCharge: ChargeRecord = {
    ...charge,
    captured: true,
    amountCaptured: charge.amountCaptured + amount,
    balanceTransaction: charge.balanceTransaction ?? call.ids.next('txn'),
  }
  const effect = effectOf(next, 'capture', call.idempotencyKey, amount, true, next.status)
  const records = [next, ...withDisputeOfCard(nextCharge, call)]
  return { status: 200, id, expand, records, effects: [effect] }
}

export function cancelIntent(call: Call, id: string): Execution {
  const { parameters } = call
  const reason = parameters.oneOf('cancellation_reason', cancellationReasons) ?? null
  const expand = parameters.list('expand')
  parameters.finish()
  const intent = findIntent(call, id)
  if (intent.status === 'succeeded' || intent.status === 'canceled') throw unexpectedState(intent, 'cancel')
  const next: IntentRecord = {
    ...intent,
    status: 'canceled',
    amountCapturable: 0,
    canceledAt: call.now,
    cancellationReason: reason,
    actionUrl: null,
  }
  const charge = intent.latestCharge === null ? undefined : call.world.charge(intent.latestCharge)
  const released = charge !== undefined && intent.status === 'requires_capture'
  const records = released ? [next, { ...charge, released: true }] : [next]
  const effect = effectOf(next, 'void', call.idempotencyKey, intent.amountCapturable, true, next.status)
  return { status: 200, id, expand, records, effects: [effect] }
}

export function createRefund(call: Call): Execution {
  const { parameters, world, ids, now } = call
  const intentId = parameters.text('payment_intent')
  const chargeId = parameters.text('charge')
  const asked = readAmount(parameters, 'amount')
  const reason = parameters.oneOf('reason', refundReasons) ?? null
  const metadata = parameters.map('metadata') ?? {}
  const expand = parameters.list('expand')
  parameters.finish()
  if ((intentId === undefined) === (chargeId === undefined)) {
    throw invalidParameter('parameter_missing', 'One of payment_intent and charge is required.', 'payment_intent')
  }
  const found = chargeId === undefined ? world.intent(intentId ?? '')?.latestCharge : chargeId
  const charge = world.charge(found ?? '')
  const intent = world.intent(charge?.intent ?? intentId ?? '')
  if (intent === undefined)
    throw notFound('payment_intent', intentId ?? chargeId ?? '', intentId === undefined ? 'charge' : 'payment_intent')
  if (charge === undefined || !charge.captured) {
    throw executed('This PaymentIntent does not have a successful charge to refund.', intent, {
      code: 'payment_intent_unexpected_state',
    })
  }
  if (isChargedBack(charge, world)) {
    throw executed(`Charge ${charge.id} has been charged back; cannot issue a refund.`, intent, {
      code: 'charge_disputed',
    })
  }
  const refunded = world
    .refundsOf(charge.id)
    .filter((refund) => refundStatusAt(refund, now) !== 'failed')
    .reduce((sum, refund) => sum + refund.amount, 0)
  const left = charge.amountCaptured - refunded
  if (left === 0) {
    throw executed(`Charge ${charge.id} has already been refunded.`, intent, { code: 'charge_already_refunded' })
  }
  const amount = asked ?? left
  if (amount > left)
    throw executed('Refund amount is greater than unrefunded amount on charge.', intent, { param: 'amount' })
  const refund: RefundRecord = {
    kind: 'refund',
    id: ids.next('re'),
    created: now,
    intent: intent.id,
    charge: charge.id,
    amount,
    currency: charge.currency,
    reason,
    metadata,
    paymentMethod: charge.paymentMethod,
    balanceTransaction: ids.next('txn'),
    course: testCard(charge.paymentMethod)?.refund ?? 'succeeds',
  }
  const effect: Effect = {
    operation: 'refund',
    operation_id: metadata['operation_id'] ?? call.idempotencyKey,
    amount,
    currency: charge.currency,
    effect: true,
    payment: metadata['payment_id'] ?? intent.metadata['payment_id'] ?? null,
    psp_reference: refund.id,
    status: refundStatusAt(refund, now),
  }
  return { status: 200, id: refund.id, expand, records: [refund], effects: [effect] }
}
