/**
 * The read side as a shard's owner writes it: rows of payments, refunds, disputes and transfers, guarded by the shard's cursor
 * `read`. Field names are the columns' names (persistence/migrations/0008_read.sql says what they mean).
 */
import type { Transfer } from '../domain/ledger/transfer.ts'
import type { OperationStatus } from '../domain/payment/operations.ts'
import type { Dispute, PaymentStatus } from '../domain/payment/state.ts'

/** Whose a row is. Amounts are minor units, instants Unix milliseconds, entities 32 hexadecimal digits. */
interface Owned {
  readonly shard: number
  readonly merchant: string
  readonly live: boolean
  readonly currency: string
}

export interface PaymentRow extends Owned {
  readonly entity: string
  readonly seq: number
  readonly createdAt: number
  readonly updatedAt: number
  /** When its first attempt was planned: then it counts for its merchant's limits. */
  readonly attemptedAt: number | null
  readonly status: PaymentStatus
  readonly amount: number
  readonly authorized: number
  readonly captured: number
  readonly refunded: number
  readonly disputed: number
  readonly review: boolean
  readonly connection: string | null
  readonly psp: string | null
  readonly merchantReference: string | null
  readonly data: Buffer
  readonly private: Buffer | null
}

interface PartRow extends Owned {
  readonly payment: string
  readonly ordinal: number
  readonly createdAt: number
  readonly paymentCreatedAt: number
  readonly amount: number
}

export interface RefundRow extends PartRow {
  readonly status: OperationStatus
  readonly reversed: boolean
  readonly connection: string
}

export interface DisputeRow extends PartRow {
  readonly status: Dispute['status']
  readonly fee: number
  readonly evidenceBy: number | null
}

export interface TransferRow extends Owned {
  readonly position: number
  /** From 0 within its decision. */
  readonly n: number
  readonly entity: string
  readonly postedAt: number
  readonly amount: number
  readonly debit: Transfer['debit']
  readonly credit: Transfer['credit']
  readonly phase: Transfer['phase']
  readonly connection: string
  readonly operation: string
}

/** What the read side shows of one entity as it is now. */
export interface ReadRows {
  readonly payment: PaymentRow
  readonly refunds: readonly RefundRow[]
  readonly disputes: readonly DisputeRow[]
}

/**
 * What one shard's owner writes beside the cursor `read`, in one transaction, guarded as a CursorAdvance is. Every decision in
 * (from, to] is in it: its transfers, and of each entity the rows of its last state there.
 */
export interface ReadAdvance {
  readonly shard: number
  readonly epoch: number
  readonly from: number
  readonly to: number
  readonly payments: readonly PaymentRow[]
  readonly refunds: readonly RefundRow[]
  readonly disputes: readonly DisputeRow[]
  readonly transfers: readonly TransferRow[]
}

/** Sums of one account's transfers; those of one shard, of one statement or of all are added up. */
export interface AccountSums extends Omit<Owned, 'shard'> {
  readonly connection: string
  readonly account: Transfer['debit']
  readonly debits: bigint
  readonly credits: bigint
  /** Pending less released, as are {@link AccountSums.reservedCredits}. */
  readonly reservedDebits: bigint
  readonly reservedCredits: bigint
}
