import { createServer } from 'node:http'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { OperationOutcome } from '../../domain/payment/operations.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { Connector } from '../connector.ts'
import { OriginRefused } from '../http/origin.ts'
import type { HttpLimits } from '../http/client.ts'
import type { FaultAction } from '../simulator/behaviour.ts'
import { cleanUp, type TestSimulator, testSimulator } from '../../test/support/simulator.ts'
import {
  authorizeCall,
  captureCall,
  completeCall,
  refundCall,
  samplePayment,
  voidCall,
} from '../../test/support/psp-calls.ts'
import { createStripeConnector } from './connector.ts'

function connectorTo(baseUrl: string, limits: Partial<HttpLimits> = {}): Connector {
  const connector = createStripeConnector({
    connection: 'stripe-test',
    secretKey: 'sk_test_shardpay',
    baseUrl,
    clock: systemClock,
    limits: { deadlineMs: 2_000, ...limits },
  })
  cleanUp(() => connector.close())
  return connector
}

async function setUp(limits?: Partial<HttpLimits>): Promise<{ simulator: TestSimulator; connector: Connector }> {
  const simulator = await testSimulator()
  return { simulator, connector: connectorTo(simulator.url, limits) }
}

const inTime = (): { notAfter: number } => ({ notAfter: Date.now() + 60_000 })
const repeat = { repeatAllowed: true }
const lookUp = { repeatAllowed: false }

function referenceOf(outcome: OperationOutcome): string {
  if (outcome.kind !== 'succeeded' && outcome.kind !== 'requires_action')
    throw new Error(`a reference, not ${outcome.kind}`)
  return outcome.pspReference
}

async function authorized(connector: Connector): Promise<string> {
  return referenceOf(await connector.send(authorizeCall(), inTime()))
}

/** What the book says was effected, in order. */
async function effects(simulator: TestSimulator): Promise<string[]> {
  return (await simulator.book(samplePayment)).filter(({ effect }) => effect).map(({ operation }) => operation)
}

describe('the Stripe connector with the simulator: every operation', () => {
  it('authorizes, captures and refunds, each once', async () => {
    const { simulator, connector } = await setUp()
    const intent = await authorized(connector)
    expect(await connector.send(captureCall(intent, { amountMinor: 1000 }), inTime())).toMatchObject({
      kind: 'succeeded',
      amountMinor: 1000,
      currency: 'EUR',
      echoedOperationId: captureCall(intent).operationId,
    })
    expect(await connector.send(refundCall(intent, { amountMinor: 400 }), inTime())).toMatchObject({
      kind: 'succeeded',
      amountMinor: 400,
    })
    const book = (await simulator.book(samplePayment)).filter(({ effect }) => effect)
    expect(book.map(({ operation, amount, operation_id }) => [operation, amount, operation_id])).toEqual([
      ['authorize', 1234, authorizeCall().operationId],
      ['capture', 1000, captureCall(intent).operationId],
      ['refund', 400, refundCall(intent).operationId],
    ])
  })

  it('authorizes and captures in one step', async () => {
    const { simulator, connector } = await setUp()
    const outcome = await connector.send(authorizeCall({ captureMethod: 'automatic' }), inTime())
    expect(outcome).toMatchObject({ kind: 'succeeded', captured: true, amountMinor: 1234 })
    expect(await effects(simulator)).toEqual(['authorize', 'capture'])
  })

  it('voids an authorization, and finds its id by our operation id where it was never learned', async () => {
    const { simulator, connector } = await setUp()
    await authorized(connector)
    expect(await connector.send(voidCall(undefined), inTime())).toMatchObject({ kind: 'succeeded', amountMinor: 1234 })
    expect(await effects(simulator)).toEqual(['authorize', 'void'])
  })

  it('sends no void where there is nothing to void', async () => {
    const { simulator, connector } = await setUp()
    expect(await connector.send(voidCall(undefined), inTime())).toEqual({
      kind: 'not_sent',
      reason: 'authorization_not_found',
    })
    await simulator.behave([{ action: 'error_500_before', match: { operation: 'read' } }])
    expect(await connector.send(voidCall(undefined), inTime())).toEqual({
      kind: 'not_sent',
      reason: 'authorization_lookup_failed',
    })
    expect(await simulator.book()).toEqual([])
  })

  it('goes through authentication: complete and fail', async () => {
    const { simulator, connector } = await setUp()
    const call = authorizeCall({
      paymentMethod: { type: 'card', token: 'pm_card_authenticationRequired' },
      returnUrl: 'https://shop.example/return',
    })
    const waiting = await connector.send(call, inTime())
    expect(waiting).toMatchObject({ kind: 'requires_action', action: { type: 'redirect' } })
    const intent = referenceOf(waiting)
    expect(await connector.send(completeCall(intent), inTime())).toMatchObject({ kind: 'requires_action' })
    await act(simulator, intent, 'complete')
    expect(await connector.send(completeCall(intent), inTime())).toMatchObject({
      kind: 'succeeded',
      captured: false,
      pspReference: intent,
    })

    const other = { ...call, operationId: `${call.operationId}9`, idempotencyKey: `${call.operationId}9` }
    const second = referenceOf(await connector.send(other, inTime()))
    await act(simulator, second, 'fail')
    expect(await connector.send(completeCall(second), inTime())).toMatchObject({
      kind: 'declined',
      decline: { class: 'shopper', code: 'authentication_failed' },
    })
  })

  it('declines instead of asking for an authentication that nobody could come back from', async () => {
    const { connector } = await setUp()
    const call = authorizeCall({ paymentMethod: { type: 'card', token: 'pm_card_authenticationRequired' } })
    expect(await connector.send(call, inTime())).toMatchObject({
      kind: 'declined',
      decline: { class: 'shopper', code: 'authentication_required' },
    })
  })

  it.each([
    ['pm_card_chargeDeclined', 'soft', 'generic_decline'],
    ['pm_card_visa_chargeDeclined', 'soft', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'soft', 'insufficient_funds'],
    ['pm_card_visa_chargeDeclinedLostCard', 'hard', 'lost_card'],
    ['pm_card_visa_chargeDeclinedStolenCard', 'hard', 'stolen_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'hard', 'expired_card'],
    ['pm_card_chargeDeclinedIncorrectCvc', 'shopper', 'incorrect_cvc'],
    ['pm_card_chargeDeclinedProcessingError', 'retry_elsewhere', 'processing_error'],
    ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'soft', 'card_velocity_exceeded'],
    ['pm_card_chargeCustomerFail', 'soft', 'generic_decline'],
    ['pm_card_nobodyHasThis', 'hard', 'payment_method_invalid'],
  ])('declines %s: %s, %s', async (token, className, code) => {
    const { simulator, connector } = await setUp()
    const outcome = await connector.send(authorizeCall({ paymentMethod: { type: 'card', token } }), inTime())
    expect(outcome).toMatchObject({ kind: 'declined', decline: { class: className, code } })
    expect(await effects(simulator)).toEqual([])
  })

  it('takes wallets: a token of the PSP by itself or inside what Google Pay gives, not one it cannot read', async () => {
    const { simulator, connector } = await setUp()
    const methods = [
      ['apple_pay', 'tok_visa', 'succeeded'],
      ['apple_pay', 'pm_card_visa', 'succeeded'],
      ['google_pay', '{"id":"tok_mastercard","object":"token"}', 'succeeded'],
      ['google_pay', 'tok_chargeDeclined', 'generic_decline'],
      ['google_pay', 'tok_nobodyHasThis', 'payment_method_invalid'],
      ['apple_pay', '{"paymentData":{}}', 'payment_method_not_supported'],
    ] as const
    for (const [n, [type, token, expected]] of methods.entries()) {
      const call = authorizeCall({ paymentMethod: { type, token }, idempotencyKey: `wallet-${n}` })
      const outcome = await connector.send(call, inTime())
      expect(outcome.kind === 'declined' ? outcome.decline.code : outcome.kind).toBe(expected)
    }
    expect(await effects(simulator)).toHaveLength(3)
    const unreadable = authorizeCall({ paymentMethod: { type: 'apple_pay', token: '{}' } })
    expect(await connector.inquire(unreadable, { repeatAllowed: true })).toMatchObject({ kind: 'declined' })
  })

  it('declines what the state forbids: a capture too large, a second void, a refund too large', async () => {
    const { connector } = await setUp()
    const intent = await authorized(connector)
    const tooLarge = captureCall(intent, { amountMinor: 9999, idempotencyKey: 'k1' })
    expect(await connector.send(tooLarge, inTime())).toMatchObject({
      kind: 'declined',
      decline: { code: 'amount_too_large' },
    })
    expect(await connector.send(refundCall(intent, { idempotencyKey: 'k2' }), inTime())).toMatchObject({
      kind: 'declined',
    })
    expect(await connector.send(voidCall(intent), inTime())).toMatchObject({ kind: 'succeeded' })
    expect(await connector.send(voidCall(intent, { idempotencyKey: 'k3' }), inTime())).toMatchObject({
      kind: 'declined',
      decline: { code: 'already_voided' },
    })
    expect(await connector.send(captureCall(intent), inTime())).toMatchObject({
      kind: 'declined',
      decline: { code: 'authorization_canceled' },
    })
  })

  it('accepts a pending refund and learns its end by inquiry', async () => {
    const { connector } = await setUp()
    const token = 'pm_card_pendingRefund'
    const call = authorizeCall({ captureMethod: 'automatic', paymentMethod: { type: 'card', token } })
    const intent = referenceOf(await connector.send(call, inTime()))
    const refund = await connector.send(refundCall(intent), inTime())
    expect(refund).toMatchObject({ kind: 'accepted' })
    const pspReference = refund.kind === 'accepted' ? refund.pspReference : ''
    await expect
      .poll(() => connector.inquire(refundCall(intent), { pspReference, ...lookUp }), {
        timeout: 10_000,
        interval: 200,
      })
      .toMatchObject({ kind: 'succeeded', amountMinor: 1234, pspReference })
  })

  it('refuses what cannot be said in its minor units, without asking', async () => {
    const { simulator, connector } = await setUp()
    const call = authorizeCall({ amountMinor: 1234, currency: 'KWD' })
    const refusal = { kind: 'declined', decline: { class: 'configuration', code: 'amount_not_supported' } }
    expect(await connector.send(call, inTime())).toEqual(refusal)
    expect(await connector.inquire(call, repeat)).toEqual(refusal)
    expect(await simulator.book()).toEqual([])
  })

  it('refuses a form that only a newer release can build, and does not call that absent', async () => {
    const { connector } = await setUp()
    expect(await connector.send(authorizeCall({ requestVersion: 2 }), inTime())).toEqual({
      kind: 'not_sent',
      reason: 'request_version',
    })
    expect(await connector.inquire(authorizeCall({ requestVersion: 2 }), repeat)).toEqual({
      kind: 'unknown',
      reason: 'repeat_refused',
    })
  })
})

async function act(simulator: TestSimulator, intent: string, outcome: 'complete' | 'fail'): Promise<void> {
  const response = await fetch(`${simulator.adminUrl}/3ds/${intent}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ outcome }),
  })
  expect(response.status).toBe(200)
}

interface Fault {
  readonly action: FaultAction
  readonly status?: 503
  readonly first: OperationOutcome
  /** Whether the PSP did it. */
  readonly executed: boolean
}

const faults: readonly Fault[] = [
  { action: 'timeout_before', first: { kind: 'unknown', reason: 'timeout' }, executed: false },
  { action: 'timeout_after', first: { kind: 'unknown', reason: 'timeout' }, executed: true },
  { action: 'reset_before', first: { kind: 'unknown', reason: 'connection_lost' }, executed: false },
  { action: 'reset_after', first: { kind: 'unknown', reason: 'connection_lost' }, executed: true },
  { action: 'cut_answer', first: { kind: 'unknown', reason: 'connection_lost' }, executed: true },
  { action: 'html_after', first: { kind: 'unknown', reason: 'unreadable_answer' }, executed: true },
  {
    action: 'error_500_before',
    first: { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true },
    executed: false,
  },
  { action: 'error_500_after', first: { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }, executed: true },
  { action: 'error_500_before', status: 503, first: { kind: 'unknown', reason: 'psp_error' }, executed: false },
  { action: 'error_500_after', status: 503, first: { kind: 'unknown', reason: 'psp_error' }, executed: true },
  { action: 'rate_limit_429', first: { kind: 'not_sent', reason: 'rate_limited' }, executed: false },
  { action: 'lock_timeout_429', first: { kind: 'not_sent', reason: 'rate_limited' }, executed: false },
  {
    action: 'invalid_request_400',
    first: {
      kind: 'declined',
      decline: { class: 'configuration', code: 'psp_configuration', pspCode: 'parameter_invalid' },
    },
    executed: false,
  },
]

describe('the Stripe connector with a simulator that misbehaves', () => {
  const operations = ['authorize', 'capture', 'void', 'refund'] as const

  for (const operation of operations) {
    it.each(faults)(
      `${operation}: $action $status is told as it is, found by looking, and done once by repeating`,
      async (fault) => {
        const { simulator, connector } = await setUp({ deadlineMs: 300 })
        const intent = operation === 'authorize' ? '' : await authorized(connector)
        if (operation === 'refund') await connector.send(captureCall(intent), inTime())
        const call = {
          authorize: authorizeCall(),
          capture: captureCall(intent),
          void: voidCall(intent),
          refund: refundCall(intent),
        }[operation]
        const { action, status } = fault
        await simulator.behave([
          { action, times: 1, match: { operation }, ...(status === undefined ? {} : { status }) },
        ])

        expect(await connector.send(call, inTime())).toEqual(fault.first)
        const found = await connector.inquire(call, lookUp)
        expect(found.kind).toBe(fault.executed ? 'succeeded' : 'absent')
        const repeated = await connector.inquire(call, repeat)
        const stored500 = action.startsWith('error_500') && status === undefined
        if (stored500) expect(repeated).toEqual(fault.first)
        else expect(repeated).toMatchObject({ kind: 'succeeded', amountMinor: 1234, currency: 'EUR' })
        const done = (await effects(simulator)).filter((effected) => effected === operation)
        expect(done).toHaveLength(stored500 && !fault.executed ? 0 : 1)
      },
    )
  }

  it('a repeat that is refused, limited, conflicting or not delivered leaves the operation unknown', async () => {
    const { simulator, connector } = await setUp()
    const call = authorizeCall()
    await simulator.behave([{ action: 'rate_limit_429', times: 1 }])
    expect(await connector.inquire(call, repeat)).toEqual({ kind: 'unknown', reason: 'repeat_refused' })
    await connector.send(call, inTime())
    const changed = authorizeCall({ amountMinor: 99 })
    expect(await connector.inquire(changed, repeat)).toEqual({
      kind: 'unknown',
      reason: 'psp_error',
      repeatIsUseless: true,
    })
    expect(await connector.inquire(call, { ...repeat, notAfter: Date.now() - 1 })).toEqual({
      kind: 'unknown',
      reason: 'repeat_refused',
    })
    await simulator.close()
    // The first may still be written to a connection that ended a moment ago.
    expect(await connector.inquire(call, repeat)).toMatchObject({ kind: 'unknown' })
    expect(await connector.inquire(call, repeat)).toEqual({ kind: 'unknown', reason: 'repeat_refused' })
    expect(await connector.inquire(call, lookUp)).toEqual({ kind: 'unknown', reason: 'connection_lost' })
    expect(await connector.inquire(call, { pspReference: 'pi_3x', ...lookUp })).toEqual({
      kind: 'unknown',
      reason: 'connection_lost',
    })
  })

  it('a repeat while the first is being worked on is in progress, and ends in the one outcome', async () => {
    const { simulator, connector } = await setUp()
    await simulator.behave([{ action: 'latency', latency_ms: 200, times: 1, match: { operation: 'authorize' } }])
    const first = connector.send(authorizeCall(), inTime())
    await expect
      .poll(() => connector.inquire(authorizeCall(), repeat))
      .toEqual({ kind: 'unknown', reason: 'in_progress' })
    const outcome = await first
    expect(outcome).toMatchObject({ kind: 'succeeded' })
    expect(await connector.inquire(authorizeCall(), repeat)).toEqual(outcome)
    expect(await effects(simulator)).toEqual(['authorize'])
  })

  it('an inquiry never says that nothing was sent, whatever happens to it', async () => {
    const { simulator, connector } = await setUp({ deadlineMs: 200 })
    const calls = [
      authorizeCall(),
      completeCall('pi_3x'),
      captureCall('pi_3x'),
      voidCall('pi_3x'),
      voidCall(undefined),
      refundCall('pi_3x'),
    ]
    for (const { action } of faults) {
      await simulator.behave([{ action }])
      const inquiries = calls.flatMap((call) => [
        connector.inquire(call, repeat),
        connector.inquire(call, lookUp),
        connector.inquire(call, { pspReference: 'pi_3x', ...lookUp }),
      ])
      for (const outcome of await Promise.all(inquiries)) expect(outcome.kind, action).toBe('unknown')
    }
  })

  it('sends nothing after its time, and nothing where nobody listens', async () => {
    const { simulator, connector } = await setUp()
    expect(await connector.send(authorizeCall(), { notAfter: Date.now() - 1 })).toEqual({
      kind: 'not_sent',
      reason: 'too_late',
    })
    expect(await simulator.book()).toEqual([])
    await simulator.close()
    expect(await connectorTo(simulator.url).send(authorizeCall(), inTime())).toEqual({
      kind: 'not_sent',
      reason: 'connection_refused',
    })
    // The second step of an authorization is a read: not sent, but nothing is proved about the first.
    expect(await connector.send(completeCall('pi_3x'), inTime())).toEqual({
      kind: 'unknown',
      reason: 'connection_lost',
    })
  })
})

describe('the Stripe connector', () => {
  it('sends its key in the header, its version, and the idempotency key with POST alone', async () => {
    const seen: { url: string | undefined; headers: Record<string, unknown> }[] = []
    const server = createServer((request, response) => {
      seen.push({ url: request.url, headers: request.headers })
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanUp(async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    })
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const connector = connectorTo(`http://127.0.0.1:${port}`)
    await connector.send(authorizeCall(), inTime())
    await connector.inquire(authorizeCall(), { pspReference: 'pi_1', ...lookUp })
    expect(seen[0]).toMatchObject({
      url: '/v1/payment_intents',
      headers: {
        authorization: 'Bearer sk_test_shardpay',
        'stripe-version': '2026-10-28.endive',
        'idempotency-key': authorizeCall().operationId,
        'content-type': 'application/x-www-form-urlencoded',
      },
    })
    expect(seen[1]?.url).toBe('/v1/payment_intents/pi_1?expand[0]=latest_charge')
    expect(seen[1]?.headers).not.toHaveProperty('idempotency-key')
  })

  it('is not made for a place that must not have the key', () => {
    const make = (secretKey: string, baseUrl: string) => () =>
      createStripeConnector({ connection: 'c', secretKey, baseUrl, clock: systemClock })
    expect(make('sk_test_x', 'https://stripe.evil.example')).toThrow(OriginRefused)
    expect(make('sk_live_x', 'http://127.0.0.1:1')).toThrow('a live key goes to Stripe alone')
    expect(make('sk_test_x\r\nx: y', 'http://127.0.0.1:1')).toThrow('has the form of one')
  })
})
