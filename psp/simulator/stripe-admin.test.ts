import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'
import { problemsOfAnswer, problemsOfEvent } from '../../test/support/stripe-contract.ts'

interface ControlAnswer {
  readonly status: number
  readonly json: Record<string, unknown>
}

async function control(simulator: TestSimulator, path: string, body: object = {}): Promise<ControlAnswer> {
  const response = await fetch(`${simulator.adminUrl}/stripe/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

const metadata = { payment_id: 'pay_a', operation_id: 'att_1' }

async function paid(simulator: TestSimulator, fields: Parameters<typeof confirmed>[0] = {}): Promise<string> {
  const all = confirmed({ capture_method: 'automatic', metadata, ...fields })
  return String((await simulator.post('/v1/payment_intents', all, 'att_1')).json['id'])
}

interface SeenEvent {
  readonly type: string
  readonly request: object
  readonly data: { readonly object: Record<string, unknown> }
}

/** Events after the first `skip`, oldest first; each is valid. */
async function events(simulator: TestSimulator, skip: number): Promise<SeenEvent[]> {
  const { json } = await simulator.get('/v1/events?limit=100')
  const seen = (json['data'] as SeenEvent[]).toReversed()
  for (const event of seen) expect(problemsOfEvent(event), event.type).toEqual([])
  return seen.slice(skip)
}

describe("people in Stripe's own pages", () => {
  it('refund with nothing of ours on it: no key, no metadata', async () => {
    const simulator = await testSimulator()
    const intent = await paid(simulator)
    const refund = await control(simulator, `payment_intents/${intent}/refund`, { amount: 300 })
    expect(refund).toMatchObject({ status: 200, json: { object: 'refund', amount: 300, metadata: {} } })
    const [created] = await events(simulator, 3)
    expect(created).toMatchObject({ type: 'refund.created', request: { idempotency_key: null } })
    expect((await simulator.book('pay_a')).at(-1)).toMatchObject({
      operation: 'refund',
      effect: true,
      operation_id: null,
      idempotency_key: null,
      psp_reference: refund.json['id'],
    })
    const tooMuch = await control(simulator, `payment_intents/${intent}/refund`, { amount: 701 })
    expect(tooMuch).toMatchObject({ status: 400, json: { error: { type: 'invalid_request_error' } } })
  })

  it('capture and cancel holds', async () => {
    const simulator = await testSimulator()
    const one = await paid(simulator, { capture_method: 'manual' })
    const captured = await control(simulator, `payment_intents/${one}/capture`, { amount: 400 })
    expect(captured.json).toMatchObject({ status: 'succeeded', amount_received: 400 })
    const { json } = await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'manual' }))
    const other = String(json['id'])
    expect((await control(simulator, `payment_intents/${other}/cancel`)).json).toMatchObject({ status: 'canceled' })
    expect((await control(simulator, `payment_intents/${other}/cancel`)).status).toBe(400)
  })

  it('let a refund fail that had succeeded, once, and the money can be refunded again', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const intent = await paid(simulator)
    const { json } = await simulator.post('/v1/refunds', { payment_intent: intent })
    clock.advance(3_600_000)
    const path = `refunds/${String(json['id'])}/fail`
    expect((await control(simulator, path)).json).toEqual({ changed: [json['id']] })
    expect((await control(simulator, path)).status).toBe(409)
    const failed = await simulator.get(`/v1/refunds/${String(json['id'])}`)
    expect(failed.json).toMatchObject({ status: 'failed', failure_reason: 'unknown' })
    expect(problemsOfAnswer('Refund', failed.json)).toEqual([])
    const types = (await events(simulator, 7)).map(({ type }) => type)
    expect(types).toEqual(['refund.failed', 'refund.updated', 'charge.refund.updated'])
    expect((await simulator.post('/v1/refunds', { payment_intent: intent })).status).toBe(200)
  })
})

describe('a dispute', () => {
  const course = async (decisions: readonly string[], opening: object = {}): Promise<[unknown[], TestSimulator]> => {
    const simulator = await testSimulator()
    const intent = await paid(simulator)
    const opened = await control(simulator, `payment_intents/${intent}/dispute`, opening)
    const dispute = (opened.json['changed'] as string[])[1] ?? ''
    const statuses: number[] = []
    for (const decision of decisions)
      statuses.push((await control(simulator, `disputes/${dispute}`, { decision })).status)
    expect(new Set(statuses)).toEqual(new Set(decisions.length === 0 ? [] : [200]))
    expect((await control(simulator, `payment_intents/${intent}/dispute`)).status).toBe(409)
    const { json } = await simulator.get(`/v1/disputes/${dispute}`)
    expect(problemsOfAnswer('Dispute', json)).toEqual([])
    const told = await events(simulator, 3)
    return [[told.map(({ type }) => type.replace('charge.dispute.', '')), json['status']], simulator]
  }

  it.each([
    [['under_review', 'won'], {}, ['created', 'funds_withdrawn', 'updated', 'closed', 'funds_reinstated'], 'won'],
    [['lost'], { amount: 400, reason: 'duplicate' }, ['created', 'funds_withdrawn', 'closed'], 'lost'],
    [['closed'], { inquiry: true }, ['created', 'closed'], 'warning_closed'],
    [
      ['under_review', 'escalated', 'lost'],
      { inquiry: true },
      ['created', 'updated', 'updated', 'funds_withdrawn', 'closed'],
      'lost',
    ],
  ])('that is %j tells so', async (decisions, opening, types, status) => {
    const [told] = await course(decisions, opening)
    expect(told).toEqual([types, status])
  })

  it('that was won has given its amount back, not its fee, and the charge can be refunded again', async () => {
    const [, simulator] = await course(['won'])
    const { json } = await simulator.get('/v1/disputes')
    const [dispute] = json['data'] as { balance_transactions: object[]; payment_intent: string }[]
    expect(dispute?.balance_transactions).toMatchObject([
      { amount: -1000, fee: 1500, net: -2500, reporting_category: 'dispute' },
      { amount: 1000, fee: 0, net: 1000, reporting_category: 'dispute_reversal' },
    ])
    expect((await simulator.post('/v1/refunds', { payment_intent: dispute?.payment_intent ?? '' })).status).toBe(200)
  })

  it('is not opened about what was not captured, nor decided twice, nor otherwise than disputes are', async () => {
    const simulator = await testSimulator()
    const { json } = await simulator.post('/v1/payment_intents', confirmed({ capture_method: 'manual' }))
    const intent = String(json['id'])
    expect((await control(simulator, `payment_intents/${intent}/dispute`)).status).toBe(409)
    await control(simulator, `payment_intents/${intent}/capture`)
    expect((await control(simulator, `payment_intents/${intent}/dispute`, { amount: 1001 })).status).toBe(409)
    expect((await control(simulator, `payment_intents/${intent}/dispute`, { reason: 'spite' })).status).toBe(400)
    const opened = await control(simulator, `payment_intents/${intent}/dispute`)
    const dispute = (opened.json['changed'] as string[])[1] ?? ''
    const decide = async (decision: string): Promise<number> =>
      (await control(simulator, `disputes/${dispute}`, { decision })).status
    expect(await decide('closed')).toBe(409)
    expect(await decide('forgotten')).toBe(400)
    expect(await decide('won')).toBe(200)
    expect(await decide('lost')).toBe(409)
    expect((await control(simulator, 'disputes/dp_nobody', { decision: 'won' })).status).toBe(404)
    expect((await control(simulator, `refunds/${intent}/fail`)).status).toBe(409)
  })
})
