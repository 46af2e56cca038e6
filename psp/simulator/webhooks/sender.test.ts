/** Webhooks as they leave: when, in which order, how often, and what of it a restart keeps. Time is virtual. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../../test/support/simulator.ts'
import { type ReceivedPost, type WebhookReceiver, webhookReceiver } from '../../../test/support/webhook-receiver.ts'
import type { Endpoint } from './endpoints.ts'
import type { FaultRule } from './faults.ts'
import { adyenWaitsMs, stripeWaitsMs } from './schedule.ts'
import { concurrencyMax } from './sender.ts'

const stripe: Endpoint = { id: 's', psp: 'stripe', url: 'http://shop.example/s', secrets: ['whsec_a'] }
const adyen: Endpoint = { id: 'a', psp: 'adyen', url: 'http://shop.example/a' }
const minute = 60_000

interface Rig {
  readonly clock: VirtualClock
  readonly receiver: WebhookReceiver
  readonly simulator: TestSimulator
  /** Lets virtual time go on in steps, and what falls due finish. */
  pass(ms: number, steps?: number): Promise<void>
  types(): string[]
}

async function rig(
  rules: readonly FaultRule[] = [],
  options: { seed?: number; directory?: string; clock?: VirtualClock; endpoints?: readonly Endpoint[] } = {},
): Promise<Rig> {
  const { clock = new VirtualClock(), endpoints = [stripe, adyen], ...rest } = options
  const receiver = webhookReceiver(clock)
  const webhooks = { endpoints, rules }
  const simulator = await testSimulator({ clock, transport: receiver, webhooks, ...rest })
  return {
    clock,
    receiver,
    simulator,
    async pass(ms, steps = 1) {
      for (let step = 0; step < steps; step += 1) {
        clock.advance(ms / steps)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    types: () => receiver.posts.map(({ type }) => type),
  }
}

function pay(simulator: TestSimulator, fields: Parameters<typeof confirmed>[0] = {}): Promise<{ json: object }> {
  return simulator.post('/v1/payment_intents', confirmed({ capture_method: 'automatic', ...fields }))
}

async function payAdyen(simulator: TestSimulator, reference: string): Promise<void> {
  const response = await fetch(`${simulator.url}/adyen/v72/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'test' },
    body: JSON.stringify({
      amount: { currency: 'EUR', value: 1000 },
      merchantAccount: 'ShardpayTest',
      paymentMethod: { type: 'scheme', storedPaymentMethodId: 'tok_visa' },
      reference,
      shopperReference: 'shopper',
      additionalData: { manualCapture: 'true' },
      returnUrl: 'https://shop.example/return',
    }),
  })
  expect(response.status).toBe(200)
}

async function overview(simulator: TestSimulator): Promise<{ counts: Record<string, number>; endpoints: object[] }> {
  const response = await fetch(`${simulator.adminUrl}/webhooks`)
  return (await response.json()) as { counts: Record<string, number>; endpoints: object[] }
}

const automatic = ['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded']

describe("Stripe's webhooks", () => {
  it('are sent once each where they are acknowledged', async () => {
    const { simulator, receiver, pass, types } = await rig()
    await pay(simulator)
    await pass(0)
    expect(types()).toEqual(automatic)
    await pass(7 * 24 * 60 * minute, 100)
    expect(types()).toEqual(automatic)
    expect(new Set(receiver.posts.map(({ url }) => url))).toEqual(new Set([stripe.url]))
    expect((await overview(simulator)).counts).toMatchObject({ sent: 3, delivered: 3, pending: 0, retried: 0 })
    expect((await simulator.get('/v1/events?delivery_success=true')).json['data']).toHaveLength(3)
  })

  it.each([
    ['a redirect', 302],
    ['a refusal', 400],
    ['a server error', 503],
    ['nothing', 'timeout' as const],
  ])('are retried each by itself after %s, with doubling waits for three days', async (_, answer) => {
    const { simulator, receiver, pass, clock } = await rig()
    receiver.answer = ({ type }) => (type === 'charge.succeeded' ? answer : 200)
    const start = clock.now()
    await pay(simulator)
    await pass(0)
    await pass(4 * 24 * 60 * minute, 4 * 24 * 60)
    const tries = receiver.posts.filter(({ type }) => type === 'charge.succeeded')
    expect(receiver.posts).toHaveLength(2 + tries.length)
    let due = start
    expect(tries.map(({ at }) => at)).toEqual([start, ...stripeWaitsMs.map((wait) => (due += wait))])
    expect(due - start).toBeGreaterThan(2 * 24 * 60 * minute)
    expect(due - start).toBeLessThanOrEqual(3 * 24 * 60 * minute)
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1)
    expect(new Set(tries.map(({ headers }) => headers['stripe-signature'])).size).toBe(tries.length)
    expect((await overview(simulator)).counts).toMatchObject({ given_up: 1, delivered: 2, pending: 0 })
    const missed = await simulator.get('/v1/events?delivery_success=false')
    expect(missed.json['data']).toMatchObject([{ type: 'charge.succeeded', pending_webhooks: 0 }])
  })

  it('go to every endpoint, and one that fails does not keep them from another', async () => {
    const other: Endpoint = { ...stripe, id: 'other', url: 'http://other.example/' }
    const { simulator, receiver, pass } = await rig([], { endpoints: [stripe, other] })
    receiver.answer = ({ url }) => (url === stripe.url ? 500 : 200)
    await pay(simulator)
    await pass(0)
    expect(receiver.posts).toHaveLength(6)
    expect(receiver.posts[0]?.json).toMatchObject({ pending_webhooks: 2 })
    const list = await simulator.get('/v1/events?delivery_success=false')
    expect((list.json['data'] as object[])[0]).toMatchObject({ pending_webhooks: 1 })
  })

  it('wait for less than their schedule says where time is scaled', async () => {
    const { simulator, receiver, pass } = await rig()
    await post(simulator, '/webhooks', { time_scale: 60_000 })
    receiver.answer = () => 500
    await pay(simulator)
    await pass(0)
    await pass(5_000, 5_000)
    expect(receiver.posts).toHaveLength(3 * (1 + stripeWaitsMs.length))
  })

  it(`are sent ${concurrencyMax} at a time at most`, async () => {
    const { simulator, receiver, pass } = await rig()
    let running = 0
    let most = 0
    receiver.answer = async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
      return 200
    }
    for (let index = 0; index < 30; index += 1) await pay(simulator)
    await pass(0)
    await expect.poll(() => receiver.posts.length).toBe(90)
    expect(most).toBe(concurrencyMax)
  })
})

describe("Adyen's webhooks", () => {
  it('are retried three times at once, then the first of the queue alone, while all the others wait', async () => {
    const { simulator, receiver, pass, clock } = await rig()
    receiver.answer = () => 500
    await payAdyen(simulator, 'one')
    await pass(0)
    await pass(0)
    expect(receiver.posts.map(({ type }) => type).slice(0, 4)).toEqual(Array(4).fill('AUTHORISATION'))
    const first = receiver.posts.length
    await payAdyen(simulator, 'two')
    await pass(0)
    expect(receiver.posts).toHaveLength(first)
    const queued = clock.now()
    await pass(60 * minute, 3600)
    const tries = receiver.posts.slice(first)
    expect(new Set(tries.map(reference))).toEqual(new Set(['one']))
    const waits = tries.map(({ at }, index) => at - (tries[index - 1]?.at ?? queued))
    expect(waits).toEqual([2, 5, 10, 15].map((minutes) => minutes * minute))
    receiver.answer = () => 202
    receiver.posts.length = 0
    await pass(30 * minute, 1800)
    expect(receiver.posts.map(reference)).toEqual(['one', 'two'])
    expect((await overview(simulator)).counts['pending']).toBe(0)
    receiver.posts.length = 0
    await payAdyen(simulator, 'three')
    await pass(0)
    expect(receiver.posts.map(reference)).toEqual(['three'])
  })

  it('are given up after 30 days, and the next one has its turn', async () => {
    const { simulator, receiver, pass } = await rig([{ action: 'swallow', match: { type: 'EXPIRE' } }])
    receiver.answer = (post) => (reference(post) === 'poison' ? 500 : 200)
    await payAdyen(simulator, 'poison')
    await pass(0)
    await pass(0)
    await payAdyen(simulator, 'good')
    await pass(31 * 24 * 60 * minute, 31 * 24 * 6)
    expect(receiver.posts.filter((post) => reference(post) === 'poison')).toHaveLength(4 + adyenWaitsMs.length)
    expect(receiver.posts.filter((post) => reference(post) === 'good')).toHaveLength(1)
    expect((await overview(simulator)).counts).toMatchObject({ given_up: 1, pending: 0 })
  })

  it('of another merchant account are not for an endpoint that names its own', async () => {
    const { simulator, receiver, pass } = await rig([], { endpoints: [{ ...adyen, merchant_account: 'Another' }] })
    await payAdyen(simulator, 'one')
    await pass(0)
    expect(receiver.posts).toEqual([])
    expect((await overview(simulator)).counts['pending']).toBe(0)
  })
})

describe('what goes wrong on demand', () => {
  it('a lost attempt is tried again, a swallowed message never comes', async () => {
    const { simulator, pass, types } = await rig([
      { action: 'lose', times: 1, match: { type: 'charge.succeeded' } },
      { action: 'swallow', match: { type: 'payment_intent.created' } },
    ])
    await pay(simulator)
    await pass(0)
    expect(types()).toEqual(['payment_intent.succeeded'])
    await pass(minute)
    expect(types()).toEqual(['payment_intent.succeeded', 'charge.succeeded'])
    await pass(4 * 24 * 60 * minute, 100)
    expect(types()).toHaveLength(2)
    expect((await overview(simulator)).counts).toMatchObject({ lost: 1, swallowed: 1, delivered: 2, pending: 0 })
    expect((await simulator.get('/v1/events?delivery_success=false')).json['data']).toEqual([])
  })

  it('copies have the same event in the same bytes, and are sent whether or not the first was taken', async () => {
    const { simulator, receiver, pass } = await rig([
      { action: 'duplicate', copies: 3, match: { type: 'payment_intent.succeeded' } },
      { action: 'delay', delay_ms: { kind: 'uniform', min: 0, max: 5_000 }, match: { type: 'payment_intent.*' } },
    ])
    await pay(simulator)
    await pass(6_000, 600)
    const posts = receiver.posts.filter(({ type }) => type === 'payment_intent.succeeded')
    expect(new Set(posts.map(({ body }) => body)).size).toBe(1)
    expect(new Set(posts.map(({ at }) => at)).size).toBe(4)
    expect((await overview(simulator)).counts).toMatchObject({ sent: 6, copies: 3, delivered: 3, pending: 0 })
  })

  it('messages overtake each other within a window, the same way with the same seed', async () => {
    const order = async (seed: number): Promise<string[]> => {
      const { simulator, pass, types } = await rig([{ action: 'reorder', window_ms: 10_000 }], { seed })
      for (let index = 0; index < 5; index += 1) await pay(simulator)
      await pass(10_000, 1000)
      return types()
    }
    const [one, again, other] = [await order(1), await order(1), await order(2)]
    expect(one).toHaveLength(15)
    expect(one).toEqual(again)
    expect(one).not.toEqual(other)
    expect(one).not.toEqual(Array.from({ length: 5 }, () => automatic).flat())
  })

  it("an event can come before the API's answer, which waits for it", async () => {
    const { simulator, receiver, pass } = await rig([
      { action: 'before_answer', match: { type: 'payment_intent.succeeded' } },
    ])
    let answered = false
    let release: (status: number) => void = () => undefined
    receiver.answer = () => new Promise<number>((resolve) => (release = resolve))
    const answer = pay(simulator).then(() => (answered = true))
    await expect.poll(() => receiver.posts.length).toBe(1)
    expect(receiver.posts[0]?.type).toBe('payment_intent.succeeded')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(answered).toBe(false)
    receiver.answer = () => 200
    release(200)
    await answer
    await pass(0)
    expect(receiver.posts).toHaveLength(3)
  })

  it.each([
    [{ action: 'delay' }, 'delay_ms'],
    [{ action: 'reorder' }, 'window_ms'],
    [{ action: 'lose', copies: 2 }, 'copies'],
    [{ action: 'stale_timestamp', match: { psp: 'adyen' } }, 'timestamp'],
    [{ action: 'explode' }, 'action'],
    [{ action: 'lose', probability: 2 }, 'probability'],
  ])('a rule that makes no sense is refused: %j', async (rule, named) => {
    const { simulator } = await rig()
    const { status, text } = await post(simulator, '/webhooks', { rules: [rule] })
    expect([status, text]).toEqual([400, expect.stringContaining(named)])
  })
})

describe('a restart', () => {
  it('sends what was not acknowledged, and nothing that was', async () => {
    const before = await rig()
    before.receiver.answer = ({ type }) => (type === 'payment_intent.succeeded' || type === 'AUTHORISATION' ? 500 : 200)
    await pay(before.simulator)
    await payAdyen(before.simulator, 'one')
    await before.pass(1_000, 10)
    await before.simulator.close()
    const after = await rig([], { clock: before.clock, directory: before.simulator.directory })
    await after.pass(1_000, 10)
    expect(after.types().toSorted()).toEqual(expect.arrayContaining(['AUTHORISATION', 'payment_intent.succeeded']))
    expect(after.types()).not.toContain('charge.succeeded')
    const sent = (posts: readonly ReceivedPost[]): string | undefined =>
      posts.find(({ type }) => type === 'payment_intent.succeeded')?.body
    expect(sent(after.receiver.posts)).toBe(sent(before.receiver.posts))
    expect((await overview(after.simulator)).counts['pending']).toBe(0)
  })

  it('keeps what is owed to endpoints until somebody says again how to sign for them', async () => {
    const before = await rig()
    before.receiver.answer = () => 500
    await pay(before.simulator)
    await before.pass(0)
    await before.simulator.close()
    const { clock } = before
    const receiver = webhookReceiver(clock)
    const after = await testSimulator({ clock, transport: receiver, directory: before.simulator.directory })
    await pay(after)
    clock.advance(minute)
    expect(receiver.posts).toEqual([])
    expect((await overview(after)).endpoints).toMatchObject([{ id: 's', configured: false, pending: 6 }, { id: 'a' }])
    const moved = { ...stripe, url: 'http://moved.example/s' }
    await post(after, '/webhooks', { endpoints: [moved] })
    clock.advance(0)
    await expect.poll(() => receiver.posts.length).toBe(6)
    expect(new Set(receiver.posts.map(({ url }) => url))).toEqual(new Set([moved.url]))
  })

  it('remembers that an endpoint is gone, and drops what it was owed', async () => {
    const before = await rig()
    before.receiver.answer = () => 500
    await pay(before.simulator)
    await before.pass(0)
    await post(before.simulator, '/webhooks', { endpoints: [] })
    await before.pass(10 * minute, 100)
    expect(before.receiver.posts).toHaveLength(3)
    await before.simulator.close()
    const after = await testSimulator({ clock: before.clock, directory: before.simulator.directory })
    expect(await overview(after)).toMatchObject({ endpoints: [], counts: { pending: 0 } })
  })
})

async function post(simulator: TestSimulator, path: string, body: object): Promise<{ status: number; text: string }> {
  const response = await fetch(`${simulator.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

function reference({ json }: ReceivedPost): string {
  return String(json.notificationItems?.[0]?.NotificationRequestItem['merchantReference'])
}
