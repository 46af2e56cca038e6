import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { modification, payment, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'
import { adyenKeyLifeMs } from './engine.ts'

const simulated = (code: string, fields: object = {}): object =>
  payment({ additionalData: { manualCapture: 'true', RequestedTestErrorResponseCode: code }, ...fields })

async function authorizations(adyen: TestAdyen): Promise<number> {
  return (await adyen.book()).filter(({ effect, operation }) => effect && operation === 'authorize').length
}

describe('an idempotency key', () => {
  it('gives every repeat the first answer, byte for byte, for seven days', async () => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock })
    const first = await adyen.call('/payments', payment(), { key: 'key' })
    const psp = String(first.json['pspReference'])
    const cancel = await adyen.call(`/payments/${psp}/cancels`, modification('void'), { key: 'void' })
    clock.advance(adyenKeyLifeMs - 1)
    const again = await adyen.call('/payments', payment(), { key: 'key' })
    expect([again.status, again.text]).toEqual([200, first.text])
    expect((await adyen.call(`/payments/${psp}/cancels`, modification('void'), { key: 'void' })).text).toBe(cancel.text)
    expect(again.headers.get('idempotency-key')).toBe('key')
    expect(await authorizations(adyen)).toBe(1)
    clock.advance(1)
    expect((await adyen.call('/payments', payment(), { key: 'key' })).json['pspReference']).not.toBe(psp)
    expect(await authorizations(adyen)).toBe(2)
  })

  it('belongs to the company account: either path and either way of logging in will do', async () => {
    const adyen = await testAdyen()
    const first = await adyen.call('/payments', payment(), { key: 'key' })
    const again = await fetch(`${adyen.url}/v72/payments`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('ws@Company.Shardpay:secret').toString('base64')}`,
        'content-type': 'application/json; charset=utf-8',
        'IDEMPOTENCY-KEY': 'key',
      },
      body: JSON.stringify(payment()),
    })
    expect(await again.text()).toBe(first.text)
  })

  it('keeps refusals by the issuer and errors alike', async () => {
    const adyen = await testAdyen()
    for (const [key, body, status] of [
      ['declined', payment({}, 'tok_visa_DECLINED'), 200],
      ['invalid', payment({ returnUrl: undefined }), 422],
      ['account', payment({ merchantAccount: 'WrongAccount' }), 403],
      ['lost', simulated('IOEXCEPTION_RECEIVED'), 500],
    ] as const) {
      const first = await adyen.call('/payments', body, { key })
      const again = await adyen.call('/payments', body, { key })
      expect([first.status, again.status, again.text], key).toEqual([status, status, first.text])
      expect(
        [first, again].map(({ headers }) => headers.get('transient-error')),
        key,
      ).toEqual([null, null])
    }
    expect((await adyen.book()).filter(({ status }) => status === 'replayed')).toHaveLength(4)
  })

  it('stays free after a transient error, a refusal by the limiter, and where nobody was authenticated', async () => {
    const adyen = await testAdyen()
    const transient = await adyen.call('/payments', simulated('NO_CONNECTION_AVAILABLE'), { key: 'key' })
    expect([transient.status, transient.headers.get('transient-error')]).toEqual([500, 'true'])
    await adyen.behave([{ action: 'rate_limit_429', times: 1 }])
    expect((await adyen.call('/payments', payment(), { key: 'key' })).status).toBe(429)
    expect((await adyen.call('/payments', payment(), { key: 'key', apiKey: 'wrong' })).json).toEqual({
      status: 401,
      errorCode: '000',
      message: 'HTTP Status Response - Unauthorized',
      errorType: 'security',
    })
    expect(await authorizations(adyen)).toBe(0)
    expect((await adyen.call('/payments', payment(), { key: 'key' })).status).toBe(200)
    expect(await authorizations(adyen)).toBe(1)
  })

  it('in use by a request that still runs is a transient 704; with other parameters one that is kept', async () => {
    const adyen = await testAdyen()
    await adyen.behave([{ action: 'latency', latency_ms: 150, times: 1 }])
    const first = adyen.call('/payments', payment(), { key: 'key' })
    const meanwhile = async (body: object): Promise<unknown> => {
      const { status, json, headers } = await adyen.call('/payments', body, { key: 'key' })
      return [status, json['errorCode'], headers.get('transient-error')]
    }
    await expect.poll(() => meanwhile(payment())).toEqual([422, '704', 'true'])
    expect(await meanwhile(payment({ reference: 'another' }))).toEqual([422, '704', null])
    expect((await first).json['resultCode']).toBe('Authorised')
    expect(await meanwhile(payment({ reference: 'another' }))).toEqual([422, '704', null])
    expect(await authorizations(adyen)).toBe(1)
  })

  it('of more than 64 characters is refused', async () => {
    const adyen = await testAdyen()
    expect((await adyen.call('/payments', payment(), { key: 'k'.repeat(65) })).status).toBe(422)
    expect((await adyen.call('/payments', payment(), { key: 'k'.repeat(64) })).status).toBe(200)
  })
})

describe('an error without an outcome', () => {
  it('leaves what the issuer did to the notification', async () => {
    const adyen = await testAdyen()
    await adyen.call('/payments', simulated('IOEXCEPTION_RECEIVED', { reference: 'taken' }))
    const declined = { type: 'scheme', storedPaymentMethodId: 'tok_visa_DECLINED' }
    await adyen.call('/payments', simulated('IOEXCEPTION_RECEIVED', { reference: 'refused', paymentMethod: declined }))
    for (const token of ['tok_error_approved', 'tok_visa_ERROR']) {
      expect((await adyen.call('/payments', payment({ reference: token }, token))).json['resultCode']).toBe('Error')
    }
    const told = (await adyen.told()).map(({ merchantReference, success }) => [merchantReference, success])
    expect(told).toEqual([
      ['taken', 'true'],
      ['refused', 'false'],
      ['tok_error_approved', 'true'],
      ['tok_visa_ERROR', 'false'],
    ])
    expect(await authorizations(adyen)).toBe(2)
  })
})
