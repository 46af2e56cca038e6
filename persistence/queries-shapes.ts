/** The lists of the read side: their rows, what orders them, and what they can be filtered by. */
import { accounts } from '../domain/ledger/chart.ts'
import { assert } from '../runtime/assert.ts'
import { type Conditions, firstFilterParameter, type Key, type ListShape } from './queries-statement.ts'

export interface ItemFilter {
  readonly createdFrom?: number
  readonly createdBefore?: number
  readonly currency?: string
}

export interface PaymentFilter extends ItemFilter {
  readonly status?: string
  readonly psp?: string
  readonly merchantReference?: string
  readonly merchantReferencePrefix?: string
  readonly review?: boolean
  readonly amountFrom?: number
  readonly amountTo?: number
}

/** An account, by what its rows have. */
export interface AccountKey {
  readonly currency: string
  readonly connection: string
  readonly account: string
}

/** A payment's state as it was stored. */
export interface StoredState {
  readonly data: Buffer
  readonly private: Buffer | null
}

export interface PaymentRow extends StoredState {
  readonly at: number
  readonly entity: string
}

/** A refund or dispute with its payment. */
export interface PartRow extends PaymentRow {
  readonly ordinal: number
}

export interface EntryRow {
  readonly at: number
  readonly shard: number
  readonly position: number
  readonly n: number
  readonly entity: string
  readonly currency: string
  readonly debit: string
  readonly credit: string
  readonly amount: number
  readonly phase: string
  readonly connection: string
  readonly operation: string
}

const bytes = (name: string): string => `decode(${name}, 'hex')`

export const paymentList: ListShape & { keyOf(row: PaymentRow): Key } = {
  from: 'read.payment p',
  columns: `p.created_at AS at, encode(p.entity, 'hex') AS entity, p.data, p.private`,
  key: [{ column: 'p.created_at' }, { column: 'p.entity', parameter: bytes }],
  keyOf: ({ at, entity }) => [at, entity],
}

function partList(table: 'refund' | 'dispute'): ListShape & { keyOf(row: PartRow): Key } {
  return {
    from: `read.${table} r`,
    columns: 'r.created_at, r.payment, r.ordinal, r.payment_created_at, r.merchant, r.live',
    key: [{ column: 'r.created_at' }, { column: 'r.payment', parameter: bytes }, { column: 'r.ordinal' }],
    // A part is written together with its payment: each has one.
    around: (page, order) => `
      SELECT r.created_at AS at, encode(r.payment, 'hex') AS entity, r.ordinal, p.data, p.private FROM (${page}) r
      JOIN read.payment p ON (p.merchant, p.live, p.created_at, p.entity) = (r.merchant, r.live, r.payment_created_at, r.payment)
      ${order}`,
    keyOf: ({ at, entity, ordinal }) => [at, entity, ordinal],
  }
}

export const refundList = partList('refund')
export const disputeList = partList('dispute')

const entryColumns = `t.posted_at AS at, t.shard, t.position, t.n, encode(t.entity, 'hex') AS entity, t.currency, t.debit, t.credit,
    t.amount, t.phase, t.connection, t.operation`

export const entryList: ListShape & { keyOf(row: EntryRow): Key } = {
  from: 'read.transfer t',
  columns: entryColumns,
  key: [{ column: 't.posted_at' }, { column: 't.shard' }, { column: 't.position' }, { column: 't.n' }],
  keyOf: ({ at, shard, position, n }) => [at, shard, position, n],
}

const asked = `${firstFilterParameter}::text`
const accountNames = `unnest('{${accounts.join(',')}}'::text[])`

/** A page of each pair of accounts that the account can be in, and of all these the first; see {@link filterByAccount}. */
export const accountEntryList: ListShape & { keyOf(row: EntryRow): Key } = {
  ...entryList,
  columns: 't.*',
  around: (page, order, limit) => `
    SELECT ${entryColumns} FROM ${accountNames} AS other (account)
    CROSS JOIN LATERAL (VALUES (${asked}, other.account), (other.account, ${asked})) AS pair (debit, credit)
    CROSS JOIN LATERAL (${page}) t ${order} ${limit}`,
}

export function filterByAccount(conditions: Conditions, { currency, connection, account }: AccountKey): void {
  // First: the pairs around the page are made of it.
  conditions.add((name) => {
    assert(name === firstFilterParameter, 'an account is the first that entries are filtered by', { name })
    return '(t.debit, t.credit) = (pair.debit, pair.credit)'
  }, account)
  conditions.add((name) => `t.currency = ${name}`, currency)
  conditions.add((name) => `t.connection = ${name}`, connection)
}

export function filterPayments(conditions: Conditions, filter: PaymentFilter): void {
  filterItems(conditions, 'p', filter)
  conditions.addGiven(filter.status, (name) => `p.status = ${name}`)
  conditions.addGiven(filter.psp, (name) => `p.psp = ${name}`)
  conditions.addGiven(filter.merchantReference, (name) => `p.merchant_reference = ${name}`)
  conditions.addGiven(filter.merchantReferencePrefix, (name) => `starts_with(p.merchant_reference, ${name})`)
  conditions.addGiven(filter.review, (name) => `p.review = ${name}`)
  conditions.addGiven(filter.amountFrom, (name) => `p.amount >= ${name}`)
  conditions.addGiven(filter.amountTo, (name) => `p.amount <= ${name}`)
}

/** @param entity the payment's, where only its parts are asked for. */
export function filterParts(conditions: Conditions, filter: ItemFilter, entity: string | undefined): void {
  filterItems(conditions, 'r', filter)
  conditions.addGiven(entity, (name) => `r.payment = ${bytes(name)}`)
}

function filterItems(conditions: Conditions, alias: 'p' | 'r', filter: ItemFilter): void {
  conditions.addGiven(filter.createdFrom, (name) => `${alias}.created_at >= ${name}`)
  conditions.addGiven(filter.createdBefore, (name) => `${alias}.created_at < ${name}`)
  conditions.addGiven(filter.currency, (name) => `${alias}.currency = ${name}`)
}
