/** For tests of the edge: a router that is told what to answer and remembers what it was given, and states to answer with. */
import type { FastifyInstance } from 'fastify'
import type { Envelope, RouteAnswer, Router } from '../cluster/router.ts'
import type { RequestOperation, RequestRecord } from '../domain/decision.ts'
import { operationIdOf, paymentIdOf } from '../domain/ids.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import type { ApiKey, MerchantConfiguration } from '../domain/merchant/state.ts'
import type { PaymentAnswer } from '../domain/payment/answers.ts'
import type { MerchantCommand, ReadPayment } from '../domain/payment/commands.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import type { Attempt, Capture, Payment, Refund } from '../domain/payment/state.ts'
import { assert } from '../runtime/assert.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { seededRandom } from '../runtime/random.ts'
import { apiKeyRecordOf } from './api-key.ts'
import { buildApp } from './app.ts'
import type { GatewayDeps } from './deps.ts'

export const idKey = Buffer.alloc(32, 1)
export const keySecret = Buffer.alloc(32, 2)
export const testSecret = 'sk_test_a1B2c3D4e5F6g7H8'
export const liveSecret = 'sk_live_a1B2c3D4e5F6g7H8'
export const merchantId = 'mer_a'

export type Script = (envelope: Envelope) => RouteAnswer<PaymentAnswer> | Promise<RouteAnswer<PaymentAnswer>>

export class FakeRouter implements Router {
  readonly envelopes: Envelope[] = []
  script: Script = () => {
    throw new Error('nothing should have been routed')
  }

  async route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    this.envelopes.push(envelope)
    return (await this.script(envelope)) as RouteAnswer<Answer>
  }

  /** The payload of the newest envelope. */
  get payload(): MerchantCommand | ReadPayment {
    return this.envelopes.at(-1)?.payload as MerchantCommand | ReadPayment
  }
}

export class FakeDirectory implements MerchantDirectory {
  merchants: MerchantConfiguration[] = []
  stale = false

  get(id: string): MerchantConfiguration | undefined {
    return this.merchants.find((merchant) => merchant.id === id)
  }

  findByKeyHash(hash: string): { merchant: MerchantConfiguration; key: ApiKey } | undefined {
    for (const merchant of this.merchants) {
      const key = merchant.keys.find((other) => other.hash === hash)
      if (key !== undefined) return { merchant, key }
    }
    return undefined
  }
}

export function merchantWith(
  secrets: readonly string[],
  more: Partial<MerchantConfiguration> = {},
  key: Partial<ApiKey> = {},
): MerchantConfiguration {
  const keys = secrets.map((secret) => ({ ...apiKeyRecordOf(secret, keySecret), createdAt: 1, ...key }))
  const configured = { version: 1, rateTier: 'standard', routes: [], limits: [], keys } as const
  return { id: merchantId, name: 'A', status: 'active', ...configured, ...more }
}

export interface TestEdge {
  readonly app: FastifyInstance
  readonly router: FakeRouter
  readonly directory: FakeDirectory
  readonly clock: VirtualClock
}

export function testEdge(more: Partial<GatewayDeps> = {}): TestEdge {
  const router = new FakeRouter()
  const directory = new FakeDirectory()
  directory.merchants.push(merchantWith([testSecret, liveSecret]))
  const clock = new VirtualClock()
  const app = buildApp({
    router,
    directory,
    idKey,
    keySecret,
    clock,
    random: seededRandom(1),
    log: silentLog,
    readiness: () => ({ ready: true, reasons: [] }),
    ...more,
  })
  return { app, router, directory, clock }
}

export const createdAt = Date.UTC(2026, 10, 4, 12, 0, 0)

export function paymentFor(key: string, more: Partial<Payment> = {}): Payment {
  return {
    id: paymentIdOf(idKey, merchantId, 'test', key),
    merchant: merchantId,
    mode: 'test',
    merchantVersion: 1,
    amountMinor: 1_000,
    currency: 'EUR',
    captureMethod: 'automatic',
    paymentMethod: { type: 'card', token: 'pm_card_visa' },
    metadata: {},
    createdAt,
    createdKey: key,
    lifecycle: { status: 'pending' },
    attempts: [],
    captures: [],
    voids: [],
    refunds: [],
    disputes: [],
    settlement: { grossMinor: 0, feeMinor: 0, netMinor: 0, lines: [] },
    review: false,
    requests: [],
    seenFacts: [],
    seq: 3,
    updatedAt: createdAt + 50,
    ...more,
  }
}

const operation = {
  cause: 'merchant',
  connection: 'stripe-test',
  psp: 'stripe',
  requestVersion: 1,
  plannedAt: createdAt,
  plannedEpoch: 1,
  notAfter: createdAt + 60_000,
  repeatUntil: createdAt + 80_000_000,
  quietUntil: createdAt + 60_000,
  acceptedWithinMs: 60_000,
} as const

export function attemptOf(paymentId: string, more: Partial<Attempt> = {}): Attempt {
  return {
    ...operation,
    id: operationIdOf('att', paymentId, 1),
    kind: 'authorize',
    status: 'succeeded',
    amountMinor: 1_000,
    captureMethod: 'automatic',
    nonce: 'ab'.repeat(16),
    authorizedMinor: 1_000,
    step: 'authorize',
    releasedMinor: 0,
    unwanted: false,
    pspReference: 'pi_secret_reference',
    endedAt: createdAt + 40,
    ...more,
  }
}

export function captureOf(paymentId: string, more: Partial<Capture> = {}): Capture {
  return {
    ...operation,
    id: operationIdOf('cap', paymentId, 1),
    kind: 'capture',
    status: 'succeeded',
    amountMinor: 1_000,
    attemptId: operationIdOf('att', paymentId, 1),
    final: true,
    reversedMinor: 0,
    ...more,
  }
}

export function refundOf(paymentId: string, more: Partial<Refund> = {}): Refund {
  return {
    ...operation,
    id: operationIdOf('re', paymentId, 1),
    kind: 'refund',
    status: 'succeeded',
    amountMinor: 400,
    attemptId: operationIdOf('att', paymentId, 1),
    reversed: false,
    ...more,
  }
}

export function capturedPayment(key: string, more: Partial<Payment> = {}): Payment {
  const id = paymentIdOf(idKey, merchantId, 'test', key)
  const attempt = attemptOf(id)
  return paymentFor(key, {
    lifecycle: { status: 'captured', attemptId: attempt.id },
    attempts: [attempt],
    captures: [captureOf(id)],
    ...more,
  })
}

export function recordOf(operationKind: RequestOperation, more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    idempotencyKey: 'k1',
    fingerprint: 'v1:00',
    operation: operationKind,
    requestId: 'req_first',
    apiVersion: '2026-11-01',
    acceptedAt: createdAt,
    concludedSeq: 3,
    ...more,
  }
}

export function answered(answer: PaymentAnswer): RouteAnswer<PaymentAnswer> {
  return { kind: 'answered', answer }
}

export function rejected(rejection: PaymentRejection, state?: Payment): RouteAnswer<PaymentAnswer> {
  return answered({ kind: 'rejected', rejection, ...(state === undefined ? {} : { state }) })
}

export function done(state: Payment, request?: RequestRecord, replayed = false): RouteAnswer<PaymentAnswer> {
  return answered({ kind: 'payment', state, replayed, ...(request === undefined ? {} : { request }) })
}

/** What a merchant sends with a key, the rest being as it should. */
export function headersOf(
  key?: string,
  more: Readonly<Record<string, string | string[]>> = {},
): Record<string, string | string[]> {
  return {
    authorization: `Bearer ${testSecret}`,
    'content-type': 'application/json',
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...more,
  }
}

export const createBody = { amount: 1_000, currency: 'eur', payment_method: 'pm_card_visa' }

export interface ErrorBody {
  readonly status: number
  readonly error: { readonly code: string; readonly param: string | null; readonly message: string }
}

export type Headers = Record<string, string | string[]>

/** What a create with this body and these headers is refused with; throws if anything was routed. */
export async function refusedCreate(
  payload: string | Buffer | object,
  headers: Headers = headersOf('k1'),
): Promise<ErrorBody> {
  const { app, router } = testEdge()
  const response = await app.inject({ method: 'POST', url: '/v1/payments', headers, payload })
  assert(router.envelopes.length === 0, 'nothing was routed')
  assert(response.headers['content-type'] === 'application/problem+json', 'a refusal is a problem')
  assert(String(response.headers['request-id']).startsWith('req_'), 'a refusal has a request id')
  const body: ErrorBody = response.json()
  assert(body.status === response.statusCode, 'a problem repeats its status')
  return body
}

/** The same in short: `400 amount_type amount`. */
export async function codeOfCreate(payload: string | Buffer | object, headers?: Headers): Promise<string> {
  const { status, error } = await refusedCreate(payload, headers)
  return `${status} ${error.code}${error.param === null ? '' : ` ${error.param}`}`
}
