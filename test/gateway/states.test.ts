/** What a payment's state refuses, through the edge: with what it is, what it would have to be, and how much is left. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EdgeOverHost, edgeOverHost, methods } from '../support/edge-over-host.ts'

let edge: EdgeOverHost

beforeEach(async () => {
  edge = await edgeOverHost({ psp: { profile: { multicapture: true } } })
})

afterEach(() => edge.close())

const card = { amount: 1_000, currency: 'eur', payment_method: methods.card }
const held = { ...card, capture_method: 'manual' }

interface Body {
  id: string
  error: { code: string; payment: { id: string; status: string } }
}

async function create(body: object): Promise<string> {
  const answer = (await edge.send('/v1/payments', { key: 'create', body })).json<Partial<Body>>()
  return answer.id ?? answer.error?.payment.id ?? ''
}

/** A payment in each status. */
const made: Readonly<Record<string, () => Promise<string>>> = {
  created: () => create({ ...card, confirm: false }),
  requires_action: () => create({ ...card, payment_method: methods.threeDSecure, return_url: 'https://shop.example/' }),
  authorized: () => create(held),
  async partially_captured() {
    const id = await create(held)
    await edge.send(`/v1/payments/${id}/capture`, { key: 'part', body: { amount: 1, final: false } })
    return id
  },
  captured: () => create(card),
  async canceled() {
    const id = await create(held)
    await edge.send(`/v1/payments/${id}/cancel`, { key: 'cancel' })
    return id
  },
  async expired() {
    const id = await create({ ...card, confirm: false })
    await edge.pass(25 * 3_600_000)
    return id
  },
  failed: () => create({ ...card, payment_method: methods.declined }),
}

describe('B57 an operation that the status does not allow', () => {
  const allowed: Readonly<Record<string, readonly string[]>> = {
    confirm: ['created'],
    capture: ['authorized', 'partially_captured'],
    cancel: ['created', 'requires_action', 'authorized', 'partially_captured'],
    refunds: ['captured', 'partially_captured'],
  }

  it.each(Object.keys(made))(
    'of a payment that is %s answers 409 with what it is and what it would have to be',
    async (status) => {
      const id = await (made[status] as () => Promise<string>)()
      const read = (await edge.send(`/v1/payments/${id}`)).json<{ status: string }>()
      expect(read.status).toBe(status)
      const calls = edge.psp.calls.length
      const refused: string[] = []
      for (const [path, statuses] of Object.entries(allowed)) {
        if (statuses.includes(status)) continue
        const response = await edge.send(`/v1/payments/${id}/${path}`, { key: `try-${path}` })
        expect([path, response.statusCode]).toEqual([path, 409])
        expect(response.json()).toMatchObject({
          error: {
            type: 'invalid_request_error',
            code: 'payment_unexpected_state',
            current_status: status,
            allowed_statuses: expect.arrayContaining([...statuses]) as string[],
            retryable: false,
            payment: { id, status },
          },
        })
        refused.push(path)
      }
      expect(refused.length).toBeGreaterThan(0)
      expect(edge.psp.calls.length).toBe(calls)
      expect((await edge.send(`/v1/payments/${id}`)).json()).toEqual(read)
    },
  )
})

describe('B17 an amount beyond what is left', () => {
  it('of a capture answers 409 with what can still be captured', async () => {
    const id = await create(held)
    await edge.send(`/v1/payments/${id}/capture`, { key: 'part', body: { amount: 600, final: false } })
    const response = await edge.send(`/v1/payments/${id}/capture`, { key: 'more', body: { amount: 401 } })
    expect(response.statusCode).toBe(409)
    expect(response.json()).toMatchObject({
      error: { code: 'capture_exceeds_authorization', param: 'amount', amount_available: 400, payment: { id } },
    })
  })

  it('of a refund answers 409 with what can still be refunded', async () => {
    const id = await create(card)
    await edge.send(`/v1/payments/${id}/refunds`, { key: 'part', body: { amount: 600 } })
    for (const [key, path, body] of [
      ['a', `/v1/payments/${id}/refunds`, { amount: 401 }],
      ['b', '/v1/refunds', { payment: id, amount: 1_000 }],
    ] as const) {
      const response = await edge.send(path, { key, body })
      expect(response.statusCode).toBe(409)
      expect(response.json()).toMatchObject({
        error: { code: 'refund_exceeds_capture', param: 'amount', amount_available: 400, payment: { id } },
      })
    }
    expect((await edge.send(`/v1/payments/${id}/refunds`, { key: 'rest' })).json()).toMatchObject({ amount: 400 })
    const nothing = await edge.send(`/v1/payments/${id}/refunds`, { key: 'none' })
    expect(nothing.json()).toMatchObject({ error: { code: 'refund_exceeds_capture', amount_available: 0 } })
  })

  it('has no currency of its own: a capture or refund that names one is refused', async () => {
    const id = await create(card)
    const response = await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 1, currency: 'usd' } })
    expect(response.json()).toMatchObject({ error: { code: 'unknown_field', param: 'currency' } })
  })
})
