/** The official SDK as an independent client: what it understands of the simulator is what merchants' tools would. */
import { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { type TestSimulator, testSimulator } from '../../test/support/simulator.ts'

async function setUp(): Promise<{ simulator: TestSimulator; stripe: Stripe }> {
  const simulator = await testSimulator()
  const { hostname, port } = new URL(simulator.url)
  const stripe = new Stripe('sk_test_sdk', {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createNodeHttpClient(),
  })
  return { simulator, stripe }
}

const fields = {
  amount: 1999,
  currency: 'usd',
  confirm: true,
  payment_method: 'pm_card_visa',
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  metadata: { payment_id: 'pay_sdk' },
} as const

async function failureOf(request: Promise<unknown>): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  try {
    await request
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error
    throw error
  }
  throw new Error('the request was refused')
}

describe('the official SDK', () => {
  it('creates, captures and refunds', async () => {
    const { simulator, stripe } = await setUp()
    const intent = await stripe.paymentIntents.create({
      ...fields,
      capture_method: 'manual',
      expand: ['latest_charge'],
    })
    expect(intent).toMatchObject({ status: 'requires_capture', amount_capturable: 1999, livemode: false })
    expect(intent.latest_charge).toMatchObject({ object: 'charge', captured: false, paid: true })
    const captured = await stripe.paymentIntents.capture(intent.id, { amount_to_capture: 1500 })
    expect(captured).toMatchObject({ status: 'succeeded', amount_received: 1500, amount_capturable: 0 })
    const refund = await stripe.refunds.create({
      payment_intent: intent.id,
      amount: 500,
      reason: 'requested_by_customer',
    })
    expect(refund).toMatchObject({ status: 'succeeded', amount: 500, currency: 'usd' })
    const charge = await stripe.charges.retrieve(captured.latest_charge as string)
    expect(charge).toMatchObject({ amount_captured: 1500, amount_refunded: 500, refunded: false })
    const book = await simulator.book('pay_sdk')
    expect(book.map(({ operation, effect }) => [operation, effect])).toEqual([
      ['authorize', true],
      ['capture', true],
      ['refund', true],
    ])
  })

  it('creates without confirming, confirms, updates and cancels', async () => {
    const { stripe } = await setUp()
    const { confirm: _, ...unconfirmed } = fields
    const intent = await stripe.paymentIntents.create({ ...unconfirmed, capture_method: 'manual' })
    expect(intent.status).toBe('requires_confirmation')
    const updated = await stripe.paymentIntents.update(intent.id, {
      metadata: { order: '7', payment_id: '' },
      description: 'boots',
    })
    expect(updated).toMatchObject({ metadata: { order: '7' }, description: 'boots' })
    expect(updated.metadata).not.toHaveProperty('payment_id')
    expect(await stripe.paymentIntents.confirm(intent.id)).toMatchObject({ status: 'requires_capture' })
    const canceled = await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' })
    expect(canceled).toMatchObject({ status: 'canceled', cancellation_reason: 'abandoned', amount_capturable: 0 })
  })

  it('sees a decline as a card error with the payment intent inside', async () => {
    const { stripe } = await setUp()
    const error = await failureOf(
      stripe.paymentIntents.create({ ...fields, payment_method: 'pm_card_visa_chargeDeclinedInsufficientFunds' }),
    )
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError)
    expect(error).toMatchObject({ statusCode: 402, code: 'card_declined', decline_code: 'insufficient_funds' })
    expect(error.payment_intent).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds' },
    })
    expect(error.requestId).toMatch(/^req_/)
  })

  it('sees refusals as what they are', async () => {
    const { simulator, stripe } = await setUp()
    const intent = await stripe.paymentIntents.create(fields)
    expect(await failureOf(stripe.paymentIntents.capture(intent.id))).toMatchObject({
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
      payment_intent: { id: intent.id, status: 'succeeded' },
    })
    expect(await failureOf(stripe.paymentIntents.retrieve('pi_nobody'))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    })
    const unknown = stripe.rawRequest('POST', '/v1/payment_intents', { ...fields, payment_method_types: ['card'] })
    expect(await failureOf(unknown)).toMatchObject({
      statusCode: 400,
      code: 'parameter_unknown',
      param: 'payment_method_types',
    })
    await stripe.refunds.create({ payment_intent: intent.id })
    expect(await failureOf(stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({
      code: 'charge_already_refunded',
    })
    await simulator.behave([{ action: 'rate_limit_429', times: 1 }])
    expect(await failureOf(stripe.paymentIntents.create(fields))).toBeInstanceOf(Stripe.errors.StripeRateLimitError)
    await simulator.behave([{ action: 'error_500_before', times: 1 }])
    expect(await failureOf(stripe.paymentIntents.create(fields))).toBeInstanceOf(Stripe.errors.StripeAPIError)
  })

  it('gets the first answer again for the same key, and an error for other parameters', async () => {
    const { simulator, stripe } = await setUp()
    const options = { idempotencyKey: 'order-42' }
    const first = await stripe.paymentIntents.create(fields, options)
    const again = await stripe.paymentIntents.create(fields, options)
    expect(again).toEqual(first)
    expect(again.lastResponse.headers['idempotent-replayed']).toBe('true')
    expect(again.lastResponse.idempotencyKey).toBe('order-42')
    const error = await failureOf(stripe.paymentIntents.create({ ...fields, amount: 1 }, options))
    expect(error).toBeInstanceOf(Stripe.errors.StripeIdempotencyError)
    const book = await simulator.book('pay_sdk')
    expect(book.filter(({ effect }) => effect).map(({ operation }) => operation)).toEqual(['authorize', 'capture'])
    expect(book.map(({ status }) => status)).toContain('replayed')
  })

  it('lists with its own pagination, newest first, and searches by metadata', async () => {
    const { stripe } = await setUp()
    const made: string[] = []
    for (let index = 0; index < 7; index += 1) {
      const { id } = await stripe.paymentIntents.create({
        ...fields,
        capture_method: 'automatic',
        metadata: { operation_id: `att_${index}`, parity: String(index % 2) },
      })
      made.push(id)
    }
    const listed: string[] = []
    for await (const { id } of stripe.paymentIntents.list({ limit: 3, created: { gte: 1 } })) listed.push(id)
    expect(listed).toEqual(made.toReversed())
    const page = await stripe.paymentIntents.list({ limit: 2, ending_before: made[2] ?? '' })
    expect(page.data.map(({ id }) => id)).toEqual([made[4], made[3]])
    const found = await stripe.paymentIntents.search({ query: "metadata['operation_id']:'att_3'" })
    expect(found.data.map(({ id }) => id)).toEqual([made[3]])
    const odd: string[] = []
    for await (const { id } of stripe.paymentIntents.search({ query: "metadata['parity']:'1'", limit: 2 })) odd.push(id)
    expect(odd).toEqual([made[5], made[3], made[1]])
    await stripe.refunds.create({ payment_intent: made[0] ?? '', amount: 1 })
    await stripe.refunds.create({ payment_intent: made[0] ?? '', amount: 2 })
    expect((await stripe.refunds.list({ payment_intent: made[0] ?? '' })).data.map(({ amount }) => amount)).toEqual([
      2, 1,
    ])
    expect((await stripe.charges.list({ payment_intent: made[0] ?? '' })).data).toHaveLength(1)
    expect((await stripe.balance.retrieve()).pending).toMatchObject([{ currency: 'usd', amount: 7 * (1999 - 88) - 3 }])
  })

  it('is refused without a test key', async () => {
    const { simulator } = await setUp()
    const { hostname, port } = new URL(simulator.url)
    const stripe = new Stripe('sk_live_real', {
      host: hostname,
      port: Number(port),
      protocol: 'http',
      maxNetworkRetries: 0,
    })
    expect(await failureOf(stripe.paymentIntents.list())).toBeInstanceOf(Stripe.errors.StripeAuthenticationError)
  })
})
