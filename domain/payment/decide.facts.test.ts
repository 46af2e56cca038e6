import { describe, expect, test } from 'vitest'
import { amounts, disputeStatus, refundStatus, settlementStatus } from './derive.ts'
import {
  absent,
  actionRequired,
  cancel,
  capture,
  confirm,
  create,
  day,
  declined,
  dispute,
  external,
  hour,
  minute,
  multicaptureMerchant,
  refund,
  reversal,
  says,
  settlementLine,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import { balancesOf } from './testing/invariants.ts'
import {
  allTransfers,
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
  transfers,
  when,
} from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const authorized = given(pending, says(attempt, succeeded()))
const capturing = given(authorized, capture())
const first = idOf(capturing, 'cap')
const captured = given(capturing, says(first, succeeded(100, { pspReference: 'psp_capture' })))
const failed = given(pending, says(attempt, declined()))
const expired = fire(given(nothing(), create({ confirm: false })), 'confirm_deadline')
const raised = (scenario: Scenario) =>
  events(scenario).flatMap((event) => (event.type === 'BreakRaised' ? [event.code] : []))

/** The first attempt is believed absent, a second one is on its way at the other PSP. */
function fallenBack(): Scenario {
  const asked = fire(given(pending, says(attempt, timedOut)), 'inquiry', attempt)
  return given(later(asked, 10 * minute), says(attempt, absent, { source: 'inquiry' }))
}

describe('row 21: disputes', () => {
  test('open: counts against refunds, once per fact', () => {
    const open = given(captured, dispute('open', { evidenceBy: captured.now + 7 * day }))
    expect(status(open)).toBe('captured')
    expect(disputeStatus(payment(open))).toBe('open')
    expect(amounts(payment(open))).toMatchObject({ disputed: 40, refundable: 60 })
    expect(rejection(when(open, refund(61)))).toEqual({ code: 'refund_exceeds_capture', availableMinor: 60 })
    expect(when(open, dispute('open')).decision?.kind).toBe('ignored')
  })

  test('an inquiry stage counts against nothing', () => {
    expect(amounts(payment(given(captured, dispute('inquiry'))))).toMatchObject({ disputed: 0, refundable: 100 })
  })

  test('won: refundable again; lost: gone for good', () => {
    const open = given(captured, dispute('open'))
    expect(amounts(payment(given(open, dispute('won')))).refundable).toBe(100)
    const lost = given(open, dispute('lost'))
    expect(disputeStatus(payment(lost))).toBe('lost')
    expect(amounts(payment(lost)).refundable).toBe(60)
  })

  test('a decided stage is not opened again by an old fact; a second chargeback opens it', () => {
    const won = given(captured, dispute('open'), dispute('won'))
    expect(when(won, dispute('open', { factId: 'old' })).decision?.kind).toBe('ignored')
    const again = given(won, dispute('open', { factId: 'new', stage: 'second_chargeback' }))
    expect(disputeStatus(payment(again))).toBe('open')
    expect(payment(again).disputes).toHaveLength(1)
  })

  test('in another currency counts against nothing, once: a person looks', () => {
    const other = given(captured, dispute('open', { currency: 'USD' }))
    expect(eventTypes(other)).toEqual(['FactConflict', 'BreakRaised'])
    expect(raised(other)).toEqual(['amount_mismatch'])
    expect(payment(other)).toMatchObject({ review: true, disputes: [] })
    expect(when(other, dispute('open', { currency: 'USD' })).decision?.kind).toBe('ignored')
  })

  test('an inquiry that is told of after its chargeback changes nothing', () => {
    const open = given(captured, dispute('open'))
    expect(when(open, dispute('inquiry', { factId: 'old' })).decision?.kind).toBe('ignored')
  })

  test('the same again under another name is no news', () => {
    const open = given(captured, dispute('open'))
    expect(when(open, dispute('open', { factId: 'other' })).decision?.kind).toBe('ignored')
  })

  const money = (scenario: Scenario): Record<string, number> => {
    const { posted } = balancesOf(allTransfers(scenario))
    const accounts = ['psp_receivable', 'dispute_receivable', 'dispute_fees', 'merchant_payable'] as const
    return Object.fromEntries(accounts.map((account) => [account, posted[account] ?? 0]))
  }
  const told = (status: 'open' | 'won' | 'lost', fundsWithdrawn: boolean) =>
    dispute(status, { fundsWithdrawn, factId: `${status} ${fundsWithdrawn}` })

  test('money moves when the PSP takes it, not before: opened, withdrawn, then lost', () => {
    const opened = given(captured, told('open', false))
    expect(transfers(opened)).toEqual([])
    const withdrawn = given(opened, told('open', true))
    expect(money(withdrawn)).toEqual({
      psp_receivable: 45,
      dispute_receivable: 40,
      dispute_fees: 15,
      merchant_payable: -100,
    })
    const lost = given(withdrawn, told('lost', true))
    expect(money(lost)).toEqual({ psp_receivable: 45, dispute_receivable: 0, dispute_fees: 15, merchant_payable: -60 })
  })

  test('won, the money is back; the fee is not', () => {
    const won = given(captured, told('open', true), told('won', false))
    expect(money(won)).toEqual({ psp_receivable: 85, dispute_receivable: 0, dispute_fees: 15, merchant_payable: -100 })
  })

  test('the books end alike in whatever order a lost dispute’s facts come', () => {
    const facts = [told('open', false), told('open', true), told('lost', false)] as const
    const end = { psp_receivable: 45, dispute_receivable: 0, dispute_fees: 15, merchant_payable: -60 }
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      let scenario = captured
      for (const index of order) {
        const fact = facts[index]
        if (fact !== undefined) scenario = when(scenario, fact)
      }
      expect(money(scenario), order.join(' ')).toEqual(end)
      expect(disputeStatus(payment(scenario))).toBe('lost')
    }
  })

  test('evidence not sent in time is told once', () => {
    const open = given(captured, dispute('open', { evidenceBy: captured.now + 7 * day }))
    const [timer] = timers(open)
    expect(timer).toEqual({ kind: 'evidence_deadline', operationId: idOf(open, 'dp'), due: captured.now + 7 * day })
    const due = fire(open, 'evidence_deadline', idOf(open, 'dp'))
    expect(eventTypes(due)).toEqual(['DisputeEvidenceDue'])
    expect(timers(due)).toEqual([])
  })

  test('a dispute beside refunds that exceeds what was captured is a break, never a refusal', () => {
    const refunded = given(captured, refund(80), says(idOf(given(captured, refund(80)), 're'), succeeded(80)))
    expect(raised(given(refunded, dispute('open')))).toEqual(['over_refunded'])
  })
})

describe('row 22: settlement lines', () => {
  test('add up to a settled payment, each line once, in any status', () => {
    const settled = given(captured, settlementLine())
    expect(settlementStatus(payment(settled))).toBe('settled')
    expect(when(settled, settlementLine()).decision?.kind).toBe('ignored')
    expect(when(failed, settlementLine()).decision?.kind).toBe('accepted')
    expect(settlementStatus(payment(given(captured, settlementLine({ grossMinor: 60, netMinor: 57 }))))).toBe('partial')
  })

  test('in another currency are for a person', () => {
    const other = given(captured, settlementLine({ currency: 'USD' }))
    expect(payment(other)).toMatchObject({ review: true, settlement: { lines: [] } })
  })
})

describe('row 23: success after the end', () => {
  test('an authorization after its fallback has begun is voided at once and changes nothing else', () => {
    const late = given(fallenBack(), says(attempt, succeeded(), { source: 'webhook', factId: 'w' }))
    expect(eventTypes(late)).toEqual(['LateSuccess', 'VoidPlanned', 'BreakRaised'])
    expect(raised(late)).toEqual(['late_success'])
    expect(status(late)).toBe('pending')
    expect(effects(late)).toMatchObject([{ call: { kind: 'void', authorizationOperationId: attempt } }])
    const second = idOf(late, 'att', 2)
    const carried = given(late, says(second, succeeded(100, { pspReference: 'psp_2' })))
    expect(payment(carried).lifecycle).toMatchObject({ status: 'authorized', attemptId: second })
    // The compensation is none of the merchant's business: capture and cancel go on beside it.
    expect(when(carried, capture()).decision?.kind).toBe('accepted')
    expect(effects(given(carried, cancel()))).toMatchObject([{ call: { authorizationOperationId: second } }])
    expect(status(given(carried, says(idOf(late, 'void'), succeeded())))).toBe('authorized')
  })

  test('a shopper whom the present attempt waits for is waited for on', () => {
    const fallen = fallenBack()
    const awaiting = given(fallen, says(idOf(fallen, 'att', 2), { ...actionRequired, pspReference: 'psp_2' }))
    const late = given(awaiting, says(attempt, succeeded(), { source: 'webhook', factId: 'w' }))
    expect(status(late)).toBe('requires_action')
    expect(timers(late)).toContainEqual({ kind: 'action_deadline', operationId: '', due: awaiting.now + hour })
  })

  test('a closed payment stays closed; the compensation is legal there', () => {
    const late = given(failed, says(attempt, succeeded(), { source: 'webhook', factId: 'w' }))
    expect(status(late)).toBe('failed')
    const voided = given(late, says(idOf(late, 'void'), succeeded()))
    expect(status(voided)).toBe('failed')
    expect(timers(voided)).toEqual([])
  })

  test('money taken late is booked and waits for approval: nothing is refunded by itself', () => {
    const late = given(failed, says(attempt, succeeded(100, { captured: true }), { source: 'webhook', factId: 'w' }))
    expect(payment(late)).toMatchObject({
      review: true,
      lifecycle: { status: 'failed' },
      captures: [{ status: 'succeeded' }],
    })
    expect(effects(late)).toEqual([])
    expect(raised(late)).toEqual(['late_success'])
    expect(amounts(payment(late)).captured).toBe(0)
  })

  test('a void that had been declined, after a capture in part: it is the rest that was given back, nobody has to look', () => {
    const canceling = given(authorized, cancel())
    const refused = given(canceling, says(idOf(canceling, 'void'), declined('hard')))
    const taken = given(refused, capture(40, { key: 'part' }))
    const partly = given(taken, says(idOf(taken, 'cap'), succeeded(40)))
    const late = given(partly, says(idOf(canceling, 'void'), succeeded(), { source: 'webhook', factId: 'w' }))
    expect(status(late)).toBe('captured')
    expect(payment(late).review).toBe(false)
    expect(amounts(payment(late)).captured).toBe(40)
  })

  test('a void that had been declined, after a capture of all: one of the two cannot be true', () => {
    const canceling = given(authorized, cancel())
    const refused = given(canceling, says(idOf(canceling, 'void'), declined('hard')))
    const taken = given(refused, capture(undefined, { key: 'all' }))
    const whole = given(taken, says(idOf(taken, 'cap'), succeeded()))
    const late = given(whole, says(idOf(canceling, 'void'), succeeded(), { source: 'webhook', factId: 'w' }))
    expect(eventTypes(late)).toEqual(['FactConflict', 'BreakRaised'])
    expect(payment(late).review).toBe(true)
  })

  test('a capture that had been declined: recorded, the status stays, a person looks', () => {
    const late = given(capturing, says(first, declined()), says(first, succeeded(), { source: 'webhook', factId: 'w' }))
    expect(status(late)).toBe('authorized')
    expect(payment(late)).toMatchObject({ review: true, captures: [{ status: 'succeeded' }] })
    expect(amounts(payment(late))).toMatchObject({ captured: 100, capturable: 0 })
  })

  test('a capture of what was given back meanwhile is a conflict: captured never exceeds authorized', () => {
    const voided = given(capturing, says(first, declined()), cancel())
    const canceled = given(voided, says(idOf(voided, 'void'), succeeded()))
    const late = given(canceled, says(first, succeeded(), { source: 'report' }))
    expect(eventTypes(late)).toEqual(['FactConflict', 'BreakRaised'])
    expect(status(late)).toBe('canceled')
  })

  test('a refund that had been declined is a refund after all', () => {
    const refunding = given(captured, refund(60))
    const id = idOf(refunding, 're')
    const late = given(refunding, says(id, declined()), says(id, succeeded(60), { source: 'webhook', factId: 'w' }))
    expect(refundStatus(payment(late))).toBe('partial')
    expect(raised(late)).toEqual(['late_success'])
    const both = given(refunding, says(id, declined()), refund(60, 'again'))
    const done = given(both, says(idOf(both, 're', 2), succeeded(60)), says(id, succeeded(60), { source: 'report' }))
    expect(raised(done)).toEqual(['late_success', 'over_refunded'])
  })

  test('a shopper awaited by an attempt that counts as gone is sent away: it must not become a second authorization', () => {
    const awaited = given(fallenBack(), says(attempt, actionRequired, { source: 'webhook', factId: 'w' }))
    expect(effects(awaited)).toMatchObject([{ call: { kind: 'void', authorizationReference: 'psp_1' } }])
    expect(status(awaited)).toBe('pending')
  })
})

describe('row 24: the same again', () => {
  test.each([
    ['an authorization', authorized, says(attempt, succeeded())],
    ['a decline', failed, says(attempt, declined())],
    [
      'a capture',
      captured,
      says(first, succeeded(100, { pspReference: 'psp_capture' }), { source: 'webhook', factId: 'w' }),
    ],
  ])('%s is acknowledged without an event', (_what, scenario, fact) => {
    expect(when(scenario, fact).decision?.kind).toBe('ignored')
  })
})

describe('row 25: something else about an operation that had ended', () => {
  test('a decline after success, or another amount, is a conflict for a person, told once', () => {
    for (const outcome of [
      declined(),
      succeeded(90),
      succeeded(100, { currency: 'USD' }),
      succeeded(100, { pspReference: 'x' }),
    ]) {
      const fact = says(attempt, outcome, { source: 'webhook', factId: 'w' })
      const conflict = given(authorized, fact)
      expect(raised(conflict)).toEqual(['status_conflict'])
      expect(payment(conflict)).toMatchObject({ review: true, lifecycle: { status: 'authorized' } })
      expect(when(conflict, fact).decision?.kind).toBe('ignored')
    }
  })

  test('our own void, read back as a canceled authorization, contradicts nothing', () => {
    const voiding = given(authorized, cancel())
    const canceled = given(voiding, says(idOf(voiding, 'void'), succeeded()))
    const said = says(attempt, declined('soft', 'authorization_canceled'), { source: 'webhook', factId: 'w' })
    expect(when(canceled, said).decision?.kind).toBe('ignored')
    expect(when(voiding, said).decision?.kind).toBe('ignored')
  })
})

describe('row 27: made in the PSP’s own pages', () => {
  test('a refund: amounts follow, a break is raised, once', () => {
    const refunded = given(captured, external('refund', 30))
    expect(amounts(payment(refunded))).toMatchObject({ refunded: 30, refundable: 70 })
    expect(raised(refunded)).toEqual(['external_operation'])
    expect(effects(refunded)).toEqual([])
    expect(when(refunded, external('refund', 30)).decision?.kind).toBe('ignored')
    expect(raised(given(refunded, external('refund', 80, 'more')))).toEqual(['external_operation', 'over_refunded'])
  })

  test('a capture: amounts and status follow; more than is held is for a person', () => {
    const part = given(authorized, external('capture', 30))
    expect(status(part)).toBe('partially_captured')
    expect(status(given(authorized, external('capture', 100)))).toBe('captured')
    const more = given(authorized, external('capture', 101))
    expect(payment(more)).toMatchObject({ review: true, captures: [] })
  })

  test('a void: canceled; of a partial capture, captured', () => {
    expect(status(given(authorized, external('void', 100)))).toBe('canceled')
    const several = given(nothing({ merchant: multicaptureMerchant }), create(), says(attempt, succeeded()))
    const partially = given(several, capture(40, { final: false }), says(first, succeeded(40)))
    expect(status(given(partially, external('void', 60)))).toBe('captured')
  })

  test('where nothing is known to be authorized it is recorded and a person looks', () => {
    for (const scenario of [pending, failed, expired]) {
      for (const kind of ['capture', 'void', 'refund'] as const) {
        const recorded = given(scenario, external(kind, 50))
        expect(eventTypes(recorded)[0]).toBe('ExternalOperationRecorded')
        expect(payment(recorded).review).toBe(true)
        expect(status(recorded)).toBe(status(scenario))
      }
    }
  })

  test('what turns out to be our own is no news', () => {
    const own = { ...external('capture', 100), pspReference: 'psp_capture' }
    expect(when(captured, own).decision?.kind).toBe('ignored')
  })
})

describe('no fact and no time', () => {
  test('facts of a payment that is not there are ignored', () => {
    for (const fact of [
      says(attempt, succeeded()),
      reversal(first),
      external('refund', 1),
      dispute('open'),
      settlementLine(),
    ]) {
      expect(when(nothing(), fact).decision?.kind).toBe('ignored')
    }
  })

  test('facts of operations that are not there are ignored', () => {
    expect(when(captured, says('cap_nobody_1', succeeded())).decision?.kind).toBe('ignored')
    expect(when(captured, reversal('cap_nobody_1')).decision?.kind).toBe('ignored')
  })

  test('a merchant command not listed is refused with the states that allow it', () => {
    expect(rejection(when(captured, confirm()))).toEqual({
      code: 'payment_unexpected_state',
      current: 'captured',
      allowed: ['created'],
    })
    expect(rejection(when(failed, cancel()))).toMatchObject({ code: 'payment_unexpected_state', current: 'failed' })
    expect(rejection(when(later(captured, hour), cancel()))).toMatchObject({ current: 'captured' })
  })
})
