import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeForm } from '../simulator/parameters.ts'
import { authorizeCall, captureCall, completeCall, refundCall } from '../../test/support/psp-calls.ts'
import { problemsOfRequest } from '../../test/support/stripe-contract.ts'
import { capturedFromSdk } from '../../test/support/stripe-sdk-capture.ts'
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

function built(call: DirectCall): StripeRequest {
  const request = buildRequest(call)
  if ('unrepresentable' in request) throw new Error(`the call can be built, not ${request.unrepresentable}`)
  return request
}

const full = authorizeCall({
  captureMethod: 'automatic',
  merchantReference: 'order 42/ä',
  description: 'Boots & laces',
  statementDescriptor: 'BOOTS*"42"',
  returnUrl: 'https://shop.example/return?attempt=1&nonce=ab',
})

describe('request version 1', () => {
  it('always builds these bytes: a repeat must carry what the first send carried', () => {
    // Permanent. A changed form is another request version; these lines are never edited.
    expect(built(authorizeCall())).toEqual({
      method: 'POST',
      path: '/v1/payment_intents',
      idempotencyKey: 'att_0123456789abcdefghjkmnpqr0_1',
      body:
        'amount=1234&currency=eur&confirm=true&capture_method=manual&payment_method=pm_card_visa' +
        '&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never' +
        '&error_on_requires_action=true&metadata[payment_id]=pay_0123456789abcdefghjkmnpqr0' +
        '&metadata[operation_id]=att_0123456789abcdefghjkmnpqr0_1&metadata[merchant]=mer_shoes&metadata[shardpay]=1' +
        '&expand[0]=latest_charge',
    })
    expect(built(full).body).toBe(
      'amount=1234&currency=eur&confirm=true&capture_method=automatic&payment_method=pm_card_visa' +
        '&automatic_payment_methods[enabled]=true&return_url=https%3A%2F%2Fshop.example%2Freturn%3Fattempt%3D1%26nonce%3Dab' +
        '&description=Boots%20%26%20laces&statement_descriptor_suffix=BOOTS42' +
        '&metadata[payment_id]=pay_0123456789abcdefghjkmnpqr0' +
        '&metadata[operation_id]=att_0123456789abcdefghjkmnpqr0_1&metadata[merchant]=mer_shoes' +
        '&metadata[merchant_reference]=order%2042%2F%C3%A4&metadata[shardpay]=1&expand[0]=latest_charge',
    )
    expect(built(captureCall('pi_3x'))).toEqual({
      method: 'POST',
      path: '/v1/payment_intents/pi_3x/capture',
      idempotencyKey: 'cap_0123456789abcdefghjkmnpqr0_1',
      body: 'amount_to_capture=1234&metadata[cap_0123456789abcdefghjkmnpqr0_1]=1234&expand[0]=latest_charge',
    })
    expect(built(captureCall('pi_3x', { final: false })).body).toContain('&final_capture=false&')
    expect(built(refundCall('pi_3x', { reason: 'duplicate' }))).toEqual({
      method: 'POST',
      path: '/v1/refunds',
      idempotencyKey: 're_0123456789abcdefghjkmnpqr0_1',
      body:
        'payment_intent=pi_3x&amount=1234&reason=duplicate&metadata[payment_id]=pay_0123456789abcdefghjkmnpqr0' +
        '&metadata[operation_id]=re_0123456789abcdefghjkmnpqr0_1&metadata[merchant]=mer_shoes&metadata[shardpay]=1',
    })
    expect(cancelRequest('pi_3x', 'void_1')).toEqual({
      method: 'POST',
      path: '/v1/payment_intents/pi_3x/cancel',
      idempotencyKey: 'void_1',
      body: 'expand[0]=latest_charge',
    })
    expect(built(completeCall('pi_3x'))).toEqual({
      method: 'GET',
      path: '/v1/payment_intents/pi_3x?expand[0]=latest_charge',
    })
  })

  it('builds the same bytes from a call that went through the journal', () => {
    for (const call of [full, captureCall('pi_3x'), refundCall('pi_3x')]) {
      expect(built(structuredClone(call))).toEqual(built(call))
      expect(built(JSON.parse(JSON.stringify(call)) as DirectCall)).toEqual(built(call))
    }
  })

  it('is valid by the API description of 2026-10-28.endive, for every call', () => {
    const requests = [
      built(authorizeCall()),
      built(full),
      built(captureCall('pi_3x')),
      built(captureCall('pi_3x', { final: false })),
      built(refundCall('pi_3x')),
      built(refundCall('pi_3x', { reason: 'requested_by_customer' })),
      built(completeCall('pi_3x')),
      cancelRequest('pi_3x', 'void_1'),
      retrieveIntent('pi_3x'),
      retrieveRefund('re_3x'),
      listRefunds('pi_3x', 're_3x'),
      searchIntents('att_1'),
    ]
    for (const { method, path, body } of requests) {
      const [pathname = '', query = ''] = path.split('?')
      const form = decodeForm(body ?? query)
      expect(problemsOfRequest(method === 'GET' ? 'get' : 'post', pathname, form), path).toEqual([])
    }
  })

  it('is what the official SDK sends when it is asked for the same', async () => {
    const capture = await capturedFromSdk((stripe) =>
      stripe.paymentIntents.capture('pi_3x', {
        amount_to_capture: 1234,
        metadata: { cap_0123456789abcdefghjkmnpqr0_1: '1234' },
        expand: ['latest_charge'],
      }),
    )
    expect(capture).toEqual({
      method: 'POST',
      path: '/v1/payment_intents/pi_3x/capture',
      body: built(captureCall('pi_3x')).body,
    })
    const cancel = await capturedFromSdk((stripe) =>
      stripe.paymentIntents.cancel('pi_3x', { expand: ['latest_charge'] }),
    )
    expect(cancel.body).toBe(cancelRequest('pi_3x', 'void_1').body)
    const list = await capturedFromSdk((stripe) =>
      stripe.refunds.list({ payment_intent: 'pi_3x', limit: 100, starting_after: 're_3x' }),
    )
    expect(list.path).toBe(listRefunds('pi_3x', 're_3x').path)
    const search = await capturedFromSdk((stripe) =>
      stripe.paymentIntents.search({
        query: "metadata['operation_id']:'att_1'",
        limit: 10,
        expand: ['data.latest_charge'],
      }),
    )
    expect(search.path).toBe(searchIntents('att_1').path)
  })

  it('sends amounts in the minor units that Stripe has for the currency', () => {
    const amountOf = (amountMinor: number, currency: string): string | undefined =>
      /amount=(\d+)/.exec(built(authorizeCall({ amountMinor, currency })).body ?? '')?.[1]
    expect(amountOf(500, 'JPY')).toBe('500')
    expect(amountOf(500, 'ISK')).toBe('50000')
    expect(amountOf(1230, 'KWD')).toBe('1230')
    expect(buildRequest(authorizeCall({ amountMinor: 1234, currency: 'KWD' }))).toEqual({ unrepresentable: 'amount' })
    expect(buildRequest(captureCall('pi_3x', { amountMinor: 1, currency: 'IQD' }))).toEqual({
      unrepresentable: 'amount',
    })
    expect(buildRequest(refundCall('pi_3x', { amountMinor: 150, currency: 'MGA' }))).toEqual({
      unrepresentable: 'amount',
    })
  })

  it('does not build what a newer release planned', () => {
    expect(buildRequest(authorizeCall({ requestVersion: 2 }))).toEqual({ unrepresentable: 'request_version' })
  })

  it("keeps within Stripe's limits whatever the merchant wrote, and never halves a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 1500 }), (text) => {
        const call = authorizeCall({ description: text, merchantReference: text, statementDescriptor: text })
        const form = decodeForm(built(call).body ?? '')
        const metadata = form.get('metadata')
        const reference = metadata instanceof Map ? metadata.get('merchant_reference') : undefined
        expect(form.get('description')).toSatisfy((value: string) => value.length <= 1000 && value.isWellFormed())
        expect(reference).toSatisfy((value: string) => value.length <= 500 && value.isWellFormed())
        expect(form.get('statement_descriptor_suffix') ?? '').toMatch(/^[\x20-\x7e]{0,22}$/)
        expect(problemsOfRequest('post', '/v1/payment_intents', form)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})
