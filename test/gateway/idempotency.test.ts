/**
 * What a repeated request gets, for every row of the contract, through the edge, a whole node and the payment machine.
 * What the PSP was asked is looked at each time: a wrong answer is bad, a second charge is worse.
 */
import { afterEach, describe, expect, it } from 'vitest'
import type { OperationOutcome } from '../../domain/payment/operations.ts'
import { liveSecret, testSecret } from '../../gateway/testing.ts'
import { successOf } from '../../psp/testing.ts'
import {
  type EdgeOverHost,
  type EdgeOverHostOptions,
  edgeOverHost,
  methods,
  otherSecret,
} from '../support/edge-over-host.ts'

const open: EdgeOverHost[] = []
const day = 86_400_000

afterEach(async () => {
  for (const edge of open.splice(0)) await edge.close()
})

async function start(options: EdgeOverHostOptions = {}): Promise<EdgeOverHost> {
  const edge = await edgeOverHost(options)
  open.push(edge)
  return edge
}

const card = { amount: 1_000, currency: 'eur', payment_method: methods.card }
const held = { ...card, capture_method: 'manual' }
interface Body {
  id: string
  status: string
  error: { code: string; request_id: string; retryable: boolean; payment?: { id: string; status: string } }
}

async function created(edge: EdgeOverHost, key: string, body: object = card): Promise<string> {
  const response = await edge.send('/v1/payments', { key, body })
  expect(response.statusCode).toBe(201)
  return response.json<Body>().id
}

const sends = (edge: EdgeOverHost): string[] => edge.psp.calls.map(({ step, call }) => `${step} ${call.kind}`)

describe('the same request again, after its final answer', () => {
  it.each([
    ['201 captured', 201, card],
    ['201 authorized', 201, held],
    ['201 not confirmed', 201, { ...card, confirm: false }],
    ['201 with an action for the shopper', 201, { ...card, payment_method: methods.threeDSecure }],
    ['402 declined', 402, { ...card, payment_method: methods.declined }],
    ['424 set-up refused', 424, { ...card, payment_method: methods.refusedSetUp }],
  ])('%s is the same byte for byte, and the PSP is not asked again', async (_name, status, body) => {
    const edge = await start()
    const first = await edge.send('/v1/payments', { key: 'k', body })
    const calls = edge.psp.calls.length
    const second = await edge.send('/v1/payments', { key: 'k', body })
    expect([first.statusCode, second.statusCode]).toEqual([status, status])
    expect(second.rawPayload.equals(first.rawPayload)).toBe(true)
    expect(first.headers['idempotent-replayed']).toBe(undefined)
    expect(second.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'idempotency-key': 'k',
      'api-version': '2026-11-01',
      etag: first.headers.etag,
    })
    expect(second.headers['request-id']).not.toBe(first.headers['request-id'])
    if (status !== 201) expect(second.json<Body>().error.request_id).toBe(first.headers['request-id'])
    expect(edge.psp.calls.length).toBe(calls)
  })

  it('is the same after the payment went on, and from another process', async () => {
    const edge = await start()
    const first = await edge.send('/v1/payments', { key: 'k', body: held })
    const { id } = first.json<Body>()
    const captured = await edge.send(`/v1/payments/${id}/capture`, { key: 'c', body: { amount: 400 } })
    await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 100 } })
    const other = await start({ database: edge.database, clock: edge.clock })
    for (const [url, key, body, answer] of [
      ['/v1/payments', 'k', held, first],
      [`/v1/payments/${id}/capture`, 'c', { amount: 400 }, captured],
    ] as const) {
      const again = await other.send(url, { key, body })
      expect(again.statusCode).toBe(201)
      expect(again.rawPayload.equals(answer.rawPayload)).toBe(true)
    }
    expect(first.json<Body>().status).toBe('authorized')
    expect((await other.send(`/v1/payments/${id}`)).json<Body>().status).toBe('captured')
    expect(other.psp.calls).toEqual([])
  })

  it('of a capture or refund that was declined is the same 402', async () => {
    const edge = await start()
    for (const [payment_method, path, capture_method] of [
      [methods.refundDeclined, 'refunds', 'automatic'],
      [methods.captureDeclined, 'capture', 'manual'],
    ] as const) {
      const id = await created(edge, path, { ...card, payment_method, capture_method })
      const first = await edge.send(`/v1/payments/${id}/${path}`, { key: 'k' })
      const again = await edge.send(`/v1/payments/${id}/${path}`, { key: 'k' })
      expect([first.statusCode, again.statusCode]).toEqual([402, 402])
      expect(again.rawPayload.equals(first.rawPayload)).toBe(true)
    }
  })

  it('is known by either of an operation’s two paths', async () => {
    const edge = await start()
    const id = await created(edge, 'k')
    const refund = await edge.send('/v1/refunds', { key: 'r', body: { payment: id, amount: 100 } })
    const again = await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 100 } })
    expect(again.headers['idempotent-replayed']).toBe('true')
    expect(again.rawPayload.equals(refund.rawPayload)).toBe(true)
    const waiting = await created(edge, 'k2', { ...card, confirm: false })
    const confirmed = await edge.send(`/v1/payments/${waiting}/confirm`, { key: 'c' })
    const byAlias = await edge.send(`/v1/payments/${waiting}/authorize`, { key: 'c' })
    expect(byAlias.rawPayload.equals(confirmed.rawPayload)).toBe(true)
  })

  it('may come in either header, in the body, in quotation marks, and with its members in another order', async () => {
    const edge = await start()
    const first = await edge.send('/v1/payments', { key: 'k', body: card })
    const repeats = [
      { headers: { 'x-idempotency-key': 'k' }, body: card },
      { headers: { 'idempotency-key': '"k"' }, body: card },
      { body: { ...card, idempotency_key: 'k' } },
      { key: 'k', body: '{"payment_method":"pm_card_visa", "currency":"eur","amount":1000}' },
    ]
    for (const repeat of repeats) {
      const again = await edge.send('/v1/payments', repeat)
      expect(again.rawPayload.equals(first.rawPayload)).toBe(true)
    }
    expect(edge.psp.calls).toHaveLength(1)
  })
})

describe('what is expanded', () => {
  it('is part of the request: the same again is byte-identical, another is another request', async () => {
    const edge = await start()
    const body = { ...card, expand: ['latest_attempt', 'captures'] }
    const first = await edge.send('/v1/payments', { key: 'k', body })
    expect(first.json()).toMatchObject({ latest_attempt: { object: 'attempt' }, captures: [{ object: 'capture' }] })
    const again = await edge.send('/v1/payments', { key: 'k', body })
    expect(again.rawPayload.equals(first.rawPayload)).toBe(true)
    const plain = await edge.send('/v1/payments', { key: 'k', body: card })
    expect([plain.statusCode, plain.json<Body>().error.code]).toEqual([422, 'idempotency_key_reused'])
  })

  it('shows in the payment inside an error too', async () => {
    const edge = await start()
    const body = { ...card, payment_method: methods.declined, expand: ['latest_attempt'] }
    const response = await edge.send('/v1/payments', { key: 'k', body })
    expect(response.json()).toMatchObject({ error: { payment: { latest_attempt: { status: 'declined' } } } })
  })
})

describe('what is not stored', () => {
  it('a 202: a repeat waits again, and has the outcome once it is known', async () => {
    const known: OperationOutcome[] = []
    const edge = await start({
      psp: { answer: (call) => known[0] ?? (call.kind === 'authorize' ? unknown : successOf(call)) },
    })
    const first = edge.send('/v1/payments', { key: 'k', body: card, headers: { prefer: 'wait=1' } })
    await edge.pass(1_100)
    const pending = await first
    expect(pending.statusCode).toBe(202)
    expect(pending.json()).toMatchObject({
      status: 'pending',
      pending_reason: 'psp_outcome_unknown',
      next_poll_after: 2,
    })
    expect(pending.headers).toMatchObject({ 'retry-after': '2', 'preference-applied': 'wait=1' })
    known.push({ kind: 'declined', decline: { class: 'hard', code: 'insufficient_funds' } })
    const second = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.pass(8_000)
    const final = await second
    expect(final.statusCode).toBe(402)
    const third = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(third.rawPayload.equals(final.rawPayload)).toBe(true)
    expect(sends(edge)).toEqual(['send authorize', 'inquire authorize'])
  })

  it('a refusal by the payment’s state (409): the key is free, also for another body', async () => {
    const edge = await start()
    const id = await created(edge, 'k')
    const refused = await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 1_001 } })
    expect([refused.statusCode, refused.json<Body>().error.code]).toEqual([409, 'refund_exceeds_capture'])
    expect((await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 1_000 } })).statusCode).toBe(201)
  })

  it('a request that was malformed (400), not authenticated (401) or one too many (429)', async () => {
    const edge = await start({ gateway: { rateLimits: tight } })
    const refusals = [
      await edge.send('/v1/payments', { key: 'k', body: { ...card, amount: '1000' } }),
      await edge.send('/v1/payments', { key: 'k', body: card, secret: 'sk_test_nobodysnobodysnobodys' }),
      await edge.send('/v1/payments', { key: 'k', body: { ...card, amount: 0 } }),
      await edge.send('/v1/payments', { key: 'k', body: card }),
    ]
    expect(refusals.map(({ statusCode }) => statusCode)).toEqual([400, 401, 400, 429])
    expect(refusals[3]?.headers['retry-after']).toBe('1')
    expect(edge.psp.calls).toEqual([])
    await edge.pass(1_000)
    const done = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(done.statusCode).toBe(201)
    expect(done.headers['idempotent-replayed']).toBe(undefined)
  })

  it('an answer that could not be given (503): repeating it does it once', async () => {
    const edge = await start()
    edge.database.available = false
    const first = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.pass(3_000)
    const unavailable = await first
    expect(unavailable.statusCode).toBe(503)
    const { error } = unavailable.json<Body>()
    expect(error.retryable).toBe(true)
    expect(['not_accepted', 'acceptance_unknown']).toContain(error.code)
    expect(unavailable.headers['retry-after']).toMatch(/^[1-9]/)
    edge.database.available = true
    expect(edge.troubles.splice(0)).toContain('load_failed')
    const second = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.pass(3_000)
    expect((await second).statusCode).toBe(201)
    expect((await second).json<Body>().id).toBe(error.payment?.id)
    expect(sends(edge)).toEqual(['send authorize'])
  })
})

const unknown: OperationOutcome = { kind: 'unknown', reason: 'timeout' }
const tight = {
  standard: { perSecond: 2, burst: 2 },
  high: { perSecond: 2, burst: 2 },
  development: { perSecond: 2, burst: 2 },
}

describe('the same key for something else', () => {
  it('B43 with other parameters is 422, and nothing is done', async () => {
    const edge = await start()
    const id = await created(edge, 'k')
    const bodies = [
      { ...card, amount: 1_001 },
      { ...card, currency: 'usd' },
      { ...card, metadata: { a: 'b' } },
      // A default written out is another body: a repeat is the same request, not a similar one.
      { ...card, capture_method: 'automatic' },
    ]
    for (const body of bodies) {
      const response = await edge.send('/v1/payments', { key: 'k', body })
      expect(response.statusCode).toBe(422)
      expect(response.json()).toMatchObject({
        error: { type: 'idempotency_error', code: 'idempotency_key_reused', retryable: false },
      })
    }
    expect(edge.psp.calls).toHaveLength(1)
    expect((await edge.send(`/v1/payments/${id}`)).json<Body>().status).toBe('captured')
  })

  it('B46 for another operation of the same payment is 422', async () => {
    const edge = await start()
    const id = await created(edge, 'create', held)
    expect((await edge.send(`/v1/payments/${id}/capture`, { key: 'k', body: { amount: 100 } })).statusCode).toBe(201)
    for (const [path, key] of [
      ['refunds', 'k'],
      ['cancel', 'k'],
      ['confirm', 'k'],
      ['capture', 'create'],
    ] as const) {
      const response = await edge.send(`/v1/payments/${id}/${path}`, { key, body: {} })
      expect([path, response.statusCode, response.json<Body>().error.code]).toEqual([
        path,
        422,
        'idempotency_key_reused',
      ])
    }
    expect(sends(edge)).toEqual(['send authorize', 'send capture'])
  })

  it('on another payment is independent', async () => {
    const edge = await start()
    const first = await created(edge, 'a')
    const second = await created(edge, 'b')
    for (const id of [first, second]) {
      const response = await edge.send(`/v1/payments/${id}/refunds`, { key: 'k', body: { amount: 100 } })
      expect(response.statusCode).toBe(201)
      expect(response.headers['idempotent-replayed']).toBe(undefined)
    }
  })

  it('B45 of another merchant, and in the other mode, is independent', async () => {
    const edge = await start()
    const ids = new Set<string>()
    for (const secret of [testSecret, liveSecret, otherSecret]) {
      const response = await edge.send('/v1/payments', { key: 'k', body: card, secret })
      expect(response.statusCode).toBe(201)
      expect(response.headers['idempotent-replayed']).toBe(undefined)
      expect(response.json()).toMatchObject({ livemode: secret === liveSecret })
      ids.add(response.json<Body>().id)
    }
    expect(ids.size).toBe(3)
    for (const id of ids) {
      const seenBy = await Promise.all(
        [testSecret, liveSecret, otherSecret].map((secret) => edge.send(`/v1/payments/${id}`, { secret })),
      )
      expect(seenBy.map(({ statusCode }) => statusCode).sort((a, b) => a - b)).toEqual([200, 404, 404])
    }
  })

  it('in two places that differ is refused before anything', async () => {
    const edge = await start()
    for (const [headers, body] of [
      [{ 'x-idempotency-key': 'other' }, card],
      [{}, { ...card, idempotency_key: 'other' }],
    ] as const) {
      const response = await edge.send('/v1/payments', { key: 'k', body, headers })
      expect([response.statusCode, response.json<Body>().error.code]).toEqual([400, 'idempotency_key_conflict'])
    }
    expect(edge.psp.calls).toEqual([])
  })
})

describe('B48 the same key after 30 days', () => {
  it('is 409 with the old payment inside; on the last day it is still a replay', async () => {
    const edge = await start()
    const first = await edge.send('/v1/payments', { key: 'k', body: card })
    edge.clock.advance(30 * day - 1_000)
    const replay = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(replay.rawPayload.equals(first.rawPayload)).toBe(true)
    edge.clock.advance(2_000)
    const late = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(late.statusCode).toBe(409)
    expect(late.json()).toMatchObject({
      error: {
        type: 'idempotency_error',
        code: 'idempotency_key_expired',
        retryable: false,
        payment: { id: first.json<Body>().id, status: 'captured' },
      },
    })
    expect(edge.psp.calls).toHaveLength(1)
  })

  it('with another body is a reused key still', async () => {
    const edge = await start()
    await created(edge, 'k')
    edge.clock.advance(31 * day)
    const late = await edge.send('/v1/payments', { key: 'k', body: { ...card, amount: 1 } })
    expect(late.statusCode).toBe(422)
  })
})

describe('B44 the same request while it runs', () => {
  it('is 409 with when to try again; once it is done, its replay', async () => {
    const edge = await start({ psp: { latencyMs: 500 } })
    const first = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.settle()
    const during = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(during.statusCode).toBe(409)
    expect(during.headers['retry-after']).toBe('1')
    expect(during.json()).toMatchObject({ error: { code: 'idempotency_key_in_use', retryable: true } })
    await edge.pass(600)
    const after = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(after.headers['idempotent-replayed']).toBe('true')
    expect(after.rawPayload.equals((await first).rawPayload)).toBe(true)
    expect(sends(edge)).toEqual(['send authorize'])
  })

  it('with Prefer: wait is answered with it', async () => {
    const edge = await start({ psp: { latencyMs: 500 } })
    const first = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.settle()
    const attached = edge.send('/v1/payments', { key: 'k', body: card, headers: { prefer: 'wait=20' } })
    await edge.pass(600)
    const [one, two] = await Promise.all([first, attached])
    expect([one.statusCode, two.statusCode]).toEqual([201, 201])
    expect(two.rawPayload.equals(one.rawPayload)).toBe(true)
    expect(one.headers['idempotent-replayed']).toBe(undefined)
    expect(two.headers).toMatchObject({ 'idempotent-replayed': 'true', 'preference-applied': 'wait=20' })
    expect(sends(edge)).toEqual(['send authorize'])
  })

  it('a hundred times at once is one payment and one charge', async () => {
    const edge = await start({ psp: { latencyMs: 50 } })
    const all = Array.from({ length: 100 }, () => edge.send('/v1/payments', { key: 'k', body: card }))
    await edge.pass(200)
    const statuses = (await Promise.all(all)).map(({ statusCode }) => statusCode).sort((a, b) => a - b)
    expect(statuses).toEqual([201, ...Array.from({ length: 99 }, () => 409)])
    expect(sends(edge)).toEqual(['send authorize'])
  })
})

describe('a lost reply', () => {
  it('B55 of a client that left: the payment completes, and the repeat is its replay', async () => {
    const edge = await start({ psp: { latencyMs: 500 } })
    const abandoned = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.pass(600)
    await abandoned
    const again = await edge.send('/v1/payments', { key: 'k', body: card })
    expect(again.headers['idempotent-replayed']).toBe('true')
    expect(sends(edge)).toEqual(['send authorize'])
  })

  it('of a process that died while the PSP worked: the next one asks, it does not charge again', async () => {
    const edge = await start({ psp: { latencyMs: 60_000 } })
    const lost = edge.send('/v1/payments', { key: 'k', body: card })
    await edge.settle()
    expect(sends(edge)).toEqual(['send authorize'])
    const next = await start({ database: edge.database, clock: edge.clock })
    const again = next.send('/v1/payments', { key: 'k', body: card })
    await next.pass(12_000)
    expect((await again).statusCode).toBe(201)
    expect(sends(next)).toEqual(['inquire authorize'])
    expect((await lost).statusCode).toBeGreaterThanOrEqual(202)
  })
})
