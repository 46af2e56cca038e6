/** What lists, search, the balance and the ledger answer to queries that are wrong: the same in both modes. */
import { beforeAll, describe, expect, it } from 'vitest'
import { operationIdOf, paymentIdOf } from '../domain/ids.ts'
import type { Payment } from '../domain/payment/state.ts'
import { MemoryReads } from './read-testing.ts'
import {
  capturedPayment,
  createdAt,
  type ErrorBody,
  headersOf,
  idKey,
  liveSecret,
  merchantId,
  merchantWith,
  type TestEdge,
  testEdge,
  testSecret,
} from './testing.ts'

const modes = ['test', 'live'] as const
type Mode = (typeof modes)[number]

const lists = [
  '/v1/payments',
  '/v1/refunds',
  '/v1/disputes',
  '/v1/ledger/accounts',
  '/v1/ledger/accounts/acc_x.eur.losses/entries',
]
const somebody = 'mer_b'
const theirSecret = 'sk_test_o1P2q3R4s5T6u7V8'

let edge: TestEdge
/** Of the merchant in both modes, and of another one. */
let states: readonly Payment[]

beforeAll(() => {
  const reads = new MemoryReads()
  for (const mode of modes) {
    for (let n = 0; n < 3; n += 1) {
      const id = paymentIdOf(idKey, merchantId, mode, `p${n}`)
      reads.states.push(capturedPayment(`p${n}`, { id, mode, createdAt: createdAt + n * 1_000 }))
    }
  }
  reads.states.push(
    capturedPayment('theirs', { id: paymentIdOf(idKey, somebody, 'test', 'theirs'), merchant: somebody }),
  )
  ;({ states } = reads)
  edge = testEdge({ reads })
  edge.directory.merchants = [
    merchantWith([testSecret, liveSecret], { rateTier: 'development' }),
    merchantWith([theirSecret], { rateTier: 'development', id: somebody }),
  ]
})

const of = (mode: Mode): readonly Payment[] =>
  states.filter((state) => state.merchant === merchantId && state.mode === mode)

const secretOf = (mode: Mode): string => (mode === 'test' ? testSecret : liveSecret)

function ask(url: string, secret: string) {
  return edge.app.inject({ url, headers: headersOf(undefined, { authorization: `Bearer ${secret}` }) })
}

/** Status, code and parameter. */
async function refusal(url: string, secret: string): Promise<string> {
  const response = await ask(url, secret)
  const { error } = response.json<Partial<ErrorBody>>()
  return error === undefined
    ? String(response.statusCode)
    : `${response.statusCode} ${error.code} ${error.param ?? ''}`.trim()
}

/** What both modes answer; both where they differ. */
async function inBothModes(url: string): Promise<string> {
  const [test, live] = [await refusal(url, testSecret), await refusal(url, liveSecret)]
  return test === live ? test : `test: ${test}, live: ${live}`
}

interface ListBody {
  readonly data: readonly { readonly id: string }[]
  readonly next_page: string | null
}

async function list(url: string, mode: Mode): Promise<ListBody> {
  const response = await ask(url, secretOf(mode))
  expect([url, response.statusCode, response.body.slice(0, 200)]).toEqual([url, 200, expect.any(String)])
  return response.json<ListBody>()
}

describe.each(lists)('%s', (url) => {
  it.each(['0', '-1', '101', '1e9', '10.0', '+5', '%205', '0x10', '٣', 'abc', '', '99999999999999999999', '1&limit=2'])(
    'B39 limit=%s is none',
    async (limit) => {
      expect(await inBothModes(`${url}?limit=${limit}`)).toBe('400 parameter_invalid limit')
    },
  )

  it('B71 a cursor that names nothing of the list, and two at once, are no place', async () => {
    const another = paymentIdOf(idKey, somebody, 'test', 'theirs')
    for (const cursor of [
      another,
      operationIdOf('re', another, 1),
      'pay_1',
      'x'.repeat(256),
      '%00',
      'le_AAAA',
      'acc_',
    ]) {
      expect(await inBothModes(`${url}?starting_after=${cursor}`)).toBe('400 parameter_invalid starting_after')
      expect(await inBothModes(`${url}?ending_before=${cursor}`)).toBe('400 parameter_invalid ending_before')
    }
    for (const [query, param] of [
      ['starting_after=', 'starting_after'],
      [`starting_after=${'x'.repeat(257)}`, 'starting_after'],
      ['starting_after=a&starting_after=b', 'starting_after'],
      ['starting_after=a&ending_before=b', 'ending_before'],
      ['page=a&starting_after=b', 'starting_after'],
    ]) {
      expect(await inBothModes(`${url}?${query}`)).toBe(`400 parameter_invalid ${param}`)
    }
  })

  it('B72 a page token that nobody gave is no page', async () => {
    for (const token of ['', 'AAAA', 'a&page=b', '%00', 'A'.repeat(200), 'A'.repeat(257)]) {
      expect(await inBothModes(`${url}?page=${token}`)).toBe('400 parameter_invalid page')
    }
  })

  it('B74 a parameter that does not exist is none', async () => {
    for (const name of ['before', '__proto__', 'limit[]', 'limit[gte]', 'Limit', 'merchant', 'live']) {
      expect(await inBothModes(`${url}?${name}=1`)).toBe(`400 unknown_field ${name}`)
    }
  })
})

it('B71 the payment of the other mode is as unknown as another merchant’s', async () => {
  for (const [mode, otherMode] of [modes, modes.toReversed()] as [Mode, Mode][]) {
    const [own, foreign] = [of(mode)[1], of(otherMode)[1]]
    expect((await list(`/v1/payments?starting_after=${own?.id}`, mode)).data).toHaveLength(1)
    expect(await refusal(`/v1/payments?starting_after=${foreign?.id}`, secretOf(mode))).toBe(
      '400 parameter_invalid starting_after',
    )
  }
})

it('B72 a page token that was changed, or of another list, filter, mode or merchant, is no page', async () => {
  const { next_page: token } = await list('/v1/payments?limit=1&status=captured', 'test')
  expect((await list(`/v1/payments?status=captured&page=${token}`, 'test')).data).toHaveLength(2)
  for (const url of [
    `/v1/payments?status=failed&page=${token}`,
    `/v1/payments?page=${token}`,
    `/v1/payments/search?query=status:captured&page=${token}`,
    `/v1/refunds?page=${token}`,
    `/v1/ledger/accounts?page=${token}`,
    `/v1/payments?status=captured&page=${token}A`,
    `/v1/payments?status=captured&page=${token?.toLowerCase()}`,
    `/v1/payments?status=captured&page=${token?.slice(0, -1)}`,
  ]) {
    expect([url, await refusal(url, testSecret)]).toEqual([url, '400 parameter_invalid page'])
  }
  const own = `/v1/payments?status=captured&page=${token}`
  expect(await refusal(own, liveSecret)).toBe('400 parameter_invalid page')
  expect(await refusal(own, theirSecret)).toBe('400 parameter_invalid page')
})

it.each([
  ['/v1/payments?expand[]=refunds', '400 parameter_invalid expand'],
  ['/v1/payments?expand[]=data.nothing', '400 parameter_invalid expand'],
  ['/v1/payments?expand[]=data.constructor', '400 parameter_invalid expand'],
  ['/v1/payments?expand[]=data.refunds.payment.refunds.payment', '400 parameter_invalid expand'],
  ['/v1/payments?expand[]=data..refunds', '400 parameter_invalid expand'],
  ['/v1/payments?expand[]=', '400 parameter_invalid expand'],
  ['/v1/payments/search?query=status:failed&expand[]=data.nothing', '400 parameter_invalid expand'],
  ['/v1/refunds?expand[]=data.payment.refunds.payment', '400 parameter_invalid expand'],
  ['/v1/disputes?expand[]=data.payment', '400 unknown_field expand[]'],
  ['/v1/balance?expand[]=currencies', '400 unknown_field expand[]'],
  ['/v1/ledger/accounts?expand[]=data', '400 unknown_field expand[]'],
])('B73 paths to expand: %s: %s', async (url, answer) => {
  expect(await inBothModes(url)).toBe(answer)
})

it.each([
  ['/v1/payments?status=paid', '400 parameter_invalid status'],
  ['/v1/payments?status=Captured', '400 parameter_invalid status'],
  ['/v1/payments?status=failed&status=captured', '400 parameter_invalid status'],
  ['/v1/payments?currency=euro', '400 parameter_invalid currency'],
  ['/v1/payments?currency=%E2%82%AC%E2%82%AC%E2%82%AC', '400 parameter_invalid currency'],
  ['/v1/payments?psp=Stripe%20', '400 parameter_invalid psp'],
  ['/v1/payments?merchant_reference=', '400 parameter_invalid merchant_reference'],
  ['/v1/payments?merchant_reference=a%00b', '400 parameter_invalid merchant_reference'],
  [`/v1/payments?merchant_reference=${'x'.repeat(101)}`, '400 parameter_invalid merchant_reference'],
  ['/v1/payments?created[gte]=yesterday', '400 parameter_invalid created[gte]'],
  ['/v1/payments?created[gte]=', '400 parameter_invalid created[gte]'],
  ['/v1/payments?created[gte]=1.5', '400 parameter_invalid created[gte]'],
  ['/v1/payments?created[gte]=1793750400000', '400 parameter_invalid created[gte]'],
  ['/v1/payments?created[gte]=1&created[gte]=2', '400 parameter_invalid created[gte]'],
  ['/v1/payments?created[lt]=-1', '400 parameter_invalid created[lt]'],
  ['/v1/payments?created[lt]=253402300800', '400 parameter_invalid created[lt]'],
  ['/v1/payments?created=1', '400 unknown_field created'],
  ['/v1/payments?created[foo]=1', '400 unknown_field created[foo]'],
  ['/v1/payments?payment=pay_1', '400 unknown_field payment'],
  ['/v1/refunds?payment=pay_1', '400 id_format payment'],
  ['/v1/refunds?status=succeeded', '400 unknown_field status'],
  ['/v1/disputes?payment=', '400 id_format payment'],
  ['/v1/balance?currency=eur', '400 unknown_field currency'],
  ['/v1/ledger/accounts?currency=eur', '400 unknown_field currency'],
  ['/v1/ledger/accounts/psp_receivable/entries', '400 id_format id'],
  ['/v1/ledger/accounts/acc_x.eur.nothing/entries', '400 id_format id'],
  ['/v1/ledger/accounts/acc_x.EUR.losses/entries', '400 id_format id'],
  ['/v1/ledger/accounts/acc_x.eur.__proto__/entries', '400 id_format id'],
  ['/v1/payments/pay_1/ledger_entries', '400 id_format id'],
])('B74 filters: %s: %s', async (url, answer) => {
  expect(await inBothModes(url)).toBe(answer)
})

it.each([
  ['', '400 parameter_missing query'],
  ['?query=', '400 parameter_invalid query'],
  ['?query=paid', '400 parameter_invalid query'],
  ['?query=status:paid', '400 parameter_invalid query'],
  ['?query=status:failed+OR+status:captured', '400 parameter_invalid query'],
  ['?query=amount:ten', '400 parameter_invalid query'],
  ['?query=amount:9007199254740993', '400 parameter_invalid query'],
  ['?query=merchant_reference:%22open', '400 parameter_invalid query'],
  ['?query=merchant_reference:a%00', '400 parameter_invalid query'],
  ['?query=constructor:x', '400 parameter_invalid query'],
  ['?query=status:failed&query=status:captured', '400 parameter_invalid query'],
  [`?query=${'a'.repeat(501)}`, '400 parameter_invalid query'],
  ['?query=status:failed&starting_after=x', '400 unknown_field starting_after'],
  ['?query=status:failed&status=failed', '400 unknown_field status'],
])('B75 a search that is none: %s: %s', async (query, answer) => {
  expect(await inBothModes(`/v1/payments/search${query}`)).toBe(answer)
})

it('B76 a filter by what is another’s, or that nothing can pass, finds nothing, as one by what nobody has', async () => {
  const nobodys = paymentIdOf(Buffer.alloc(32, 1), 'mer_nobody', 'test', 'x')
  const theirs = paymentIdOf(idKey, somebody, 'test', 'theirs')
  for (const mode of modes) {
    const another = of(mode === 'test' ? 'live' : 'test')[0]?.id
    for (const id of [theirs, another, nobodys]) {
      for (const name of ['refunds', 'disputes'])
        expect((await list(`/v1/${name}?payment=${id}`, mode)).data).toEqual([])
    }
    for (const query of [
      'created[gte]=20&created[lt]=10',
      'psp=nobody',
      'currency=xyz',
      'merchant_reference=%27%20OR%201=1--',
      `merchant_reference=${encodeURIComponent('%')}`,
    ]) {
      expect([query, (await list(`/v1/payments?${query}`, mode)).data]).toEqual([query, []])
    }
    expect((await list('/v1/ledger/accounts/acc_nobody.eur.losses/entries', mode)).data).toEqual([])
  }
})
