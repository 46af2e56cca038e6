import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { adyenAnswers } from '../../test/support/adyen-contract.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../../test/support/psp-calls.ts'
import { outcomeOfRepeat, outcomeOfSend } from './mapping.ts'

type Json = Readonly<Record<string, unknown>>

const account = 'ShoesCOM'
const reference = '993617894903480A'
const own = '993617894906488A'
const authorize = authorizeCall()
const complete = { ...completeCall(reference), redirectResult: 'X6XtfGC3' }
const capture = captureCall(reference)
const refund = refundCall(reference)
const cancel = voidCall(reference)
const cancelByOurs = voidCall(undefined)
const modifications = [capture, refund, cancel, cancelByOurs]
const everyCall: readonly PspCall[] = [authorize, complete, ...modifications]

function bytesOf(json: unknown): Buffer {
  return Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
}

function sent(call: PspCall, status: number, json: unknown, headers: Record<string, string> = {}): OperationOutcome {
  return outcomeOfSend(call, { status, headers, body: bytesOf(json) }, account)
}

function repeated(
  call: PspCall,
  status: number,
  json: unknown,
  headers: Record<string, string> = {},
): OperationOutcome {
  return outcomeOfRepeat(call, { status, headers, body: bytesOf(json) }, account)
}

function payment(fields: Json = {}): Json {
  return {
    pspReference: reference,
    resultCode: 'Authorised',
    merchantReference: authorize.operationId,
    amount: { currency: 'EUR', value: 1234 },
    ...fields,
  }
}

function received(call: PspCall, fields: Json = {}): Json {
  return {
    merchantAccount: account,
    ...(call === cancelByOurs ? { paymentReference: authorize.operationId } : { paymentPspReference: reference }),
    ...(call.kind === 'void' ? {} : { amount: { currency: 'EUR', value: 1234 } }),
    reference: call.operationId,
    pspReference: own,
    status: 'received',
    ...fields,
  }
}

function error(errorCode: string, errorType?: string): Json {
  return { status: 422, errorCode, message: 'free text about jane@example.com', ...(errorType && { errorType }) }
}

const unreadable: OperationOutcome = { kind: 'unknown', reason: 'unreadable_answer' }
const storedError: OperationOutcome = { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }
const redirect = (fields: Json = {}): Json => ({
  resultCode: 'RedirectShopper',
  amount: undefined,
  action: { type: 'redirect', method: 'GET', paymentMethodType: 'scheme', url: 'https://psp.example/3ds', ...fields },
})

describe('a payment', () => {
  it.each<[string, Json, OperationOutcome]>([
    [
      'that is authorised is held, never captured',
      {},
      {
        kind: 'succeeded',
        pspReference: reference,
        amountMinor: 1234,
        currency: 'EUR',
        captured: false,
        echoedOperationId: authorize.operationId,
      },
    ],
    [
      'that is authorised without naming amount and reference is what was asked for',
      { amount: undefined, merchantReference: undefined },
      { kind: 'succeeded', pspReference: reference, amountMinor: 1234, currency: 'EUR', captured: false },
    ],
    [
      'that is authorised in part says how much',
      { resultCode: 'PartiallyAuthorised', amount: { currency: 'EUR', value: 1000 } },
      {
        kind: 'succeeded',
        pspReference: reference,
        amountMinor: 1000,
        currency: 'EUR',
        captured: false,
        echoedOperationId: authorize.operationId,
      },
    ],
    [
      'that is authorised in part without saying how much',
      { resultCode: 'PartiallyAuthorised', amount: undefined },
      unreadable,
    ],
    ['that is authorised in part and in whole', { resultCode: 'PartiallyAuthorised' }, unreadable],
    [
      'that is refused says why',
      { resultCode: 'Refused', refusalReason: 'Not enough balance', refusalReasonCode: '12' },
      {
        kind: 'declined',
        decline: { class: 'soft', code: 'insufficient_funds', pspCode: '12' },
        pspReference: reference,
      },
    ],
    [
      'that is refused for a reason nobody knows',
      { resultCode: 'Refused', refusalReasonCode: '99' },
      { kind: 'declined', decline: { class: 'soft', code: 'generic_decline', pspCode: '99' }, pspReference: reference },
    ],
    [
      'that the shopper canceled',
      { resultCode: 'Cancelled' },
      { kind: 'declined', decline: { class: 'shopper', code: 'authorization_canceled' }, pspReference: reference },
    ],
    [
      'that sends its shopper away',
      redirect(),
      {
        kind: 'requires_action',
        pspReference: reference,
        action: { type: 'redirect', url: 'https://psp.example/3ds' },
      },
    ],
    [
      'that sends its shopper away without a reference of its own is known by ours',
      { ...redirect(), pspReference: undefined },
      {
        kind: 'requires_action',
        pspReference: authorize.operationId,
        action: { type: 'redirect', url: 'https://psp.example/3ds' },
      },
    ],
    ['whose redirect has to be posted', redirect({ method: 'POST', data: { PaReq: 'x' } }), storedUnreadable()],
    ['whose redirect leads to a script', redirect({ url: 'javascript:alert(1)' }), storedUnreadable()],
    ['whose redirect leads nowhere', redirect({ url: undefined }), storedUnreadable()],
    ['whose shopper would need an app', redirect({ type: 'threeDS2' }), storedUnreadable()],
    ['that was received', { resultCode: 'Received' }, { kind: 'accepted', pspReference: reference }],
    ['that is pending', { resultCode: 'Pending' }, { kind: 'accepted', pspReference: reference }],
    [
      'that ended in an error may have reached the issuer',
      { resultCode: 'Error', refusalReasonCode: '4' },
      { ...storedError, pspReference: reference },
    ],
    ...[
      'IdentifyShopper',
      'ChallengeShopper',
      'PresentToShopper',
      'AuthenticationFinished',
      'AuthenticationNotRequired',
      'Success',
      'Lucky',
    ].map((resultCode): [string, Json, OperationOutcome] => [
      `with the result ${resultCode}, which nobody asks for`,
      { resultCode },
      storedUnreadable(),
    ]),
  ])('%s', (_, fields, outcome) => {
    for (const call of [authorize, complete]) expect(sent(call, 200, payment(fields)), call.kind).toEqual(outcome)
  })

  it('is told in our minor units', () => {
    const call = authorizeCall({ amountMinor: 500, currency: 'ISK' })
    expect(sent(call, 200, payment({ amount: { currency: 'ISK', value: 50_000 } }))).toMatchObject({
      kind: 'succeeded',
      amountMinor: 500,
    })
    expect(sent(call, 200, payment({ amount: { currency: 'ISK', value: 500 } }))).toEqual(unreadable)
  })
})

function storedUnreadable(): OperationOutcome {
  return { kind: 'unknown', reason: 'unreadable_answer', pspReference: reference, repeatIsUseless: true }
}

describe('a modification', () => {
  it('that was received is accepted under its own reference: its outcome comes by webhook', () => {
    for (const call of modifications) {
      expect(sent(call, 201, received(call)), call.kind).toEqual({ kind: 'accepted', pspReference: own })
    }
  })

  it.each<[string, Json]>([
    ['of another payment', { paymentPspReference: 'OTHER', paymentReference: 'att_other' }],
    ['of no payment', { paymentPspReference: undefined, paymentReference: undefined }],
    ['of another account', { merchantAccount: 'OtherCOM' }],
    ['of another operation', { reference: 'cap_other' }],
    ['in a status nobody knows', { status: 'done' }],
    ['without a reference', { pspReference: undefined }],
    ['that is an error', { errorCode: '000' }],
  ])('%s is unreadable', (_, fields) => {
    for (const call of modifications) expect(sent(call, 201, received(call, fields)), call.kind).toEqual(unreadable)
  })

  it.each<[string, unknown]>([
    ['another amount', { currency: 'EUR', value: 1235 }],
    ['another currency', { currency: 'USD', value: 1234 }],
    ['no amount', undefined],
    ['an amount as a text', { currency: 'EUR', value: '1234' }],
  ])('that names %s is unreadable', (_, amount) => {
    for (const call of [capture, refund])
      expect(sent(call, 201, received(call, { amount })), call.kind).toEqual(unreadable)
  })
})

describe('an answer that cannot be read as one about this operation leaves it unknown', () => {
  it.each<[string, unknown]>([
    ['HTML', '<html>200 OK</html>'],
    ['half an answer', '{"pspReference": "99361'],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1')],
    ['nothing', ''],
    ['a list', '[]'],
    ['an error with status 200', error('905', 'configuration')],
    ['an error that also says authorised', payment({ errorCode: '905' })],
    ["another payment's data", payment({ merchantReference: 'att_other' })],
    ['another amount', payment({ amount: { currency: 'EUR', value: 1233 } })],
    ['a larger amount', payment({ amount: { currency: 'EUR', value: 12_340 } })],
    ['another currency', payment({ amount: { currency: 'USD', value: 1234 } })],
    ['a currency nobody knows', payment({ amount: { currency: 'XXX', value: 1234 } })],
    ['an amount that is a text', payment({ amount: { currency: 'EUR', value: '1234' } })],
    ['an amount that is a fraction', payment({ amount: { currency: 'EUR', value: 12.34 } })],
    ['a negative amount', payment({ amount: { currency: 'EUR', value: -1234 } })],
    ['no reference of a payment', payment({ pspReference: undefined })],
    ['free text as a reference', payment({ pspReference: 'please call us' })],
    ['no result', payment({ resultCode: undefined })],
    ['a result that is a number', payment({ resultCode: 1 })],
  ])('%s', (_, json) => {
    for (const call of [authorize, complete]) {
      expect(sent(call, 200, json), call.kind).toEqual(unreadable)
      expect(repeated(call, 200, json), call.kind).toEqual(unreadable)
    }
  })

  it('whatever its bytes and its status are, it is an outcome and nothing is thrown', () => {
    const status = fc.constantFrom(200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503)
    const names = ['resultCode', 'pspReference', 'amount', 'status', 'errorCode', 'action', 'merchantReference']
    const object = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(fc.jsonValue(), fc.constantFrom('Authorised', 'received')),
    )
    const body = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(text)),
      object.map(bytesOf),
    )
    fc.assert(
      fc.property(fc.constantFrom(...everyCall), status, body, (call, code, bytes) => {
        const answer = { status: code, headers: {}, body: bytes }
        expect(outcomeOfSend(call, answer, account).kind).not.toBe('absent')
        expect(['not_sent', 'absent']).not.toContain(outcomeOfRepeat(call, answer, account).kind)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('an error', () => {
  const declined = (code: string, pspCode: string, className = 'configuration'): unknown => ({
    kind: 'declined',
    decline: { class: className, code, pspCode },
  })

  it.each<[number, Json | string, Record<string, string>, unknown]>([
    [400, error('702', 'validation'), {}, declined('psp_configuration', '702')],
    [401, error('000', 'security'), {}, declined('psp_configuration', '000')],
    [403, error('901', 'security'), {}, declined('psp_configuration', '901')],
    [403, error('010', 'security'), {}, declined('psp_configuration', '010')],
    [422, error('14_030', 'validation'), {}, declined('psp_configuration', '14_030')],
    [422, error('905', 'configuration'), {}, declined('psp_configuration', '905')],
    [422, error('000', 'internal'), {}, storedError],
    [422, error('000'), {}, storedError],
    [422, error('704', 'validation'), { 'transient-error': 'true' }, { kind: 'unknown', reason: 'in_progress' }],
    [409, error('704', 'validation'), {}, { kind: 'unknown', reason: 'in_progress' }],
    [409, error('000', 'validation'), {}, storedError],
    [422, error('000', 'internal'), { 'transient-error': 'true' }, { kind: 'not_sent', reason: 'transient_error' }],
    [500, error('905', 'internal'), { 'transient-error': 'true' }, { kind: 'not_sent', reason: 'transient_error' }],
    [503, '<html>', { 'transient-error': 'true' }, { kind: 'not_sent', reason: 'transient_error' }],
    [422, error('000', 'internal'), { 'transient-error': 'false' }, storedError],
    [429, '', {}, { kind: 'not_sent', reason: 'rate_limited' }],
    [500, error('905', 'configuration'), {}, storedError],
    [500, '<html>', {}, { kind: 'unknown', reason: 'psp_error' }],
    [502, '', {}, { kind: 'unknown', reason: 'psp_error' }],
    [503, error('000', 'internal'), {}, { kind: 'unknown', reason: 'psp_error' }],
    [404, error('000', 'validation'), {}, storedError],
    [404, '<html>', {}, unreadable],
    [302, '', {}, unreadable],
    [204, '', {}, unreadable],
  ])('with status %i, %o and headers %o', (status, json, headers, outcome) => {
    for (const call of [authorize, ...modifications])
      expect(sent(call, status, json, headers), call.kind).toEqual(outcome)
    const again = repeated(authorize, status, json, headers)
    expect(again.kind).toBe('unknown')
  })

  it("names the card's mistakes for authorizations, by number and never by text", () => {
    expect(sent(authorize, 422, error('101', 'validation'))).toEqual(declined('incorrect_number', '101', 'hard'))
    expect(sent(authorize, 422, error('103', 'validation'))).toEqual(declined('incorrect_cvc', '103', 'shopper'))
    expect(sent(capture, 422, error('101', 'validation'))).toEqual(declined('psp_configuration', '101'))
  })

  it('keeps the reference that Adyen gave it', () => {
    const json = { ...error('905', 'internal'), pspReference: '8516091485743033' }
    expect(sent(authorize, 500, json)).toEqual({ ...storedError, pspReference: '8516091485743033' })
  })

  it('says nothing about an authorization whose second step it answers', () => {
    for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 503]) {
      for (const headers of [{}, { 'transient-error': 'true' }]) {
        expect(sent(complete, status, error('000', 'validation'), headers).kind, String(status)).toBe('unknown')
        expect(sent(complete, status, '', headers).kind, String(status)).toBe('unknown')
      }
    }
    expect(sent(complete, 422, error('000', 'validation'))).toEqual(storedError)
    expect(sent(complete, 429, error('000', 'validation'))).toEqual({ kind: 'unknown', reason: 'psp_error' })
  })
})

describe('the answer to a repeat', () => {
  it('is the outcome where it is one', () => {
    expect(repeated(authorize, 200, payment())).toMatchObject({ kind: 'succeeded' })
    expect(repeated(authorize, 200, payment({ resultCode: 'Refused' }))).toMatchObject({ kind: 'declined' })
    expect(repeated(capture, 201, received(capture))).toEqual({ kind: 'accepted', pspReference: own })
  })

  it('is never proof that nothing was sent, and its refusals say nothing about the first send', () => {
    for (const call of everyCall) {
      for (const status of [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504]) {
        for (const type of ['validation', 'security', 'configuration', 'internal', undefined]) {
          for (const headers of [{}, { 'transient-error': 'true' }]) {
            expect(repeated(call, status, error('000', type), headers).kind, `${call.kind} ${status}`).toBe('unknown')
          }
        }
      }
    }
  })
})

describe("Adyen's own sample answers", () => {
  it('to payments are all readable, whether or not they are about ours', () => {
    const kinds = adyenAnswers('/payments', 200).map((json) => {
      const { merchantReference: _, amount: __, ...rest } = json as Json
      return sent(authorize, 200, rest).kind
    })
    expect(kinds.filter((kind) => kind === 'succeeded').length).toBeGreaterThanOrEqual(6)
    expect(kinds.filter((kind) => kind === 'requires_action')).toHaveLength(2)
    expect(sent(complete, 200, adyenAnswers('/payments/details', 200)[0])).toMatchObject({ kind: 'succeeded' })
  })

  it('to modifications are accepted where they are about ours', () => {
    for (const [path, call] of [
      ['captures', captureCall(reference, { amountMinor: 2000, operationId: 'YOUR_UNIQUE_REFERENCE' })],
      ['refunds', refundCall(reference, { amountMinor: 2500, operationId: 'YOUR_UNIQUE_REFERENCE' })],
      ['cancels', voidCall(reference, { operationId: 'YOUR_UNIQUE_REFERENCE' })],
    ] as const) {
      const [json] = adyenAnswers(`/payments/{paymentPspReference}/${path}`, 201)
      const answer = { status: 201, headers: {}, body: bytesOf(json) }
      expect(outcomeOfSend(call, answer, 'YOUR_MERCHANT_ACCOUNT'), path).toEqual({
        kind: 'accepted',
        pspReference: own,
      })
      expect(outcomeOfSend(call, answer, account), path).toEqual(unreadable)
    }
  })

  it('to requests that it refuses are refusals', () => {
    for (const status of [400, 401, 403, 422]) {
      for (const json of adyenAnswers('/payments', status)) expect(sent(authorize, status, json).kind).toBe('declined')
    }
    for (const json of adyenAnswers('/payments', 500)) expect(sent(authorize, 500, json).kind).toBe('unknown')
  })
})
