/** Idempotency keys and fingerprints, as requests bring them. Numbers are those of docs/bad-input.md. */
import { describe, expect, it } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import {
  capturedPayment,
  codeOfCreate,
  createBody,
  type Headers,
  headersOf,
  idKey,
  rejected,
  testEdge,
} from './testing.ts'

describe('idempotency keys', () => {
  const keyOf = async (headers: Headers, body: object = createBody): Promise<unknown> => {
    const { app, router } = testEdge()
    router.script = () => rejected({ code: 'payment_not_found' })
    await app.inject({ method: 'POST', url: '/v1/payments', headers, payload: body })
    return (router.payload as { request: { idempotencyKey: string } }).request.idempotencyKey
  }

  it('are taken from either header or the body, plain or quoted, and may agree in several places', async () => {
    expect(await keyOf(headersOf('abc'))).toBe('abc')
    expect(await keyOf(headersOf('"abc"'))).toBe('abc')
    expect(await keyOf(headersOf('"a\\"b"'))).toBe('a"b')
    expect(await keyOf(headersOf(undefined, { 'x-idempotency-key': 'abc' }))).toBe('abc')
    expect(await keyOf(headersOf(), { ...createBody, idempotency_key: 'abc' })).toBe('abc')
    expect(
      await keyOf(headersOf('"abc"', { 'x-idempotency-key': 'abc' }), { ...createBody, idempotency_key: 'abc' }),
    ).toBe('abc')
    expect(await keyOf(headersOf('k'.repeat(255)))).toBe('k'.repeat(255))
  })

  it('B40 a create without one is refused, and told where that is documented', async () => {
    const { app } = testEdge()
    const response = await app.inject({
      method: 'POST',
      url: '/v1/payments',
      headers: headersOf(),
      payload: createBody,
    })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({
      error: { code: 'idempotency_key_required', doc_url: 'docs/errors.md#idempotency_key_required' },
    })
  })

  it.each([
    ['two headers', headersOf('a', { 'x-idempotency-key': 'b' }), createBody],
    ['header and body', headersOf('a'), { ...createBody, idempotency_key: 'b' }],
  ])('that differ between %s are refused', async (_name, headers, body) => {
    expect(await codeOfCreate(body, headers)).toBe('400 idempotency_key_conflict')
  })

  it('B41 given twice are refused, equal or not, and so is any header that decides something', async () => {
    for (const name of ['idempotency-key', 'x-idempotency-key', 'prefer', 'api-version']) {
      expect(await codeOfCreate(createBody, headersOf('a', { [name]: ['a', 'a'] }))).toBe('400 header_repeated')
    }
  })

  it.each([
    ['empty', ''],
    ['of 256 characters', 'k'.repeat(256)],
    ['of 8 KB', 'k'.repeat(8_192)],
    ['with a blank', 'a b'],
    ['with a letter beyond ASCII', 'schl\u00fcssel'],
    ['with a tab', 'a\tb'],
    ['that opens a quotation', '"abc'],
    ['of two quoted texts', '"a", "b"'],
    ['quoted and empty', '""'],
  ])('B42 %s are refused', async (_name, key) => {
    expect(await codeOfCreate(createBody, headersOf(key))).toBe('400 idempotency_key_invalid')
  })

  it('B45 of another merchant, and of another mode, are another payment', () => {
    const ids = [
      paymentIdOf(idKey, 'mer_a', 'test', 'k'),
      paymentIdOf(idKey, 'mer_b', 'test', 'k'),
      paymentIdOf(idKey, 'mer_a', 'live', 'k'),
    ]
    expect(new Set(ids).size).toBe(3)
  })

  it('B47 a body in another order, with other blanks, is the same request; other values are another', async () => {
    const { app, router } = testEdge()
    const fingerprints: string[] = []
    router.script = (envelope) => {
      fingerprints.push((envelope.payload as { request: { fingerprint: string } }).request.fingerprint)
      return rejected({ code: 'idempotency_key_reused' })
    }
    const bodies = [
      '{"amount":1,"currency":"eur","metadata":{"a":"1","b":"2"}}',
      '{ "metadata": {"b":"2","a":"\\u0031"}, "currency":"eur", "amount":1, "idempotency_key":"k1" }',
      '{"amount":2,"currency":"eur","metadata":{"a":"1","b":"2"}}',
      '{"amount":1,"currency":"eur","metadata":{"a":"2","b":"1"}}',
    ]
    for (const payload of bodies) {
      await app.inject({ method: 'POST', url: '/v1/payments', headers: headersOf('k1'), payload })
    }
    expect(fingerprints[0]).toMatch(/^v1:[0-9a-f]{64}$/)
    expect(fingerprints[1]).toBe(fingerprints[0])
    expect(new Set(fingerprints).size).toBe(3)
  })

  it('B43 reused answers 422, or 400 where that is configured', async () => {
    for (const keyReusedStatus of [undefined, 400] as const) {
      const { app, router } = testEdge(keyReusedStatus === undefined ? {} : { keyReusedStatus })
      router.script = () => rejected({ code: 'idempotency_key_reused' }, capturedPayment('k1'))
      const response = await app.inject({
        method: 'POST',
        url: '/v1/payments',
        headers: headersOf('k1'),
        payload: createBody,
      })
      expect(response.statusCode).toBe(keyReusedStatus ?? 422)
      expect(response.json()).toMatchObject({
        status: keyReusedStatus ?? 422,
        error: { type: 'idempotency_error', code: 'idempotency_key_reused' },
      })
    }
  })

  it('B48 used too long ago answers 409 with the old payment inside', async () => {
    const { app, router } = testEdge()
    router.script = () => rejected({ code: 'idempotency_key_expired' }, capturedPayment('k1'))
    const response = await app.inject({
      method: 'POST',
      url: '/v1/payments',
      headers: headersOf('k1'),
      payload: createBody,
    })
    expect(response.statusCode).toBe(409)
    expect(response.json()).toMatchObject({
      error: { code: 'idempotency_key_expired', payment: { id: capturedPayment('k1').id, status: 'captured' } },
    })
  })
})
