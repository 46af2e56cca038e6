/**
 * The chart of accounts as data: what each account is, on which side it normally stands, and whether correct flow returns it
 * to zero. There is one of each per merchant, mode, PSP connection and currency; docs/ledger.md explains them to people.
 */
import type { Account } from './transfer.ts'

/** Memorandum accounts stand off the balance sheet, in pairs that mirror each other. */
export type AccountType = 'asset' | 'liability' | 'expense' | 'memorandum'

export interface AccountDescription {
  readonly type: AccountType
  /** The side that increases it; its balance is this side's sum less the other's. */
  readonly normal: 'debit' | 'credit'
  /** Correct flow returns it to zero: what stands in it is on its way, and its age is watched. */
  readonly clearing: boolean
}

export const chartOfAccounts: Readonly<Record<Account, AccountDescription>> = {
  auth_hold: { type: 'memorandum', normal: 'debit', clearing: false },
  auth_hold_contra: { type: 'memorandum', normal: 'credit', clearing: false },
  psp_receivable: { type: 'asset', normal: 'debit', clearing: true },
  dispute_receivable: { type: 'asset', normal: 'debit', clearing: true },
  settlement_in_transit: { type: 'asset', normal: 'debit', clearing: true },
  suspense: { type: 'asset', normal: 'debit', clearing: true },
  merchant_payable: { type: 'liability', normal: 'credit', clearing: false },
  psp_fees: { type: 'expense', normal: 'debit', clearing: false },
  dispute_fees: { type: 'expense', normal: 'debit', clearing: false },
  losses: { type: 'expense', normal: 'debit', clearing: false },
}

/** In the order of a trial balance. */
export const accounts = Object.keys(chartOfAccounts) as readonly Account[]

export function isAccount(text: string): text is Account {
  return Object.hasOwn(chartOfAccounts, text)
}

export interface TransferKey {
  readonly shard: number
  readonly position: number
  readonly n: number
}

/** A transfer's id, the same whoever computes it: `tr_<shard>_<position>_<n>`. */
export function transferId({ shard, position, n }: TransferKey): string {
  return `tr_${shard}_${position}_${n}`
}
