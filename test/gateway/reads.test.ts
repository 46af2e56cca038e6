/** Reads of a payment and of what became of it: expansion, conditional reads, attempts, events. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOfPayment } from '../../domain/ids.ts'
import { type EdgeOverHost, edgeOverHost, methods, otherSecret } from '../support/edge-over-host.ts'

let edge: EdgeOverHost

beforeEach(async () => {
  edge = await edgeOverHost()
})

afterEach(() => edge.close())

const card = { amount: 1_000, currency: 'eur', payment_method: methods.card, description: 'tea', customer: 'cus_1' }

interface EventBody {
  id: string
  type: string
  sequence: number
  request: { id: string; idempotency_key: string } | null
  payment: string
  data: { object: Record<string, unknown>; previous_attributes: Record<string, unknown> }
}
interface ListBody<Item> {
  object: string
  url: string
  has_more: boolean
  data: Item[]
}

/** Id of the payment that was created, also where it failed. */
async function create(key = 'k', body: object = card): Promise<string> {
  const response = await edge.send('/v1/payments', { key, body })
  const { id, error } = response.json<{ id?: string; error?: { payment: { id: string } } }>()
  return id ?? error?.payment.id ?? ''
}

async function events(id: string, query = ''): Promise<ListBody<EventBody>> {
  const response = await edge.send(`/v1/payments/${id}/events${query}`)
  expect(response.statusCode).toBe(200)
  return response.json()
}

describe('expand', () => {
  it('replaces ids by what they stand for, and nothing else', async () => {
    const id = await create()
    await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 100 } })
    const plain = (await edge.send(`/v1/payments/${id}`)).json<Record<string, unknown>>()
    const short = id.slice(4)
    expect(plain).toMatchObject({
      latest_attempt: `att_${short}_1`,
      captures: [`cap_${short}_1`],
      refunds: [`re_${short}_1`],
      disputes: [],
    })
    const query = '?expand[]=latest_attempt&expand%5B%5D=captures&expand[0]=refunds&expand=disputes'
    const expanded = (await edge.send(`/v1/payments/${id}${query}`)).json<Record<string, unknown>>()
    expect(expanded).toMatchObject({
      latest_attempt: { id: `att_${short}_1`, object: 'attempt', status: 'succeeded', amount_authorized: 1_000 },
      captures: [{ id: `cap_${short}_1`, object: 'capture', amount: 1_000 }],
      refunds: [{ id: `re_${short}_1`, object: 'refund', amount: 100, payment: id }],
    })
    const names = ['latest_attempt', 'captures', 'refunds']
    const without = (body: Record<string, unknown>): object =>
      Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
    expect(without(expanded)).toEqual(without(plain))
  })

  it('goes through a refund to its payment and what belongs to that', async () => {
    const id = await create()
    const refund = await edge.send('/v1/refunds', { key: 'r', body: { payment: id, amount: 100, expand: ['payment'] } })
    expect(refund.json()).toMatchObject({ payment: { id, refunds: [refund.json<{ id: string }>().id] } })
    const read = await edge.send(`/v1/refunds/${refund.json<{ id: string }>().id}?expand[]=payment.refunds`)
    expect(read.json()).toMatchObject({ payment: { id, refunds: [{ object: 'refund', payment: id }] } })
  })

  it.each([
    ['an unknown member', 'expand[]=charges', 'expand can name: latest_attempt, captures, refunds, disputes.'],
    [
      'a member of what has none',
      'expand[]=refunds.payment',
      'expand can name: latest_attempt, captures, refunds, disputes.',
    ],
    ['a name of every object', 'expand[]=constructor', 'expand can name: latest_attempt, captures, refunds, disputes.'],
    ['nothing', 'expand[]=', 'expand can name: latest_attempt, captures, refunds, disputes.'],
    ['5 levels', 'expand[]=a.b.c.d.e', 'expand goes at most 4 levels deep.'],
  ])('of %s is refused', async (_name, query, message) => {
    const id = await create()
    const response = await edge.send(`/v1/payments/${id}?${query}`)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ error: { code: 'parameter_invalid', param: 'expand', message } })
    const post = await edge.send('/v1/payments', { key: 'x', body: { ...card, expand: [query.split('=')[1]] } })
    expect(post.json()).toMatchObject({ error: { code: 'parameter_invalid', param: 'expand', message } })
  })

  it('of more than 20 paths, or in the query of a POST, is refused', async () => {
    const id = await create()
    const many = Array.from({ length: 21 }, () => 'expand[]=refunds').join('&')
    expect((await edge.send(`/v1/payments/${id}?${many}`)).statusCode).toBe(400)
    const inQuery = await edge.send('/v1/payments?expand[]=refunds', { key: 'x', body: card })
    expect(inQuery.json()).toMatchObject({ error: { code: 'unknown_field', param: 'expand[]' } })
  })
})

describe('a conditional read', () => {
  it('is 304 without a body until something happened', async () => {
    const id = await create('k', { ...card, capture_method: 'manual' })
    const paths = [`/v1/payments/${id}`, `/v1/payments/${id}/attempts`, `/v1/payments/${id}/events`]
    for (const path of paths) {
      const first = await edge.send(path)
      const etag = String(first.headers.etag)
      expect(etag).toMatch(/^"[0-9]+"$/)
      for (const given of [etag, `W/${etag}`, `"0", ${etag}`, '*']) {
        const again = await edge.send(path, { headers: { 'if-none-match': given } })
        expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', etag])
      }
      expect((await edge.send(path, { headers: { 'if-none-match': '"0"' } })).statusCode).toBe(200)
    }
    const before = String((await edge.send(`/v1/payments/${id}`)).headers.etag)
    await edge.send(`/v1/payments/${id}/capture`, { key: 'c' })
    for (const path of paths) {
      expect((await edge.send(path, { headers: { 'if-none-match': before } })).statusCode).toBe(200)
    }
  })

  it('of somebody else’s payment is 404, whatever version is named', async () => {
    const id = await create()
    const response = await edge.send(`/v1/payments/${id}`, { secret: otherSecret, headers: { 'if-none-match': '*' } })
    expect(response.statusCode).toBe(404)
  })
})

describe('the version of the API', () => {
  it('is the key’s, or the one asked for, and every answer names it', async () => {
    const id = await create()
    for (const headers of [{}, { 'api-version': '2026-11-01' }]) {
      for (const path of [`/v1/payments/${id}`, `/v1/payments/${id}/events`, `/v1/payments/${id}/attempts`]) {
        expect((await edge.send(path, { headers })).headers['api-version']).toBe('2026-11-01')
      }
    }
  })

  it('that does not exist is refused for reads and writes, before anything is done', async () => {
    const id = await create()
    const calls = edge.psp.calls.length
    for (const version of ['2020-01-01', 'latest', '']) {
      for (const [path, sent] of [
        [`/v1/payments/${id}`, {}],
        ['/v1/payments', { key: 'k2', body: card }],
      ] as const) {
        const response = await edge.send(path, { ...sent, headers: { 'api-version': version } })
        expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([
          400,
          'api_version_unknown',
        ])
      }
    }
    expect(edge.psp.calls.length).toBe(calls)
  })

  it('of a key made under one that is gone is refused, not guessed', async () => {
    const old = await edgeOverHost({ key: { apiVersion: '2019-01-01' } })
    try {
      expect((await old.send('/v1/payments', { key: 'k', body: card })).json()).toMatchObject({
        error: { code: 'api_version_unknown' },
      })
      const asked = await old.send('/v1/payments', { key: 'k', body: card, headers: { 'api-version': '2026-11-01' } })
      expect(asked.statusCode).toBe(201)
    } finally {
      await old.close()
    }
  })
})

describe('attempts', () => {
  it('are a list, newest first', async () => {
    const id = await create('k', { ...card, payment_method: methods.declined })
    const response = await edge.send(`/v1/payments/${id}/attempts`)
    expect(response.json()).toEqual({
      object: 'list',
      url: `/v1/payments/${id}/attempts`,
      has_more: false,
      data: [
        {
          id: `att_${id.slice(4)}_1`,
          object: 'attempt',
          payment: id,
          psp: 'scripted',
          status: 'declined',
          amount: 1_000,
          amount_authorized: 0,
          failure: { code: 'card_declined', decline_code: 'insufficient_funds' },
          created: edge.clock.now() / 1_000,
          created_at: '2026-11-04T12:00:00Z',
          livemode: false,
        },
      ],
    })
  })
})

describe('events', () => {
  it('tell a payment’s life, each with the payment as it was and what changed', async () => {
    const id = await create('k', { ...card, capture_method: 'manual' })
    await edge.send(`/v1/payments/${id}/capture`, { key: 'c', body: { amount: 600 } })
    const refund = await edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 100 } })
    const { data, ...list } = await events(id)
    expect(list).toEqual({ object: 'list', url: `/v1/payments/${id}/events`, has_more: false })
    expect(data.map(({ type }) => type)).toEqual([
      'refund.succeeded',
      'refund.created',
      'payment.captured',
      'payment.authorized',
      'payment.pending',
      'payment.created',
    ])
    expect(data.every(({ payment }) => payment === id)).toBe(true)
    const [succeeded, made, captured, authorized, pending, created] = data
    expect(created).toMatchObject({
      id: `evt_${id.slice(4)}_1_0`,
      object: 'event',
      api_version: '2026-11-01',
      livemode: false,
      request: { id: expect.stringMatching(/^req_/) as string, idempotency_key: 'k' },
      sequence: 1,
      data: { object: { object: 'payment', id, description: 'tea' }, previous_attributes: {} },
    })
    expect(pending?.sequence).toBe(1)
    expect(authorized).toMatchObject({
      request: null,
      sequence: 2,
      data: {
        object: { status: 'authorized', amount_authorized: 1_000 },
        previous_attributes: { status: 'pending', amount_authorized: 0, pending_reason: 'awaiting_psp' },
      },
    })
    expect(captured).toMatchObject({
      data: {
        object: { status: 'captured', amount_captured: 600 },
        previous_attributes: { status: 'authorized', amount_captured: 0 },
      },
    })
    expect(captured?.data.previous_attributes).not.toHaveProperty('amount')
    expect(made).toMatchObject({
      request: { idempotency_key: 'r' },
      data: { object: { object: 'refund', status: 'pending' } },
    })
    expect(succeeded).toMatchObject({
      data: {
        object: { object: 'refund', id: refund.json<{ id: string }>().id, status: 'succeeded' },
        previous_attributes: { status: 'pending' },
      },
    })
    // The newest event shows what a read shows now.
    expect(succeeded?.data.object).toEqual(refund.json())
  })

  it('show nothing that a read does not show: no token, no reference of the PSP, no nonce', async () => {
    const id = await create('k', { ...card, payment_method: methods.threeDSecure, return_url: 'https://shop.example/' })
    const text = (await edge.send(`/v1/payments/${id}/events`)).body
    const call = edge.psp.calls[0]?.call
    const nonce = call?.kind === 'authorize' ? call.returnUrl?.split('/').at(-1) : undefined
    expect(nonce).toMatch(/^[0-9a-f]{32}$/)
    for (const hidden of [methods.threeDSecure, 'pi_att_', nonce ?? '']) expect(text).not.toContain(hidden)
    expect(text).toContain('requires_action')
  })

  it('come in pages, forwards and back', async () => {
    const id = await create()
    for (let n = 0; n < 6; n += 1) {
      await edge.send(`/v1/payments/${id}/refunds`, { key: `r${n}`, body: { amount: 10 } })
    }
    const all = (await events(id, '?limit=100')).data.map((event) => event.id)
    expect(all).toHaveLength(3 + 12)
    expect((await events(id)).data).toHaveLength(10)
    const first = await events(id, '?limit=4')
    expect([first.data.map((event) => event.id), first.has_more]).toEqual([all.slice(0, 4), true])
    const second = await events(id, `?limit=4&starting_after=${all[3]}`)
    expect([second.data.map((event) => event.id), second.has_more]).toEqual([all.slice(4, 8), true])
    const last = await events(id, `?limit=4&starting_after=${all.at(-4)}`)
    expect([last.data.map((event) => event.id), last.has_more]).toEqual([all.slice(-3), false])
    const back = await events(id, `?limit=4&ending_before=${all[8]}`)
    expect([back.data.map((event) => event.id), back.has_more]).toEqual([all.slice(4, 8), true])
  })

  it('wait for what was decided before they were asked for', async () => {
    const id = await create()
    const hung = edge.journal.hangNextFlush()
    const refunding = edge.send(`/v1/payments/${id}/refunds`, { key: 'r', body: { amount: 1 } })
    await edge.settle()
    const asked = edge.send(`/v1/payments/${id}/events`)
    let isAnswered = false
    void asked.then(() => {
      isAnswered = true
    })
    await edge.settle()
    expect(isAnswered).toBe(false)
    hung.release()
    await edge.settle()
    expect((await asked).json<ListBody<EventBody>>().data.map(({ type }) => type)).toContain('refund.created')
    await refunding
  })

  it('outlive snapshots: they are read from the journal’s rows', async () => {
    const small = await edgeOverHost({ limits: { residentBytesMax: 1, snapshotEvery: 2 } })
    try {
      const response = await small.send('/v1/payments', { key: 'k', body: card })
      const { id } = response.json<{ id: string }>()
      await small.pass(2_000)
      // Another payment, so that the first leaves memory.
      await small.send('/v1/payments', { key: 'k2', body: card })
      await small.pass(2_000)
      const address = addressOfPayment(id)
      if (address === undefined) throw new Error('an id has an address')
      expect((await small.journal.load(address)).snapshot?.seq).toBe(2)
      const list = (await small.send(`/v1/payments/${id}/events`)).json<ListBody<EventBody>>()
      expect(list.data.map(({ type }) => type)).toEqual(['payment.captured', 'payment.pending', 'payment.created'])
    } finally {
      await small.close()
    }
  })

  it('outlive processes', async () => {
    const id = await create()
    const before = await events(id)
    const next = await edgeOverHost({ database: edge.database, clock: edge.clock })
    try {
      expect((await next.send(`/v1/payments/${id}/events`)).json()).toEqual(before)
    } finally {
      await next.close()
    }
  })

  it('of a journal that cannot be read are 503', async () => {
    const id = await create()
    edge.database.available = false
    const asked = edge.send(`/v1/payments/${id}/events`)
    await edge.pass(16_000)
    const response = await asked
    edge.database.available = true
    expect(response.statusCode).toBe(503)
    expect(response.json()).toMatchObject({ error: { code: 'service_unavailable', retryable: true } })
    edge.troubles.splice(0)
  })
})

describe('B39 pages', () => {
  it.each([
    ['limit=1&limit=2', 'limit', 'limit must be an integer.'],
    ['limit=0', 'limit', 'limit must be at least 1.'],
    ['limit=-1', 'limit', 'limit must be at least 1.'],
    ['limit=101', 'limit', 'limit must be at most 100.'],
    ['limit=1e9', 'limit', 'limit must be an integer.'],
    ['limit=9999999999', 'limit', 'limit must be at most 100.'],
    ['limit=99999999999999999999', 'limit', 'limit must be an integer.'],
    ['limit=abc', 'limit', 'limit must be an integer.'],
    ['limit=', 'limit', 'limit must be an integer.'],
    ['limit=%31%30%30%30', 'limit', 'limit must be at most 100.'],
    ['starting_after=evt_x', 'starting_after', 'starting_after names nothing of this list.'],
    ['ending_before=pay_x', 'ending_before', 'ending_before names nothing of this list.'],
    ['starting_after=', 'starting_after', 'starting_after must not be empty.'],
    ['starting_after=a&starting_after=b', 'starting_after', 'starting_after must be a string.'],
  ])('with ?%s are refused', async (query, param, message) => {
    const id = await create()
    for (const list of ['attempts', 'events']) {
      const response = await edge.send(`/v1/payments/${id}/${list}?${query}`)
      expect(response.statusCode).toBe(400)
      expect(response.json()).toMatchObject({ error: { code: 'parameter_invalid', param, message } })
    }
  })

  it('whose cursor is an event of another payment are refused', async () => {
    const [mine, other] = [await create('a'), await create('b')]
    const cursor = (await events(other)).data[0]?.id
    const response = await edge.send(`/v1/payments/${mine}/events?starting_after=${cursor}`)
    expect(response.json()).toMatchObject({ error: { code: 'parameter_invalid', param: 'starting_after' } })
  })

  it('with a parameter that does not exist, or very many, are refused', async () => {
    const id = await create()
    for (const query of [
      'page=2',
      '__proto__=1',
      'a'.repeat(500),
      '&&x',
      Array.from({ length: 60 }, () => 'limit=1').join('&'),
    ]) {
      const response = await edge.send(`/v1/payments/${id}/events?${query}`)
      expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([
        400,
        query.startsWith('limit') ? expect.any(String) : 'unknown_field',
      ])
    }
  })
})
