import { describe, expect, it } from 'vitest'
import { confirmed, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'

const fields = {
  ...confirmed({
    payment_method: 'pm_card_authenticationRequired',
    return_url: 'https://shop.example/return?attempt=1',
    metadata: { payment_id: 'pay_a', operation_id: 'att_1' },
  }),
  automatic_payment_methods: { enabled: true },
}

async function waiting(simulator: TestSimulator): Promise<{ intent: string; url: string }> {
  const { json } = await simulator.post('/v1/payment_intents', fields, 'att_1')
  expect(json['status']).toBe('requires_action')
  const action = json['next_action'] as { redirect_to_url: { url: string } }
  return { intent: String(json['id']), url: action.redirect_to_url.url }
}

function click(url: string, outcome: string): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams({ outcome }), redirect: 'manual' })
}

describe('the authentication page', () => {
  it('has a button for each end, and leads back to the merchant with the intent', async () => {
    const simulator = await testSimulator()
    const { intent, url } = await waiting(simulator)
    const page = await (await fetch(url)).text()
    expect(page).toContain('value="complete"')
    expect(page).toContain('value="fail"')
    expect(await simulator.book('pay_a')).toMatchObject([
      { operation: 'authorize', effect: false, status: 'requires_action' },
    ])

    const response = await click(url, 'complete')
    expect(response.status).toBe(303)
    const back = new URL(response.headers.get('location') ?? '')
    expect(back.origin + back.pathname).toBe('https://shop.example/return')
    expect(Object.fromEntries(back.searchParams)).toMatchObject({
      attempt: '1',
      payment_intent: intent,
      redirect_status: 'succeeded',
    })
    expect((await simulator.get(`/v1/payment_intents/${intent}`)).json).toMatchObject({
      status: 'succeeded',
      next_action: null,
    })
    expect((await simulator.book('pay_a')).slice(1)).toMatchObject([
      { operation: 'authorize', effect: true, operation_id: 'att_1', idempotency_key: 'att_1' },
      { operation: 'capture', effect: true, operation_id: 'att_1', idempotency_key: 'att_1' },
    ])
  })

  it('authorizes once, however often it is completed, and whatever is clicked after', async () => {
    const simulator = await testSimulator()
    const { intent, url } = await waiting(simulator)
    await Promise.all(Array.from({ length: 10 }, () => click(url, 'complete')))
    expect((await click(url, 'fail')).status).toBe(303)
    expect((await simulator.book('pay_a')).filter(({ effect }) => effect)).toHaveLength(2)
    expect((await simulator.get(`/v1/payment_intents/${intent}`)).json['status']).toBe('succeeded')
    expect(await (await fetch(url)).text()).toContain('waits for nothing')
  })

  it('can fail: then nothing is authorized and the intent wants another payment method', async () => {
    const simulator = await testSimulator()
    const { intent, url } = await waiting(simulator)
    const response = await click(url, 'fail')
    expect(response.headers.get('location')).toContain('redirect_status=failed')
    expect((await simulator.get(`/v1/payment_intents/${intent}`)).json).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    })
    expect((await simulator.book('pay_a')).filter(({ effect }) => effect)).toEqual([])
  })

  it('of a canceled payment, of none, and with another button does nothing', async () => {
    const simulator = await testSimulator()
    const { intent, url } = await waiting(simulator)
    await simulator.post(`/v1/payment_intents/${intent}/cancel`, {})
    await click(url, 'complete')
    expect((await simulator.get(`/v1/payment_intents/${intent}`)).json['status']).toBe('canceled')
    expect((await click(url, 'refuse')).status).toBe(400)
    expect((await click(`${simulator.url}/3ds/pi_nobody`, 'complete')).status).toBe(404)
    expect((await fetch(`${simulator.url}/3ds/pi_nobody`)).status).toBe(404)
  })

  it('has the same two ends in the controls', async () => {
    const simulator = await testSimulator()
    const { intent } = await waiting(simulator)
    const control = async (outcome: string): Promise<number> =>
      (
        await fetch(`${simulator.adminUrl}/3ds/${intent}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ outcome }),
        })
      ).status
    expect([await control('maybe'), await control('complete'), await control('complete')]).toEqual([400, 200, 409])
  })
})
