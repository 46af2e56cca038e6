/** This project's receivers of webhooks, held against what the simulator sends. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../../test/support/simulator.ts'
import { type ReceivedPost, type WebhookReceiver, webhookReceiver } from '../../../test/support/webhook-receiver.ts'
import { createAdyenReceiver } from '../../adyen/webhook.ts'
import { createStripeReceiver } from '../../stripe/webhook.ts'
import type { WebhookVerdict } from '../../webhook.ts'
import type { FaultRule } from './faults.ts'

const secrets = ['whsec_current', 'whsec_old']
const hmacKeys = ['ab'.repeat(32), 'cd'.repeat(32)]
const login = 'adyen:secret'
const metadata = { payment_id: 'pay_0123456789abcdefghjkmnpqr0', operation_id: 'att_0123456789abcdefghjkmnpqr0_1' }

const stripe = createStripeReceiver({ connection: 'stripe-test', mode: 'test', secrets: () => secrets.slice(0, 1) })
const adyen = createAdyenReceiver({
  connection: 'adyen-test',
  mode: 'test',
  merchantAccount: 'ShardpayTest',
  hmacKeys: () => hmacKeys,
  logins: () => [login],
})

function verdictOn({ headers, body, at, url }: ReceivedPost): WebhookVerdict {
  const receiver = url.endsWith('/stripe') ? stripe : adyen
  return receiver.receive({ headers, body: Buffer.from(body), receivedAt: at })
}

interface Rig {
  readonly simulator: TestSimulator
  readonly shop: WebhookReceiver
  readonly clock: VirtualClock
}

async function rig(rules: readonly FaultRule[] = []): Promise<Rig> {
  const clock = new VirtualClock()
  const shop = webhookReceiver(clock)
  const simulator = await testSimulator({
    clock,
    transport: shop,
    webhooks: {
      endpoints: [
        { id: 's', psp: 'stripe', url: 'http://shop.example/stripe', secrets },
        { id: 'a', psp: 'adyen', url: 'http://shop.example/adyen', login, hmac_keys: hmacKeys },
      ],
      rules,
    },
  })
  return { simulator, shop, clock }
}

async function pay(simulator: TestSimulator, fields: Parameters<typeof confirmed>[0] = {}): Promise<string> {
  const all = confirmed({ capture_method: 'automatic', metadata, ...fields })
  return String((await simulator.post('/v1/payment_intents', all, metadata.operation_id)).json['id'])
}

async function payAtAdyen(simulator: TestSimulator): Promise<void> {
  const response = await fetch(`${simulator.url}/adyen/v72/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'test' },
    body: JSON.stringify({
      amount: { currency: 'EUR', value: 1000 },
      merchantAccount: 'ShardpayTest',
      paymentMethod: { type: 'scheme', storedPaymentMethodId: 'tok_visa' },
      reference: metadata.operation_id,
      shopperReference: 'shopper',
      returnUrl: 'https://shop.example/return',
    }),
  })
  expect(response.status).toBe(200)
}

async function drained({ shop, clock }: Rig, count: number): Promise<ReceivedPost[]> {
  clock.advance(0)
  await expect.poll(() => shop.posts.length).toBe(count)
  return shop.posts
}

describe('what the simulator sends', () => {
  it('is authentic to both receivers, of the test environment, and names our operation', async () => {
    const all = await rig()
    await pay(all.simulator)
    await payAtAdyen(all.simulator)
    const posts = await drained(all, 4)
    const notices = posts.flatMap((post) => {
      const verdict = verdictOn(post)
      return verdict.kind === 'authentic' ? verdict.notices : []
    })
    expect(notices.map(({ mode }) => mode)).toEqual(['test', 'test', 'test', 'test'])
    const outcomes = notices.filter(({ fact }) => fact.kind === 'outcome')
    expect(outcomes.map(({ type, subject }) => [type, subject.operationId])).toEqual([
      ['payment_intent.succeeded', metadata.operation_id],
      ['AUTHORISATION', metadata.operation_id],
    ])
  })

  it("tells refunds made in Stripe's own pages as operations of nobody, and disputes with their money", async () => {
    const all = await rig()
    const intent = await pay(all.simulator)
    const control = (path: string, body: object): Promise<Response> =>
      fetch(`${all.simulator.adminUrl}/stripe/payment_intents/${intent}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    await control('refund', { amount: 300 })
    await control('dispute', { amount: 700 })
    const posts = await drained(all, 3 + 4 + 2)
    const notices = posts.flatMap((post) => {
      const verdict = verdictOn(post)
      return verdict.kind === 'authentic' ? verdict.notices : []
    })
    expect(notices).toHaveLength(posts.length)
    const refund = notices.find(({ type }) => type === 'refund.created')
    expect(refund?.subject.operationId).toBeUndefined()
    expect(refund?.fact).toMatchObject({ kind: 'outcome', operation: 'refund', outcome: { kind: 'succeeded' } })
    const dispute = notices.find(({ type }) => type === 'charge.dispute.funds_withdrawn')
    expect(dispute?.fact).toMatchObject({
      ...{ kind: 'dispute', status: 'open', amountMinor: 700, feeMinor: 1500 },
      fundsWithdrawn: true,
    })
  })

  it.each([
    ['tamper', 'signature', 'signature'],
    ['wrong_secret', 'signature', 'signature'],
    ['stale_timestamp', 'timestamp', undefined],
  ] as const)('with %s is refused', async (action, atStripe, atAdyen) => {
    const all = await rig([{ action }])
    await pay(all.simulator)
    await payAtAdyen(all.simulator)
    const posts = await drained(all, 4)
    const refusals = posts.map((post) => {
      const verdict = verdictOn(post)
      return verdict.kind === 'refused' ? verdict.refusal : undefined
    })
    expect(refusals).toEqual([atStripe, atStripe, atStripe, atAdyen])
  })
})
