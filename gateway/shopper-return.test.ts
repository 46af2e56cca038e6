import { describe, expect, it } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import { attemptOf, capturedPayment, done, idKey, merchantId, paymentFor, rejected, testEdge } from './testing.ts'

const id = paymentIdOf(idKey, merchantId, 'test', 'k1')
const attempt = attemptOf(id)
const url = `/v1/return/${attempt.id}/${attempt.nonce}`

describe('the shopper’s return', () => {
  it('tells the payment, needs no API key, and sends the shopper on with the payment’s id and status', async () => {
    const { app, router } = testEdge()
    router.script = () =>
      done(capturedPayment('k1', { returnUrl: 'https://shop.example/done?order=7&status=mine#top' }))
    const response = await app.inject({ url: `${url}?payment_intent=pi_1&redirect_status=failed` })
    expect(router.envelopes[0]).toMatchObject({
      class: 'settle',
      payload: { type: 'CompleteAction', attemptId: attempt.id, nonce: attempt.nonce },
    })
    expect(response.statusCode).toBe(303)
    expect(response.headers['location']).toBe(`https://shop.example/done?order=7&status=captured&payment=${id}#top`)
    expect(response.headers['referrer-policy']).toBe('no-referrer')
  })

  it('passes on what the PSP’s page gave the shopper for us, and nothing else of the query', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1', { returnUrl: 'https://shop.example/' }))
    await app.inject({ url: `${url}?redirectResult=eyJ0cmFu%2BX%2F%3D%3D&resultCode=authorised` })
    expect(router.payload).toEqual({
      type: 'CompleteAction',
      attemptId: attempt.id,
      nonce: attempt.nonce,
      redirectResult: 'eyJ0cmFu+X/==',
    })
  })

  it.each([
    ['none', 'redirectResult='],
    ['two', 'redirectResult=a&redirectResult=b'],
    ['one too long', `redirectResult=${'x'.repeat(4_097)}`],
    ['one with a line break', 'redirectResult=a%0Ab'],
  ])('routes nothing where that is %s', async (_name, query) => {
    const { app, router } = testEdge()
    const response = await app.inject({ url: `${url}?${query}` })
    expect([400, 404]).toContain(response.statusCode)
    expect(router.envelopes).toEqual([])
  })

  it('shows a plain page where the merchant has no address', async () => {
    const { app, router } = testEdge()
    for (const [lifecycle, words] of [
      [{ status: 'captured', attemptId: attempt.id }, 'successful'],
      [{ status: 'failed', failure: { code: 'card_declined' } }, 'not charged'],
      [{ status: 'pending' }, 'being processed'],
    ] as const) {
      router.script = () => done(paymentFor('k1', { lifecycle, attempts: [attempt] }))
      const response = await app.inject({ url })
      expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
      expect(response.headers['content-security-policy']).toContain("default-src 'none'")
      expect(response.body).toContain(words)
      expect(response.body).not.toContain(id)
    }
  })

  it('tells nothing without the attempt’s nonce, whatever the actor answers', async () => {
    const { app, router } = testEdge()
    const state = capturedPayment('k1', { returnUrl: 'https://shop.example/' })
    router.script = () => done(state)
    const wrong = await app.inject({ url: `/v1/return/${attempt.id}/${'cd'.repeat(16)}` })
    router.script = () => rejected({ code: 'action_nonce_mismatch' }, state)
    const refused = await app.inject({ url: `/v1/return/${attempt.id}/${'cd'.repeat(16)}` })
    router.script = () => rejected({ code: 'payment_not_found' })
    const none = await app.inject({ url })
    for (const response of [wrong, refused, none]) {
      expect(response.statusCode).toBe(404)
      expect(response.body).toBe(none.body)
      expect(response.headers['location']).toBe(undefined)
    }
  })

  it('sends a shopper who comes back twice to the merchant again', async () => {
    const { app, router } = testEdge()
    const state = capturedPayment('k1', { returnUrl: 'https://shop.example/' })
    router.script = () =>
      rejected({ code: 'payment_unexpected_state', current: 'captured', allowed: ['requires_action'] }, state)
    expect((await app.inject({ url })).statusCode).toBe(303)
  })

  it('routes nothing for an address that is malformed', async () => {
    const { app } = testEdge()
    for (const path of [
      `att_x/${attempt.nonce}`,
      `${id}/${attempt.nonce}`,
      `${attempt.id}/short`,
      `cap_${id.slice(4)}_1/${attempt.nonce}`,
    ]) {
      expect((await app.inject({ url: `/v1/return/${path}` })).statusCode).toBe(404)
    }
  })

  it('asks to reload where the payment cannot be reached', async () => {
    const { app, router } = testEdge()
    router.script = () => ({ kind: 'unavailable', certainty: 'acceptance_unknown', reason: 'x', retryAfterMs: 1 })
    const response = await app.inject({ url })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2'])
  })
})
