/** A PSP that takes captures, voids and refunds for later and tells by webhook what became of them (Adyen). */
import { describe, expect, test } from 'vitest'
import { amounts, findRequest } from './derive.ts'
import type { OperationKind } from './operations.ts'
import { inquiriesMax } from './policy.ts'
import {
  cancel,
  capture,
  create,
  declined,
  notice,
  notSent,
  refund,
  says,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import { eventTypes, fire, given, idOf, nothing, payment, type Scenario, status, timers } from './testing/scenario.ts'

const taken = { kind: 'accepted', pspReference: 'mod_1' } as const
const done = succeeded(100, { pspReference: 'mod_1' })
const automatic = given(nothing(), create({ captureMethod: 'automatic' }))
const attempt = idOf(automatic, 'att')
const capturing = given(automatic, says(attempt, succeeded(100, { captured: false })))
const first = idOf(capturing, 'cap')
const accepted = given(capturing, says(first, taken))

const told = (operation: OperationKind, operationId: string, outcome = done as Parameters<typeof says>[1]) => {
  if (outcome.kind !== 'succeeded' && outcome.kind !== 'declined') throw new Error('a notice tells an outcome')
  return notice({ kind: 'outcome', operation, outcome }, { operationId, references: ['mod_1', 'psp_1'] })
}
const concluded = (scenario: Scenario, key: string) => findRequest(payment(scenario), key)?.concludedSeq !== undefined

describe('an automatic payment', () => {
  test('is answered once its capture was taken: authorized, with nothing left to capture', () => {
    expect(concluded(automatic, 'create')).toBe(false)
    expect(concluded(capturing, 'create')).toBe(false)
    expect(concluded(accepted, 'create')).toBe(true)
    expect(status(accepted)).toBe('authorized')
    expect(amounts(payment(accepted))).toMatchObject({ authorized: 100, capturable: 0, captured: 0, capturing: 100 })
  })

  test('is captured when the PSP says so, and its answer stays what it was', () => {
    const captured = given(accepted, told('capture', first))
    expect(status(captured)).toBe('captured')
    expect(findRequest(payment(captured), 'create')).toEqual(findRequest(payment(accepted), 'create'))
  })

  test('is answered at once where the PSP captures in the same step, or the capture is answered at once', () => {
    expect(concluded(given(automatic, says(attempt, succeeded(100, { captured: true }))), 'create')).toBe(true)
    expect(concluded(given(capturing, says(first, done)), 'create')).toBe(true)
  })

  test('stays open while nobody knows whether its capture was taken', () => {
    const lost = given(capturing, says(first, timedOut))
    expect(concluded(lost, 'create')).toBe(false)
    expect(concluded(given(lost, told('capture', first)), 'create')).toBe(true)
  })

  test('stays open while its capture is tried again, and fails when the authorization was given back', () => {
    const waiting = given(capturing, says(first, notSent))
    expect(concluded(waiting, 'create')).toBe(false)
    const retried = fire(waiting, 'capture_retry')
    const refused = given(retried, says(idOf(retried, 'cap', 2), declined('hard')))
    expect(concluded(refused, 'create')).toBe(false)
    const voided = given(refused, says(idOf(refused, 'void'), succeeded(100, { pspReference: 'mod_2' })))
    expect(payment(voided).lifecycle).toMatchObject({ status: 'failed', failure: { code: 'capture_failed' } })
    expect(concluded(voided, 'create')).toBe(true)
  })

  test('whose accepted capture comes to nothing is voided, and fails', () => {
    const refused = given(accepted, told('capture', first, declined('hard', 'refused')))
    expect(eventTypes(refused)).toEqual(['OperationDeclined', 'VoidPlanned'])
    const voided = given(refused, says(idOf(refused, 'void'), succeeded(100, { pspReference: 'mod_2' })))
    expect(status(voided)).toBe('failed')
  })
})

describe('a capture, a void, a refund that was accepted', () => {
  const manual = given(nothing(), create(), says(attempt, succeeded()))

  test('leaves its request open until the PSP has told', () => {
    const asked = given(manual, capture())
    const waiting = given(asked, says(idOf(asked, 'cap'), taken))
    expect(concluded(waiting, 'capture')).toBe(false)
    const captured = given(waiting, told('capture', idOf(asked, 'cap')))
    expect(concluded(captured, 'capture')).toBe(true)

    const refunding = given(captured, refund(100))
    const promised = given(refunding, says(idOf(refunding, 're'), { ...taken, pspReference: 'mod_3' }))
    expect(concluded(promised, 'refund')).toBe(false)
    expect(amounts(payment(promised))).toMatchObject({ refunded: 0, refunding: 100, refundable: 0 })
    const refunded = given(promised, told('refund', idOf(refunding, 're'), succeeded(100, { pspReference: 'mod_3' })))
    expect(concluded(refunded, 'refund')).toBe(true)

    const canceling = given(manual, cancel())
    const released = given(canceling, says(idOf(canceling, 'void'), taken))
    expect([status(released), concluded(released, 'cancel')]).toEqual(['authorized', false])
    const canceled = given(released, told('void', idOf(canceling, 'void')))
    expect([status(canceled), concluded(canceled, 'cancel')]).toEqual(['canceled', true])
  })

  test('is asked about when the PSP does not tell in time; that it was accepted is no news then, and in the end people are asked', () => {
    let scenario = fire(accepted, 'accepted_deadline', first)
    let inquiries = 0
    for (; payment(scenario).captures[0]?.status !== 'manual'; inquiries += 1) {
      expect(payment(scenario).captures[0]?.status).toBe('inquiring')
      scenario = given(scenario, says(first, taken, { source: 'inquiry' }))
      if (payment(scenario).captures[0]?.status === 'unknown') scenario = fire(scenario, 'inquiry', first)
    }
    expect(inquiries).toBe(inquiriesMax)
    expect(payment(scenario).review).toBe(true)
    expect(amounts(payment(scenario)).capturing).toBe(100)
    expect(timers(scenario)).toMatchObject([{ kind: 'manual' }])
    expect(status(given(scenario, told('capture', first)))).toBe('captured')
  })

  test('and overdue is settled by a webhook at any time', () => {
    const overdue = fire(accepted, 'accepted_deadline', first)
    expect(status(given(overdue, told('capture', first)))).toBe('captured')
    const asked = given(overdue, says(first, taken, { source: 'inquiry' }))
    expect(status(given(asked, told('capture', first)))).toBe('captured')
  })
})
