/**
 * Payments at the simulated PSPs, by our connector or by the PSP's own library, with the same request: authorized and captured
 * in one step at Stripe, authorized at Adyen, which has no such step.
 */
import { createSecretKey } from 'node:crypto'
import { CheckoutAPI, Client, EnvironmentEnum, Types } from '@adyen/api-library'
import { Stripe } from 'stripe'
import { operationIdOf, paymentIdOf } from '../../domain/ids.ts'
import type { AuthorizeCall } from '../../domain/payment/operations.ts'
import { createAdyenConnector } from '../../psp/adyen/connector.ts'
import { createStripeConnector } from '../../psp/stripe/connector.ts'
import { systemClock } from '../../runtime/clock.ts'
import { closedLoop } from './closed-loop.ts'
import { connectionOf, merchantAccount, type PushingPsp } from './psp-messages.ts'

export type PspClient = 'connector' | 'library'

export interface CallPlan {
  readonly psp: PushingPsp
  readonly client: PspClient
  /** Of the simulator's TLS front, whose certificate this process trusts. */
  readonly url: string
  /** At once, and so the connections. */
  readonly concurrency: number
  readonly calls: number
  /** No other plan has it. */
  readonly name: string
}

export interface CallResult {
  readonly perSecond: number
  readonly cpuUsPerCall: number
  readonly p50: number
  readonly p99: number
  /** Calls that ended otherwise than with a payment. */
  readonly failed: readonly string[]
  /** Operations that were answered with success, as the simulator's book names them. */
  readonly succeeded: readonly string[]
}

interface Caller {
  /** What came of it; success is `succeeded`. */
  call(call: AuthorizeCall): Promise<string>
  close(): Promise<void>
}

const idKey = createSecretKey(Buffer.alloc(32, 3))
const sendWithinMs = 60_000
const apiKeys = { stripe: 'sk_test_bench', adyen: 'bench' } as const

export async function callAll({ psp, client, url, concurrency, calls, name }: CallPlan): Promise<CallResult> {
  const caller = client === 'connector' ? connectorOf(psp, url, concurrency) : libraryOf(psp, url)
  const succeeded: string[] = []
  const failed: string[] = []
  const { perSecond, cpuUsPerOperation, latency } = await closedLoop({
    concurrency,
    count: calls,
    async start(index) {
      const call = authorization(psp, `${name}${index}`)
      const outcome = await caller.call(call)
      if (outcome === 'succeeded') succeeded.push(call.operationId)
      else failed.push(outcome)
    },
  })
  await caller.close()
  const [p50, p99] = [latency.percentile(0.5), latency.percentile(0.99)]
  return { perSecond, cpuUsPerCall: cpuUsPerOperation, p50, p99, succeeded, failed }
}

export function authorization(psp: PushingPsp, key: string): AuthorizeCall {
  const merchant = 'mer_bench'
  const paymentId = paymentIdOf(idKey, merchant, 'test', key)
  const operationId = operationIdOf('att', paymentId, 1)
  return {
    kind: 'authorize',
    ...{ operationId, idempotencyKey: operationId, paymentId, merchant, connection: connectionOf(psp) },
    ...{ requestVersion: 1, amountMinor: 4999, currency: 'EUR', captureMethod: 'automatic' },
    paymentMethod: { type: 'card', token: psp === 'stripe' ? 'pm_card_visa' : 'tok_visa' },
    customer: 'customer_1',
  }
}

function connectorOf(psp: PushingPsp, baseUrl: string, connections: number): Caller {
  const common = { connection: connectionOf(psp), baseUrl, clock: systemClock, limits: { connections } }
  const connector =
    psp === 'stripe'
      ? createStripeConnector({ ...common, secretKey: apiKeys.stripe })
      : createAdyenConnector({ ...common, mode: 'test', apiKey: apiKeys.adyen, merchantAccount })
  return {
    async call(call) {
      const outcome = await connector.send(call, { notAfter: systemClock.now() + sendWithinMs })
      return outcome.kind === 'succeeded' ? 'succeeded' : JSON.stringify(outcome)
    },
    close: () => connector.close(),
  }
}

function libraryOf(psp: PushingPsp, url: string): Caller {
  return psp === 'stripe' ? stripeLibrary(url) : adyenLibrary(url)
}

function stripeLibrary(url: string): Caller {
  const { hostname, port } = new URL(url)
  const stripe = new Stripe(apiKeys.stripe, {
    ...{ host: hostname, port, protocol: 'https', maxNetworkRetries: 0, telemetry: false },
  })
  return {
    async call(call) {
      const { idempotencyKey } = call
      const { status } = await stripe.paymentIntents.create(stripeParameters(call), { idempotencyKey })
      return status
    },
    close: () => Promise.resolve(),
  }
}

export function stripeParameters(call: AuthorizeCall): Stripe.PaymentIntentCreateParams {
  return {
    amount: call.amountMinor,
    currency: call.currency.toLowerCase(),
    confirm: true,
    capture_method: call.captureMethod,
    payment_method: call.paymentMethod.token,
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    error_on_requires_action: true,
    metadata: { payment_id: call.paymentId, operation_id: call.operationId, merchant: call.merchant, shardpay: '1' },
    expand: ['latest_charge'],
  }
}

function adyenLibrary(url: string): Caller {
  const client = new Client({ apiKey: apiKeys.adyen, environment: EnvironmentEnum.TEST })
  // its address is settable at this one object alone, and private
  const api = new CheckoutAPI(client).PaymentsApi
  Object.assign(api, { baseUrl: `${url}/v72` })
  return {
    async call(call) {
      const { idempotencyKey } = call
      const { resultCode } = await api.payments(adyenParameters(call), { idempotencyKey })
      return resultCode === Types.checkout.PaymentResponse.ResultCodeEnum.Authorised ? 'succeeded' : String(resultCode)
    },
    close: () => Promise.resolve(),
  }
}

export function adyenParameters(call: AuthorizeCall): Types.checkout.PaymentRequest {
  const { AuthenticationData, CardDetails, PaymentRequest, ThreeDSRequestData } = Types.checkout
  return {
    amount: { currency: call.currency, value: call.amountMinor },
    merchantAccount,
    reference: call.operationId,
    paymentMethod: { type: CardDetails.TypeEnum.Scheme, storedPaymentMethodId: call.paymentMethod.token },
    shopperInteraction: PaymentRequest.ShopperInteractionEnum.ContAuth,
    ...(call.customer !== undefined && { shopperReference: call.customer }),
    recurringProcessingModel: PaymentRequest.RecurringProcessingModelEnum.CardOnFile,
    returnUrl: 'https://shardpay.invalid/',
    authenticationData: {
      attemptAuthentication: AuthenticationData.AttemptAuthenticationEnum.Never,
      threeDSRequestData: { nativeThreeDS: ThreeDSRequestData.NativeThreeDSEnum.Disabled },
    },
    additionalData: { manualCapture: 'true' },
  }
}
