/** What a request or the passing of time is given, and what comes of it. */
import { parseOperationId } from '../../../domain/ids.ts'
import type { BookEntry, BookOperation } from '../book.ts'
import type { IdSource } from '../ids.ts'
import type { AdyenPricing } from '../reports/fees.ts'
import type { AccountZone } from '../reports/local-time.ts'
import type { AdyenNotification } from './notification.ts'
import type { AdyenPayment, AdyenRecord, AdyenRequestIdentity } from './records.ts'
import type { JsonObject } from './requests.ts'
import type { AdyenWorld } from './world.ts'

/** The merchant account's settings, and how fast things happen. */
export interface AdyenSettings {
  /** From `received` until a modification takes effect. Default 20. */
  readonly modificationMs: number
  /** From success until what comes later of it: a failure, a chargeback. Default 3000. */
  readonly laterMs: number
  /** How long an authorisation can be captured. Default 28 days. */
  readonly holdMs: number
  /** Whether one authorisation takes several captures. Default no: the first releases the rest. */
  readonly multicapture: boolean
  /** How its fees are told in reports. Default `blended`. */
  readonly fees: AdyenPricing
  /** Of its reports. Default Europe/Amsterdam. */
  readonly timeZone: AccountZone
}

export const defaultSettings: AdyenSettings = {
  modificationMs: 20,
  laterMs: 3_000,
  holdMs: 28 * 24 * 3_600_000,
  multicapture: false,
  fees: 'blended',
  timeZone: 'Europe/Amsterdam',
}

export interface Surroundings {
  readonly world: AdyenWorld
  readonly ids: IdSource
  readonly settings: AdyenSettings
  /** Unix milliseconds. */
  readonly now: number
}

export interface Call extends Surroundings {
  readonly body: JsonObject
  readonly request: AdyenRequestIdentity
  readonly publicUrl: string
}

export type AdyenEffect = Omit<BookEntry, 'at' | 'psp'>

export interface Change {
  readonly records: readonly AdyenRecord[]
  readonly effects: readonly AdyenEffect[]
  readonly notifications: readonly AdyenNotification[]
}

export interface Execution extends Change {
  readonly status: number
  readonly body: JsonObject
}

export const nothing: Change = { records: [], effects: [], notifications: [] }

/** An entry of the book about a payment. */
export function effectOf(
  payment: AdyenPayment,
  operation: BookOperation,
  facts: {
    readonly request: AdyenRequestIdentity
    /** The merchant's for the operation. */
    readonly reference: string | null
    readonly amount: number
    readonly effect: boolean
    readonly status: string
    /** Default: the payment's. */
    readonly pspReference?: string
  },
): AdyenEffect {
  const { request, reference, amount, effect, status } = facts
  return {
    operation,
    operation_id: reference ?? request.idempotencyKey,
    idempotency_key: request.idempotencyKey,
    amount,
    currency: payment.currency.toLowerCase(),
    effect,
    payment: paymentOf(payment.reference),
    psp_reference: facts.pspReference ?? payment.id,
    status,
    request_id: request.requestId,
  }
}

/** Our payment's id, as the reference of one of its operations tells it. */
export function paymentOf(reference: string | null): string | null {
  return (reference === null ? undefined : parseOperationId(reference))?.paymentId ?? null
}
