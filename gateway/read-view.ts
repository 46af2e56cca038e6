/** Accounts, entries and balances as merchants see them. Pure. */
import type { Mode } from '../domain/ids.ts'
import type { Account } from '../domain/ledger/transfer.ts'
import type { AccountBalance, AccountName, LedgerEntry } from './read-port.ts'
import type { CurrencyBalanceView, LedgerAccountView, LedgerEntryView } from './read-schema.ts'
import { isLive, seconds, timestamp } from './render.ts'

/** Total, so that an account that is added to the books does not compile until it can be named here. */
const accounts: Readonly<Record<Account, true>> = {
  auth_hold: true,
  auth_hold_contra: true,
  psp_receivable: true,
  merchant_payable: true,
  psp_fees: true,
  dispute_receivable: true,
  dispute_fees: true,
  losses: true,
  settlement_in_transit: true,
  suspense: true,
}

const accountIdForm = /^acc_((?:[a-z0-9][a-z0-9_-]{0,62})?)\.([a-z]{3})\.([a-z_]{1,32})$/

/** `acc_stripe-test.eur.psp_receivable`; `acc_.eur.suspense` where no connection is known. Permanent. */
export function accountIdOf({ connection, currency, account }: AccountName): string {
  return `acc_${connection}.${currency.toLowerCase()}.${account}`
}

/** Undefined where it is no account's id. */
export function parseAccountId(id: string): AccountName | undefined {
  const [, connection, currency, account] = accountIdForm.exec(id) ?? []
  if (connection === undefined || currency === undefined || account === undefined) return undefined
  if (!Object.hasOwn(accounts, account)) return undefined
  return { connection, currency: currency.toUpperCase(), account: account as Account }
}

export function renderAccount(balance: AccountBalance, mode: Mode): LedgerAccountView {
  return {
    id: accountIdOf(balance),
    object: 'ledger_account',
    name: balance.account,
    connection: balance.connection === '' ? null : balance.connection,
    currency: balance.currency.toLowerCase(),
    balance: balance.debited - balance.credited,
    debits: balance.debited,
    credits: balance.credited,
    pending_debits: balance.pendingDebit,
    pending_credits: balance.pendingCredit,
    livemode: isLive(mode),
  }
}

/** @param id the entry's, which its place tells. */
export function renderEntry(id: string, entry: LedgerEntry, postedAt: number, mode: Mode): LedgerEntryView {
  const { connection, currency } = entry
  return {
    id,
    object: 'ledger_entry',
    debit: accountIdOf({ connection, currency, account: entry.debit }),
    credit: accountIdOf({ connection, currency, account: entry.credit }),
    amount: entry.amountMinor,
    currency: currency.toLowerCase(),
    phase: entry.phase,
    payment: entry.payment,
    operation: entry.operationId,
    created: seconds(postedAt),
    created_at: timestamp(postedAt),
    livemode: isLive(mode),
  }
}

/** One of each currency, in order; sums over all connections. */
export function renderCurrencies(balances: readonly AccountBalance[]): readonly CurrencyBalanceView[] {
  const currencies = [...new Set(balances.map(({ currency }) => currency))].sort()
  return currencies.map((currency) => {
    const sumOf = (amount: (balance: AccountBalance) => bigint, ...names: readonly Account[]): bigint =>
      balances
        .filter((each) => each.currency === currency && names.includes(each.account))
        .reduce((sum, each) => sum + amount(each), 0n)
    const debit = (...names: readonly Account[]): bigint => sumOf((each) => each.debited - each.credited, ...names)
    return {
      currency: currency.toLowerCase(),
      available: debit('settlement_in_transit'),
      pending: debit('psp_receivable'),
      disputed: debit('dispute_receivable'),
      fees: debit('psp_fees', 'dispute_fees'),
      other: debit('losses', 'suspense'),
      payable: -debit('merchant_payable'),
      pending_captures: sumOf((each) => each.pendingDebit, 'psp_receivable'),
      pending_refunds: sumOf((each) => each.pendingDebit, 'merchant_payable'),
      authorized: debit('auth_hold'),
    }
  })
}
