/** What operations, reads and failures of a payment are answered with. */
import { describe, expect, it } from 'vitest'
import { addressOfPayment, paymentIdOf } from '../domain/ids.ts'
import type { CreatePayment } from '../domain/payment/commands.ts'
import { errorTable } from './errors.ts'
import { fingerprintOf } from './idempotency.ts'
import {
  answered,
  capturedPayment,
  captureOf,
  createBody,
  done,
  headersOf,
  idKey,
  merchantId,
  paymentFor,
  recordOf,
  refundOf,
  rejected,
  testEdge,
} from './testing.ts'

const id = paymentIdOf(idKey, merchantId, 'test', 'k1')
const create = { method: 'POST', url: '/v1/payments', headers: headersOf('k1'), payload: createBody } as const

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

  it.each([
    ['customer_required', 'The payment names no customer, and its stored payment method needs one.'],
    ['psp_configuration', undefined],
  ])('refused for our set-up says what the merchant can mend: %s', async (code, message) => {
    const { app, router } = testEdge()
    const failure = { code: 'psp_configuration', decline: { class: 'configuration', code } } as const
    router.script = () =>
      done(paymentFor('k1', { lifecycle: { status: 'failed', failure } }), recordOf('confirm', { concludedSeq: 2 }))
    const response = await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/confirm`,
      headers: headersOf('k2'),
      payload: {},
    })
    const { error } = response.json<{ error: Record<string, unknown> }>()
    expect([response.statusCode, error['code']]).toEqual([424, 'psp_configuration'])
    expect([error['decline_code'], error['message']]).toEqual(
      message === undefined ? [undefined, errorTable.psp_configuration.message] : [code, message],
    )
  })

  it('declined is answered with the members of its error in the documented order', async () => {
    const { app, router } = testEdge()
    const refund = refundOf(id, { status: 'declined', decline: { class: 'hard', code: 'expired_card' } })
    router.script = () =>
      done(capturedPayment('k1', { refunds: [refund] }), recordOf('refund', { operationId: refund.id }))
    const url = `/v1/payments/${id}/refunds`
    const response = await app.inject({ method: 'POST', url, headers: headersOf('k2'), payload: {} })
    const body = response.json<{ error: object }>()
    expect(Object.keys(body)).toEqual(['type', 'title', 'status', 'detail', 'instance', 'error'])
    expect(Object.keys(body.error)).toEqual([
      'type',
      'code',
      'decline_code',
      'message',
      'param',
      'retryable',
      'request_id',
      'doc_url',
      'payment',
    ])
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
