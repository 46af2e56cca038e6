/** For tests: a merchant's lists, balance and ledger over HTTP, and what its payments say that these have to be. */
import type { BalanceView, LedgerAccountView, LedgerEntryView } from '../../../gateway/read-schema.ts'
import type { DisputeView, PaymentView, RefundView } from '../../../gateway/payment-schema.ts'
import { until } from '../../chaos/support/until.ts'
import { type Client, errorCode } from './client.ts'

export interface ListAnswer<Item> {
  readonly data: readonly Item[]
  readonly has_more: boolean
  readonly next_page: string | null
  readonly as_of: number
}

/** Sums of one currency, minor units. */
export type Sums = Readonly<Record<'payable' | 'pending' | 'disputed' | 'fees' | 'authorized', number>>

export async function get<Body>(client: Client, path: string): Promise<Body> {
  const { status, text, body } = await client.insist('GET', path)
  if (status !== 200) throw new Error(`${path} answered ${status}: ${text}`)
  return body as Body
}

/** What a refused read answers: status, code and parameter. */
export async function refusal(client: Client, path: string): Promise<string> {
  const answer = await client.insist('GET', path)
  const { param } = (answer.body['error'] ?? {}) as { readonly param?: string | null }
  return `${answer.status} ${errorCode(answer) ?? ''} ${param ?? ''}`.trim()
}

/** Resolves once lists know all that was decided until now. */
export async function settled(client: Client): Promise<void> {
  const now = Date.now()
  await until(async () => (await get<ListAnswer<unknown>>(client, '/v1/payments?limit=1')).as_of >= now, {
    what: 'a list as of now',
  })
}

/** All items of a list, page by page. */
export async function all<Item>(client: Client, path: string, limit = 100): Promise<readonly Item[]> {
  const items: Item[] = []
  const first = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}`
  for (let next = ''; ; ) {
    const page = await get<ListAnswer<Item>>(client, first + next)
    if (page.data.length > limit || page.has_more !== (page.next_page !== null)) throw new Error('a page is malformed')
    items.push(...page.data)
    if (page.next_page === null) return items
    next = `&page=${page.next_page}`
  }
}

export interface Books {
  readonly balance: BalanceView
  readonly accounts: readonly LedgerAccountView[]
  /** Of each account the sum of its posted entries: debits less credits. */
  readonly posted: Readonly<Record<string, number>>
}

export async function booksOf(client: Client): Promise<Books> {
  const balance = await get<BalanceView>(client, '/v1/balance')
  const accounts = await all<LedgerAccountView>(client, '/v1/ledger/accounts', 3)
  const posted: Record<string, number> = {}
  for (const { id } of accounts) {
    const entries = await all<LedgerEntryView>(client, `/v1/ledger/accounts/${id}/entries`, 25)
    posted[id] = entries
      .filter(({ phase }) => phase === 'posted')
      .reduce((sum, { debit, amount }) => sum + (debit === id ? amount : -amount), 0)
  }
  return { balance, accounts, posted }
}

/** What the books of one currency come to, by the payments and disputes alone. `feeMinor`: what a PSP takes for a dispute. */
export function sumsOf(
  payments: readonly PaymentView[],
  disputes: readonly DisputeView[],
  currency: string,
  feeMinor: number,
): Sums {
  const own = payments.filter((payment) => payment.currency === currency)
  const ownDisputes = disputes.filter((dispute) => dispute.currency === currency)
  const disputedAs = (status: string): number =>
    sum(ownDisputes.filter((dispute) => dispute.status === status).map(({ amount }) => amount))
  const captured = sum(own.map(({ amount_captured: amount }) => amount))
  const refunded = sum(own.map(({ amount_refunded: amount }) => amount))
  const payable = captured - refunded - disputedAs('lost')
  const disputed = disputedAs('open')
  const fees = ownDisputes.length * feeMinor
  const authorized = sum(own.map(({ amount_capturable: amount }) => amount))
  return { payable, disputed, fees, pending: payable - disputed - fees, authorized }
}

export function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

export type { DisputeView, LedgerEntryView, PaymentView, RefundView }
