import { expect, test } from 'vitest'
import { balanceProblems, type DifferingBalance } from './balance-proof.ts'

const standing = { debits: '12', credits: '2', reservedDebits: '0', reservedCredits: '3' }
const posted = { debits: 12n, credits: 2n, reservedDebits: 0n, reservedCredits: 3n }

function differing(held: DifferingBalance['held']): DifferingBalance {
  const account = { merchant: 'mer_1', live: true, currency: 'EUR', connection: 'first', account: 'psp_receivable' }
  return { ...account, held, posted }
}

test('every sum that differs is named, and the currency that does not add up', () => {
  expect(balanceProblems([differing({ ...standing, debits: '13', reservedCredits: '0' })])).toEqual([
    'psp_receivable of mer_1 (live, EUR, "first"): debits are 13, the transfers come to 12',
    'psp_receivable of mer_1 (live, EUR, "first"): reservedCredits are 0, the transfers come to 3',
    'EUR: debits less credits are 4, and not zero',
  ])
})

test('a balance that is missing is named', () => {
  expect(balanceProblems([differing(undefined)])).toEqual([
    'psp_receivable of mer_1 (live, EUR, "first"): it has no balance',
    'EUR: debits less credits are -7, and not zero',
  ])
})

test('a currency whose wrong balances cancel out is not accused', () => {
  const more = differing({ ...standing, debits: '13' })
  expect(balanceProblems([more, { ...differing({ ...standing, credits: '3' }), account: 'losses' }])).toHaveLength(2)
})

test('a balance that is no whole number is named, and its currency not added up', () => {
  expect(balanceProblems([differing({ ...standing, debits: '12.5' })])).toEqual([
    'psp_receivable of mer_1 (live, EUR, "first"): debits are 12.5, the transfers come to 12',
  ])
})
