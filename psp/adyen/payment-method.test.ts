import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PaymentMethod } from '../../domain/payment/operations.ts'
import { authorizeCall } from '../../test/support/psp-calls.ts'
import { payerFields } from './payment-method.ts'

function fieldsOf(paymentMethod: PaymentMethod, customer?: string): unknown {
  return payerFields(authorizeCall({ paymentMethod, ...(customer === undefined ? {} : { customer }) }))
}

function card(members: unknown, customer?: string): unknown {
  return fieldsOf({ type: 'card', token: JSON.stringify(members) }, customer)
}

const refused = { unrepresentable: 'payment_method' }
const encrypted = {
  encryptedCardNumber: 'adyenjs_0_1_25$a',
  encryptedExpiryMonth: 'adyenjs_0_1_25$b',
  encryptedExpiryYear: 'adyenjs_0_1_25$c',
  encryptedSecurityCode: 'adyenjs_0_1_25$d',
}

describe('a stored payment method', () => {
  it('is found by its shopper', () => {
    expect(fieldsOf({ type: 'card', token: 'M5N7TQ4TG5PFWR50' }, 'cus_1')).toEqual({
      paymentMethod: { type: 'scheme', storedPaymentMethodId: 'M5N7TQ4TG5PFWR50' },
      shopperInteraction: 'ContAuth',
      shopperReference: 'cus_1',
      recurringProcessingModel: 'CardOnFile',
    })
  })

  it('cannot be asked for without one, or by a name that Adyen does not take', () => {
    for (const customer of [undefined, 'ab', 'c'.repeat(257)]) {
      expect(fieldsOf({ type: 'card', token: 'M5N7TQ4TG5PFWR50' }, customer)).toEqual({ unrepresentable: 'customer' })
    }
    for (const token of ['', 'a b', 'a/b', 'a'.repeat(65)]) {
      expect(fieldsOf({ type: 'card', token }, 'cus_1'), token).toEqual(refused)
    }
  })

  it('may come from a page with its security code encrypted', () => {
    const members = { type: 'scheme', storedPaymentMethodId: 'M5N7', encryptedSecurityCode: 'adyenjs_0_1_25$d' }
    expect(card(members, 'cus_1')).toMatchObject({ paymentMethod: members, shopperReference: 'cus_1' })
    expect(card(members)).toEqual({ unrepresentable: 'customer' })
  })
})

describe('an encrypted card', () => {
  it('is passed on with what Adyen knows of cards, in a fixed order, and nothing else', () => {
    const members = {
      ...encrypted,
      holderName: 'J. Doe',
      brand: 'visa',
      type: 'scheme',
      billingAddress: {},
      extra: '1',
    }
    const fields = card(members)
    expect(fields).toEqual({
      paymentMethod: { type: 'scheme', brand: 'visa', ...encrypted, holderName: 'J. Doe' },
      shopperInteraction: 'Ecommerce',
    })
    const turned = Object.fromEntries(Object.entries(members).toReversed())
    expect(JSON.stringify(card(turned))).toBe(JSON.stringify(fields))
  })

  it.each<[string, unknown]>([
    ['a number in the clear', { ...encrypted, number: '4111111111111111' }],
    ['an empty number in the clear', { ...encrypted, number: '' }],
    ['a security code in the clear', { ...encrypted, cvc: '737' }],
    ['an expiry date in the clear', { ...encrypted, expiryMonth: '03', expiryYear: '2030' }],
    ['a number that is called encrypted', { ...encrypted, encryptedCardNumber: '4111 1111 1111 1111' }],
    ['a month that is called encrypted', { ...encrypted, encryptedExpiryMonth: '03' }],
    ['no card at all', { type: 'scheme', holderName: 'J. Doe' }],
    ['another kind of method', { ...encrypted, type: 'paypal' }],
    ['a member that is no text', { ...encrypted, brand: ['visa'] }],
    ['a member that is too long', { ...encrypted, threeDS2SdkVersion: '1.2.3.4.5.6.7' }],
    ['a source of funds that is none', { ...encrypted, fundingSource: 'savings' }],
  ])('with %s is refused', (_, members) => {
    expect(card(members)).toEqual(refused)
  })

  it('cannot bring members by way of a prototype', () => {
    const token = `{"__proto__":{"encryptedCardNumber":"adyenjs_x"}}`
    expect(fieldsOf({ type: 'card', token })).toEqual(refused)
  })
})

describe('a wallet', () => {
  const paymentData = { version: 'EC_v1', data: 'x==', signature: 'y', header: { transactionId: 'z' } }

  it('of Apple is sent as its payment data in base64', () => {
    const token = JSON.stringify({ paymentData, paymentMethod: { displayName: 'Visa 1234' } })
    expect(fieldsOf({ type: 'apple_pay', token })).toEqual({
      paymentMethod: { type: 'applepay', applePayToken: Buffer.from(JSON.stringify(paymentData)).toString('base64') },
      shopperInteraction: 'Ecommerce',
    })
  })

  it('of Google is sent as it came', () => {
    const token = '{"signature":"s", "protocolVersion":"ECv1", "signedMessage":"m"}'
    expect(fieldsOf({ type: 'google_pay', token })).toEqual({
      paymentMethod: { type: 'googlepay', googlePayToken: token },
      shopperInteraction: 'Ecommerce',
    })
  })

  it('that holds nothing for Adyen is refused', () => {
    const long = JSON.stringify({ signedMessage: 'm'.repeat(10_000) })
    for (const token of ['tok_visa', '{', '[]', '{}', '{"id":"tok_visa"}', '{"paymentData":[]}', long]) {
      expect(fieldsOf({ type: 'google_pay', token }), token.slice(0, 40)).toEqual(refused)
      expect(fieldsOf({ type: 'apple_pay', token }), token.slice(0, 40)).toEqual(refused)
    }
  })
})

it('no token makes it throw', () => {
  const token = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((text) => `{"encryptedCardNumber":${text}}`),
  )
  fc.assert(
    fc.property(token, fc.constantFrom('card', 'apple_pay', 'google_pay'), (text, type) => {
      expect(fieldsOf({ type, token: text }, 'cus_1')).toBeTypeOf('object')
    }),
  )
})
