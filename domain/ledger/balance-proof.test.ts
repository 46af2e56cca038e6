import { expect, test } from 'vitest'
import { balanceProblems, type DifferingBalance } from './balance-proof.ts'

const posted = { debits: 12n, credits: 2n, reservedDebits: 0n, reservedCredits: 3n }

function differing(held: DifferingBalance['held']): DifferingBalance {
  const account = { merchant: 'mer_1', live: true, currency: 'EUR', connection: 'first', account: 'psp_receivable' }
  return { ...account, held, posted }
}

test('every sum that differs is named, and the currency that does not add up', () => {
  expect(balanceProblems([differing({ ...posted, debits: 13n, reservedCredits: 0n })])).toEqual([
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
  const more = differing({ ...posted, debits: 13n })
  expect(balanceProblems([more, { ...differing({ ...posted, credits: 3n }), account: 'losses' }])).toHaveLength(2)
})
