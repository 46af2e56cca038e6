/** What transfers come to, account by account: what their statement adds to balances. */
import type { AccountSums, TransferRow } from '../actors/read-rows.ts'

type GrowingSums = { -readonly [Member in keyof AccountSums]: AccountSums[Member] }

/** In the order of the accounts' names, which everybody locks balances in. */
export function accountSums(transfers: readonly TransferRow[]): readonly AccountSums[] {
  const sums = new Map<string, GrowingSums>()
  for (const row of transfers) {
    const amount = BigInt(row.phase === 'released' ? -row.amount : row.amount)
    const [debit, credit] = [sumsOf(sums, row, row.debit), sumsOf(sums, row, row.credit)]
    if (row.phase === 'posted') {
      debit.debits += amount
      credit.credits += amount
    } else {
      debit.reservedDebits += amount
      credit.reservedCredits += amount
    }
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** Neither currencies nor accounts have blanks; a merchant's or connection's name that has one is told apart by the others. */
function sumsOf(sums: Map<string, GrowingSums>, row: TransferRow, account: TransferRow['debit']): GrowingSums {
  const { merchant, live, currency, connection } = row
  const key = `${account} ${currency} ${live ? 1 : 0} ${merchant.length} ${merchant} ${connection}`
  let found = sums.get(key)
  if (found === undefined) {
    const zero = { debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }
    sums.set(key, (found = { merchant, live, currency, connection, account, ...zero }))
  }
  return found
}
