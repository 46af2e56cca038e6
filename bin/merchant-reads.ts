/** The gateway's read side over the journal databases: stored rows as payments, refunds, disputes and entries. */
import { decodeState } from '../actors/codec.ts'
import { restorePayment } from '../actors/payment-snapshot.ts'
import { addressOfPayment, operationIdOf, parseOperationId, paymentIdOfEntity } from '../domain/ids.ts'
import type { Account, Transfer } from '../domain/ledger/transfer.ts'
import type { Payment } from '../domain/payment/state.ts'
import {
  type LedgerEntry,
  type Listed,
  type MerchantReads,
  type Owner,
  type PageOf,
  type PartFilter,
  type PartOfPayment,
  type Place,
  type ReadPage,
  ReadUnavailable,
} from '../gateway/read-port.ts'
import { QueriesUnavailable, type RowOwner } from '../persistence/queries-pool.ts'
import type { EntryRow, PartRow, PaymentRow, StoredState } from '../persistence/queries-shapes.ts'
import type { Key, PageBounds } from '../persistence/queries-statement.ts'
import type { MerchantQueries, Part, RowEntity, RowPage } from '../persistence/queries.ts'
import { assert } from '../runtime/assert.ts'

const partPrefixes = { refund: 're', dispute: 'dp' } as const

export function createMerchantReads(queries: MerchantQueries): MerchantReads {
  const parts = (part: Part) => async (owner: Owner, filter: PartFilter, page: PageOf) => {
    const { payment, ...items } = filter
    const entity = payment === undefined ? undefined : entityOf(payment)
    const bounds = boundsOf(page, partKeyOf)
    return pageOf(await queries.parts(part, rowOwner(owner), items, entity, bounds), (row) => partItem(part, row))
  }
  return unavailableAsTold({
    payments: async (owner, filter, page) =>
      pageOf(await queries.payments(rowOwner(owner), filter, boundsOf(page, paymentKeyOf)), paymentItem),
    refunds: parts('refund'),
    disputes: parts('dispute'),
    entriesOfAccount: async (owner, account, page) =>
      pageOf(await queries.entriesOfAccount(rowOwner(owner), account, boundsOf(page, entryKeyOf)), entryItem),
    entriesOfPayment: async (owner, payment, page) =>
      pageOf(await queries.entriesOfPayment(rowOwner(owner), entityOf(payment), boundsOf(page, entryKeyOf)), entryItem),
    async balances(owner) {
      const { rows, asOf } = await queries.balances(rowOwner(owner))
      const accounts = rows.map((row) => ({
        connection: row.connection,
        currency: row.currency,
        account: row.account as Account,
        debited: row.debits,
        credited: row.credits,
        pendingDebit: row.reservedDebits,
        pendingCredit: row.reservedCredits,
      }))
      return { accounts, asOf }
    },
    async placeOf(owner, list, id) {
      const at = await placedAt(queries, rowOwner(owner), list, id)
      return at === undefined ? undefined : { at, id }
    },
  })
}

async function placedAt(
  queries: MerchantQueries,
  owner: RowOwner,
  list: 'payments' | 'refunds' | 'disputes',
  id: string,
): Promise<number | undefined> {
  if (list === 'payments') {
    const address = addressOfPayment(id)
    return address === undefined ? undefined : queries.placeOfPayment(owner, address)
  }
  const part = list === 'refunds' ? 'refund' : 'dispute'
  const parsed = parseOperationId(id)
  if (parsed?.prefix !== partPrefixes[part]) return undefined
  return queries.placeOfPart(part, owner, entityOf(parsed.paymentId), parsed.ordinal)
}

function rowOwner({ merchant, mode }: Owner): RowOwner {
  return { merchant, live: mode === 'live' }
}

function entityOf(paymentId: string): RowEntity {
  const address = addressOfPayment(paymentId)
  assert(address !== undefined, 'a payment has an address', { payment: paymentId })
  return address
}

function boundsOf({ limit, direction, from }: PageOf, keyOf: (place: Place) => Key): PageBounds {
  return { limit, direction, ...(from !== undefined && { from: keyOf(from) }) }
}

function paymentKeyOf({ at, id }: Place): Key {
  return [at, entityOf(id).entity]
}

function partKeyOf({ at, id }: Place): Key {
  const parsed = parseOperationId(id)
  assert(parsed !== undefined, 'the place of a refund or dispute is its id', { id })
  return [at, entityOf(parsed.paymentId).entity, parsed.ordinal]
}

/** The place of an entry is shard, position and number: the transfer's key. */
function entryKeyOf({ at, id }: Place): Key {
  return [at, ...id.split('.').map(Number)]
}

function pageOf<Row, Item>({ rows, hasMore, asOf }: RowPage<Row>, item: (row: Row) => Listed<Item>): ReadPage<Item> {
  return { items: rows.map(item), hasMore, asOf }
}

function stateOf({ data, private: hidden }: StoredState): Payment {
  return restorePayment({
    state: decodeState<object>(data),
    private: hidden === null ? undefined : decodeState<object>(hidden),
  })
}

function paymentItem(row: PaymentRow): Listed<Payment> {
  return { item: stateOf(row), place: { at: row.at, id: paymentIdOfEntity(row.entity) } }
}

function partItem(part: Part, row: PartRow): Listed<PartOfPayment> {
  const id = operationIdOf(partPrefixes[part], paymentIdOfEntity(row.entity), row.ordinal)
  return { item: { id, payment: stateOf(row) }, place: { at: row.at, id } }
}

function entryItem(row: EntryRow): Listed<LedgerEntry> {
  return {
    item: {
      debit: row.debit as Account,
      credit: row.credit as Account,
      amountMinor: row.amount,
      phase: row.phase as Transfer['phase'],
      connection: row.connection,
      operationId: row.operation,
      currency: row.currency,
      payment: paymentIdOfEntity(row.entity),
    },
    place: { at: row.at, id: `${row.shard}.${row.position}.${row.n}` },
  }
}

/** The same, with the words of the gateway's port for a database that cannot be asked. */
function unavailableAsTold(reads: MerchantReads): MerchantReads {
  const told =
    <Given extends unknown[], Answer>(read: (...given: Given) => Promise<Answer>) =>
    async (...given: Given): Promise<Answer> => {
      try {
        return await read(...given)
      } catch (error) {
        if (!(error instanceof QueriesUnavailable)) throw error
        throw new ReadUnavailable(error.message, { cause: error })
      }
    }
  return {
    payments: told(reads.payments.bind(reads)),
    refunds: told(reads.refunds.bind(reads)),
    disputes: told(reads.disputes.bind(reads)),
    entriesOfAccount: told(reads.entriesOfAccount.bind(reads)),
    entriesOfPayment: told(reads.entriesOfPayment.bind(reads)),
    balances: told(reads.balances.bind(reads)),
    placeOf: told(reads.placeOf.bind(reads)),
  }
}
