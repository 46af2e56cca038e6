/**
 * The connector to Stripe: one operation = one request = one idempotency key, sent once.
 *
 * Guarantees: as the port says. Answers are mapped by `mapping.ts`, requests built by `wire.ts`; this file decides what
 * is asked, in which order, and what a missing answer means:
 * - first send: an exchange that was certainly not delivered is `not_sent`, a lost one `unknown`;
 * - inquiry: the object by its id where that is known; else the identical request with its key, while Stripe holds the
 *   key; else a look at the objects that the operation would have left behind.
 *
 * Leaves to others: when to inquire and how often, what to do about an answer, and whether `absent` is believed. Stripe
 * finds an authorization of unknown id only by search, whose index is up to an hour behind: `quietPeriodMs` covers it.
 */
import type { ConnectionProfile, OperationOutcome, PspCall, VoidCall } from '../../domain/payment/operations.ts'
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Clock } from '../../runtime/clock.ts'
import { parseObject } from '../answer-json.ts'
import type { Connector, InquiryOptions, SendOptions } from '../connector.ts'
import { HttpClient, type HttpLimits, type HttpResult } from '../http/client.ts'
import { outcomeOfUnrepresentable } from '../unrepresentable.ts'
import { readIntent, readPage, readRefund, type StripeIntent } from './answers.ts'
import {
  outcomeOfAuthorization,
  outcomeOfCaptureRead,
  outcomeOfRefund,
  outcomeOfRepeat,
  outcomeOfSend,
  outcomeOfVoidRead,
  unknown,
} from './mapping.ts'
import {
  buildRequest,
  cancelRequest,
  listRefunds,
  retrieveIntent,
  retrieveRefund,
  searchIntents,
  type StripeRequest,
  stripeRequestVersion,
  stripeVersion,
} from './wire.ts'

export interface StripeConnectorOptions {
  /** Name of the PSP connection, such as `stripe-test`. */
  readonly connection: string
  /** `sk_…` or `rk_…`; never logged, sent to the base URL alone. */
  readonly secretKey: string
  readonly baseUrl?: string
  /** Origins beside Stripe's own and this machine's that may be given the key. */
  readonly allowedOrigins?: readonly string[]
  readonly profile?: Partial<Omit<ConnectionProfile, 'connection' | 'psp' | 'requestVersion' | 'multicapture'>>
  readonly clock: Clock
  readonly limits?: Partial<HttpLimits>
  readonly certificateAuthority?: string
}

const stripeOrigin = 'https://api.stripe.com'
const minuteMs = 60_000
const hourMs = 60 * minuteMs

const profileDefaults = {
  available: true,
  multicapture: false,
  repeatWindowMs: 23 * hourMs, // Stripe holds a key for at least 24 h
  quietPeriodMs: 65 * minuteMs, // its search index may be an hour behind
  authorizationValidityMs: 7 * 24 * hourMs - hourMs,
  sendWithinMs: 2 * minuteMs,
  acceptedWithinMs: hourMs,
}

/** A lookup that gave an answer, or why there is none. */
type Lookup<Found> = { readonly found: Found | undefined } | { readonly failed: OperationOutcome }

export function createStripeConnector(options: StripeConnectorOptions): Connector {
  const { connection, secretKey, clock, baseUrl = stripeOrigin } = options
  assert(/^(?:sk|rk)_(?:test|live)_[A-Za-z0-9_]+$/.test(secretKey), 'a Stripe secret key has the form of one', {
    connection,
  })
  const live = secretKey.includes('_live_')
  assert(!live || new URL(baseUrl).origin === stripeOrigin, 'a live key goes to Stripe alone', { connection })

  const http = new HttpClient({
    origin: baseUrl,
    allowedOrigins: [stripeOrigin, ...(options.allowedOrigins ?? [])],
    clock,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.certificateAuthority === undefined ? {} : { certificateAuthority: options.certificateAuthority }),
  })
  const profile: ConnectionProfile = {
    ...profileDefaults,
    ...options.profile,
    connection,
    psp: 'stripe',
    requestVersion: stripeRequestVersion,
  }
  const commonHeaders = {
    authorization: `Bearer ${secretKey}`,
    'stripe-version': stripeVersion,
    accept: 'application/json',
    'user-agent': 'shardpay',
  }

  function exchange(request: StripeRequest, notAfter?: number): Promise<HttpResult> {
    const headers = {
      ...commonHeaders,
      ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
      ...(request.body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    }
    return http.exchange({ ...request, headers }, notAfter)
  }

  async function send(call: PspCall, { notAfter }: SendOptions): Promise<OperationOutcome> {
    if (call.kind === 'void' && call.authorizationReference === undefined) return sendVoidByOperation(call, notAfter)
    const request = requestOf(call)
    if ('unrepresentable' in request) return outcomeOfUnrepresentable(request)
    const result = await exchange(request, notAfter)
    switch (result.kind) {
      case 'answer':
        return outcomeOfSend(call, result)
      case 'not_delivered':
        // The second step of an authorization is a read: that it was not sent says nothing about the first step.
        return call.kind === 'complete' ? unknown('connection_lost') : { kind: 'not_sent', reason: result.reason }
      case 'lost':
        return unknown(result.reason)
    }
  }

  /** The authorization's id was never learned: it is looked up first, and only then is there anything to send. */
  async function sendVoidByOperation(call: VoidCall, notAfter: number): Promise<OperationOutcome> {
    const lookup = await findIntent(call.authorizationOperationId)
    if ('failed' in lookup) return { kind: 'not_sent', reason: 'authorization_lookup_failed' }
    if (lookup.found === undefined) return { kind: 'not_sent', reason: 'authorization_not_found' }
    return send({ ...call, authorizationReference: lookup.found.id }, { notAfter })
  }

  async function inquire(call: PspCall, options: InquiryOptions): Promise<OperationOutcome> {
    const { pspReference, repeatAllowed, notAfter } = options
    if (call.kind === 'complete') return readAuthorization(call, call.pspReference)
    if (pspReference !== undefined) return readByReference(call, pspReference)
    return repeatAllowed ? repeat(call, notAfter) : lookUp(call)
  }

  async function repeat(call: PspCall, notAfter: number | undefined): Promise<OperationOutcome> {
    if (call.kind === 'void' && call.authorizationReference === undefined) return lookUp(call)
    const request = requestOf(call)
    if ('unrepresentable' in request) {
      // A newer release may have sent what this one cannot build.
      return request.unrepresentable === 'request_version'
        ? unknown('repeat_refused')
        : outcomeOfUnrepresentable(request)
    }
    const result = await exchange(request, notAfter)
    switch (result.kind) {
      case 'answer':
        return outcomeOfRepeat(call, result)
      case 'not_delivered':
        return unknown('repeat_refused')
      case 'lost':
        return unknown(result.reason)
    }
  }

  function readByReference(call: Exclude<PspCall, { kind: 'complete' }>, reference: string): Promise<OperationOutcome> {
    switch (call.kind) {
      case 'authorize':
        return readAuthorization(call, reference)
      case 'refund':
        return readRefundOf(call, reference)
      case 'capture':
      case 'void':
        return lookUp(call) // both show on the authorization's intent
      default:
        return unreachable(call)
    }
  }

  async function readAuthorization(
    call: Extract<PspCall, { kind: 'authorize' | 'complete' }>,
    reference: string,
  ): Promise<OperationOutcome> {
    const lookup = await readIntentById(reference)
    if ('failed' in lookup) return lookup.failed
    return lookup.found === undefined ? unknown('psp_error') : outcomeOfAuthorization(call, lookup.found)
  }

  async function readRefundOf(
    call: Extract<PspCall, { kind: 'refund' }>,
    reference: string,
  ): Promise<OperationOutcome> {
    const lookup = await read(retrieveRefund(reference), readRefund)
    if ('failed' in lookup) return lookup.failed
    return lookup.found === undefined ? unknown('psp_error') : outcomeOfRefund(call, lookup.found)
  }

  /** What the operation left behind at Stripe, without its own object's id. */
  async function lookUp(call: Exclude<PspCall, { kind: 'complete' }>): Promise<OperationOutcome> {
    switch (call.kind) {
      case 'authorize': {
        const lookup = await findIntent(call.operationId)
        if ('failed' in lookup) return lookup.failed
        return lookup.found === undefined ? { kind: 'absent' } : outcomeOfAuthorization(call, lookup.found)
      }
      case 'capture': {
        const lookup = await readIntentById(call.authorizationReference)
        if ('failed' in lookup) return lookup.failed
        return lookup.found === undefined ? unknown('psp_error') : outcomeOfCaptureRead(call, lookup.found)
      }
      case 'void': {
        const reference = call.authorizationReference
        const lookup = await (reference === undefined
          ? findIntent(call.authorizationOperationId)
          : readIntentById(reference))
        if ('failed' in lookup) return lookup.failed
        if (lookup.found === undefined) return reference === undefined ? { kind: 'absent' } : unknown('psp_error')
        return outcomeOfVoidRead(call, lookup.found)
      }
      case 'refund':
        return findRefund(call)
      default:
        return unreachable(call)
    }
  }

  function readIntentById(reference: string): Promise<Lookup<StripeIntent>> {
    return read(retrieveIntent(reference), readIntent)
  }

  /** The intent that carries `operationId`, among what the search returns. */
  async function findIntent(operationId: string): Promise<Lookup<StripeIntent>> {
    const lookup = await read(searchIntents(operationId), (json) => readPage(json, readIntent))
    if ('failed' in lookup) return lookup
    return { found: lookup.found?.items.find((intent) => intent.metadata['operation_id'] === operationId) }
  }

  async function findRefund(call: Extract<PspCall, { kind: 'refund' }>): Promise<OperationOutcome> {
    let after: string | undefined
    for (let page = 0; page < refundPagesMax; page += 1) {
      const lookup = await read(listRefunds(call.authorizationReference, after), (json) => readPage(json, readRefund))
      if ('failed' in lookup) return lookup.failed
      if (lookup.found === undefined) return unknown('psp_error')
      const refund = lookup.found.items.find((item) => item.metadata['operation_id'] === call.operationId)
      if (refund !== undefined) return outcomeOfRefund(call, refund)
      after = lookup.found.items.at(-1)?.id
      if (!lookup.found.hasMore || after === undefined) return { kind: 'absent' }
    }
    return unknown('not_found_yet')
  }

  /** One read. `found: undefined` is Stripe's 404; everything else without a readable answer failed. */
  async function read<Found>(
    request: StripeRequest,
    parse: (json: unknown) => Found | undefined,
  ): Promise<Lookup<Found>> {
    const result = await exchange(request)
    if (result.kind === 'not_delivered') return { failed: unknown('connection_lost') }
    if (result.kind === 'lost') return { failed: unknown(result.reason) }
    if (result.status === 404) return { found: undefined }
    if (result.status !== 200) return { failed: unknown('psp_error') }
    const found = parse(parseObject(result.body))
    return found === undefined ? { failed: unknown('unreadable_answer') } : { found }
  }

  return { profile, send, inquire, close: () => http.close() }
}

/** 2,000 refunds of one payment; beyond it an inquiry says that it does not know. */
const refundPagesMax = 20

function requestOf(call: PspCall): ReturnType<typeof buildRequest> {
  if (call.kind !== 'void') return buildRequest(call)
  assert(call.authorizationReference !== undefined, 'a void has its authorization looked up before it is built')
  if (call.requestVersion !== stripeRequestVersion) return { unrepresentable: 'request_version' }
  return cancelRequest(call.authorizationReference, call.idempotencyKey)
}
