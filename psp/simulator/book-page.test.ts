import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'
import { webhookReceiver } from '../../test/support/webhook-receiver.ts'

async function rig(): Promise<{ simulator: TestSimulator; clock: VirtualClock }> {
  const clock = new VirtualClock()
  const transport = webhookReceiver(clock)
  const endpoints = [{ id: 'shop', psp: 'stripe', url: 'http://shop.example/', secrets: ['whsec_a'] } as const]
  return { simulator: await testSimulator({ clock, transport, webhooks: { endpoints } }), clock }
}

async function pay(simulator: TestSimulator, payment: string): Promise<void> {
  const metadata = { payment_id: payment }
  await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'automatic', metadata }))
}

async function html(simulator: TestSimulator, query = ''): Promise<string> {
  const response = await fetch(`${simulator.url}/${query}`)
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  return response.text()
}

describe('the first page', () => {
  it("shows the end of book and webhooks, newest first, with merchants' texts as text", async () => {
    const { simulator, clock } = await rig()
    await pay(simulator, '<script>alert("1")</script>')
    clock.advance(0)
    await expect.poll(() => html(simulator)).toContain('<p>0 to be delivered.</p>')
    const page = await html(simulator)
    expect(page).toContain('&#60;script&#62;')
    expect(page).not.toContain('<script')
    expect(page.indexOf('<td>capture</td>')).toBeLessThan(page.indexOf('<td>authorize</td>'))
    const types = [...page.matchAll(/<td>(payment_intent\.\w+|charge\.\w+)<\/td>/g)].map(([, type]) => type)
    expect(types).toEqual(['payment_intent.succeeded', 'charge.succeeded', 'payment_intent.created'])
  })

  it('shows one payment where asked, the text that was asked for as text, and that there is none', async () => {
    const { simulator, clock } = await rig()
    await pay(simulator, 'pay_a')
    await pay(simulator, 'pay_b')
    clock.advance(0)
    await expect.poll(() => html(simulator)).toContain('<p>0 to be delivered.</p>')
    const one = await html(simulator, '?payment=pay_a')
    expect(one).toContain('value="pay_a"')
    expect(one).toContain('>pay_a</a>')
    expect(one).not.toContain('pay_b')
    const none = await html(simulator, `?payment=${encodeURIComponent('"><b>')}`)
    expect(none).toContain('value="&#34;&#62;&#60;b&#62;"')
    expect(none).toContain('Nothing was asked of it yet.')
    expect((await fetch(`${simulator.url}/?payment=a&payment=b`)).status).toBe(400)
  })
})
