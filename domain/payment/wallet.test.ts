import { describe, expect, test } from 'vitest'
import type { PaymentMethod } from './operations.ts'
import { confirm, create } from './testing/fixtures.ts'
import { effects, given, nothing, payment, rejection, when } from './testing/scenario.ts'

/** A wallet's hash that happens to hold 16 digits which pass the check of card numbers. */
const encrypted = '{"header":{"transactionId":"ab4242424242424242cd"}}'

describe('a wallet as payment method', () => {
  test('reaches the PSP as it came', () => {
    for (const paymentMethod of [
      { type: 'apple_pay', token: encrypted },
      { type: 'google_pay', token: 'tok_visa' },
    ] as const) {
      const created = given(nothing(), create({ paymentMethod }))
      expect(effects(created)).toMatchObject([{ kind: 'send', call: { kind: 'authorize', paymentMethod } }])
      expect(payment(created).paymentMethod).toEqual(paymentMethod)
    }
  })

  test('may replace a card when the payment is confirmed', () => {
    const paymentMethod: PaymentMethod = { type: 'google_pay', token: 'tok_visa' }
    const confirmed = given(nothing(), create({ confirm: false }), confirm('c', { paymentMethod }))
    expect(effects(confirmed)).toMatchObject([{ call: { paymentMethod } }])
  })

  test('is refused where its token is a card number', () => {
    for (const type of ['card', 'apple_pay', 'google_pay'] as const) {
      const refused = when(nothing(), create({ paymentMethod: { type, token: 'x4242424242424242' } }))
      expect(rejection(refused)).toEqual({ code: 'card_number_not_allowed', param: 'payment_method' })
    }
  })
})
