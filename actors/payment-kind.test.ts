import { expect, test } from 'vitest'
import {
  cancel,
  connections,
  create,
  merchant,
  refund,
  request,
  says,
  succeeded,
} from '../domain/payment/testing/fixtures.ts'
import { given, nothing, payment, when } from '../domain/payment/testing/scenario.ts'
import { seededRandom } from '../runtime/random.ts'
import { decodeState, encodeState } from './codec.ts'
import { paymentKind } from './payment-kind.ts'

const kind = paymentKind({
  directory: { get: () => merchant },
  connections,
  random: seededRandom(1),
  returnUrlBase: () => 'https://pay.example/return',
})

const attempt = 'att_ajfxr8pmtxbmdn4akarq9c51gr_1'
const life = given(
  nothing(),
  create({
    captureMethod: 'automatic',
    customer: 'cus_1',
    description: 'two tickets',
    returnUrl: 'https://shop.example/back',
    metadata: { order: '7' },
  }),
  says(attempt, succeeded(100, { captured: true })),
  refund(30, 'r1'),
  { ...refund(40), request: request('__proto__') },
)

function restored() {
  const parts = kind.snapshot(payment(life))
  const hidden = parts.private === undefined ? undefined : decodeState<object>(encodeState(parts.private))
  return kind.restore({ state: decodeState<object>(encodeState(parts.state)), private: hidden })
}

test('a payment read from its snapshot is the payment that was stored', () => {
  expect(restored()).toEqual(payment(life))
})

test('every idempotency key survives the snapshot, whatever it is called: its repeat does nothing twice', () => {
  const again = { ...life, state: restored() }
  for (const key of ['__proto__', 'r1']) {
    expect(when(again, { ...refund(40), request: request(key) }).decision?.kind).toBe('replayed')
  }
  expect(when(again, { ...cancel(), request: request('__proto__') }).decision).toMatchObject({
    rejection: { code: 'idempotency_key_reused' },
  })
})

test('personal data and tokens stand in the private part of a snapshot alone', () => {
  const { state, private: hidden } = kind.snapshot(payment(life))
  const open = JSON.stringify(state)
  for (const secret of ['pm_card_visa', 'cus_1', 'two tickets', 'shop.example']) {
    expect(open).not.toContain(secret)
    expect(JSON.stringify(hidden)).toContain(secret)
  }
})
