/** docs/ledger.md against the books: its accounts are the chart's, its rules those of the posting, its examples what is booked. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { accounts, chartOfAccounts } from '../../domain/ledger/chart.ts'
import type { Transfer } from '../../domain/ledger/transfer.ts'
import { type AccountSums, trialBalances } from '../../domain/ledger/trial-balance.ts'
import {
  cancel,
  capture,
  create,
  dispute,
  refund,
  reversal,
  says,
  settlementLine,
  succeeded,
} from '../../domain/payment/testing/fixtures.ts'
import { allTransfers, given, idOf, nothing } from '../../domain/payment/testing/scenario.ts'

const page = readFileSync(new URL('../../docs/ledger.md', import.meta.url), 'utf8')

type Row = readonly string[]

/** The tables under a heading, without their heads; of a cell that names accounts the names alone. */
function tablesUnder(heading: string): readonly (readonly Row[])[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0]
  if (section === undefined) throw new Error(`the page has no section ${heading}`)
  return section
    .split('\n\n')
    .map((block) => block.trim())
    .filter((block) => block.startsWith('|'))
    .map((block) => block.split('\n').slice(2).map(cellsOf))
}

function cellsOf(line: string): Row {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''))
}

const minor = (amount: string): number => Number(amount.replace('.', ''))
const decimal = (amountMinor: number | bigint): string => (Number(amountMinor) / 100).toFixed(2)

/** As the page's examples write it, the first cell aside. */
function rowsOf(transfers: readonly Transfer[]): readonly Row[] {
  return transfers.map(({ debit, credit, amountMinor, phase }) => [debit, credit, decimal(amountMinor), phase])
}

/** The trial balance as the page writes it: nothing stands on its account's own side. */
function balanceOf(transfers: readonly Transfer[]): readonly Row[] {
  const posted = transfers.filter(({ phase }) => phase === 'posted')
  const sums = posted.flatMap(({ debit, credit, amountMinor }): AccountSums[] => {
    const [amount, of] = [BigInt(amountMinor), { live: false, currency: 'EUR' }]
    return [
      { ...of, account: debit, debits: amount, credits: 0n },
      { ...of, account: credit, debits: 0n, credits: amount },
    ]
  })
  const [balance] = trialBalances(sums)
  if (balance === undefined) throw new Error('nothing was booked')
  expect(balance.isBalanced).toBe(true)
  const rows = balance.lines.map(({ account, debit, credit }): Row => {
    const side = debit > 0n ? 'debit' : credit > 0n ? 'credit' : chartOfAccounts[account].normal
    return [account, side === 'debit' ? decimal(debit) : '', side === 'credit' ? decimal(credit) : '']
  })
  return [...rows, ['sum without memorandum', decimal(balance.debit), decimal(balance.credit)]]
}

const pending = given(nothing(), create({ amountMinor: 4_999 }))
const authorized = given(pending, says(idOf(pending, 'att'), succeeded(4_999)))
const capturing = given(authorized, capture())
const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded(4_999)))
const refunding = given(captured, refund(1_000))
const refunded = given(refunding, says(idOf(refunding, 're'), succeeded(1_000)))
const settled = given(
  refunded,
  settlementLine({ lineKey: 'capture', grossMinor: 4_999, feeMinor: 120, netMinor: 4_879 }),
  settlementLine({ lineKey: 'refund', grossMinor: -1_000, feeMinor: 0, netMinor: -1_000 }),
)

const asked = given(nothing(), create({ amountMinor: 2_000, captureMethod: 'automatic' }))
const sold = given(asked, says(idOf(asked, 'att'), succeeded(2_000, { captured: true })))
const ofDispute = { amountMinor: 2_000, feeMinor: 1_500 }
const disputed = given(sold, dispute('open', ofDispute))
const won = given(disputed, dispute('won', ofDispute))
const lost = given(disputed, dispute('lost', ofDispute))

test.each([
  ['Example: EUR 49.99, authorized, captured, EUR 10.00 refunded', refunded, 0],
  ['The same, settled', settled, allTransfers(refunded).length],
  ['Example: EUR 20.00, disputed and lost', lost, 0],
] as const)('%s: booked line by line as the page shows it, and balanced as it says', (heading, scenario, before) => {
  const [lines = [], balance] = tablesUnder(heading)
  const transfers = allTransfers(scenario)
  expect(lines.map(([, ...cells]) => cells)).toEqual(rowsOf(transfers.slice(before)))
  expect(balance).toEqual(balanceOf(transfers))
})

test('every amount of an example adds up by hand: debits are credits, in the transfers and in the balance', () => {
  for (const heading of ['Example: EUR 49.99, authorized, captured, EUR 10.00 refunded', 'The same, settled']) {
    const rows =
      tablesUnder(heading)[1]
        ?.slice(0, -1)
        .filter(([account]) => !account?.startsWith('auth_')) ?? []
    const sum = (column: 1 | 2): number => rows.reduce((total, row) => total + minor(row[column] || '0'), 0)
    expect([sum(1), sum(2)]).toEqual([3_999, 3_999])
  }
})

test('the page’s accounts are the chart’s, in type and side', () => {
  const rows = tablesUnder('Accounts')[0] ?? []
  const told = rows.flatMap(([names = '', type = '', sides = '']) =>
    names.split(', ').map((name, n) => [name, type, sides.split(', ')[n] ?? sides] as const),
  )
  const chart = accounts.map((name) => {
    const { type, clearing, normal } = chartOfAccounts[name]
    return [name, clearing ? `${type}, clearing` : type, normal] as const
  })
  expect(new Set(told.map(String))).toEqual(new Set(chart.map(String)))
})

test('what is booked when: every rule is one that is booked, and every one that is booked is a rule', () => {
  const rules = (tablesUnder('What is booked when')[0] ?? []).map(([, debit, credit]) => `${debit} ${credit}`)
  const voiding = given(authorized, cancel())
  const histories = [
    settled,
    given(voiding, says(idOf(voiding, 'void'), succeeded())),
    given(captured, reversal(idOf(captured, 'cap'), 100)),
    given(refunded, reversal(idOf(refunded, 're'), 1_000)),
    won,
    lost,
  ]
  const booked = histories.flatMap(allTransfers).map(({ debit, credit }) => `${debit} ${credit}`)
  expect(new Set(booked)).toEqual(new Set(rules))
})
