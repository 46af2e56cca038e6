import { describe, expect, test } from 'vitest'
import { capture, create, dispute, refund, says, succeeded } from '../payment/testing/fixtures.ts'
import { allTransfers, given, idOf, nothing, type Scenario } from '../payment/testing/scenario.ts'
import { accounts, chartOfAccounts, isAccount, transferId } from './chart.ts'
import { type AccountSums, openSince, trialBalances } from './trial-balance.ts'

function sumsOf(scenario: Scenario): AccountSums[] {
  return allTransfers(scenario)
    .filter(({ phase }) => phase === 'posted')
    .flatMap(({ debit, credit, amountMinor }) => [
      { live: false, currency: 'EUR', account: debit, debits: BigInt(amountMinor), credits: 0n },
      { live: false, currency: 'EUR', account: credit, debits: 0n, credits: BigInt(amountMinor) },
    ])
}

const pending = given(nothing(), create())
const capturing = given(pending, says(idOf(pending, 'att'), succeeded()), capture())
const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded()))
const refunding = given(captured, refund(60))
const refunded = given(refunding, says(idOf(refunding, 're'), succeeded(60)))

describe('the trial balance', () => {
  test('of a payment captured and partly refunded: the PSP owes what the merchant is owed', () => {
    const [balance] = trialBalances(sumsOf(refunded))
    expect(balance).toMatchObject({ live: false, currency: 'EUR', debit: 40n, credit: 40n, isBalanced: true })
    expect(balance?.lines).toEqual([
      { account: 'auth_hold', type: 'memorandum', clearing: false, debit: 0n, credit: 0n, contrary: false },
      { account: 'auth_hold_contra', type: 'memorandum', clearing: false, debit: 0n, credit: 0n, contrary: false },
      { account: 'psp_receivable', type: 'asset', clearing: true, debit: 40n, credit: 0n, contrary: false },
      { account: 'merchant_payable', type: 'liability', clearing: false, debit: 0n, credit: 40n, contrary: false },
    ])
  })

  test('counts holds apart: an authorization is no money', () => {
    const [balance] = trialBalances(sumsOf(given(pending, says(idOf(pending, 'att'), succeeded()))))
    expect(balance).toMatchObject({ debit: 0n, credit: 0n, isBalanced: true })
    expect(balance?.lines.map(({ account, debit, credit }) => [account, debit, credit])).toEqual([
      ['auth_hold', 100n, 0n],
      ['auth_hold_contra', 0n, 100n],
    ])
  })

  test('tells what stands on the other side than it should', () => {
    const [balance] = trialBalances(sumsOf(given(refunded, dispute('open'), dispute('lost'))))
    expect(balance?.isBalanced).toBe(true)
    expect(balance?.lines.filter(({ contrary }) => contrary).map(({ account, credit }) => [account, credit])).toEqual([
      ['psp_receivable', 15n],
    ])
  })

  test('is apart for each mode and currency, and tells one that does not balance', () => {
    const sum = { account: 'psp_receivable', debits: 5n, credits: 0n } as const
    const balances = trialBalances([
      { ...sum, live: true, currency: 'EUR' },
      { ...sum, live: false, currency: 'USD' },
      { ...sum, live: false, currency: 'EUR' },
    ])
    expect(balances.map(({ live, currency, isBalanced }) => [live, currency, isBalanced])).toEqual([
      [false, 'EUR', false],
      [false, 'USD', false],
      [true, 'EUR', false],
    ])
  })
})

describe('the age of a clearing account', () => {
  const movement = (day: number, debits: bigint, credits: bigint) => ({ day, debits, credits })

  test('is that of the oldest movement which what stands in it goes back to', () => {
    const movements = [movement(3, 30n, 0n), movement(2, 50n, 40n), movement(1, 100n, 60n)]
    expect(openSince(movements, 80n)).toBe(2)
    expect(openSince(movements, 81n)).toBe(1)
    expect(openSince(movements, 30n)).toBe(3)
  })

  test('is none where nothing stands in it', () => {
    expect(openSince([movement(1, 5n, 5n)], 0n)).toBeUndefined()
  })

  test('is counted on the side where it stands', () => {
    expect(openSince([movement(2, 9n, 0n), movement(1, 0n, 20n)], -11n)).toBe(1)
  })
})

test('every account has its place in the chart, and clearing accounts are assets', () => {
  expect(accounts).toHaveLength(10)
  for (const account of accounts) {
    const { clearing, type, normal } = chartOfAccounts[account]
    if (clearing) expect(type).toBe('asset')
    if (type === 'asset' || type === 'expense') expect(normal).toBe('debit')
    expect(isAccount(account)).toBe(true)
  }
  expect(['toString', 'bank', ''].filter(isAccount)).toEqual([])
})

test('a transfer’s id is its place in the journal', () => {
  expect(transferId({ shard: 17, position: 42, n: 0 })).toBe('tr_17_42_0')
})
