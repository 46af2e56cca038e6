/** The road of requests through the edge: keys, commands, answers, headers. */
import { describe, expect, it } from 'vitest'
import { addressOfPayment, paymentIdOf } from '../domain/ids.ts'
import type { CreatePayment } from '../domain/payment/commands.ts'
import { fingerprintOf } from './idempotency.ts'
import {
  attemptOf,
  capturedPayment,
  createBody,
  done,
  headersOf,
  idKey,
  liveSecret,
  merchantId,
  paymentFor,
  recordOf,
  testEdge,
} from './testing.ts'

const id = paymentIdOf(idKey, merchantId, 'test', 'k1')
const create = { method: 'POST', url: '/v1/payments', headers: headersOf('k1'), payload: createBody } as const

describe('a create', () => {
  it('reaches the payment that merchant, mode and key stand for, with everything that the merchant said', async () => {
    const { app, router, clock } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    const payload = {
      ...createBody,
      capture_method: 'manual',
      confirm: false,
      merchant_reference: 'order-1',
      description: 'tea',
      metadata: { a: 'b' },
      customer: 'cus_1',
      return_url: 'https://shop.example/done?x=1',
      routing: { connection: 'adyen-test' },
      statement_descriptor: 'TEA SHOP',
    }
    await app.inject({ ...create, payload })
    const envelope = router.envelopes[0]
    expect(envelope).toMatchObject({
      ...addressOfPayment(id),
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      kind: 'payment',
      class: 'begin',
      bytes: JSON.stringify(payload).length,
      waitUntil: clock.monotonic() + 10_000,
      deadline: clock.monotonic() + 15_000,
      attach: false,
    })
    expect(envelope?.payload).toEqual({
      type: 'CreatePayment',
      request: {
        merchant: merchantId,
        mode: 'test',
        idempotencyKey: 'k1',
        fingerprint: fingerprintOf('create', id, payload),
        requestId: expect.stringMatching(/^req_[0-9a-f]{24}$/) as string,
        apiVersion: '2026-11-01',
      },
      amountMinor: 1_000,
      currency: 'EUR',
      captureMethod: 'manual',
      confirm: false,
      paymentMethod: { type: 'card', token: 'pm_card_visa' },
      merchantReference: 'order-1',
      description: 'tea',
      statementDescriptor: 'TEA SHOP',
      customer: 'cus_1',
      returnUrl: 'https://shop.example/done?x=1',
      routing: { connection: 'adyen-test' },
      metadata: { a: 'b' },
    })
  })

  it('that leaves options out captures automatically, confirms, and has no metadata', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    await app.inject(create)
    const { request: _request, ...command } = router.payload as CreatePayment
    expect(command).toEqual({
      type: 'CreatePayment',
      amountMinor: 1_000,
      currency: 'EUR',
      captureMethod: 'automatic',
      confirm: true,
      paymentMethod: { type: 'card', token: 'pm_card_visa' },
      metadata: {},
    })
  })

  it('that concluded answers 201 with the payment, its place, its sequence, and the ids of this request', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    const response = await app.inject(create)
    expect(response.statusCode).toBe(201)
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      location: `/v1/payments/${id}`,
      etag: '"3"',
      'idempotency-key': 'k1',
      'cache-control': 'no-store',
      'ratelimit-limit': '100',
      'ratelimit-remaining': '99',
      'ratelimit-reset': '1',
    })
    expect(response.headers['request-id']).toMatch(/^req_[0-9a-f]{24}$/)
    expect(response.headers['x-request-id']).toBe(response.headers['request-id'])
    expect(response.headers['idempotent-replayed']).toBe(undefined)
    expect(response.json()).toMatchObject({ id, object: 'payment', status: 'captured', amount_captured: 1_000 })
  })

  it.each(['created', 'canceled', 'expired'] as const)('that ended %s answers 201', async (status) => {
    const { app, router } = testEdge()
    const lifecycle = status === 'created' ? { status, confirmBy: 0 } : { status }
    router.script = () => done(paymentFor('k1', { lifecycle }), recordOf('create'))
    const response = await app.inject(create)
    expect(response.statusCode).toBe(201)
    expect(response.json()).toMatchObject({ status })
  })

  it('that needs the shopper answers 201 with the next action', async () => {
    const { app, router } = testEdge()
    const lifecycle = {
      status: 'requires_action',
      attemptId: attemptOf(id).id,
      action: { type: 'redirect', url: 'https://psp.example/3ds' },
      actionBy: Date.UTC(2026, 10, 4, 13),
    } as const
    router.script = () => done(paymentFor('k1', { lifecycle }), recordOf('create'))
    const response = await app.inject(create)
    expect(response.statusCode).toBe(201)
    expect(response.json()).toMatchObject({
      next_action: { type: 'redirect', url: 'https://psp.example/3ds', expires_at: Date.UTC(2026, 10, 4, 13) / 1_000 },
    })
  })

  it('whose outcome is open answers 202 with a reason and when to ask again', async () => {
    const { app, router } = testEdge()
    const { concludedSeq: _open, ...record } = recordOf('create')
    const attempt = attemptOf(id, { status: 'unknown' })
    router.script = () => done(paymentFor('k1', { attempts: [attempt] }), record)
    const response = await app.inject(create)
    expect(response.statusCode).toBe(202)
    expect(response.headers['retry-after']).toBe('2')
    expect(response.json()).toMatchObject({
      status: 'pending',
      pending_reason: 'psp_outcome_unknown',
      next_poll_after: 2,
    })
  })

  it.each([
    ['card_declined', 402, 'card_error'],
    ['psp_unavailable', 402, 'psp_error'],
    ['action_expired', 402, 'psp_error'],
    ['partial_authorization', 402, 'psp_error'],
    ['capture_failed', 402, 'psp_error'],
    ['psp_configuration', 424, 'psp_error'],
  ] as const)('that failed with %s answers %d %s with the payment inside', async (code, status, type) => {
    const { app, router } = testEdge()
    const decline = code === 'card_declined' ? { decline: { class: 'soft', code: 'insufficient_funds' } as const } : {}
    router.script = () =>
      done(paymentFor('k1', { lifecycle: { status: 'failed', failure: { code, ...decline } } }), recordOf('create'))
    const response = await app.inject(create)
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-type']).toBe('application/problem+json')
    const body: Record<string, unknown> = response.json()
    expect(body).toMatchObject({
      type: `docs/errors.md#${code}`,
      status,
      instance: `/v1/payments/${id}`,
      error: { type, code, param: null, retryable: false, request_id: 'req_first', payment: { id, status: 'failed' } },
    })
    if (code === 'card_declined') {
      expect(body).toMatchObject({
        detail: 'Insufficient funds.',
        error: { decline_code: 'insufficient_funds', message: 'Insufficient funds.' },
      })
    }
  })

  it('is replayed byte-identically, with a new request id in the header alone', async () => {
    const { app, router } = testEdge()
    for (const state of [
      capturedPayment('k1', { metadata: { b: '1', a: '2', 10: 'x' } }),
      paymentFor('k1', { lifecycle: { status: 'failed', failure: { code: 'card_declined' } } }),
    ]) {
      router.script = () => done(state, recordOf('create'))
      const first = await app.inject(create)
      router.script = () => done(structuredClone(state), recordOf('create'), true)
      const second = await app.inject(create)
      expect(second.statusCode).toBe(first.statusCode)
      expect(second.rawPayload.equals(first.rawPayload)).toBe(true)
      expect(second.headers['idempotent-replayed']).toBe('true')
      expect(second.headers['request-id']).not.toBe(first.headers['request-id'])
    }
  })

  it('in the other mode is another payment', async () => {
    const { app, router } = testEdge()
    const live = paymentIdOf(idKey, merchantId, 'live', 'k1')
    router.script = () => done({ ...capturedPayment('k1'), id: live, mode: 'live' }, recordOf('create'))
    const response = await app.inject({
      ...create,
      headers: headersOf('k1', { authorization: `Bearer ${liveSecret}` }),
    })
    expect(response.json()).toMatchObject({ id: live, livemode: true })
    expect(router.envelopes[0]).toMatchObject({ ...addressOfPayment(live) })
  })
})

describe('waiting', () => {
  it.each([
    ['wait=20', 20_000],
    ['respond-async, wait=5', 5_000],
    ['wait="7"', 7_000],
    ['wait=0', 1_000],
    ['wait=3600', 30_000],
  ])('Prefer: %s waits %d ms and attaches to a request that runs', async (prefer, wait) => {
    const { app, router, clock } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    const response = await app.inject({ ...create, headers: headersOf('k1', { prefer }) })
    expect(router.envelopes[0]).toMatchObject({
      waitUntil: clock.monotonic() + wait,
      deadline: clock.monotonic() + wait + 5_000,
      attach: true,
    })
    expect(response.headers['preference-applied']).toBe(`wait=${wait / 1_000}`)
  })

  it.each(['wait', 'wait=soon', 'wait=-1', 'return=minimal'])('a preference like %s is none', async (prefer) => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    await app.inject({ ...create, headers: headersOf('k1', { prefer }) })
    expect(router.envelopes[0]).toMatchObject({ attach: false })
  })
})
