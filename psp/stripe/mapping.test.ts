import { describe, expect, it } from 'vitest'
import type { OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { readIntent } from './answers.ts'
import {
  authorizeCall,
  captureCall,
  completeCall,
  refundCall,
  samplePayment,
  voidCall,
} from '../../test/support/psp-calls.ts'
import { outcomeOfCaptureRead, outcomeOfRepeat, outcomeOfSend, outcomeOfVoidRead } from './mapping.ts'

type Json = Readonly<Record<string, unknown>>

function intent(fields: Json = {}): Json {
  return {
    id: 'pi_1',
    object: 'payment_intent',
    status: 'requires_capture',
    amount: 1234,
    amount_capturable: 1234,
    amount_received: 0,
    currency: 'eur',
    metadata: { payment_id: samplePayment, operation_id: authorizeCall().operationId },
    next_action: null,
    last_payment_error: null,
    latest_charge: { id: 'ch_1', payment_method_details: { card: { capture_before: 1_800_000_000 } } },
    ...fields,
  }
}

function refund(fields: Json = {}): Json {
  return {
    id: 're_1',
    object: 'refund',
    status: 'succeeded',
    amount: 1234,
    currency: 'eur',
    payment_intent: 'pi_1',
    metadata: { payment_id: samplePayment, operation_id: refundCall('pi_1').operationId },
    ...fields,
  }
}

function sent(call: PspCall, status: number, json: unknown): OperationOutcome {
  return outcomeOfSend(call, { status, body: Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)) })
}

function repeated(call: PspCall, status: number, json: unknown): OperationOutcome {
  return outcomeOfRepeat(call, { status, body: Buffer.from(JSON.stringify(json)) })
}

function error(fields: Json): Json {
  return { error: { type: 'invalid_request_error', message: 'free text about jane@example.com', ...fields } }
}

const captured = intent({
  status: 'succeeded',
  amount_capturable: 0,
  amount_received: 1234,
  metadata: {
    payment_id: samplePayment,
    operation_id: authorizeCall().operationId,
    [captureCall('pi_1').operationId]: '1234',
  },
})
const canceled = intent({ status: 'canceled', amount_capturable: 0 })
const everyCall: readonly PspCall[] = [
  authorizeCall(),
  completeCall('pi_1'),
  captureCall('pi_1'),
  voidCall('pi_1'),
  refundCall('pi_1'),
]

describe('an authorization', () => {
  const call = authorizeCall()
  it.each<[string, Json, OperationOutcome]>([
    [
      'that is held',
      {},
      {
        kind: 'succeeded',
        pspReference: 'pi_1',
        amountMinor: 1234,
        currency: 'EUR',
        captured: false,
        captureBefore: 1_800_000_000_000,
        echoedOperationId: call.operationId,
      },
    ],
    [
      'that was captured in the same step',
      { status: 'succeeded', amount_capturable: 0, amount_received: 1234 },
      {
        kind: 'succeeded',
        pspReference: 'pi_1',
        amountMinor: 1234,
        currency: 'EUR',
        captured: true,
        echoedOperationId: call.operationId,
      },
    ],
    [
      'that waits for its shopper',
      {
        status: 'requires_action',
        next_action: { type: 'redirect_to_url', redirect_to_url: { url: 'https://psp.example/3ds' } },
      },
      { kind: 'requires_action', pspReference: 'pi_1', action: { type: 'redirect', url: 'https://psp.example/3ds' } },
    ],
    [
      'that waits for something this system cannot show',
      { status: 'requires_action', next_action: { type: 'use_stripe_sdk' } },
      { kind: 'unknown', reason: 'unreadable_answer', pspReference: 'pi_1' },
    ],
    [
      'whose redirect leads to a script',
      {
        status: 'requires_action',
        next_action: { type: 'redirect_to_url', redirect_to_url: { url: 'javascript:alert(1)' } },
      },
      { kind: 'unknown', reason: 'unreadable_answer', pspReference: 'pi_1' },
    ],
    ['that is still being processed', { status: 'processing' }, { kind: 'accepted', pspReference: 'pi_1' }],
    [
      'that was canceled at the PSP',
      { status: 'canceled' },
      { kind: 'declined', decline: { class: 'soft', code: 'authorization_canceled' }, pspReference: 'pi_1' },
    ],
    [
      'that was declined',
      {
        status: 'requires_payment_method',
        last_payment_error: { type: 'card_error', code: 'card_declined', decline_code: 'lost_card' },
      },
      { kind: 'declined', decline: { class: 'hard', code: 'lost_card', pspCode: 'lost_card' }, pspReference: 'pi_1' },
    ],
    [
      'whose authentication failed',
      {
        status: 'requires_payment_method',
        last_payment_error: { type: 'invalid_request_error', code: 'payment_intent_authentication_failure' },
      },
      {
        kind: 'declined',
        decline: { class: 'shopper', code: 'authentication_failed', pspCode: 'payment_intent_authentication_failure' },
        pspReference: 'pi_1',
      },
    ],
    [
      'that was never tried',
      { status: 'requires_payment_method' },
      { kind: 'unknown', reason: 'psp_error', pspReference: 'pi_1' },
    ],
    [
      'that was never confirmed',
      { status: 'requires_confirmation' },
      { kind: 'unknown', reason: 'psp_error', pspReference: 'pi_1' },
    ],
    [
      'in a status nobody knows',
      { status: 'requires_luck' },
      { kind: 'unknown', reason: 'unreadable_answer', pspReference: 'pi_1' },
    ],
    [
      'whose currency nobody knows',
      { currency: 'xxx' },
      { kind: 'unknown', reason: 'unreadable_answer', pspReference: 'pi_1' },
    ],
  ])('%s', (_, fields, outcome) => {
    expect(sent(call, 200, intent(fields))).toEqual(outcome)
  })

  it('of a smaller amount or another operation says so, for the payment to judge', () => {
    const smaller = intent({
      amount_capturable: 1000,
      metadata: { payment_id: samplePayment, operation_id: 'att_other' },
    })
    expect(sent(call, 200, smaller)).toMatchObject({
      kind: 'succeeded',
      amountMinor: 1000,
      echoedOperationId: 'att_other',
    })
  })

  it('is told in our minor units', () => {
    const yen = sent(authorizeCall({ currency: 'ISK' }), 200, intent({ currency: 'isk', amount_capturable: 50_000 }))
    expect(yen).toMatchObject({ amountMinor: 500, currency: 'ISK' })
  })
})

describe('a capture', () => {
  const call = captureCall('pi_1')
  it('succeeded for what was received, under the reference of its charge', () => {
    expect(sent(call, 200, captured)).toEqual({
      kind: 'succeeded',
      pspReference: 'ch_1',
      amountMinor: 1234,
      currency: 'EUR',
      echoedOperationId: call.operationId,
    })
  })

  it('of several succeeded for what the others did not take', () => {
    const others = intent({
      status: 'requires_capture',
      amount_received: 900,
      metadata: { payment_id: samplePayment, cap_other_1: '400', [call.operationId]: '500' },
    })
    expect(sent(call, 200, others)).toMatchObject({ kind: 'succeeded', amountMinor: 500 })
  })

  it('read later is ours only where it left our operation id', () => {
    const read = (fields: Json): OperationOutcome => {
      const parsed = readIntent(intent(fields))
      if (parsed === undefined) throw new Error('a readable intent')
      return outcomeOfCaptureRead(call, parsed)
    }
    const ours = { payment_id: samplePayment, [call.operationId]: '1234' }
    expect(read({ status: 'succeeded', amount_received: 1234, metadata: ours })).toMatchObject({
      kind: 'succeeded',
      amountMinor: 1234,
    })
    expect(read({ status: 'succeeded', amount_received: 1234 })).toMatchObject({
      kind: 'declined',
      decline: { code: 'already_captured' },
    })
    expect(read({})).toEqual({ kind: 'absent' })
    expect(read({ status: 'canceled' })).toMatchObject({
      kind: 'declined',
      decline: { code: 'authorization_canceled' },
    })
    expect(read({ status: 'processing' })).toEqual({ kind: 'unknown', reason: 'in_progress' })
    expect(read({ status: 'requires_luck' })).toEqual({ kind: 'unknown', reason: 'unreadable_answer' })
    expect(read({ id: 'pi_2' })).toEqual({ kind: 'unknown', reason: 'unreadable_answer' })
  })
})

describe('a void', () => {
  const call = voidCall('pi_1')
  it('succeeded where the intent is canceled, for the amount that was asked for', () => {
    expect(sent(call, 200, canceled)).toEqual({
      kind: 'succeeded',
      pspReference: 'pi_1',
      amountMinor: 1234,
      currency: 'EUR',
    })
  })

  it('that is refused says why: voided before, captured before, not now', () => {
    const state = (status: string): Json =>
      error({ code: 'payment_intent_unexpected_state', payment_intent: intent({ status }) })
    expect(sent(call, 400, state('canceled'))).toMatchObject({ kind: 'declined', decline: { code: 'already_voided' } })
    expect(sent(call, 400, state('succeeded'))).toMatchObject({
      kind: 'declined',
      decline: { code: 'already_captured' },
    })
    expect(repeated(call, 400, state('canceled'))).toEqual({ kind: 'unknown', reason: 'repeat_refused' })
  })

  it('read later is done where the intent is canceled, undone where it could still be canceled', () => {
    const read = (status: string): OperationOutcome => {
      const parsed = readIntent(intent({ status }))
      if (parsed === undefined) throw new Error('a readable intent')
      return outcomeOfVoidRead(call, parsed)
    }
    expect(read('canceled')).toMatchObject({ kind: 'succeeded' })
    expect(read('succeeded')).toMatchObject({ kind: 'declined', decline: { code: 'already_captured' } })
    for (const status of ['requires_capture', 'requires_action', 'requires_confirmation', 'requires_payment_method']) {
      expect(read(status), status).toEqual({ kind: 'absent' })
    }
    expect(read('processing')).toEqual({ kind: 'unknown', reason: 'in_progress' })
    expect(read('requires_luck')).toEqual({ kind: 'unknown', reason: 'unreadable_answer' })
  })
})

describe('a refund', () => {
  const call = refundCall('pi_1')
  it.each<[string, Json, OperationOutcome]>([
    [
      'that succeeded',
      {},
      {
        kind: 'succeeded',
        pspReference: 're_1',
        amountMinor: 1234,
        currency: 'EUR',
        echoedOperationId: call.operationId,
      },
    ],
    ['that is pending', { status: 'pending' }, { kind: 'accepted', pspReference: 're_1' }],
    ['that waits for the shopper', { status: 'requires_action' }, { kind: 'accepted', pspReference: 're_1' }],
    [
      'that failed',
      { status: 'failed', failure_reason: 'lost_or_stolen_card' },
      {
        kind: 'declined',
        decline: { class: 'hard', code: 'refund_failed', pspCode: 'lost_or_stolen_card' },
        pspReference: 're_1',
      },
    ],
    [
      'that was canceled',
      { status: 'canceled' },
      { kind: 'declined', decline: { class: 'soft', code: 'refund_canceled' }, pspReference: 're_1' },
    ],
    [
      'in a status nobody knows',
      { status: 'lost' },
      { kind: 'unknown', reason: 'unreadable_answer', pspReference: 're_1' },
    ],
    ["of another payment's intent", { payment_intent: 'pi_2' }, { kind: 'unknown', reason: 'unreadable_answer' }],
  ])('%s', (_, fields, outcome) => {
    expect(sent(call, 200, refund(fields))).toEqual(outcome)
  })

  it.each([
    [{ code: 'charge_already_refunded' }, 'already_refunded'],
    [{ code: 'charge_disputed' }, 'charge_disputed'],
    [{ param: 'amount' }, 'amount_too_large'],
  ])('that is refused with %o is declined as %s', (fields, code) => {
    expect(sent(call, 400, error(fields))).toMatchObject({ kind: 'declined', decline: { class: 'hard', code } })
  })
})

describe('an answer that cannot be read as one about this operation leaves it unknown', () => {
  it.each<[string, unknown]>([
    ['HTML', '<html>200 OK</html>'],
    ['half an answer', '{"id": "pi_1", "object": "payment_int'],
    ['bytes that are no text', '\ufffd\ud800'],
    ['nothing', ''],
    ['a list', '[]'],
    ['an error with status 200', error({})],
    ['an object of another kind', { id: 'cus_1', object: 'customer' }],
    ['an intent without status', intent({ status: undefined })],
    ['an amount that is a text', intent({ amount_capturable: '1234', amount_received: '1234' })],
    ['an amount that is a fraction', intent({ amount: 12.5 })],
    ['a negative amount', intent({ amount_capturable: -1234 })],
    ['free text as a status', intent({ status: 'please call us' })],
    ["another payment's intent", intent({ metadata: { payment_id: 'pay_other' } })],
  ])('%s', (_, json) => {
    for (const call of everyCall)
      expect(sent(call, 200, json), call.kind).toMatchObject({ kind: 'unknown', reason: 'unreadable_answer' })
  })

  it('also where the proxy says 400, 402 or 429 in HTML: only Stripe itself can prove anything', () => {
    for (const status of [302, 400, 401, 402, 403, 404, 418, 429]) {
      expect(sent(authorizeCall(), status, '<html>no</html>'), String(status)).toEqual({
        kind: 'unknown',
        reason: 'unreadable_answer',
      })
    }
  })
})

describe('a refusal of the first send, by HTTP status,', () => {
  const call = authorizeCall()
  it.each<[number, Json, OperationOutcome]>([
    [
      400,
      { code: 'parameter_unknown' },
      {
        kind: 'declined',
        decline: { class: 'configuration', code: 'psp_configuration', pspCode: 'parameter_unknown' },
      },
    ],
    [
      400,
      { code: 'amount_too_small' },
      { kind: 'declined', decline: { class: 'hard', code: 'amount_too_small', pspCode: 'amount_too_small' } },
    ],
    [
      400,
      { code: 'resource_missing', param: 'payment_method' },
      { kind: 'declined', decline: { class: 'hard', code: 'payment_method_invalid', pspCode: 'resource_missing' } },
    ],
    [400, { type: 'idempotency_error' }, { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }],
    [401, {}, { kind: 'declined', decline: { class: 'configuration', code: 'psp_configuration' } }],
    [403, {}, { kind: 'declined', decline: { class: 'configuration', code: 'psp_configuration' } }],
    [
      404,
      { code: 'resource_missing' },
      { kind: 'declined', decline: { class: 'configuration', code: 'psp_configuration', pspCode: 'resource_missing' } },
    ],
    [409, { type: 'idempotency_error', code: 'idempotency_key_in_use' }, { kind: 'unknown', reason: 'in_progress' }],
    [424, { type: 'api_error' }, { kind: 'unknown', reason: 'psp_error' }],
    [429, { code: 'rate_limit' }, { kind: 'not_sent', reason: 'rate_limited' }],
    [429, { code: 'lock_timeout' }, { kind: 'not_sent', reason: 'rate_limited' }],
    [500, { type: 'api_error' }, { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }],
    [502, { type: 'api_error' }, { kind: 'unknown', reason: 'psp_error' }],
    [503, { type: 'api_error' }, { kind: 'unknown', reason: 'psp_error' }],
    [504, { type: 'api_error' }, { kind: 'unknown', reason: 'psp_error' }],
    [
      402,
      {
        type: 'card_error',
        code: 'card_declined',
        decline_code: 'insufficient_funds',
        payment_intent: intent({ status: 'requires_payment_method' }),
      },
      {
        kind: 'declined',
        decline: { class: 'soft', code: 'insufficient_funds', pspCode: 'insufficient_funds' },
        pspReference: 'pi_1',
      },
    ],
  ])('%d %o', (status, fields, outcome) => {
    expect(sent(call, status, error(fields))).toEqual(outcome)
  })

  it('says nothing about an authorization whose second step it answers', () => {
    for (const status of [400, 401, 403, 404, 409, 429, 500, 503]) {
      expect(sent(completeCall('pi_1'), status, error({})), String(status)).toEqual({
        kind: 'unknown',
        reason: 'psp_error',
      })
    }
  })
})

describe('the answer to a repeat', () => {
  it('is the outcome where it is one: a success, or a decline', () => {
    expect(repeated(authorizeCall(), 200, intent())).toMatchObject({ kind: 'succeeded' })
    expect(repeated(authorizeCall(), 402, error({ type: 'card_error', code: 'card_declined' }))).toMatchObject({
      kind: 'declined',
    })
    expect(repeated(refundCall('pi_1'), 200, refund({ status: 'failed' }))).toMatchObject({ kind: 'declined' })
  })

  it('is never proof that nothing was sent, and its refusals say nothing about the first send', () => {
    for (const call of everyCall) {
      for (const status of [400, 401, 403, 404, 409, 424, 429, 500, 502, 503, 504]) {
        for (const fields of [{}, { code: 'rate_limit' }, { type: 'idempotency_error' }, { type: 'api_error' }]) {
          expect(repeated(call, status, error(fields)).kind, `${call.kind} ${status}`).toBe('unknown')
        }
      }
    }
  })
})
