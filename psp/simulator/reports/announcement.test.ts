/** How reports are told of, held against this project's receivers: signed, and with an address from which they come. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { payment } from '../../../test/support/adyen-simulator.ts'
import { closeBatches, endDay } from '../../../test/support/reports.ts'
import { confirmed, testSimulator } from '../../../test/support/simulator.ts'
import { webhookReceiver } from '../../../test/support/webhook-receiver.ts'
import { createAdyenReceiver } from '../../adyen/webhook.ts'
import { createStripeReceiver } from '../../stripe/webhook.ts'

const secret = 'whsec_current'
const hmacKey = 'ab'.repeat(32)
const login = 'adyen:secret'
const stripe = createStripeReceiver({ connection: 'stripe-test', mode: 'test', secrets: () => [secret] })
const adyen = createAdyenReceiver({
  connection: 'adyen-test',
  mode: 'test',
  merchantAccount: 'ShardpayTest',
  hmacKeys: () => [hmacKey],
  logins: () => [login],
})

describe('a report', () => {
  it('is told by a webhook of each PSP, which leads to the file', async () => {
    const clock = new VirtualClock()
    const shop = webhookReceiver(clock)
    const simulator = await testSimulator({ clock, transport: shop })
    await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'automatic' }))
    await fetch(`${simulator.url}/v72/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'test' },
      body: JSON.stringify(payment({ additionalData: {} })),
    })
    const endpoints = [
      { psp: 'stripe', url: 'http://shop.example/stripe', secrets: [secret] },
      { psp: 'adyen', url: 'http://shop.example/adyen', login, hmac_keys: [hmacKey] },
    ]
    await fetch(`${simulator.adminUrl}/webhooks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ endpoints }),
    })

    await closeBatches(simulator)
    const until = await endDay(simulator)
    const parameters = { interval_start: until - 60, interval_end: until }
    const fields = { report_type: 'balance_change_from_activity.itemized.3', parameters }
    await simulator.post('/v1/reporting/report_runs', fields)
    clock.advance(1_000)
    clock.advance(0)
    await expect.poll(() => shop.posts.length).toBe(2)

    const facts = shop.posts.flatMap(({ url, headers, body, at }) => {
      const receiver = url.endsWith('/stripe') ? stripe : adyen
      const verdict = receiver.receive({ headers, body: Buffer.from(body), receivedAt: at })
      return verdict.kind === 'authentic' ? verdict.notices.map(({ fact }) => fact) : []
    })
    expect(facts).toMatchObject([
      { kind: 'report', name: 'settlement_detail_report_batch_1.csv' },
      { kind: 'report', name: fields.report_type },
    ])
    for (const fact of facts) {
      if (fact.kind !== 'report') throw new Error('a report is told')
      const response = await fetch(fact.url ?? '', {
        headers: { authorization: 'Bearer sk_test_a', 'x-api-key': 'test' },
      })
      expect([response.status, (await response.text()).split('\r\n').length > 2]).toEqual([200, true])
    }
  })
})
