/** What merchants see of a cluster: nothing. Any gateway takes any request, and a move costs nobody an answer. */
import { afterEach, describe, expect, test } from 'vitest'
import { addressOfPayment } from '../../domain/ids.ts'
import { methods } from '../support/edge-over-host.ts'
import { everyShard, type TwoNodes, twoNodes } from '../support/two-nodes.ts'

const open: TwoNodes[] = []

afterEach(async () => {
  for (const nodes of open.splice(0)) await nodes.close()
})

async function start(...args: Parameters<typeof twoNodes>): Promise<TwoNodes> {
  const nodes = await twoNodes(...args)
  open.push(nodes)
  return nodes
}

interface Body {
  readonly id: string
  readonly status: string
}

const card = {
  amount: 1_000,
  currency: 'eur',
  payment_method: methods.card,
  metadata: { constructor: 'x', 10: 'y', 9: 'z' },
}

describe('an answer', () => {
  test.each([
    ['captured', 201, card],
    ['authorized', 201, { ...card, capture_method: 'manual' }],
    ['not confirmed', 201, { ...card, confirm: false }],
    ['with an action for the shopper', 201, { ...card, payment_method: methods.threeDSecure }],
    ['declined', 402, { ...card, payment_method: methods.declined }],
    ['set-up refused', 424, { ...card, payment_method: methods.refusedSetUp }],
  ])('%s is byte for byte the same, served here or through a link', async (_name, status, body) => {
    const { old, young, until } = await start()
    for (const key of ['k', '__proto__']) {
      const first = await until(young.edge.send('/v1/payments', { key, body }))
      const here = await until(old.edge.send('/v1/payments', { key, body }))
      const there = await until(young.edge.send('/v1/payments', { key, body }))
      expect([first.statusCode, here.statusCode, there.statusCode]).toEqual([status, status, status])
      expect(here.rawPayload.equals(first.rawPayload)).toBe(true)
      expect(there.rawPayload.equals(first.rawPayload)).toBe(true)
      expect(lastingHeaders(there.headers)).toEqual(lastingHeaders(here.headers))
    }
    expect(young.router.stats().forwarded).toBe(4)
    expect(old.router.stats().forwarded).toBe(0)
  })

  test('to a read, a list of events and a refusal is the same too', async () => {
    const { old, young, until } = await start()
    const { id } = (await until(young.edge.send('/v1/payments', { key: 'k', body: card }))).json<Body>()
    const captureAgain = { key: 'c', body: {} }
    for (const [url, sent] of [
      [`/v1/payments/${id}`, {}],
      [`/v1/payments/${id}/events`, {}],
      [`/v1/payments/${id}/capture`, captureAgain],
    ] as const) {
      const here = await until(old.edge.send(url, sent))
      const there = await until(young.edge.send(url, sent))
      expect(there.statusCode).toBe(here.statusCode)
      expect(withoutRequestId(there.json<object>())).toEqual(withoutRequestId(here.json<object>()))
    }
  })
})

/** All but what belongs to the one request and its moment. */
function lastingHeaders(headers: object): [string, unknown][] {
  return Object.entries(headers).filter(([name]) => !['date', 'request-id', 'x-request-id'].includes(name))
}

/** A problem names the request that it is about, and that is another one. */
function withoutRequestId(body: object): object {
  return JSON.parse(JSON.stringify(body).replaceAll(/"req_[0-9a-z]+"/g, '"req"')) as object
}

describe('a planned move', () => {
  test('of every shard while a PSP takes its time: one call, one outcome, one answer to whoever waits', async () => {
    const { clock, old, young, move, until } = await start({ psp: { latencyMs: 2_000 } })
    const waiting = old.edge.send('/v1/payments', { key: 'k', body: card })
    await until(old.edge.pass(200))
    expect(old.edge.psp.calls).toHaveLength(1)
    await move(everyShard, old, young)
    const began = clock.monotonic()
    const response = await until(waiting)
    expect(response.statusCode).toBe(201)
    expect(response.json<Body>().status).toBe('captured')
    // The former owner's call was not waited for in vain: its answer was routed to where the payment is.
    expect(clock.monotonic() - began).toBeLessThan(2_000)
    expect(old.router.stats().forwarded).toBeGreaterThanOrEqual(2)
    await until(young.edge.pass(5_000))
    const payment = (await until(young.edge.send(`/v1/payments/${response.json<Body>().id}`))).json<Body>()
    expect(payment.status).toBe('captured')
  })

  test('while the former owner’s call is under way the next one repeats the identical request, and both answers make one outcome', async () => {
    const { old, young, move, until } = await start({ psp: { latencyMs: 2_000 } })
    const waiting = old.edge.send('/v1/payments', { key: 'k', body: card })
    await until(old.edge.pass(200))
    await move(everyShard, old, young)
    const response = await until(waiting)
    await until(young.edge.pass(5_000))
    const [first] = old.edge.psp.calls
    const [second] = young.edge.psp.calls
    expect(first).toMatchObject({ step: 'send' })
    expect(second).toMatchObject({ step: 'inquire' })
    expect(second?.call).toEqual(first?.call)
    expect([old.edge.psp.calls.length, young.edge.psp.calls.length]).toEqual([1, 1])
    const { id } = response.json<Body>()
    const address = addressOfPayment(id)
    const { rows: all } = old.edge.database.shard(address?.shard ?? 0)
    const rows = all.filter(({ entity }) => entity === address?.entity)
    // Created, asked about by the next owner, ended once: the later of the two answers changed nothing.
    expect(rows.map(({ type }) => type)).toEqual([
      'payment.create_payment',
      'payment.recover_operations',
      'payment.record_outcome',
    ])
  })

  test('of a shard back and forth under requests: every one is answered, none is refused', async () => {
    const { old, young, move, until } = await start()
    const sent: Promise<{ readonly statusCode: number }>[] = []
    for (let n = 0; n < 60; n += 1) {
      const at = n % 2 === 0 ? old : young
      sent.push(at.edge.send('/v1/payments', { key: `k${n}`, body: card }))
      if (n % 20 === 10) await move(everyShard, n === 30 ? young : old, n === 30 ? old : young)
    }
    const responses = await until(Promise.all(sent))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(sent.map(() => 201))
    // One operation for each payment, whoever asked the PSP about it and however often.
    const calls = [...old.edge.psp.calls, ...young.edge.psp.calls]
    expect(new Set(calls.map(({ call }) => call.operationId)).size).toBe(60)
    expect(calls.filter(({ step }) => step === 'send')).toHaveLength(60)
  })

  test('a link that is cut in the middle of requests costs time, not answers, and no second charge', async () => {
    const { network, old, young, until } = await start({ psp: { latencyMs: 50 } })
    const sent = Array.from({ length: 20 }, (_, n) => young.edge.send('/v1/payments', { key: `k${n}`, body: card }))
    await until(young.edge.pass(20))
    network.reset('node-1', 'node-2')
    const responses = await until(Promise.all(sent))
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(sent.map(() => 201))
    expect(new Set(old.edge.psp.calls.map(({ call }) => call.operationId)).size).toBe(20)
    expect(old.edge.psp.calls).toHaveLength(20)
    expect(young.router.stats().retried).toBeGreaterThan(0)
  })
})
