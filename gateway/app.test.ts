/** The road of requests through the edge: keys, commands, answers, headers. */
import { describe, expect, it } from 'vitest'
import { addressOfPayment, paymentIdOf } from '../domain/ids.ts'
import type { CreatePayment } from '../domain/payment/commands.ts'
import { fingerprintOf } from './idempotency.ts'
import {
  answered,
  attemptOf,
  capturedPayment,
  captureOf,
  createBody,
  done,
  headersOf,
  idKey,
  liveSecret,
  merchantId,
  paymentFor,
  recordOf,
  refundOf,
  rejected,
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
      routing: {},
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

describe('an operation of a payment', () => {
  const operations = [
    [
      'confirm',
      'confirm',
      'begin',
      { return_url: 'https://shop.example/' },
      { type: 'ConfirmPayment', returnUrl: 'https://shop.example/' },
    ],
    [
      'authorize',
      'confirm',
      'begin',
      { payment_method: 'pm_x' },
      { type: 'ConfirmPayment', paymentMethod: { type: 'card', token: 'pm_x' } },
    ],
    [
      'capture',
      'capture',
      'settle',
      { amount: 5, final: false },
      { type: 'CapturePayment', amountMinor: 5, final: false },
    ],
    ['cancel', 'cancel', 'settle', { reason: 'abandoned' }, { type: 'CancelPayment', reason: 'abandoned' }],
    [
      'refunds',
      'refund',
      'settle',
      { amount: 5, reason: 'duplicate' },
      { type: 'RefundPayment', amountMinor: 5, reason: 'duplicate' },
    ],
  ] as const

  it.each(operations)(
    '%s sends its command to the payment in the path',
    async (path, operation, trafficClass, payload, command) => {
      const { app, router } = testEdge()
      const state = capturedPayment('k1', { refunds: [refundOf(id)] })
      router.script = () => done(state, recordOf(operation, { operationId: refundOf(id).id }))
      const response = await app.inject({
        method: 'POST',
        url: `/v1/payments/${id}/${path}`,
        headers: headersOf('k2'),
        payload,
      })
      expect(response.statusCode).toBe(201)
      expect(router.envelopes[0]).toMatchObject({ ...addressOfPayment(id), class: trafficClass })
      const { request, ...rest } = router.payload as CreatePayment
      expect(rest).toEqual(command)
      expect(request).toMatchObject({ idempotencyKey: 'k2', fingerprint: fingerprintOf(operation, id, payload) })
    },
  )

  it('without a body is one with an empty object', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1'), recordOf('capture'))
    const { 'content-type': _none, ...headers } = headersOf('k2')
    const response = await app.inject({ method: 'POST', url: `/v1/payments/${id}/capture`, headers })
    expect(response.statusCode).toBe(201)
    expect(router.payload).toMatchObject({
      type: 'CapturePayment',
      final: true,
      request: { fingerprint: fingerprintOf('capture', id, {}) },
    })
  })

  it('confirm and authorize are one operation, and so are the two ways to refund', async () => {
    const { app, router } = testEdge()
    const fingerprints: string[] = []
    router.script = (envelope) => {
      fingerprints.push((envelope.payload as CreatePayment).request.fingerprint)
      return rejected({ code: 'payment_not_found' })
    }
    for (const path of ['confirm', 'authorize']) {
      await app.inject({ method: 'POST', url: `/v1/payments/${id}/${path}`, headers: headersOf('k2'), payload: {} })
    }
    await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/refunds`,
      headers: headersOf('k2'),
      payload: { amount: 5 },
    })
    await app.inject({
      method: 'POST',
      url: '/v1/refunds',
      headers: headersOf('k2'),
      payload: { amount: 5, payment: id },
    })
    expect(fingerprints[0]).toBe(fingerprints[1])
    expect(fingerprints[2]).toBe(fingerprints[3])
    expect(fingerprints[0]).not.toBe(fingerprints[2])
  })

  it('a refund answers with the refund and its place', async () => {
    const { app, router } = testEdge()
    const refund = refundOf(id, { reason: 'duplicate' })
    router.script = () =>
      done(capturedPayment('k1', { refunds: [refund] }), recordOf('refund', { operationId: refund.id }))
    const response = await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/refunds`,
      headers: headersOf('k2'),
      payload: {},
    })
    expect(response.statusCode).toBe(201)
    expect(response.headers['location']).toBe(`/v1/refunds/${refund.id}`)
    expect(response.json()).toEqual({
      id: refund.id,
      object: 'refund',
      payment: id,
      amount: 400,
      currency: 'eur',
      status: 'succeeded',
      reason: 'duplicate',
      failure: null,
      created: 1793793600,
      created_at: '2026-11-04T12:00:00Z',
      livemode: false,
    })
  })

  it('a refund whose outcome is open answers 202 with the refund', async () => {
    const { app, router } = testEdge()
    const refund = refundOf(id, { status: 'accepted' })
    const { concludedSeq: _open, ...record } = recordOf('refund', { operationId: refund.id })
    router.script = () => done(capturedPayment('k1', { refunds: [refund] }), record)
    const response = await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/refunds`,
      headers: headersOf('k2'),
      payload: {},
    })
    expect(response.statusCode).toBe(202)
    expect(response.json()).toMatchObject({ object: 'refund', status: 'pending', next_poll_after: 2 })
  })

  it('declined by the PSP answers 402, refused for our set-up 424, not delivered 402 psp_unavailable', async () => {
    const { app, router } = testEdge()
    const cases = [
      ['refund', { status: 'declined', decline: { class: 'hard', code: 'generic_decline' } }, 402, 'refund_declined'],
      ['refund', { status: 'declined', decline: { class: 'configuration', code: 'x' } }, 424, 'psp_configuration'],
      ['refund', { status: 'not_sent' }, 402, 'psp_unavailable'],
      ['refund', { status: 'absent' }, 402, 'psp_unavailable'],
      ['capture', { status: 'declined', decline: { class: 'hard', code: 'generic_decline' } }, 402, 'capture_declined'],
      ['cancel', { status: 'declined' }, 402, 'cancel_declined'],
    ] as const
    for (const [operation, change, status, code] of cases) {
      const base = { ...captureOf(id), ...change, id: 'op' }
      const state = capturedPayment('k1', {
        captures: [base],
        refunds: [{ ...refundOf(id), ...change, id: 'op' }],
        voids: [{ ...base, kind: 'void' }],
      })
      router.script = () => done(state, recordOf(operation, { operationId: 'op' }))
      const path = operation === 'refund' ? 'refunds' : operation
      const response = await app.inject({
        method: 'POST',
        url: `/v1/payments/${id}/${path}`,
        headers: headersOf('k2'),
        payload: {},
      })
      expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([status, code])
    }
  })

  it('a cancellation whose void was refused because it had happened already answers 201', async () => {
    const { app, router } = testEdge()
    const lost = { ...captureOf(id), kind: 'void', status: 'declined', id: 'op' } as const
    const state = paymentFor('k1', { lifecycle: { status: 'canceled' }, voids: [lost] })
    router.script = () => done(state, recordOf('cancel', { operationId: 'op' }))
    const response = await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/cancel`,
      headers: headersOf('k2'),
      payload: {},
    })
    expect(response.statusCode).toBe(201)
  })
})

describe('reads', () => {
  it('a payment is answered 200 with its sequence, a failed one too', async () => {
    const { app, router } = testEdge()
    router.script = () =>
      done(paymentFor('k1', { lifecycle: { status: 'failed', failure: { code: 'card_declined' } } }))
    const response = await app.inject({ url: `/v1/payments/${id}`, headers: headersOf() })
    expect(response.statusCode).toBe(200)
    expect(response.headers['etag']).toBe('"3"')
    expect(router.envelopes[0]).toMatchObject({ class: 'read', attach: false })
    expect(router.payload).toEqual({ type: 'ReadPayment', merchant: merchantId, mode: 'test' })
  })

  it('a refund is read through its payment', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1', { refunds: [refundOf(id)] }))
    const found = await app.inject({ url: `/v1/refunds/${refundOf(id).id}`, headers: headersOf() })
    expect(found.statusCode).toBe(200)
    expect(found.json()).toMatchObject({ id: refundOf(id).id, object: 'refund' })
    const missing = await app.inject({ url: `/v1/refunds/${refundOf(id).id.replace(/1$/, '2')}`, headers: headersOf() })
    expect(missing.statusCode).toBe(404)
    expect(missing.json()).toMatchObject({ error: { code: 'refund_not_found' } })
  })

  it('another merchant’s payment looks exactly like none', async () => {
    const { app, router } = testEdge()
    router.script = () => rejected({ code: 'payment_not_found' }, { ...capturedPayment('k1'), merchant: 'mer_b' })
    const response = await app.inject({ url: `/v1/payments/${id}`, headers: headersOf() })
    expect(response.statusCode).toBe(404)
    const body = response.json<{ error: object }>()
    expect(body.error).toMatchObject({ code: 'payment_not_found' })
    expect(body.error).not.toHaveProperty('payment')
  })

  it('an answer that went astray never reaches the wrong merchant', async () => {
    const { app, router } = testEdge()
    for (const astray of [
      { merchant: 'mer_b' },
      { mode: 'live' },
      { id: paymentIdOf(idKey, merchantId, 'test', 'x') },
    ] as const) {
      router.script = () => done({ ...capturedPayment('k1'), ...astray })
      const response = await app.inject({ url: `/v1/payments/${id}`, headers: headersOf() })
      expect(response.statusCode).toBe(500)
      expect(response.body).not.toContain('captured')
    }
  })
})

describe('when the owner cannot be reached', () => {
  const unavailable = (certainty: 'not_accepted' | 'acceptance_unknown') =>
    ({ kind: 'unavailable', certainty, reason: 'journal_unavailable', retryAfterMs: 1_200 }) as const

  it.each(['not_accepted', 'acceptance_unknown'] as const)(
    'a command answers 503 %s with the derived payment id',
    async (certainty) => {
      const { app, router } = testEdge()
      router.script = () => unavailable(certainty)
      const response = await app.inject(create)
      expect(response.statusCode).toBe(503)
      expect(response.headers['retry-after']).toBe('2')
      expect(response.json()).toMatchObject({
        error: { type: 'api_error', code: certainty, retryable: true, payment: { id } },
      })
      expect(response.body).not.toContain('journal')
    },
  )

  it('a read answers 503 service_unavailable', async () => {
    const { app, router } = testEdge()
    router.script = () => unavailable('not_accepted')
    const response = await app.inject({ url: `/v1/payments/${id}`, headers: headersOf() })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2'])
    expect(response.json()).toMatchObject({ error: { code: 'service_unavailable' } })
  })

  it('an exception inside answers 500 and none of its text', async () => {
    const { app, router } = testEdge()
    router.script = () => {
      throw new Error('select * from secret_table')
    }
    const response = await app.inject(create)
    expect(response.statusCode).toBe(500)
    expect(response.json()).toMatchObject({ error: { code: 'internal_error', retryable: true } })
    expect(response.body).not.toMatch(/select|secret_table|Error:| at /)
  })

  it('a key that is being worked on answers 409 with Retry-After: 1', async () => {
    const { app, router } = testEdge()
    router.script = () => answered({ kind: 'in_use' })
    const response = await app.inject(create)
    expect([response.statusCode, response.headers['retry-after']]).toEqual([409, '1'])
    expect(response.json()).toMatchObject({ error: { type: 'idempotency_error', code: 'idempotency_key_in_use' } })
  })
})
