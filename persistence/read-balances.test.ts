import { expect, test } from 'vitest'
import type { TransferRow } from '../actors/read-rows.ts'
import { accountSums } from './read-balances.ts'

const zero = { debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }

function transfer(changes: Partial<TransferRow>): TransferRow {
  return {
    ...{ shard: 4, merchant: 'mer_1', live: false, currency: 'EUR', position: 1, n: 0, entity: '07'.repeat(16) },
    ...{ postedAt: 0, amount: 5, debit: 'psp_receivable', credit: 'merchant_payable', phase: 'posted' },
    ...{ connection: 'first', operation: 'cap' },
    ...changes,
  }
}

test('an account’s transfers of all shards and either side are one sum', () => {
  const sums = accountSums([
    transfer({ amount: 5 }),
    transfer({ amount: 7, shard: 900 }),
    transfer({ amount: 2, debit: 'merchant_payable', credit: 'psp_receivable' }),
  ])
  const account = { merchant: 'mer_1', live: false, currency: 'EUR', connection: 'first' }
  expect(sums).toEqual([
    { ...account, account: 'merchant_payable', ...zero, debits: 2n, credits: 12n },
    { ...account, account: 'psp_receivable', ...zero, debits: 12n, credits: 2n },
  ])
})

test('what was reserved is given back by what releases it, and nothing of it is posted', () => {
  const [pending, released] = [transfer({ phase: 'pending' }), transfer({ phase: 'released' })]
  expect(
    accountSums([pending]).map(({ reservedDebits, reservedCredits }) => [reservedDebits, reservedCredits]),
  ).toEqual([
    [0n, 5n],
    [5n, 0n],
  ])
  for (const sums of accountSums([pending, released])) expect(sums).toMatchObject(zero)
})

test('merchants, modes, currencies and connections are kept apart, in one order whatever they came in', () => {
  const transfers = [
    transfer({}),
    transfer({ merchant: 'mer_2' }),
    transfer({ live: true }),
    transfer({ currency: 'USD' }),
    transfer({ connection: '' }),
    transfer({ merchant: 'mer_1 first', connection: '' }),
  ]
  const sums = accountSums(transfers)
  expect(sums).toHaveLength(12)
  expect(accountSums(transfers.toReversed())).toEqual(sums)
})

test('sums go beyond what a number can hold', () => {
  const most = transfer({ amount: Number.MAX_SAFE_INTEGER })
  const [sum] = accountSums([most, most, most])
  expect(sum?.credits).toBe(3n * BigInt(Number.MAX_SAFE_INTEGER))
})
