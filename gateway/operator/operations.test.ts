import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { paymentIdOf } from '../../domain/ids.ts'
import { addressOfPayment } from '../../domain/ids.ts'
import { idKey, merchantId } from '../testing.ts'
import { ClusterRefusal } from './deps.ts'
import { bearer, testOperators, type TestOperators, tokens } from './testing.ts'

const opened: TestOperators[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()))
})

function operators(): TestOperators {
  const test = testOperators()
  opened.push(test)
  return test
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly payload?: object
}

async function send({ app }: TestOperators, request: Request, role: keyof typeof tokens = 'operator') {
  const response = await app.inject({ ...request, headers: bearer(role) })
  return { status: response.statusCode, body: response.json<Record<string, unknown>>(), headers: response.headers }
}

const codeOf = (body: unknown): string => (body as { error: { code: string } }).error.code
const reason = 'ticket 12'
const merchant = { id: 'mer_a', name: 'A', reason }

/** Every route, who may use it, and what it needs. */
const reads: readonly string[] = [
  '/ops/v1/cluster',
  '/ops/v1/nodes',
  '/ops/v1/nodes/node-1',
  '/ops/v1/shards',
  '/ops/v1/shards/7',
  '/ops/v1/shards/7/journal',
  '/ops/v1/merchants',
  '/ops/v1/psp-connections',
  '/ops/v1/unknowns',
  '/ops/v1/compensations',
  '/ops/v1/notices',
]
const connection = {
  name: 'stripe-eu-test',
  psp: 'stripe',
  mode: 'test',
  secret_setting: 'SHARDPAY_STRIPE_TEST_KEY_FILE',
  reason,
}
const operates: readonly Request[] = [
  { method: 'POST', url: '/ops/v1/shards/0/move', payload: { to: 'node-2', reason } },
  { method: 'PUT', url: '/ops/v1/shards/3/pin', payload: { node: 'node-2', reason } },
  { method: 'DELETE', url: '/ops/v1/shards/3/pin', payload: { reason } },
  { method: 'POST', url: '/ops/v1/nodes/node-1/drain', payload: { reason } },
  { method: 'POST', url: '/ops/v1/nodes/node-1/undrain', payload: { reason } },
  { method: 'POST', url: '/ops/v1/nodes/node-1/cordon', payload: { reason } },
  { method: 'POST', url: '/ops/v1/nodes/node-1/uncordon', payload: { reason } },
  { method: 'PUT', url: '/ops/v1/rebalancing', payload: { on: false, reason } },
  { method: 'POST', url: '/ops/v1/merchants', payload: merchant },
  {
    method: 'POST',
    url: '/ops/v1/merchants/mer_a/limits',
    payload: { mode: 'live', currency: 'EUR', set: { max_amount: 5 }, reason },
  },
  { method: 'POST', url: '/ops/v1/merchants/mer_a/suspend', payload: { reason } },
  { method: 'POST', url: '/ops/v1/merchants/mer_a/resume', payload: { reason } },
  { method: 'POST', url: '/ops/v1/merchants/mer_a/keys', payload: { mode: 'test', reason } },
  {
    method: 'POST',
    url: '/ops/v1/psp-connections',
    payload: { ...connection, name: 'stripe-test' },
  },
  {
    method: 'PUT',
    url: '/ops/v1/psp-connections/stripe-eu-test',
    payload: { secret_setting: 'SHARDPAY_OTHER_TEST_KEY_FILE', reason },
  },
]

describe('who may do what', () => {
  test.each(reads)('GET %s is for every role, and for nobody without a token', async (url) => {
    const edge = operators()
    for (const role of ['viewer', 'operator', 'approver'] as const) {
      expect((await send(edge, { method: 'GET', url }, role)).status).toBe(200)
    }
    const refused = await edge.app.inject({ url })
    expect(refused.statusCode).toBe(401)
    expect(codeOf(refused.json())).toBe('operator_token_invalid')
    expect(refused.headers['www-authenticate']).toBe('Bearer')
  })

  test.each(operates)('$method $url is for operators alone, and recorded before and after', async (request) => {
    const edge = operators()
    await send(edge, { method: 'POST', url: '/ops/v1/merchants', payload: merchant })
    await send(edge, { method: 'POST', url: '/ops/v1/psp-connections', payload: connection })
    const before = edge.actors.logEntries.length
    for (const role of ['viewer', 'approver'] as const) {
      const refused = await send(edge, request, role)
      expect([refused.status, codeOf(refused.body)]).toEqual([403, 'role_missing'])
    }
    expect((await edge.app.inject({ ...request })).statusCode).toBe(401)
    expect(edge.actors.logEntries).toHaveLength(before)

    const done = await send(edge, request)
    expect(done.status).toBeLessThan(300)
    const [begun, ended] = edge.actors.logEntries.slice(before).map(({ event }) => event)
    expect(begun).toMatchObject({ type: 'ActionBegun', operator: 'operator-1', role: 'operator', reason })
    expect(ended).toMatchObject({ type: 'ActionEnded', outcome: 'done' })
  })

  test('the log of actions is for operators and approvers', async () => {
    const edge = operators()
    const statuses = ['viewer', 'operator', 'approver'] as const
    const answers = await Promise.all(
      statuses.map((role) => send(edge, { method: 'GET', url: '/ops/v1/actions' }, role)),
    )
    expect(answers.map(({ status }) => status)).toEqual([403, 200, 200])
  })

  test('a token in the address, of another scheme, or nearly right, opens nothing', async () => {
    const { app } = operators()
    const url = '/ops/v1/cluster'
    expect((await app.inject({ url: `${url}?token=${tokens.operator}` })).statusCode).toBe(401)
    for (const authorization of [
      `Basic ${tokens.operator}`,
      `Bearer ${tokens.operator}x`,
      `Bearer ${tokens.operator} x`,
    ]) {
      expect((await app.inject({ url, headers: { authorization } })).statusCode).toBe(401)
    }
  })

  test('every route that the edge has under /ops/ is in these lists and in docs/operator-api.md', async () => {
    const { app } = operators()
    await app.ready()
    const known = [...reads, ...operates.map(({ url }) => url), '/ops/v1/actions', '/ops/v1/payments/x']
    const page = await readFile(new URL('../../docs/operator-api.md', import.meta.url), 'utf8')
    const routes = app.allRoutes.filter(({ url }) => url.startsWith('/ops/')).map(({ url }) => url)
    expect(routes.length).toBeGreaterThan(15)
    for (const url of routes) {
      expect(page, url).toContain(url)
      const pattern = new RegExp(`^${url.replaceAll(/:[a-z]+/g, '[^/]+')}$`)
      const apart = [
        '/ops/v1/feed',
        '/ops/v1/feed-ticket',
        '/ops/v1/journal/:entity',
        '/ops/v1/merchants/:id',
        '/ops/v1/merchants/:id/keys/:key',
        // unknowns.test.ts
        '/ops/v1/unknowns/:operation/resolve',
        '/ops/v1/unknowns/:operation/approve',
        '/ops/v1/unknowns/:operation/reject',
        // ledger.test.ts
        '/ops/v1/ledger/trial-balance',
        '/ops/v1/ledger/clearing',
        '/ops/v1/ledger/export',
        '/ops/v1/ledger/closes',
        // compensations.test.ts
        '/ops/v1/compensations/:operation/propose',
        '/ops/v1/compensations/:operation/approve',
        '/ops/v1/compensations/:operation/reject',
      ]
      expect(known.some((each) => pattern.test(each)) || apart.includes(url), url).toBe(true)
    }
  })
})

describe('an action', () => {
  test('that cannot be recorded is not done', async () => {
    const edge = operators()
    edge.actors.unavailable.set('operator', {
      ...{ kind: 'unavailable', certainty: 'acceptance_unknown', reason: 'journal_unavailable', retryAfterMs: 1_000 },
    })
    const { status, body, headers } = await send(edge, operates[0] as Request)
    expect([status, codeOf(body), headers['retry-after']]).toEqual([503, 'action_not_recorded', '1'])
    expect(edge.cluster.asked).toEqual([])
  })

  test('that is refused is recorded as refused, with the code; one without a known end as unknown', async () => {
    const edge = operators()
    for (const [code, status, outcome] of [
      ['move_in_progress', 409, 'refused'],
      ['action_outcome_unknown', 503, 'unknown'],
    ] as const) {
      edge.cluster.trouble = new ClusterRefusal(code)
      const refused = await send(edge, operates[0] as Request)
      expect([refused.status, codeOf(refused.body)]).toEqual([status, code])
      expect(edge.actors.logEntries.at(-1)?.event).toMatchObject({ type: 'ActionEnded', outcome, code })
    }
    edge.cluster.trouble = new Error('defect with a secret')
    const failed = await send(edge, operates[0] as Request)
    expect([failed.status, codeOf(failed.body)]).toEqual([500, 'internal_error'])
    expect(JSON.stringify(failed.body)).not.toContain('secret')
    expect(edge.actors.logEntries.at(-1)?.event).toMatchObject({ outcome: 'unknown' })
  })

  test('needs a reason that can be read: 1 to 500 characters, no line breaks, not blank', async () => {
    const edge = operators()
    for (const payload of [{}, { reason: '' }, { reason: '  ' }, { reason: 'a\nb' }, { reason: 'x'.repeat(501) }]) {
      const { status, body } = await send(edge, { method: 'POST', url: '/ops/v1/nodes/node-1/cordon', payload })
      expect([status, (body as { error: { param: string } }).error.param]).toEqual([400, 'reason'])
    }
    const extra = { reason, force: true }
    const { body } = await send(edge, { method: 'POST', url: '/ops/v1/nodes/node-1/cordon', payload: extra })
    expect(codeOf(body)).toBe('unknown_field')
    expect(edge.cluster.asked).toEqual([])
  })

  test('is listed with what became of it, and the listing is recorded once in ten minutes', async () => {
    const edge = operators()
    await send(edge, operates[0] as Request)
    for (let round = 0; round < 3; round += 1) await send(edge, { method: 'GET', url: '/ops/v1/actions' }, 'approver')
    const { body } = await send(edge, { method: 'GET', url: '/ops/v1/actions?limit=2' }, 'approver')
    expect(body['entries']).toMatchObject([
      { type: 'begun', kind: 'shard.move', subject: 'shard:0', reason, parameters: { to: 'node-2' } },
      { type: 'ended', outcome: 'done', code: null },
    ])
    expect(body['next_after']).toBe(2)
    const rest = await send(edge, { method: 'GET', url: '/ops/v1/actions?after=2' }, 'approver')
    expect(rest.body['entries']).toMatchObject([
      { type: 'read', operator: 'approver-1', subject: 'actions:2026-01-01' },
    ])
    expect(rest.body['next_after']).toBe(null)
  })
})

describe('the cluster', () => {
  test('is shown with its processes, shards, moves and take-overs', async () => {
    const edge = operators()
    edge.cluster.takeovers.push({
      from: { node: 'node-9', incarnation: 'x' },
      by: 'node-1',
      shards: 3,
      at: 5,
      tookMs: 7,
    })
    await send(edge, operates[0] as Request)
    const { body } = await send(edge, { method: 'GET', url: '/ops/v1/cluster' })
    expect(body).toMatchObject({
      commands_per_second: 360,
      shards: { total: 1_024, owned: 1_024, unowned: 0, pinned: 0 },
      processes: [{ node: 'gateway-1' }, { node: 'node-1', state: 'ready' }, { node: 'node-2' }, { node: 'node-3' }],
      moves: [{ shard: 0, from: 'node-1', to: 'node-2', blackout_ms: 12.3, reason: 'operator' }],
      takeovers: [{ from: 'node-9/x', by: 'node-1', shards: 3, took_ms: 7 }],
    })
  })

  test('a move answers the measured blackout', async () => {
    const { status, body } = await send(operators(), operates[0] as Request)
    expect([status, body['to'], body['blackout_ms'], body['epoch']]).toEqual([200, 'node-2', 12.3, 2])
  })

  test('shards of an owner that lives no more, and processes that are silent, are shown as such', async () => {
    const edge = operators()
    edge.cluster.leases = edge.cluster.leases.slice(0, 2)
    edge.cluster.ageMs = 9_000
    const { body } = await send(edge, { method: 'GET', url: '/ops/v1/cluster' })
    expect(body).toMatchObject({ shards: { owned: 683, unowned: 341 }, processes: [{ state: 'silent' }, {}, {}] })
    const shard = await send(edge, { method: 'GET', url: '/ops/v1/shards/2' })
    expect(shard.body).toMatchObject({ owner: 'node-3', state: 'owner_gone' })
  })

  test('knows no other shards and nodes', async () => {
    const edge = operators()
    for (const shard of ['1024', '-1', '01', '1e2', 'x', '99999999']) {
      const { body } = await send(edge, { method: 'GET', url: `/ops/v1/shards/${shard}` })
      expect(['shard_unknown', 'parameter_invalid']).toContain(codeOf(body))
    }
    const node = await send(edge, { method: 'GET', url: '/ops/v1/nodes/node-9' })
    expect([node.status, codeOf(node.body)]).toEqual([404, 'node_unknown'])
    const move = await send(edge, { method: 'POST', url: '/ops/v1/shards/0/move', payload: { to: 'node-9', reason } })
    expect([move.status, codeOf(move.body)]).toEqual([404, 'node_unknown'])
  })

  test('the last node that takes shards is not drained', async () => {
    const edge = operators()
    const drain = (node: string) =>
      send(edge, { method: 'POST', url: `/ops/v1/nodes/${node}/drain`, payload: { reason } })
    expect((await drain('node-1')).status).toBe(202)
    expect((await drain('node-2')).status).toBe(202)
    const last = await drain('node-3')
    expect([last.status, codeOf(last.body)]).toEqual([409, 'last_node'])
    expect([...edge.cluster.weights]).toEqual([
      ['node-1', 0],
      ['node-2', 0],
    ])
  })

  test('bad requests are refused as everywhere: body, method, path, type', async () => {
    const { app } = operators()
    const headers = bearer('operator')
    const post = (payload: string, more = {}) =>
      app.inject({
        ...{ method: 'POST', url: '/ops/v1/merchants', payload },
        headers: { ...headers, 'content-type': 'application/json', ...more },
      })
    expect(codeOf((await post('{"id":"mer_a","id":"mer_b"}')).json())).toBe('duplicate_key')
    expect((await post(`{"name":"${'x'.repeat(70_000)}"}`)).statusCode).toBe(413)
    expect((await post('{}', { 'content-type': 'text/plain' })).statusCode).toBe(415)
    const wrongMethod = await app.inject({ method: 'DELETE', url: '/ops/v1/cluster', headers })
    expect([wrongMethod.statusCode, wrongMethod.headers['allow']]).toEqual([405, 'GET'])
    expect((await app.inject({ url: '/ops/v1/nothing', headers })).statusCode).toBe(404)
    expect(codeOf((await app.inject({ url: '/ops/v1/cluster?x=1', headers })).json())).toBe('unknown_field')
  })

  test('no answer may be read by a page of another origin, kept, or framed', async () => {
    const { app } = operators()
    const headers = { ...bearer('viewer'), origin: 'https://elsewhere.example' }
    const answer = await app.inject({ url: '/ops/v1/cluster', headers })
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'strict-transport-security': 'max-age=31536000',
    })
    expect((await app.inject({ method: 'OPTIONS', url: '/ops/v1/cluster', headers })).statusCode).toBe(405)
  })
})

describe('merchants and connections', () => {
  test('a key is shown once, works by its hash, and is revoked by what people see of it', async () => {
    const edge = operators()
    await send(edge, { method: 'POST', url: '/ops/v1/merchants', payload: merchant })
    const made = await send(edge, {
      method: 'POST',
      url: '/ops/v1/merchants/mer_a/keys',
      payload: { mode: 'live', reason },
    })
    const { secret, prefix } = made.body as { secret: string; prefix: string }
    expect(made.status).toBe(201)
    expect(secret).toMatch(/^sk_live_[0-9a-f]{48}$/)
    const listed = await send(edge, { method: 'GET', url: '/ops/v1/merchants' })
    expect(JSON.stringify(listed.body)).not.toContain(secret)
    expect(JSON.stringify(edge.actors.envelopes)).not.toContain(secret)

    const revoke = (key: string) =>
      send(edge, {
        method: 'DELETE',
        url: `/ops/v1/merchants/mer_a/keys/${encodeURIComponent(key)}`,
        payload: { reason },
      })
    expect((await revoke('sk_live_zzzz')).status).toBe(404)
    expect((await revoke(prefix)).body).toMatchObject({ revoked: true, prefix })
    expect(codeOf((await revoke(prefix)).body)).toBe('api_key_unknown')
  })

  test('what the merchant’s actor refuses is said', async () => {
    const edge = operators()
    const create = (more: object) =>
      send(edge, { method: 'POST', url: '/ops/v1/merchants', payload: { ...merchant, ...more } })
    expect((await create({})).status).toBe(201)
    expect((await create({})).status).toBe(201)
    expect([codeOf((await create({ name: 'B' })).body), (await create({ name: 'B' })).status]).toEqual([
      'merchant_exists',
      409,
    ])
    const suspend = await send(edge, { method: 'POST', url: '/ops/v1/merchants/mer_b/suspend', payload: { reason } })
    expect(codeOf(suspend.body)).toBe('merchant_not_found')
  })

  test('a connection names a setting of a file, and test and live stay apart', async () => {
    const edge = operators()
    const add = (more: object) =>
      send(edge, {
        ...{ method: 'POST', url: '/ops/v1/psp-connections' },
        payload: {
          ...{
            name: 'stripe-live',
            psp: 'stripe',
            mode: 'live',
            secret_setting: 'SHARDPAY_STRIPE_LIVE_KEY_FILE',
            reason,
          },
          ...more,
        },
      })
    for (const [more, param] of [
      [{ mode: 'test' }, 'name'],
      [{ name: 'stripe-test', mode: 'test' }, 'secret_setting'],
      [{ secret_setting: 'sk_live_abcdefgh12345678' }, 'secret_setting'],
      [{ secret_setting: 'SHARDPAY_STRIPE_LIVE_KEY' }, 'secret_setting'],
    ] as const) {
      const { status, body } = await add(more)
      expect([status, (body as { error: { param: string } }).error.param]).toEqual([400, param])
    }
    expect((await add({})).status).toBe(201)
    expect((await add({})).status).toBe(201)
    expect(codeOf((await add({ secret_setting: 'SHARDPAY_OTHER_LIVE_KEY_FILE' })).body)).toBe('psp_connection_exists')
    const { body } = await send(edge, { method: 'GET', url: '/ops/v1/psp-connections' }, 'viewer')
    expect(body).toMatchObject({ psp_connections: [{ name: 'stripe-live', mode: 'live', served: false }] })
  })
})

describe('a payment', () => {
  const id = paymentIdOf(idKey, merchantId, 'test', 'k1')
  const row = {
    ...{
      ...addressOfPayment(id),
      shard: addressOfPayment(id)?.shard ?? -1,
      entity: addressOfPayment(id)?.entity ?? '',
    },
    ...{
      position: 4,
      seq: 1,
      epoch: 3,
      node: 'node-2',
      incarnation: 'i2',
      command: 'ab'.repeat(16),
      at: 1_700_000_000_000,
    },
    type: 'payment.create_payment',
    events: [
      {
        ...{ type: 'PaymentCreated', payment: id, merchant: merchantId, mode: 'test', merchantVersion: 1 },
        request: {
          key: 'order 7 of Jane Doe',
          fingerprint: 'ab'.repeat(32),
          requestId: 'req_1',
          apiVersion: '2026-11-01',
        },
        ...{ amountMinor: 1_000, currency: 'EUR', captureMethod: 'manual', merchantReference: 'jane@example.com' },
        metadata: { customer: 'Jane Doe' },
      },
    ],
  }

  test('is shown whole, with who decided what, and without what merchants and shoppers wrote', async () => {
    const edge = operators()
    edge.journal.rows = [row]
    const { status, body } = await send(edge, { method: 'GET', url: `/ops/v1/payments/${id}` }, 'viewer')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ id, shard: row.shard },
      payment: {
        id,
        merchant: merchantId,
        amountMinor: 1_000,
        lifecycle: { status: 'created' },
        metadata: '[redacted]',
      },
      decisions: [{ entity: id, seq: 1, epoch: 3, node: 'node-2', type: 'payment.create_payment' }],
    })
    expect(JSON.stringify(body)).not.toMatch(/jane/i)
    expect(JSON.stringify(body)).not.toContain('ab'.repeat(32))
    expect(edge.actors.logEntries.map(({ event }) => event)).toMatchObject([
      { type: 'AuditRead', operator: 'viewer-1', subject: id },
    ])
  })

  test('that nobody made, or whose journal is away, is not guessed at', async () => {
    const edge = operators()
    const get = () => send(edge, { method: 'GET', url: `/ops/v1/payments/${id}` })
    expect(codeOf((await get()).body)).toBe('payment_not_found')
    expect(codeOf((await send(edge, { method: 'GET', url: '/ops/v1/payments/pay_x' })).body)).toBe('id_format')
    edge.journal.broken = true
    const { status, body } = await get()
    expect([status, codeOf(body)]).toEqual([503, 'service_unavailable'])
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  test('and every other entity has its decisions page by page', async () => {
    const edge = operators()
    edge.journal.rows = [1, 2, 3].map((seq) => ({ ...row, seq, position: seq + 3 }))
    const page = async (query: string) =>
      (await send(edge, { method: 'GET', url: `/ops/v1/journal/${id}${query}` })).body
    expect(await page('?limit=2')).toMatchObject({ next_after: 2, decisions: [{ seq: 1 }, { seq: 2 }] })
    expect(await page('?limit=2&after=2')).toMatchObject({ next_after: null, decisions: [{ seq: 3 }] })
    expect(codeOf(await page('?limit=0'))).toBe('parameter_invalid')
    const shard = await send(edge, { method: 'GET', url: `/ops/v1/shards/${row.shard}/journal?after=4` })
    expect(shard.body).toMatchObject({ decisions: [{ position: 5 }, { position: 6 }], next_after: null })
  })
})
