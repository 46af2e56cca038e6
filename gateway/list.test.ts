/** Lists, balances and the ledger over a read side in memory: what they show, how they page, what they refuse. */
import { describe, expect, it } from 'vitest'
import { operationIdOf, paymentIdOf } from '../domain/ids.ts'
import type { Payment } from '../domain/payment/state.ts'
import { ReadUnavailable } from './read-port.ts'
import { MemoryReads } from './read-testing.ts'
import {
  capturedPayment,
  createdAt,
  done,
  type ErrorBody,
  headersOf,
  idKey,
  merchantId,
  paymentFor,
  refundOf,
  type TestEdge,
  testEdge,
} from './testing.ts'

interface ListBody {
  readonly object: string
  readonly url: string
  readonly has_more: boolean
  readonly data: readonly { readonly id: string; readonly [member: string]: unknown }[]
  readonly next_page: string | null
  readonly as_of: number
}

interface ReadEdge extends TestEdge {
  readonly reads: MemoryReads
}

function readEdge(...states: readonly Payment[]): ReadEdge {
  const reads = new MemoryReads()
  reads.states.push(...states)
  return { ...testEdge({ reads }), reads }
}

async function get<Body = ListBody>({ app }: ReadEdge, url: string): Promise<Body> {
  const response = await app.inject({ url, headers: headersOf() })
  expect([url, response.statusCode, response.body.slice(0, 300)]).toEqual([url, 200, expect.any(String)])
  return response.json<Body>()
}

async function refused({ app }: ReadEdge, url: string): Promise<string> {
  const response = await app.inject({ url, headers: headersOf() })
  const { error } = response.json<ErrorBody>()
  return `${response.statusCode} ${error.code}${error.param === null ? '' : ` ${error.param}`}`
}

/** So many payments, a second apart, the first the oldest. */
function payments(count: number): readonly Payment[] {
  return Array.from({ length: count }, (_, n) => capturedPayment(`p${n}`, { createdAt: createdAt + n * 1_000 }))
}

const ids = ({ data }: ListBody): readonly string[] => data.map(({ id }) => id)

function refundedPayment(key: string, more: Partial<Payment> = {}): Payment {
  const id = paymentIdOf(idKey, merchantId, 'test', key)
  return capturedPayment(key, {
    refunds: [refundOf(id), refundOf(id, { id: operationIdOf('re', id, 2), amountMinor: 100, status: 'accepted' })],
    disputes: [
      {
        id: operationIdOf('dp', id, 1),
        attemptId: operationIdOf('att', id, 1),
        pspReference: 'dp_secret',
        stage: 'chargeback',
        status: 'open',
        amountMinor: 50,
        feeMinor: 15,
        fundsWithdrawn: true,
      },
    ],
    ...more,
  })
}

describe('a list of payments', () => {
  it('shows each as a read of it does, and says as of when', async () => {
    const edge = readEdge(...payments(3))
    const list = await get(edge, '/v1/payments')
    expect(list).toMatchObject({ object: 'list', url: '/v1/payments', has_more: false, next_page: null })
    expect(list.as_of).toBe(edge.reads.asOf)
    for (const [n, item] of list.data.entries()) {
      edge.router.script = () => done(edge.reads.states[2 - n] as Payment)
      expect(item).toEqual(await get(edge, `/v1/payments/${item.id}`))
    }
    expect(JSON.stringify(list)).not.toMatch(/secret|pm_card/)
  })

  it('goes on by ids and by page tokens, both ways, and is the same', async () => {
    const edge = readEdge(...payments(25))
    const all = ids(await get(edge, '/v1/payments?limit=100'))
    expect(all).toEqual(edge.reads.states.map(({ id }) => id).toReversed())
    const first = await get(edge, '/v1/payments')
    expect(ids(first)).toEqual(all.slice(0, 10))
    expect(first.has_more).toBe(true)
    const byToken = await get(edge, `/v1/payments?page=${first.next_page}`)
    expect(ids(byToken)).toEqual(all.slice(10, 20))
    expect(await get(edge, `/v1/payments?starting_after=${all[9]}`)).toEqual(byToken)
    const last = await get(edge, `/v1/payments?page=${byToken.next_page}`)
    expect([ids(last), last.has_more, last.next_page]).toEqual([all.slice(20), false, null])
    const back = await get(edge, `/v1/payments?ending_before=${all[24]}`)
    expect([ids(back), back.has_more]).toEqual([all.slice(14, 24), true])
    expect(ids(await get(edge, `/v1/payments?page=${back.next_page}&limit=100`))).toEqual(all.slice(0, 14))
    expect(ids(await get(edge, `/v1/payments?ending_before=${all[0]}`))).toEqual([])
  })

  it('takes its filters, alone and together', async () => {
    const [a, b, c] = payments(3) as [Payment, Payment, Payment]
    const failed = { ...b, lifecycle: { status: 'failed', failure: { code: 'psp_unavailable' } } } as const
    const edge = readEdge({ ...a, merchantReference: 'order 1' }, failed, { ...c, currency: 'USD' })
    const found = async (query: string): Promise<readonly string[]> => ids(await get(edge, `/v1/payments?${query}`))
    expect(await found('status=failed')).toEqual([b.id])
    expect(await found('currency=usd')).toEqual([c.id])
    expect(await found('merchant_reference=order+1')).toEqual([a.id])
    expect(await found('psp=stripe')).toHaveLength(3)
    expect(await found('psp=adyen&currency=EUR')).toEqual([])
    const second = createdAt / 1_000
    expect(await found(`created[gte]=${second + 1}`)).toEqual([c.id, b.id])
    expect(await found(`created[gt]=${second}&created[lt]=${second + 2}`)).toEqual([b.id])
    expect(await found(`created%5Blte%5D=${second}`)).toEqual([a.id])
    const search = await get(
      edge,
      `/v1/payments/search?query=${encodeURIComponent('status:captured merchant_reference~"order "')}`,
    )
    expect(ids(search)).toEqual([a.id])
    expect(search.url).toBe('/v1/payments/search')
  })

  it('expands what its paths name, from the list on', async () => {
    const edge = readEdge(refundedPayment('k'))
    const { data } = await get(edge, '/v1/payments?expand[]=data.refunds&expand[]=data.latest_attempt')
    expect(data[0]).toMatchObject({ refunds: [{ object: 'refund' }, {}], latest_attempt: { object: 'attempt' } })
    const refunds = await get(edge, '/v1/refunds?expand[]=data.payment.captures')
    expect(refunds.data[0]).toMatchObject({ payment: { object: 'payment', captures: [{ object: 'capture' }] } })
  })
})

describe('refunds and disputes', () => {
  it('are listed over all payments or of one, each as a read of it shows it', async () => {
    const [a, b] = [refundedPayment('a'), refundedPayment('b')]
    const edge = readEdge(a, b)
    expect((await get(edge, '/v1/refunds')).data).toHaveLength(4)
    const ofOne = await get(edge, `/v1/refunds?payment=${a.id}&limit=1`)
    expect([ids(ofOne), ofOne.has_more]).toEqual([[operationIdOf('re', a.id, 2)], true])
    expect(ids(await get(edge, `/v1/refunds?payment=${a.id}&page=${ofOne.next_page}`))).toEqual([
      operationIdOf('re', a.id, 1),
    ])
    const disputes = await get(edge, `/v1/disputes?payment=${b.id}`)
    edge.router.script = () => done(b)
    expect(disputes.data).toEqual([await get(edge, `/v1/disputes/${operationIdOf('dp', b.id, 1)}`)])
    expect(await refused(edge, `/v1/disputes/${operationIdOf('dp', b.id, 2)}`)).toBe('404 dispute_not_found')
    expect(await refused(edge, `/v1/disputes/${operationIdOf('re', b.id, 1)}`)).toBe('400 id_format id')
  })
})

describe('the balance and the ledger', () => {
  it('add up: what is payable is what became of it', async () => {
    const edge = readEdge(refundedPayment('a'), refundedPayment('b', { currency: 'USD' }), paymentFor('c'))
    const balance = await get<{ currencies: readonly Record<string, number | string>[] }>(edge, '/v1/balance')
    const expected = {
      ...{ available: 0, pending: 535, disputed: 50, fees: 15, other: 0, payable: 600 },
      ...{ pending_captures: 0, pending_refunds: 100, authorized: 0 },
    }
    expect(balance).toEqual({
      object: 'balance',
      currencies: [
        { currency: 'eur', ...expected },
        { currency: 'usd', ...expected },
      ],
      livemode: false,
      as_of: edge.reads.asOf,
    })
  })

  it('writes sums exactly that are beyond what a double holds', async () => {
    const edge = readEdge(capturedPayment('a'))
    edge.reads.balances = () =>
      Promise.resolve({
        accounts: [
          {
            connection: 'x',
            currency: 'EUR',
            account: 'psp_receivable',
            debited: 9_007_199_254_740_993n,
            credited: 0n,
            pendingDebit: 0n,
            pendingCredit: 0n,
          },
        ],
        asOf: 1,
      })
    const { body } = await edge.app.inject({ url: '/v1/balance', headers: headersOf() })
    expect(body).toContain('"pending":9007199254740993,')
  })

  it('lists accounts in order of id, and of each what was booked on it', async () => {
    const edge = readEdge(refundedPayment('a'))
    const accounts = await get(edge, '/v1/ledger/accounts')
    expect(accounts.data.map(({ id, balance }) => [id, balance])).toEqual([
      ['acc_stripe-test.eur.dispute_fees', 15],
      ['acc_stripe-test.eur.dispute_receivable', 50],
      ['acc_stripe-test.eur.merchant_payable', -600],
      ['acc_stripe-test.eur.psp_receivable', 535],
    ])
    expect(ids(await get(edge, '/v1/ledger/accounts?limit=2&starting_after=acc_stripe-test.eur.dispute_fees'))).toEqual(
      ['acc_stripe-test.eur.dispute_receivable', 'acc_stripe-test.eur.merchant_payable'],
    )
    for (const { id, debits, credits } of accounts.data) {
      const { data } = await get(edge, `/v1/ledger/accounts/${id}/entries?limit=100`)
      const posted = data.filter(({ phase }) => phase === 'posted')
      const sum = (side: 'debit' | 'credit'): number =>
        posted.filter((entry) => entry[side] === id).reduce((total, { amount }) => total + Number(amount), 0)
      expect([id, sum('debit'), sum('credit')]).toEqual([id, debits, credits])
    }
    expect(ids(await get(edge, '/v1/ledger/accounts/acc_.eur.suspense/entries'))).toEqual([])
  })

  it('lists what a payment did to the books, page after page, by ids and tokens', async () => {
    const state = refundedPayment('a')
    const edge = readEdge(state, refundedPayment('b'))
    edge.router.script = () => done(state)
    const url = `/v1/payments/${state.id}/ledger_entries`
    const all = await get(edge, url)
    expect(all.data.length).toBeGreaterThan(4)
    expect(new Set(all.data.map(({ payment }) => payment))).toEqual(new Set([state.id]))
    expect(all.data[0]).toMatchObject({ object: 'ledger_entry', currency: 'eur', livemode: false })
    const first = await get(edge, `${url}?limit=2`)
    expect(await get(edge, `${url}?page=${first.next_page}`)).toEqual(
      await get(edge, `${url}?starting_after=${ids(first)[1]}`),
    )
    expect(ids(await get(edge, `${url}?page=${first.next_page}`))).toEqual(ids(all).slice(2))
    expect(ids(all).join(' ')).not.toContain(state.id.slice(4))
  })
})

describe('where the read side is away', () => {
  it('says so, and when to come back; payments are read by their ids meanwhile', async () => {
    const [state] = payments(1) as [Payment]
    const edge = readEdge(state)
    edge.reads.broken = new ReadUnavailable('postgres://user:secret@db')
    edge.router.script = () => done(state)
    for (const url of [
      '/v1/payments',
      '/v1/payments/search?query=status:failed',
      '/v1/refunds',
      '/v1/disputes',
      '/v1/balance',
      '/v1/ledger/accounts',
      '/v1/ledger/accounts/acc_x.eur.losses/entries',
      `/v1/payments/${state.id}/ledger_entries`,
      `/v1/payments?starting_after=${state.id}`,
    ]) {
      const response = await edge.app.inject({ url, headers: headersOf() })
      expect([url, response.statusCode, response.headers['retry-after']]).toEqual([url, 503, '1'])
      expect(response.json()).toMatchObject({ error: { code: 'read_unavailable', retryable: true } })
      expect(response.body).not.toContain('secret')
    }
    expect(await get<object>(edge, `/v1/payments/${state.id}`)).toMatchObject({ id: state.id })
    const without = await testEdge().app.inject({ url: '/v1/payments', headers: headersOf() })
    expect(without.json<ErrorBody>().error.code).toBe('read_unavailable')
  })

  it('another failure is ours, and another merchant’s row never leaves', async () => {
    const [state] = payments(1) as [Payment]
    const edge = readEdge(state)
    edge.reads.broken = new TypeError('x')
    expect(await refused(edge, '/v1/payments')).toBe('500 internal_error')
    edge.reads.broken = undefined
    const place = { at: 1, id: state.id }
    edge.reads.payments = () =>
      Promise.resolve({ items: [{ item: { ...state, merchant: 'mer_b' }, place }], hasMore: false, asOf: 1 })
    expect(await refused(edge, '/v1/payments')).toBe('500 internal_error')
  })
})
