/** Every request that the connector builds, and every event that the tests send, by both of Stripe's API descriptions. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { authorizeCall, captureCall, completeCall, refundCall } from '../../test/support/psp-calls.ts'
import { problemsOfAnswer, problemsOfEvent, problemsOfRequest } from '../../test/support/stripe-contract.ts'
import { problemsOfAnswerIn2023, problemsOfRequestIn2023 } from '../../test/support/stripe-contract-2023.ts'
import {
  charge,
  dispute,
  event,
  ids,
  intent,
  type Json,
  movement,
  ourMetadata,
  payout,
  refund,
  reportRun,
} from '../../test/support/stripe-events.ts'
import { decodeForm } from '../simulator/parameters.ts'
import {
  buildRequest,
  cancelRequest,
  type DirectCall,
  listRefunds,
  retrieveIntent,
  retrieveRefund,
  searchIntents,
  type StripeRequest,
} from './wire.ts'

/** What a description does not know though Stripe takes it. */
interface Undescribed {
  readonly now?: RegExp
  readonly in2023?: RegExp
}

function problemsOf(request: StripeRequest, { now, in2023 }: Undescribed = {}): string[] {
  const [pathname = '', query = ''] = request.path.split('?')
  const method = request.method === 'GET' ? 'get' : 'post'
  const form = decodeForm(request.body ?? query)
  return [
    ...problemsOfRequest(method, pathname, form).filter((problem) => now?.test(problem) !== true),
    ...problemsOfRequestIn2023(method, pathname, form).filter((problem) => in2023?.test(problem) !== true),
  ]
}

function problemsOfCall(call: DirectCall, undescribed?: Undescribed): string[] {
  const request = buildRequest(call)
  return 'unrepresentable' in request ? [request.unrepresentable] : problemsOf(request, undescribed)
}

/**
 * Stripe keeps the card's fields out of its descriptions, lest anybody send numbers, and takes a token there all the same
 * (its maintainers in stripe/stripe-node#1264 and #1310).
 */
const cardToken: Undescribed = {
  now: /^\/payment_method_data\/card is not declared$/,
  in2023: /^\/payment_method_data\/type must be equal to one of the allowed values$/,
}

const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: undefined })
const money = fc
  .record({
    amountMinor: fc.integer({ min: 1, max: 99_999_999 }),
    currency: fc.constantFrom('EUR', 'JPY', 'KWD', 'ISK'),
  })
  .map(({ amountMinor, currency }) => ({ currency, amountMinor: currency === 'KWD' ? amountMinor * 10 : amountMinor }))
const paymentMethod = fc.constantFrom(
  { type: 'card', token: 'pm_card_visa' } as const,
  { type: 'apple_pay', token: 'tok_visa' } as const,
  { type: 'apple_pay', token: 'pm_card_visa' } as const,
  { type: 'google_pay', token: '{"id":"tok_visa","object":"token"}' } as const,
)

describe("every request of the connector is valid by both of Stripe's descriptions", () => {
  it('authorizations, whatever the merchant gave', () => {
    const call = fc.record(
      {
        paymentMethod,
        captureMethod: fc.constantFrom('automatic', 'manual'),
        returnUrl: fc.constantFrom(undefined, 'https://shop.example/return?attempt=1&nonce=ab'),
        merchantReference: text,
        description: text,
        statementDescriptor: text,
      },
      { requiredKeys: ['paymentMethod', 'captureMethod'] },
    )
    fc.assert(
      fc.property(call, money, (given, amount) => {
        const present = Object.entries({ ...given, ...amount }).filter(([, value]) => value !== undefined)
        expect(problemsOfCall(authorizeCall(Object.fromEntries(present)), cardToken)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('captures, final and not: the older description does not know that there are several', () => {
    expect(problemsOfCall(captureCall('pi_1'))).toEqual([])
    expect(problemsOfCall(captureCall('pi_1', { amountMinor: 1 }))).toEqual([])
    expect(
      problemsOfCall(captureCall('pi_1', { final: false }), { in2023: /additional properties: final_capture$/ }),
    ).toEqual([])
  })

  it('refunds for every reason, cancellations, and all that inquiries read', () => {
    expect(problemsOfCall(refundCall('pi_1'))).toEqual([])
    for (const reason of ['duplicate', 'fraudulent', 'requested_by_customer'] as const) {
      expect(problemsOfCall(refundCall('pi_1', { reason }))).toEqual([])
    }
    expect(problemsOfCall(completeCall('pi_1'))).toEqual([])
    const others = [
      cancelRequest('pi_1', ids.void),
      retrieveIntent('pi_1'),
      retrieveRefund('re_1'),
      listRefunds('pi_1'),
      listRefunds('pi_1', 're_1'),
      searchIntents(ids.authorize),
    ]
    for (const request of others) expect(problemsOf(request), request.path).toEqual([])
  })

  it('and a misspelt, misplaced or missing field would be noticed by both', () => {
    for (const form of ['amount=1&currency=eur&ammount=1', 'amount=x&currency=eur', 'currency=eur', 'amount=1']) {
      expect(problemsOfRequest('post', '/v1/payment_intents', decodeForm(form)), form).not.toEqual([])
      expect(problemsOfRequestIn2023('post', '/v1/payment_intents', decodeForm(form)), form).not.toEqual([])
    }
    const capture = decodeForm('amount=1&currency=eur&capture_method=later')
    expect(problemsOfRequestIn2023('post', '/v1/payment_intents', capture)).not.toEqual([])
    expect(problemsOfRequestIn2023('get', '/v1/refunds', decodeForm('payment_intend=pi_1'))).not.toEqual([])
    expect(problemsOfRequestIn2023('post', '/v1/nothing', decodeForm(''))).not.toEqual([])
  })
})

const next = { type: 'redirect_to_url', redirect_to_url: { url: 'https://hooks.stripe.com/3ds', return_url: null } }
const error = { type: 'card_error', code: 'card_declined', decline_code: 'lost_card' }
const taken = { status: 'succeeded', amount_capturable: 0, amount_received: 1234 }
const over = { status: 'canceled', amount_capturable: 0, canceled_at: 1_800_000_000 }
const done = { captured: true, amount_captured: 1234, balance_transaction: 'txn_1' }

const events: readonly (readonly [string, Json])[] = [
  ['payment_intent.created', intent({ status: 'requires_confirmation', amount_capturable: 0, latest_charge: null })],
  ['payment_intent.requires_action', intent({ status: 'requires_action', next_action: next, latest_charge: null })],
  ['payment_intent.processing', intent({ status: 'processing' })],
  ['payment_intent.payment_failed', intent({ status: 'requires_payment_method', last_payment_error: error })],
  ['payment_intent.amount_capturable_updated', intent()],
  ['payment_intent.succeeded', intent({ ...taken, metadata: { ...ourMetadata, [ids.capture]: '1234' } })],
  ['payment_intent.succeeded', intent({ ...taken, capture_method: 'automatic' })],
  ['payment_intent.canceled', intent(over)],
  ['payment_intent.canceled', intent({ ...over, cancellation_reason: 'automatic' })],
  ['charge.succeeded', charge()],
  ['charge.captured', charge(done)],
  ['charge.failed', charge({ status: 'failed', paid: false, failure_code: 'card_declined' })],
  ['charge.expired', charge({ refunded: true, amount_refunded: 1234 })],
  ['charge.refunded', charge({ ...done, refunded: true, amount_refunded: 1234 })],
  ['charge.updated', charge(done)],
  ['refund.created', refund()],
  ['refund.created', refund({ status: 'pending' })],
  ['refund.updated', refund({ status: 'canceled' })],
  ['refund.failed', refund({ status: 'failed', failure_reason: 'lost_or_stolen_card' })],
  ['charge.refund.updated', refund()],
  ['charge.dispute.created', dispute({ status: 'warning_needs_response' })],
  ['charge.dispute.funds_withdrawn', dispute({ balance_transactions: [movement()] })],
  ['charge.dispute.updated', dispute({ status: 'under_review', balance_transactions: [movement()] })],
  ['charge.dispute.closed', dispute({ status: 'won', balance_transactions: [movement(), movement({ amount: 1234 })] })],
  ['charge.dispute.funds_reinstated', dispute({ status: 'won' })],
  ['payout.paid', payout({ status: 'paid' })],
  ['reporting.report_run.succeeded', reportRun()],
]

describe("every event that the tests of the receiver are made of is valid by both of Stripe's descriptions", () => {
  it.each(events)('%s', (type, object) => {
    // The present one describes the report by itself alone.
    const problems = type.startsWith('reporting.')
      ? [...problemsOfAnswer('Event', event(type, object)), ...problemsOfAnswer('ReportRun', object)]
      : problemsOfEvent(event(type, object, { key: ids.authorize }))
    expect(problems).toEqual([])
    expect(problemsOfAnswerIn2023('event', event(type, object))).toEqual([])
    expect(problemsOfAnswerIn2023(String(object['object']), object)).toEqual([])
  })

  it('and one of the wrong shape would be noticed by both', () => {
    for (const object of [refund({ amount: '1' }), refund({ metadata: { a: 1 } }), refund({ currency: undefined })]) {
      const wrong = JSON.parse(JSON.stringify(event('refund.created', object))) as {
        readonly data: { object: unknown }
      }
      expect(problemsOfEvent(wrong)).not.toEqual([])
      expect(problemsOfAnswerIn2023('refund', wrong.data.object)).not.toEqual([])
    }
  })

  it('as are the official fixtures of the same kinds', () => {
    const { resources } = JSON.parse(
      readFileSync(new URL('fixtures/stripe.fixtures.json', import.meta.url), 'utf8'),
    ) as { readonly resources: Json }
    for (const name of [
      'charge',
      'refund',
      'dispute',
      'event',
      'payout',
      'balance_transaction',
      'reporting.report_run',
    ]) {
      expect(problemsOfAnswerIn2023(name, resources[name]), name).toEqual([])
    }
  })
})
