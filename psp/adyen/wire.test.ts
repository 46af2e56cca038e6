import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RefundReason } from '../../domain/payment/operations.ts'
import { problemsOfAdyenRequest } from '../../test/support/adyen-contract.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../../test/support/psp-calls.ts'
import { type AdyenRequest, type AskableCall, basePaths, buildRequest, isLearned } from './wire.ts'

const account = 'ShoesCOM'

function built(call: AskableCall): AdyenRequest {
  const request = buildRequest(call, account)
  if ('unrepresentable' in request) throw new Error(`the call can be built, not ${request.unrepresentable}`)
  return request
}

const stored = authorizeCall({ paymentMethod: { type: 'card', token: 'M5N7TQ4TG5PFWR50' }, customer: 'cus_1' })
const full = authorizeCall({
  captureMethod: 'automatic',
  paymentMethod: { type: 'card', token: '{"type":"scheme","encryptedCardNumber":"adyenjs_0_1_25$a","holderName":"J"}' },
  merchantReference: 'order 42/ä',
  description: 'Boots & laces',
  statementDescriptor: 'BOOTS*"42" <ä>',
  returnUrl: 'https://shop.example/return?attempt=1&nonce=ab',
})
const wallets = [
  authorizeCall({ paymentMethod: { type: 'apple_pay', token: '{"paymentData":{"version":"EC_v1"}}' } }),
  authorizeCall({ paymentMethod: { type: 'google_pay', token: '{"signedMessage":"m"}' } }),
]
const completion = { ...completeCall('993617894903480A'), redirectResult: 'X6XtfGC3!Y' }
const attempt = authorizeCall().operationId
const modifications = [
  captureCall('993617894903480A'),
  voidCall('993617894903480A'),
  voidCall(undefined),
  refundCall('993617894903480A'),
  ...(['duplicate', 'fraudulent', 'requested_by_customer'] as const satisfies readonly RefundReason[]).map((reason) =>
    refundCall('993617894903480A', { reason, captureReference: '993617894906488A' }),
  ),
]
const everyCall: readonly AskableCall[] = [stored, full, ...wallets, completion, ...modifications]

describe('request version 1', () => {
  it('always builds these bytes: a repeat must carry what the first send carried', () => {
    // Permanent. A changed form is another request version; these lines are never edited.
    expect(built(stored)).toEqual({
      path: '/payments',
      idempotencyKey: 'att_0123456789abcdefghjkmnpqr0_1',
      body:
        '{"amount":{"currency":"EUR","value":1234},"merchantAccount":"ShoesCOM",' +
        '"reference":"att_0123456789abcdefghjkmnpqr0_1",' +
        '"paymentMethod":{"type":"scheme","storedPaymentMethodId":"M5N7TQ4TG5PFWR50"},' +
        '"shopperInteraction":"ContAuth","shopperReference":"cus_1","recurringProcessingModel":"CardOnFile",' +
        '"returnUrl":"https://shardpay.invalid/",' +
        '"authenticationData":{"attemptAuthentication":"never","threeDSRequestData":{"nativeThreeDS":"disabled"}},' +
        '"additionalData":{"manualCapture":"true"}}',
    })
    expect(built(full).body).toBe(
      '{"amount":{"currency":"EUR","value":1234},"merchantAccount":"ShoesCOM",' +
        '"reference":"att_0123456789abcdefghjkmnpqr0_1",' +
        '"paymentMethod":{"type":"scheme","encryptedCardNumber":"adyenjs_0_1_25$a","holderName":"J"},' +
        '"shopperInteraction":"Ecommerce","returnUrl":"https://shop.example/return?attempt=1&nonce=ab",' +
        '"authenticationData":{"threeDSRequestData":{"nativeThreeDS":"disabled"}},' +
        '"additionalData":{"manualCapture":"true"},"shopperStatement":"BOOTS*42","merchantOrderReference":"order 42/ä"}',
    )
    expect(built(completion)).toEqual({
      path: '/payments/details',
      idempotencyKey: 'att_0123456789abcdefghjkmnpqr0_1:complete',
      body: '{"details":{"redirectResult":"X6XtfGC3!Y"}}',
    })
    expect(built(captureCall('993617894903480A'))).toEqual({
      path: '/payments/993617894903480A/captures',
      idempotencyKey: 'cap_0123456789abcdefghjkmnpqr0_1',
      body:
        '{"amount":{"currency":"EUR","value":1234},"merchantAccount":"ShoesCOM",' +
        '"reference":"cap_0123456789abcdefghjkmnpqr0_1"}',
    })
    expect(built(refundCall('993617894903480A', { reason: 'requested_by_customer' }))).toEqual({
      path: '/payments/993617894903480A/refunds',
      idempotencyKey: 're_0123456789abcdefghjkmnpqr0_1',
      body:
        '{"amount":{"currency":"EUR","value":1234},"merchantAccount":"ShoesCOM",' +
        '"reference":"re_0123456789abcdefghjkmnpqr0_1","merchantRefundReason":"CUSTOMER REQUEST"}',
    })
    expect(built(voidCall('993617894903480A'))).toEqual({
      path: '/payments/993617894903480A/cancels',
      idempotencyKey: 'void_0123456789abcdefghjkmnpqr0_1',
      body: '{"merchantAccount":"ShoesCOM","reference":"void_0123456789abcdefghjkmnpqr0_1"}',
    })
  })

  it('cancels by our own reference where Adyen has not told its own', () => {
    const byOurs = {
      path: '/cancels',
      idempotencyKey: 'void_0123456789abcdefghjkmnpqr0_1',
      body:
        `{"paymentReference":"${attempt}","merchantAccount":"ShoesCOM",` +
        '"reference":"void_0123456789abcdefghjkmnpqr0_1"}',
    }
    expect(built(voidCall(undefined))).toEqual(byOurs)
    expect(built(voidCall(attempt))).toEqual(byOurs)
    expect([undefined, attempt, '993617894903480A'].map(isLearned)).toEqual([false, false, true])
  })

  it('builds the same bytes from a call that went through the journal', () => {
    for (const call of everyCall) {
      expect(built(structuredClone(call))).toEqual(built(call))
      expect(built(JSON.parse(JSON.stringify(call)) as AskableCall)).toEqual(built(call))
    }
  })

  it("is valid by Adyen's API description, for every call, with a key that Adyen takes", () => {
    for (const call of everyCall) {
      const { path, body, idempotencyKey } = built(call)
      expect(problemsOfAdyenRequest(path, JSON.parse(body)), body).toEqual([])
      expect(idempotencyKey.length).toBeLessThanOrEqual(64)
    }
    expect(problemsOfAdyenRequest('/payments', { amount: 1 })).not.toEqual([])
    expect(problemsOfAdyenRequest('/captures', {})).not.toEqual([])
  })

  it("keeps within Adyen's limits whatever the merchant wrote, and never halves a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 1500 }), (text) => {
        const { path, body } = built({ ...full, merchantReference: text, statementDescriptor: text })
        const fields = JSON.parse(body) as Record<string, string>
        expect(fields['merchantOrderReference']).toSatisfy(
          (value: string) => value.length <= 1000 && value.isWellFormed(),
        )
        expect(fields['shopperStatement'] ?? '').toMatch(/^[a-zA-Z0-9 .,'_?+*/-]{0,22}$/)
        expect(problemsOfAdyenRequest(path, fields)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})

it('every path is below that of version 72, which live addresses have elsewhere', () => {
  expect(basePaths).toEqual({ test: '/v72', live: '/checkout/v72' })
})

describe('what Adyen cannot be asked', () => {
  it('is an amount that its minor units cannot hold, and a currency that it has not', () => {
    const amountOf = (amountMinor: number, currency: string): unknown =>
      (JSON.parse(built({ ...stored, amountMinor, currency }).body) as { amount: unknown }).amount
    expect(amountOf(500, 'JPY')).toEqual({ currency: 'JPY', value: 500 })
    expect(amountOf(500, 'ISK')).toEqual({ currency: 'ISK', value: 50_000 })
    expect(amountOf(500, 'IDR')).toEqual({ currency: 'IDR', value: 5 })
    for (const call of [stored, captureCall('99'), refundCall('99')]) {
      const of = (amountMinor: number, currency: string) => buildRequest({ ...call, amountMinor, currency }, account)
      expect(of(150, 'IDR')).toEqual({ unrepresentable: 'amount' })
      expect(of(1000, 'CLF')).toEqual({ unrepresentable: 'amount' })
    }
  })

  it('is what a newer release planned', () => {
    for (const call of everyCall) {
      expect(buildRequest({ ...call, requestVersion: 2 }, account)).toEqual({ unrepresentable: 'request_version' })
    }
  })
})
