/**
 * Ledger transfers: computed with each decision, stored with it in the journal, posted by a projection.
 * A transfer moves one positive amount from one account to another in one currency, so every transfer sums to zero;
 * a posting of several legs is several transfers of one decision. Its key is (shard, position, n).
 */

/** Chart of accounts; one of each per merchant, PSP connection and currency (PAYMENTS 3). */
export type Account =
  | 'auth_hold'
  | 'auth_hold_contra'
  | 'psp_receivable'
  | 'merchant_payable'
  | 'psp_fees'
  | 'dispute_receivable'
  | 'dispute_fees'
  | 'losses'
  | 'settlement_in_transit'
  | 'suspense'

export interface Transfer {
  readonly debit: Account
  readonly credit: Account
  /** Minor units of the payment's currency, above zero. */
  readonly amountMinor: number
  /** `pending` reserves and is posted or released by a later transfer that names the same operation. */
  readonly phase: 'posted' | 'pending' | 'released'
  readonly connection: string
  readonly operationId: string
}
