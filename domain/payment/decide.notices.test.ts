/** Which operation a notice is about, and that it counts like the answer that it tells of, in whatever order they come. */
import { describe, expect, test } from 'vitest'
import type { NoticeFact, NoticeOutcome, NoticeSubject } from '../inbox/notice.ts'
import type { RecordNotice } from './commands.ts'
import { amounts } from './derive.ts'
import type { OperationKind } from './operations.ts'
import {
  accepted,
  actionRequired,
  cancel,
  capture,
  create,
  day,
  declined,
  minute,
  multicaptureMerchant,
  notice,
  refund,
  says,
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
  type Scenario,
  status,
  when,
} from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const authorized = given(pending, says(attempt, succeeded(100, { pspReference: 'pi_1' })))
const capturing = given(authorized, capture())
const first = idOf(capturing, 'cap')
const captured = given(capturing, says(first, succeeded(100, { pspReference: 'ch_1' })))

let notices = 0
/** A notice of its own identity. */
function tells(
  operation: OperationKind,
  outcome: NoticeOutcome,
  subject: Partial<NoticeSubject> = {},
  connection = 'first',
): RecordNotice {
  return pushed({ kind: 'outcome', operation, outcome }, subject, connection)
}
function pushed(fact: NoticeFact, subject: Partial<NoticeSubject> = {}, connection = 'first'): RecordNotice {
  notices += 1
  return notice(fact, { references: [], ...subject }, { id: `evt_${notices}`, connection })
}
const ignored = (scenario: Scenario, command: RecordNotice): boolean =>
  when(scenario, command).decision?.kind === 'ignored'
const raised = (scenario: Scenario) =>
  events(scenario).flatMap((event) => (event.type === 'BreakRaised' ? [event.code] : []))

describe('a notice of what we asked for', () => {
  const authorization = succeeded(100, { pspReference: 'pi_1' })

  test('may come before the answer, instead of it, or after it: it counts once', () => {
    const told = tells('authorize', authorization, { operationId: attempt })
    const early = given(pending, told)
    expect(status(early)).toBe('authorized')
    expect(when(early, says(attempt, authorization)).decision?.kind).toBe('ignored')
    expect(status(given(pending, says(attempt, timedOut), told))).toBe('authorized')
    expect(ignored(authorized, told)).toBe(true)
  })

  test('is known by our id, though what it echoes beside that is the attempt’s', () => {
    const outcome = succeeded(100, { pspReference: 'ch_1', echoedOperationId: attempt })
    const taken = given(capturing, tells('capture', outcome, { operationId: first }))
    expect(status(taken)).toBe('captured')
    expect(payment(taken).review).toBe(false)
  })

  test('that names the attempt and tells of a capture is about the capture with its reference', () => {
    const subject = { operationId: attempt, references: ['ch_1', 'pi_1'] }
    expect(ignored(captured, tells('capture', succeeded(100, { pspReference: 'ch_1' }), subject))).toBe(true)
  })

  test('that names the attempt and tells of a capture whose reference nobody has heard of is about the one on its way', () => {
    const subject = { operationId: attempt, references: ['ch_1', 'pi_1'] }
    const lost = given(capturing, says(first, timedOut))
    const taken = given(lost, tells('capture', succeeded(100, { pspReference: 'ch_1' }), subject))
    expect(payment(taken).captures).toMatchObject([{ id: first, status: 'succeeded', pspReference: 'ch_1' }])
    expect(raised(taken)).toEqual([])
  })

  test('is never taken for the one on its way where an authorization takes several captures', () => {
    const begun = given(nothing({ merchant: multicaptureMerchant }), create())
    const held = given(begun, says(idOf(begun, 'att'), succeeded(100, { pspReference: 'pi_1' })))
    const part = given(held, capture(40, { final: false }))
    const other = tells('capture', succeeded(40, { pspReference: 'cap_x' }), { references: ['pi_1'] }, 'second')
    const both = given(part, other)
    expect(raised(both)).toEqual(['external_operation'])
    expect(payment(both).captures).toMatchObject([{ status: 'planned' }, { status: 'succeeded', cause: 'external' }])
  })

  test('that was accepted for later settles it', () => {
    const waiting = given(capturing, says(first, { ...accepted, pspReference: 'mod_1' }))
    expect(payment(waiting).captures).toMatchObject([{ status: 'accepted' }])
    const done = succeeded(100, { pspReference: 'mod_1' })
    expect(status(given(waiting, tells('capture', done, { operationId: first, references: ['mod_1', 'pi_1'] })))).toBe(
      'captured',
    )
    const refused = given(waiting, tells('capture', declined('hard', 'refused'), { references: ['mod_1', 'pi_1'] }))
    expect(status(refused)).toBe('authorized')
    expect(amounts(payment(refused)).capturable).toBe(100)
  })

  test('that is older than what is known changes nothing', () => {
    expect(ignored(captured, tells('authorize', authorization, { operationId: attempt }))).toBe(true)
    expect(ignored(captured, tells('authorize', { ...accepted, pspReference: 'pi_1' }, { operationId: attempt }))).toBe(
      true,
    )
    const returned = given(
      given(nothing(), create({ returnUrl: 'https://shop.example/back' })),
      says(attempt, actionRequired),
      { type: 'CompleteAction', attemptId: attempt, nonce: 'ab'.repeat(16) },
    )
    expect(ignored(returned, tells('authorize', actionRequired, { operationId: attempt }))).toBe(true)
  })

  test('that somebody else’s request came to nothing says nothing of ours, which the PSP has told another name for', () => {
    const references = ['mod_9', 'pi_1']
    const waiting = given(capturing, says(first, { ...accepted, pspReference: 'mod_1' }))
    const refused = tells('capture', declined('soft', 'capture_refused'), { references })
    expect(ignored(waiting, refused)).toBe(true)
    const canceling = given(authorized, cancel())
    const abort = given(canceling, says(idOf(canceling, 'void'), { ...accepted, pspReference: 'mod_1' }))
    expect(ignored(abort, tells('void', declined('hard', 'void_refused'), { references }))).toBe(true)
    const nameless = given(capturing, says(first, timedOut))
    expect(payment(given(nameless, refused)).captures).toMatchObject([{ status: 'declined' }])
  })

  test('comes days late as well as at once', () => {
    const late = later(given(pending, says(attempt, timedOut)), 3 * day)
    expect(status(given(late, tells('authorize', authorization, { operationId: attempt })))).toBe('authorized')
  })
})

describe('a void that the PSP tells of', () => {
  const gone = succeeded(100, { pspReference: 'pi_1' })

  test('is the one on its way, whatever it is called', () => {
    const canceling = given(authorized, cancel())
    const canceled = given(canceling, tells('void', gone, { operationId: attempt, references: ['pi_1'] }))
    expect(status(canceled)).toBe('canceled')
    expect(payment(canceled).voids).toMatchObject([{ status: 'succeeded' }])
    expect(raised(canceled)).toEqual([])
    expect(ignored(canceled, tells('void', gone, { operationId: attempt, references: ['pi_1'] }))).toBe(true)
  })

  test('ends an attempt that waits for its shopper, as does the abort’s own answer', () => {
    const awaiting = given(pending, says(attempt, { ...actionRequired, pspReference: 'pi_1' }), cancel())
    expect(status(given(awaiting, tells('void', gone, { operationId: attempt })))).toBe('canceled')
  })

  test('and nobody here asked for cancels the payment, and is a break', () => {
    const canceled = given(authorized, tells('void', gone, { references: ['pi_1'] }))
    expect(status(canceled)).toBe('canceled')
    expect(raised(canceled)).toEqual(['external_operation'])
  })

  test('of an attempt that had not become an authorization is its end', () => {
    const ended = given(pending, tells('void', gone, { operationId: attempt }))
    expect(payment(ended).attempts).toMatchObject([{ status: 'declined', decline: { code: 'authorization_canceled' } }])
    expect(status(ended)).toBe('failed')
  })
})

describe('an authorization that ended by the PSP’s clock', () => {
  const over = { kind: 'authorization_expired', pspReference: 'pi_1', amountMinor: 100, currency: 'EUR' } as const

  test('expires the payment', () => {
    expect(status(given(authorized, pushed(over)))).toBe('expired')
  })

  test('in another currency releases nothing: a person looks', () => {
    const parked = given(authorized, pushed({ ...over, currency: 'USD' }))
    expect(status(parked)).toBe('authorized')
    expect(payment(parked).review).toBe(true)
    expect(raised(parked)).toEqual(['amount_mismatch'])
  })

  test('and that nobody wanted any more leaves the payment’s own alone', () => {
    const asked = fire(given(pending, says(attempt, timedOut)), 'inquiry', attempt)
    const fallen = given(later(asked, 10 * minute), says(attempt, { kind: 'absent' }, { source: 'inquiry' }))
    const second = idOf(fallen, 'att', 2)
    const held = given(
      fallen,
      tells('authorize', succeeded(100, { pspReference: 'pi_1' }), { operationId: attempt }),
      says(second, succeeded(100, { pspReference: 'psp_2' })),
    )
    const ended = given(held, pushed(over))
    expect(status(ended)).toBe('authorized')
    expect(payment(ended).attempts).toMatchObject([{ releasedMinor: 100 }, { releasedMinor: 0 }])
    expect(amounts(payment(ended)).capturable).toBe(100)
  })
})

describe('what was made in the PSP’s own pages', () => {
  test('is recorded once, though several notices tell of it', () => {
    const told = succeeded(30, { pspReference: 're_x' })
    const refunded = given(captured, tells('refund', told, { references: ['re_x', 'ch_1'] }))
    expect(raised(refunded)).toEqual(['external_operation'])
    expect(amounts(payment(refunded))).toMatchObject({ refunded: 30, refundable: 70 })
    expect(ignored(refunded, tells('refund', told, { references: ['re_x', 'pi_1'] }))).toBe(true)
  })

  test('is another refund than ours of the same amount that is on its way', () => {
    const both = given(
      captured,
      refund(30),
      tells('refund', succeeded(30, { pspReference: 're_x' }), { references: ['re_x', 'ch_1'] }),
    )
    expect(amounts(payment(both))).toMatchObject({ refunded: 30, refunding: 30 })
  })

  test('and came to nothing is nothing', () => {
    for (const outcome of [declined(), accepted]) {
      expect(ignored(captured, tells('refund', outcome, { references: ['re_x', 'ch_1'] }))).toBe(true)
    }
  })
})

describe('what a PSP takes back', () => {
  const back = { kind: 'reversal', pspReference: 'ch_1', amountMinor: 100, currency: 'EUR' } as const

  test('is known by our id or by its reference, and taken back once', () => {
    for (const subject of [{ operationId: first }, { operationId: attempt }, {}]) {
      const reversed = given(captured, pushed({ ...back, operation: 'capture' }, subject))
      expect(amounts(payment(reversed)).captured).toBe(0)
      expect(raised(reversed)).toEqual(['capture_reversed'])
    }
  })

  test('before its success was told of is its end', () => {
    const reversed = given(capturing, pushed({ ...back, operation: 'capture' }, { operationId: first }))
    expect(payment(reversed).captures).toMatchObject([{ status: 'declined', decline: { code: 'reversed' } }])
    const told = tells('capture', succeeded(100, { pspReference: 'ch_1' }), { operationId: first })
    expect(ignored(reversed, told)).toBe(true)
  })

  test('before its success was told of, and made in the PSP’s own pages, never becomes a success: a person looks, once', () => {
    const failed = { ...back, operation: 'refund', pspReference: 're_x', amountMinor: 30 } as const
    const references = ['re_x', 'ch_1', 'pi_1']
    const parked = given(captured, pushed(failed, { references }))
    expect(raised(parked)).toEqual(['status_conflict'])
    expect(ignored(parked, pushed(failed, { references }))).toBe(true)
    expect(ignored(parked, tells('refund', succeeded(30, { pspReference: 're_x' }), { references }))).toBe(true)
  })

  test('of a refund that was found absent keeps a success that comes later still from being booked', () => {
    const refunding = given(captured, refund(30))
    const id = idOf(refunding, 're')
    const asked = fire(given(refunding, says(id, timedOut)), 'inquiry', id)
    const gone = given(later(asked, day), says(id, { kind: 'absent' }, { source: 'inquiry' }))
    expect(payment(gone).refunds).toMatchObject([{ status: 'absent' }])
    const failed = { ...back, operation: 'refund', pspReference: 're_1', amountMinor: 30 } as const
    const parked = given(gone, pushed(failed, { operationId: id, references: ['re_1', 'pi_1'] }))
    expect(payment(parked).review).toBe(true)
    expect(ignored(parked, tells('refund', succeeded(30, { pspReference: 're_1' }), { operationId: id }))).toBe(true)
    expect(amounts(payment(parked)).refunded).toBe(0)
  })

  test.each([
    ['of another amount', { ...back, pspReference: 're_1', amountMinor: 31 }],
    ['in another currency', { ...back, pspReference: 're_1', amountMinor: 30, currency: 'USD' }],
    ['of a refund that nobody knows', { ...back, pspReference: 're_other', amountMinor: 30 }],
  ] as const)('%s changes nothing: a person looks', (_name, fact) => {
    const refunding = given(captured, refund(30))
    const refunded = given(refunding, says(idOf(refunding, 're'), succeeded(30, { pspReference: 're_1' })))
    const parked = given(refunded, pushed({ ...fact, operation: 'refund' }, { references: ['pi_1'] }))
    expect(eventTypes(parked)).toEqual(['FactConflict', 'BreakRaised'])
    expect(payment(parked)).toMatchObject({ review: true, refunds: [{ reversed: false }] })
  })
})

describe('a success that is not what was asked', () => {
  test.each([
    ['another currency', { currency: 'USD' }, 100],
    ['another amount', {}, 60],
    ['no amount', {}, 0],
  ])('%s: nothing is booked, no reserve is released, a person looks', (_name, more, amountMinor) => {
    const outcome = succeeded(amountMinor, { pspReference: 'ch_1', ...more })
    const parked = given(capturing, tells('capture', outcome, { operationId: first }))
    expect(payment(parked)).toMatchObject({ review: true, captures: [{ status: 'manual' }] })
    expect(amounts(payment(parked))).toMatchObject({ captured: 0, capturing: 100 })
    expect(raised(parked)).toEqual(['amount_mismatch'])
    expect(effects(parked)).toEqual([])
    const right = tells('capture', succeeded(100, { pspReference: 'ch_1' }), { operationId: first })
    expect(status(given(parked, right))).toBe('captured')
  })

  test('of an operation that had ended otherwise is recorded for a person, never compensated by itself', () => {
    const failed = given(pending, says(attempt, declined()))
    const odd = succeeded(100, { pspReference: 'pi_1', currency: 'USD' })
    const parked = given(failed, tells('authorize', odd, { operationId: attempt }))
    expect(eventTypes(parked)).toEqual(['FactConflict', 'BreakRaised'])
    expect(payment(parked).attempts).toMatchObject([{ status: 'declined', authorizedMinor: 0 }])
  })
})

describe('a dispute that the PSP tells of', () => {
  const fact = {
    kind: 'dispute',
    pspReference: 'dp_1',
    stage: 'chargeback',
    status: 'open',
    amountMinor: 40,
    currency: 'EUR',
    feeMinor: 15,
    fundsWithdrawn: false,
  } as const

  test('is found by the payment’s references, later by its own', () => {
    const open = given(captured, pushed(fact, { references: ['ch_1'] }))
    expect(amounts(payment(open)).disputed).toBe(40)
    expect(payment(open).disputes).toMatchObject([{ attemptId: attempt }])
    expect(amounts(payment(given(open, pushed({ ...fact, status: 'won' })))).disputed).toBe(0)
  })

  test('in another currency counts against nothing: a person looks', () => {
    const parked = given(captured, pushed({ ...fact, currency: 'USD' }, { references: ['ch_1'] }))
    expect(payment(parked)).toMatchObject({ review: true, disputes: [] })
  })
})
