/**
 * The connector to Adyen's Checkout API: one operation = one request = one idempotency key, sent once.
 *
 * Guarantees: as the port says. Answers are mapped by `mapping.ts`, requests built by `wire.ts`; this file decides what is
 * asked, and what a missing answer means:
 * - first send: an exchange that was certainly not delivered is `not_sent`, a lost one `unknown`;
 * - inquiry: the identical request with its key, while Adyen holds the key. Adyen has no call that reads a payment, so there
 *   is nothing else to ask; once its reference is known it has taken the request, and a repeat would only replay that.
 *   Then its webhook or report is the next witness, and the inquiry says that nothing is known yet.
 *
 * Never `absent`: it takes a search that finds nothing, and Adyen has none. A payment that must not be is canceled by our
 * own reference instead, which needs no answer to have come before.
 *
 * Leaves to others: when to inquire and how often, and what to do about an answer.
 */
import type { Mode } from '../../domain/ids.ts'
import type { ConnectionProfile, OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { assert } from '../../runtime/assert.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Connector, InquiryOptions, SendOptions } from '../connector.ts'
import { HttpClient, type HttpLimits, type HttpResult } from '../http/client.ts'
import { outcomeOfUnrepresentable } from '../unrepresentable.ts'
import { outcomeOfRepeat, outcomeOfSend, unknown } from './mapping.ts'
import { adyenRequestVersion, type AdyenRequest, type AskableCall, basePaths, buildRequest } from './wire.ts'

export interface AdyenConnectorOptions {
  /** Name of the PSP connection, such as `adyen-test`. */
  readonly connection: string
  readonly mode: Mode
  /** Never logged, sent to the base URL alone. */
  readonly apiKey: string
  /** Part of every request: it never changes while the connection has its name. */
  readonly merchantAccount: string
  /** Scheme, host and port. Live: the account's own, `https://<prefix>-checkout-live.adyenpayments.com`. */
  readonly baseUrl?: string
  /** Origins beside Adyen's own and this machine's that may be given a test key. */
  readonly allowedOrigins?: readonly string[]
  /** Whether the account takes several captures of one authorization; default false. */
  readonly multicapture?: boolean
  readonly profile?: Partial<Omit<ConnectionProfile, 'connection' | 'psp' | 'requestVersion' | 'multicapture'>>
  readonly clock: Clock
  readonly limits?: Partial<HttpLimits>
  readonly certificateAuthority?: string
}

const testOrigin = 'https://checkout-test.adyen.com'
const liveOriginPattern = /^https:\/\/[A-Za-z0-9-]+-checkout-live\.adyenpayments\.com$/

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const profileDefaults = {
  available: true,
  repeatWindowMs: 6 * dayMs, // Adyen holds a key for at least 7 days
  quietPeriodMs: hourMs, // nothing is ever called absent; kept for the machine's sake
  authorizationValidityMs: 7 * dayMs - hourMs, // Adyen's webhook tells the end; card schemes guarantee no more than this
  sendWithinMs: 120_000,
  acceptedWithinMs: dayMs, // refunds go to acquirers in batches
}

export function createAdyenConnector(options: AdyenConnectorOptions): Connector {
  const { connection, mode, apiKey, merchantAccount, clock, baseUrl = testOrigin } = options
  assert(/^[\x21-\x7e]{1,512}$/.test(apiKey), 'an API key is one word', { connection })
  assert(/^[\x21-\x7e]{1,80}$/.test(merchantAccount), 'a merchant account has a name', { connection })
  const live = mode === 'live'
  assert(!live || liveOriginPattern.test(baseUrl), 'a live key goes to Adyen alone', { connection })

  const http = new HttpClient({
    origin: baseUrl,
    allowedOrigins: live ? [new URL(baseUrl).origin] : [testOrigin, ...(options.allowedOrigins ?? [])],
    clock,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.certificateAuthority === undefined ? {} : { certificateAuthority: options.certificateAuthority }),
  })
  const profile: ConnectionProfile = {
    ...profileDefaults,
    ...options.profile,
    connection,
    psp: 'adyen',
    requestVersion: adyenRequestVersion,
    multicapture: options.multicapture ?? false,
  }
  const commonHeaders = {
    'x-api-key': apiKey,
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'shardpay',
  }

  function exchange({ path, body, idempotencyKey }: AdyenRequest, notAfter?: number): Promise<HttpResult> {
    const headers = { ...commonHeaders, 'idempotency-key': idempotencyKey }
    return http.exchange({ method: 'POST', path: basePaths[mode] + path, headers, body }, notAfter)
  }

  async function send(call: PspCall, { notAfter }: SendOptions): Promise<OperationOutcome> {
    if (!isAskable(call)) return unknown('not_found_yet')
    const request = buildRequest(call, merchantAccount)
    if ('unrepresentable' in request) return outcomeOfUnrepresentable(request)
    const result = await exchange(request, notAfter)
    switch (result.kind) {
      case 'answer':
        return outcomeOfSend(call, result, merchantAccount)
      case 'not_delivered':
        // That the second step of an authorization was not sent says nothing about the first.
        return call.kind === 'complete' ? unknown('connection_lost') : { kind: 'not_sent', reason: result.reason }
      case 'lost':
        return unknown(result.reason)
    }
  }

  async function inquire(call: PspCall, options: InquiryOptions): Promise<OperationOutcome> {
    const { pspReference, repeatAllowed, notAfter } = options
    // The second step has a reference from the first; it tells nothing of the second.
    const isTaken = pspReference !== undefined && call.kind !== 'complete'
    if (isTaken || !repeatAllowed || !isAskable(call)) return unknown('not_found_yet')
    const request = buildRequest(call, merchantAccount)
    if ('unrepresentable' in request) {
      // A newer release may have sent what this one cannot build.
      return request.unrepresentable === 'request_version'
        ? unknown('repeat_refused')
        : outcomeOfUnrepresentable(request)
    }
    const result = await exchange(request, notAfter)
    switch (result.kind) {
      case 'answer':
        return outcomeOfRepeat(call, result, merchantAccount)
      case 'not_delivered':
        return unknown('repeat_refused')
      case 'lost':
        return unknown(result.reason)
    }
  }

  return { profile, send, inquire, close: () => http.close() }
}

/** A second step without what the shopper brought back cannot be asked about; the webhook tells. */
function isAskable(call: PspCall): call is AskableCall {
  return call.kind !== 'complete' || call.redirectResult !== undefined
}
