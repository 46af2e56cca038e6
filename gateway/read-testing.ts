/**
 * For tests of the edge: a read side in memory over the payments that a test puts into it, with the order and the pages of the
 * real one. Its books are those of the payments' present states.
 */
import { transfersOf } from '../domain/ledger/posting.ts'
import type { Account, Transfer } from '../domain/ledger/transfer.ts'
import { latestAttempt, statusOf } from '../domain/payment/derive.ts'
import type { Payment } from '../domain/payment/state.ts'
import type {
  AccountBalance,
  AccountName,
  ItemFilter,
  LedgerEntry,
  Listed,
  MerchantReads,
  Owner,
  PageOf,
  PartFilter,
  PartOfPayment,
  PaymentFilter,
  Place,
  PlacedList,
  ReadPage,
} from './read-port.ts'

export class MemoryReads implements MerchantReads {
  readonly states: Payment[] = []
  readonly #source: () => readonly Payment[]
  asOf = Date.UTC(2026, 10, 4, 12, 0, 1)
  /** Thrown by whatever is asked, while it is set. */
  broken: Error | undefined

  /** @param source where its payments are; default: {@link MemoryReads.states}. */
  constructor(source?: () => readonly Payment[]) {
    this.#source = source ?? (() => this.states)
  }

  async payments(owner: Owner, filter: PaymentFilter, page: PageOf): Promise<ReadPage<Payment>> {
    const found = this.#of(owner).filter((state) => matches(state, filter))
    return this.#page(found.map(paymentItem), page)
  }

  async refunds(owner: Owner, filter: PartFilter, page: PageOf): Promise<ReadPage<PartOfPayment>> {
    return this.#page(partsOf(this.#of(owner), 'refunds', filter), page)
  }

  async disputes(owner: Owner, filter: PartFilter, page: PageOf): Promise<ReadPage<PartOfPayment>> {
    return this.#page(partsOf(this.#of(owner), 'disputes', filter), page)
  }

  async entriesOfAccount(owner: Owner, name: AccountName, page: PageOf): Promise<ReadPage<LedgerEntry>> {
    const { account, connection, currency } = name
    const found = this.#of(owner)
      .flatMap(entryItems)
      .filter(({ item }) => item.connection === connection && item.currency === currency)
      .filter(({ item }) => item.debit === account || item.credit === account)
    return this.#page(found, page)
  }

  async entriesOfPayment(owner: Owner, payment: string, page: PageOf): Promise<ReadPage<LedgerEntry>> {
    return this.#page(
      this.#of(owner)
        .filter(({ id }) => id === payment)
        .flatMap(entryItems),
      page,
    )
  }

  async balances(owner: Owner): Promise<{ readonly accounts: readonly AccountBalance[]; readonly asOf: number }> {
    const accounts = new Map<string, AccountBalance>()
    for (const { item } of this.#of(owner).flatMap(entryItems)) {
      for (const account of [item.debit, item.credit]) book(accounts, account, item)
    }
    return { accounts: [...accounts.values()], asOf: this.asOf }
  }

  async placeOf(owner: Owner, list: PlacedList, id: string): Promise<Place | undefined> {
    const states = this.#of(owner)
    const items = list === 'payments' ? states.map(paymentItem) : partsOf(states, list, {})
    return items.find(({ place }) => place.id === id)?.place
  }

  #of({ merchant, mode }: Owner): readonly Payment[] {
    if (this.broken !== undefined) throw this.broken
    return this.#source().filter((state) => state.merchant === merchant && state.mode === mode)
  }

  #page<Item>(found: readonly Listed<Item>[], { limit, direction, from }: PageOf): ReadPage<Item> {
    const items = found
      .toSorted((a, b) => -compare(a.place, b.place))
      .filter(({ place }) => from === undefined || compare(place, from) * (direction === 'older' ? 1 : -1) < 0)
    const page = direction === 'older' ? items.slice(0, limit) : items.slice(-limit)
    return { items: page, hasMore: items.length > limit, asOf: this.asOf }
  }
}

function compare(a: Place, b: Place): number {
  return a.at - b.at || (a.id < b.id ? -1 : Number(a.id > b.id))
}

function paymentItem(state: Payment): Listed<Payment> {
  return { item: state, place: { at: state.createdAt, id: state.id } }
}

function partsOf(
  states: readonly Payment[],
  list: 'refunds' | 'disputes',
  filter: PartFilter,
): readonly Listed<PartOfPayment>[] {
  return states
    .filter((state) => filter.payment === undefined || state.id === filter.payment)
    .flatMap((state) =>
      state[list].map((part) => {
        const at = 'plannedAt' in part ? part.plannedAt : state.createdAt
        return { item: { id: part.id, payment: state }, place: { at, id: part.id } }
      }),
    )
    .filter(({ item, place }) => isWithin(place.at, item.payment.currency, filter))
}

function entryItems(state: Payment): readonly Listed<LedgerEntry>[] {
  return transfersOf(undefined, [], state).map((transfer: Transfer, n) => ({
    item: { ...transfer, currency: state.currency, payment: state.id },
    place: { at: state.updatedAt, id: `${state.id}.${n}` },
  }))
}

function book(accounts: Map<string, AccountBalance>, account: Account, entry: LedgerEntry): void {
  const { connection, currency, phase, debit } = entry
  const key = `${connection} ${currency} ${account}`
  const none = { connection, currency, account, debited: 0n, credited: 0n, pendingDebit: 0n, pendingCredit: 0n }
  const before = accounts.get(key) ?? none
  const amount = phase === 'released' ? -BigInt(entry.amountMinor) : BigInt(entry.amountMinor)
  const debits = phase === 'posted' ? ('debited' as const) : ('pendingDebit' as const)
  const credits = phase === 'posted' ? ('credited' as const) : ('pendingCredit' as const)
  const side = debit === account ? debits : credits
  accounts.set(key, { ...before, [side]: before[side] + amount })
}

function isWithin(at: number, currency: string, filter: ItemFilter): boolean {
  const { createdFrom = -Infinity, createdBefore = Infinity } = filter
  return at >= createdFrom && at < createdBefore && (filter.currency ?? currency) === currency
}

function matches(state: Payment, filter: PaymentFilter): boolean {
  const { amountFrom = -Infinity, amountTo = Infinity, merchantReferencePrefix = '' } = filter
  const { amountMinor, merchantReference = '' } = state
  return (
    isWithin(state.createdAt, state.currency, filter) &&
    (filter.status ?? statusOf(state)) === statusOf(state) &&
    (filter.psp === undefined || filter.psp === latestAttempt(state)?.psp) &&
    (filter.review ?? state.review) === state.review &&
    (filter.merchantReference ?? merchantReference) === merchantReference &&
    merchantReference.startsWith(merchantReferencePrefix) &&
    amountMinor >= amountFrom &&
    amountMinor <= amountTo
  )
}
