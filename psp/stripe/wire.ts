/**
 * What goes on the wire to Stripe: the request of each operation, and the reads that inquiries need.
 *
 * Permanent for request version 1: the same call always builds the same bytes, on any node, in any later release. A call
 * read from the journal is repeated with its idempotency key, and Stripe refuses a key with other parameters. So nothing
 * here depends on configuration, time or the connector's profile; a changed form is request version 2 beside this one.
 *
 * Every object carries `metadata[payment_id]` and `metadata[operation_id]`: the join key of webhooks, search and reports.
 * A capture makes no object of its own; it leaves its operation id as a metadata key of the payment intent, holding the
 * captured amount, so that an inquiry can tell our capture from anybody else's.
 */
import { toPspMinor } from '../../domain/money/psp-exponents.ts'
import type { AuthorizeCall, CaptureCall, PspCall, RefundCall } from '../../domain/payment/operations.ts'
import { unreachable } from '../../runtime/assert.ts'
import type { Unrepresentable } from '../unrepresentable.ts'
import { encodeForm, type FormValue } from './form.ts'
import { paymentMethodFields } from './wallet.ts'

/** The API version every request is sent with: fixes validation and the shape of answers. */
export const stripeVersion = '2026-10-28.endive'
/** Newest form this connector builds. */
export const stripeRequestVersion = 1

export interface StripeRequest {
  readonly method: 'GET' | 'POST'
  /** Path with query. */
  readonly path: string
  /** Form body of a POST. */
  readonly body?: string
  /** Sent with a POST; Stripe stores the first outcome under it. */
  readonly idempotencyKey?: string
}

/** A void needs the intent's id, which may have to be looked up first (see {@link cancelRequest}). */
export type DirectCall = Exclude<PspCall, { kind: 'void' }>

export function buildRequest(call: DirectCall): StripeRequest | Unrepresentable {
  if (call.requestVersion !== 1) return { unrepresentable: 'request_version' }
  switch (call.kind) {
    case 'authorize':
      return authorizeRequest(call)
    case 'complete':
      return retrieveIntent(call.pspReference)
    case 'capture':
      return captureRequest(call)
    case 'refund':
      return refundRequest(call)
    default:
      return unreachable(call)
  }
}

function authorizeRequest(call: AuthorizeCall): StripeRequest | Unrepresentable {
  const amount = toPspMinor('stripe', call.amountMinor, call.currency)
  if (amount === undefined) return { unrepresentable: 'amount' }
  const paymentMethod = paymentMethodFields(call.paymentMethod)
  if (paymentMethod === undefined) return { unrepresentable: 'payment_method' }
  return post('/v1/payment_intents', call.idempotencyKey, {
    amount,
    currency: call.currency.toLowerCase(),
    confirm: true,
    capture_method: call.captureMethod,
    ...paymentMethod,
    // Without a return address a redirect leads nowhere: then the PSP is told to decline instead of asking for one.
    ...(call.returnUrl === undefined
      ? { automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, error_on_requires_action: true }
      : { automatic_payment_methods: { enabled: true }, return_url: call.returnUrl }),
    description: call.description === undefined ? undefined : cut(call.description, descriptionMax),
    statement_descriptor_suffix: descriptorSuffix(call.statementDescriptor),
    metadata: {
      payment_id: call.paymentId,
      operation_id: call.operationId,
      merchant: call.merchant,
      merchant_reference: call.merchantReference === undefined ? undefined : cut(call.merchantReference, metadataMax),
      shardpay: '1',
    },
    expand: ['latest_charge'],
  })
}

function captureRequest(call: CaptureCall): StripeRequest | Unrepresentable {
  const amount = toPspMinor('stripe', call.amountMinor, call.currency)
  if (amount === undefined) return { unrepresentable: 'amount' }
  return post(`${intentPath(call.authorizationReference)}/capture`, call.idempotencyKey, {
    amount_to_capture: amount,
    // Only accounts with several captures per authorization know the parameter; `true` is the default anyway.
    final_capture: call.final ? undefined : false,
    metadata: { [call.operationId]: String(amount) },
    expand: ['latest_charge'],
  })
}

function refundRequest(call: RefundCall): StripeRequest | Unrepresentable {
  const amount = toPspMinor('stripe', call.amountMinor, call.currency)
  if (amount === undefined) return { unrepresentable: 'amount' }
  return post('/v1/refunds', call.idempotencyKey, {
    payment_intent: call.authorizationReference,
    amount,
    reason: call.reason,
    metadata: { payment_id: call.paymentId, operation_id: call.operationId, merchant: call.merchant, shardpay: '1' },
  })
}

/** Cancels an intent: releases a hold, or ends an authorization that waits for its shopper. */
export function cancelRequest(intent: string, idempotencyKey: string): StripeRequest {
  return post(`${intentPath(intent)}/cancel`, idempotencyKey, { expand: ['latest_charge'] })
}

export function retrieveIntent(intent: string): StripeRequest {
  return get(intentPath(intent), { expand: ['latest_charge'] })
}

export function retrieveRefund(refund: string): StripeRequest {
  return get(`/v1/refunds/${encodeURIComponent(refund)}`, {})
}

/** All refunds of an intent, newest first. */
export function listRefunds(intent: string, startingAfter?: string): StripeRequest {
  return get('/v1/refunds', { payment_intent: intent, limit: listMax, starting_after: startingAfter })
}

/** Intents by our operation id. Stripe's index is normally a minute behind, in its outages up to an hour. */
export function searchIntents(operationId: string): StripeRequest {
  return get('/v1/payment_intents/search', {
    query: `metadata['operation_id']:'${operationId}'`,
    limit: 10,
    expand: ['data.latest_charge'],
  })
}

/** Stripe's largest page. */
const listMax = 100
const descriptionMax = 1000
const metadataMax = 500
const descriptorSuffixMax = 22

function intentPath(intent: string): string {
  return `/v1/payment_intents/${encodeURIComponent(intent)}`
}

function post(path: string, idempotencyKey: string, fields: { readonly [key: string]: FormValue }): StripeRequest {
  return { method: 'POST', path, body: encodeForm(fields), idempotencyKey }
}

function get(path: string, query: { readonly [key: string]: FormValue }): StripeRequest {
  const encoded = encodeForm(query)
  return { method: 'GET', path: encoded === '' ? path : `${path}?${encoded}` }
}

/** At most `max` UTF-16 units, never half of a surrogate pair. */
function cut(text: string, max: number): string {
  return text.slice(0, max).toWellFormed()
}

/** What Stripe prints behind the account's own descriptor: some characters are not allowed there, and it is short. */
function descriptorSuffix(text: string | undefined): string | undefined {
  const suffix = text
    ?.replace(/[^\x20-\x7e]|[<>\\'"*]/g, '')
    .slice(0, descriptorSuffixMax)
    .trim()
  return suffix === '' ? undefined : suffix
}
