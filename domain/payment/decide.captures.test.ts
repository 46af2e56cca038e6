import { describe, expect, test } from 'vitest'
import { amounts, findRequest, refundStatus } from './derive.ts'
import {
  cancel,
  capture,
  create,
  day,
  declined,
  external,
  minute,
  multicaptureMerchant,
  notSent,
  refund,
  reversal,
  says,
  second,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import {
  effects,
  events,
  eventTypes,
  fire,
  given,
  idOf,
  later,
  nothing,
  payment,
  rejection,
  type Scenario,
  status,
  timers,
  when,
} from './testing/scenario.ts'

function authorizedOver(context: Parameters<typeof nothing>[0], more: Parameters<typeof create>[0] = {}): Scenario {
  const pending = given(nothing(context), create(more))
  return given(pending, says(idOf(pending, 'att'), succeeded()))
}

const authorized = authorizedOver({})
const several = authorizedOver({ merchant: multicaptureMerchant })
const automatic = authorizedOver({}, { captureMethod: 'automatic' })
const capturing = given(authorized, capture())
const first = idOf(capturing, 'cap')
const captured = given(capturing, says(first, succeeded()))
const partially = given(several, capture(40, { final: false }), says(idOf(capturing, 'cap'), succeeded(40)))

describe('row 11: capture', () => {
  test('reserves what it takes before the PSP is called', () => {
    expect(eventTypes(capturing)).toEqual(['RequestAccepted', 'CapturePlanned'])
    expect(status(capturing)).toBe('authorized')
    expect(amounts(payment(capturing))).toMatchObject({ capturable: 0, capturing: 100, captured: 0 })
    expect(effects(capturing)).toMatchObject([
      { kind: 'send', call: { kind: 'capture', idempotencyKey: first, authorizationReference: 'psp_1', final: true } },
    ])
  })

  test.each([0, -1, 1.5, Number.NaN])('refuses an amount of %s', (amountMinor) => {
    expect(rejection(when(authorized, capture(amountMinor)))).toMatchObject({ code: 'amount_invalid' })
  })

  test('never takes more than is left, captures on their way counted', () => {
    expect(rejection(when(authorized, capture(101)))).toEqual({
      code: 'capture_exceeds_authorization',
      availableMinor: 100,
    })
    const reserved = given(several, capture(60, { final: false, key: 'c1' }))
    expect(rejection(when(reserved, capture(60, { final: false, key: 'c2' })))).toEqual({
      code: 'capture_exceeds_authorization',
      availableMinor: 40,
    })
    expect(when(reserved, capture(40, { final: false, key: 'c2' })).decision?.kind).toBe('accepted')
  })

  test('a final capture admits no other, and none beside it', () => {
    expect(rejection(when(capturing, capture(1, { key: 'more' })))).toEqual({ code: 'final_capture_exists' })
    const open = given(several, capture(60, { final: false, key: 'c1' }))
    expect(rejection(when(open, capture(10, { key: 'c2' })))).toMatchObject({ code: 'operation_in_progress' })
  })

  test('several captures are for connections that allow them', () => {
    expect(rejection(when(authorized, capture(40, { final: false })))).toEqual({ code: 'multicapture_unsupported' })
  })

  test('is refused while a void is on its way, also one of unknown outcome', () => {
    const voiding = given(authorized, cancel())
    const code = 'operation_in_progress'
    expect(rejection(when(voiding, capture()))).toMatchObject({ code })
    expect(rejection(when(given(voiding, says(idOf(voiding, 'void'), timedOut)), capture()))).toMatchObject({ code })
  })

  test('is refused once the authorization’s time is over', () => {
    expect(rejection(when(later(authorized, 7 * day), capture()))).toEqual({ code: 'capture_window_passed' })
  })

  test('is refused wherever nothing is authorized', () => {
    expect(rejection(when(given(nothing(), create()), capture()))).toMatchObject({ current: 'pending' })
    expect(rejection(when(captured, capture(undefined, { key: 'again' })))).toMatchObject({ current: 'captured' })
  })

  test('the same request twice captures once', () => {
    expect(when(capturing, capture()).decision?.kind).toBe('replayed')
    expect(rejection(when(authorized, capture(undefined, { key: 'create' })))).toEqual({
      code: 'idempotency_key_reused',
    })
  })
})

describe('row 12: a capture succeeds', () => {
  test('final, or all of it: captured', () => {
    expect(status(captured)).toBe('captured')
    expect(amounts(payment(captured))).toMatchObject({ captured: 100, capturable: 0, refundable: 100 })
    expect(timers(captured)).toEqual([])
    const all = given(several, capture(100, { final: false }), says(first, succeeded()))
    expect(status(all)).toBe('captured')
  })

  test('final and less than authorized: the rest is released', () => {
    const less = given(authorized, capture(70), says(first, succeeded(70)))
    expect(events(less)).toContainEqual({ type: 'RemainderReleased', attemptId: idOf(less, 'att'), amountMinor: 30 })
    expect(status(less)).toBe('captured')
  })

  test('neither: partially captured, and the rest may be captured', () => {
    expect(status(partially)).toBe('partially_captured')
    expect(amounts(payment(partially))).toMatchObject({ captured: 40, capturable: 60 })
    const rest = given(partially, capture(undefined, { key: 'rest' }))
    expect(status(given(rest, says(idOf(rest, 'cap', 2), succeeded(60))))).toBe('captured')
  })

  test('an echo of another amount is held for a person', () => {
    const held = given(capturing, says(first, succeeded(99)))
    expect(payment(held)).toMatchObject({ review: true, captures: [{ status: 'manual' }] })
    expect(amounts(payment(held))).toMatchObject({ captured: 0, capturing: 100 })
  })
})

describe('row 13: a capture comes to nothing', () => {
  test.each([
    ['declined', declined()],
    ['never sent', notSent],
  ])('%s: the reserve is released and the merchant may try again', (_how, outcome) => {
    const released = given(capturing, says(first, outcome))
    expect(status(released)).toBe('authorized')
    expect(amounts(payment(released))).toMatchObject({ capturable: 100, capturing: 0 })
    expect(when(released, capture(undefined, { key: 'again' })).decision?.kind).toBe('accepted')
  })

  test('unknown: the reserve is kept and the PSP is asked', () => {
    const unknown = given(capturing, says(first, timedOut))
    expect(amounts(payment(unknown))).toMatchObject({ capturable: 0, capturing: 100 })
    expect(timers(unknown)).toEqual([{ kind: 'inquiry', operationId: first, due: unknown.now + 2 * second }])
  })

  test('automatic: tried again as a new operation after 10 seconds, a minute and 10 minutes, then voided, and the payment fails', () => {
    let scenario = automatic
    const pauses: number[] = []
    for (let tried = 1; ; tried += 1) {
      scenario = given(scenario, says(idOf(scenario, 'cap', tried), declined('soft')))
      if (payment(scenario).captureRetryAt === undefined) break
      const before = scenario.now
      scenario = fire(scenario, 'capture_retry')
      pauses.push(scenario.now - before)
    }
    expect(pauses).toEqual([10 * second, minute, 10 * minute])
    expect(effects(scenario)).toMatchObject([{ call: { kind: 'void' } }])
    const failed = given(scenario, says(idOf(scenario, 'void'), succeeded()))
    expect(payment(failed).lifecycle).toEqual({ status: 'failed', failure: { code: 'capture_failed' } })
    expect(timers(failed)).toEqual([])
  })

  test('automatic and declined for good: voided at once', () => {
    expect(eventTypes(given(automatic, says(first, declined('hard'))))).toEqual(['OperationDeclined', 'VoidPlanned'])
  })

  test('automatic, and the merchant cancels while it waits to be tried again: never tried again, even if the void fails', () => {
    const waiting = given(automatic, says(first, declined('soft')))
    const canceling = given(waiting, cancel())
    const refused = given(canceling, says(idOf(canceling, 'void'), declined('hard')))
    expect(status(refused)).toBe('authorized')
    expect(payment(refused).captureRetryAt).toBeUndefined()
    expect(timers(refused).map(({ kind }) => kind)).toEqual(['capture_deadline'])
  })

  test('automatic, and the PSP let the authorization go meanwhile: expired, nothing is tried again', () => {
    const gone = given(automatic, external('authorization_expired', 100), says(first, declined('soft')))
    expect(status(gone)).toBe('expired')
    expect(timers(gone)).toEqual([])
  })
})

describe('row 13b: the PSP takes a capture back', () => {
  test('captured shrinks, the status stays, a break is raised', () => {
    const taken = given(captured, reversal(first, 30))
    expect(status(taken)).toBe('captured')
    expect(amounts(payment(taken))).toMatchObject({ captured: 70, refundable: 70 })
    expect(events(taken)).toContainEqual({ type: 'BreakRaised', code: 'capture_reversed', operationId: first })
  })

  test('once per fact, and never more than was captured', () => {
    const taken = given(captured, reversal(first, 60))
    expect(when(taken, reversal(first, 60)).decision?.kind).toBe('ignored')
    const more = given(taken, reversal(first, 60, 'another'))
    expect(eventTypes(more)).toEqual(['FactConflict', 'BreakRaised'])
    expect(amounts(payment(more)).captured).toBe(40)
  })

  test('a reversal that overtakes its success is the end of it', () => {
    const overtaken = given(capturing, reversal(first, 100))
    expect(payment(overtaken).captures).toMatchObject([{ status: 'declined' }])
    expect(when(overtaken, says(first, succeeded())).decision?.kind).toBe('ignored')
  })
})

describe('rows 14 to 17: cancel', () => {
  test('row 14: created: canceled at once', () => {
    expect(status(given(nothing(), create({ confirm: false }), cancel()))).toBe('canceled')
  })

  test('row 15: authorized: canceled when the void succeeded, not before; a second cancel joins the same void', () => {
    const voiding = given(authorized, cancel())
    expect(status(voiding)).toBe('authorized')
    const joined = given(voiding, cancel('again'))
    expect(effects(joined)).toEqual([])
    expect(payment(joined).voids).toHaveLength(1)
    const id = idOf(voiding, 'void')
    expect(findRequest(payment(joined), 'again')?.operationId).toBe(id)
    const canceled = given(joined, says(id, succeeded()))
    expect(status(canceled)).toBe('canceled')
    expect(when(canceled, says(id, succeeded())).decision?.kind).toBe('ignored')
    expect(rejection(when(canceled, cancel('third')))).toMatchObject({ code: 'payment_unexpected_state' })
  })

  test('row 15: a capture on its way, also one of unknown outcome, comes first', () => {
    expect(rejection(when(capturing, cancel()))).toEqual({ code: 'operation_in_progress', operationId: first })
    expect(rejection(when(given(capturing, says(first, timedOut)), cancel()))).toMatchObject({ operationId: first })
  })

  test('row 15: “already voided” is what was wanted, “already captured” a conflict, anything else changes nothing', () => {
    const voiding = given(authorized, cancel())
    const id = idOf(voiding, 'void')
    expect(status(given(voiding, says(id, declined('hard', 'already_voided'))))).toBe('canceled')
    const conflict = given(voiding, says(id, declined('hard', 'already_captured')))
    expect(eventTypes(conflict)).toContain('FactConflict')
    expect(payment(conflict)).toMatchObject({ review: true, lifecycle: { status: 'authorized' } })
    const stays = given(voiding, says(id, declined('soft', 'generic_decline')))
    expect(status(stays)).toBe('authorized')
    expect(when(stays, capture()).decision?.kind).toBe('accepted')
  })

  test('row 16: partially captured: the rest is released, and the payment is captured at once', () => {
    const canceled = given(partially, cancel())
    expect(status(canceled)).toBe('captured')
    expect(effects(canceled)).toMatchObject([{ call: { kind: 'void', amountMinor: 60 } }])
    expect(amounts(payment(canceled))).toMatchObject({ captured: 40, capturable: 0, refundable: 40 })
    expect(status(given(canceled, says(idOf(canceled, 'void'), succeeded(60))))).toBe('captured')
  })

  describe('row 17: pending: the cancel wins', () => {
    const pending = given(nothing(), create({ captureMethod: 'automatic' }))
    const attempt = idOf(pending, 'att')
    const canceling = given(pending, cancel())

    test('nothing is decided before the PSP has answered', () => {
      expect(status(canceling)).toBe('pending')
      expect(effects(canceling)).toEqual([])
      expect(status(given(canceling, says(attempt, timedOut)))).toBe('pending')
    })

    test('a decline of any class cancels, without fallback', () => {
      for (const outcome of [declined('hard'), declined('retry_elsewhere'), notSent]) {
        const ended = given(canceling, says(attempt, outcome))
        expect(status(ended)).toBe('canceled')
        expect(effects(ended)).toEqual([])
      }
    })

    test('an authorization is voided, never captured', () => {
      const voiding = given(canceling, says(attempt, succeeded()))
      expect(status(voiding)).toBe('pending')
      expect(effects(voiding)).toMatchObject([{ call: { kind: 'void' } }])
      expect(status(given(voiding, says(idOf(voiding, 'void'), succeeded())))).toBe('canceled')
    })

    test('what was captured already goes back whole, without approval, and the payment is captured', () => {
      const refunding = given(canceling, says(attempt, succeeded(100, { captured: true })))
      expect(status(refunding)).toBe('captured')
      expect(effects(refunding)).toMatchObject([{ call: { kind: 'refund', amountMinor: 100 } }])
      expect(refundStatus(payment(given(refunding, says(idOf(refunding, 're'), succeeded()))))).toBe('full')
    })

    test('a smaller authorization cancels too', () => {
      expect(status(given(canceling, says(attempt, succeeded(60))))).toBe('canceled')
    })
  })
})

describe('row 18: the authorization’s time is over', () => {
  test('authorized: voided first, expired when that is confirmed', () => {
    const expiring = fire(authorized, 'capture_deadline')
    expect(status(expiring)).toBe('authorized')
    expect(effects(expiring)).toMatchObject([{ call: { kind: 'void' } }])
    expect(status(given(expiring, says(idOf(expiring, 'void'), succeeded())))).toBe('expired')
  })

  test('never while a capture is on its way', () => {
    const due = later(capturing, 8 * day)
    expect(when(due, { type: 'FireTimer', timer: 'capture_deadline' }).decision?.kind).toBe('ignored')
    expect(timers(due).map(({ kind }) => kind)).toEqual(['call_deadline'])
  })

  test('partially captured: the rest is released, and the payment is captured', () => {
    const expiring = fire(partially, 'capture_deadline')
    expect(status(given(expiring, says(idOf(expiring, 'void'), succeeded(60))))).toBe('captured')
  })

  test('told by the PSP: expired at once', () => {
    const expired = given(authorized, external('authorization_expired', 100))
    expect(status(expired)).toBe('expired')
    expect(payment(expired).review).toBe(false)
  })

  test('a void that was certainly not done is tried again, then a person is asked', () => {
    let scenario = fire(authorized, 'capture_deadline')
    const pauses: number[] = []
    for (;;) {
      scenario = given(scenario, says(payment(scenario).voids.at(-1)?.id ?? '', notSent))
      const [retry] = timers(scenario)
      if (retry === undefined) break
      pauses.push(retry.due - scenario.now)
      scenario = fire(scenario, 'void_retry', retry.operationId)
    }
    expect(pauses).toEqual([10 * second, minute, 10 * minute, 60 * minute, 360 * minute])
    expect(payment(scenario)).toMatchObject({ review: true, lifecycle: { status: 'authorized' } })
  })
})

describe('row 19: refund', () => {
  test('reserves what it gives back before the PSP is called', () => {
    const refunding = given(captured, refund(60))
    expect(eventTypes(refunding)).toEqual(['RequestAccepted', 'RefundPlanned'])
    expect(effects(refunding)).toMatchObject([
      {
        call: {
          kind: 'refund',
          amountMinor: 60,
          authorizationReference: 'psp_1',
          idempotencyKey: idOf(refunding, 're'),
        },
      },
    ])
    expect(amounts(payment(refunding))).toMatchObject({ refundable: 40, refunding: 60, refunded: 0 })
  })

  test('two refunds of 60 on 100: one is accepted, whatever their order and however the first one stands', () => {
    const one = given(captured, refund(60, 'r1'))
    const exceeds = { code: 'refund_exceeds_capture', availableMinor: 40 }
    expect(rejection(when(one, refund(60, 'r2')))).toEqual(exceeds)
    expect(rejection(when(given(one, says(idOf(one, 're'), timedOut)), refund(60, 'r2')))).toEqual(exceeds)
    expect(rejection(when(given(one, says(idOf(one, 're'), succeeded(60))), refund(60, 'r2')))).toEqual(exceeds)
    const failed = given(one, says(idOf(one, 're'), declined()))
    expect(when(failed, refund(60, 'r2')).decision?.kind).toBe('accepted')
  })

  test('refunds that fit may run at the same time', () => {
    const both = given(captured, refund(60, 'r1'), refund(40, 'r2'))
    const done = given(both, says(idOf(both, 're', 2), succeeded(40)), says(idOf(both, 're', 1), succeeded(60)))
    expect(refundStatus(payment(done))).toBe('full')
    expect(rejection(when(done, refund(1, 'r3')))).toEqual({ code: 'refund_exceeds_capture', availableMinor: 0 })
  })

  test.each([0, -60, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 2])('refuses an amount of %s', (amountMinor) => {
    expect(rejection(when(captured, refund(amountMinor)))).toMatchObject({ code: 'amount_invalid' })
  })

  test('is counted against what was captured, not against what was authorized', () => {
    expect(rejection(when(authorized, refund(10)))).toMatchObject({ code: 'payment_unexpected_state' })
    expect(rejection(when(partially, refund(50)))).toEqual({ code: 'refund_exceeds_capture', availableMinor: 40 })
    expect(when(partially, refund()).decision?.kind).toBe('accepted')
  })

  test('the same request twice refunds once', () => {
    const refunding = given(captured, refund(60))
    expect(when(refunding, refund(60)).decision?.kind).toBe('replayed')
    expect(payment(refunding).refunds).toHaveLength(1)
  })
})

describe('row 20: what becomes of a refund', () => {
  const refunding = given(captured, refund(60))
  const id = idOf(refunding, 're')

  test('succeeded: partially refunded', () => {
    const done = given(refunding, says(id, succeeded(60)))
    expect(status(done)).toBe('captured')
    expect(refundStatus(payment(done))).toBe('partial')
  })

  test('unknown keeps the reserve, ended otherwise gives it back', () => {
    expect(amounts(payment(given(refunding, says(id, timedOut)))).refundable).toBe(40)
    expect(amounts(payment(given(refunding, says(id, declined())))).refundable).toBe(100)
    expect(amounts(payment(given(refunding, says(id, notSent)))).refundable).toBe(100)
  })

  test('failed after it had succeeded: reversed, refundable again, and a break is raised', () => {
    const done = given(refunding, says(id, succeeded(60)))
    for (const fact of [reversal(id, 60), says(id, declined(), { source: 'webhook', factId: 'w' })]) {
      const reversed = given(done, fact)
      expect(eventTypes(reversed)).toEqual(['RefundReversed', 'BreakRaised'])
      expect(amounts(payment(reversed))).toMatchObject({ refunded: 0, refundable: 100 })
      expect(when(reversed, fact).decision?.kind).toBe('ignored')
    }
  })
})
