/**
 * What merchants' lists, balances and ledger are read from: projections of the journal, milliseconds behind it. Every answer
 * says as of when: what was decided until then is in it, what came later may be.
 *
 * An implementation answers with the owner's rows and nobody else's, whatever it is asked; it merges what several databases
 * have, and rejects with {@link ReadUnavailable} where one of them cannot be asked, as a list without its part would look
 * whole.
 */
import type { Mode } from '../domain/ids.ts'
import type { Account, Transfer } from '../domain/ledger/transfer.ts'
import type { Payment, PaymentStatus } from '../domain/payment/state.ts'

/** Whose rows. */
export interface Owner {
  readonly merchant: string
  readonly mode: Mode
}

/** The place of an item in its list, which is ordered by both, newest first. */
export interface Place {
  /** Unix milliseconds. */
  readonly at: number
  readonly id: string
}

export interface PageOf {
  readonly limit: number
  /** `older`: the newest items behind `from`; `newer`: the oldest ones before it. */
  readonly direction: 'older' | 'newer'
  /** Absent: from the end of the list where that direction begins. */
  readonly from?: Place
}

export interface Listed<Item> {
  readonly item: Item
  readonly place: Place
}

export interface ReadPage<Item> {
  /** Newest first, whatever the direction. */
  readonly items: readonly Listed<Item>[]
  /** More follow in the direction that was asked for. */
  readonly hasMore: boolean
  /** Unix milliseconds. */
  readonly asOf: number
}

/** All that are given must hold. Times in Unix milliseconds. */
export interface ItemFilter {
  readonly createdFrom?: number
  readonly createdBefore?: number
  /** Upper case. */
  readonly currency?: string
}

export interface PaymentFilter extends ItemFilter {
  readonly status?: PaymentStatus
  /** Of its newest attempt. */
  readonly psp?: string
  readonly merchantReference?: string
  readonly merchantReferencePrefix?: string
  readonly review?: boolean
  readonly amountFrom?: number
  readonly amountTo?: number
}

/** Refunds and disputes. */
export interface PartFilter extends ItemFilter {
  readonly payment?: string
}

/** A refund or a dispute: with its payment as it was when both were stored. */
export interface PartOfPayment {
  readonly id: string
  readonly payment: Payment
}

/** One account of the merchant's books. */
export interface AccountName {
  /** PSP connection; empty where what is booked belongs to none that is known. */
  readonly connection: string
  /** Upper case. */
  readonly currency: string
  readonly account: Account
}

/** Sums of minor units, never negative. */
export interface AccountBalance extends AccountName {
  readonly debited: bigint
  readonly credited: bigint
  /** Reserved, not yet moved: what open captures and refunds would debit and credit. */
  readonly pendingDebit: bigint
  readonly pendingCredit: bigint
}

/** A transfer of the books, of one currency and payment. Its place is what tells it from others. */
export interface LedgerEntry extends Transfer {
  readonly currency: string
  readonly payment: string
}

export interface MerchantReads {
  payments(owner: Owner, filter: PaymentFilter, page: PageOf): Promise<ReadPage<Payment>>
  refunds(owner: Owner, filter: PartFilter, page: PageOf): Promise<ReadPage<PartOfPayment>>
  disputes(owner: Owner, filter: PartFilter, page: PageOf): Promise<ReadPage<PartOfPayment>>
  entriesOfAccount(owner: Owner, account: AccountName, page: PageOf): Promise<ReadPage<LedgerEntry>>
  entriesOfPayment(owner: Owner, payment: string, page: PageOf): Promise<ReadPage<LedgerEntry>>
  /** Every account that was ever booked on. */
  balances(owner: Owner): Promise<{ readonly accounts: readonly AccountBalance[]; readonly asOf: number }>
  /** Where in its list an object of the owner stands; undefined where the owner has none of this id. */
  placeOf(owner: Owner, list: PlacedList, id: string): Promise<Place | undefined>
}

/** Lists whose items' ids may be given as cursors. */
export type PlacedList = 'payments' | 'refunds' | 'disputes'

/** The read side cannot be asked right now, or did not answer in time. Payments go on meanwhile. */
export class ReadUnavailable extends Error {
  override readonly name = 'ReadUnavailable'
  readonly code = 'read_unavailable'
}

const away = (): Promise<never> => Promise.reject(new ReadUnavailable('this process has nothing to read from'))

/** Of a process that was given none. */
export const noReads: MerchantReads = {
  payments: away,
  refunds: away,
  disputes: away,
  entriesOfAccount: away,
  entriesOfPayment: away,
  balances: away,
  placeOf: away,
}
