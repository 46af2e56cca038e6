/** Which events tell of what, held against Stripe's published description, and that they never change. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'
import { problemsOfEvent } from '../../test/support/stripe-contract.ts'
import { holdSeconds } from './records.ts'

interface SeenEvent {
  readonly id: string
  readonly type: string
  readonly created: number
  readonly data: { readonly object: Record<string, unknown>; readonly previous_attributes?: Record<string, unknown> }
  readonly request: { readonly id: string | null; readonly idempotency_key: string | null }
}

/** Oldest first; each is valid. */
async function events(simulator: TestSimulator, query = ''): Promise<SeenEvent[]> {
  const { status, json } = await simulator.get(`/v1/events?limit=100${query}`)
  expect(status).toBe(200)
  const seen = (json['data'] as SeenEvent[]).toReversed()
  for (const event of seen) expect(problemsOfEvent(event), event.type).toEqual([])
  return seen
}

async function types(simulator: TestSimulator): Promise<string[]> {
  return (await events(simulator)).map(({ type }) => type)
}

const pay = '/v1/payment_intents'

async function rig(): Promise<{ simulator: TestSimulator; clock: VirtualClock }> {
  const clock = new VirtualClock()
  return { simulator: await testSimulator({ clock }), clock }
}

describe('events tell', () => {
  it('of an automatic payment, and of its balance transaction a little later', async () => {
    const { simulator, clock } = await rig()
    await simulator.post(pay, confirmed({ metadata: { payment_id: 'pay_a' } }), 'att_1')
    clock.advance(1_000)
    const seen = await events(simulator)
    expect(seen.map(({ type }) => type)).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'charge.updated',
    ])
    const [created, , succeeded, updated] = seen
    expect(created?.request).toEqual({ id: expect.stringMatching(/^req_/), idempotency_key: 'att_1' })
    expect(succeeded?.data.object).toMatchObject({ amount_received: 1000, metadata: { payment_id: 'pay_a' } })
    expect(updated?.request).toEqual({ id: null, idempotency_key: null })
    expect(updated?.data.previous_attributes).toEqual({ balance_transaction: null })
  })

  it('of a hold and its capture, in part where it is captured in parts', async () => {
    const { simulator } = await rig()
    const parts = { card: { request_multicapture: 'if_available' } }
    const fields = confirmed({ capture_method: 'manual', payment_method_options: parts })
    const { json } = await simulator.post(pay, fields)
    const capture = `${pay}/${String(json['id'])}/capture`
    await simulator.post(capture, { amount_to_capture: 300, final_capture: false })
    await simulator.post(capture, { amount_to_capture: 700 })
    expect(await types(simulator)).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.amount_capturable_updated',
      'charge.captured',
      'payment_intent.amount_capturable_updated',
      'charge.captured',
      'payment_intent.succeeded',
    ])
  })

  it('of a hold released by a cancellation, and of one that ran out', async () => {
    const { simulator, clock } = await rig()
    const held = confirmed({ capture_method: 'manual' })
    const { json } = await simulator.post(pay, held)
    await simulator.post(`${pay}/${String(json['id'])}/cancel`, {})
    expect((await types(simulator)).slice(3)).toEqual(['charge.refunded', 'payment_intent.canceled'])
    await simulator.post(pay, held)
    clock.advance(holdSeconds * 1000)
    const expired = (await events(simulator)).slice(8)
    expect(expired.map(({ type }) => type)).toEqual(['charge.expired', 'payment_intent.canceled'])
    expect(expired[1]?.data.object).toMatchObject({ status: 'canceled', cancellation_reason: 'automatic' })
  })

  it('of declines, and of an authentication that fails and one that succeeds', async () => {
    const { simulator } = await rig()
    const declined = await simulator.post(pay, confirmed({ payment_method: 'pm_card_chargeDeclined' }))
    const intent = (declined.json['error'] as { payment_intent: { id: string } }).payment_intent.id
    await simulator.post(`${pay}/${intent}/confirm`, { payment_method: 'pm_card_chargeDeclined' })
    expect(await types(simulator)).toEqual([
      'payment_intent.created',
      'charge.failed',
      'payment_intent.payment_failed',
      'charge.failed',
      'payment_intent.payment_failed',
    ])
    for (const outcome of ['fail', 'complete']) {
      const { json } = await simulator.post(pay, {
        ...confirmed({ payment_method: 'pm_card_authenticationRequired', return_url: 'https://shop.example/r' }),
        automatic_payment_methods: { enabled: true },
      })
      await fetch(`${simulator.adminUrl}/3ds/${String(json['id'])}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ outcome }),
      })
    }
    expect((await types(simulator)).slice(5)).toEqual([
      ...['payment_intent.created', 'payment_intent.requires_action', 'payment_intent.payment_failed'],
      ...['payment_intent.created', 'payment_intent.requires_action', 'charge.succeeded', 'payment_intent.succeeded'],
    ])
  })

  it.each([
    ['pm_card_visa', 'succeeded', [], 'succeeded'],
    ['pm_card_pendingRefund', 'pending', ['refund.updated', 'charge.refund.updated'], 'succeeded'],
    ['pm_card_refundFail', 'succeeded', ['refund.failed', 'refund.updated', 'charge.refund.updated'], 'failed'],
  ])('of a refund of %s, which is %s at first', async (method, first, later, last) => {
    const { simulator, clock } = await rig()
    const { json } = await simulator.post(pay, confirmed({ payment_method: method, capture_method: 'automatic' }))
    await simulator.post('/v1/refunds', { payment_intent: String(json['id']), amount: 400 }, 're_1')
    const atOnce = (await events(simulator)).slice(3)
    expect(atOnce.map(({ type }) => type)).toEqual([
      'refund.created',
      'charge.refunded',
      ...(first === 'pending' ? [] : ['refund.updated', 'charge.refund.updated']),
    ])
    expect(atOnce[0]?.data.object['status']).toBe(first)
    expect(atOnce[1]?.data.previous_attributes).toEqual({ amount_refunded: 0 })
    clock.advance(3_000)
    const afterwards = (await events(simulator)).slice(3 + atOnce.length)
    expect(afterwards.map(({ type }) => type)).toEqual(later)
    for (const { data } of afterwards) {
      expect(data.object['status']).toBe(last)
      expect(data.previous_attributes).toMatchObject({ status: first })
    }
    const { json: list } = await simulator.get('/v1/refunds')
    expect((list['data'] as { status: string }[])[0]?.status).toBe(last)
  })

  it('of the disputes that test payment methods bring: money is taken, but not by an inquiry', async () => {
    const { simulator } = await rig()
    for (const method of ['pm_card_createDispute', 'pm_card_createDisputeInquiry']) {
      await simulator.post(pay, confirmed({ payment_method: method, capture_method: 'automatic' }))
    }
    const disputes = await events(simulator, '&type=charge.dispute.*')
    expect(disputes.map(({ type, data }) => [type, data.object['status']])).toEqual([
      ['charge.dispute.created', 'needs_response'],
      ['charge.dispute.funds_withdrawn', 'needs_response'],
      ['charge.dispute.created', 'warning_needs_response'],
    ])
    expect(disputes[1]?.data.object['balance_transactions']).toMatchObject([{ amount: -1000, fee: 1500, net: -2500 }])
  })

  it('nothing of replays, reads, refusals and new metadata', async () => {
    const { simulator } = await rig()
    const { json } = await simulator.post(pay, confirmed(), 'key')
    const before = await types(simulator)
    await simulator.post(pay, confirmed(), 'key')
    await simulator.post(`${pay}/${String(json['id'])}`, { metadata: { a: 'b' } })
    await simulator.post(`${pay}/${String(json['id'])}/capture`, {}, 'capture')
    await simulator.get(`${pay}/${String(json['id'])}`)
    expect(await types(simulator)).toEqual(before)
  })
})

describe('GET /v1/events', () => {
  it('shows events as they were, whatever became of their objects, also after a restart', async () => {
    const clock = new VirtualClock()
    const before = await testSimulator({ clock })
    const { json } = await before.post(pay, confirmed({ payment_method: 'pm_card_refundFail' }), 'key')
    await before.post('/v1/refunds', { payment_intent: String(json['id']) })
    const early = (await before.get('/v1/events?limit=100')).json['data'] as unknown[]
    clock.advance(60_000)
    const late = (await before.get('/v1/events?limit=100')).text
    expect((JSON.parse(late) as { data: unknown[] }).data.slice(-early.length)).toEqual(early)
    await before.close()
    const after = await testSimulator({ clock, directory: before.directory })
    expect((await after.get('/v1/events?limit=100')).text).toBe(late)
    const [newest] = await events(after)
    expect((await after.get(`/v1/events/${String(newest?.id)}`)).json).toEqual(newest)
  })

  it('tells after a restart what fell due meanwhile, once', async () => {
    const clock = new VirtualClock()
    const before = await testSimulator({ clock })
    await before.post(pay, confirmed())
    await before.close()
    clock.advance(5_000)
    const between = await testSimulator({ clock, directory: before.directory })
    clock.advance(0)
    await between.close()
    const after = await testSimulator({ clock, directory: before.directory })
    clock.advance(5_000)
    expect((await types(after)).filter((type) => type === 'charge.updated')).toHaveLength(1)
  })

  it('filters by types, time and delivery, has pages, and keeps 30 days', async () => {
    const { simulator, clock } = await rig()
    await simulator.post(pay, confirmed())
    clock.advance(3_000)
    expect((await events(simulator, '&type=charge.succeeded')).map(({ type }) => type)).toEqual(['charge.succeeded'])
    const two = await events(simulator, '&types[]=charge.succeeded&types[]=charge.updated')
    expect(two.map(({ type }) => type)).toEqual(['charge.succeeded', 'charge.updated'])
    expect(await events(simulator, `&created[gte]=${String(two[1]?.created)}`)).toHaveLength(1)
    expect(await events(simulator, '&delivery_success=false')).toEqual([])
    expect(await events(simulator, '&delivery_success=true')).toHaveLength(4)
    const page = await simulator.get(`/v1/events?limit=1&starting_after=${String(two[1]?.id)}`)
    expect(page.json).toMatchObject({ has_more: true, data: [{ type: 'payment_intent.succeeded' }] })
    expect((await simulator.get('/v1/events?delivery_success=maybe')).status).toBe(400)
    expect((await simulator.get('/v1/events/evt_nobody')).status).toBe(404)
    clock.advance(31 * 24 * 3600 * 1000)
    await simulator.post(pay, confirmed())
    expect(await types(simulator)).toEqual(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded'])
  })
})
