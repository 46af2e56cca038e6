/**
 * Fault F27, and F26 where it meets the payment: a PSP that is out of reach until it has forgotten the key of an operation
 * whose outcome nobody knows, and one that answers with something else than was asked. Days pass by a virtual clock.
 */
import { afterEach, expect, test } from 'vitest'
import type { Payment } from '../../domain/payment/state.ts'
import { create, day, hour, minute, paymentId, startedAt } from '../../domain/payment/testing/fixtures.ts'
import { createAdyenConnector } from '../../psp/adyen/connector.ts'
import type { BehaviourRule } from '../../psp/simulator/behaviour.ts'
import type { BookEntry } from '../../psp/simulator/book.ts'
import { createStripeConnector } from '../../psp/stripe/connector.ts'
import { PspDays } from './support/psp-days.ts'

type Through = Parameters<typeof PspDays.start>[1]

const stripe = (through?: Through): Promise<PspDays> =>
  PspDays.start((options) => createStripeConnector({ ...options, secretKey: 'sk_test_shardpay' }), through)
const adyen = (through?: Through): Promise<PspDays> =>
  PspDays.start(
    (options) =>
      createAdyenConnector({ ...options, mode: 'test', apiKey: 'test_key', merchantAccount: 'ShardpayTest' }),
    through,
  )
const payments = {
  stripe: create({ captureMethod: 'automatic', paymentMethod: { type: 'card', token: 'pm_card_visa' } }),
  adyen: create({ paymentMethod: { type: 'card', token: 'tok_visa' }, customer: 'cus_1' }),
}
const outOfReach: readonly BehaviourRule[] = [{ action: 'reset_before' }]

let days: PspDays | undefined

afterEach(async () => {
  await days?.stop()
  days = undefined
})

function statusesOf({ lifecycle, attempts }: Payment): readonly string[] {
  return [lifecycle.status, ...attempts.map(({ status }) => status)]
}

/** What reached the PSP with the first attempt's key after so long. */
function askedAfter(book: readonly BookEntry[], ms: number): readonly BookEntry[] {
  const key = `att_${paymentId.slice('pay_'.length)}_1`
  return book.filter(({ idempotency_key, at }) => idempotency_key === key && at > startedAt + ms)
}

test('F27 Stripe charged, and was out of reach for longer than it keeps a key: looked up, never sent again', async () => {
  days = await stripe()
  await days.behave([{ action: 'reset_after', times: 1 }, ...outOfReach])
  await days.tell(payments.stripe)
  await days.pass(25 * hour)
  expect(statusesOf(await days.payment())).toEqual(['pending', 'unknown'])
  await days.behave([])
  await days.pass(day)
  expect(statusesOf(await days.payment())).toEqual(['captured', 'succeeded'])
  const book = await days.book()
  expect(askedAfter(book, 0).length).toBeGreaterThan(3)
  expect(askedAfter(book, 23 * hour + minute)).toEqual([])
  expect(await days.effects()).toEqual(['authorize', 'capture'])
})

test('F27 Stripe never got it, and was out of reach for longer than it keeps a key: that key is never sent again', async () => {
  days = await stripe()
  await days.behave(outOfReach)
  await days.tell(payments.stripe)
  await days.pass(25 * hour)
  expect(statusesOf(await days.payment())).toEqual(['pending', 'unknown'])
  await days.behave([])
  await days.pass(2 * day)
  const payment = await days.payment()
  expect(payment.attempts[0]?.status).toBe('absent')
  expect(askedAfter(await days.book(), 23 * hour + minute)).toEqual([])
  expect(await days.effects()).toEqual(payment.lifecycle.status === 'captured' ? ['authorize', 'capture'] : [])
})

test('F27 Adyen was out of reach for longer than it keeps a key: it is not sent again, and people decide', async () => {
  days = await adyen()
  await days.behave([{ action: 'reset_after', times: 1 }, ...outOfReach])
  await days.tell(payments.adyen)
  await days.pass(8 * day)
  await days.behave([])
  await days.pass(14 * day)
  const payment = await days.payment()
  expect([payment.review, ...statusesOf(payment)]).toEqual([true, 'pending', 'manual'])
  const book = await days.book()
  expect(askedAfter(book, 5 * day).length).toBeGreaterThan(0)
  expect(askedAfter(book, 6 * day + minute)).toEqual([])
  expect(await days.effects()).toEqual(['authorize'])
})

/** The first answer is of another payment: what else it says may be anything. */
function tellOfAnother({ proxy }: PspDays): void {
  const part = paymentId.slice('pay_'.length)
  proxy.answering = async (forward) => {
    proxy.answering = undefined
    const answer = await forward()
    return { ...answer, body: answer.body.replaceAll(part, part.replaceAll(/[a-h]/g, '0')) }
  }
}

test.each([
  ['Stripe', stripe, payments.stripe, ['captured', 'succeeded']],
  ['Adyen', adyen, payments.adyen, ['authorized', 'succeeded']],
] as const)(
  'F26 %s answers with another payment’s data: nobody knows, until it is asked',
  async (_psp, start, pay, end) => {
    days = await start('through the proxy')
    tellOfAnother(days)
    await days.tell(pay)
    const payment = await days.payment()
    expect(statusesOf(payment)).toEqual(['pending', 'unknown'])
    expect(payment.attempts[0]?.pspReference).toBeUndefined()
    await days.pass(minute)
    expect(statusesOf(await days.payment())).toEqual(end)
    expect((await days.effects()).filter((operation) => operation === 'authorize')).toHaveLength(1)
  },
)

test('F26 Stripe answers with another currency: nothing is booked, nothing is tried anew, people look at it', async () => {
  days = await stripe('through the proxy')
  days.proxy.answering = async (forward) => {
    const answer = await forward()
    return { ...answer, body: answer.body.replaceAll('"eur"', '"usd"') }
  }
  await days.tell(payments.stripe)
  await days.pass(day)
  const payment = await days.payment()
  expect([payment.review, ...statusesOf(payment)]).toEqual([true, 'pending', 'manual'])
  expect(payment.captures).toEqual([])
  expect(await days.effects()).toEqual(['authorize', 'capture'])
})

test('F26 Adyen answers with another currency: it is asked on, and nothing is booked or tried anew', async () => {
  days = await adyen('through the proxy')
  days.proxy.answering = async (forward) => {
    const answer = await forward()
    return { ...answer, body: answer.body.replaceAll('"EUR"', '"USD"') }
  }
  await days.tell(payments.adyen)
  await days.pass(day)
  expect(statusesOf(await days.payment())).toEqual(['pending', 'unknown'])
  expect(await days.effects()).toEqual(['authorize'])
})
