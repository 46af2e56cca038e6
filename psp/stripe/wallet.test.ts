import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { PaymentMethod } from '../../domain/payment/operations.ts'
import { authorizeCall } from '../../test/support/psp-calls.ts'
import { buildRequest } from './wire.ts'

interface WalletFixture {
  readonly origin: string
  readonly payment_method: PaymentMethod
  /** The part of the form that names the payment method; null where Stripe cannot be given it. */
  readonly form: string | null
}

const folder = new URL('./fixtures/wallets/', import.meta.url)
const fixtures = readdirSync(folder).map(
  (file) => [file, JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as WalletFixture] as const,
)

describe('a wallet', () => {
  it.each(fixtures)('%s is sent as its fixture says', (_file, { payment_method, form }) => {
    const request = buildRequest(authorizeCall({ paymentMethod: payment_method }))
    if (form === null) {
      expect(request).toEqual({ unrepresentable: 'payment_method' })
      return
    }
    if ('unrepresentable' in request) throw new Error('the fixture says that it can be sent')
    const plain = buildRequest(authorizeCall())
    if ('unrepresentable' in plain) throw new Error('a card can be sent')
    // Permanent, like the form of a card, and different from it in this one place.
    expect(request.body).toBe(plain.body?.replace('payment_method=pm_card_visa', form))
    expect(request.idempotencyKey).toBe(plain.idempotencyKey)
  })

  it.each([
    'not json',
    '{',
    '{}',
    '{"id":1}',
    '{"id":"card_x"}',
    '{"id":"tok_x&amount=1"}',
    '{"token":{"id":"tok_visa"}}',
  ])('whose text is %s cannot be sent, or only as the name that it is', (token) => {
    const request = buildRequest(authorizeCall({ paymentMethod: { type: 'google_pay', token } }))
    if (token.startsWith('{')) expect(request).toEqual({ unrepresentable: 'payment_method' })
    else expect(request).toMatchObject({ body: expect.stringContaining('payment_method=not%20json&') as string })
  })
})
