/** Webhooks on a real wire, judged by the PSPs' own libraries and published descriptions. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hmacValidator as HmacValidator } from '@adyen/api-library'
import { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { problemsOfAdyenNotification } from '../../../test/support/adyen-contract.ts'
import { cleanUp, confirmed, type TestSimulator, testSimulator } from '../../../test/support/simulator.ts'
import { problemsOfEvent } from '../../../test/support/stripe-contract.ts'
import type { AdyenNotification } from '../adyen/notification.ts'
import type { FaultRule } from './faults.ts'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Shop {
  readonly url: string
  readonly received: Received[]
}

async function shop(answer: (message: Received) => number): Promise<Shop> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const message = { headers: request.headers, body: Buffer.concat(chunks).toString('utf8') }
      received.push(message)
      response.writeHead(answer(message), { 'content-type': 'text/plain' }).end('[accepted]')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`, received }
}

const [newSecret, oldSecret] = ['whsec_new', 'whsec_old'] as const
const hmacKeys = ['ab'.repeat(32), 'CD'.repeat(32)] as const

async function rig(
  rules: readonly FaultRule[] = [],
  answer: (message: Received) => number = () => 200,
): Promise<{ simulator: TestSimulator; received: Received[] }> {
  const simulator = await testSimulator()
  const { url, received } = await shop(answer)
  const endpoints = [
    { psp: 'stripe', url, secrets: [newSecret, oldSecret] },
    { psp: 'adyen', url, login: 'adyen:päss:word', hmac_keys: hmacKeys },
  ]
  const { status, body } = await control(simulator, '/webhooks', { endpoints, rules, time_scale: 10_000 })
  expect([status, body]).toEqual([200, expect.not.stringMatching(/whsec|päss|abab/)])
  return { simulator, received }
}

async function control(
  simulator: TestSimulator,
  path: string,
  body: object,
): Promise<{ status: number; body: string }> {
  const response = await fetch(`${simulator.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: await response.text() }
}

async function flush(simulator: TestSimulator): Promise<void> {
  expect(await control(simulator, '/webhooks/flush', {})).toEqual({ status: 200, body: '{"pending":0}' })
}

async function payAtAdyen(simulator: TestSimulator): Promise<void> {
  const response = await fetch(`${simulator.url}/adyen/v72/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'test' },
    body: JSON.stringify({
      amount: { currency: 'EUR', value: 1000 },
      merchantAccount: 'ShardpayTest',
      paymentMethod: { type: 'scheme', storedPaymentMethodId: 'tok_visa' },
      reference: 'back\\slash:and:colons',
      shopperReference: 'shopper',
      returnUrl: 'https://shop.example/return',
    }),
  })
  expect(response.status).toBe(200)
}

/** Fields of a payment that has three events and no more. */
function automatic(fields: Parameters<typeof confirmed>[0] = {}): ReturnType<typeof confirmed> {
  return confirmed({ capture_method: 'automatic', ...fields })
}

const { webhooks } = new Stripe('sk_test_x')

function isAccepted({ headers, body }: Received, secret: string): boolean {
  try {
    webhooks.constructEvent(body, String(headers['stripe-signature']), secret)
    return true
  } catch {
    return false
  }
}

describe("Stripe's webhooks on the wire", () => {
  it("are accepted by Stripe's library with either secret, and are what GET /v1/events shows", async () => {
    const { simulator, received } = await rig()
    await simulator.post('/v1/payment_intents', automatic({ metadata: { payment_id: 'pay_ä' } }), 'att_1')
    await flush(simulator)
    expect(received).toHaveLength(3)
    for (const message of received) {
      const header = String(message.headers['stripe-signature'])
      expect(header).toMatch(/^t=\d{10},v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/)
      for (const secret of [newSecret, oldSecret]) {
        const event = webhooks.constructEvent(message.body, header, secret)
        expect(problemsOfEvent(event)).toEqual([])
        const { json } = await simulator.get(`/v1/events/${event.id}`)
        expect({ ...json, pending_webhooks: 1 }).toEqual(event)
      }
      expect(isAccepted(message, 'whsec_other')).toBe(false)
    }
  })

  it.each([
    ['tamper', 'No signatures found'],
    ['wrong_secret', 'No signatures found'],
    ['stale_timestamp', 'outside the tolerance zone'],
  ] as const)("with %s are refused by Stripe's library", async (action, reason) => {
    const { simulator, received } = await rig([{ action }])
    await simulator.post('/v1/payment_intents', automatic())
    await flush(simulator)
    expect(received).toHaveLength(3)
    for (const { body, headers } of received) {
      const header = String(headers['stripe-signature'])
      expect(() => webhooks.constructEvent(body, header, newSecret)).toThrow(reason)
      expect(problemsOfEvent(JSON.parse(body) as object)).toEqual([])
    }
  })

  it('can be signed as of later, which their library lets pass', async () => {
    const { simulator, received } = await rig([{ action: 'future_timestamp', offset_s: 3_600 }])
    await simulator.post('/v1/payment_intents', automatic())
    await flush(simulator)
    const [, timestamp] = /^t=(\d+)/.exec(String(received[0]?.headers['stripe-signature'])) ?? []
    expect(Number(timestamp) - Date.now() / 1000).toBeGreaterThan(3_500)
    expect(received.map((message) => isAccepted(message, newSecret))).toEqual([true, true, true])
  })

  it('come again as they should be after attempts that were tampered with and refused', async () => {
    const { simulator, received } = await rig([{ action: 'tamper', times: 2 }], (message) =>
      isAccepted(message, newSecret) ? 200 : 400,
    )
    await simulator.post('/v1/payment_intents', automatic())
    await flush(simulator)
    const [taken, refused] = [true, false].map((wanted) =>
      received.filter((message) => isAccepted(message, newSecret) === wanted),
    )
    expect([taken?.length, refused?.length]).toEqual([3, 2])
  })
})

describe("Adyen's webhooks on the wire", () => {
  const items = (received: readonly Received[]): AdyenNotification[] =>
    received.flatMap(({ body }) => {
      const message = JSON.parse(body) as {
        live: string
        notificationItems: { NotificationRequestItem: AdyenNotification }[]
      }
      expect(message.live).toBe('false')
      return message.notificationItems.map(({ NotificationRequestItem: item }) => item)
    })
  const validator = new HmacValidator()
  type SignedItem = Parameters<InstanceType<typeof HmacValidator>['validateHMAC']>[0]
  const isSignedWith = (item: AdyenNotification, key: string): boolean =>
    validator.validateHMAC(item as unknown as SignedItem, key)

  it("are accepted by Adyen's library with one of the keys, and come with the login", async () => {
    const { simulator, received } = await rig()
    for (let index = 0; index < 10; index += 1) await payAtAdyen(simulator)
    await flush(simulator)
    const all = items(received)
    expect(all.length).toBeGreaterThanOrEqual(10)
    for (const item of all) {
      expect(problemsOfAdyenNotification(item)).toEqual([])
      expect(hmacKeys.filter((key) => isSignedWith(item, key))).toHaveLength(1)
    }
    for (const key of hmacKeys)
      expect(
        all.some((item) => isSignedWith(item, key)),
        key,
      ).toBe(true)
    const login = Buffer.from('adyen:päss:word').toString('base64')
    expect(new Set(received.map(({ headers }) => headers.authorization))).toEqual(new Set([`Basic ${login}`]))
  })

  it.each(['tamper', 'wrong_secret'] as const)("with %s are refused by Adyen's library", async (action) => {
    const { simulator, received } = await rig([{ action }])
    await payAtAdyen(simulator)
    await flush(simulator)
    const [item] = items(received)
    expect(item).toMatchObject({ eventCode: 'AUTHORISATION', amount: { value: action === 'tamper' ? 1001 : 1000 } })
    for (const key of hmacKeys) expect(item === undefined || isSignedWith(item, key)).toBe(false)
  })
})

describe('the configuration of webhooks', () => {
  it.each([
    ['no secret', { endpoints: [{ psp: 'stripe', url: 'http://a.example/', secrets: [] }] }],
    ['a key that is none', { endpoints: [{ psp: 'adyen', url: 'http://a.example/', hmac_keys: ['topsecret'] }] }],
    ['an address that is none', { endpoints: [{ psp: 'adyen', url: 'http://' }] }],
    ['another scheme', { endpoints: [{ psp: 'adyen', url: 'file:///etc/passwd' }] }],
    ['a PSP that is not simulated', { endpoints: [{ psp: 'paypal', url: 'http://a.example/' }] }],
    ['an endpoint twice', { endpoints: Array.from({ length: 2 }, () => ({ psp: 'adyen', url: 'http://a.example/' })) }],
    ['a member that is unknown', { endpoint: [] }],
    ['time that stands still', { time_scale: 0 }],
    ['no object', []],
  ])('with %s is refused, changes nothing and is not repeated in the answer', async (_, config) => {
    const { simulator } = await rig()
    const { status, body } = await control(simulator, '/webhooks', config)
    expect([status, body]).toEqual([400, expect.not.stringContaining('topsecret')])
    const { endpoints } = (await (await fetch(`${simulator.adminUrl}/webhooks`)).json()) as { endpoints: object[] }
    expect(endpoints).toHaveLength(2)
  })

  it('a flush that ends before all is delivered says what is pending', async () => {
    const simulator = await testSimulator()
    const endpoints = [{ psp: 'stripe', url: 'http://127.0.0.1:9/', secrets: ['whsec_a'] }]
    await control(simulator, '/webhooks', { endpoints })
    await simulator.post('/v1/payment_intents', automatic())
    expect(await control(simulator, '/webhooks/flush', { within_ms: 50 })).toEqual({
      status: 504,
      body: '{"pending":3}',
    })
    expect((await control(simulator, '/webhooks/flush', { within_ms: 'long' })).status).toBe(400)
  })
})
