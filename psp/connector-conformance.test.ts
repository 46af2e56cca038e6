import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VirtualClock } from '../runtime/clock.ts'
import { startAnswerProxy } from '../test/support/answer-proxy.ts'
import { createAdyenConnector } from './adyen/connector.ts'
import { describeConnector } from './connector-conformance.ts'
import type { Connector } from './connector.ts'
import type { PspAtWork, PspTraits } from './scenarios-conformance.ts'
import type { BookEntry } from './simulator/book.ts'
import { startSimulator } from './simulator/simulator.ts'
import { createStripeConnector } from './stripe/connector.ts'

const stripe: PspTraits = {
  name: 'Stripe',
  reads: true,
  tellsModifications: 'at_once',
  capturesAtOnce: true,
  completesBy: 'read',
  voidsByOwnReference: false,
  methods: {
    approved: 'pm_card_visa',
    authenticated: 'pm_card_authenticationRequired',
    refundedSlowly: 'pm_card_pendingRefund',
    declined: {
      hard: 'pm_card_visa_chargeDeclinedLostCard',
      soft: 'pm_card_visa_chargeDeclinedInsufficientFunds',
      shopper: 'pm_card_chargeDeclinedIncorrectCvc',
      retry_elsewhere: 'pm_card_chargeDeclinedProcessingError',
    },
  },
  refusals: [
    { name: 'a 400', status: 400, body: stripeError('parameter_invalid'), first: 'declined' },
    { name: 'a 401', status: 401, body: stripeError(), first: 'declined' },
    { name: 'a 403', status: 403, body: stripeError(), first: 'declined' },
    { name: 'a 409 for a key in use', status: 409, body: stripeError('idempotency_key_in_use'), first: 'unknown' },
    { name: 'a 424', status: 424, body: stripeError(), first: 'unknown' },
    { name: 'a 429', status: 429, body: stripeError('rate_limit'), first: 'not_sent' },
  ],
  error: stripeError(),
}

const adyen: PspTraits = {
  name: 'Adyen',
  reads: false,
  tellsModifications: 'later',
  capturesAtOnce: false,
  completesBy: 'authorize',
  voidsByOwnReference: true,
  methods: {
    approved: 'tok_visa',
    authenticated: 'tok_3ds',
    refundedSlowly: 'tok_visa',
    declined: {
      hard: 'tok_visa_CARD_EXPIRED',
      soft: 'tok_visa_NOT_ENOUGH_BALANCE',
      shopper: 'tok_visa_REFERRAL',
      retry_elsewhere: 'tok_visa_R9',
    },
  },
  refusals: [
    { name: 'a 400', status: 400, body: adyenError(400, '702', 'validation'), first: 'declined' },
    { name: 'a 401', status: 401, body: adyenError(401, '000', 'security'), first: 'declined' },
    { name: 'a 403', status: 403, body: adyenError(403, '901', 'security'), first: 'declined' },
    { name: 'a 422 for a key in use', status: 422, body: adyenError(422, '704', 'validation'), first: 'unknown' },
    { name: 'a 429', status: 429, body: adyenError(429, '000', 'validation'), first: 'not_sent' },
    {
      ...{ name: 'a transient error', status: 500, headers: { 'transient-error': 'true' } },
      ...{ body: adyenError(500, '905', 'internal'), first: 'not_sent' },
    },
  ],
  error: adyenError(500, '905', 'internal'),
}

function stripeError(code?: string): object {
  return { error: { type: 'invalid_request_error', message: 'No.', ...(code !== undefined && { code }) } }
}

function adyenError(status: number, errorCode: string, errorType: string): object {
  return { status, errorCode, errorType, message: 'No.' }
}

const nobodyListens = 'http://127.0.0.1:1'

async function start(
  connectorTo: (baseUrl: string, clock: VirtualClock) => Connector,
  authenticate: (adminUrl: string, reference: string) => Promise<string | undefined>,
): Promise<PspAtWork> {
  const clock = new VirtualClock()
  const pspClock = new VirtualClock()
  const directory = await mkdtemp(join(tmpdir(), 'shardpay-conformance-'))
  const { url, adminUrl, close } = await startSimulator({ directory, clock: pspClock })
  const proxy = await startAnswerProxy(url)
  const [connector, proxied, nowhere] = [url, proxy.url, nobodyListens].map((each) => connectorTo(each, clock)) as [
    Connector,
    Connector,
    Connector,
  ]
  return {
    ...{ connector, proxied, nowhere, proxy, clock, pspClock },
    async behave(rules) {
      await post(`${adminUrl}/behaviour`, { rules })
    },
    async isSpent() {
      const { rules } = (await (await fetch(`${adminUrl}/behaviour`)).json()) as { rules: { left?: number }[] }
      return rules.every(({ left }) => left === undefined || left === 0)
    },
    async book(payment) {
      const text = await (await fetch(`${adminUrl}/book${payment === undefined ? '' : `?payment=${payment}`}`)).text()
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as BookEntry)
    },
    authenticate: (reference) => authenticate(adminUrl, reference),
    async close() {
      await Promise.all([connector.close(), proxied.close(), nowhere.close()])
      await proxy.close()
      await close()
      await rm(directory, { recursive: true })
    },
  }
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}

describeConnector(stripe, () =>
  start(
    (baseUrl, clock) =>
      createStripeConnector({ connection: 'stripe-test', secretKey: 'sk_test_shardpay', baseUrl, clock }),
    async (adminUrl, reference) => {
      await post(`${adminUrl}/3ds/${reference}`, { outcome: 'complete' })
      return undefined
    },
  ),
)

describeConnector(adyen, () =>
  start(
    (baseUrl, clock) =>
      createAdyenConnector({
        ...{ connection: 'adyen-test', mode: 'test', apiKey: 'test_key', merchantAccount: 'ShardpayTest' },
        ...{ baseUrl, clock },
      }),
    async (adminUrl, reference) => {
      const { redirect_result: brought } = await post(`${adminUrl}/adyen/3ds/${reference}`, { outcome: 'complete' })
      return String(brought)
    },
  ),
)
