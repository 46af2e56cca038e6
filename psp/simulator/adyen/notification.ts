/**
 * What the simulated Adyen tells of by webhook: the items of its standard notifications, not yet signed. Sending, signing,
 * delays and repeats are the sender's business.
 */
import type { AdyenPayment } from './records.ts'

export type AdyenEventCode =
  | 'AUTHORISATION'
  | 'AUTHORISATION_ADJUSTMENT'
  | 'CANCELLATION'
  | 'CANCEL_OR_REFUND'
  | 'CAPTURE'
  | 'CAPTURE_FAILED'
  | 'CHARGEBACK'
  | 'CHARGEBACK_REVERSED'
  | 'DISPUTE_DEFENSE_PERIOD_ENDED'
  | 'EXPIRE'
  | 'NOTIFICATION_OF_CHARGEBACK'
  | 'REFUND'
  | 'REFUND_FAILED'
  | 'REFUNDED_REVERSED'
  | 'REPORT_AVAILABLE'
  | 'REQUEST_FOR_INFORMATION'
  | 'SECOND_CHARGEBACK'
  | 'TECHNICAL_CANCEL'

/** The members of a `NotificationRequestItem`, without a signature. */
export interface AdyenNotification {
  readonly eventCode: AdyenEventCode
  /** The modification's or dispute's own; of an authorisation or its end, the payment's. */
  readonly pspReference: string
  /** The payment's, where the event is not of the payment itself. */
  readonly originalReference?: string
  /** The modification's reference where it had one, else the payment's. */
  readonly merchantReference: string
  readonly merchantAccountCode: string
  /** `yyyy-MM-ddThh:mm:ss+00:00`. */
  readonly eventDate: string
  readonly amount: { readonly currency: string; readonly value: number }
  readonly success: 'true' | 'false'
  readonly paymentMethod?: string
  /** Empty where there is nothing to say. */
  readonly reason: string
  readonly operations?: readonly ('CANCEL' | 'CAPTURE' | 'REFUND')[]
  readonly additionalData?: Readonly<Record<string, string>>
}

export type AdyenNotificationListener = (notification: AdyenNotification) => void

/** An event about a payment; members that it does not give are the payment's. */
export function notificationOf(
  payment: AdyenPayment,
  eventCode: AdyenEventCode,
  at: number,
  facts: {
    /** Absent: the event is of the payment itself. */
    readonly of?: string
    readonly reference?: string | null
    readonly amount?: number
    readonly success?: boolean
    readonly reason?: string
    readonly operations?: AdyenNotification['operations']
    readonly additionalData?: AdyenNotification['additionalData']
  } = {},
): AdyenNotification {
  return {
    eventCode,
    pspReference: facts.of ?? payment.id,
    ...(facts.of === undefined ? {} : { originalReference: payment.id }),
    merchantReference: facts.reference ?? payment.reference,
    merchantAccountCode: payment.merchantAccount,
    eventDate: eventDateOf(at),
    amount: { currency: payment.currency, value: facts.amount ?? payment.amount },
    success: facts.success === false ? 'false' : 'true',
    paymentMethod: payment.brand,
    reason: facts.reason ?? '',
    ...(facts.operations === undefined ? {} : { operations: facts.operations }),
    ...(facts.additionalData === undefined ? {} : { additionalData: facts.additionalData }),
  }
}

/** A report can be fetched. */
export function reportAvailable(
  report: { readonly merchantAccount: string; readonly fileName: string; readonly url: string },
  at: number,
): AdyenNotification {
  return {
    eventCode: 'REPORT_AVAILABLE',
    pspReference: report.fileName,
    merchantReference: '',
    merchantAccountCode: report.merchantAccount,
    eventDate: eventDateOf(at),
    // the item's amount is required, and a report is of none
    amount: { currency: 'EUR', value: 0 },
    success: 'true',
    reason: report.url,
  }
}

/** @param at unix milliseconds */
export function eventDateOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}+00:00`
}
