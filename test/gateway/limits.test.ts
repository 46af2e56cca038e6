/** Limits of a merchant over a whole node: what is refused, what is said of it, and what a refusal leaves behind. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { LimitValues } from '../../domain/merchant/limits.ts'
import { testSecret } from '../../gateway/testing.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import {
  type EdgeOverHost,
  type EdgeOverHostOptions,
  edgeOverHost,
  methods,
  otherSecret,
} from '../support/edge-over-host.ts'

const minute = 60_000
const open: EdgeOverHost[] = []

afterEach(async () => {
  for (const edge of open.splice(0)) await edge.close()
})

async function start(values: LimitValues, options: EdgeOverHostOptions = {}): Promise<EdgeOverHost> {
  const edge = await edgeOverHost(options)
  open.push(edge)
  limitTo(edge, values)
  return edge
}

function limitTo({ directory }: EdgeOverHost, values: LimitValues): void {
  const limits = [{ mode: 'test' as const, currency: 'EUR', values }]
  directory.merchants = directory.merchants.map((each, index) => (index === 0 ? { ...each, limits } : each))
}

const body = { amount: 1_000, currency: 'eur', payment_method: methods.card }

interface Problem {
  readonly detail: string
  readonly error: { readonly code: string; readonly type: string; readonly [member: string]: unknown }
}

async function pay(edge: EdgeOverHost, key: string, more: object = {}, secret = testSecret) {
  const sent = edge.send('/v1/payments', { key, secret, body: { ...body, ...more } })
  await edge.pass(50)
  const response = await sent
  return { ...response.json<Partial<Problem> & { id?: string }>(), status: response.statusCode, response }
}

describe('a payment beyond a limit', () => {
  test('of one payment is refused with the limit, and reaches neither journal nor PSP', async () => {
    const edge = await start({ max_amount: 999 })
    const { status, response, detail, error } = await pay(edge, 'k1')
    expect([status, detail]).toEqual([
      400,
      'amount is more than this account’s limit of 999 minor units of EUR for one payment.',
    ])
    expect(error).toMatchObject({
      ...{ type: 'invalid_request_error', code: 'amount_limit_exceeded', param: 'amount', retryable: false },
      ...{ limit: 999, limit_name: 'max_amount' },
    })
    expect(response.headers['retry-after']).toBeUndefined()
    expect(edge.psp.calls).toEqual([])
    expect((await edge.send(response.json<{ instance: string }>().instance)).statusCode).toBe(404)
    // the key is free
    expect((await pay(edge, 'k1', { amount: 999 })).status).toBe(201)
  })

  test('within an hour is refused until it may be tried again, and then the same key works', async () => {
    const edge = await start({ hourly_count: 2 })
    expect((await pay(edge, 'k1')).status).toBe(201)
    await edge.pass(10 * minute)
    expect((await pay(edge, 'k2')).status).toBe(201)
    const { status, response, detail, error } = await pay(edge, 'k3')
    expect([status, detail]).toEqual([
      429,
      'With this payment this account’s limit of 2 payments in EUR within an hour would be exceeded; it may be tried again from 2026-11-04T13:00:00Z.',
    ])
    expect(error).toMatchObject({
      ...{ type: 'rate_limit_error', code: 'velocity_exceeded', param: null, retryable: true },
      ...{ limit: 2, limit_name: 'hourly_count' },
    })
    expect(response.headers['retry-after']).toBe('3000')
    expect(edge.psp.calls.filter(({ step }) => step === 'send')).toHaveLength(2)
    await edge.pass(50 * minute)
    expect((await pay(edge, 'k3')).status).toBe(201)
    expect((await pay(edge, 'k4')).status).toBe(429)
  })

  test('refuses no replay of what was accepted, and no other mode, currency or merchant', async () => {
    const edge = await start({ hourly_amount: 1_000 })
    const first = await pay(edge, 'k1')
    expect(first.status).toBe(201)
    expect((await pay(edge, 'k2')).status).toBe(429)
    const replay = await pay(edge, 'k1')
    expect([replay.status, replay.response.headers['idempotent-replayed'], replay.id]).toEqual([201, 'true', first.id])
    expect((await pay(edge, 'k3', { currency: 'usd' })).status).toBe(201)
    expect((await pay(edge, 'k4', {}, otherSecret)).status).toBe(201)
  })

  test('counts what was accepted whatever became of it, once, when it is confirmed', async () => {
    const edge = await start({ hourly_count: 2 })
    const created = await pay(edge, 'k1', { confirm: false })
    expect((await pay(edge, 'k2', { payment_method: methods.declined })).status).toBe(402)
    expect((await pay(edge, 'k3')).status).toBe(201)
    const confirmed = await edge.send(`/v1/payments/${created.id}/confirm`, { key: 'c1', body: {} })
    expect([confirmed.statusCode, confirmed.json<Problem>().error.code]).toEqual([429, 'velocity_exceeded'])
    // refunds and captures are not limited
    const { id } = await pay(edge, 'k3')
    const refund = edge.send(`/v1/payments/${id}/refunds`, { key: 'r1', body: {} })
    await edge.pass(50)
    expect((await refund).statusCode).toBe(201)
  })

  test('of many at once: exactly as many as the limit allows are accepted', async () => {
    const edge = await start({ hourly_count: 10 })
    const sent = Array.from({ length: 40 }, (_, n) => edge.send('/v1/payments', { key: `k${n}`, body }))
    await edge.pass(200)
    const statuses = (await Promise.all(sent)).map(({ statusCode }) => statusCode)
    expect(statuses.filter((status) => status === 201)).toHaveLength(10)
    expect(statuses.filter((status) => status === 429)).toHaveLength(30)
  })

  test('is counted in a metric, by limit', async () => {
    const metrics = createMetrics()
    const edge = await start({ max_amount: 1 }, { gateway: { metrics } })
    await pay(edge, 'k1')
    expect(await metrics.text()).toContain('pay_limit_refusals_total{limit="max_amount"} 1')
  })
})

describe('a payment whose commit failed', () => {
  test('is counted once where it was decided once more', async () => {
    const edge = await start({ hourly_count: 2 })
    edge.journal.failNextFlush('refused')
    expect((await pay(edge, 'k1')).status).toBe(201)
    expect(edge.troubles.splice(0)[0]).toBe('append_refused')
    expect((await pay(edge, 'k2')).status).toBe(201)
    expect((await pay(edge, 'k3')).status).toBe(429)
  })

  test('is not counted where it was not accepted', async () => {
    const edge = await start({ hourly_count: 1 })
    const append = edge.journal.append.bind(edge.journal)
    const everyAppend = vi.spyOn(edge.journal, 'append').mockImplementation((...given) => {
      edge.journal.failNextFlush('refused')
      append(...given)
    })
    expect((await pay(edge, 'k1')).status).toBe(503)
    everyAppend.mockRestore()
    expect(edge.troubles.splice(0)).toHaveLength(4)
    expect((await pay(edge, 'k2')).status).toBe(201)
    expect((await pay(edge, 'k3')).status).toBe(429)
  })
})

test('a limit that is raised, or taken away, lets payments through at once', async () => {
  const edge = await start({ hourly_count: 1 })
  expect((await pay(edge, 'k1')).status).toBe(201)
  expect((await pay(edge, 'k2')).status).toBe(429)
  limitTo(edge, { hourly_count: 2 })
  expect((await pay(edge, 'k2')).status).toBe(201)
  limitTo(edge, {})
  expect((await pay(edge, 'k3')).status).toBe(201)
})
