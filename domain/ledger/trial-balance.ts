/**
 * The trial balance: every account's balance on its side, and both sides equal, per mode and currency. Pure, over sums of
 * transfers that were posted before an instant: a day's end of a time zone falls anywhere in an hour, so the sums are of
 * transfers and not of hours folded before.
 *
 * Reservations move no balance and stand apart. Memorandum accounts mirror each other, off the balance sheet.
 */
import { assert } from '../../runtime/assert.ts'
import { accounts, type AccountType, chartOfAccounts } from './chart.ts'
import type { Account } from './transfer.ts'

/** What was posted to an account, in minor units of its currency. */
export interface AccountSums {
  readonly live: boolean
  readonly currency: string
  readonly account: Account
  readonly debits: bigint
  readonly credits: bigint
}

export interface TrialBalanceLine {
  readonly account: Account
  readonly type: AccountType
  readonly clearing: boolean
  /** The balance, on the side where it stands; 0 on the other. */
  readonly debit: bigint
  readonly credit: bigint
  /** It stands on the side where such an account does not normally stand. */
  readonly contrary: boolean
}

export interface TrialBalance {
  readonly live: boolean
  readonly currency: string
  readonly lines: readonly TrialBalanceLine[]
  /** Of all lines, memorandum accounts apart. */
  readonly debit: bigint
  readonly credit: bigint
  readonly isBalanced: boolean
}

/** One per mode and currency, test first, then by currency. Accounts that nothing was posted to are left out. */
export function trialBalances(sums: readonly AccountSums[]): readonly TrialBalance[] {
  const groups = [...Map.groupBy(sums, ({ live, currency }) => `${live ? 1 : 0} ${currency}`)]
  return groups.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => trialBalance(own))
}

function trialBalance(sums: readonly AccountSums[]): TrialBalance {
  const [first] = sums
  assert(first !== undefined, 'a group of sums is not empty')
  const { live, currency } = first
  const lines = accounts.flatMap((account): TrialBalanceLine[] => {
    const own = sums.filter((each) => each.account === account)
    return own.length === 0
      ? []
      : [
          lineOf(
            account,
            own.reduce((total, each) => total + each.debits - each.credits, 0n),
          ),
        ]
  })
  const [debit, credit] = totals(lines.filter(({ type }) => type !== 'memorandum'))
  const [held, mirrored] = totals(lines.filter(({ type }) => type === 'memorandum'))
  return { live, currency, lines, debit, credit, isBalanced: debit === credit && held === mirrored }
}

/** @param balance debits less credits. */
function lineOf(account: Account, balance: bigint): TrialBalanceLine {
  const { type, normal, clearing } = chartOfAccounts[account]
  const contrary = normal === 'debit' ? balance < 0n : balance > 0n
  return { account, type, clearing, debit: balance > 0n ? balance : 0n, credit: balance < 0n ? -balance : 0n, contrary }
}

function totals(lines: readonly TrialBalanceLine[]): readonly [debit: bigint, credit: bigint] {
  return [
    lines.reduce((total, { debit }) => total + debit, 0n),
    lines.reduce((total, { credit }) => total + credit, 0n),
  ]
}

/** What moved a clearing account on a day of UTC. */
export interface DailyMovement {
  /** Unix ms of the day's first instant. */
  readonly day: number
  readonly debits: bigint
  readonly credits: bigint
}

/**
 * Since when a clearing account has not been zero with what stands in it now: the oldest is cleared first, so what is left
 * is of the newest movements on the side where it stands.
 *
 * @param movements newest first, all that make up the balance or as many as are needed for it.
 * @returns first instant of the day, undefined where nothing stands in it.
 */
export function openSince(movements: readonly DailyMovement[], balance: bigint): number | undefined {
  let left = balance < 0n ? -balance : balance
  let since: number | undefined
  for (const { day, debits, credits } of movements) {
    if (left <= 0n) break
    const added = balance > 0n ? debits : credits
    if (added === 0n) continue
    left -= added
    since = day
  }
  return since
}
