/** The merchant's books: accounts, what was booked on one, and what was booked of one payment; as of a moment ago. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { addressOfPayment } from '../../domain/ids.ts'
import type { Edge } from '../deps.ts'
import { answerList, ownerOf } from '../list-page.ts'
import { EntriesQuery } from '../list-query.ts'
import { AccountParams, errorsOf, operation, PaymentParams } from '../operation.ts'
import type { AccountBalance, LedgerEntry, Owner, PageOf, Place, ReadPage } from '../read-port.ts'
import { LedgerAccountSchema, LedgerEntrySchema, type LedgerEntryView, readListOf } from '../read-schema.ts'
import { accountIdOf, parseAccountId, renderAccount, renderEntry } from '../read-view.ts'
import { paymentPath, refuse } from '../respond.ts'
import { read } from '../submit.ts'

interface Of {
  Params: { id: string }
  Querystring: EntriesQuery
}

const entries = { 200: readListOf(LedgerEntrySchema, 'A page of entries.') }
const entryPrefix = 'le_'

export function ledgerRoutes(app: FastifyInstance, edge: Edge): void {
  const { reads } = edge
  app.get<{ Querystring: EntriesQuery }>(
    '/v1/ledger/accounts',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.list },
      schema: {
        ...operation(
          'listLedgerAccounts',
          'Ledger',
          'List the accounts of your books',
          'Every account that was ever booked on, in order of its id, with its balance. `psp_receivable` of a connection is ' +
            'what its PSP has still to settle.',
        ),
        querystring: EntriesQuery,
        response: { 200: readListOf(LedgerAccountSchema, 'A page of accounts.', 'In order of id.') },
      },
    },
    (request, reply) => {
      const { mode } = ownerOf(request)
      return answerList(edge, request, reply, request.query, {
        name: 'accounts',
        url: '/v1/ledger/accounts',
        filter: {},
        read: async (owner, page) => pageOfAccounts(await reads.balances(owner), page),
        placeOf: (_owner, id) => (parseAccountId(id) === undefined ? undefined : { at: 0, id }),
        view: (account) => renderAccount(account, mode),
      })
    },
  )

  app.get<Of>(
    '/v1/ledger/accounts/:id/entries',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.listParts },
      schema: {
        ...operation(
          'listAccountEntries',
          'Ledger',
          'List the entries of an account',
          'All that was booked on it, newest first. An account that nothing was booked on has none.',
        ),
        params: AccountParams,
        querystring: EntriesQuery,
        response: entries,
      },
    },
    (request, reply) => {
      const { id } = request.params
      const account = parseAccountId(id)
      if (account === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      return answerList(edge, request, reply, request.query, {
        name: 'account_entries',
        url: `/v1/ledger/accounts/${id}/entries`,
        filter: {},
        ...entriesList(edge, request),
        read: (owner, page) => reads.entriesOfAccount(owner, account, page),
      })
    },
  )

  app.get<Of>(
    '/v1/payments/:id/ledger_entries',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.listOfPayment },
      schema: {
        ...operation(
          'listPaymentEntries',
          'Ledger',
          'List the ledger entries of a payment',
          'What the payment, its captures, refunds and disputes did to your books, newest first.',
        ),
        params: PaymentParams,
        querystring: EntriesQuery,
        response: entries,
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      // The payment itself says whether it is there, and whose; the books may not have heard of it yet.
      if ((await read(edge, request, reply, id)) === undefined) return reply
      return answerList(edge, request, reply, request.query, {
        name: 'payment_entries',
        url: `${paymentPath(id)}/ledger_entries`,
        filter: {},
        ...entriesList(edge, request),
        read: (owner, page) => reads.entriesOfPayment(owner, id, page),
      })
    },
  )
}

/** An entry's id is its sealed place: it is a cursor of any list that has the entry, and tells nothing of how much others book. */
function entriesList(edge: Edge, request: FastifyRequest) {
  const owner = ownerOf(request)
  const bound = JSON.stringify(['ledger_entry', owner.merchant, owner.mode])
  return {
    placeOf(_owner: Owner, id: string): Place | undefined {
      return id.startsWith(entryPrefix) ? edge.cursors.open(bound, id.slice(entryPrefix.length))?.place : undefined
    },
    view(entry: LedgerEntry, place: Place): LedgerEntryView {
      const id = `${entryPrefix}${edge.cursors.seal(bound, { direction: 'older', place })}`
      return renderEntry(id, entry, place.at, owner.mode)
    },
  }
}

/** Accounts are few: the page is cut from all of them. */
function pageOfAccounts(
  { accounts, asOf }: { readonly accounts: readonly AccountBalance[]; readonly asOf: number },
  { limit, direction, from }: PageOf,
): ReadPage<AccountBalance> {
  const items = accounts
    .map((item) => ({ item, place: { at: 0, id: accountIdOf(item) } }))
    .sort((a, b) => (a.place.id < b.place.id ? -1 : 1))
    .filter(({ place: { id } }) => from === undefined || (direction === 'older' ? id > from.id : id < from.id))
  const page = direction === 'older' ? items.slice(0, limit) : items.slice(-limit)
  return { items: page, hasMore: items.length > limit, asOf }
}
