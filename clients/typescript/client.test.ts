import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Client, createClient, type Payment, ShardpayError } from './index.ts'

const id = 'pay_0123456789abcdefghjkmnpqrs'
const refundId = 're_0123456789abcdefghjkmnpqrs_1'
const disputeId = 'dp_0123456789abcdefghjkmnpqrs_1'

interface Sent {
  readonly line: string
  readonly body: unknown
  readonly key: string | undefined
}

/** A client whose `fetch` answers with these objects in turn, the last one again and again. */
function clientOver(...answers: readonly object[]): { readonly client: Client; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const fetch = (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const { pathname, search } = new URL(String(url))
    const body =
      init.body === undefined || init.body === null ? undefined : (JSON.parse(init.body as string) as unknown)
    const key = (init.headers as Record<string, string>)['idempotency-key']
    sent.push({ line: `${init.method} ${pathname}${search}`, body, key })
    return Promise.resolve(Response.json(answers[Math.min(sent.length, answers.length) - 1]))
  }
  return { client: createClient({ baseUrl: 'https://pay.example', apiKey: 'sk_test_a1B2c3D4e5F6g7H8', fetch }), sent }
}

const options = { idempotencyKey: 'k' }
const calls: readonly (readonly [string, string, (client: Client) => Promise<object>, unknown])[] = [
  [
    'payment',
    'POST /v1/payments',
    ({ payments }) => payments.create({ amount: 1, currency: 'eur' }, options),
    { amount: 1, currency: 'eur' },
  ],
  [
    'payment',
    `POST /v1/payments/${id}/confirm`,
    ({ payments }) => payments.confirm(id, { payment_method: 'pm_x' }, options),
    { payment_method: 'pm_x' },
  ],
  [
    'payment',
    `POST /v1/payments/${id}/capture`,
    ({ payments }) => payments.capture(id, { amount: 5, final: true }, options),
    { amount: 5, final: true },
  ],
  ['payment', `POST /v1/payments/${id}/capture`, ({ payments }) => payments.capture(id, undefined, options), {}],
  [
    'payment',
    `POST /v1/payments/${id}/cancel`,
    ({ payments }) => payments.cancel(id, { reason: 'abandoned' }, options),
    { reason: 'abandoned' },
  ],
  [
    'refund',
    `POST /v1/payments/${id}/refunds`,
    ({ payments }) => payments.refund(id, { amount: 5 }, options),
    { amount: 5 },
  ],
  ['refund', 'POST /v1/refunds', ({ refunds }) => refunds.create({ payment: id }, options), { payment: id }],
  ['payment', `GET /v1/payments/${id}`, ({ payments }) => payments.retrieve(id), undefined],
  [
    'payment',
    `GET /v1/payments/${id}?expand%5B%5D=refunds&expand%5B%5D=captures`,
    ({ payments }) => payments.retrieve(id, { expand: ['refunds', 'captures'] }),
    undefined,
  ],
  ['list', `GET /v1/payments/${id}/events`, ({ payments }) => payments.events(id), undefined],
  [
    'list',
    `GET /v1/payments/${id}/events?limit=2&starting_after=evt_1`,
    ({ payments }) => payments.events(id, { limit: 2, starting_after: 'evt_1' }),
    undefined,
  ],
  ['list', `GET /v1/payments/${id}/attempts`, ({ payments }) => payments.attempts(id), undefined],
  ['refund', `GET /v1/refunds/${refundId}`, ({ refunds }) => refunds.retrieve(refundId), undefined],
  [
    'refund',
    `GET /v1/refunds/${refundId}?expand%5B%5D=payment.refunds`,
    ({ refunds }) => refunds.retrieve(refundId, { expand: ['payment.refunds'] }),
    undefined,
  ],
  ['list', 'GET /v1/payments', ({ payments }) => payments.list(), undefined],
  [
    'list',
    'GET /v1/payments?status=captured&created%5Bgte%5D=5&limit=2&expand%5B%5D=data.refunds&expand%5B%5D=data.captures',
    ({ payments }) =>
      payments.list({
        status: 'captured',
        'created[gte]': 5,
        limit: 2,
        expand: ['data.refunds', 'data.captures'],
      }),
    undefined,
  ],
  [
    'list',
    'GET /v1/payments/search?query=amount%3E5&page=abc',
    ({ payments }) => payments.search({ query: 'amount>5', page: 'abc' }),
    undefined,
  ],
  [
    'list',
    `GET /v1/payments/${id}/ledger_entries?limit=5`,
    ({ payments }) => payments.ledgerEntries(id, { limit: 5 }),
    undefined,
  ],
  ['list', `GET /v1/refunds?payment=${id}`, ({ refunds }) => refunds.list({ payment: id }), undefined],
  [
    'list',
    'GET /v1/disputes?ending_before=dp_1',
    ({ disputes }) => disputes.list({ ending_before: 'dp_1' }),
    undefined,
  ],
  ['dispute', `GET /v1/disputes/${disputeId}`, ({ disputes }) => disputes.retrieve(disputeId), undefined],
  ['balance', 'GET /v1/balance', ({ balance }) => balance.retrieve(), undefined],
  ['list', 'GET /v1/ledger/accounts', ({ ledger }) => ledger.accounts(), undefined],
  [
    'list',
    'GET /v1/ledger/accounts/acc_stripe-test.eur.psp_receivable/entries?page=abc',
    ({ ledger }) => ledger.entries('acc_stripe-test.eur.psp_receivable', { page: 'abc' }),
    undefined,
  ],
]

test.each(calls)('a %s from %s', async (object, line, call, body) => {
  const { client, sent } = clientOver({ id: 'x', object })
  expect(await call(client)).toEqual({ id: 'x', object })
  expect(sent).toEqual([{ line, body, key: body === undefined ? undefined : 'k' }])
})

test('an id that is none is refused, so that it never becomes another path', async () => {
  const { client, sent } = clientOver({ object: 'payment' })
  for (const wrong of ['', '..', `${id}/refunds`, `${id}?x`, refundId, 'pay_', 'undefined']) {
    await expect(client.payments.retrieve(wrong), wrong).rejects.toThrow(TypeError)
    await expect(client.payments.capture(wrong), wrong).rejects.toThrow(TypeError)
    await expect(client.payments.wait(wrong), wrong).rejects.toThrow(TypeError)
  }
  await expect(client.refunds.retrieve(id)).rejects.toThrow(TypeError)
  for (const wrong of ['', 'acc_', 'acc_a/../b', 'acc_a?x', id]) {
    await expect(client.ledger.entries(wrong), wrong).rejects.toThrow(TypeError)
  }
  expect(sent).toEqual([])
})

const payment = (status: Payment['status'], more: object = {}): object => ({ id, object: 'payment', status, ...more })

/** Lets the time of fake timers run until the promise has ended. */
async function ended(promise: Promise<unknown>): Promise<unknown> {
  const settled = promise.catch((error: unknown) => error)
  await vi.runAllTimersAsync()
  return settled
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('wait asks until the payment is no longer pending, with growing pauses', async () => {
  const { client, sent } = clientOver(payment('pending'), payment('pending'), payment('pending'), payment('captured'))
  const started = performance.now()
  expect(await ended(client.payments.wait(id))).toMatchObject({ status: 'captured' })
  expect(sent.map(({ line }) => line)).toEqual(Array.from({ length: 4 }, () => `GET /v1/payments/${id}`))
  expect(performance.now() - started).toBeGreaterThan((250 + 400 + 640) * 0.8)
  expect(performance.now() - started).toBeLessThan((250 + 400 + 640) * 1.2)
})

test('wait answers with a payment that failed, and does not wait for a shopper', async () => {
  for (const status of ['failed', 'requires_action'] as const) {
    const { client, sent } = clientOver(payment(status))
    expect(await ended(client.payments.wait(id))).toMatchObject({ status })
    expect(sent).toHaveLength(1)
  }
})

test('wait waits for what the caller says', async () => {
  const { client, sent } = clientOver(payment('requires_action'), payment('pending'), payment('captured'))
  const until = ({ status }: Payment): boolean => status === 'captured'
  expect(await ended(client.payments.wait(id, { until }))).toMatchObject({ status: 'captured' })
  expect(sent).toHaveLength(3)
})

test('wait ends at its deadline with the payment as it was read last', async () => {
  const { client } = clientOver(payment('pending', { pending_reason: 'psp_outcome_unknown' }))
  const started = performance.now()
  const error = await ended(client.payments.wait(id, { timeoutMs: 30_000 }))
  expect(error).toBeInstanceOf(ShardpayError)
  expect(error).toMatchObject({
    code: 'deadline_exceeded',
    retryable: true,
    payment: { id, status: 'pending', pending_reason: 'psp_outcome_unknown' },
  })
  expect(performance.now() - started).toBeLessThanOrEqual(30_000)
})

test("wait ends with the caller's signal", async () => {
  const { client, sent } = clientOver(payment('pending'))
  const controller = new AbortController()
  const waiting = client.payments.wait(id, { signal: controller.signal }).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(100)
  controller.abort(new Error('enough'))
  expect(await waiting).toMatchObject({ code: 'aborted', cause: new Error('enough'), payment: { status: 'pending' } })
  const { length } = sent
  await vi.runAllTimersAsync()
  expect(sent).toHaveLength(length)
})

test("the README's example is the one that runs", () => {
  const text = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
  const shown = /^```ts\n([\s\S]*?)^```$/m.exec(text('README.md'))?.[1]
  expect(shown).toBe(text('examples/pay.ts').replace("'../index.ts'", "'@shardpay/client'"))
})
