/** What comes later: failures after success, disputes, holds that run out, people in the PSP's own pages, restarts. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { modification, payment, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'

const dayMs = 24 * 3_600_000

async function pay(adyen: TestAdyen, token?: string): Promise<string> {
  return String((await adyen.call('/payments', payment({}, token))).json['pspReference'])
}

async function told(adyen: TestAdyen): Promise<string[]> {
  return (await adyen.told()).map(({ eventCode, success, amount }) => `${eventCode} ${success} ${amount.value}`)
}

describe('after success', () => {
  it('a capture of tok_capture_fail fails, and what it took is nothing that can be refunded', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const psp = await pay(adyen, 'tok_capture_fail')
    await adyen.call(`/payments/${psp}/captures`, modification('cap', 1_000))
    clock.advance(20 + 3_000)
    await adyen.call(`/payments/${psp}/refunds`, modification('re', 1))
    clock.advance(20)
    expect((await told(adyen)).slice(1)).toEqual(['CAPTURE true 1000', 'CAPTURE_FAILED true 1000', 'REFUND false 1'])
    const [, capture, failure] = await adyen.told()
    expect(failure).toMatchObject({
      pspReference: capture?.pspReference,
      originalReference: psp,
      merchantReference: 'cap',
    })
  })

  it('a refund of tok_refund_fail fails and can be made again; a refund can come back', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const psp = await pay(adyen, 'tok_refund_fail')
    await adyen.call(`/payments/${psp}/captures`, modification('cap', 1_000))
    clock.advance(20)
    await adyen.call(`/payments/${psp}/refunds`, modification('re_1', 1_000))
    clock.advance(20 + 3_000)
    const { json } = await adyen.call(`/payments/${psp}/refunds`, modification('re_2', 1_000))
    clock.advance(20)
    const path = `/modifications/${String(json['pspReference'])}/take-back`
    expect((await adyen.control(path, { how: 'reversed' })).status).toBe(200)
    expect((await adyen.control(path, { how: 'reversed' })).status).toBe(409)
    clock.advance(3_000)
    expect((await told(adyen)).slice(2)).toEqual([
      'REFUND true 1000',
      'REFUND_FAILED true 1000',
      'REFUND true 1000',
      'REFUNDED_REVERSED true 1000',
    ])
  })

  it('a payment of tok_dispute is charged back once captured, and then not refunded', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const psp = await pay(adyen, 'tok_dispute')
    await adyen.call(`/payments/${psp}/captures`, modification('cap', 700))
    clock.advance(20 + 3_000 + 20)
    await adyen.call(`/payments/${psp}/refunds`, modification('re', 1))
    clock.advance(20)
    expect((await told(adyen)).slice(1)).toEqual([
      'CAPTURE true 700',
      'NOTIFICATION_OF_CHARGEBACK true 700',
      'CHARGEBACK true 700',
      'REFUND false 1',
    ])
    const [notice, chargeback] = (await adyen.told()).slice(2)
    expect(chargeback).toMatchObject({ pspReference: notice?.pspReference, originalReference: psp })
  })
})

describe('a hold', () => {
  it('that nobody captures ends after 28 days, and is then neither captured nor canceled', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const psp = await pay(adyen)
    clock.advance(28 * dayMs - 1)
    expect(await told(adyen)).toEqual(['AUTHORISATION true 1000'])
    clock.advance(1)
    expect((await adyen.told()).at(-1)).toMatchObject({ eventCode: 'EXPIRE', pspReference: psp, success: 'true' })
    await adyen.call(`/payments/${psp}/captures`, modification('cap', 1_000))
    await adyen.call(`/payments/${psp}/cancels`, modification('void'))
    clock.advance(20)
    expect((await told(adyen)).slice(2)).toEqual(['CAPTURE false 1000', 'CANCELLATION false 1000'])
  })

  it('of which a part was captured ends with what is left', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock, adyen: { multicapture: true, holdMs: dayMs } })
    const psp = await pay(adyen)
    await adyen.call(`/payments/${psp}/captures`, modification('cap', 300))
    clock.advance(dayMs)
    expect((await told(adyen)).at(-1)).toBe('EXPIRE true 700')
  })
})

describe("in the PSP's own pages", () => {
  it('captures, refunds and cancels are made that nobody of ours asked for', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const psp = await pay(adyen)
    const other = await pay(adyen)
    for (const [path, body] of [
      [`/payments/${psp}/capture`, {}],
      [`/payments/${psp}/refund`, { amount: 300 }],
      [`/payments/${other}/cancel`, {}],
    ] as const) {
      expect((await adyen.control(path, body)).json, path).toEqual({
        psp_reference: expect.stringMatching(/^[0-9A-Z]{16}$/) as string,
      })
      clock.advance(20)
    }
    expect((await told(adyen)).slice(2)).toEqual(['CAPTURE true 1000', 'REFUND true 300', 'CANCELLATION true 1000'])
    const made = (await adyen.book()).slice(2).filter(({ effect }) => effect)
    expect(
      made.map(({ operation, operation_id, idempotency_key }) => [operation, operation_id, idempotency_key]),
    ).toEqual([
      ['capture', null, null],
      ['refund', null, null],
      ['void', null, null],
    ])
  })

  it.each([
    ['/payments/NOBODY/capture', {}, 409],
    ['/payments/NOBODY/dispute', {}, 409],
    ['/disputes/NOBODY', { outcome: 'won' }, 409],
    ['/modifications/NOBODY/take-back', { how: 'failed' }, 409],
    ['/3ds/NOBODY', { outcome: 'complete' }, 409],
    ['/3ds/NOBODY', { outcome: 'perhaps' }, 400],
    ['/payments/NOBODY/refund', { amount: 0 }, 400],
    ['/payments/NOBODY/cancel', { amount: 1 }, 400],
    ['/disputes/NOBODY', {}, 400],
  ])('%s with %j is answered with %i', async (path, body, status) => {
    const adyen = await testAdyen()
    const answer = await adyen.control(path, body)
    expect([answer.status, typeof answer.json['error']]).toEqual([status, 'string'])
  })
})

describe('a simulator that was restarted on its book', () => {
  it('goes on with what was under way, gives the answers it gave, and no reference twice', async () => {
    const clock = new VirtualClock()
    const before = await testAdyen({ clock })
    const asked = payment()
    const first = await before.call('/payments', asked, { key: 'key' })
    const psp = String(first.json['pspReference'])
    const redirected = await pay(before, 'tok_3ds')
    const shopper = await before.control(`/3ds/${redirected}`, { outcome: 'complete' })
    const capture = await before.call(`/payments/${psp}/captures`, modification('cap', 400))
    await before.close()
    clock.advance(60_000)

    const after = await testAdyen({ clock, directory: before.directory })
    clock.advance(0)
    expect(await told(after)).toEqual(['AUTHORISATION true 1000', 'CAPTURE true 400'])
    expect((await after.call('/payments', asked, { key: 'key' })).text).toBe(first.text)
    const details = { details: { redirectResult: shopper.json['redirect_result'] } }
    expect((await after.call('/payments/details', details)).json).toMatchObject({ resultCode: 'Authorised' })
    const references = [psp, redirected, capture.json['pspReference'], await pay(after)]
    expect(new Set(references).size).toBe(references.length)
    clock.advance(28 * dayMs)
    expect((await told(after)).filter((each) => each.startsWith('EXPIRE'))).toHaveLength(2)
  })
})
