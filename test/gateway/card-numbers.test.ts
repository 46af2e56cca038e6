/** Card numbers, wherever a request may have one: refused, counted, and neither answered, logged nor journaled. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../runtime/log.ts'
import { createMetrics, type Metrics } from '../../runtime/metrics.ts'
import { type EdgeOverHost, edgeOverHost, methods, type Sent } from '../support/edge-over-host.ts'

const card = { amount: 1_000, currency: 'eur', payment_method: methods.card }
const spellings = [
  '4242424242424242',
  '4242 4242 4242 4242',
  '5555-5555-5555-4444',
  '378282246310005',
  '6759649826438453',
]

const series = /^pay_card_numbers_refused_total\{place="(\w+)"\} (\d+)$/gm

let edge: EdgeOverHost
let metrics: Metrics
let lines: string[]

beforeEach(async () => {
  metrics = createMetrics()
  lines = []
  const log = createLog({ level: 'trace', stream: { write: (line) => lines.push(line) } })
  edge = await edgeOverHost({ gateway: { metrics, log } })
})

afterEach(() => edge.close())

async function counted(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const [, place = '', count] of (await metrics.text()).matchAll(series)) counts[place] = Number(count)
  return counts
}

async function expectRefused(url: string, sent: Sent, pan: string): Promise<void> {
  const response = await edge.send(url, sent)
  expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([
    400,
    'pan_not_allowed',
  ])
  const digits = pan.replaceAll(/\D/g, '')
  const told = `${response.body}${JSON.stringify(response.headers)}${lines.join('')}`.replaceAll(/[ -]/g, '')
  expect(told).not.toContain(digits)
}

describe('B51 a card number', () => {
  it.each(spellings)('%s is refused in any text of the body, and counted', async (pan) => {
    const bodies: object[] = [
      { ...card, description: `paid with ${pan}, thanks` },
      { ...card, merchant_reference: pan },
      { ...card, customer: pan },
      { ...card, return_url: `https://shop.example/?card=${pan}` },
      { ...card, metadata: { note: pan } },
      { ...card, metadata: { [pan]: '' } },
      { ...card, payment_method: pan },
      { ...card, payment_method: { type: 'card', token: pan } },
      { ...card, expand: [pan] },
      { ...card, idempotency_key: pan },
      { ...card, [pan]: 1 },
    ]
    for (const body of bodies) await expectRefused('/v1/payments', { key: 'k', body }, pan)
    expect(await counted()).toEqual({ body: bodies.length, header: 0, address: 0 })
    expect(edge.psp.calls).toEqual([])
  })

  it.each(spellings)('%s is refused in a header, and counted', async (pan) => {
    const headers = [
      'idempotency-key',
      'x-idempotency-key',
      'api-version',
      'prefer',
      'user-agent',
      'cookie',
      'x-card',
      'referer',
    ]
    for (const name of headers)
      await expectRefused('/v1/payments', { body: card, headers: { [name]: `a ${pan}` } }, pan)
    expect(await counted()).toEqual({ body: 0, header: headers.length, address: 0 })
  })

  it.each(spellings)('%s is refused in an address, escaped or not, with a key or without, and counted', async (pan) => {
    const escaped = pan
      .split('')
      .map((digit) => `%${digit.charCodeAt(0).toString(16)}`)
      .join('')
    const urls = [
      `/v1/payments?card=${encodeURIComponent(pan)}`,
      `/v1/payments/${encodeURIComponent(pan)}`,
      `/v1/payments/pay_x/events?starting_after=${escaped}`,
      `/nowhere/${escaped}`,
      `/livez?${pan.replaceAll(' ', '+')}`,
    ]
    for (const url of urls) await expectRefused(url, {}, pan)
    expect(await counted()).toEqual({ body: 0, header: 0, address: urls.length })
  })

  it('is no reason to refuse the ids of tracing tools, our own ids, or what only looks like one', async () => {
    const headers = {
      traceparent: '00-42424242424242424242424242424242-4242424242424242-01',
      'x-datadog-trace-id': '4242424242424242',
      'x-request-id': '4242424242424242',
    }
    const created = await edge.send('/v1/payments', { key: 'k', body: card, headers })
    expect(created.statusCode).toBe(201)
    // An id of ours with a run of digits that passes the check: nobody has it, but it may be asked for.
    const unlucky = 'pay_ab4242424242424242abcdefg0'
    expect((await edge.send(`/v1/payments/${unlucky}`)).statusCode).toBe(404)
    const refund = { payment: unlucky, amount: 1 }
    expect((await edge.send('/v1/refunds', { key: 'r', body: refund })).statusCode).toBe(404)
    const metadata = {
      payment: unlucky,
      uuid: '42424242-4242-4242-8242-424242424242',
      at: '1793793600000',
      hash: 'a4242424242424242f',
    }
    expect((await edge.send('/v1/payments', { key: 'k2', body: { ...card, metadata } })).statusCode).toBe(201)
    expect(await counted()).toEqual({ body: 0, header: 0, address: 0 })
  })

  it('that got past the edge would be refused by the payment machine, and counted', async () => {
    // The edge leaves hexadecimal words alone; a payment method's token is looked at once more.
    const response = await edge.send('/v1/payments', {
      key: 'k',
      body: { ...card, payment_method: 'a4242424242424242f' },
    })
    expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([
      400,
      'pan_not_allowed',
    ])
    expect(await counted()).toMatchObject({ body: 1 })
    expect(edge.psp.calls).toEqual([])
  })
})
