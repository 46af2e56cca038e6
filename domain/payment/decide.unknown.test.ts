import { describe, expect, test } from 'vitest'
import { pendingReason } from './derive.ts'
import { inquiriesMax } from './policy.ts'
import {
  absent,
  actionRequired,
  accepted,
  create,
  day,
  declined,
  fallback,
  hour,
  minute,
  primary,
  says,
  second,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import {
  effects,
  eventTypes,
  fire,
  given,
  idOf,
  later,
  newOwner,
  nothing,
  payment,
  status,
  timers,
  when,
} from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')

describe('rows 9 and 10: nobody knows', () => {
  const unknown = given(pending, says(attempt, timedOut))

  test('row 9: a timeout is never a failure: pending, said to be unknown, and no new key', () => {
    expect(eventTypes(unknown)).toEqual(['OutcomeUnknown'])
    expect(status(unknown)).toBe('pending')
    expect(pendingReason(payment(unknown))).toBe('psp_outcome_unknown')
    expect(effects(unknown)).toEqual([])
    expect(payment(unknown).attempts).toHaveLength(1)
  })

  test('1.3: asked after 2, 4, 8 and 30 seconds, 2 and 10 minutes, 1, 6 and 24 hours, then daily until a person is asked', () => {
    let scenario = unknown
    const pauses: number[] = []
    while (payment(scenario).attempts[0]?.status === 'unknown') {
      const before = scenario.now
      scenario = fire(scenario, 'inquiry', attempt)
      pauses.push(scenario.now - before)
      scenario = given(scenario, says(attempt, timedOut, { source: 'inquiry' }))
    }
    expect(pauses).toEqual([
      ...[2, 4, 8, 30].map((seconds) => seconds * second),
      ...[2, 10, 60, 360].map((minutes) => minutes * minute),
      ...Array.from({ length: 12 }, () => day),
    ])
    expect(payment(scenario)).toMatchObject({
      review: true,
      attempts: [{ status: 'manual' }],
      lifecycle: { status: 'pending' },
    })
    expect(timers(scenario)).toMatchObject([{ kind: 'manual', operationId: attempt }])
  })

  test('1.3: a connection’s longest pause bounds the schedule, which is as many inquiries long', () => {
    const hurried = { ...primary, inquiryPauseMsMax: 5 * second }
    let scenario = given(nothing({ connections: new Map([['first', hurried]]) }), create(), says(attempt, timedOut))
    const pauses: number[] = []
    while (payment(scenario).attempts[0]?.status === 'unknown') {
      const before = scenario.now
      scenario = fire(scenario, 'inquiry', attempt)
      pauses.push((scenario.now - before) / second)
      scenario = given(scenario, says(attempt, timedOut, { source: 'inquiry' }))
    }
    expect(pauses).toEqual([2, 4, ...Array.from({ length: 18 }, () => 5)])
  })

  test('1.3: an inquiry is the identical request while the PSP knows its key, a look-up afterwards', () => {
    const [sent] = effects(pending)
    const inquiry = fire(unknown, 'inquiry', attempt)
    expect(effects(inquiry)).toEqual([
      {
        kind: 'inquire',
        call: sent?.call,
        repeatAllowed: true,
        notAfter: inquiry.now + primary.sendWithinMs,
        askedAt: inquiry.now,
      },
    ])
    const asked = fire(later(inquiry, primary.repeatWindowMs), 'inquiry', attempt)
    expect(effects(asked)).toMatchObject([{ kind: 'inquire', call: sent?.call, repeatAllowed: false }])
  })

  test('1.3: where the PSP stored an error under the key it is looked up, never repeated', () => {
    const stored = given(pending, says(attempt, { ...timedOut, reason: 'psp_error', repeatIsUseless: true }))
    expect(effects(fire(stored, 'inquiry', attempt))).toMatchObject([{ kind: 'inquire', repeatAllowed: false }])
  })

  test('1.3: a new owner counts what it reads without outcome as sent, and asks at once', () => {
    const recovered = given(newOwner(pending), { type: 'RecoverOperations' })
    expect(eventTypes(recovered)).toEqual(['OutcomeUnknown', 'InquiryPlanned'])
    expect(effects(recovered)).toMatchObject([
      { kind: 'inquire', repeatAllowed: true, call: effects(pending)[0]?.call },
    ])
    expect(eventTypes(given(newOwner(unknown), { type: 'RecoverOperations' }))).toEqual(['InquiryPlanned'])
    const resting = given(pending, says(attempt, succeeded()))
    expect(when(newOwner(resting), { type: 'RecoverOperations' }).decision?.kind).toBe('ignored')
  })

  test('1.3: an inquiry that never comes back is asked again', () => {
    const inquiry = fire(unknown, 'inquiry', attempt)
    expect(timers(inquiry)).toEqual([{ kind: 'inquiry', operationId: attempt, due: inquiry.now + minute }])
  })

  test('1.3: an inquiry that was not made counts for nothing: it is made after the same pause', () => {
    let scenario = unknown
    for (let n = 0; n < inquiriesMax + 2; n += 1) {
      const inquiry = fire(scenario, 'inquiry', attempt)
      scenario = given(inquiry, says(attempt, { kind: 'unknown', reason: 'not_asked' }, { source: 'inquiry' }))
      expect(timers(scenario)).toEqual([{ kind: 'inquiry', operationId: attempt, due: inquiry.now + 2 * second }])
    }
    expect(payment(scenario)).toMatchObject({ review: false, attempts: [{ doubt: { inquiries: 0 } }] })
    const made = fire(scenario, 'inquiry', attempt)
    const answered = given(made, says(attempt, timedOut, { source: 'inquiry' }))
    expect(timers(answered)).toEqual([{ kind: 'inquiry', operationId: attempt, due: made.now + 4 * second }])
  })

  test('1.3: a call that nobody answered counts as unknown once it can no longer be on its way', () => {
    expect(eventTypes(fire(pending, 'call_deadline', attempt))).toEqual(['OutcomeUnknown', 'InquiryPlanned'])
  })

  test('row 10: an inquiry’s finding counts like an answer', () => {
    const inquiry = fire(unknown, 'inquiry', attempt)
    expect(status(given(inquiry, says(attempt, succeeded(), { source: 'inquiry' })))).toBe('authorized')
    expect(status(given(inquiry, says(attempt, declined(), { source: 'inquiry' })))).toBe('failed')
    expect(status(given(inquiry, says(attempt, actionRequired, { source: 'inquiry' })))).toBe('requires_action')
  })

  test('row 10: an inquiry made before that time says nothing, however late its answer comes: the request may have taken effect since', () => {
    const unknown = given(pending, says(attempt, timedOut))
    const inquiry = fire(unknown, 'inquiry', attempt)
    const askedAt = inquiry.now
    const late = given(later(inquiry, day), says(attempt, absent, { source: 'inquiry', askedAt }))
    expect(payment(late).attempts).toMatchObject([{ status: 'unknown', doubt: { reason: 'not_found_yet' } }])
    expect(status(late)).toBe('pending')
  })

  test('row 10: absent is believed from inquiries alone, a quiet period after the request can last have been sent', () => {
    const inquiry = fire(unknown, 'inquiry', attempt)
    const lastSend = inquiry.now + primary.sendWithinMs
    const at = (now: number) => ({ ...inquiry, now })
    const askedAt = lastSend + primary.quietPeriodMs - 1
    const early = given(at(askedAt), says(attempt, absent, { source: 'inquiry', askedAt }))
    expect(payment(early).attempts).toMatchObject([{ status: 'unknown' }])
    const said = given(at(lastSend + primary.quietPeriodMs), says(attempt, absent, { source: 'webhook', factId: 'w' }))
    expect(payment(said).attempts).toMatchObject([{ status: 'unknown' }])
    const believed = given(
      at(lastSend + primary.quietPeriodMs),
      says(attempt, absent, { source: 'inquiry', askedAt: askedAt + 1 }),
    )
    expect(payment(believed).attempts).toMatchObject([
      { status: 'absent' },
      { status: 'planned', connection: 'second' },
    ])
    expect(effects(believed)).toMatchObject([{ call: { connection: fallback.connection } }])
  })

  test('the PSP accepted it: awaiting its word, asked about when that does not come', () => {
    const taken = given(pending, says(attempt, accepted))
    expect(pendingReason(payment(taken))).toBe('awaiting_webhook')
    expect(timers(taken)).toEqual([{ kind: 'accepted_deadline', operationId: attempt, due: taken.now + hour }])
    expect(eventTypes(fire(taken, 'accepted_deadline', attempt))).toEqual(['OutcomeUnknown', 'InquiryPlanned'])
    expect(status(given(taken, says(attempt, declined(), { source: 'webhook', factId: 'w' })))).toBe('failed')
  })
})
