import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { confirmed, testSimulator } from '../../test/support/simulator.ts'

const dayMs = 24 * 3600 * 1000
const pay = '/v1/payment_intents'

async function effectCount(simulator: Awaited<ReturnType<typeof testSimulator>>): Promise<number> {
  return (await simulator.book()).filter(({ effect, operation }) => effect && operation === 'authorize').length
}

describe('an idempotency key', () => {
  it('gives every repeat the first answer, byte for byte, also after the object has changed', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const fields = confirmed({ capture_method: 'manual', expand: ['latest_charge'] })
    const first = await simulator.post(pay, fields, 'key')
    await simulator.post(`${pay}/${String(first.json['id'])}/capture`, {})
    await simulator.post('/v1/refunds', { payment_intent: String(first.json['id']) })
    clock.advance(dayMs - 1)
    const again = await simulator.post(pay, fields, 'key')
    expect(again.text).toBe(first.text)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    expect(again.headers.get('idempotency-key')).toBe('key')
    expect(await effectCount(simulator)).toBe(1)
  })

  it('is forgotten after a day: then the same request is a new payment', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const first = await simulator.post(pay, confirmed(), 'key')
    clock.advance(dayMs)
    const again = await simulator.post(pay, confirmed(), 'key')
    expect(again.json['id']).not.toBe(first.json['id'])
    expect(await effectCount(simulator)).toBe(2)
  })

  it('keeps declines and refusals found while executing', async () => {
    const simulator = await testSimulator()
    const declined = confirmed({ payment_method: 'pm_card_chargeDeclined' })
    const first = await simulator.post(pay, declined, 'decline')
    const again = await simulator.post(pay, declined, 'decline')
    expect([first.status, again.status, again.text]).toEqual([402, 402, first.text])
    const intent = await simulator.post(pay, confirmed())
    const path = `${pay}/${String(intent.json['id'])}/cancel`
    expect((await simulator.post(path, {}, 'cancel')).status).toBe(400)
    expect((await simulator.post(path, {}, 'cancel')).headers.get('idempotent-replayed')).toBe('true')
  })

  it('stays free where parameters were refused, the limiter struck, or nobody was authenticated', async () => {
    const simulator = await testSimulator()
    expect((await simulator.post(pay, confirmed({ amount: 'x' }), 'key')).status).toBe(400)
    await simulator.behave([{ action: 'rate_limit_429', times: 1 }])
    expect((await simulator.post(pay, confirmed(), 'key')).status).toBe(429)
    const nobody = await fetch(`${simulator.url}${pay}`, {
      method: 'POST',
      headers: { 'idempotency-key': 'key' },
      body: '',
    })
    expect(nobody.status).toBe(401)
    const done = await simulator.post(pay, confirmed(), 'key')
    expect([done.status, done.headers.get('idempotent-replayed')]).toEqual([200, null])
  })

  it('in use by a request that still runs is a conflict; with other parameters, an error', async () => {
    const simulator = await testSimulator()
    await simulator.behave([{ action: 'latency', latency_ms: 150, times: 1 }])
    const first = simulator.post(pay, confirmed(), 'key')
    await expect.poll(async () => (await simulator.post(pay, confirmed(), 'key')).status).toBe(409)
    expect((await simulator.post(pay, confirmed({ amount: 2 }), 'key')).json).toMatchObject({
      error: { type: 'idempotency_error' },
    })
    expect((await first).status).toBe(200)
    expect((await simulator.post(`${pay}/pi_x/cancel`, {}, 'key')).status).toBe(400)
    expect(await effectCount(simulator)).toBe(1)
  })

  it('holds the same request whatever the order and spelling of its fields', async () => {
    const simulator = await testSimulator()
    const post = (body: string): Promise<Response> =>
      fetch(`${simulator.url}${pay}`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from('sk_test_x:').toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
          'idempotency-key': 'key',
        },
        body,
      })
    const first = await post('amount=7&currency=eur&metadata[a]=1+2&expand[]=latest_charge')
    const second = await post('metadata%5Ba%5D=1%202&expand%5B0%5D=latest_charge&currency=eur&amount=7')
    expect(first.status).toBe(200)
    expect(await second.text()).toBe(await first.text())
    expect(second.headers.get('idempotent-replayed')).toBe('true')
  })

  it('that is too long is refused', async () => {
    const simulator = await testSimulator()
    expect((await simulator.post(pay, confirmed(), 'k'.repeat(256))).status).toBe(400)
    expect((await simulator.post(pay, confirmed(), 'k'.repeat(255))).status).toBe(200)
  })
})
