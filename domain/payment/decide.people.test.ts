/** Rows 23 and 26: what two people decide. */
import { describe, expect, test } from 'vitest'
import type { DecideCompensation, DecideResolution, ProposeCompensation, ProposeResolution } from './commands.ts'
import { amounts } from './derive.ts'
import {
  absent,
  capture,
  create,
  day,
  declined,
  dispute,
  hour,
  minute,
  multicaptureMerchant,
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
  rejection,
  type Scenario,
  status,
  timers,
  when,
} from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const authorized = given(pending, says(attempt, succeeded()))
const unknown = given(pending, says(attempt, timedOut))

const proposal: ProposeResolution = {
  type: 'ProposeResolution',
  operationId: attempt,
  outcome: succeeded(),
  operator: 'ada',
  evidence: 'settlement report 7, line 12',
  reason: 'the report has it',
}
const approval: DecideResolution = { type: 'DecideResolution', operationId: attempt, approver: 'grace', approve: true }
const openProposal = (scenario: Scenario) => payment(scenario).attempts[0]?.doubt?.proposal

describe('row 26: a ruling of two people', () => {
  test('is proposed by one with evidence, for an operation in doubt and no other', () => {
    expect(rejection(when(unknown, { ...proposal, evidence: ' ' }))).toEqual({ code: 'evidence_required' })
    expect(rejection(when(unknown, { ...proposal, operator: '' }))).toEqual({ code: 'second_approver_required' })
    expect(rejection(when(pending, proposal))).toEqual({ code: 'operation_unknown' })
    expect(rejection(when(authorized, proposal))).toEqual({ code: 'operation_unknown' })
    expect(rejection(when(unknown, { ...proposal, operationId: 'att_x' }))).toEqual({ code: 'operation_unknown' })
    expect(rejection(when(nothing(), proposal))).toEqual({ code: 'payment_not_found' })
  })

  test('is refused where the success would not be what was asked', () => {
    for (const outcome of [succeeded(101), succeeded(0), succeeded(100, { currency: 'USD' })]) {
      expect(rejection(when(unknown, { ...proposal, outcome }))).toEqual({ code: 'amount_invalid', param: 'amount' })
    }
  })

  test('changes nothing before another person has approved it', () => {
    const proposed = given(unknown, proposal)
    expect(status(proposed)).toBe('pending')
    expect(openProposal(proposed)).toEqual({
      outcome: proposal.outcome,
      operator: 'ada',
      evidence: proposal.evidence,
      reason: proposal.reason,
      proposedAt: proposed.now,
    })
    expect(rejection(when(proposed, { ...proposal, operator: 'grace' }))).toEqual({ code: 'proposal_exists' })
    for (const approver of ['ada', '']) {
      expect(rejection(when(proposed, { ...approval, approver }))).toEqual({ code: 'second_approver_required' })
    }
    expect(rejection(when(unknown, approval))).toEqual({ code: 'no_proposal' })
    expect(rejection(when(nothing(), approval))).toEqual({ code: 'payment_not_found' })
  })

  test('counts like the outcome itself once approved, and is recorded with who and why', () => {
    const ruled = given(unknown, proposal, approval)
    expect(status(ruled)).toBe('authorized')
    expect(events(ruled)[0]).toEqual({
      type: 'ResolutionDecided',
      operationId: attempt,
      approver: 'grace',
      approved: true,
    })
    expect(openProposal(ruled)).toBeUndefined()
    expect(status(given(unknown, { ...proposal, outcome: declined() }, approval))).toBe('failed')
  })

  test('that nothing reached the PSP counts when nothing can reach it any more', () => {
    const nothingThere: ProposeResolution = { ...proposal, outcome: absent }
    expect(rejection(when(unknown, nothingThere))).toEqual({ code: 'resolution_too_early' })
    const proposed = given(later(unknown, hour), nothingThere)
    // An inquiry since then may have repeated the request: what was not there may be there now.
    const repeated = given(fire(proposed, 'inquiry', attempt), says(attempt, timedOut, { source: 'inquiry' }))
    expect(rejection(when(later(repeated, hour), approval))).toEqual({ code: 'resolution_too_early' })
    const away = given(later(proposed, hour), approval)
    expect(payment(away).attempts).toMatchObject([{ status: 'absent' }])
    // Nobody waits for the payment any more: who has paid otherwise must not be charged by another PSP now.
    expect(payment(away).lifecycle).toEqual({ status: 'failed', failure: { code: 'psp_unavailable' } })
    const soon = given(later(unknown, 10 * minute), nothingThere, approval)
    expect(payment(soon).attempts).toMatchObject([{ status: 'absent' }, { connection: 'second' }])
  })

  test('rejected, or withdrawn by its own proposer, makes room for another', () => {
    for (const approver of ['grace', 'ada']) {
      const rejected = given(unknown, proposal, { ...approval, approver, approve: false })
      expect(eventTypes(rejected)).toEqual(['ResolutionDecided'])
      expect(status(rejected)).toBe('pending')
      expect(openProposal(rejected)).toBeUndefined()
      expect(status(given(rejected, { ...proposal, outcome: declined() }, approval))).toBe('failed')
    }
  })

  test('stays open while inquiries find nothing, and is void once the outcome is known otherwise', () => {
    const asked = given(
      fire(given(unknown, proposal), 'inquiry', attempt),
      says(attempt, timedOut, { source: 'inquiry' }),
    )
    expect(openProposal(asked)).toBeDefined()
    const known = given(asked, says(attempt, declined(), { source: 'webhook', factId: 'w' }))
    expect(rejection(when(known, approval))).toEqual({ code: 'operation_unknown' })
    expect(status(known)).toBe('failed')
  })
})

describe('an operation that no inquiry could settle', () => {
  const manual = given(unknown, says(attempt, succeeded(100, { currency: 'USD' }), { source: 'inquiry' }))

  test('waits for people, who are reminded every 30 days', () => {
    expect(payment(manual)).toMatchObject({ review: true, attempts: [{ status: 'manual' }] })
    expect(timers(manual)).toEqual([{ kind: 'manual', operationId: attempt, due: manual.now + 30 * day }])
    const early = when(manual, { type: 'FireTimer', timer: 'manual', operationId: attempt })
    expect(early.decision?.kind).toBe('ignored')
    const reminded = fire(manual, 'manual', attempt)
    expect(eventTypes(reminded)).toEqual(['ManualNeeded', 'ReviewOpened'])
    expect(timers(reminded)).toEqual([{ kind: 'manual', operationId: attempt, due: reminded.now + 30 * day }])
    expect(effects(reminded)).toEqual([])
  })

  test('is settled by a ruling, and no timer is left of it', () => {
    const ruled = given(manual, { ...proposal, outcome: declined() }, approval)
    expect(status(ruled)).toBe('failed')
    expect(timers(ruled)).toEqual([])
  })
})

describe('row 23: money that was taken when nobody wanted it any more', () => {
  const failed = given(pending, says(attempt, declined()))
  const late = given(failed, says(attempt, succeeded(100, { captured: true }), { source: 'webhook', factId: 'w' }))
  const taken = idOf(late, 'cap')
  const proposed: ProposeCompensation = {
    type: 'ProposeCompensation',
    operationId: taken,
    operator: 'ada',
    reason: 'the shopper has paid otherwise',
  }
  const agreed: DecideCompensation = {
    type: 'DecideCompensation',
    operationId: taken,
    approver: 'grace',
    approve: true,
  }
  const waiting = (scenario: Scenario) => timers(scenario).filter(({ kind }) => kind === 'compensation')
  const nothingLeft = { code: 'nothing_to_compensate' }

  test('waits for people, who are reminded every 30 days', () => {
    expect(timers(late)).toEqual([{ kind: 'compensation', operationId: taken, due: late.now + 30 * day }])
    const early = when(late, { type: 'FireTimer', timer: 'compensation', operationId: taken })
    expect(early.decision?.kind).toBe('ignored')
    const reminded = fire(late, 'compensation', taken)
    expect(eventTypes(reminded)).toEqual(['CompensationDue', 'ReviewOpened'])
    expect(waiting(reminded)).toEqual([{ kind: 'compensation', operationId: taken, due: reminded.now + 30 * day }])
    expect(effects(reminded)).toEqual([])
  })

  test('goes back once one proposes it and another agrees, in a closed status too', () => {
    const open = given(late, proposed)
    expect(effects(open)).toEqual([])
    expect(payment(open).captures[0]?.compensation).toEqual({
      operator: 'ada',
      reason: proposed.reason,
      proposedAt: open.now,
    })
    const approved = given(open, agreed)
    expect(events(approved)).toMatchObject([
      { type: 'CompensationDecided', approver: 'grace', approved: true },
      { type: 'RefundPlanned', captureId: taken, amountMinor: 100, cause: 'compensation' },
    ])
    expect(effects(approved)).toMatchObject([{ kind: 'send', call: { kind: 'refund', amountMinor: 100 } }])
    expect(waiting(approved)).toEqual([])
    const refunded = given(approved, says(idOf(approved, 're'), succeeded(100, { pspReference: 'psp_refund' })))
    expect(status(refunded)).toBe('failed')
    expect(payment(refunded).refunds).toMatchObject([{ status: 'succeeded', cause: 'compensation' }])
    expect(timers(refunded)).toEqual([])
  })

  test('does not go back by one person’s word, nor without a proposal', () => {
    const open = given(late, proposed)
    const secondPerson = { code: 'second_approver_required' }
    expect(rejection(when(late, { ...proposed, operator: '' }))).toEqual(secondPerson)
    for (const approver of ['ada', '']) expect(rejection(when(open, { ...agreed, approver }))).toEqual(secondPerson)
    expect(rejection(when(late, agreed))).toEqual({ code: 'no_proposal' })
    expect(rejection(when(open, { ...proposed, operator: 'grace' }))).toEqual({ code: 'proposal_exists' })
    for (const command of [proposed, agreed]) {
      expect(rejection(when(open, { ...command, operationId: attempt }))).toEqual({ code: 'operation_unknown' })
      expect(rejection(when(nothing(), command))).toEqual({ code: 'payment_not_found' })
    }
  })

  test('stays where it is when the proposal is rejected, or withdrawn by its own proposer', () => {
    for (const approver of ['grace', 'ada']) {
      const rejected = given(late, proposed, { ...agreed, approver, approve: false })
      expect(eventTypes(rejected)).toEqual(['CompensationDecided'])
      expect(payment(rejected).captures[0]?.compensation).toBeUndefined()
      expect(waiting(rejected)).toHaveLength(1)
      expect(when(rejected, proposed).decision?.kind).toBe('accepted')
    }
  })

  test('goes back once: not while it is on its way, nor after', () => {
    const approved = given(late, proposed, agreed)
    expect(rejection(when(approved, proposed))).toEqual(nothingLeft)
    const id = idOf(approved, 're')
    const done = given(approved, says(id, succeeded(100, { pspReference: 'r' })))
    expect(rejection(when(done, proposed))).toEqual(nothingLeft)
    const failed = given(approved, says(id, declined('soft')))
    expect(waiting(failed)).toHaveLength(1)
    expect(when(failed, proposed).decision?.kind).toBe('accepted')
  })

  test('goes back as far as it is still there when it is approved', () => {
    const disputed = given(late, proposed, dispute('open', { amountMinor: 40 }))
    expect(events(given(disputed, agreed))).toMatchObject([{}, { type: 'RefundPlanned', amountMinor: 60 }])
    const gone = given(late, proposed, dispute('open', { amountMinor: 100 }))
    expect(rejection(when(gone, agreed))).toEqual(nothingLeft)
    expect(eventTypes(given(gone, { ...agreed, approve: false }))).toEqual(['CompensationDecided'])
  })

  test('is compensated in doubt as any refund: asked about, by itself', () => {
    const approved = given(late, proposed, agreed)
    const lost = given(approved, says(idOf(approved, 're'), timedOut))
    const asked = fire(later(lost, minute), 'inquiry', idOf(approved, 're'))
    expect(effects(asked)).toMatchObject([{ kind: 'inquire', call: { kind: 'refund' } }])
  })

  test('of a capture that had been declined can be given back, though the merchant could not', () => {
    const capturing = given(authorized, capture())
    const operationId = idOf(capturing, 'cap')
    const surprised = given(
      capturing,
      says(operationId, declined()),
      says(operationId, succeeded(100, { pspReference: 'c' }), { source: 'webhook', factId: 'w' }),
    )
    expect(rejection(when(surprised, refund(100)))).toMatchObject({ code: 'payment_unexpected_state' })
    const approved = given(surprised, { ...proposed, operationId }, { ...agreed, operationId })
    expect(amounts(payment(approved))).toMatchObject({ captured: 100, refunding: 100, refundable: 0 })
  })

  test('by several captures goes back by each of them, once, under its own reference', () => {
    const several = given(nothing({ merchant: multicaptureMerchant }), create(), says(attempt, succeeded()))
    const surprised = [60, 40].reduce((scenario, amountMinor, index) => {
      const capturing = given(scenario, capture(amountMinor, { final: false, key: `capture ${index}` }))
      return given(capturing, says(idOf(capturing, 'cap', index + 1), declined()))
    }, several)
    const ids = [idOf(surprised, 'cap', 1), idOf(surprised, 'cap', 2)] as const
    const both = given(
      surprised,
      says(ids[0], succeeded(60, { pspReference: 'c_1' }), { source: 'webhook', factId: 'w1' }),
      says(ids[1], succeeded(40, { pspReference: 'c_2' }), { source: 'webhook', factId: 'w2' }),
    )
    const [, operationId] = ids
    const one = given(both, { ...proposed, operationId }, { ...agreed, operationId })
    expect(effects(one)).toMatchObject([{ call: { kind: 'refund', amountMinor: 40, captureReference: 'c_2' } }])
    expect(waiting(one)).toMatchObject([{ operationId: ids[0] }])
    expect(rejection(when(one, { ...proposed, operationId }))).toEqual(nothingLeft)
  })

  test('of a payment that its merchant can refund is the merchant’s to give back', () => {
    const capturing = given(authorized, capture())
    const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded(100, { pspReference: 'c' })))
    expect(rejection(when(captured, { ...proposed, operationId: idOf(captured, 'cap') }))).toEqual(nothingLeft)
    expect(waiting(captured)).toEqual([])
  })
})
