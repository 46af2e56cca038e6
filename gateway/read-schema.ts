/** The public form of lists that come from projections, of balances and of the ledger, version 2026-11-01. */
import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'
import { listOf } from './event-schema.ts'
import { closedObject, nullable, oneOf } from './schema.ts'

const describe = (description: string): TSchemaOptions => ({ description })
const asOf = Type.Integer(
  describe('Unix milliseconds. What was decided until then is in the answer; what came later may be.'),
)
/** Sums may be beyond what a double holds; they are written exactly. */
const sum = (description: string) => Type.Unsafe<bigint>({ type: 'integer', description })
const livemode = Type.Boolean(describe('False for what was made with a test key.'))

export interface ReadListView<Item> {
  readonly object: 'list'
  readonly url: string
  readonly has_more: boolean
  readonly data: readonly Item[]
  readonly next_page: string | null
  readonly as_of: number
}

/** @param order of its items. */
export function readListOf<Item extends TSchema>(item: Item, description: string, order = 'Newest first.') {
  const { properties, ...options } = listOf(item, description)
  const next_page = nullable(Type.String(), describe('`page` of the next request; null where nothing more follows.'))
  const data = Type.Array(item, describe(order))
  return closedObject({ ...properties, data, next_page, as_of: asOf }, options as TSchemaOptions)
}

export const CurrencyBalanceSchema = closedObject(
  {
    currency: Type.String(describe('ISO 4217, lower case.')),
    available: sum('What PSPs have settled, fees taken off: on its way to your bank.'),
    pending: sum('Captured and not yet settled: what PSPs still owe. Below zero where refunds exceed it.'),
    disputed: sum('What PSPs have withdrawn for disputes that are open.'),
    fees: sum('What PSPs have kept, of settlements and for disputes.'),
    other: sum('Losses, and what is not yet known what it belongs to.'),
    payable: sum('Captured less refunded and lost in disputes: the sum of the five above.'),
    pending_captures: sum('In captures whose outcome is open.'),
    pending_refunds: sum('In refunds whose outcome is open.'),
    authorized: sum('Held on cards and not captured. No money yet.'),
  },
  describe('The balance of one currency, in minor units.'),
)
export const BalanceSchema = closedObject(
  {
    object: oneOf('balance'),
    currencies: Type.Array(CurrencyBalanceSchema, describe('Those that were ever booked in, in order.')),
    livemode,
    as_of: asOf,
  },
  describe('What the accounts say, over all PSP connections.'),
)

const accountId = (description: string) => Type.String(describe(description))

export const LedgerAccountSchema = closedObject(
  {
    id: accountId('Connection, currency and name.'),
    object: oneOf('ledger_account'),
    name: Type.String(describe('Of the chart of accounts, such as `psp_receivable`.')),
    connection: nullable(Type.String(), describe('PSP connection; null where it is not known which one.')),
    currency: Type.String(describe('ISO 4217, lower case.')),
    balance: sum('Debits less credits.'),
    debits: sum('All that was ever debited.'),
    credits: sum('All that was ever credited.'),
    pending_debits: sum('Reserved by operations that are open.'),
    pending_credits: sum('Reserved by operations that are open.'),
    livemode,
  },
  describe('One account of your books.'),
)

export const LedgerEntrySchema = closedObject(
  {
    id: Type.String(),
    object: oneOf('ledger_entry'),
    debit: accountId('Id of the account that is debited.'),
    credit: accountId('Id of the account that is credited.'),
    amount: Type.Integer(describe('Minor units, above zero.')),
    currency: Type.String(describe('ISO 4217, lower case.')),
    phase: oneOf('posted', 'pending', 'released'),
    payment: Type.String(),
    operation: Type.String(describe('Id of the operation or dispute, or the settlement line’s key.')),
    created: Type.Integer(describe('When it was decided. Unix seconds.')),
    created_at: Type.String(),
    livemode,
  },
  describe(
    'An amount moved from one account to another. `posted` moves balances; `pending` reserves, until it is `released`, also ' +
      'when what was reserved is posted. Entries are never changed: a correction is another entry.',
  ),
)

export type CurrencyBalanceView = Static<typeof CurrencyBalanceSchema>
export type BalanceView = Static<typeof BalanceSchema>
export type LedgerAccountView = Static<typeof LedgerAccountSchema>
export type LedgerEntryView = Static<typeof LedgerEntrySchema>
