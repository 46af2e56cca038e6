/** Row 21 where a dispute goes through several stages: the PSP may know all of them by one reference, and tell of them in any order. */
import { describe, expect, test } from 'vitest'
import { balancesOf } from './testing/invariants.ts'
import { capture, create, dispute, says, succeeded } from './testing/fixtures.ts'
import { allTransfers, eventTypes, given, idOf, nothing, payment, type Scenario, when } from './testing/scenario.ts'

const pending = given(nothing(), create())
const authorized = given(pending, says(idOf(pending, 'att'), succeeded()))
const capturing = given(authorized, capture())
const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded(100, { pspReference: 'psp_capture' })))

type Status = 'inquiry' | 'open' | 'won' | 'lost'
const at = (stage: string, status: Status, fundsWithdrawn: boolean) =>
  dispute(status, { stage, fundsWithdrawn, feeMinor: 0, factId: `${stage} ${status} ${fundsWithdrawn}` })
const money = (scenario: Scenario): Record<string, number> => {
  const { posted } = balancesOf(allTransfers(scenario))
  const accounts = ['psp_receivable', 'dispute_receivable', 'merchant_payable'] as const
  return Object.fromEntries(accounts.map((account) => [account, posted[account] ?? 0]))
}

const chargeback = at('chargeback', 'open', true)
const reversed = at('chargeback', 'won', false)
const second = at('second_chargeback', 'open', true)
const arbitrationLost = at('pre_arbitration', 'lost', true)

describe('a later stage of a dispute', () => {
  test('is not opened, moved or given back by what the PSP tells late of an earlier one', () => {
    const inOrder = given(captured, chargeback, reversed, second)
    for (const late of [
      at('chargeback', 'open', false),
      { ...chargeback, factId: 'late' },
      at('inquiry', 'won', false),
    ]) {
      const after = when(inOrder, late)
      expect(payment(after).disputes).toEqual(payment(inOrder).disputes)
      expect(money(after)).toEqual(money(inOrder))
    }
  })

  test('that is lost stays lost when the chargeback that it began with is told of late', () => {
    const lost = given(captured, arbitrationLost)
    const late = when(lost, chargeback)
    expect(late.decision?.kind).toBe('ignored')
    expect(payment(late).disputes).toMatchObject([{ stage: 'pre_arbitration', status: 'lost', fundsWithdrawn: true }])
  })

  test('keeps its money when the decision of an earlier one comes after it: a person looks', () => {
    const early = given(captured, chargeback, second)
    const late = given(early, reversed)
    expect(eventTypes(late)).toEqual(['FactConflict', 'BreakRaised'])
    expect(payment(late)).toMatchObject({ review: true, disputes: [{ stage: 'second_chargeback', status: 'open' }] })
    expect(money(late)).toEqual(money(early))
    expect(when(late, reversed).decision?.kind).toBe('ignored')
  })

  test('ends the books alike in whatever order its facts come', () => {
    const facts = [chargeback, reversed, second, arbitrationLost]
    const expected = money(given(captured, ...facts))
    for (const order of permutations(facts)) {
      let scenario = captured
      for (const fact of order) scenario = when(scenario, fact)
      expect(money(scenario), order.map(({ factId }) => factId).join(', ')).toEqual(expected)
    }
  })
})

describe('a stage that was decided', () => {
  test('for us after it had been lost gives the money back; lost after it was won is for a person', () => {
    const lost = at('chargeback', 'lost', true)
    const won = given(captured, chargeback, lost, reversed)
    expect(payment(won).disputes).toMatchObject([{ status: 'won', fundsWithdrawn: false }])
    const late = given(captured, chargeback, reversed, lost)
    expect(eventTypes(late)).toEqual(['FactConflict', 'BreakRaised'])
    expect(money(late)).toEqual(money(won))
  })

  test('is opened again by an appeal, and decided once more under its own name', () => {
    const appealed = given(captured, chargeback, at('chargeback', 'lost', true), at('appeal', 'open', true))
    expect(payment(appealed).disputes).toMatchObject([{ stage: 'appeal', status: 'open' }])
    expect(payment(given(appealed, reversed)).disputes).toMatchObject([{ status: 'won', fundsWithdrawn: false }])
  })
})

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}
