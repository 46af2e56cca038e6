/** What modifications do once they take effect, and what the book and the notifications say of it. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import {
  attemptId,
  merchantAccount,
  modification,
  payment,
  paymentId,
  type TestAdyen,
  testAdyen,
} from '../../../test/support/adyen-simulator.ts'
import type { AdyenSettings } from './execution.ts'

interface Account {
  readonly adyen: TestAdyen
  readonly clock: VirtualClock
  /** Authorised for 10.00 EUR. */
  readonly psp: string
  modify(name: string, reference: string, value?: number): Promise<string>
}

async function account(token = 'tok_visa', settings: Partial<AdyenSettings> = {}): Promise<Account> {
  const clock = new VirtualClock()
  const adyen = await testAdyen({ clock, adyen: settings })
  const psp = String((await adyen.call('/payments', payment({}, token), { key: attemptId })).json['pspReference'])
  return {
    adyen,
    clock,
    psp,
    async modify(name, reference, value) {
      const answer = await adyen.call(`/payments/${psp}/${name}`, modification(reference, value), { key: reference })
      expect([answer.status, answer.json['status']]).toEqual([201, 'received'])
      clock.advance(20)
      return String(answer.json['pspReference'])
    },
  }
}

/** Event, success and amount of all that was told. */
async function story(adyen: TestAdyen): Promise<unknown[]> {
  return (await adyen.told()).map(({ eventCode, success, amount }) => `${eventCode} ${success} ${amount.value}`)
}

/** The book's effects. */
async function effects(adyen: TestAdyen): Promise<unknown[]> {
  return (await adyen.book())
    .filter(({ effect }) => effect)
    .map(({ operation, amount }) => `${operation} ${amount ?? ''}`)
}

describe('a modification', () => {
  it('is received at once and takes effect later, which book and notification tell', async () => {
    const { adyen, clock, psp } = await account()
    const capture = 'cap_0123456789abcdefghjkmnpqr0_1'
    const answer = await adyen.call(`/payments/${psp}/captures`, modification(capture, 1_000), { key: capture })
    expect(await effects(adyen)).toEqual(['authorize 1000'])
    clock.advance(19)
    expect(await story(adyen)).toEqual(['AUTHORISATION true 1000'])
    clock.advance(1)
    const captureId = answer.json['pspReference']
    const entry = { psp: 'adyen', amount: 1_000, currency: 'eur', payment: paymentId }
    expect(await adyen.book(paymentId)).toMatchObject([
      { ...entry, operation: 'authorize', operation_id: attemptId, effect: true, psp_reference: psp },
      { ...entry, operation: 'capture', operation_id: capture, effect: false, status: 'received' },
      { ...entry, operation: 'capture', idempotency_key: capture, effect: true, psp_reference: captureId },
    ])
    expect((await adyen.told())[1]).toEqual({
      eventCode: 'CAPTURE',
      pspReference: captureId,
      originalReference: psp,
      merchantReference: capture,
      merchantAccountCode: merchantAccount,
      eventDate: '2026-01-01T00:00:00+00:00',
      amount: { currency: 'EUR', value: 1_000 },
      success: 'true',
      paymentMethod: 'visa',
      reason: '',
    })
  })

  it.each<[string, (account: Account) => Promise<unknown>]>([
    ['CAPTURE false 1001', ({ modify }) => modify('captures', 'cap', 1_001)],
    ['CAPTURE false 1', async ({ modify }) => [await modify('captures', 'a', 999), await modify('captures', 'b', 1)]],
    ['CAPTURE false 5', async ({ modify }) => [await modify('cancels', 'a'), await modify('captures', 'b', 5)]],
    ['REFUND false 1', ({ modify }) => modify('refunds', 're', 1)],
    ['REFUND false 501', async ({ modify }) => [await modify('captures', 'a', 500), await modify('refunds', 'b', 501)]],
    ['CANCELLATION false 1000', async ({ modify }) => [await modify('captures', 'a', 1), await modify('cancels', 'b')]],
    ['CANCELLATION false 1000', async ({ modify }) => [await modify('cancels', 'a'), await modify('cancels', 'b')]],
    [
      'CANCEL_OR_REFUND false 1000',
      async ({ modify }) => [
        await modify('captures', 'a', 500),
        await modify('refunds', 'b', 1),
        await modify('reversals', 'c'),
      ],
    ],
    [
      'AUTHORISATION_ADJUSTMENT false 2000',
      async ({ modify }) => [await modify('captures', 'a', 1), await modify('amountUpdates', 'b', 2_000)],
    ],
  ])('that is not possible is told as %s, without effect', async (told, ask) => {
    const subject = await account()
    await ask(subject)
    const notifications = await subject.adyen.told()
    expect((await story(subject.adyen)).at(-1)).toBe(told)
    expect(notifications.at(-1)?.reason).not.toBe('')
    expect((await subject.adyen.book()).at(-1)).toMatchObject({ effect: false, status: 'refused' })
  })

  it('in another currency is refused, and a refund of a capture that is none', async () => {
    const { adyen, clock, psp, modify } = await account()
    const inDollars = { ...modification('a'), amount: { currency: 'USD', value: 1 } }
    await adyen.call(`/payments/${psp}/captures`, inDollars)
    await modify('captures', 'b', 10)
    await adyen.call(`/payments/${psp}/refunds`, { ...modification('c', 1), capturePspReference: psp })
    clock.advance(20)
    expect(await story(adyen)).toEqual([
      'AUTHORISATION true 1000',
      'CAPTURE false 1',
      'CAPTURE true 10',
      'REFUND false 1',
    ])
  })

  it('that would take too much together with another one is refused, whoever comes second', async () => {
    const { adyen, clock, psp, modify } = await account()
    await modify('captures', 'cap', 1_000)
    for (const reference of ['a', 'b']) await adyen.call(`/payments/${psp}/refunds`, modification(reference, 600))
    clock.advance(20)
    expect((await story(adyen)).slice(-2)).toEqual(['REFUND true 600', 'REFUND false 600'])
    expect(await effects(adyen)).toEqual(['authorize 1000', 'capture 1000', 'refund 600'])
  })
})

describe('captures', () => {
  it('go on where the account takes several of them, until all is captured', async () => {
    const { adyen, modify } = await account('tok_visa', { multicapture: true })
    for (const [reference, value] of [
      ['a', 300],
      ['b', 800],
      ['c', 700],
    ] as const)
      await modify('captures', reference, value)
    expect((await story(adyen)).slice(1)).toEqual(['CAPTURE true 300', 'CAPTURE false 800', 'CAPTURE true 700'])
    await modify('reversals', 'd')
    expect((await adyen.told()).at(-1)).toMatchObject({
      eventCode: 'CANCEL_OR_REFUND',
      success: 'false',
      additionalData: { 'modification.action': 'refund' },
    })
  })

  it('are made with the authorisation where the account captures by itself, told by that alone', async () => {
    const adyen = await testAdyen()
    await adyen.call('/payments', payment({ additionalData: {} }))
    expect(await effects(adyen)).toEqual(['authorize 1000', 'capture 1000'])
    expect(await story(adyen)).toEqual(['AUTHORISATION true 1000'])
    expect(await adyen.book()).toMatchObject([{ operation_id: attemptId }, { operation_id: attemptId }])
  })
})

describe('a reversal', () => {
  it('cancels what is not captured, and refunds what is', async () => {
    for (const [captured, action] of [
      [0, 'cancel'],
      [400, 'refund'],
    ] as const) {
      const { adyen, psp, modify } = await account()
      if (captured > 0) await modify('captures', 'cap', captured)
      await modify('reversals', 'reversal')
      expect((await adyen.told()).at(-1)).toMatchObject({
        eventCode: 'CANCEL_OR_REFUND',
        success: 'true',
        originalReference: psp,
        additionalData: { 'modification.action': action },
      })
      expect((await effects(adyen)).at(-1)).toBe(action === 'cancel' ? 'void 1000' : 'refund 400')
    }
  })
})

describe('a cancel by reference', () => {
  const cancel = { merchantAccount, paymentReference: attemptId, reference: 'void' }

  it('ends the payment of that reference, as a void of the authorisation', async () => {
    const { adyen, clock, psp } = await account()
    expect((await adyen.call('/cancels', cancel)).json).toMatchObject({
      status: 'received',
      paymentReference: attemptId,
    })
    clock.advance(20)
    expect((await adyen.told()).at(-1)).toMatchObject({
      eventCode: 'TECHNICAL_CANCEL',
      originalReference: psp,
      merchantReference: attemptId,
      success: 'true',
    })
    expect((await adyen.book()).at(-1)).toMatchObject({
      operation: 'void',
      operation_id: 'void',
      psp_reference: psp,
      payment: paymentId,
      effect: true,
    })
  })

  it('also finds a payment that comes in between, and says where there is none', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    await adyen.call('/cancels', cancel)
    clock.advance(20)
    await adyen.call('/cancels', cancel)
    await adyen.call('/payments', payment())
    clock.advance(20)
    expect((await adyen.told()).map(({ eventCode, success, reason }) => [eventCode, success, reason])).toEqual([
      ['TECHNICAL_CANCEL', 'false', 'Transaction not found'],
      ['AUTHORISATION', 'true', ''],
      ['TECHNICAL_CANCEL', 'true', ''],
    ])
  })
})
