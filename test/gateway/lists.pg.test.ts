/**
 * Lists, balance and ledger over a whole node and Postgres: what was decided reaches the read side by the owner's own
 * projector, and merchants read it through the role that sees their rows alone.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createEffectRunner } from '../../actors/effect-runner.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import { paymentKind } from '../../actors/payment-kind.ts'
import { createMerchantReads } from '../../bin/merchant-reads.ts'
import { shardCount } from '../../domain/ids.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import { buildApp } from '../../gateway/app.ts'
import { FakeDirectory, idKey, keySecret, merchantWith, testSecret } from '../../gateway/testing.ts'
import { MerchantQueries } from '../../persistence/queries.ts'
import { scriptedConnector } from '../../psp/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import { answerByToken, otherMerchantId, otherSecret } from '../support/edge-over-host.ts'
import { type StartedJournal, startJournal } from '../support/started-journal.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

interface ListBody {
  readonly data: readonly { readonly id: string; readonly [member: string]: unknown }[]
  readonly next_page: string | null
  readonly as_of: number
}

let database: TestDatabase
let started: StartedJournal
let host: Host
let queries: MerchantQueries
let app: FastifyInstance
const troubles: unknown[] = []
let requests = 0

beforeAll(async () => {
  database = await createTestDatabase()
  started = await startJournal({ databaseUrl: database.url, node: 'node-1', incarnation: 'i1' })
  const psp = scriptedConnector({ connection: 'scripted', clock: systemClock, answer: answerByToken })
  const routes = [{ connection: 'scripted', mode: 'test' }] as const
  const directory = new FakeDirectory()
  directory.merchants.push(
    merchantWith([testSecret], { routes, rateTier: 'development' }),
    merchantWith([otherSecret], { routes, rateTier: 'development', id: otherMerchantId }),
  )
  const runEffect = createEffectRunner(new Map([['scripted', psp]]), systemClock, {
    called: () => undefined,
    broken: (_connection, error) => troubles.push(error),
  })
  host = new Host({
    name: 'listspg',
    kinds: [
      paymentKind({
        directory,
        connections: new Map([['scripted', psp.profile]]),
        random: systemRandom,
        returnUrlBase: () => 'https://pay.example/v1/return',
      }),
    ],
    journal: started.journal,
    clock: systemClock,
    random: systemRandom,
    limits: defaultHostLimits,
    observer: {
      trouble: (what, error) => troubles.push(what, error),
      shardLost: () => undefined,
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
  await host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
  queries = new MerchantQueries([{ first: 0, last: shardCount - 1, url: database.url }], systemClock)
  app = buildApp({
    router: host,
    directory,
    reads: createMerchantReads(queries),
    idKey,
    keySecret,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    readiness: () => ({ ready: true, reasons: [] }),
  })
})

afterAll(async () => {
  await app.close()
  await host.stop()
  await queries.close()
  await started.leases.close()
  await database.drop()
  expect(troubles).toEqual([])
})

function send(url: string, body?: object, secret = testSecret): Promise<LightMyRequestResponse> {
  const headers = { authorization: `Bearer ${secret}`, 'idempotency-key': `request-${++requests}` }
  if (body === undefined) return app.inject({ url, headers: { authorization: headers.authorization } })
  return app.inject({ method: 'POST', url, headers, payload: body })
}

async function created<Answer = { id: string }>(url: string, body: object, secret?: string): Promise<Answer> {
  const response = await send(url, body, secret)
  expect([response.statusCode, response.body.slice(0, 200)]).toEqual([201, expect.any(String)])
  return response.json<Answer>()
}

/** The answer as soon as it knows what was decided until now. */
async function read<Answer extends { readonly as_of: number }>(url: string, secret?: string): Promise<Answer> {
  const asked = Date.now()
  for (;;) {
    const response = await send(url, undefined, secret)
    expect([url, response.statusCode, response.body.slice(0, 200)]).toEqual([url, 200, expect.any(String)])
    const answer = response.json<Answer>()
    if (answer.as_of >= asked) return answer
    await pause(20)
  }
}

const card = { currency: 'eur', payment_method: 'pm_card_visa' }

it('a payment captured and partly refunded is listed as a read shows it, and its books add up', async () => {
  const full = {
    ...card,
    description: 'tea',
    customer: 'cus_1',
    merchant_reference: 'order 1',
    metadata: { basket: 'b-17' },
  }
  const { id } = await created('/v1/payments', { ...full, amount: 1_000 })
  const refund = await created(`/v1/payments/${id}/refunds`, { amount: 400 })
  const [declined, usd] = await Promise.all([
    send('/v1/payments', { ...card, amount: 7, payment_method: 'pm_declined' }),
    created('/v1/payments', { ...card, amount: 50, currency: 'usd', capture_method: 'manual' }),
  ])
  await created('/v1/payments', { ...card, amount: 9_999 }, otherSecret)
  expect(declined.statusCode).toBe(402)

  const list = await read<ListBody>('/v1/payments?limit=2')
  const rest = await read<ListBody>(`/v1/payments?limit=2&page=${list.next_page}`)
  expect([...list.data, ...rest.data]).toHaveLength(3)
  for (const item of [...list.data, ...rest.data]) expect(item).toEqual((await send(`/v1/payments/${item.id}`)).json())
  expect((await read<ListBody>('/v1/payments?status=authorized')).data.map((item) => item.id)).toEqual([usd.id])
  const search = await read<ListBody>(
    '/v1/payments/search?query=merchant_reference~%22order%20%22%20amount>=1000&expand[]=data.refunds',
  )
  expect(search.data).toMatchObject([{ id, customer: 'cus_1', refunds: [{ id: refund.id, amount: 400 }] }])
  expect((await read<ListBody>(`/v1/refunds?payment=${id}`)).data).toEqual([
    (await send(`/v1/refunds/${refund.id}`)).json(),
  ])

  const { currencies } = await read<{ as_of: number; currencies: object[] }>('/v1/balance')
  expect(currencies).toMatchObject([
    { currency: 'eur', available: 0, pending: 600, payable: 600, pending_refunds: 0, authorized: 0 },
    { currency: 'usd', pending: 0, payable: 0, authorized: 50 },
  ])
  const accounts = await read<ListBody>('/v1/ledger/accounts?limit=100')
  for (const account of accounts.data) {
    const entries = await read<ListBody>(`/v1/ledger/accounts/${account.id}/entries?limit=100`)
    const posted = entries.data.filter(({ phase }) => phase === 'posted')
    const sum = (side: 'debit' | 'credit'): number =>
      posted.filter((entry) => entry[side] === account.id).reduce((total, { amount }) => total + Number(amount), 0)
    expect([account.id, sum('debit'), sum('credit')]).toEqual([account.id, account['debits'], account['credits']])
  }
  const books = await read<ListBody>(`/v1/payments/${id}/ledger_entries?limit=100`)
  const receivable = 'acc_scripted.eur.psp_receivable'
  const moved = books.data
    .filter(({ phase, debit, credit }) => phase === 'posted' && [debit, credit].includes(receivable))
    .map(({ debit, amount }) => (debit === receivable ? Number(amount) : -Number(amount)))
  expect(moved).toEqual([-400, 1_000])
  const others = await read<ListBody>('/v1/payments', otherSecret)
  expect(others.data.map(({ amount }) => amount)).toEqual([9_999])
})

it('walking back from any item by its id, and on by tokens, sees each once', async () => {
  const before = (await read<ListBody>('/v1/payments?limit=100')).data.length
  await Promise.all(Array.from({ length: 25 }, (_, n) => created('/v1/payments', { ...card, amount: 100 + n })))
  const all = (await read<ListBody>('/v1/payments?limit=100')).data.map(({ id }) => id)
  expect(all).toHaveLength(before + 25)
  const walked: string[] = []
  let page = await read<ListBody>(`/v1/payments?limit=4&ending_before=${all.at(-1)}`)
  for (;;) {
    walked.unshift(...page.data.map(({ id }) => id))
    if (page.next_page === null) break
    page = await read<ListBody>(`/v1/payments?limit=4&page=${page.next_page}`)
  }
  expect(walked).toEqual(all.slice(0, -1))
  const ofOthers = await send(`/v1/payments?starting_after=${all[3]}`, undefined, otherSecret)
  expect(ofOthers.statusCode).toBe(400)
})
