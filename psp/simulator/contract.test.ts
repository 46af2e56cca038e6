/** Every kind of answer, held against Stripe's published description of its API. */
import { describe, expect, it } from 'vitest'
import { problemsOfAnswer } from '../../test/support/stripe-contract.ts'
import { confirmed, type HttpAnswer, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'
import { testCard, testCardTokens } from './cards.ts'

function id(answer: HttpAnswer): string {
  return String(answer.json['id'])
}

function expectValid(schema: string, answer: HttpAnswer): void {
  expect(problemsOfAnswer(schema, answer.json), `${schema} ${answer.text.slice(0, 200)}`).toEqual([])
}

async function authenticating(simulator: TestSimulator): Promise<HttpAnswer> {
  return simulator.post('/v1/payment_intents', {
    ...confirmed({ payment_method: 'pm_card_authenticationRequired', return_url: 'https://shop.example/r' }),
    automatic_payment_methods: { enabled: true },
  })
}

describe("every answer of the simulator is valid by Stripe's API description", () => {
  it('payment intents in each of their states, with charges expanded and not', async () => {
    const simulator = await testSimulator()
    const answers = [
      await simulator.post('/v1/payment_intents', { amount: 5, currency: 'eur' }),
      await simulator.post('/v1/payment_intents', { amount: 5, currency: 'eur', payment_method: 'pm_card_visa' }),
      await simulator.post('/v1/payment_intents', confirmed()),
      await simulator.post('/v1/payment_intents', confirmed({ expand: ['latest_charge'], capture_method: 'manual' })),
      await simulator.post(
        '/v1/payment_intents',
        confirmed({ expand: ['latest_charge'], capture_method: 'automatic' }),
      ),
      await authenticating(simulator),
    ]
    const held = await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'manual' }))
    answers.push(
      await simulator.post(`/v1/payment_intents/${id(held)}/capture`, {
        amount_to_capture: 3,
        expand: ['latest_charge'],
      }),
    )
    const other = await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'manual' }))
    answers.push(await simulator.post(`/v1/payment_intents/${id(other)}/cancel`, { expand: ['latest_charge'] }))
    expect(answers.map(({ json }) => json['status'])).toEqual([
      'requires_payment_method',
      'requires_confirmation',
      'succeeded',
      'requires_capture',
      'succeeded',
      'requires_action',
      'succeeded',
      'canceled',
    ])
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      expectValid('PaymentIntent', answer)
      expectValid(
        'PaymentIntent',
        await simulator.get(`/v1/payment_intents/${id(answer)}?expand[]=latest_charge.payment_intent`),
      )
    }
  })

  it('what every test payment method leads to', async () => {
    const simulator = await testSimulator()
    for (const token of testCardTokens) {
      const answer = await simulator.post(
        '/v1/payment_intents',
        confirmed({ payment_method: token, expand: ['latest_charge'] }),
      )
      expect(answer.status, token).toBe(testCard(token)?.authorization === 'succeeds' ? 200 : 402)
      expectValid(answer.status === 200 ? 'PaymentIntent' : 'Error', answer)
    }
    const charges = await simulator.get('/v1/charges?limit=100&expand[]=data.payment_intent')
    const data = charges.json['data'] as unknown[]
    expect(data).toHaveLength(testCardTokens.length)
    for (const charge of data) expect(problemsOfAnswer('Charge', charge)).toEqual([])
  })

  it('refunds, lists, searches, balances', async () => {
    const simulator = await testSimulator()
    for (const token of ['pm_card_visa', 'pm_card_pendingRefund', 'pm_card_refundFail']) {
      const intent = await simulator.post('/v1/payment_intents', confirmed({ payment_method: token }))
      const refund = await simulator.post('/v1/refunds', { payment_intent: id(intent), amount: 1 })
      expectValid('Refund', refund)
      expectValid('Refund', await simulator.get(`/v1/refunds/${id(refund)}?expand[]=charge&expand[]=payment_intent`))
      expectValid('PaymentIntent', await simulator.get(`/v1/payment_intents/${id(intent)}?expand[0]=latest_charge`))
    }
    expectValid('Balance', await simulator.get('/v1/balance'))
    for (const [path, schema] of [
      ['/v1/payment_intents?expand[]=data.latest_charge', 'PaymentIntent'],
      ["/v1/payment_intents/search?query=metadata['a']:'b'", 'PaymentIntent'],
      ['/v1/refunds', 'Refund'],
      ['/v1/charges', 'Charge'],
    ] as const) {
      const list = await simulator.get(path)
      expect(list.json, path).toMatchObject({ has_more: false })
      for (const item of list.json['data'] as unknown[]) expect(problemsOfAnswer(schema, item), path).toEqual([])
    }
  })

  it('the disputes that test payment methods bring, which end refunds unless they are mere inquiries', async () => {
    const simulator = await testSimulator()
    const seen: unknown[] = []
    for (const token of [
      'pm_card_createDispute',
      'pm_card_createDisputeProductNotReceived',
      'pm_card_createDisputeInquiry',
    ]) {
      const intent = await simulator.post('/v1/payment_intents', confirmed({ payment_method: token }))
      const list = await simulator.get(`/v1/disputes?payment_intent=${id(intent)}`)
      const [dispute] = list.json['data'] as Record<string, unknown>[]
      expect(problemsOfAnswer('Dispute', dispute)).toEqual([])
      expectValid('Dispute', await simulator.get(`/v1/disputes/${String(dispute?.['id'])}`))
      const refund = await simulator.post('/v1/refunds', { payment_intent: id(intent) })
      seen.push([dispute?.['reason'], dispute?.['status'], refund.status])
    }
    expect(seen).toEqual([
      ['fraudulent', 'needs_response', 400],
      ['product_not_received', 'needs_response', 400],
      ['fraudulent', 'warning_needs_response', 200],
    ])
    expect((await simulator.get('/v1/disputes')).json['data']).toHaveLength(3)
    expect((await simulator.get('/v1/disputes/dp_nobody')).status).toBe(404)
  })

  it('errors of every kind, injected ones included', async () => {
    const simulator = await testSimulator()
    const intent = await simulator.post('/v1/payment_intents', confirmed())
    const answers: [number, HttpAnswer][] = [
      [400, await simulator.post('/v1/payment_intents', {})],
      [400, await simulator.post('/v1/payment_intents', confirmed({ amount: 0 }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ amount: '1.5' }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ amount: 123, currency: 'kwd' }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ currency: 'euro' }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'later' }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ automatic_payment_methods: { enabled: true } }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ metadata: { ['k'.repeat(41)]: 'v' } }))],
      [400, await simulator.post('/v1/payment_intents', confirmed({ return_url: 'javascript:alert(1)' }))],
      [400, await simulator.post(`/v1/payment_intents/${id(intent)}/cancel`, {})],
      [400, await simulator.post('/v1/refunds', {})],
      [404, await simulator.post('/v1/refunds', { payment_intent: 'pi_nobody' })],
      [404, await simulator.post('/v1/payment_intents/pi_nobody/capture', {})],
      [404, await simulator.get('/v1/nothing/here')],
      [404, await simulator.get('/v1/charges/ch_nobody')],
      [400, await simulator.get('/v1/payment_intents?starting_after=pi_nobody')],
    ]
    await simulator.behave([{ action: 'error_500_after', status: 503, times: 1 }])
    answers.push([503, await simulator.post('/v1/payment_intents', confirmed())])
    await simulator.behave([{ action: 'lock_timeout_429', times: 1 }])
    answers.push([429, await simulator.post('/v1/payment_intents', confirmed())])
    for (const [status, answer] of answers) {
      expect(answer.status, answer.text).toBe(status)
      expectValid('Error', answer)
    }
  })

  it('and a misspelt field would be noticed', async () => {
    const simulator = await testSimulator()
    const { json } = await simulator.post('/v1/payment_intents', confirmed({ expand: ['latest_charge'] }))
    expect(problemsOfAnswer('PaymentIntent', { ...json, ammount: 1 })).toEqual(['/ammount is not declared'])
    expect(problemsOfAnswer('PaymentIntent', { ...json, amount: '1' })).toEqual(['/amount must be number'])
    const charge = { ...(json['latest_charge'] as object), paidd: true }
    expect(problemsOfAnswer('PaymentIntent', { ...json, latest_charge: charge })).toEqual([
      '/latest_charge/paidd is not declared',
    ])
    const { status: _, ...without } = json
    expect(problemsOfAnswer('PaymentIntent', without).join()).toContain("required property 'status'")
  })
})
