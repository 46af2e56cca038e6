/**
 * Who may do what, for every operation of the API's document: other merchants' objects, scopes of keys, and what an answer
 * gives away. The operations come from the document, so a new one is in here from its first day.
 */
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { allScopes, type Scope } from '../../gateway/api-key.ts'
import { ProblemSchema } from '../../gateway/problem-schema.ts'
import {
  capturedPayment,
  done,
  FakeRouter,
  headersOf,
  liveSecret,
  merchantWith,
  testEdge,
  testSecret,
} from '../../gateway/testing.ts'
import { createLog } from '../../runtime/log.ts'
import { type EdgeOverHost, edgeOverHost, methods, otherSecret } from '../support/edge-over-host.ts'
import { openDispute } from '../support/edge-reads.ts'

const card = { amount: 1_000, currency: 'eur', payment_method: methods.card }

/** Permanent: what a key of these scopes may do is a promise to whoever made it. */
const scopes: Readonly<Record<string, Scope | undefined>> = {
  createPayment: 'payments:write',
  getPayment: 'payments:read',
  confirmPayment: 'payments:write',
  authorizePayment: 'payments:write',
  capturePayment: 'payments:write',
  cancelPayment: 'payments:write',
  listAttempts: 'payments:read',
  listEvents: 'payments:read',
  refundPayment: 'refunds:write',
  createRefund: 'refunds:write',
  getRefund: 'payments:read',
  listPayments: 'payments:read',
  searchPayments: 'payments:read',
  listRefunds: 'payments:read',
  listDisputes: 'payments:read',
  getDispute: 'payments:read',
  getBalance: 'payments:read',
  listLedgerAccounts: 'payments:read',
  listAccountEntries: 'payments:read',
  listPaymentEntries: 'payments:read',
  getLiveness: undefined,
  getReadiness: undefined,
}

interface Operation {
  readonly operationId: string
  readonly method: 'GET' | 'POST'
  readonly path: string
}

let edge: EdgeOverHost
let operations: readonly Operation[]
let payment: string
let refund: string
let dispute: string

beforeAll(async () => {
  edge = await edgeOverHost()
  const { paths } = (await edge.app.inject('/v1/openapi.json')).json<{
    paths: Record<string, Record<string, { operationId: string }>>
  }>()
  operations = Object.entries(paths).flatMap(([path, ofPath]) =>
    Object.entries(ofPath).map(([method, { operationId }]) => ({
      operationId,
      method: method.toUpperCase() as Operation['method'],
      path,
    })),
  )
  payment = (await edge.send('/v1/payments', { key: 'k', body: card })).json<{ id: string }>().id
  refund = (await edge.send('/v1/refunds', { key: 'r', body: { payment, amount: 1 } })).json<{ id: string }>().id
  await openDispute(edge, payment, 10)
  dispute = `dp_${payment.slice(4)}_1`
})

afterAll(() => edge.close())

interface Ids {
  readonly payment: string
  readonly refund: string
  readonly dispute: string
  readonly account: string
}

/** What `{id}` stands for where it is no payment. */
const idsOf: Readonly<Record<string, keyof Ids>> = {
  getRefund: 'refund',
  getDispute: 'dispute',
  listAccountEntries: 'account',
}
const account = 'acc_scripted.eur.psp_receivable'

/** A request that would be accepted, were it the right merchant's. */
function request(operation: Operation, ids: Ids, secret: string, key = 'x') {
  const { operationId } = operation
  const id = ids[idsOf[operationId] ?? 'payment']
  const query = operationId === 'searchPayments' ? '?query=amount>0' : ''
  const path = `${operation.path.replace('{id}', id)}${query}`
  const body =
    operation.operationId === 'createRefund'
      ? { payment: ids.payment, amount: 1 }
      : operation.operationId === 'createPayment'
        ? card
        : {}
  return edge.send(path, { secret, ...(operation.method === 'POST' && { key, body }) })
}

function own(): Ids {
  return { payment, refund, dispute, account }
}

const isAboutAnObject = ({ path, operationId }: Operation): boolean =>
  (path.includes('{id}') && operationId !== 'listAccountEntries') || operationId === 'createRefund'

/** What a caller sees of its own without naming an object of it. */
const isList = (operation: Operation): boolean =>
  operation.method === 'GET' && scopes[operation.operationId] !== undefined && !isAboutAnObject(operation)

describe('B38 S1 another merchant’s object, and one’s own of the other mode', () => {
  it('is not there, for every operation: the same answer as for an id that nobody has', async () => {
    const nobodys = 'pay_7zzzzzzzzzzzzzzzzzzzzzzzz0'
    const absent = {
      payment: nobodys,
      refund: `re_${nobodys.slice(4)}_1`,
      dispute: `dp_${nobodys.slice(4)}_1`,
      account,
    }
    const about = operations.filter(isAboutAnObject)
    expect(about).toHaveLength(12)
    const calls = edge.psp.calls.length
    for (const operation of about) {
      for (const secret of [otherSecret, liveSecret]) {
        const foreign = await request(operation, own(), secret)
        const unknown = await request(operation, absent, secret)
        expect([operation.operationId, foreign.statusCode, unknown.statusCode]).toEqual([
          operation.operationId,
          404,
          404,
        ])
        const told = (response: typeof foreign): string =>
          response.body
            .replaceAll(payment, '<id>')
            .replaceAll(nobodys, '<id>')
            .replace(/req_[0-9a-f]+/, '<request>')
        expect(told(foreign)).toBe(told(unknown))
        expect(told(foreign)).toContain('"payment_not_found"')
        const names = (response: typeof foreign): string[] => Object.keys(response.headers)
        expect(names(foreign)).toEqual(names(unknown))
      }
    }
    expect(edge.psp.calls.length).toBe(calls)
  })

  it('is in no list, balance or book: those of others are as if it did not exist, whatever they filter by', async () => {
    const lists = operations.filter(isList)
    expect(lists.map(({ operationId }) => operationId)).toEqual([
      'listPayments',
      'searchPayments',
      'listRefunds',
      'listDisputes',
      'getBalance',
      'listLedgerAccounts',
      'listAccountEntries',
    ])
    for (const operation of lists) {
      const items = async (secret: string): Promise<unknown[]> => {
        const response = await request(operation, own(), secret)
        expect([operation.operationId, response.statusCode]).toEqual([operation.operationId, 200])
        const { data, currencies } = response.json<{ data?: unknown[]; currencies?: unknown[] }>()
        return data ?? currencies ?? []
      }
      expect(await items(testSecret)).not.toEqual([])
      for (const secret of [otherSecret, liveSecret]) expect(await items(secret)).toEqual([])
    }
    for (const [url, id] of [
      ['/v1/payments', payment],
      ['/v1/refunds', refund],
      ['/v1/disputes', dispute],
    ] as const) {
      for (const name of ['starting_after', 'ending_before']) {
        const foreign = await edge.send(`${url}?${name}=${id}`, { secret: otherSecret })
        const unknown = await edge.send(`${url}?${name}=${id.slice(0, -3)}zz0`, { secret: otherSecret })
        expect([foreign.statusCode, foreign.json<{ error: { code: string } }>().error.code]).toEqual([
          400,
          'parameter_invalid',
        ])
        expect(foreign.body.replace(/req_[0-9a-f]+/, '')).toBe(unknown.body.replace(/req_[0-9a-f]+/, ''))
      }
      if (url === '/v1/payments') continue
      const ofPayment = await edge.send(`${url}?payment=${payment}`, { secret: otherSecret })
      expect(ofPayment.json()).toMatchObject({ data: [], has_more: false })
    }
  })

  it('S31 costs the same work to find as to miss: one read of the journal where it is not in memory', async () => {
    const first = await edgeOverHost()
    const id = (await first.send('/v1/payments', { key: 'k', body: card })).json<{ id: string }>().id
    await first.close()
    const cold = await edgeOverHost({ database: first.database, clock: first.clock })
    try {
      const load = vi.spyOn(cold.journal, 'load')
      const prove = vi.spyOn(cold.journal, 'proveOwnership')
      const work: number[][] = []
      for (const asked of [id, 'pay_7zzzzzzzzzzzzzzzzzzzzzzzz0']) {
        load.mockClear()
        prove.mockClear()
        expect((await cold.send(`/v1/payments/${asked}`, { secret: otherSecret })).statusCode).toBe(404)
        work.push([load.mock.calls.length, prove.mock.calls.length])
      }
      expect(work[0]).toEqual(work[1])
      expect(work[0]).toEqual([1, 1])
    } finally {
      await cold.close()
    }
  })

  it('is never shown by an answer that went astray: the edge looks at whose it is', async () => {
    const { app, router } = testEdge()
    const state = { ...capturedPayment('k1'), merchant: 'mer_other' }
    router.script = () => done(state)
    const response = await app.inject({ url: `/v1/payments/${state.id}`, headers: headersOf() })
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toContain('mer_other')
  })
})

describe('S3 scopes', () => {
  it('are asked for by every operation, each one scope; the service’s own ask for none', async () => {
    expect(new Set(operations.map(({ operationId }) => operationId))).toEqual(new Set(Object.keys(scopes)))
    for (const operation of operations) {
      const withoutKey = await edge.app.inject({
        method: operation.method,
        url: operation.path.replace('{id}', payment),
      })
      const needed = scopes[operation.operationId]
      expect([operation.operationId, withoutKey.statusCode]).toEqual([
        operation.operationId,
        needed === undefined ? 200 : 401,
      ])
    }
  })

  it('open what they say and nothing else: every set of scopes at every operation', async () => {
    const sets = Array.from({ length: 2 ** allScopes.length }, (_, bits) =>
      allScopes.filter((_scope, n) => bits & (1 << n)),
    )
    let asked = 0
    for (const [n, set] of sets.entries()) {
      const [merchant] = edge.directory.merchants
      if (merchant === undefined) throw new Error('there is a merchant')
      const secret = `sk_test_scopes0scopes0scopes${n}`
      const limited = merchantWith([testSecret, liveSecret], merchant)
      const [key] = merchantWith([secret], {}, { scopes: set }).keys
      edge.directory.merchants[0] = { ...limited, keys: [...limited.keys, ...(key === undefined ? [] : [key])] }
      for (const operation of operations) {
        const needed = scopes[operation.operationId]
        if (needed === undefined) continue
        const response = await request(operation, own(), secret, `scopes-${n}-${operation.operationId}`)
        asked += 1
        if (set.includes(needed)) expect([200, 201, 409]).toContain(response.statusCode)
        else {
          expect(response.statusCode).toBe(403)
          expect(response.json()).toMatchObject({
            error: {
              type: 'permission_error',
              code: 'scope_missing',
              message: `The API key lacks the scope ${needed}.`,
              retryable: false,
            },
          })
        }
      }
    }
    expect(asked).toBe(8 * 20)
  })
})

describe('S26 headers', () => {
  const always = {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
  }
  const perRequest = ['date', 'connection', 'request-id', 'x-request-id', 'content-length', 'content-type']
  const rate = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset']

  it.each([
    ['a read', () => edge.send(`/v1/payments/${payment}`), ['api-version', 'etag', ...rate]],
    [
      'a create',
      () => edge.send('/v1/payments', { key: 'headers', body: card }),
      ['api-version', 'etag', 'idempotency-key', 'location', ...rate],
    ],
    ['an unknown path', () => edge.send('/v1/nothing'), []],
    ['no key', () => edge.app.inject(`/v1/payments/${payment}`), ['www-authenticate']],
    ['a service’s own', () => edge.app.inject('/livez'), []],
    ['the document', () => edge.app.inject('/v1/openapi.json'), []],
  ] as const)('of %s: these and no other', async (_name, send, more) => {
    const { headers } = await send()
    expect(headers).toMatchObject(always)
    expect(new Set(Object.keys(headers))).toEqual(new Set([...Object.keys(always), ...perRequest, ...more]))
  })

  it('let no page of another site read an answer, and no such page is asked what it may', async () => {
    for (const url of ['/v1/payments', '/livez', '/docs']) {
      const response = await edge.app.inject({
        method: 'OPTIONS',
        url,
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      })
      expect(response.statusCode).toBe(405)
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    const read = await edge.send(`/v1/payments/${payment}`, { headers: { origin: 'https://evil.example' } })
    expect(Object.keys(read.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('S33 what goes wrong here', () => {
  it('answers a problem of the documented form, with nothing of what happened in it; the log has it', async () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', stream: { write: (line) => lines.push(line) } })
    const router = new FakeRouter()
    router.script = () => {
      throw new TypeError('password=hunter2 at SELECT * FROM journal')
    }
    const { app } = testEdge({ router, log })
    const validate = new Ajv({ strict: false }).compile(ProblemSchema)
    for (const [method, url] of [
      ['POST', '/v1/payments'],
      ['GET', `/v1/payments/${payment}`],
      ['GET', `/v1/payments/${payment}/events`],
      ['POST', `/v1/payments/${payment}/capture`],
      ['GET', `/v1/refunds/${refund}`],
    ] as const) {
      const response = await app.inject({
        method,
        url,
        headers: headersOf('k'),
        ...(method === 'POST' && { payload: url === '/v1/payments' ? card : {} }),
      })
      expect(response.statusCode).toBe(500)
      expect(response.headers['content-type']).toBe('application/problem+json')
      expect(validate(response.json()), JSON.stringify(validate.errors)).toBe(true)
      expect(response.body).not.toMatch(/hunter2|SELECT|TypeError|\.ts|node_modules| at /)
      expect(response.json()).toMatchObject({ error: { type: 'api_error', code: 'internal_error', retryable: true } })
    }
    expect(lines).toHaveLength(5)
    expect(lines.join('')).not.toContain(testSecret)
  })
})
