/**
 * Captures, refunds, cancels, reversals and adjustments: received at once, whatever they ask for, and judged when they take
 * effect, which a notification tells.
 */
import { laterOfCapture } from './authorization.ts'
import { type Call, type Change, type Execution, effectOf, paymentOf, type Surroundings } from './execution.ts'
import { invalid } from './failure.ts'
import { type AdyenEventCode, eventDateOf, notificationOf } from './notification.ts'
import { type AdyenModification, type AdyenPayment, capturable } from './records.ts'
import { bodies, type JsonObject, readBody } from './requests.ts'

type Type = AdyenModification['type']

export function captures(call: Call, payment: string): Execution {
  const body = readBody(bodies.Capture, call.body)
  return received(call, newModification(call, 'capture', findPayment(call, payment), body), body)
}

export function refunds(call: Call, payment: string): Execution {
  const body = readBody(bodies.Refund, call.body)
  return received(call, newModification(call, 'refund', findPayment(call, payment), body), body)
}

export function cancels(call: Call, payment: string): Execution {
  const body = readBody(bodies.Cancel, call.body)
  return received(call, newModification(call, 'cancel', findPayment(call, payment), body), body)
}

export function reversals(call: Call, payment: string): Execution {
  const body = readBody(bodies.Cancel, call.body)
  return received(call, newModification(call, 'reversal', findPayment(call, payment), body), body)
}

export function amountUpdates(call: Call, payment: string): Execution {
  const body = readBody(bodies.AmountUpdate, call.body)
  return received(call, newModification(call, 'adjustment', findPayment(call, payment), body), body)
}

/** By the payment's reference, which need not be known: looked up when the cancel takes effect. */
export function cancelsByReference(call: Call): Execution {
  const body = readBody(bodies.CancelByReference, call.body)
  return received(call, newModification(call, 'technical_cancel', undefined, body), body)
}

export interface ModificationFields {
  readonly merchantAccount: string
  readonly reference?: string
  readonly amount?: { readonly currency: string; readonly value: number }
  readonly capturePspReference?: string
  readonly paymentReference?: string
}

export function newModification(
  call: Surroundings & Pick<Call, 'request'>,
  type: Type,
  payment: AdyenPayment | undefined,
  fields: ModificationFields,
): AdyenModification {
  return {
    kind: 'modification',
    id: call.ids.nextReference(),
    createdAt: call.now,
    type,
    merchantAccount: fields.merchantAccount,
    payment: payment?.id ?? null,
    paymentReference: fields.paymentReference ?? null,
    reference: fields.reference ?? null,
    amount: fields.amount?.value ?? null,
    currency: fields.amount?.currency ?? null,
    capture: fields.capturePspReference ?? null,
    status: 'received',
    request: call.request,
    next: { at: call.now + call.settings.modificationMs, step: 'apply' },
  }
}

/** A modification's entry in the book before it takes effect. */
export function receivedEffect(
  world: Surroundings['world'],
  modification: AdyenModification,
): Change['effects'][number] {
  const payment = subjectOf(world, modification)
  const { request, reference, currency, paymentReference } = modification
  return {
    operation: operationOf(modification, payment),
    operation_id: reference ?? request.idempotencyKey,
    idempotency_key: request.idempotencyKey,
    amount: modification.amount ?? payment?.amount ?? null,
    currency: (currency ?? payment?.currency)?.toLowerCase() ?? null,
    effect: false,
    payment: paymentOf(payment?.reference ?? paymentReference),
    psp_reference: modification.id,
    status: 'received',
    request_id: request.requestId,
  }
}

function received(call: Call, modification: AdyenModification, asked: ModificationFields & JsonObject): Execution {
  const { applicationInfo: _, ...echo } = asked
  return {
    records: [modification],
    effects: [receivedEffect(call.world, modification)],
    notifications: [],
    status: 201,
    body: {
      ...echo,
      ...(modification.type === 'adjustment' && modification.reference === null ? { reference: '' } : {}),
      ...(modification.payment === null ? {} : { paymentPspReference: modification.payment }),
      pspReference: modification.id,
      status: 'received',
    },
  }
}

/** The modification takes effect, or turns out to be impossible. */
export function applyModification(call: Surroundings, modification: AdyenModification): Change {
  const payment = subjectOf(call.world, modification)
  if (payment === undefined) return notFound(call, modification)
  const verdict = judge(call, modification, payment)
  const done: AdyenModification = {
    ...modification,
    payment: payment.id,
    status: 'refusal' in verdict ? 'refused' : 'succeeded',
    next: 'refusal' in verdict ? null : laterOf(call, modification, payment),
  }
  const { request, reference, type } = modification
  const operation = operationOf(modification, payment)
  const amount = 'refusal' in verdict ? (modification.amount ?? payment.amount) : verdict.amount
  const succeeded = !('refusal' in verdict)
  return {
    records: 'refusal' in verdict ? [done] : [verdict.payment, done],
    effects: [
      effectOf(payment, operation, {
        request,
        reference,
        amount,
        effect: succeeded,
        status: done.status,
        // a void's is the authorization's, which it ends
        pspReference: operation === 'void' ? payment.id : modification.id,
      }),
    ],
    notifications: [
      notificationOf(payment, eventCodes[type], call.now, {
        of: modification.id,
        reference: type === 'technical_cancel' ? null : reference,
        amount,
        success: succeeded,
        reason: 'refusal' in verdict ? verdict.refusal : '',
        ...(type === 'reversal'
          ? { additionalData: { 'modification.action': operation === 'void' ? 'cancel' : 'refund' } }
          : {}),
      }),
    ],
  }
}

const eventCodes: Readonly<Record<Type, AdyenEventCode>> = {
  capture: 'CAPTURE',
  refund: 'REFUND',
  cancel: 'CANCELLATION',
  technical_cancel: 'TECHNICAL_CANCEL',
  reversal: 'CANCEL_OR_REFUND',
  adjustment: 'AUTHORISATION_ADJUSTMENT',
}

type Judgement = { readonly payment: AdyenPayment; readonly amount: number } | { readonly refusal: string }

function judge(call: Surroundings, modification: AdyenModification, payment: AdyenPayment): Judgement {
  switch (modification.type) {
    case 'capture':
      return judgeCapture(call, modification, payment)
    case 'refund':
      return judgeRefund(call, modification, payment)
    case 'cancel':
    case 'technical_cancel':
      return judgeCancel(payment)
    case 'reversal':
      return judgeReversal(call, payment)
    case 'adjustment':
      return judgeAdjustment(modification, payment)
  }
}

function judgeCapture({ settings }: Surroundings, modification: AdyenModification, payment: AdyenPayment): Judgement {
  if (payment.status !== 'authorised') return { refusal: `Payment is ${payment.status}, capture not possible` }
  const amount = modification.amount ?? 0
  if (modification.currency !== payment.currency) return { refusal: 'Currency differs from the payment' }
  if (amount > capturable(payment)) return { refusal: 'Insufficient balance on payment' }
  const captured = payment.captured + amount
  const released = !settings.multicapture || captured === payment.amount
  return { payment: { ...payment, captured, released, next: released ? null : payment.next }, amount }
}

function judgeRefund({ world }: Surroundings, modification: AdyenModification, payment: AdyenPayment): Judgement {
  if (payment.captured === 0) return { refusal: "Transaction hasn't been captured, refund not possible" }
  if (modification.currency !== payment.currency) return { refusal: 'Currency differs from the payment' }
  if (isChargedBack(world, payment)) return { refusal: 'Payment is charged back, refund not possible' }
  const amount = modification.amount ?? 0
  const capture = modification.capture === null ? undefined : world.modification(modification.capture)
  if (
    modification.capture !== null &&
    !(capture?.payment === payment.id && capture.type === 'capture' && capture.status === 'succeeded')
  ) {
    return { refusal: 'Capture not found, refund not possible' }
  }
  if (amount > payment.captured - payment.refunded) return { refusal: 'Insufficient balance on payment' }
  return { payment: { ...payment, refunded: payment.refunded + amount }, amount }
}

function judgeCancel(payment: AdyenPayment): Judgement {
  if (payment.captured > 0) return { refusal: 'Transaction has been captured, cancel not possible' }
  if (payment.status !== 'authorised' && payment.status !== 'redirected') {
    return { refusal: `Payment is ${payment.status}, cancel not possible` }
  }
  return { payment: { ...payment, status: 'cancelled', released: true, next: null }, amount: payment.amount }
}

/** The whole payment, or nothing of it. */
function judgeReversal({ world }: Surroundings, payment: AdyenPayment): Judgement {
  if (payment.captured === 0) return judgeCancel(payment)
  const takings = world
    .modificationsOf(payment.id)
    .filter(({ type, status }) => type === 'capture' && status === 'succeeded')
  if (takings.length > 1) return { refusal: 'Payment has several captures, reversal not possible' }
  if (payment.refunded > 0) return { refusal: 'Insufficient balance on payment' }
  if (isChargedBack(world, payment)) return { refusal: 'Payment is charged back, refund not possible' }
  return { payment: { ...payment, refunded: payment.captured }, amount: payment.captured }
}

function judgeAdjustment(modification: AdyenModification, payment: AdyenPayment): Judgement {
  if (payment.status !== 'authorised' || payment.captured > 0) {
    return { refusal: `Payment is ${payment.captured > 0 ? 'captured' : payment.status}, adjustment not possible` }
  }
  if (modification.currency !== payment.currency) return { refusal: 'Currency differs from the payment' }
  const amount = modification.amount ?? 0
  return { payment: { ...payment, amount }, amount }
}

function isChargedBack(world: Surroundings['world'], payment: AdyenPayment): boolean {
  return world.disputesOf(payment.id).some(({ status }) => status === 'charged_back' || status === 'lost')
}

function laterOf(call: Surroundings, { type }: AdyenModification, payment: AdyenPayment): AdyenModification['next'] {
  const at = call.now + call.settings.laterMs
  if (type === 'capture') return laterOfCapture(payment, at)
  return type === 'refund' && payment.course === 'refund_fails' ? { at, step: 'fail' } : null
}

/** A cancel of a reference that no payment has. */
function notFound({ now }: Surroundings, modification: AdyenModification): Change {
  const { id, merchantAccount, paymentReference, request, reference } = modification
  return {
    records: [{ ...modification, status: 'refused', next: null }],
    effects: [
      {
        operation: 'void',
        operation_id: reference ?? request.idempotencyKey,
        idempotency_key: request.idempotencyKey,
        amount: null,
        currency: null,
        effect: false,
        payment: paymentOf(paymentReference),
        psp_reference: id,
        status: 'refused',
        request_id: request.requestId,
      },
    ],
    notifications: [
      {
        eventCode: 'TECHNICAL_CANCEL',
        pspReference: id,
        merchantReference: paymentReference ?? '',
        merchantAccountCode: merchantAccount,
        eventDate: eventDateOf(now),
        // the item's amount is required, and of an unknown payment nothing is known
        amount: { currency: 'EUR', value: 0 },
        success: 'false',
        reason: 'Transaction not found',
      },
    ],
  }
}

function subjectOf(world: Surroundings['world'], modification: AdyenModification): AdyenPayment | undefined {
  const { payment, paymentReference, merchantAccount } = modification
  if (payment !== null) return world.payment(payment)
  return world.paymentByReference(merchantAccount, paymentReference ?? '')
}

/** What it means for the book. A reversal is what the payment's state makes of it. */
function operationOf(
  { type }: AdyenModification,
  payment: AdyenPayment | undefined,
): Change['effects'][number]['operation'] {
  switch (type) {
    case 'capture':
    case 'refund':
      return type
    case 'cancel':
    case 'technical_cancel':
      return 'void'
    case 'reversal':
      return (payment?.captured ?? 0) > 0 ? 'refund' : 'void'
    case 'adjustment':
      return 'adjust'
  }
}

function findPayment({ world }: Call, id: string): AdyenPayment {
  const payment = world.payment(id)
  if (payment === undefined) throw invalid('167', 'Original pspReference required for this operation')
  return payment
}
