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
  /**
   * `posted` moves balances. `pending` only reserves; a later `released` of the same accounts, operation and amount takes
   * the reservation away, also when what was reserved is posted: so a balance is a plain fold, phase by phase.
   */
  readonly phase: 'posted' | 'pending' | 'released'
  /** Empty where it is not known which connection a fact belongs to. */
  readonly connection: string
  /** The operation, dispute or settlement line (its key) that the transfer is about. */
  readonly operationId: string
}
