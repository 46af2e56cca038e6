/** Every kind of answer and of notification, held against Adyen's published descriptions of them. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { problemsOfAdyenAnswer, problemsOfAdyenNotification } from '../../../test/support/adyen-contract.ts'
import {
  merchantAccount,
  modification,
  payment,
  type TestAdyen,
  testAdyen,
} from '../../../test/support/adyen-simulator.ts'
import { refusalCodes, refusalReason } from './refusals.ts'

async function validCall(adyen: TestAdyen, path: string, body: object): Promise<Record<string, unknown>> {
  const { status, json, text } = await adyen.call(path, body)
  expect(problemsOfAdyenAnswer(path, status, json), `${path} ${text}`).toEqual([])
  return json
}

async function authorised(adyen: TestAdyen, token?: string): Promise<string> {
  return String((await validCall(adyen, '/payments', payment({}, token)))['pspReference'])
}

describe("every answer of the simulator is valid by Adyen's API description", () => {
  it('payments of every result', async () => {
    const adyen = await testAdyen()
    expect(await validCall(adyen, '/payments', payment())).toMatchObject({
      pspReference: expect.stringMatching(/^[0-9A-Z]{16}$/) as string,
      resultCode: 'Authorised',
      merchantReference: 'att_0123456789abcdefghjkmnpqr0_1',
      amount: { currency: 'EUR', value: 1000 },
    })
    const redirected = await validCall(adyen, '/payments', payment({}, 'tok_3ds'))
    const psp = String(redirected['pspReference'])
    expect(redirected).toMatchObject({
      resultCode: 'RedirectShopper',
      action: { type: 'redirect', method: 'GET', url: `${adyen.url}/adyen/3ds/${psp}` },
    })
    const shopper = await adyen.control(`/3ds/${psp}`, { outcome: 'complete' })
    const details = { details: { redirectResult: shopper.json['redirect_result'] } }
    expect(await validCall(adyen, '/payments/details', details)).toMatchObject({
      resultCode: 'Authorised',
      pspReference: psp,
    })
    for (const code of refusalCodes) {
      expect(await validCall(adyen, '/payments', payment({}, `tok_visa_R${code}`)), `${code}`).toMatchObject({
        resultCode: code === 0 || code === 4 ? 'Error' : 'Refused',
        refusalReason: refusalReason(code),
        refusalReasonCode: String(code),
      })
    }
  })

  it.each([
    ['/payments', { merchantAccount }, 422, '100'],
    ['/payments', payment({ amount: { currency: 'EUR', value: 0 } }), 422, '137'],
    ['/payments', payment({ amount: { currency: 'EUR', value: 1.5 } }), 422, '137'],
    ['/payments', payment({ amount: { currency: 'euro', value: 1 } }), 422, '138'],
    ['/payments', payment({ returnUrl: undefined }), 422, '14_030'],
    ['/payments', payment({ returnUrl: 'javascript:alert(1)' }), 422, '14_030'],
    ['/payments', payment({ reference: undefined }), 400, '702'],
    ['/payments', payment({ reference: 'r'.repeat(81) }), 400, '702'],
    ['/payments', payment({ splits: [] }), 400, '702'],
    ['/payments', payment({ captureDelayHours: 24 }), 400, '702'],
    ['/payments', payment({ amount: null }), 400, '702'],
    ['/payments', payment({ merchantAccount: 'WrongAccount' }), 403, '901'],
    ['/payments', payment({ shopperReference: undefined }), 422, '000'],
    ['/payments', payment({}, 'tok_nobody'), 422, '800'],
    ['/payments', payment({}, 'tok_visa_R99'), 422, '800'],
    ['/payments', payment({ paymentMethod: { type: 'scheme' } }), 500, '905'],
    ['/payments', payment({ paymentMethod: { type: 'scheme', number: '4111111111111111' } }), 400, '702'],
    ['/payments', payment({ paymentMethod: { type: 'applepay' } }), 500, '905'],
    ['/payments/details', { details: { redirectResult: 'nobody' } }, 422, '000'],
    ['/payments/details', {}, 400, '702'],
    ['/payments/NOBODY0000000000/captures', modification('cap', 1), 422, '167'],
    ['/payments/NOBODY0000000000/refunds', modification('re', 1), 422, '167'],
    ['/payments/NOBODY0000000000/cancels', modification('void'), 422, '167'],
    ['/payments/NOBODY0000000000/reversals', modification('void'), 422, '167'],
    ['/payments/NOBODY0000000000/amountUpdates', modification('more', 1), 422, '167'],
    ['/payments/NOBODY0000000000/captures', modification('cap'), 422, '100'],
    ['/cancels', { merchantAccount }, 400, '702'],
  ])('refuses %s %#', async (path, body, status, errorCode) => {
    const adyen = await testAdyen()
    const answer = await adyen.call(path, body)
    expect([answer.status, answer.json], answer.text).toMatchObject([status, { status, errorCode }])
    expect(problemsOfAdyenAnswer(path, status, answer.json)).toEqual([])
  })

  it('and names no value of what it refuses', async () => {
    const adyen = await testAdyen()
    const raw = payment({ paymentMethod: { type: 'scheme', number: '4111111111111111' }, shopperEmail: 5 })
    expect((await adyen.call('/payments', raw)).text).not.toContain('4111')
  })
})

describe("every notification of the simulator is valid by Adyen's webhook description", () => {
  it('of payments, modifications, failures, disputes', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const modify = async (psp: string, name: string, value?: number): Promise<string> => {
      const answer = await validCall(adyen, `/payments/${psp}/${name}`, modification(name, value))
      expect(answer).toMatchObject({ status: 'received', paymentPspReference: psp })
      clock.advance(5_000)
      return String(answer['pspReference'])
    }
    const captured = await authorised(adyen)
    await modify(captured, 'amountUpdates', 1_200)
    await modify(captured, 'captures', 1_200)
    const refund = await modify(captured, 'refunds', 200)
    await adyen.control(`/modifications/${refund}/take-back`, { how: 'reversed' })
    const dispute = await adyen.control(`/payments/${captured}/dispute`, { amount: 300 })
    clock.advance(5_000)
    for (const outcome of ['won', 'lost']) {
      await adyen.control(`/disputes/${String(dispute.json['psp_reference'])}`, { outcome })
    }
    await adyen.control(`/payments/${captured}/dispute`, { inquiry: true })
    const lost = await authorised(adyen, 'tok_dispute')
    await modify(lost, 'captures', 1_000)
    const [opened] = (await adyen.told()).filter(({ originalReference }) => originalReference === lost).slice(-1)
    await adyen.control(`/disputes/${opened?.pspReference ?? ''}`, { outcome: 'lost' })
    await modify(await authorised(adyen, 'tok_capture_fail'), 'captures', 1_000)
    const failing = await authorised(adyen, 'tok_refund_fail')
    await modify(failing, 'captures', 1_000)
    await modify(failing, 'refunds', 1_000)
    await modify(await authorised(adyen), 'cancels')
    await modify(await authorised(adyen), 'reversals')
    await authorised(adyen, 'tok_visa_DECLINED')
    await validCall(adyen, '/cancels', { merchantAccount, paymentReference: 'nobody' })
    await authorised(adyen)
    clock.advance(28 * 24 * 3_600_000)

    const told = await adyen.told()
    for (const notification of told) {
      expect(problemsOfAdyenNotification(notification), JSON.stringify(notification)).toEqual([])
    }
    expect([...new Set(told.map(({ eventCode }) => eventCode))].toSorted()).toEqual(
      `AUTHORISATION AUTHORISATION_ADJUSTMENT CANCELLATION CANCEL_OR_REFUND CAPTURE CAPTURE_FAILED CHARGEBACK
      CHARGEBACK_REVERSED DISPUTE_DEFENSE_PERIOD_ENDED EXPIRE NOTIFICATION_OF_CHARGEBACK REFUND REFUNDED_REVERSED
      REFUND_FAILED REPORT_AVAILABLE REQUEST_FOR_INFORMATION SECOND_CHARGEBACK TECHNICAL_CANCEL`.split(/\s+/),
    )
  })
})
