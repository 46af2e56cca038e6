import { describe, expect, test } from 'vitest'
import { applyDecision } from './evolve.ts'
import { type PastDecision, pageOf, publishedEvents } from './history.ts'
import type { Payment } from './state.ts'
import {
  cancel,
  capture,
  create,
  declined,
  dispute,
  multicaptureMerchant,
  notSent,
  refund,
  reversal,
  says,
  settlementLine,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import { fire, given, idOf, nothing, type Scenario } from './testing/scenario.ts'

function decisionsOf({ rows }: Scenario): PastDecision[] {
  let before: Payment | undefined
  return rows.map(({ events, meta }) => {
    const decision = { seq: meta.seq, at: meta.at, events, before, after: applyDecision(before, events, meta) }
    before = decision.after
    return decision
  })
}

/** Types by decision: `1 payment.created payment.pending`. */
function told(scenario: Scenario): string[] {
  const bySeq = new Map<number, string[]>()
  for (const { seq, type } of publishedEvents(decisionsOf(scenario))) {
    bySeq.set(seq, [...(bySeq.get(seq) ?? []), type])
  }
  return [...bySeq].map(([seq, types]) => [seq, ...types].join(' '))
}

const pending = given(nothing(), create())
const authorized = given(pending, says(idOf(pending, 'att'), succeeded()))
const capturing = given(authorized, capture())
const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded(100, { pspReference: 'psp_capture' })))
const refunding = given(captured, refund(60))
const refundId = idOf(refunding, 're')

describe('the events that merchants are told', () => {
  test('a payment that is confirmed, authorized and captured: each status once, none for what changed nothing', () => {
    expect(told(captured)).toEqual(['1 payment.created payment.pending', '2 payment.authorized', '4 payment.captured'])
  })

  test('a status that was passed through within one decision is not told', () => {
    const automatic = given(nothing(), create({ captureMethod: 'automatic' }))
    const taken = given(automatic, says(idOf(automatic, 'att'), succeeded(100, { captured: true })))
    expect(told(taken)).toEqual(['1 payment.created payment.pending', '2 payment.captured'])
  })

  test('created without being confirmed, expired, canceled, failed', () => {
    const created = given(nothing(), create({ confirm: false }))
    expect(told(created)).toEqual(['1 payment.created'])
    expect(told(fire(created, 'confirm_deadline'))).toEqual(['1 payment.created', '2 payment.expired'])
    expect(told(given(created, cancel()))).toEqual(['1 payment.created', '2 payment.canceled'])
    expect(told(given(pending, says(idOf(pending, 'att'), declined())))).toEqual([
      '1 payment.created payment.pending',
      '2 payment.failed',
    ])
  })

  test('an outcome that nobody knows is no event, and neither are the inquiries into it', () => {
    const asked = fire(given(pending, says(idOf(pending, 'att'), timedOut)), 'inquiry', idOf(pending, 'att'))
    expect(told(asked)).toEqual(['1 payment.created payment.pending'])
  })

  test('a partial capture, and what was left', () => {
    const many = given(nothing({ merchant: multicaptureMerchant }), create())
    const held = given(many, says(idOf(many, 'att'), succeeded()))
    const taking = given(held, capture(40, { final: false }))
    const taken = given(taking, says(idOf(taking, 'cap'), succeeded(40)))
    expect(told(given(taken, cancel())).slice(2)).toEqual(['4 payment.partially_captured', '5 payment.captured'])
  })

  test('refunds: created, succeeded, reversed; or failed, however they came to nothing', () => {
    const refunded = given(refunding, says(refundId, succeeded(60)))
    expect(told(given(refunded, reversal(refundId, 60))).slice(3)).toEqual([
      '5 refund.created',
      '6 refund.succeeded',
      '7 refund.reversed',
    ])
    for (const outcome of [declined(), notSent]) {
      expect(told(given(refunding, says(refundId, outcome))).at(-1)).toBe('6 refund.failed')
    }
  })

  test('disputes: opened, updated, lost; won at once is opened and won', () => {
    const open = given(captured, dispute('inquiry'))
    const updated = given(open, dispute('open'))
    expect(told(given(updated, dispute('lost'))).slice(3)).toEqual([
      '5 dispute.opened',
      '6 dispute.updated',
      '7 dispute.lost',
    ])
    expect(told(given(captured, dispute('won'))).at(-1)).toBe('5 dispute.opened dispute.won')
  })

  test('a payment that a person should look at is told once', () => {
    const id = idOf(pending, 'att')
    const conflicted = given(pending, says(id, succeeded(100, { currency: 'USD' })))
    expect(told(conflicted).at(-1)).toBe('2 payment.review')
  })

  test('settlement is nothing that a payment tells', () => {
    expect(told(given(captured, settlementLine()))).toEqual(told(captured))
  })

  test('ids are made of payment, sequence and place, and name the request that was accepted with the decision', () => {
    const [created, firstPending, held] = publishedEvents(decisionsOf(captured))
    const payment = created?.after.id ?? ''
    expect([created?.id, firstPending?.id]).toEqual([`evt_${payment.slice(4)}_1_0`, `evt_${payment.slice(4)}_1_1`])
    expect(created?.request).toEqual({ id: 'req_create', idempotencyKey: 'create' })
    expect(held).not.toHaveProperty('request')
  })
})

describe('a page of a list', () => {
  const items = ['e', 'd', 'c', 'b', 'a'].map((id) => ({ id }))
  const ids = (page: ReturnType<typeof pageOf<{ id: string }>>): string | undefined =>
    page && `${page.items.map(({ id }) => id).join('')}${page.hasMore ? '+' : ''}`

  test('begins with the newest and says whether there is more', () => {
    expect(ids(pageOf(items, { limit: 2 }))).toBe('ed+')
    expect(ids(pageOf(items, { limit: 5 }))).toBe('edcba')
    expect(ids(pageOf([], { limit: 5 }))).toBe('')
  })

  test('goes on after an item, and back before one, nearest first', () => {
    expect(ids(pageOf(items, { limit: 2, startingAfter: 'd' }))).toBe('cb+')
    expect(ids(pageOf(items, { limit: 2, startingAfter: 'c' }))).toBe('ba')
    expect(ids(pageOf(items, { limit: 2, endingBefore: 'b' }))).toBe('dc+')
    expect(ids(pageOf(items, { limit: 2, endingBefore: 'c' }))).toBe('ed')
    expect(ids(pageOf(items, { limit: 9, startingAfter: 'e', endingBefore: 'a' }))).toBe('dcb')
    expect(ids(pageOf(items, { limit: 9, startingAfter: 'b', endingBefore: 'd' }))).toBe('')
  })

  test('is none where a cursor names nothing of the list', () => {
    expect(pageOf(items, { limit: 2, startingAfter: 'x' })).toBe(undefined)
    expect(pageOf(items, { limit: 2, endingBefore: 'x' })).toBe(undefined)
  })
})
