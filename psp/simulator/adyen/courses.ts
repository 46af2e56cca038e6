/** What comes later, by itself or by people at the PSP: holds that run out, failures after success, disputes. */
import { type Change, nothing, type Surroundings } from './execution.ts'
import { type AdyenEventCode, eventDateOf, notificationOf } from './notification.ts'
import { type AdyenDispute, type AdyenModification, type AdyenPayment, capturable } from './records.ts'

const defencePeriodMs = 7 * 24 * 3_600_000

/** Nobody captured what is left of the hold. */
export function expire({ now }: Surroundings, payment: AdyenPayment): Change {
  const left = capturable(payment)
  const ended: AdyenPayment = {
    ...payment,
    status: payment.captured > 0 ? payment.status : 'expired',
    released: true,
    next: null,
  }
  return { ...nothing, records: [ended], notifications: [notificationOf(payment, 'EXPIRE', now, { amount: left })] }
}

/** A capture or refund that had succeeded is taken back. Undefined where there is no such success. */
export function takeBack(
  { world, now }: Surroundings,
  modification: AdyenModification,
  eventCode: 'CAPTURE_FAILED' | 'REFUND_FAILED' | 'REFUNDED_REVERSED',
): Change | undefined {
  const { type, status, payment: paymentId, amount } = modification
  const payment = world.payment(paymentId ?? '')
  if (payment === undefined || amount === null || status !== 'succeeded') return undefined
  if (type !== (eventCode === 'CAPTURE_FAILED' ? 'capture' : 'refund')) return undefined
  const changed: AdyenPayment =
    type === 'capture'
      ? { ...payment, captured: payment.captured - amount }
      : { ...payment, refunded: payment.refunded - amount }
  const reverted: AdyenModification = {
    ...modification,
    status: eventCode === 'REFUNDED_REVERSED' ? 'reversed' : 'failed',
    next: null,
  }
  const { id: of, reference } = modification
  const notification = notificationOf(payment, eventCode, now, { of, reference, amount, reason: reasons[eventCode] })
  return { ...nothing, records: [changed, reverted], notifications: [notification] }
}

const reasons = {
  CAPTURE_FAILED: 'Capture Failed',
  REFUND_FAILED: 'Refund Failed',
  REFUNDED_REVERSED: '',
} as const

/** The cardholder disputes: an inquiry takes nothing, anything else becomes a chargeback soon. */
export function openDispute(call: Surroundings, payment: AdyenPayment, amount: number, inquiry: boolean): Change {
  const dispute: AdyenDispute = {
    kind: 'dispute',
    id: call.ids.nextReference(),
    createdAt: call.now,
    payment: payment.id,
    amount,
    status: 'inquiry',
    next: null,
  }
  if (!inquiry) return notify(call, dispute)
  return { ...nothing, records: [dispute], notifications: [told(call, dispute, 'REQUEST_FOR_INFORMATION')] }
}

function notify(call: Surroundings, dispute: AdyenDispute): Change {
  const at = call.now + call.settings.modificationMs
  return {
    ...nothing,
    records: [{ ...dispute, status: 'notified', next: { at, step: 'charge_back' } }],
    notifications: [told(call, dispute, 'NOTIFICATION_OF_CHARGEBACK')],
  }
}

/** The amount is withdrawn. */
export function chargeBack(call: Surroundings, dispute: AdyenDispute): Change {
  return {
    ...nothing,
    records: [{ ...dispute, status: 'charged_back', next: null }],
    notifications: [told(call, dispute, 'CHARGEBACK')],
  }
}

/**
 * Won gives the amount back, and may be lost after all, which takes it again; a lost inquiry becomes a chargeback.
 * Undefined where nothing is to decide.
 */
export function decideDispute(call: Surroundings, dispute: AdyenDispute, outcome: 'won' | 'lost'): Change | undefined {
  const decided = (next: AdyenDispute['status'], eventCode: AdyenEventCode): Change => ({
    ...nothing,
    records: [{ ...dispute, status: next, next: null }],
    notifications: [told(call, dispute, eventCode)],
  })
  const { status } = dispute
  if (status === 'inquiry' && outcome === 'lost') return notify(call, dispute)
  if (status === 'charged_back') {
    return outcome === 'won'
      ? decided('reversed', 'CHARGEBACK_REVERSED')
      : decided('lost', 'DISPUTE_DEFENSE_PERIOD_ENDED')
  }
  return status === 'reversed' && outcome === 'lost' ? decided('lost', 'SECOND_CHARGEBACK') : undefined
}

function told(
  { world, now }: Surroundings,
  dispute: AdyenDispute,
  eventCode: AdyenEventCode,
): Change['notifications'][number] {
  const payment = world.payment(dispute.payment)
  if (payment === undefined) throw new Error(`dispute ${dispute.id} is of no payment`)
  return notificationOf(payment, eventCode, now, {
    of: dispute.id,
    amount: dispute.amount,
    reason: 'Other Fraud-Card Absent Environment',
    additionalData: {
      [eventCode === 'REQUEST_FOR_INFORMATION' ? 'rfiReasonCode' : 'chargebackReasonCode']: '10.4',
      [eventCode === 'REQUEST_FOR_INFORMATION' ? 'rfiSchemeCode' : 'chargebackSchemeCode']: 'visa',
      disputeStatus: disputeStatuses[eventCode] ?? 'Undefended',
      defensePeriodEndsAt: eventDateOf(dispute.createdAt + defencePeriodMs),
    },
  })
}

/** As Adyen's dispute webhooks spell them. */
const disputeStatuses: Partial<Readonly<Record<AdyenEventCode, string>>> = {
  CHARGEBACK_REVERSED: 'Pending',
  DISPUTE_DEFENSE_PERIOD_ENDED: 'Lost',
  SECOND_CHARGEBACK: 'Lost',
}
