/** Events as Stripe sends them: its own fixtures, with the fields that a test is about. */
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { operationIdOf } from '../../domain/ids.ts'
import { samplePayment } from './psp-calls.ts'

export type Json = Readonly<Record<string, unknown>>

const { resources } = JSON.parse(
  readFileSync(new URL('../../psp/stripe/fixtures/stripe.fixtures.json', import.meta.url), 'utf8'),
) as { readonly resources: Readonly<Record<string, Json>> }

/** Ids of the sample payment's operations, which Stripe echoes. */
export const ids = {
  authorize: operationIdOf('att', samplePayment, 1),
  capture: operationIdOf('cap', samplePayment, 1),
  void: operationIdOf('void', samplePayment, 1),
  refund: operationIdOf('re', samplePayment, 1),
} as const

/** What our authorization leaves on the intent and its charge. */
export const ourMetadata = {
  payment_id: samplePayment,
  operation_id: ids.authorize,
  merchant: 'mer_shoes',
  shardpay: '1',
}

/** A hold of 12.34 EUR that waits for its capture. */
export function intent(fields: Json = {}): Json {
  return {
    ...resources['payment_intent'],
    allowed_payment_method_types: null,
    payment_record: null,
    id: 'pi_1',
    amount: 1234,
    amount_capturable: 1234,
    capture_method: 'manual',
    currency: 'eur',
    status: 'requires_capture',
    canceled_at: null,
    last_payment_error: null,
    latest_charge: 'ch_1',
    metadata: ourMetadata,
    next_action: null,
    processing: null,
    shipping: null,
    transfer_data: null,
    ...fields,
  }
}

/** The charge of that hold. */
export function charge(fields: Json = {}): Json {
  const details = resources['charge']?.['payment_method_details'] as { readonly card: Json }
  return {
    ...resources['charge'],
    id: 'ch_1',
    amount: 1234,
    amount_captured: 0,
    balance_transaction: null,
    billing_details: { ...(resources['charge']?.['billing_details'] as Json), email: 'jane@example.com' },
    captured: false,
    currency: 'eur',
    metadata: ourMetadata,
    payment_intent: 'pi_1',
    payment_method_details: {
      ...details,
      card: { ...details.card, capture_before: 1_800_500_000, electronic_commerce_indicator: null },
    },
    ...fields,
  }
}

/** Our refund of 12.34 EUR. */
export function refund(fields: Json = {}): Json {
  return {
    ...resources['refund'],
    id: 're_1',
    amount: 1234,
    balance_transaction: 'txn_2',
    charge: 'ch_1',
    currency: 'eur',
    metadata: { ...ourMetadata, operation_id: ids.refund },
    payment_intent: 'pi_1',
    ...fields,
  }
}

/** A chargeback of 12.34 EUR that waits for evidence. */
export function dispute(fields: Json = {}): Json {
  return {
    ...resources['dispute'],
    intended_submission_method: null,
    evidence_details: { ...(resources['dispute']?.['evidence_details'] as Json), submission_method: 'not_submitted' },
    id: 'du_1',
    amount: 1234,
    charge: 'ch_1',
    currency: 'eur',
    payment_intent: 'pi_1',
    status: 'needs_response',
    ...fields,
  }
}

/** One of the movements that a dispute shows. */
export function movement(fields: Json = {}): Json {
  return { ...resources['balance_transaction'], currency: 'eur', amount: -1234, fee: 1500, net: -2734, ...fields }
}

export function payout(fields: Json = {}): Json {
  return { ...resources['payout'], ...fields }
}

export function reportRun(fields: Json = {}): Json {
  const result = {
    ...(resources['reporting.report_run']?.['result'] as Json),
    url: 'https://files.stripe.com/v1/files/file_1/contents',
  }
  return { ...resources['reporting.report_run'], id: 'frr_1', livemode: false, result, ...fields }
}

export interface EventOptions {
  /** Idempotency key of the API call that caused it; none by default. */
  readonly key?: string
  readonly previous?: Json
  readonly fields?: Json
}

export function event(type: string, object: Json, { key, previous, fields }: EventOptions = {}): Json {
  return {
    ...resources['event'],
    id: 'evt_1',
    api_version: '2026-10-28.endive',
    created: 1_800_000_000,
    data: { object, ...(previous !== undefined && { previous_attributes: previous }) },
    pending_webhooks: 1,
    request: key === undefined ? { id: null, idempotency_key: null } : { id: 'req_1', idempotency_key: key },
    type,
    ...fields,
  }
}

/** The header that Stripe sends with this body. `at`: unix seconds. */
export function signatureHeader(body: string | Buffer, secret: string, at: number): string {
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex')}`
}
