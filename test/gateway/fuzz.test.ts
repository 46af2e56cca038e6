/**
 * No input yields a 500, a hang or a stack: requests made of valid ones by changes that people, proxies and attackers make,
 * and requests made of nothing, against a whole node. What is answered must be of the documented form, and a payment must
 * be charged once per key whatever came with it.
 *
 * SHARDPAY_FUZZ_CASES says how many; a failure prints the seed and the smallest request that shows it.
 */
import { Ajv } from 'ajv'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpLimits } from '../../runtime/limits.ts'
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import { errorTable } from '../../gateway/errors.ts'
import { expansionOf, paymentTree, pathsOf, refundTree } from '../../gateway/expand.ts'
import { idempotencyKeyHeader, idempotencyKeyOf } from '../../gateway/idempotency.ts'
import { containsCardNumber } from '../../gateway/card-number.ts'
import { parseJson } from '../../runtime/json.ts'
import { ProblemSchema } from '../../gateway/problem-schema.ts'
import { parseQuery } from '../../gateway/query.ts'
import { testSecret } from '../../gateway/testing.ts'
import { type EdgeOverHost, edgeOverHost, methods } from '../support/edge-over-host.ts'
import { isJudged } from '../support/json-oracle.ts'
import { scaled } from '../support/scale.ts'

const numRuns = scaled('fuzzCases')
const timeout = 600_000

const nasty = fc.constantFrom(
  '',
  ' ',
  '\0',
  '\ufeff',
  '\ud800',
  '\u202e',
  '"',
  '\\',
  '{',
  '[',
  '%00',
  '%zz',
  '../',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'NaN',
  '-0',
  '1e9',
  '4242424242424242',
  'a'.repeat(1_000),
  '💳',
  '\r\n',
  "'; DROP TABLE journal;--",
)
const anyText = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }))
const anyNumber = fc.oneof(
  fc.constantFrom(0, -1, 1, 1.5, -0, 2 ** 53, 1e21, 999_999_999_999, 1_000),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'value' },
    fc.constantFrom(null, true, false),
    anyNumber,
    anyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 4 }),
  ),
})).value

describe('the reader of bodies', () => {
  const read = (bytes: Buffer) => parseJson(bytes, httpLimits)

  it('reads what JSON.stringify writes as JSON.parse does, or refuses it with a code', { timeout }, () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = JSON.stringify(value)
        const result = read(Buffer.from(text))
        if (result.ok && isJudged(result.value))
          expect(JSON.stringify(result.value)).toBe(JSON.stringify(JSON.parse(text)))
        else expect(result.ok || Object.hasOwn(errorTable, result.refusal.code)).toBe(true)
      }),
      { numRuns },
    )
  })

  it('never reads what JSON.parse refuses, whatever was cut, doubled or changed', { timeout }, () => {
    const edits = fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        remove: fc.nat(4),
        insert: fc.oneof(fc.constantFrom(...'{}[]",:\\0-+.eE tfn\u0001'.split('')), nasty),
      }),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(anyValue, edits, (value, changes) => {
        let text = JSON.stringify(value)
        for (const { at, remove, insert } of changes) {
          const place = Math.floor(at * text.length)
          text = text.slice(0, place) + insert + text.slice(place + remove)
        }
        const bytes = Buffer.from(text)
        const result = read(bytes)
        if (result.ok) {
          const judged: unknown = JSON.parse(bytes.toString())
          if (isJudged(result.value)) expect(JSON.stringify(result.value)).toBe(JSON.stringify(judged))
        } else expect(result.refusal.offset).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns },
    )
  })

  it('takes any bytes', { timeout }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = read(Buffer.from(bytes))
        expect(result.ok || Object.hasOwn(errorTable, result.refusal.code)).toBe(true)
      }),
      { numRuns },
    )
  })
})

describe('the readers of addresses, keys and ids', () => {
  it('never throw, and leave no parameter out', { timeout }, () => {
    fc.assert(
      fc.property(anyText, anyText, (one, two) => {
        const text = `${one}&${two}`
        expect(Object.keys(parseQuery(text)).length > 0).toBe(text.split('&').some((pair) => pair !== ''))
        for (const tree of [paymentTree, refundTree]) {
          const result = expansionOf([one, two], tree)
          expect(result.ok).toBe([one, two].every((path) => pathsOf(tree).includes(path)))
        }
        const key = idempotencyKeyOf({ idempotencyKey: one, xIdempotencyKey: undefined, body: undefined })
        if (key.ok) {
          const again = { idempotencyKey: idempotencyKeyHeader(key.key), xIdempotencyKey: undefined, body: key.key }
          expect(idempotencyKeyOf(again)).toEqual(key)
        }
        addressOfPayment(one)
        parseOperationId(two)
        containsCardNumber(one + two)
      }),
      { numRuns },
    )
  })

  it('B52 take time in proportion: texts made to be backtracked over are read at once', () => {
    const long = 60_000
    const shapes = [
      'a',
      '1',
      ' ',
      '-',
      '0',
      'a1',
      '1 ',
      '1-',
      'f-',
      '%',
      '%3',
      '[',
      '"',
      '\\',
      ',',
      'W/"',
      'wait=',
      'é',
      '.a',
      '&a[',
    ]
    const began = process.threadCpuUsage()
    for (const shape of shapes) {
      const text = shape.repeat(long / shape.length)
      for (const input of [text, `${text}!`, `"${text}`, `pay_${text}`, `{"a":"${text}`]) {
        containsCardNumber(input)
        addressOfPayment(input)
        parseOperationId(input)
        parseQuery(input)
        expansionOf([input], refundTree)
        idempotencyKeyOf({ idempotencyKey: input, xIdempotencyKey: undefined, body: undefined })
        parseJson(Buffer.from(input), httpLimits)
      }
    }
    // 700 readings of 60 kB: about a second of this thread's own where each is linear; one that is not takes minutes.
    expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(20_000)
  })
})

let edge: EdgeOverHost
let payment: string
let refund: string

beforeAll(async () => {
  edge = await edgeOverHost()
  const card = { amount: 1_000, currency: 'eur', payment_method: methods.card }
  payment = (await edge.send('/v1/payments', { key: 'first', body: card })).json<{ id: string }>().id
  refund = (await edge.send('/v1/refunds', { key: 'refund', body: { payment, amount: 1 } })).json<{ id: string }>().id
})

afterAll(() => edge.close())

/** Header values as Node's parser lets them through: the rest never reaches the edge. */
const headerValue = fc
  .oneof(
    anyText,
    fc.constantFrom(
      '2026-11-01',
      'wait=1',
      'wait=99999999',
      'application/json',
      'Basic x',
      'Bearer',
      '*',
      '"1"',
      'gzip',
      'bytes=0-1',
    ),
  )
  .map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, ''))
const headerName = fc.constantFrom(
  'api-version',
  'prefer',
  'if-none-match',
  'idempotency-key',
  'x-idempotency-key',
  'traceparent',
  'authorization',
  'content-type',
  'content-encoding',
  'x-forwarded-for',
  'range',
  'cookie',
  'accept',
  'x-http-method-override',
  'if-match',
)

const members = fc.constantFrom(
  'amount',
  'currency',
  'payment_method',
  'capture_method',
  'confirm',
  'merchant_reference',
  'description',
  'metadata',
  'customer',
  'return_url',
  'routing',
  'statement_descriptor',
  'expand',
  'idempotency_key',
  'final',
  'reason',
  'payment',
  '__proto__',
  'status',
)
const likelyValue = fc.oneof(
  { weight: 3, arbitrary: anyValue },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      1,
      1_000,
      'eur',
      'JPY',
      'pm_card_visa',
      'pm_declined',
      'manual',
      true,
      false,
      'https://shop.example/',
      {},
      ['captures'],
      { type: 'apple_pay', token: 'tok_visa' },
      { a: 'b' },
      'duplicate',
      'abandoned',
    ),
  },
)
const changes = fc.dictionary(members, likelyValue, { maxKeys: 4 })
const base = fc.constantFrom<Readonly<Record<string, unknown>>>(
  { amount: 1_000, currency: 'eur', payment_method: methods.card },
  { amount: 500, currency: 'usd', payment_method: methods.declined, capture_method: 'manual' },
  { amount: 7, currency: 'jpy', confirm: false },
  {},
)
const body = fc.oneof(
  { weight: 4, arbitrary: base.map((given) => JSON.stringify(given)) },
  { weight: 6, arbitrary: fc.tuple(base, changes).map(([given, changed]) => JSON.stringify({ ...given, ...changed })) },
  { weight: 1, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: anyText },
)
const operations = fc.constantFrom('/confirm', '/authorize', '/capture', '/cancel', '/refunds')
const pathEnd = fc.oneof(operations, fc.constantFrom('', '/attempts', '/events', '/nothing'))
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constant('/v1/payments') },
  { weight: 4, arbitrary: fc.tuple(fc.constant('own'), pathEnd) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('unknown', 'changed'), pathEnd) },
  { weight: 1, arbitrary: fc.constant('/v1/refunds') },
  { weight: 1, arbitrary: fc.tuple(fc.constant('refund'), fc.constantFrom('', '/nothing')) },
  { weight: 1, arbitrary: anyText.map((text) => `/v1/payments/${encodeURIComponent(text.toWellFormed())}`) },
  { weight: 1, arbitrary: anyText.map((text) => `/${text.replaceAll(/[^\x21-\x7e]/g, '')}`) },
  { weight: 1, arbitrary: fc.constantFrom('/livez', '/readyz', '/v1/openapi.json', '/v1/return/att_x/y') },
)
const query = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '?limit=1',
      '?limit=x',
      '?expand[]=refunds',
      '?expand[]=x',
      '?starting_after=evt_x',
      '?%',
      '?a=1&a=2',
      '?limit=5&ending_before=x',
    ),
  },
  { weight: 1, arbitrary: anyText.map((text) => `?${text.replaceAll(/[^\x21-\x7e]/g, '')}`) },
)

function addressOf(chosen: string | readonly [string, string]): string {
  if (typeof chosen === 'string') return chosen
  const [whose, end] = chosen
  switch (whose) {
    case 'own':
      return `/v1/payments/${payment}${end}`
    case 'changed':
      return `/v1/payments/${payment.slice(0, -3)}z${end}`
    case 'refund':
      return `/v1/refunds/${refund}${end}`
    default:
      return `/v1/payments/pay_7zzzzzzzzzzzzzzzzzzzzzzzz0${end}`
  }
}

function isPage(method: string, url: string): boolean {
  return method === 'GET' && url.startsWith('/v1/return/')
}

describe('the routes', () => {
  it('answer every request in the documented form, never with 500, and charge once per key', { timeout }, async () => {
    const validate = new Ajv({ strict: false }).compile(ProblemSchema)
    const statuses = new Map<number, number>()
    let cases = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
        path,
        query,
        body,
        fc.array(fc.tuple(headerName, headerValue), { maxLength: 2 }),
        fc.nat(60),
        async (method, chosen, search, payload, headers, key) => {
          const url = addressOf(chosen) + search
          // What inject itself cannot take; raw bytes are for sockets.test.ts.
          fc.pre(URL.canParse(url, 'http://localhost'))
          cases += 1
          // So that the rate limit lets all of them through, and what is open ends.
          edge.clock.advance(20)
          const response = await edge.app.inject({
            method: method as 'GET',
            url,
            headers: {
              authorization: `Bearer ${testSecret}`,
              'content-type': 'application/json',
              'idempotency-key': `fuzz-${key}`,
              ...Object.fromEntries(headers),
            },
            ...(method === 'GET' ? {} : { payload }),
          })
          statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1)
          expect(response.statusCode, response.body).toBeLessThan(500)
          expect(response.headers['request-id']).toMatch(/^req_[0-9a-f]{24}$/)
          // A page for shoppers answers in words.
          if (response.statusCode >= 400 && !isPage(method, url)) {
            expect(response.headers['content-type']).toBe('application/problem+json')
            expect(validate(response.json()), JSON.stringify(validate.errors)).toBe(true)
            expect(response.body).not.toMatch(/node_modules|\.ts:\d|    at |Error:/)
          }
        },
      ),
      { numRuns, endOnFailure: false },
    )
    expect(cases).toBeGreaterThanOrEqual(numRuns)
    // It is no fuzzing of the front door alone: requests got through, and were refused, at every step.
    for (const status of [200, 201, 400, 402, 404, 405, 409, 415, 422])
      expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(0)
    const sends = edge.psp.calls.filter(({ step }) => step === 'send').map(({ call }) => call.idempotencyKey)
    expect(new Set(sends).size).toBe(sends.length)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
