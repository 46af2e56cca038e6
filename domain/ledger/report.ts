/** What is reported of the ledger to whoever keeps or audits the books: of all merchants, minor units throughout. */
import type { BookedBefore } from './closes.ts'
import type { Account } from './transfer.ts'

export interface LedgerEntry {
  readonly shard: number
  readonly position: number
  readonly n: number
  /** Unix ms. */
  readonly postedAt: number
  readonly merchant: string
  readonly live: boolean
  readonly connection: string
  readonly currency: string
  readonly debit: string
  readonly credit: string
  readonly amount: number
  readonly phase: string
  /** 32 hexadecimal digits: the payment. */
  readonly entity: string
  readonly operation: string
}

export interface EntryFilter {
  /** Booked from here … */
  readonly from: BookedBefore
  /** … to right before here. */
  readonly to: BookedBefore
  /** Debited or credited. */
  readonly account?: Account
  readonly merchant?: string
}

/** A clearing account that is not zero. */
export interface OpenAccount {
  readonly live: boolean
  readonly currency: string
  readonly connection: string
  readonly account: Account
  /** Debits less credits. */
  readonly balance: bigint
  /** First instant of the UTC day that the oldest of it goes back to, unix ms. */
  readonly since: number
}

export interface LedgerState {
  /** By shard: how far the ledger has followed the journal. */
  readonly positions: readonly number[]
  /** The oldest decision that it does not know yet was made then, unix ms; undefined: it knows all. */
  readonly behindSince: number | undefined
}
