import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { AssertionFailure } from '../../runtime/assert.ts'
import { systemClock } from '../../runtime/clock.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../../test/support/psp-calls.ts'
import type { Connector } from '../connector.ts'
import { OriginRefused } from '../http/origin.ts'
import { type AdyenConnectorOptions, createAdyenConnector } from './connector.ts'

interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

interface Answer {
  readonly status: number
  readonly json: unknown
  readonly headers?: Record<string, string>
}

const reference = '993617894903480A'
const authorize = authorizeCall({ paymentMethod: { type: 'card', token: 'M5N7TQ4TG5PFWR50' }, customer: 'cus_1' })
const completion = { ...completeCall(reference), redirectResult: 'X6XtfGC3' }
const authorised: Answer = { status: 200, json: { pspReference: reference, resultCode: 'Authorised' } }

let cleanUps: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  cleanUps = []
})

/** A server that gives every request the same answer, or none at all. */
async function pspAnswering(answer: Answer | undefined): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown
      asked.push({ path: request.url ?? '', headers: request.headers, body })
      if (answer === undefined) request.socket.destroy()
      else response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.json))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

function connectorTo(baseUrl: string, options: Partial<AdyenConnectorOptions> = {}): Connector {
  const connector = createAdyenConnector({
    connection: 'adyen-test',
    mode: 'test',
    apiKey: 'AQEtest',
    merchantAccount: 'ShoesCOM',
    baseUrl,
    clock: systemClock,
    limits: { deadlineMs: 2_000 },
    ...options,
  })
  cleanUps.push(() => connector.close())
  return connector
}

async function setUp(answer: Answer | undefined): Promise<{ connector: Connector; asked: Asked[] }> {
  const { url, asked } = await pspAnswering(answer)
  return { connector: connectorTo(url), asked }
}

const inTime = (): { notAfter: number } => ({ notAfter: Date.now() + 60_000 })

describe('a first send', () => {
  it('is one POST with key, account and idempotency key', async () => {
    const { connector, asked } = await setUp(authorised)
    expect(await connector.send(authorize, inTime())).toMatchObject({ kind: 'succeeded', captured: false })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({
      path: '/v72/payments',
      headers: { 'x-api-key': 'AQEtest', 'idempotency-key': authorize.operationId, 'content-type': 'application/json' },
      body: { merchantAccount: 'ShoesCOM', reference: authorize.operationId },
    })
  })

  it('of a modification is accepted under the reference of the modification', async () => {
    for (const [call, path] of [
      [captureCall(reference), `/v72/payments/${reference}/captures`],
      [refundCall(reference), `/v72/payments/${reference}/refunds`],
      [voidCall(reference), `/v72/payments/${reference}/cancels`],
      [voidCall(undefined), '/v72/cancels'],
    ] as const) {
      const { connector, asked } = await setUp({
        status: 201,
        json: {
          merchantAccount: 'ShoesCOM',
          paymentPspReference: reference,
          paymentReference: authorize.operationId,
          amount: { currency: 'EUR', value: 1234 },
          pspReference: '993617894906488A',
          status: 'received',
        },
      })
      expect(await connector.send(call, inTime())).toEqual({ kind: 'accepted', pspReference: '993617894906488A' })
      expect(asked.map((request) => request.path)).toEqual([path])
    }
  })

  it('that cannot have reached Adyen is not sent; one that may have is unknown', async () => {
    const { url } = await pspAnswering(authorised)
    const connector = connectorTo(url)
    expect(await connector.send(authorize, { notAfter: Date.now() - 1 })).toEqual({
      kind: 'not_sent',
      reason: 'too_late',
    })
    expect(await connectorTo('http://127.0.0.1:1').send(authorize, inTime())).toMatchObject({ kind: 'not_sent' })
    const { connector: cut } = await setUp(undefined)
    expect(await cut.send(authorize, inTime())).toEqual({ kind: 'unknown', reason: 'connection_lost' })
  })

  it('of the second step tells nothing where it did not arrive, and is none without what the shopper brought', async () => {
    const { connector, asked } = await setUp({
      status: 200,
      json: { pspReference: 'V4HZ4RBFJGXXGN82', resultCode: 'Authorised' },
    })
    expect(await connector.send(completion, inTime())).toMatchObject({
      kind: 'succeeded',
      pspReference: 'V4HZ4RBFJGXXGN82',
    })
    expect(asked[0]).toMatchObject({ path: '/v72/payments/details', body: { details: { redirectResult: 'X6XtfGC3' } } })
    expect(await connector.send(completeCall(reference), inTime())).toEqual({
      kind: 'unknown',
      reason: 'not_found_yet',
    })
    expect(asked).toHaveLength(1)
    expect(await connectorTo('http://127.0.0.1:1').send(completion, inTime())).toEqual({
      kind: 'unknown',
      reason: 'connection_lost',
    })
  })

  it('that Adyen cannot take is declined without being sent', async () => {
    const { connector, asked } = await setUp(authorised)
    const declined = async (call: Parameters<Connector['send']>[0]) => connector.send(call, inTime())
    expect(await declined({ ...authorize, currency: 'CLF' })).toMatchObject({
      decline: { class: 'configuration', code: 'amount_not_supported' },
    })
    const { customer: _, ...unnamed } = authorize
    expect(await declined(unnamed)).toMatchObject({ decline: { class: 'configuration', code: 'customer_required' } })
    expect(await declined({ ...authorize, paymentMethod: { type: 'card', token: '{"number":"4"}' } })).toMatchObject({
      decline: { class: 'retry_elsewhere', code: 'payment_method_not_supported' },
    })
    expect(await declined({ ...authorize, requestVersion: 2 })).toEqual({ kind: 'not_sent', reason: 'request_version' })
    expect(asked).toEqual([])
  })
})

describe('an inquiry', () => {
  it('repeats the identical request with its key', async () => {
    const { connector, asked } = await setUp(authorised)
    await connector.send(authorize, inTime())
    expect(await connector.inquire(authorize, { repeatAllowed: true })).toMatchObject({ kind: 'succeeded' })
    expect(asked[1]?.body).toEqual(asked[0]?.body)
    expect(asked[1]?.headers['idempotency-key']).toBe(asked[0]?.headers['idempotency-key'])
    expect(await connector.inquire(completion, { repeatAllowed: true, pspReference: reference })).toMatchObject({
      kind: 'succeeded',
    })
  })

  it('asks nothing where Adyen may have forgotten the key, has told its reference, or could not be asked anyway', async () => {
    const { connector, asked } = await setUp(authorised)
    const notYet = { kind: 'unknown', reason: 'not_found_yet' }
    expect(await connector.inquire(authorize, { repeatAllowed: false })).toEqual(notYet)
    for (const call of [authorize, captureCall(reference), refundCall(reference), voidCall(reference)]) {
      expect(await connector.inquire(call, { repeatAllowed: true, pspReference: '993617894906488A' })).toEqual(notYet)
    }
    expect(await connector.inquire(completeCall(reference), { repeatAllowed: true })).toEqual(notYet)
    expect(asked).toEqual([])
  })

  it('is never proof that nothing was sent', async () => {
    const unsent = connectorTo('http://127.0.0.1:1')
    const refused = { kind: 'unknown', reason: 'repeat_refused' }
    expect(await unsent.inquire(authorize, { repeatAllowed: true })).toEqual(refused)
    expect(await unsent.inquire({ ...authorize, requestVersion: 2 }, { repeatAllowed: true })).toEqual(refused)
    const { connector } = await setUp({ status: 422, json: {}, headers: { 'transient-error': 'true' } })
    expect(await connector.inquire(authorize, { repeatAllowed: true })).toEqual(refused)
    const { connector: cut } = await setUp(undefined)
    expect(await cut.inquire(authorize, { repeatAllowed: true })).toEqual({
      kind: 'unknown',
      reason: 'connection_lost',
    })
  })
})

describe('a connection', () => {
  it('takes several captures only where its account does', () => {
    expect(connectorTo('http://127.0.0.1:1').profile).toMatchObject({ psp: 'adyen', multicapture: false })
    expect(connectorTo('http://127.0.0.1:1', { multicapture: true }).profile.multicapture).toBe(true)
  })

  it('gives a live key to Adyen alone', () => {
    const live = (baseUrl?: string) => () =>
      connectorTo(baseUrl ?? '', { mode: 'live', allowedOrigins: ['https://elsewhere.example'] })
    expect(live('https://1797a841fbb37ca7-Shoes-checkout-live.adyenpayments.com')).not.toThrow()
    for (const url of [
      'https://checkout-test.adyen.com',
      'https://elsewhere.example',
      'http://127.0.0.1:8080',
      'http://prefix-checkout-live.adyenpayments.com',
      'https://x.example/prefix-checkout-live.adyenpayments.com',
      'https://prefix-checkout-live.adyenpayments.com.example',
    ]) {
      expect(live(url), url).toThrow(AssertionFailure)
    }
  })

  it('gives a test key to Adyen, this machine, and what is allowed', () => {
    expect(() => connectorTo('https://elsewhere.example')).toThrow(OriginRefused)
    expect(() =>
      connectorTo('https://elsewhere.example', { allowedOrigins: ['https://elsewhere.example'] }),
    ).not.toThrow()
    expect(() => connectorTo('http://127.0.0.1:1', { apiKey: 'two words' })).toThrow(AssertionFailure)
    expect(() => connectorTo('http://127.0.0.1:1', { merchantAccount: '' })).toThrow(AssertionFailure)
  })
})
