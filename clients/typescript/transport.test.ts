import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ShardpayError } from './errors.ts'
import { type ClientOptions, pauseBefore, Transport, type WriteOptions } from './transport.ts'

const apiKey = 'sk_test_a1B2c3D4e5F6g7H8'

interface Sent {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Since the first. */
  readonly atMs: number
}

type Step = Response | Error | 'silence'

/** A `fetch` that answers step by step and remembers what it was sent; the last step repeats. */
function scripted(steps: readonly Step[]): { readonly fetch: typeof globalThis.fetch; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const started = performance.now()
  const fetch = (url: unknown, init: RequestInit = {}): Promise<Response> => {
    sent.push({
      url: String(url),
      method: init.method ?? 'GET',
      headers: init.headers as Record<string, string>,
      body: init.body as string | undefined,
      atMs: performance.now() - started,
    })
    const step = steps[Math.min(sent.length, steps.length) - 1]
    if (step instanceof Error) return Promise.reject(step)
    if (step instanceof Response) return Promise.resolve(step.clone())
    return new Promise((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
    })
  }
  return { fetch, sent }
}

const paid = { id: 'pay_1', object: 'payment', status: 'captured' }
const created = Response.json(paid, { status: 201 })
const lost = new TypeError('fetch failed')

function problem(status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Response {
  const error = {
    type: 'api_error',
    code,
    message: 'So it is.',
    retryable: status >= 429,
    request_id: 'req_1',
    ...more,
  }
  return Response.json(
    { status, error },
    { status, headers: { 'content-type': 'application/problem+json', ...headers } },
  )
}

function transportOver(fetch: typeof globalThis.fetch, more: Partial<ClientOptions> = {}): Transport {
  return new Transport({ baseUrl: 'http://localhost:8080/', apiKey, fetch, ...more })
}

const create = { path: '/v1/payments', expects: 'payment', body: { amount: 1, currency: 'eur' } }

/** Sends while time runs; what became of it. */
async function outcome(transport: Transport, options: WriteOptions = {}, request: object = create): Promise<unknown> {
  const sending = transport.send(request as typeof create, options).catch((error: unknown) => error)
  await vi.runAllTimersAsync()
  return sending
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('a POST carries the API key, the idempotency key and the version, and answers with the object', async () => {
  const { fetch, sent } = scripted([created])
  const answer = await outcome(transportOver(fetch, { apiVersion: '2026-11-01' }), {
    idempotencyKey: 'order-1',
    waitSeconds: 20,
  })
  expect(answer).toEqual(paid)
  expect(sent).toHaveLength(1)
  expect(sent[0]).toMatchObject({
    url: 'http://localhost:8080/v1/payments',
    method: 'POST',
    body: '{"amount":1,"currency":"eur"}',
  })
  expect(sent[0]?.headers).toMatchObject({
    authorization: `Bearer ${apiKey}`,
    'idempotency-key': 'order-1',
    'api-version': '2026-11-01',
    prefer: 'wait=20',
    'content-type': 'application/json',
  })
})

test('a call without a key gets one of its own, and the next call another', async () => {
  const { fetch, sent } = scripted([created])
  const transport = transportOver(fetch)
  await outcome(transport)
  await outcome(transport)
  const keys = sent.map(({ headers }) => headers['idempotency-key'])
  expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/)
  expect(new Set(keys).size).toBe(2)
})

test('a lost reply is asked for again with the same key and the same body', async () => {
  const { fetch, sent } = scripted([lost, lost, created])
  expect(await outcome(transportOver(fetch))).toEqual(paid)
  expect(sent).toHaveLength(3)
  expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  expect(new Set(sent.map(({ body }) => body)).size).toBe(1)
})

test.each([
  ['503', problem(503, 'acceptance_unknown')],
  ['500', problem(500, 'internal_error')],
  ['409 of a key in use', problem(409, 'idempotency_key_in_use')],
  ['429', problem(429, 'rate_limited')],
  ['408', problem(408, 'request_timeout')],
  ["a proxy's 502", new Response('<html>Bad gateway</html>', { status: 502 })],
  ["a proxy's 504 as JSON", Response.json({ message: 'timeout' }, { status: 504 })],
  ['a 200 that is a page', new Response('<html>Please log in</html>')],
  ['half an answer', new Response('{"id":"pay_1","obj', { status: 201 })],
])('after %s the same request is sent again with the same key', async (_, first) => {
  const { fetch, sent } = scripted([first, created])
  expect(await outcome(transportOver(fetch))).toEqual(paid)
  expect(sent.map(({ headers }) => headers['idempotency-key'])).toEqual([
    sent[0]?.headers['idempotency-key'],
    sent[0]?.headers['idempotency-key'],
  ])
})

test.each([
  [402, 'card_declined'],
  [424, 'psp_configuration'],
  [400, 'parameter_invalid'],
  [401, 'api_key_invalid'],
  [404, 'payment_not_found'],
  [409, 'idempotency_key_expired'],
  [409, 'payment_unexpected_state'],
  [409, 'operation_in_progress'],
  [422, 'idempotency_key_reused'],
])('%i %s is final for this call: one send', async (status, code) => {
  const { fetch, sent } = scripted([problem(status, code), created])
  expect(await outcome(transportOver(fetch))).toMatchObject({ status, code })
  expect(sent).toHaveLength(1)
})

test('a decline is a ShardpayError with code, decline code, request id and the payment', async () => {
  const payment = { id: 'pay_1', object: 'payment', status: 'failed' }
  const declined = problem(402, 'card_declined', {
    type: 'card_error',
    decline_code: 'insufficient_funds',
    message: 'Insufficient funds.',
    param: null,
    retryable: false,
    doc_url: 'docs/errors.md#card_declined',
    payment,
  })
  const error = await outcome(transportOver(scripted([declined]).fetch), { idempotencyKey: 'order-1' })
  expect(error).toBeInstanceOf(ShardpayError)
  expect(error).toMatchObject({
    message: '402 card_declined: Insufficient funds.',
    status: 402,
    type: 'card_error',
    code: 'card_declined',
    declineCode: 'insufficient_funds',
    param: undefined,
    retryable: false,
    requestId: 'req_1',
    docUrl: 'docs/errors.md#card_declined',
    idempotencyKey: 'order-1',
    payment,
  })
})

test('Retry-After is waited for, in seconds or as a date', async () => {
  vi.setSystemTime(new Date('2026-11-20T12:00:00Z'))
  const steps = [
    problem(429, 'rate_limited', {}, { 'retry-after': '7' }),
    problem(503, 'not_accepted', {}, { 'retry-after': 'Fri, 20 Nov 2026 12:00:18 GMT' }),
    created,
  ]
  const { fetch, sent } = scripted(steps)
  expect(await outcome(transportOver(fetch))).toEqual(paid)
  const [first = 0, second = 0, third = 0] = sent.map(({ atMs }) => atMs)
  expect(second - first).toBeGreaterThanOrEqual(7_000)
  expect(second - first).toBeLessThan(7_300)
  expect(third).toBeGreaterThanOrEqual(18_000 - 1)
})

test('pauses double up to five seconds, and no two callers share them', () => {
  for (const [retries, longest] of [
    [0, 200],
    [1, 400],
    [4, 3_200],
    [5, 5_000],
    [60, 5_000],
  ] as const) {
    const pauses = Array.from({ length: 50 }, () => pauseBefore(retries, 0))
    for (const each of pauses) {
      expect(each).toBeGreaterThanOrEqual(longest / 2)
      expect(each).toBeLessThanOrEqual(longest)
    }
    expect(new Set(pauses).size).toBeGreaterThan(10)
  }
})

test('after maxRetries the last failure is thrown, with the key to go on with', async () => {
  const { fetch, sent } = scripted([problem(503, 'acceptance_unknown', { payment: { id: 'pay_1' } })])
  const error = await outcome(transportOver(fetch, { maxRetries: 2 }))
  expect(sent).toHaveLength(3)
  expect(error).toMatchObject({ status: 503, code: 'acceptance_unknown', retryable: true, payment: { id: 'pay_1' } })
  expect((error as ShardpayError).idempotencyKey).toBe(sent[0]?.headers['idempotency-key'])
})

test('the deadline counts sends and pauses together', async () => {
  const { fetch, sent } = scripted([problem(503, 'not_accepted')])
  const error = await outcome(transportOver(fetch, { maxRetries: 1_000, timeoutMs: 20_000 }))
  expect(error).toMatchObject({ code: 'not_accepted' })
  expect(sent.at(-1)?.atMs).toBeLessThan(20_000)
  expect(sent.length).toBeGreaterThan(5)
})

test('a pause that Retry-After makes longer than the deadline is not begun', async () => {
  const { fetch, sent } = scripted([problem(503, 'not_accepted', {}, { 'retry-after': '90' })])
  const started = performance.now()
  expect(await outcome(transportOver(fetch))).toMatchObject({ code: 'not_accepted' })
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(sent).toHaveLength(1)
})

test('an API that stays silent is given up at the deadline, and sent to again before it', async () => {
  const { fetch, sent } = scripted(['silence'])
  const started = performance.now()
  const error = await outcome(transportOver(fetch))
  expect(error).toMatchObject({ code: 'deadline_exceeded', retryable: true, status: undefined })
  expect(performance.now() - started).toBeCloseTo(60_000, -2)
  expect(sent).toHaveLength(3)
  expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
})

test('an answer that stops in its middle counts as silence', async () => {
  const stuck = new Response(
    new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"id"')) }),
  )
  const fetch: typeof globalThis.fetch = (_, init) => {
    return new Promise((resolve) => {
      const text = (): Promise<string> =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
        })
      resolve(Object.assign(stuck, { text }))
    })
  }
  expect(await outcome(transportOver(fetch, { timeoutMs: 5_000 }))).toMatchObject({ code: 'deadline_exceeded' })
})

test('a longer wait of the API is given its time', async () => {
  const { fetch, sent } = scripted(['silence'])
  await outcome(transportOver(fetch), { waitSeconds: 30, timeoutMs: 39_000 })
  expect(sent).toHaveLength(1)
})

test("the caller's signal ends a send and a pause, and nothing is sent after it", async () => {
  for (const step of ['silence', problem(503, 'not_accepted', {}, { 'retry-after': '10' })] as const) {
    const { fetch, sent } = scripted([step])
    const controller = new AbortController()
    const sending = transportOver(fetch)
      .send(create, { signal: controller.signal })
      .catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(1_000)
    controller.abort(new Error('enough'))
    expect(await sending).toMatchObject({ code: 'aborted', cause: new Error('enough') })
    await vi.runAllTimersAsync()
    expect(sent).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  }
})

test('a signal that was given too late sends nothing', async () => {
  const { fetch, sent } = scripted([created])
  const error = await outcome(transportOver(fetch), { signal: AbortSignal.abort() })
  expect(error).toMatchObject({ code: 'aborted' })
  expect(sent).toEqual([])
})

test('a redirect is not followed and not repeated', async () => {
  const { fetch, sent } = scripted([
    new Response(null, { status: 307, headers: { location: 'https://elsewhere.example' } }),
  ])
  expect(await outcome(transportOver(fetch))).toMatchObject({
    code: 'answer_unreadable',
    status: 307,
    retryable: false,
  })
  expect(sent).toHaveLength(1)
})

test('a GET has no idempotency key and no body, and is repeated too', async () => {
  const { fetch, sent } = scripted([lost, Response.json(paid)])
  const request = { path: '/v1/payments/pay_1', expects: 'payment', query: [['expand[]', 'refunds']] }
  expect(await outcome(transportOver(fetch), {}, request)).toEqual(paid)
  expect(sent[1]).toMatchObject({ method: 'GET', url: 'http://localhost:8080/v1/payments/pay_1?expand%5B%5D=refunds' })
  expect(sent[1]?.headers).not.toHaveProperty('idempotency-key')
  expect(sent[1]?.body).toBeUndefined()
})

test('a key that begins with a quotation mark goes in the quoted form of the header', async () => {
  const { fetch, sent } = scripted([created])
  await outcome(transportOver(fetch), { idempotencyKey: '"a\\' })
  expect(sent[0]?.headers['idempotency-key']).toBe(String.raw`"\"a\\"`)
})

test.each([
  ['apiKey', { apiKey: `${apiKey}\n` }],
  ['baseUrl', { baseUrl: 'ftp://localhost' }],
  ['baseUrl', { baseUrl: 'https://user:secret@localhost' }],
  ['apiVersion', { apiVersion: 'latest' }],
  ['maxRetries', { maxRetries: -1 }],
  ['timeoutMs', { timeoutMs: Number.NaN }],
])('a wrong %s is named and not shown', (name, wrong) => {
  const construct = (): Transport => transportOver(scripted([created]).fetch, wrong)
  expect(construct).toThrow(new RegExp(name))
  expect(construct).not.toThrow(/a1B2c3D4|secret/)
})

test('an idempotency key that no header can carry is refused before anything is sent', async () => {
  const { fetch, sent } = scripted([created])
  for (const idempotencyKey of ['', 'two words', 'é', 'x'.repeat(256)]) {
    expect(await outcome(transportOver(fetch), { idempotencyKey })).toBeInstanceOf(TypeError)
  }
  expect(sent).toEqual([])
})

test('neither the transport nor an error shows the API key', async () => {
  const transport = transportOver(scripted([problem(401, 'api_key_invalid')]).fetch)
  const refused = await outcome(transport)
  const gone = await outcome(transportOver(scripted([lost]).fetch, { maxRetries: 0 }))
  for (const each of [transport, refused, gone]) {
    expect(inspect(each, { depth: 10, showHidden: true })).not.toContain(apiKey)
    expect(JSON.stringify(each)).not.toContain(apiKey)
  }
})
