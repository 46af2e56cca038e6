import { describe, expect, it } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import type { OperationStatus } from '../domain/payment/operations.ts'
import { operationStatusView, renderPayment, renderRefund } from './render.ts'
import { attemptOf, capturedPayment, captureOf, createdAt, idKey, merchantId, paymentFor, refundOf } from './testing.ts'

const id = paymentIdOf(idKey, merchantId, 'test', 'k1')

describe('a payment as merchants see it', () => {
  it('has amounts in minor units, its times twice, and its currency in lower case', () => {
    const state = capturedPayment('k1', {
      captures: [captureOf(id, { amountMinor: 1_000 })],
      refunds: [refundOf(id, { amountMinor: 400 })],
    })
    expect(renderPayment(state, {})).toMatchObject({
      id,
      object: 'payment',
      status: 'captured',
      amount: 1_000,
      amount_authorized: 1_000,
      amount_capturable: 0,
      amount_captured: 1_000,
      amount_refunded: 400,
      amount_disputed: 0,
      currency: 'eur',
      pending_reason: null,
      refund_status: 'partial',
      dispute_status: 'none',
      settlement_status: 'none',
      review: false,
      created: createdAt / 1_000,
      created_at: '2026-11-04T12:00:00Z',
      livemode: false,
    })
  })

  it('shows what the merchant said, and null where it said nothing', () => {
    const said = {
      merchantReference: 'o1',
      description: 'tea',
      statementDescriptor: 'TEA',
      customer: 'c1',
      returnUrl: 'https://s.example/',
    }
    expect(renderPayment(paymentFor('k1', { ...said, metadata: { a: 'b' } }), {})).toMatchObject({
      merchant_reference: 'o1',
      description: 'tea',
      statement_descriptor: 'TEA',
      customer: 'c1',
      return_url: 'https://s.example/',
      metadata: { a: 'b' },
    })
    expect(renderPayment(paymentFor('k1'), {})).toMatchObject({
      merchant_reference: null,
      description: null,
      statement_descriptor: null,
      customer: null,
      return_url: null,
      metadata: {},
      latest_attempt: null,
      last_error: null,
      next_action: null,
      capture_before: null,
    })
  })

  it('never shows the payment method’s token, PSP references, nonces or keys', () => {
    const state = capturedPayment('k1', {
      refunds: [refundOf(id, { pspReference: 're_secret' })],
      lifecycle: { status: 'authorized', attemptId: attemptOf(id).id, captureBefore: createdAt + 1_000 },
    })
    const text = JSON.stringify(renderPayment(state, {}))
    for (const hidden of ['pm_card_visa', 'pi_secret_reference', 're_secret', 'ab'.repeat(16), '"k1"', 'stripe-test']) {
      expect(text).not.toContain(hidden)
    }
    expect(renderPayment(state, {}).payment_method).toEqual({ type: 'card' })
    expect(renderPayment(state, {}).capture_before).toBe(createdAt / 1_000 + 1)
  })

  it('says why it failed, with a decline’s code and a sentence of ours', () => {
    const decline = { class: 'hard', code: 'expired_card', pspCode: 'psp_words' } as const
    const state = paymentFor('k1', {
      lifecycle: { status: 'failed', failure: { code: 'card_declined', decline } },
      attempts: [attemptOf(id, { status: 'declined', decline })],
    })
    const view = renderPayment(state, { latest_attempt: {} })
    expect(view.last_error).toEqual({
      code: 'card_declined',
      decline_code: 'expired_card',
      message: 'The card has expired.',
    })
    expect(view.latest_attempt).toMatchObject({
      status: 'declined',
      failure: { code: 'card_declined', decline_code: 'expired_card' },
    })
    expect(JSON.stringify(view)).not.toContain('psp_words')
  })

  it('names what belongs to it by id, and shows it where it is expanded', () => {
    const state = capturedPayment('k1', { refunds: [refundOf(id)] })
    const [attempt] = state.attempts
    const [capture] = state.captures
    expect(renderPayment(state, {})).toMatchObject({
      latest_attempt: attempt?.id,
      captures: [capture?.id],
      refunds: [refundOf(id).id],
      disputes: [],
    })
    const expanded = renderPayment(state, { latest_attempt: {}, captures: {}, refunds: {} })
    expect(expanded.latest_attempt).toMatchObject({
      object: 'attempt',
      payment: id,
      psp: 'stripe',
      status: 'succeeded',
    })
    expect(expanded.captures).toMatchObject([{ object: 'capture', amount: 1_000, final: true }])
    expect(expanded.refunds).toMatchObject([{ object: 'refund', amount: 400, payment: id }])
    expect(renderRefund(state, refundOf(id), { payment: { captures: {} } }).payment).toMatchObject({
      id,
      captures: [{ object: 'capture' }],
      refunds: [refundOf(id).id],
    })
  })

  it('shows every status of an operation as one of six words', () => {
    const views: Record<OperationStatus, string> = {
      planned: 'pending',
      accepted: 'pending',
      unknown: 'pending',
      inquiring: 'pending',
      manual: 'pending',
      requires_action: 'requires_action',
      succeeded: 'succeeded',
      declined: 'declined',
      not_sent: 'failed',
      absent: 'failed',
    }
    for (const [status, view] of Object.entries(views))
      expect(operationStatusView(status as OperationStatus)).toBe(view)
  })

  it('shows a refund that the PSP took back as reversed, and one that came to nothing with its reason', () => {
    const state = capturedPayment('k1')
    expect(renderRefund(state, refundOf(id, { reversed: true }), {}).status).toBe('reversed')
    const declined = refundOf(id, { status: 'declined', decline: { class: 'hard', code: 'generic_decline' } })
    expect(renderRefund(state, declined, {}).failure).toEqual({
      code: 'refund_declined',
      decline_code: 'generic_decline',
    })
    expect(renderRefund(state, refundOf(id, { status: 'not_sent' }), {}).failure).toEqual({
      code: 'psp_unavailable',
      decline_code: null,
    })
  })
})
