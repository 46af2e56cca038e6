/** Answers that Stripe should never give (F26), and its refusals for load (F24): nothing of them is taken for a success. */
import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { systemClock } from '../../runtime/clock.ts'
import {
  authorizeCall,
  captureCall,
  completeCall,
  refundCall,
  samplePayment,
  voidCall,
} from '../../test/support/psp-calls.ts'
import { cleanUp } from '../../test/support/simulator.ts'
import { ids, intent, type Json, ourMetadata, refund } from '../../test/support/stripe-events.ts'
import type { Connector } from '../connector.ts'
import { createStripeConnector } from './connector.ts'

interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Buffer | Json
}

/** A connector to a server that gives everybody the same answer. */
async function answeredWith({ status = 200, headers = {}, body }: Answer): Promise<Connector> {
  const listener: RequestListener = (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body))
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const connector = createStripeConnector({
    connection: 'stripe-test',
    secretKey: 'sk_test_shardpay',
    baseUrl: `http://127.0.0.1:${port}`,
    clock: systemClock,
    limits: { deadlineMs: 5_000 },
  })
  cleanUp(async () => {
    await connector.close()
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return connector
}

const calls: readonly PspCall[] = [
  authorizeCall(),
  completeCall('pi_1'),
  captureCall('pi_1'),
  voidCall('pi_1'),
  refundCall('pi_1'),
]

/** The answer to the first send, to a repeat, and to each way to look the operation up. */
async function everyOutcome(connector: Connector, call: PspCall): Promise<OperationOutcome[]> {
  const first = await connector.send(call, { notAfter: Date.now() + 60_000 })
  const inquiries = await Promise.all([
    connector.inquire(call, { repeatAllowed: true }),
    connector.inquire(call, { repeatAllowed: false }),
    connector.inquire(call, { repeatAllowed: false, pspReference: call.kind === 'refund' ? 're_1' : 'pi_1' }),
  ])
  return [first, ...inquiries]
}

const error = { error: { type: 'invalid_request_error', code: 'parameter_unknown', message: 'no' } }
const others = { ...ourMetadata, payment_id: samplePayment.replace('0123', '3210') }
const answers: readonly (readonly [string, Answer])[] = [
  ['the intent of another payment', { body: intent({ metadata: others }) }],
  ['the refund of another payment', { body: refund({ metadata: others }) }],
  ['an intent that somebody else made', { body: intent({ id: 'pi_2', metadata: {} }) }],
  ["a refund of somebody else's intent", { body: refund({ payment_intent: 'pi_2', metadata: {} }) }],
  ['another kind of object', { body: { id: 'cus_1', object: 'customer', metadata: ourMetadata } }],
  ['an error, with status 200', { body: error }],
  ['HTML', { body: '<!doctype html><title>200 OK</title>', headers: { 'content-type': 'text/html' } }],
  ['HTML, with status 402', { status: 402, body: '<!doctype html><title>Payment required</title>' }],
  ['HTML, with status 503', { status: 503, body: '<!doctype html><title>Maintenance</title>' }],
  ['nothing', { body: '' }],
  ['a list', { body: '[]' }],
  ['half an answer', { body: JSON.stringify(intent()).slice(0, 300) }],
  ['bytes that are no text', { body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) }],
  ['5 MB', { body: JSON.stringify(intent({ description: 'x'.repeat(5_000_000) })) }],
  ['a redirect', { status: 307, body: '', headers: { location: 'https://evil.example/' } }],
  ['amounts that are texts', { body: intent({ amount: '1234', amount_capturable: '1234' }) }],
  ['amounts that are fractions', { body: refund({ amount: 12.34 }) }],
]

describe('an answer that is not about this operation, or is none, leaves it unknown', () => {
  it.each(answers)('%s', async (_, answer) => {
    const connector = await answeredWith(answer)
    for (const call of calls) {
      for (const outcome of await everyOutcome(connector, call)) expect(outcome.kind, call.kind).toBe('unknown')
    }
  })
})

describe('an answer of another amount, currency or operation', () => {
  it("is told as Stripe's, never as what was planned: the payment compares them and holds", async () => {
    const held = await answeredWith({ body: intent({ amount: 99, amount_capturable: 99, currency: 'usd' }) })
    expect(await held.send(authorizeCall(), { notAfter: Date.now() + 60_000 })).toMatchObject({
      amountMinor: 99,
      currency: 'USD',
      echoedOperationId: ids.authorize,
    })
    const taken = { status: 'succeeded', amount_received: 99, currency: 'usd' }
    const captured = await answeredWith({ body: intent(taken) })
    expect(await captured.send(captureCall('pi_1'), { notAfter: Date.now() + 60_000 })).toMatchObject({
      amountMinor: 99,
      currency: 'USD',
    })
    const metadata = { ...ourMetadata, operation_id: ids.refund.replace(/1$/, '2') }
    const refunded = await answeredWith({ body: refund({ amount: 99, currency: 'usd', metadata }) })
    expect(await refunded.send(refundCall('pi_1'), { notAfter: Date.now() + 60_000 })).toMatchObject({
      amountMinor: 99,
      currency: 'USD',
      echoedOperationId: metadata.operation_id,
    })
  })
})

describe('429', () => {
  const limited = { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'too many' } }
  const locked = { error: { type: 'invalid_request_error', code: 'lock_timeout', message: 'locked' } }
  const headers: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'retry-after': '2' },
    { 'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT' },
    { 'retry-after': 'soon' },
    { 'stripe-should-retry': 'true' },
    { 'stripe-should-retry': 'false', 'retry-after': '60' },
    { 'stripe-rate-limited-reason': 'global-concurrency' },
  ]

  it.each(headers)(
    'with %o: nothing ran on a first send, nothing is known after a repeat, and nothing is retried here',
    async (given) => {
      for (const body of [limited, locked]) {
        const connector = await answeredWith({ status: 429, headers: given, body })
        for (const call of calls) {
          const [first, ...inquiries] = await everyOutcome(connector, call)
          const proof = { kind: 'not_sent', reason: 'rate_limited' }
          // The second step of an authorization is a read: that it was not made proves nothing.
          expect(first, call.kind).toEqual(call.kind === 'complete' ? { kind: 'unknown', reason: 'psp_error' } : proof)
          for (const inquiry of inquiries) expect(inquiry.kind, call.kind).toBe('unknown')
        }
      }
    },
  )

  it('that is no answer of Stripe proves nothing', async () => {
    const connector = await answeredWith({ status: 429, headers: { 'retry-after': '1' }, body: 'slow down' })
    for (const call of calls) {
      for (const outcome of await everyOutcome(connector, call)) expect(outcome.kind, call.kind).toBe('unknown')
    }
  })
})
