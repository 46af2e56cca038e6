/** Stripe's payouts as its API shows them: what a bank statement will say, beside what the reports list. */
import type { JsonObject } from '../render.ts'
import type { Payout } from './stripe-ledger.ts'

export function renderPayout({ id, currency, amount, balanceTransaction, at }: Payout): JsonObject {
  return {
    id,
    object: 'payout',
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: at,
    automatic: true,
    balance_transaction: balanceTransaction,
    created: at,
    currency,
    description: 'STRIPE PAYOUT',
    destination: null,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: {},
    method: 'standard',
    original_payout: null,
    payout_method: null,
    reconciliation_status: 'completed',
    reversed_by: null,
    source_type: 'card',
    statement_descriptor: null,
    status: 'paid',
    trace_id: null,
    type: 'bank_account',
  }
}
