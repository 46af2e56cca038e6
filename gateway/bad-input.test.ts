/** Requests that are refused, each with its own code, before anything is routed. Numbers are those of docs/bad-input.md. */
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
  recordOf,
  refusedCreate,
  testEdge,
} from './testing.ts'

const valid = JSON.stringify(createBody)
const withMember = (member: string): string => `{"currency":"eur","payment_method":"pm_card_visa",${member}}`

describe('bodies', () => {
  it.each([
    ['B1 nothing', '', '400 body_empty'],
    ['B2 half an object', '{', '400 json_invalid'],
    ['B3 an array', '[]', '400 body_not_object'],
    ['B3 null', 'null', '400 body_not_object'],
    ['B3 a text', '"x"', '400 body_not_object'],
    ['B3 a number', '1', '400 body_not_object'],
    ['B4 a byte order mark', `\ufeff${valid}`, '400 encoding'],
    ['B5 an amount in quotation marks', withMember('"amount":"100"'), '400 amount_type amount'],
    ['B6 a boolean amount', withMember('"amount":true'), '400 amount_type amount'],
    ['B7 an amount in a list', withMember('"amount":["100"]'), '400 amount_type amount'],
    ['B8 half a cent', withMember('"amount":1.5'), '400 amount_range amount'],
    ['B8 nothing to pay', withMember('"amount":0'), '400 amount_range amount'],
    ['B8 less than nothing', withMember('"amount":-1'), '400 amount_range amount'],
    ['B8 minus zero', withMember('"amount":-0'), '400 number_not_canonical amount'],
    ['B9 an exponent', withMember('"amount":1e2'), '400 number_not_canonical amount'],
    ['B9 a fraction of zero', withMember('"amount":100.0'), '400 number_not_canonical amount'],
    ['B10 a number that is not safe', withMember('"amount":9007199254740993'), '400 number_not_canonical amount'],
    ['B10 more than the currency has', withMember('"amount":1000000000000'), '400 amount_range amount'],
    ['B11 NaN', withMember('"amount":NaN'), '400 json_invalid amount'],
    ['B11 Infinity', withMember('"amount":Infinity'), '400 json_invalid amount'],
    ['B11 1e999', withMember('"amount":1e999'), '400 number_not_canonical amount'],
    ['B11 a leading zero', withMember('"amount":01'), '400 json_invalid'],
    ['B12 a null amount', withMember('"amount":null'), '400 amount_type amount'],
    ['B12 no amount', '{"currency":"eur"}', '400 parameter_missing amount'],
    ['B12 an empty amount', withMember('"amount":""'), '400 amount_type amount'],
    ['B12 no currency', '{"amount":1}', '400 parameter_missing currency'],
    ['B13 two amounts', withMember('"amount":100,"amount":1'), '400 duplicate_key amount'],
    ['B14 __proto__', withMember('"amount":1,"__proto__":{"a":1}'), '400 key_not_allowed __proto__'],
    ['B14 constructor', withMember('"amount":1,"constructor":{"prototype":{}}'), '400 unknown_field constructor'],
    ['B15 an unknown field', withMember('"amount":1,"status":"captured"'), '400 unknown_field status'],
    ['B15 an unknown field inside', withMember('"amount":1,"routing":{"psp":"x"}'), '400 unknown_field routing.psp'],
    ['B16 no currency of ISO 4217', '{"amount":1,"currency":"XXX"}', '400 currency_unsupported currency'],
    ['B16 a currency and a line feed', '{"amount":1,"currency":"EUR\\n"}', '400 parameter_invalid currency'],
    ['B16 a numeric currency', '{"amount":1,"currency":978}', '400 parameter_invalid currency'],
    ['B16 more JPY than there can be', '{"amount":10000000000,"currency":"jpy"}', '400 amount_range amount'],
    ['B18 a NUL', withMember('"amount":1,"description":"a\\u0000"'), '400 text_not_storable description'],
    [
      'B19 half a surrogate pair',
      withMember('"amount":1,"description":"\\ud800"'),
      '400 text_not_storable description',
    ],
    ['B20 bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '400 encoding'],
    ['B21 a depth of 20,000', `{"metadata":${'['.repeat(20_000)}`, '400 too_deep'],
    [
      'B22 very many keys',
      `{${Array.from({ length: 2_000 }, (_, n) => `"k${n}":1`).join(',')}}`,
      '400 too_many_values k999',
    ],
    ['B22 very many elements', `{"metadata":[${'1,'.repeat(5_000)}1]}`, '400 too_many_values'],
    ['B22 100,000 keys', `{${Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join(',')}}`, '413 body_too_large'],
    ['B22 a million elements', `{"metadata":[${'1,'.repeat(1_000_000)}1]}`, '413 body_too_large'],
    ['B23 one byte too many', `{"description":"${'x'.repeat(64 * 1024 - 17)}"}`, '413 body_too_large'],
    [
      '51 names',
      withMember(`"amount":1,"metadata":{${Array.from({ length: 51 }, (_, n) => `"k${n}":""`).join(',')}}`),
      '400 parameter_invalid metadata',
    ],
    [
      'a name of 41 characters',
      withMember(`"amount":1,"metadata":{"${'k'.repeat(41)}":""}`),
      '400 parameter_invalid metadata',
    ],
    [
      'a text of 501 characters',
      withMember(`"amount":1,"metadata":{"a":"${'v'.repeat(501)}"}`),
      '400 parameter_invalid metadata.a',
    ],
    ['a number as metadata', withMember('"amount":1,"metadata":{"a":1}'), '400 parameter_invalid metadata.a'],
    [
      'an unknown capture method',
      withMember('"amount":1,"capture_method":"later"'),
      '400 parameter_invalid capture_method',
    ],
    [
      'a token with blanks',
      '{"amount":1,"currency":"eur","payment_method":"pm card"}',
      '400 parameter_invalid payment_method',
    ],
    [
      'a return address of a script',
      withMember('"amount":1,"return_url":"javascript:alert(1)"'),
      '400 parameter_invalid return_url',
    ],
    [
      'a return address with a password',
      withMember('"amount":1,"return_url":"https://a:b@shop.example"'),
      '400 parameter_invalid return_url',
    ],
  ])('%s is refused', async (_name, payload, expected) => {
    expect((await codeOfCreate(payload)).replace(/ metadata(\.0)+$| metadata\.\d+$/, '')).toBe(expected)
  })

  it('B23 of exactly the limit are taken', async () => {
    const { app, router } = testEdge()
    const filler = ' '.repeat(64 * 1024 - valid.length)
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    const response = await app.inject({
      method: 'POST',
      url: '/v1/payments',
      headers: headersOf('k1'),
      payload: valid + filler,
    })
    expect(response.statusCode).toBe(201)
    expect(router.envelopes[0]?.bytes).toBe(64 * 1024)
  })

  it('B2 that are no JSON are told where', async () => {
    const { error } = await refusedCreate('{"amount":}')
    expect(error.message).toBe('The body is not valid JSON at character 10.')
  })

  it('B51 with a card number anywhere are refused, and the number is never repeated', async () => {
    const pan = '4242424242424242'
    const bodies = [
      { ...createBody, description: `card ${pan}` },
      { ...createBody, metadata: { note: '4242 4242 4242 4242' } },
      { ...createBody, metadata: { [pan]: 'x' } },
      { ...createBody, [pan]: 'x' },
      { ...createBody, payment_method: pan },
      { ...createBody, idempotency_key: pan },
    ]
    for (const body of bodies) {
      const { app, router } = testEdge()
      const response = await app.inject({ method: 'POST', url: '/v1/payments', headers: headersOf(), payload: body })
      expect(response.statusCode).toBe(400)
      expect(response.json()).toMatchObject({ error: { code: 'pan_not_allowed' } })
      expect(`${response.body} ${JSON.stringify(response.headers)}`).not.toMatch(/4242/)
      expect(router.envelopes).toEqual([])
    }
    const inKey = await refusedCreate(createBody, headersOf(pan))
    expect(inKey.error.code).toBe('pan_not_allowed')
    // As a number, or as a key's name in invalid JSON, it is refused for something else, and not repeated either.
    for (const payload of [withMember(`"amount":1,"customer":${pan}`), `{"${pan}":1e2}`]) {
      expect(JSON.stringify(await refusedCreate(payload))).not.toContain(pan)
    }
  })
})

describe('content types', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset=UTF-8'])(
    '%s is taken',
    async (type) => {
      const { app, router } = testEdge()
      router.script = () => done(capturedPayment('k1'), recordOf('create'))
      const headers = headersOf('k1', { 'content-type': type })
      const response = await app.inject({ method: 'POST', url: '/v1/payments', headers, payload: valid })
      expect(response.statusCode).toBe(201)
    },
  )

  it.each([
    ['B25', 'text/plain'],
    ['B25', 'application/x-www-form-urlencoded'],
    ['B25', 'application/vnd.api+json'],
    ['B25', 'multipart/form-data; boundary=x'],
    ['B26', 'application/json\t;x'],
    ['B26', 'application/json;'],
    ['B26', 'application/jsonx'],
    ['B26', 'application/json ; charset=utf-8'],
    ['B26', 'application/json, text/plain'],
    ['B27', 'application/json; charset=utf-16'],
    ['B27', 'application/json; charset=latin1'],
  ])('%s %s is refused', async (_row, type) => {
    expect(await codeOfCreate(valid, headersOf('k1', { 'content-type': type }))).toBe('415 content_type_unsupported')
  })

  it('B24 a body without a content type is refused', async () => {
    const { 'content-type': _none, ...headers } = headersOf('k1')
    expect(await codeOfCreate(Buffer.from(valid), headers)).toBe('415 content_type_unsupported')
  })

  it('B28 a compressed body is refused', async () => {
    expect(await codeOfCreate(valid, headersOf('k1', { 'content-encoding': 'gzip' }))).toBe(
      '415 content_encoding_unsupported',
    )
  })
})

describe('paths and queries', () => {
  const id = paymentIdOf(idKey, merchantId, 'test', 'k1')

  it.each([
    ['B36 an id that is too long', `/v1/payments/${'a'.repeat(200)}`, 400, 'id_format'],
    ['B37 a NUL as id', '/v1/payments/%00', 400, 'id_format'],
    ['B37 a way out of the folder', '/v1/payments/..%2f..%2f', 400, 'id_format'],
    ['B37 a broken escape', '/v1/payments/%zz', 400, 'id_format'],
    ['an id in upper case', `/v1/payments/${id.toUpperCase()}`, 400, 'id_format'],
    ['an id that is not canonical', `/v1/payments/${id.slice(0, -1)}1`, 400, 'id_format'],
    ['a refund’s id without its number', '/v1/refunds/re_1', 400, 'id_format'],
    ['a capture as a refund', `/v1/refunds/cap_${id.slice(4)}_1`, 400, 'id_format'],
    ['an unknown path', '/v2/payments', 404, 'route_not_found'],
    ['an unknown query', `/v1/payments/${id}?status=captured`, 400, 'unknown_field'],
  ])('%s is refused', async (_name, url, status, code) => {
    const { app, router } = testEdge()
    const response = await app.inject({ url, headers: headersOf() })
    expect([response.statusCode, response.json<ErrorBody>().error.code]).toEqual([status, code])
    expect(router.envelopes).toEqual([])
  })

  it('B35 a method that the path does not have answers 405 with those it has', async () => {
    const { app } = testEdge()
    for (const [method, url, allow] of [
      ['DELETE', `/v1/payments/${id}`, 'GET'],
      ['PUT', '/v1/payments', 'POST, GET'],
      ['POST', '/v1/balance', 'GET'],
      ['HEAD', `/v1/return/att_x/y`, 'GET'],
      ['TRACE', `/v1/payments/${id}/capture`, 'POST'],
    ] as const) {
      const response = await app.inject({ method: method as 'PUT', url, headers: headersOf() })
      expect([response.statusCode, response.headers['allow']]).toEqual([405, allow])
    }
  })
})
