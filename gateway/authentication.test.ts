/** Who may ask, and how often. Numbers are those of the catalogue of bad input. */
import { describe, expect, it } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import {
  capturedPayment,
  codeOfCreate,
  createBody,
  done,
  type ErrorBody,
  headersOf,
  idKey,
  merchantId,
  merchantWith,
  rejected,
  testEdge,
  testSecret,
} from './testing.ts'

const valid = JSON.stringify(createBody)

describe('who asks', () => {
  const url = `/v1/payments/${paymentIdOf(idKey, merchantId, 'test', 'k1')}`

  it.each([
    ['no key', undefined],
    ['an unknown key', `Bearer sk_test_${'x'.repeat(20)}`],
    ['no scheme', testSecret],
    ['an unknown scheme', `Token ${testSecret}`],
    ['a key and more', `Bearer ${testSecret} x`],
    ['an unsigned token', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZXJfYSJ9.'],
    ['a key of the other mode', `Bearer ${testSecret.replace('test', 'live')}x`],
    ['broken base64', 'Basic %%%'],
  ])('B49 %s answers 401', async (_name, authorization) => {
    const { app } = testEdge()
    const response = await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })
    expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    expect(response.json()).toMatchObject({ error: { type: 'authentication_error', code: 'api_key_invalid' } })
  })

  it('B49 a key in the query answers 401', async () => {
    const { app } = testEdge()
    const response = await app.inject({ url: `${url}?api_key=${testSecret}` })
    expect(response.statusCode).toBe(401)
    expect(response.body).not.toContain(testSecret)
  })

  it('a key sent as Stripe’s clients do, as the user of Basic, is taken', async () => {
    const { app, router } = testEdge()
    router.script = () => done(capturedPayment('k1'))
    for (const user of [`${testSecret}:`, testSecret]) {
      const response = await app.inject({
        url,
        headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` },
      })
      expect(response.statusCode).toBe(200)
    }
  })

  it('S4 a revoked key answers 401', async () => {
    const { app, directory } = testEdge()
    directory.merchants = [merchantWith([testSecret], {}, { revokedAt: 5 })]
    const response = await app.inject({ url, headers: headersOf() })
    expect(response.statusCode).toBe(401)
  })

  it('B50 a suspended merchant and a missing scope answer 403', async () => {
    const { app, directory } = testEdge()
    directory.merchants = [merchantWith([testSecret], { status: 'suspended' })]
    const suspended = await app.inject({ url, headers: headersOf() })
    expect([suspended.statusCode, suspended.json<ErrorBody>().error.code]).toEqual([403, 'merchant_suspended'])
    directory.merchants = [merchantWith([testSecret], {}, { scopes: ['payments:read', 'payments:write'] })]
    const scoped = await app.inject({ method: 'POST', url: `${url}/refunds`, headers: headersOf('k1'), payload: {} })
    expect([scoped.statusCode, scoped.json<ErrorBody>().error.code]).toEqual([403, 'scope_missing'])
  })

  it('B58 a merchant beyond its rate answers 429 with Retry-After, and again 200 once the bucket has a token', async () => {
    const { app, router, clock } = testEdge()
    router.script = () => rejected({ code: 'payment_not_found' })
    for (let sent = 0; sent < 100; sent++) await app.inject({ url, headers: headersOf() })
    const refused = await app.inject({ url, headers: headersOf() })
    expect(refused.statusCode).toBe(429)
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'ratelimit-limit': '100',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '1',
    })
    expect(refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limited' } })
    clock.advance(10)
    expect((await app.inject({ url, headers: headersOf() })).statusCode).toBe(404)
  })

  it('a configuration that may be too old answers 503 before any key is looked at', async () => {
    const { app, directory } = testEdge()
    directory.stale = true
    const response = await app.inject({ url, headers: headersOf() })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1'])
    expect(response.json()).toMatchObject({ error: { code: 'configuration_unavailable', retryable: true } })
  })

  it('an API version that does not exist is refused', async () => {
    expect(await codeOfCreate(valid, headersOf('k1', { 'api-version': '2020-01-01' }))).toBe('400 api_version_unknown')
  })
})
