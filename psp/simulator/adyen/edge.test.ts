/** Injected misbehaviour, bad bytes, and the shopper's way through the authentication page. */
import { describe, expect, it } from 'vitest'
import { modification, payment, paymentId, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'
import type { FaultAction } from '../behaviour.ts'

async function authorizations(adyen: TestAdyen): Promise<number> {
  return (await adyen.book()).filter(({ effect, operation }) => effect && operation === 'authorize').length
}

/** What the client sees of a request: status and result, or that there was no answer. */
async function seen(adyen: TestAdyen): Promise<unknown> {
  const signal = AbortSignal.timeout(300)
  const headers = { 'x-api-key': 'test', 'idempotency-key': 'key', 'content-type': 'application/json' }
  const body = JSON.stringify(payment())
  try {
    const response = await fetch(`${adyen.url}/adyen/v72/payments`, { method: 'POST', headers, body, signal })
    const text = await response.text()
    return text.startsWith('{') ? ((JSON.parse(text) as { resultCode?: string }).resultCode ?? response.status) : 'html'
  } catch {
    return 'nothing'
  }
}

describe('a fault rule', () => {
  it.each<[FaultAction, number, unknown, number, unknown]>([
    ['timeout_before', 500, 'nothing', 0, 'Authorised'],
    ['timeout_after', 500, 'nothing', 1, 'Authorised'],
    ['reset_before', 500, 'nothing', 0, 'Authorised'],
    ['reset_after', 500, 'nothing', 1, 'Authorised'],
    ['cut_answer', 500, 'nothing', 1, 'Authorised'],
    ['html_after', 500, 'html', 1, 'Authorised'],
    ['error_500_before', 500, 500, 0, 500],
    ['error_500_after', 500, 500, 1, 500],
    ['error_500_before', 503, 503, 0, 'Authorised'],
    ['error_500_after', 503, 503, 1, 'Authorised'],
    ['rate_limit_429', 500, 429, 0, 'Authorised'],
    ['lock_timeout_429', 500, 429, 0, 'Authorised'],
    ['invalid_request_400', 500, 400, 0, 'Authorised'],
  ])('%s (%i) shows %s with %i effects, and a repeat shows %s', async (action, status, first, effects, repeat) => {
    const adyen = await testAdyen()
    const ofErrors = action.startsWith('error_500') ? { status: status as 500 | 503 } : {}
    await adyen.behave([{ action, times: 1, match: { path: '/adyen/v72/payments' }, ...ofErrors }])
    expect(await seen(adyen)).toBe(first)
    expect(await authorizations(adyen)).toBe(effects)
    expect(await seen(adyen)).toBe(repeat)
    expect(await authorizations(adyen)).toBe(repeat === 'Authorised' ? 1 : effects)
  })

  it('with should_retry is a transient error: nothing is executed, nothing kept', async () => {
    const adyen = await testAdyen()
    await adyen.behave([{ action: 'error_500_before', should_retry: true, times: 1 }])
    const first = await adyen.call('/payments', payment(), { key: 'key' })
    expect([first.status, first.headers.get('transient-error')]).toEqual([500, 'true'])
    expect((await adyen.call('/payments', payment(), { key: 'key' })).json['resultCode']).toBe('Authorised')
  })

  it('finds requests by operation, stored method, payment and key, also where they do not name the payment method', async () => {
    const adyen = await testAdyen()
    const psp = String((await adyen.call('/payments', payment({}, 'tok_dispute'))).json['pspReference'])
    const capture = (key: string) => adyen.call(`/payments/${psp}/captures`, modification('cap', 1), { key })
    for (const match of [
      { operation: 'capture' as const },
      { payment_method: 'tok_dispute' },
      { payment: paymentId },
      { idempotency_key: 'struck' },
      { path: '/adyen/v72/payments/*' },
    ]) {
      await adyen.behave([{ action: 'rate_limit_429', match }])
      expect((await capture('struck')).status, JSON.stringify(match)).toBe(429)
    }
    await adyen.behave([{ action: 'rate_limit_429', match: { operation: 'refund' } }])
    expect((await capture('spared')).status).toBe(201)
  })
})

describe('a request that is none', () => {
  it.each([
    ['', 400, '702'],
    ['{', 400, '702'],
    ['[]', 400, '702'],
    ['null', 400, '702'],
    ['"text"', 400, '702'],
    ['{"__proto__":{"amount":1}}', 422, '100'],
    [`{"amount":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 422, '14_030'],
    ['x'.repeat(300_000), 413, '702'],
  ])('with a body like %.30s is answered %i %s', async (body, status, errorCode) => {
    const adyen = await testAdyen()
    const headers = { 'x-api-key': 'test', 'content-type': 'application/json', 'idempotency-key': 'key' }
    const response = await fetch(`${adyen.url}/adyen/v72/payments`, { method: 'POST', headers, body })
    expect([response.status, await response.json()]).toMatchObject([status, { status, errorCode }])
  })

  it('without a key, or to nowhere, is refused', async () => {
    const adyen = await testAdyen()
    const { status } = await fetch(`${adyen.url}/v72/payments`, { method: 'POST', body: '{}' })
    expect(status).toBe(401)
    for (const path of ['/nothing', '/payments/details/more', '/payments/0/constructor', '/payments/0/captures/more']) {
      expect((await adyen.call(path, payment())).status, path).toBe(404)
    }
  })
})

describe('the authentication page', () => {
  async function redirected(adyen: TestAdyen): Promise<{ psp: string; page: string }> {
    const { json } = await adyen.call('/payments', payment({}, 'tok_3ds'))
    return { psp: String(json['pspReference']), page: (json['action'] as { url: string }).url }
  }
  const press = (page: string, outcome: string): Promise<Response> =>
    fetch(page, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ outcome }) })

  it.each([
    ['complete', 'Authorised', 'true', 1],
    ['fail', 'Refused', 'false', 0],
  ])('with %s leads back, and what the shopper brings is %s', async (outcome, resultCode, success, effects) => {
    const adyen = await testAdyen()
    const { psp, page } = await redirected(adyen)
    expect(await (await fetch(page)).text()).toContain('Test authentication of 1000 EUR')
    const answer = await press(page, outcome)
    const address = new URL(answer.headers.get('location') ?? '')
    expect([answer.status, address.origin, address.searchParams.get('order')]).toEqual([
      303,
      'https://shop.example',
      '1',
    ])
    expect((await press(page, 'complete')).headers.get('location')).toBe(address.href)
    expect(await adyen.told()).toEqual([])

    const details = { details: { redirectResult: address.searchParams.get('redirectResult') } }
    for (const key of ['once', 'again']) {
      expect((await adyen.call('/payments/details', details, { key })).json).toMatchObject({
        resultCode,
        pspReference: psp,
      })
    }
    expect(await authorizations(adyen)).toBe(effects)
    expect((await adyen.told()).map((each) => [each.eventCode, each.success])).toEqual([['AUTHORISATION', success]])
  })

  it('is of no use once the payment was canceled', async () => {
    const adyen = await testAdyen({ adyen: { modificationMs: 0 } })
    const { psp } = await redirected(adyen)
    const { json } = await adyen.control(`/3ds/${psp}`, { outcome: 'complete' })
    await adyen.call(`/payments/${psp}/cancels`, modification('void'))
    await expect.poll(async () => (await adyen.told()).length).toBe(1)
    const details = { details: { redirectResult: json['redirect_result'] } }
    expect((await adyen.call('/payments/details', details)).json).toMatchObject({
      resultCode: 'Cancelled',
      refusalReasonCode: '15',
    })
    expect(await authorizations(adyen)).toBe(0)
  })

  it('is not shown where the merchant asked for none, nor for payments that wait for nothing', async () => {
    const adyen = await testAdyen()
    const never = payment({ authenticationData: { attemptAuthentication: 'never' } }, 'tok_3ds')
    expect((await adyen.call('/payments', never)).json).toMatchObject({
      resultCode: 'Refused',
      refusalReasonCode: '38',
    })
    const { psp, page } = await redirected(adyen)
    expect((await press(page, 'perhaps')).status).toBe(400)
    expect((await fetch(page.replace(psp, 'NOBODY'))).status).toBe(404)
    expect((await press(page.replace(psp, 'NOBODY'), 'fail')).status).toBe(404)
    await press(page, 'fail')
    expect(await (await fetch(page)).text()).toContain('waits for nothing')
  })
})
