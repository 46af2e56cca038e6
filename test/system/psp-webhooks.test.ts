/**
 * Faults F25 and F28 to F30 over the whole product: webhooks that come early, late, many times, forged or never, and a PSP
 * that does twice what it was asked for once. Bad webhooks one by one are in test/gateway/webhooks.test.ts.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { stripeSignature } from '../gateway/webhook-schemes.ts'
import { until } from '../chaos/support/until.ts'
import { paymentIn } from './support/client.ts'
import { payments, PspCluster, psps } from './support/psp-cluster.ts'

/** How long anything waits for a PSP, at most: the pause of twenty inquiries, too, whose end is waited for. */
const patienceMs = 2_500

let cluster: PspCluster

beforeAll(async () => {
  cluster = await PspCluster.start({ patienceMs })
  // the first of all, because its inquiries take the longest to run out
  await cluster.webhooks([{ action: 'swallow', match: { psp: 'adyen', type: 'CAPTURE' } }])
  await cluster.client.insist('POST', '/v1/payments', 'unheard', payments.adyen)
  const isSwallowed = async (): Promise<boolean> => {
    const { counts } = (await cluster.tell('/webhooks', {})) as { readonly counts: { readonly swallowed: number } }
    return counts.swallowed === 1
  }
  await until(isSwallowed, { what: 'a webhook of a capture that never comes' })
})

beforeEach(async () => {
  await cluster.behave([])
  await cluster.webhooks([])
})

afterAll(() => cluster.stop())

interface Shown {
  readonly payment: { readonly review: boolean }
  readonly decisions: readonly { readonly events: readonly { readonly type: string; readonly code?: string }[] }[]
  readonly webhooks: readonly { readonly id: string; readonly type: string; readonly status: string }[]
}

/** `shardpay payment show`. */
async function show(id: string): Promise<Shown> {
  return (await cluster.shardpay('payment', 'show', id)) as unknown as Shown
}

function breaksOf({ decisions }: Shown): readonly (string | undefined)[] {
  return decisions.flatMap(({ events }) => events.filter(({ type }) => type === 'BreakRaised').map(({ code }) => code))
}

/**
 * Each webhook that came for it is stored once, and has reached it. The list of webhooks follows the journal: one that is
 * durable may not be in it yet.
 */
async function expectEachOnce(id: string, count?: number): Promise<void> {
  const reached = ({ status }: Shown['webhooks'][number]): boolean => status === 'delivered' || status === 'kept'
  await until(
    async () => {
      const { webhooks } = await show(id)
      return webhooks.length >= (count ?? 1) && webhooks.every(reached)
    },
    { what: `webhooks of ${id} that reached it` },
  )
  const { webhooks } = await show(id)
  expect(webhooks.length).toBe(count ?? webhooks.length)
  expect(new Set(webhooks.map((each) => each.id)).size).toBe(webhooks.length)
}

test.each(psps)('F28 webhooks of %s before the API’s answer, eleven times each, change nothing', async (psp) => {
  await cluster.webhooks([{ action: 'before_answer' }, { action: 'duplicate', copies: 10 }])
  const key = `${psp}-early`
  const id = cluster.paymentId(key)
  const answer = await cluster.client.insist('POST', '/v1/payments', key, payments[psp])
  expect(answer.status).toBe(201)
  await cluster.become(id, ({ status }) => status === 'captured')
  await cluster.tell('/webhooks/flush', {})
  await expectEachOnce(id)
  expect(await cluster.effects(id)).toEqual(['authorize', 'capture'])
  const shown = await show(id)
  expect([shown.payment.review, breaksOf(shown)]).toEqual([false, []])
})

interface StripeEvent {
  readonly id: string
  readonly type: string
  readonly data: { readonly object: { readonly metadata?: { readonly payment_id?: string } } }
}

/** What Stripe has to tell of a payment's intents and charges, oldest first. */
async function eventsOf(payment: string): Promise<readonly StripeEvent[]> {
  const url = `${cluster.dev.urls.simulators['stripe']}/v1/events?limit=100`
  const response = await fetch(url, { headers: { authorization: 'Bearer sk_test_shardpay' } })
  const { data } = (await response.json()) as { readonly data: readonly StripeEvent[] }
  return data.filter((event) => event.data.object.metadata?.payment_id === payment).toReversed()
}

/** Posts an event as Stripe does. @returns the status */
async function post(event: object, secret: string): Promise<number> {
  const payload = Buffer.from(JSON.stringify(event))
  const timestamp = Math.floor(Date.now() / 1000)
  const signature = `t=${timestamp},v1=${stripeSignature(payload, timestamp, secret)}`
  const response = await fetch(`${cluster.dev.urls.merchant}/webhooks/stripe/stripe-test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    body: payload,
  })
  await response.text()
  return response.status
}

test('F28 one event fifty times at once, while nobody knows the outcome and it is being asked for, settles it once', async () => {
  await cluster.webhooks([{ action: 'swallow' }])
  await cluster.behave([
    { action: 'reset_after', times: 1, match: { operation: 'authorize' } },
    { action: 'reset_before' },
  ])
  const id = cluster.paymentId('fifty')
  const pending = await cluster.client.send('POST', '/v1/payments', 'fifty', payments.stripe, { prefer: 'wait=1' })
  expect(paymentIn(pending)?.status).toBe('pending')
  await cluster.behave([])
  const event = (await eventsOf(id)).find(({ type }) => type === 'payment_intent.succeeded')
  expect(event).toBeDefined()
  const secret = cluster.secret('stripe_test_webhook_secret')
  const statuses = await Promise.all(Array.from({ length: 50 }, () => post(event as object, secret)))
  expect(new Set(statuses)).toEqual(new Set([200]))
  await cluster.become(id, ({ status }) => status === 'captured')
  await expectEachOnce(id, 1)
  expect(await cluster.effects(id)).toEqual(['authorize', 'capture'])
})

test('F28 events three days late, the last one first, do not bring back what a refund has ended', async () => {
  await cluster.webhooks([{ action: 'swallow' }])
  const id = cluster.paymentId('late')
  await cluster.client.insist('POST', '/v1/payments', 'late', payments.stripe)
  await cluster.client.insist('POST', `/v1/payments/${id}/refunds`, 'late-refund', {})
  const before = await cluster.become(id, ({ amount_refunded: refunded }) => refunded === 1234)
  const created = Math.floor(Date.now() / 1000) - 3 * 24 * 3600
  const secret = cluster.secret('stripe_test_webhook_secret')
  const events = (await eventsOf(id)).toReversed()
  expect(events.length).toBeGreaterThanOrEqual(4)
  for (const event of events) expect(await post({ ...event, created }, secret)).toBe(200)
  const told = async () => (await show(id)).webhooks.map(({ type }) => type)
  await until(async () => (await told()).includes('payment_intent.succeeded'), { what: 'the first event, told last' })
  await expectEachOnce(id)
  expect(await cluster.client.get(id)).toEqual(before)
  const shown = await show(id)
  expect([shown.payment.review, breaksOf(shown)]).toEqual([false, []])
})

test('F29 a forged success is refused and changes nothing, whatever secret it is signed with', async () => {
  await cluster.webhooks([{ action: 'swallow' }])
  await cluster.behave([{ action: 'reset_before', match: { payment_method: 'pm_card_visa' } }])
  const id = cluster.paymentId('forged')
  await cluster.client.send('POST', '/v1/payments', 'forged', payments.stripe, { prefer: 'wait=1' })
  const metadata = { payment_id: id, operation_id: cluster.operationId('att', 'forged') }
  const intent = { id: 'pi_forged', object: 'payment_intent', amount: 1234, currency: 'eur', metadata }
  const object = { ...intent, status: 'succeeded', amount_received: 1234, livemode: false }
  const forged = {
    id: 'evt_forged',
    object: 'event',
    type: 'payment_intent.succeeded',
    livemode: false,
    data: { object },
  }
  for (const secret of [
    'whsec_guessed',
    cluster.secret('adyen_test_hmac_keys'),
    cluster.secret('adyen_test_api_key'),
  ]) {
    expect(await post({ ...forged, created: Math.floor(Date.now() / 1000) }, secret)).toBe(401)
  }
  const shown = await show(id)
  expect(shown.webhooks).toEqual([])
  expect((await cluster.client.get(id)).status).toBe('pending')
  expect(await cluster.effects(id)).toEqual([])
})

interface Delivery {
  readonly payment: string | null
  readonly result: string
}

const spoiled = [
  ['stripe', 'tamper'],
  ['stripe', 'wrong_secret'],
  ['stripe', 'stale_timestamp'],
  ['stripe', 'future_timestamp'],
  ['adyen', 'tamper'],
  ['adyen', 'wrong_secret'],
] as const

test.each(spoiled)(
  'F29 what %s sends with %s is refused, and taken once it comes as it should',
  async (psp, action) => {
    // after three refusals in a row Adyen waits for two minutes, a thousandth of which here
    await cluster.tell('/webhooks', { time_scale: 1_000, rules: [{ action, match: { psp }, times: 4 }] })
    const key = `${psp}-${action}`
    await cluster.client.insist('POST', '/v1/payments', key, payments[psp])
    const id = cluster.paymentId(key)
    await cluster.tell('/webhooks/flush', {})
    const { deliveries } = (await cluster.tell('/webhooks', {})) as { readonly deliveries: readonly Delivery[] }
    expect(deliveries.filter(({ payment, result }) => payment === id && result === '401')).not.toEqual([])
    const { amount_captured: captured, status } = await cluster.become(id, (view) => view.status === 'captured')
    expect([captured, status]).toEqual([1234, 'captured'])
    await expectEachOnce(id)
    expect((await show(id)).payment.review).toBe(false)
  },
)

test('F30 a capture at Adyen whose webhook never comes ends with people, who rule it between them', async () => {
  const id = cluster.paymentId('unheard')
  const operation = cluster.operationId('cap', 'unheard')
  await until(async () => (await unknown(operation))?.status === 'manual', {
    ...{ withinMs: 300_000, everyMs: 2_000, what: `${operation} with people` },
  })
  expect(await unknown(operation)).toMatchObject({ payment: id, kind: 'capture', amount: 1234, next_inquiry_at: null })
  expect((await cluster.client.get(id)).amount_captured).toBe(0)

  const reference = (await cluster.book(id)).find((each) => each.operation === 'capture')?.psp_reference ?? ''
  const ruling = ['--outcome', 'succeeded', '--evidence', 'Customer Area', '--psp-reference', reference]
  await cluster.shardpay('unknowns', 'resolve', operation, ...ruling)
  expect((await cluster.client.get(id)).amount_captured).toBe(0)
  await cluster.shardpay('unknowns', 'approve', operation)
  expect(await cluster.client.get(id)).toMatchObject({ status: 'captured', amount_captured: 1234 })
  expect(await unknown(operation)).toBeUndefined()
  expect(await cluster.effects(id)).toEqual(['authorize', 'capture'])
})

interface Unknown {
  readonly operation: string
  readonly status: string
}

/** As `shardpay unknowns list` has it. */
async function unknown(operation: string): Promise<Unknown | undefined> {
  const { unknowns } = (await cluster.shardpay('unknowns', 'list')) as { readonly unknowns: readonly Unknown[] }
  return unknowns.find((each) => each.operation === operation)
}

test('up to here the auditor finds nothing wrong', async () => {
  expect((await cluster.audit()).findings).toEqual([])
})

test.each(psps)('F25 %s authorizes twice for one key: a break and a review once its webhook tells', async (psp) => {
  await cluster.behave([{ action: 'effect_twice', times: 1, match: { operation: 'authorize' } }])
  const key = `${psp}-twice`
  const answer = await cluster.client.insist('POST', '/v1/payments', key, payments[psp])
  expect(answer.status).toBe(201)
  const id = cluster.paymentId(key)
  await until(async () => (await show(id)).payment.review, { what: 'a review' })
  expect(breaksOf(await show(id))).toContain('status_conflict')
  expect(await cluster.client.get(id)).toMatchObject({ amount: 1234, amount_captured: 1234 })
})

test('F25 the auditor names both effects', async () => {
  const { counts } = await cluster.audit()
  expect(counts['repeated_effect']).toBeGreaterThanOrEqual(2)
})
