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

  test('or of the text that a PSP’s page has encrypted a card into', () => {
    const token = JSON.stringify({ type: 'scheme', encryptedCardNumber: 'x4242424242424242y', brand: 'visa' })
    const paymentMethod: PaymentMethod = { type: 'card', token }
    expect(effects(given(nothing(), create({ paymentMethod })))).toMatchObject([{ call: { paymentMethod } }])
  })

  test.each([
    ['a number by itself', { type: 'scheme', other: { deep: ['4242424242424242'] } }],
    ['a number in groups', { type: 'scheme', other: '4242 4242-4242 4242' }],
    ['a number that is no text', { type: 'scheme', other: 4_242_424_242_424_242 }],
    ['a card’s number, whatever it looks like', { type: 'scheme', number: '4242' }],
    ['a card’s code', { type: 'scheme', encryptedCardNumber: 'x', cvc: '737' }],
  ])('is refused where its text holds %s', (_name, text) => {
    const refused = when(nothing(), create({ paymentMethod: { type: 'card', token: JSON.stringify(text) } }))
    expect(rejection(refused)).toEqual({ code: 'card_number_not_allowed', param: 'payment_method' })
  })

  test('is looked at however deeply its text is nested', () => {
    const token = `{"a":${'['.repeat(8_000)}"4242424242424242"${']'.repeat(8_000)}}`
    expect(rejection(when(nothing(), create({ paymentMethod: { type: 'apple_pay', token } })))).toBeDefined()
  })

  test('is refused where its token is a card number', () => {
    for (const type of ['card', 'apple_pay', 'google_pay'] as const) {
      const refused = when(nothing(), create({ paymentMethod: { type, token: 'x4242424242424242' } }))
      expect(rejection(refused)).toEqual({ code: 'card_number_not_allowed', param: 'payment_method' })
    }
  })
})
