import { expect, test } from 'vitest'
import { understand } from './answer.ts'

const payment = {
  object: 'payment',
  id: 'pay_1',
  status: 'failed',
  amount_authorized: 0,
  amount_captured: 0,
  amount_refunded: 0,
}
const told = { object: 'payment', status: 'failed', authorized: 0, captured: 0, refunded: 0 }
const about = (status: number, body: unknown, etag?: string) =>
  understand({ status, etag, replayed: false, text: typeof body === 'string' ? body : JSON.stringify(body) })

test.each([
  ['a decline is about a payment that is there', 402, { error: { code: 'card_declined', payment } }, 'ok', false],
  ['a payment is', 201, payment, 'ok', false],
  ['one whose outcome is open is', 202, { ...payment, status: 'pending' }, 'ok', false],
  ['a refusal did nothing', 409, { error: { code: 'payment_unexpected_state', payment } }, 'fail', false],
  ['another request with the key did nothing', 422, { error: { code: 'idempotency_key_reused' } }, 'fail', false],
  [
    'a key in use: this request did nothing, the answer is still to come',
    409,
    { error: { code: 'idempotency_key_in_use' } },
    'fail',
    true,
  ],
  ['too many requests: nothing, and again', 429, { error: { code: 'rate_limited' } }, 'fail', true],
  ['503 says that nothing was done only where it says so', 503, { error: { code: 'not_accepted' } }, 'fail', true],
  ['any other 503 promises nothing', 503, { error: { code: 'acceptance_unknown' } }, 'info', true],
  ['500 promises nothing', 500, { error: { code: 'internal_error' } }, 'info', true],
  ['half an answer promises nothing', 201, '{"object":"pay', 'info', true],
] as const)('%s', (_, status, body, type, isUnanswered) => {
  expect(about(status, body)).toMatchObject({ type, isUnanswered })
})

test('the version is the ETag’s, and the payment inside an error is what was told', () => {
  expect(about(402, { error: { code: 'card_declined', payment } }, '"7"')).toEqual({
    ...{ type: 'ok', code: 'card_declined', paymentId: 'pay_1', version: 7, value: told, isUnanswered: false },
  })
})

test('a refund names its payment, written out or not', () => {
  const refund = { object: 'refund', id: 're_1', status: 'succeeded', amount: 4 }
  for (const of of ['pay_1', payment]) {
    expect(about(201, { ...refund, payment: of })).toMatchObject({ paymentId: 'pay_1', value: refund })
  }
})
