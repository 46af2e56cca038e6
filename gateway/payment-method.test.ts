import { describe, expect, it } from 'vitest'
import type { CreatePayment } from '../domain/payment/commands.ts'
import { codeOfCreate, createBody, done, headersOf, paymentFor, recordOf, testEdge } from './testing.ts'

const pkPaymentToken = JSON.stringify({
  paymentData: { version: 'EC_v1', data: 'q0xJ7pVd0mE+/w==', header: { transactionId: '3f1c0aa5e8b94d7f'.repeat(4) } },
  paymentMethod: { displayName: 'Visa 1234', network: 'Visa', type: 'debit' },
})

async function taken(payment_method: unknown): Promise<CreatePayment['paymentMethod']> {
  const { app, router } = testEdge()
  router.script = () => done(paymentFor('k1'), recordOf('create'))
  const payload = { ...createBody, payment_method }
  const response = await app.inject({ method: 'POST', url: '/v1/payments', headers: headersOf('k1'), payload })
  expect(response.statusCode).toBe(201)
  return (router.payload as CreatePayment).paymentMethod
}

describe('a payment method', () => {
  it('is a token, or an object that says its type', async () => {
    expect(await taken('pm_card_visa')).toEqual({ type: 'card', token: 'pm_card_visa' })
    for (const type of ['card', 'apple_pay', 'google_pay']) {
      expect(await taken({ type, token: 'tok_visa' })).toEqual({ type, token: 'tok_visa' })
    }
  })

  it('of a wallet may be the text that the wallet gave, which is passed on as it is', async () => {
    for (const token of [
      pkPaymentToken,
      ` ${pkPaymentToken}`.trimStart(),
      '{\n  "id": "tok_visa",\n  "created": 1.5\n}\n',
    ]) {
      expect(await taken({ type: 'apple_pay', token })).toEqual({ type: 'apple_pay', token })
    }
  })

  it('of a card may be the text that the PSP’s page has encrypted', async () => {
    const token = JSON.stringify({
      type: 'scheme',
      encryptedCardNumber: 'eyJhbGciOiJSU0EtT0FFUCJ9.q0xJ7pVd0mE',
      brand: 'visa',
    })
    expect(await taken({ type: 'card', token })).toEqual({ type: 'card', token })
  })

  it.each([
    ['an unknown type', { type: 'sepa', token: 'x' }, 'payment_method.type'],
    ['no type', { token: 'x' }, 'payment_method.type'],
    ['no token', { type: 'apple_pay' }, 'payment_method.token'],
    ['an empty token', { type: 'apple_pay', token: '' }, 'payment_method.token'],
    ['a token that is an object', { type: 'apple_pay', token: { id: 'tok_visa' } }, 'payment_method.token'],
    ['a text that is neither', { type: 'apple_pay', token: 'not a token' }, 'payment_method.token'],
    ['a text that is no JSON', { type: 'apple_pay', token: '{"id":' }, 'payment_method.token'],
    ['a text for a card that is no JSON', { type: 'card', token: '{"type":' }, 'payment_method.token'],
    ['a text for a card that is ambiguous', { type: 'card', token: '{"a":"1","a":"2"}' }, 'payment_method.token'],
    ['a text for a card in front of which something stands', { type: 'card', token: ' {}' }, 'payment_method.token'],
    [
      'a text of more than 16 KiB',
      { type: 'apple_pay', token: `{"a":"${'x'.repeat(16_384)}"}` },
      'payment_method.token',
    ],
    ['a list', ['tok_visa'], 'payment_method'],
    ['a number', 7, 'payment_method'],
  ])('with %s is refused', async (_name, payment_method, param) => {
    const code = await codeOfCreate({ ...createBody, payment_method })
    expect(code).toMatch(new RegExp(`^400 (parameter_invalid|parameter_missing) ${param.replace('.', '\\.')}$`))
  })

  it('with another member is refused', async () => {
    const payment_method = { type: 'card', token: 'tok_visa', last4: '4242' }
    expect(await codeOfCreate({ ...createBody, payment_method })).toBe('400 unknown_field payment_method.last4')
  })

  it('with a card number inside is refused, in a wallet’s text too', async () => {
    for (const payment_method of [
      { type: 'card', token: '4242424242424242' },
      { type: 'google_pay', token: '{"pan":"4242 4242 4242 4242"}' },
      { type: 'card', token: '{"type":"scheme","number":"4111 1111 1111 1111"}' },
    ]) {
      expect(await codeOfCreate({ ...createBody, payment_method })).toBe('400 pan_not_allowed payment_method.token')
    }
  })
})
