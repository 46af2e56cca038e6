/**
 * Lists, search, balance and ledger beside a whole cluster of which a node is killed in the middle: merchants' payments as they
 * are read one by one are what every list, sum and proof has to say.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { paymentIdOf } from '../../domain/ids.ts'
import { until } from '../chaos/support/until.ts'
import {
  all,
  booksOf,
  type DisputeView,
  get,
  type LedgerEntryView,
  type ListAnswer,
  type PaymentView,
  refusal,
  type RefundView,
  settled,
  sum,
  sumsOf,
} from './support/bookkeeping.ts'
import { Client } from './support/client.ts'
import { PspCluster } from './support/psp-cluster.ts'

/** What the simulated Stripe takes for a dispute. */
const disputeFeeMinor = 1_500

interface Merchant {
  readonly client: Client
  readonly ids: string[]
  /** Payments as reads by id show them, newest first. */
  payments: readonly PaymentView[]
  disputes: readonly DisputeView[]
}

let cluster: PspCluster
let shop: Merchant
let other: Merchant
/** Payments that came to the end of what happens to them. */
let ended = 0

beforeAll(async () => {
  cluster = await PspCluster.start({ nodes: 3 })
  const { urls, api_keys: keys } = cluster.dev
  const merchants = keys.map(({ key }) => ({
    client: new Client(urls.merchant, key),
    ids: [],
    payments: [],
    disputes: [],
  }))
  ;[shop, other] = merchants as unknown as [Merchant, Merchant]
  const lives = Array.from({ length: 24 }, (_, n) => [live(shop, n), ...(n % 5 < 2 ? [live(other, n)] : [])]).flat()
  const node = cluster.dev.processes.find(({ role }) => role === 'node')
  await Promise.any(lives)
  expect(lives.length - ended).toBeGreaterThan(5)
  process.kill(node?.pid ?? 0, 'SIGKILL')
  await Promise.all(lives)
  await loseOneDispute()
  for (const merchant of [shop, other]) {
    const read = await Promise.all(
      merchant.ids.map((id) => merchant.client.get(id) as Promise<unknown> as Promise<PaymentView>),
    )
    const ids = read.flatMap(({ disputes }) => disputes as readonly string[])
    merchant.disputes = await Promise.all(ids.map((id) => get<DisputeView>(merchant.client, `/v1/disputes/${id}`)))
    await settled(merchant.client)
    // the order among payments of one second is the lists' own
    const listed = await all<PaymentView>(merchant.client, '/v1/payments')
    merchant.payments = read.toSorted((a, b) => place(listed, a) - place(listed, b))
  }
})

afterAll(async () => {
  await Promise.all([shop, other].map(({ client }) => client.close()))
  await cluster.stop()
})

const place = (listed: readonly PaymentView[], { id }: PaymentView): number =>
  listed.findIndex((each) => each.id === id)
const idsOf = (items: readonly { readonly id: string }[]): readonly string[] => items.map(({ id }) => id)

/** One payment from its creation to what its number says becomes of it. */
async function live(merchant: Merchant, n: number): Promise<void> {
  const { client } = merchant
  const key = `order-${n}`
  const amount = 1_000 + 7 * n
  const isDisputed = n % 6 === 5
  const isManual = n % 6 === 3
  const isAdyen = n % 6 === 4
  const created = await client.insist('POST', '/v1/payments', key, {
    ...{ amount, currency: n % 2 === 0 ? 'eur' : 'usd', merchant_reference: `basket ${n % 5}`, customer: 'cus_1' },
    ...{ payment_method: isDisputed ? 'pm_card_createDispute' : isAdyen ? 'tok_visa' : 'pm_card_visa' },
    ...(isManual && { capture_method: 'manual' }),
    routing: { connection: isAdyen ? 'adyen-test' : 'stripe-test' },
  })
  expect([key, created.status, created.text]).toEqual([key, expect.toBeOneOf([201, 202]), expect.any(String)])
  const { id } = created.body as unknown as PaymentView
  merchant.ids.push(id)
  const become = (isSo: (view: PaymentView) => boolean) =>
    until(async () => isSo((await client.get(id)) as unknown as PaymentView), { what: `${key} as it should be` })
  await become(({ status }) => status === (isManual ? 'authorized' : 'captured'))
  if (isManual && n % 4 === 1) {
    await client.insist('POST', `/v1/payments/${id}/capture`, `${key}-capture`, { amount: amount - 100 })
    await become(({ status }) => status === 'captured')
  }
  if (n % 6 < 2) {
    await client.insist('POST', `/v1/payments/${id}/refunds`, `${key}-refund`, { amount: 300 + n })
    await become(({ refund_status: status }) => status === 'partial')
  }
  if (isDisputed) await become(({ dispute_status: status }) => status === 'open')
  ended += 1
}

/** The bank decides one dispute for the shopper, and tells. */
async function loseOneDispute(): Promise<void> {
  const headers = { authorization: `Bearer ${cluster.secret('stripe_test_secret_key')}` }
  const response = await fetch(`${cluster.dev.urls.simulators['stripe']}/v1/disputes`, { headers })
  const { data } = (await response.json()) as { readonly data: readonly { readonly id: string }[] }
  await cluster.tell(`/stripe/disputes/${data[0]?.id}`, { decision: 'lost' })
  const ids = async (): Promise<readonly string[]> =>
    (await Promise.all([shop, other].map(({ client }) => all<DisputeView>(client, '/v1/disputes'))))
      .flat()
      .map(({ status }) => status)
  await until(async () => (await ids()).includes('lost'), { what: 'a lost dispute in the lists' })
}

test('a list pages through all of a merchant’s payments once, each as a read of it shows it, newest first', async () => {
  for (const { client, payments, ids } of [shop, other]) {
    expect(new Set(idsOf(payments))).toEqual(new Set(ids))
    for (const limit of [1, 7, 100]) expect(await all(client, '/v1/payments', limit)).toEqual(payments)
    expect(payments.map(({ created }) => created)).toEqual(
      payments.map(({ created }) => created).toSorted((a, b) => b - a),
    )
  }
  const { client, payments } = shop
  const [first, last] = [payments[0]?.id, payments.at(-1)?.id]
  expect(idsOf(await all(client, `/v1/payments?ending_before=${first}`))).toEqual([])
  const back = await get<ListAnswer<PaymentView>>(client, `/v1/payments?limit=100&ending_before=${last}`)
  expect(back.data).toEqual(payments.slice(0, -1))
})

test('filters find what reads say, also page by page, and search finds by reference', async () => {
  const { client, payments } = shop
  const found = async (query: string): Promise<readonly string[]> => idsOf(await all<PaymentView>(client, query, 2))
  const wanted = (isWanted: (payment: PaymentView) => boolean): readonly string[] => idsOf(payments.filter(isWanted))
  for (const status of ['captured', 'authorized', 'failed'] as const) {
    expect(await found(`/v1/payments?status=${status}`)).toEqual(wanted((payment) => payment.status === status))
  }
  expect(await found('/v1/payments?currency=usd')).toEqual(wanted(({ currency }) => currency === 'usd'))
  const adyen = (
    await Promise.all(
      payments.map(({ id }) =>
        get<{ latest_attempt: { psp: string } }>(client, `/v1/payments/${id}?expand[]=latest_attempt`),
      ),
    )
  ).map(({ latest_attempt: { psp } }) => psp === 'adyen')
  expect(adyen).toContain(true)
  expect(await found('/v1/payments?psp=adyen')).toEqual(idsOf(payments.filter((_, n) => adyen[n])))
  const middle = payments[12]?.created ?? 0
  expect(await found(`/v1/payments?created[gte]=${middle}`)).toEqual(wanted(({ created }) => created >= middle))
  expect(await found(`/v1/payments?created[lt]=${middle}`)).toEqual(wanted(({ created }) => created < middle))
  const basket = wanted(({ merchant_reference: reference }) => reference === 'basket 3')
  expect(basket.length).toBeGreaterThan(2)
  expect(await found('/v1/payments?merchant_reference=basket+3')).toEqual(basket)
  const search = (query: string): Promise<readonly string[]> =>
    found(`/v1/payments/search?query=${encodeURIComponent(query)}`)
  expect(await search('merchant_reference:"basket 3"')).toEqual(basket)
  expect(await search('merchant_reference~"basket " amount>=1070 status:captured')).toEqual(
    wanted(({ amount, status }) => amount >= 1_070 && status === 'captured'),
  )
  expect(await search('merchant_reference:"basket 9"')).toEqual([])
})

test('refunds and disputes are listed as their payments say, and as reads of them show them', async () => {
  for (const { client, payments, disputes } of [shop, other]) {
    const refunds = await all<RefundView>(client, '/v1/refunds', 3)
    expect(new Set(idsOf(refunds))).toEqual(new Set(payments.flatMap((payment) => payment.refunds)))
    expect(refunds.length).toBeGreaterThan(2)
    for (const refund of refunds) expect(await get(client, `/v1/refunds/${refund.id}`)).toEqual(refund)
    expect(sum(refunds.map(({ amount }) => amount))).toBe(sum(payments.map((payment) => payment.amount_refunded)))
    const listed = await all<DisputeView>(client, '/v1/disputes', 3)
    expect(new Set(listed)).toEqual(new Set(disputes))
  }
  expect([...shop.disputes, ...other.disputes].map(({ status }) => status)).toContain('lost')
})

test('the balance is the sum of the ledger’s entries, and both are what the payments say', async () => {
  for (const { client, payments, disputes } of [shop, other]) {
    const { balance, accounts, posted } = await booksOf(client)
    expect(accounts.length).toBeGreaterThan(6)
    for (const account of accounts) {
      expect([account.id, Number(account.balance)]).toEqual([account.id, posted[account.id]])
      expect([account.id, Number(account.pending_debits), Number(account.pending_credits)]).toEqual([account.id, 0, 0])
    }
    expect(balance.currencies.map(({ currency }) => currency)).toEqual(['eur', 'usd'])
    for (const { currency, ...sums } of balance.currencies) {
      const { available, other: rest, pending, disputed, fees, payable } = sums
      expect(sums).toMatchObject(sumsOf(payments, disputes, currency, disputeFeeMinor))
      expect(sum([available, pending, disputed, fees, rest].map(Number))).toBe(Number(payable))
      const ofCurrency = accounts.filter((account) => account.currency === currency)
      expect(sum(ofCurrency.map((account) => posted[account.id] ?? 0))).toBe(0)
    }
  }
})

test('a payment’s own entries add up to what it says', async () => {
  const { client, payments } = shop
  for (const payment of payments) {
    const entries = await all<LedgerEntryView>(client, `/v1/payments/${payment.id}/ledger_entries`, 3)
    const posted = entries.filter(({ phase }) => phase === 'posted')
    const on = (account: string): number =>
      sum(
        posted.map(({ debit, credit, amount }) =>
          debit.endsWith(account) ? amount : credit.endsWith(account) ? -amount : 0,
        ),
      )
    const lost = sum(
      shop.disputes.filter((each) => each.payment === payment.id && each.status === 'lost').map(({ amount }) => amount),
    )
    const { amount_captured: captured, amount_refunded: refunded, amount_capturable: capturable } = payment
    const expected = { id: payment.id, payable: captured - refunded - lost, held: capturable }
    expect({ id: payment.id, payable: 0 - on('.merchant_payable'), held: on('.auth_hold') }).toEqual(expected)
  }
})

test('as_of goes forward, and a list as of later than a write has it', async () => {
  const { client } = other
  const before = await get<ListAnswer<PaymentView>>(client, '/v1/payments?limit=1')
  const { body } = await client.insist('POST', '/v1/payments', 'one-more', {
    amount: 5,
    currency: 'gbp',
    payment_method: 'pm_card_visa',
  })
  const written = Date.now()
  let last = before
  await until(
    async () => {
      const list = await get<ListAnswer<PaymentView>>(client, '/v1/payments?limit=1')
      expect(list.as_of).toBeGreaterThanOrEqual(last.as_of)
      last = list
      return list.as_of >= written
    },
    { what: 'a list as of after the write' },
  )
  expect(idsOf(last.data)).toEqual([body['id']])
})

test('S1 another merchant’s ids, cursors and accounts say what those of nobody say, and show nothing', async () => {
  const { client } = other
  const [theirs] = shop.payments
  const nobodys = paymentIdOf(Buffer.alloc(32, 7), 'mer_nobody', 'test', 'x')
  const { next_page: token } = await get<ListAnswer<PaymentView>>(shop.client, '/v1/payments?limit=1')
  const [entry] = (await get<ListAnswer<LedgerEntryView>>(shop.client, `/v1/payments/${theirs?.id}/ledger_entries`))
    .data
  for (const id of [theirs?.id ?? '', nobodys]) {
    expect(await refusal(client, `/v1/payments/${id}`)).toBe('404 payment_not_found')
    expect(await refusal(client, `/v1/payments/${id}/ledger_entries`)).toBe('404 payment_not_found')
    expect(await refusal(client, `/v1/payments?starting_after=${id}`)).toBe('400 parameter_invalid starting_after')
    expect(await refusal(client, `/v1/payments?ending_before=${id}`)).toBe('400 parameter_invalid ending_before')
    for (const list of ['refunds', 'disputes']) expect(await all(client, `/v1/${list}?payment=${id}`)).toEqual([])
  }
  expect(await refusal(client, `/v1/payments?limit=1&page=${token}`)).toBe('400 parameter_invalid page')
  const account = 'acc_stripe-test.eur.psp_receivable'
  expect(await refusal(client, `/v1/ledger/accounts/${account}/entries?starting_after=${entry?.id}`)).toBe(
    '400 parameter_invalid starting_after',
  )
  const entries = await all<LedgerEntryView>(client, `/v1/ledger/accounts/${account}/entries`)
  const own = new Set(other.ids)
  expect(entries.length).toBeGreaterThan(0)
  expect(entries.filter(({ payment }) => !own.has(payment))).toEqual([])
})

test('journal and ledger are proved: each transfer, each balance, each payment', async () => {
  expect(await cluster.shardpay('journal', 'verify')).toMatchObject({ problems: [] })
  const proof = await cluster.shardpay('ledger', 'verify')
  expect(proof).toMatchObject({ payments: shop.ids.length + other.ids.length + 1, problem_count: 0 })
  const clearing = (await cluster.shardpay('ledger', 'clearing')) as {
    readonly accounts?: readonly { readonly account: string }[]
  }
  expect(new Set(clearing.accounts?.map(({ account }) => account))).toEqual(
    new Set(['psp_receivable', 'dispute_receivable']),
  )
})
