/** The edge that PSPs push to, over a router that is told what to answer. */
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Envelope, RouteAnswer } from '../../cluster/router.ts'
import { addressOfNotice, type InboxAnswer } from '../../domain/inbox/commands.ts'
import { noticeWith } from '../../domain/inbox/testing.ts'
import { webhookBytesMax, type WebhookReceiver } from '../../psp/webhook.ts'
import { webhookLimits } from '../../runtime/limits.ts'
import { createLog } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import type { GatewayDeps } from '../deps.ts'
import { testEdge } from '../testing.ts'
import { routerOf, signed, stored, testReceiver, url } from './testing.ts'

const apps: FastifyInstance[] = []

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

type Answer = Parameters<typeof routerOf>[0]

interface Seen {
  readonly app: FastifyInstance
  readonly clock: ReturnType<typeof testEdge>['clock']
  readonly envelopes: Envelope[]
  readonly lines: string[]
  metric(line: string): Promise<string | undefined>
}

function edgeWith(answer: Answer = () => stored(), more: Partial<GatewayDeps> = {}): Seen {
  const envelopes: Envelope[] = []
  const lines: string[] = []
  const metrics = createMetrics()
  const { app, clock } = testEdge({
    router: routerOf((envelope) => {
      envelopes.push(envelope)
      return answer(envelope)
    }),
    webhooks: { receiver: (name) => (name === testReceiver.connection ? testReceiver : undefined) },
    metrics,
    log: createLog({ level: 'debug', stream: { write: (line) => void lines.push(line) } }),
    ...more,
  })
  apps.push(app)
  return {
    ...{ app, clock, envelopes, lines },
    async metric(name) {
      const text = await metrics.text()
      return text
        .split('\n')
        .find((line) => line.startsWith(name))
        ?.slice(name.length + 1)
    },
  }
}

const receivedAs = (result: string): string =>
  `pay_webhooks_received_total{psp="scripted",connection="scripted-test",result="${result}"}`

const away: RouteAnswer<InboxAnswer> = {
  kind: 'unavailable',
  certainty: 'acceptance_unknown',
  reason: 'journal_unavailable',
  retryAfterMs: 2_500,
}

describe('an authentic message', () => {
  it('is answered as its PSP wants it once all its notices are stored, each in its own inbox', async () => {
    const { app, envelopes, metric } = edgeWith()
    const response = await app.inject({ method: 'POST', url, ...signed([{ id: 'evt_1' }, { id: 'evt_2' }]) })
    expect([response.statusCode, response.headers['content-type'], response.body]).toEqual([
      200,
      'text/plain',
      '[accepted]',
    ])
    expect(envelopes).toMatchObject(
      ['evt_1', 'evt_2'].map((id) => ({
        ...addressOfNotice('scripted-test', id),
        ...{ kind: 'psp_notice', class: 'settle', deadline: webhookLimits.storeMs, attach: true },
        payload: { type: 'ReceiveNotice', connection: 'scripted-test', mode: 'test', notice: { id } },
      })),
    )
    expect(await metric(receivedAs('stored'))).toBe('1')
    expect(await metric('pay_webhook_accept_seconds_count{psp="scripted",connection="scripted-test"}')).toBe('1')
  })

  it('is not answered before the last of its notices is stored', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { app } = edgeWith(async ({ payload }) => {
      if ((payload as { notice: { id: string } }).notice.id === 'evt_2') await held
      return stored()
    })
    let answered = false
    const asked = app.inject({ method: 'POST', url, ...signed([{ id: 'evt_1' }, { id: 'evt_2' }]) })
    void asked.then(() => {
      answered = true
    })
    await new Promise((resolve) => void setTimeout(resolve, 20))
    expect(answered).toBe(false)
    release()
    expect((await asked).statusCode).toBe(200)
  })

  it('of which one notice cannot be stored is answered 503 with Retry-After: the PSP sends all of it again', async () => {
    const { app, metric } = edgeWith(({ payload }) =>
      (payload as { notice: { id: string } }).notice.id === 'evt_2' ? away : stored(),
    )
    const response = await app.inject({ method: 'POST', url, ...signed([{ id: 'evt_1' }, { id: 'evt_2' }]) })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '3'])
    expect(await metric(receivedAs('unavailable'))).toBe('1')
  })

  it('is counted as repeated where nothing of it was new', async () => {
    const { app, metric } = edgeWith(() => stored({ repeated: true }))
    expect((await app.inject({ method: 'POST', url, ...signed() })).statusCode).toBe(200)
    expect(await metric(receivedAs('repeated'))).toBe('1')
  })

  it('with another body than the one before is answered 200 and raises the alarm, with ids alone', async () => {
    const { app, lines, metric } = edgeWith(() => stored({ repeated: true, altered: true }))
    expect((await app.inject({ method: 'POST', url, ...signed() })).statusCode).toBe(200)
    expect(await metric('pay_webhook_altered_total{psp="scripted",connection="scripted-test"}')).toBe('1')
    const { entity, shard } = addressOfNotice('scripted-test', 'evt_1')
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ level: 'error', code: 'webhook_altered', connection: 'scripted-test', entity, shard }),
    ])
    expect(lines.join()).not.toContain('pi_1')
  })

  it.each([
    ['of the other environment', { mode: 'live' }, 'pay_webhook_other_environment_total'],
    ['that cannot be read', { fact: { kind: 'none', reason: 'unreadable' } }, 'pay_webhook_unreadable_total'],
  ] as const)('%s is stored, and somebody is told', async (_what, more, counted) => {
    const { app, envelopes, lines, metric } = edgeWith()
    const message = signed([more])
    expect((await app.inject({ method: 'POST', url, ...message })).statusCode).toBe(200)
    expect(envelopes).toHaveLength(1)
    expect(await metric(`${counted}{psp="scripted",connection="scripted-test"}`)).toBe('1')
    expect(lines).toHaveLength(1)
  })

  it('may have any content type, and none', async () => {
    const { app } = edgeWith()
    const { payload, headers } = signed()
    for (const type of ['text/plain', 'application/octet-stream', 'application/json; charset=latin1', undefined]) {
      const { 'content-type': _type, ...others } = headers
      const response = await app.inject({
        ...{ method: 'POST', url, payload: Buffer.from(payload) },
        headers: { ...others, ...(type !== undefined && { 'content-type': type }) },
      })
      expect(response.statusCode, String(type)).toBe(200)
    }
  })
})

describe('a message that is refused', () => {
  it('is told the code and nothing else; nothing of it is stored or logged', async () => {
    const { app, envelopes, lines, metric } = edgeWith()
    const payload = '[{"id":"evt_forged","type":"4242 forged"}]'
    const response = await app.inject({ method: 'POST', url, payload, headers: { 'x-test-signature': 'forged' } })
    expect([response.statusCode, response.headers['content-type']]).toEqual([401, 'application/problem+json'])
    expect(response.headers['www-authenticate']).toBe('Signature')
    expect(response.json()).toEqual({ title: 'Unauthorized', status: 401, code: 'signature' })
    expect(envelopes).toEqual([])
    expect(await metric(receivedAs('signature'))).toBe('1')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"code":"signature"')
    expect(lines[0]).not.toContain('forged')
  })

  it('is logged once in a while, and counted each time', async () => {
    const { app, clock, lines, metric } = edgeWith()
    const send = () => app.inject({ method: 'POST', url, payload: '[]' })
    for (let n = 0; n < 5; n += 1) await send()
    expect(lines).toHaveLength(1)
    clock.advance(webhookLimits.logEveryMs)
    await send()
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('"count":5')
    expect(await metric(receivedAs('signature'))).toBe('6')
  })

  it('without a body is a message like any other', async () => {
    const { app } = edgeWith()
    expect((await app.inject({ method: 'POST', url })).json()).toMatchObject({ code: 'signature' })
  })

  it.each([
    ['an unknown connection', '/webhooks/scripted/other'],
    ['a connection of another PSP', '/webhooks/stripe/scripted-test'],
    ['a name of every object', '/webhooks/scripted/__proto__'],
  ])('for %s is answered 404 before its body is read', async (_what, address) => {
    const { app, metric } = edgeWith()
    const known = signed()
    const response = await app.inject({ method: 'POST', url: address, ...known })
    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ error: { code: 'route_not_found' } })
    expect(await metric('pay_webhooks_unknown_connection_total')).toBe('1')
  })

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'] as const)(
    'sent by %s is answered 405 with Allow',
    async (method) => {
      const response = await edgeWith().app.inject({ method, url })
      expect([response.statusCode, response.headers.allow]).toEqual([405, 'POST'])
    },
  )

  it('with a body that is too long is answered 413, and one that just fits is read', async () => {
    const { app, metric } = edgeWith()
    const tooLong = await app.inject({ method: 'POST', url, payload: Buffer.alloc(webhookBytesMax + 1, 0x20) })
    expect([tooLong.statusCode, tooLong.json<{ detail: string }>().detail]).toEqual([
      413,
      'The body is larger than 256 KiB.',
    ])
    expect(await metric(receivedAs('too_large'))).toBe('1')
    const fits = await app.inject({ method: 'POST', url, payload: Buffer.alloc(webhookBytesMax, 0x20) })
    expect(fits.statusCode).toBe(401)
  })

  it('with a Content-Encoding is refused unread: nobody signs what has to be unpacked first', async () => {
    const { payload, headers } = signed()
    const response = await edgeWith().app.inject({
      ...{ method: 'POST', url, payload },
      headers: { ...headers, 'content-encoding': 'gzip' },
    })
    expect(response.statusCode).toBe(415)
  })

  it('by a receiver that breaks is answered 500, and of the error only its name is logged', async () => {
    const broken: WebhookReceiver = {
      ...testReceiver,
      receive: ({ body }) => {
        throw new SyntaxError(`Unexpected token in ${body.toString()}`)
      },
    }
    const { app, lines, metric } = edgeWith(() => stored(), { webhooks: { receiver: () => broken } })
    expect((await app.inject({ method: 'POST', url, payload: 'Jane Doe' })).statusCode).toBe(500)
    expect(lines.join()).toContain('SyntaxError')
    expect(lines.join()).not.toContain('Jane')
    expect(await metric(receivedAs('failed'))).toBe('1')
  })
})

describe('many messages', () => {
  it('beyond the bound are answered 503 unread, until others have ended', async () => {
    const releases: (() => void)[] = []
    const { app, metric } = edgeWith(async () => {
      await new Promise<void>((resolve) => void releases.push(resolve))
      return stored()
    })
    const send = () => app.inject({ method: 'POST', url, ...signed() })
    const held = Array.from({ length: webhookLimits.inFlightMax }, send)
    await vi.waitUntil(() => releases.length === webhookLimits.inFlightMax)
    const beyond = await send()
    expect([beyond.statusCode, beyond.headers['retry-after']]).toEqual([503, '1'])
    expect(await metric(receivedAs('overloaded'))).toBe('1')
    for (const release of releases.splice(0)) release()
    expect((await Promise.all(held)).every(({ statusCode }) => statusCode === 200)).toBe(true)
    const after = send()
    await vi.waitUntil(() => releases.length === 1)
    releases[0]?.()
    expect((await after).statusCode).toBe(200)
  })

  it('that come too slowly, or whose sender leaves, give their place back', async () => {
    const timeouts = { headersTimeoutMs: 100, requestTimeoutMs: 200, connectionsCheckMs: 20 }
    const { app } = edgeWith(() => stored(), { timeouts })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const { port } = address
    const begin = (leave: boolean) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(`POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[`)
          if (leave) setTimeout(() => socket.destroy(), 50)
        })
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('close', () => resolve(text))
        socket.on('error', reject)
      })
    const half = webhookLimits.inFlightMax / 2
    const texts = await Promise.all(Array.from({ length: webhookLimits.inFlightMax }, (_, n) => begin(n < half)))
    expect(new Set(texts.slice(half).map((text) => text.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 408']))
    expect((await app.inject({ method: 'POST', url, ...signed() })).statusCode).toBe(200)
  })
})

it('without PSP connections there is no such address', async () => {
  const { app } = testEdge()
  apps.push(app)
  expect((await app.inject({ method: 'POST', url, ...signed() })).statusCode).toBe(404)
})

it('a connection that comes, changes or goes is taken notice of at the next message', async () => {
  let receiver: WebhookReceiver | undefined
  const { app } = edgeWith(() => stored(), { webhooks: { receiver: () => receiver } })
  const send = async () => (await app.inject({ method: 'POST', url, ...signed() })).statusCode
  expect(await send()).toBe(404)
  receiver = testReceiver
  expect(await send()).toBe(200)
  receiver = { ...testReceiver, receive: () => ({ kind: 'refused', refusal: 'login' }) }
  expect(await send()).toBe(401)
  receiver = undefined
  expect(await send()).toBe(404)
})

it('the notice that is routed is the receiver’s, whole', async () => {
  const { app, envelopes } = edgeWith()
  await app.inject({ method: 'POST', url, ...signed([{ digest: 'ab'.repeat(32) }]) })
  expect(envelopes[0]?.payload).toHaveProperty('notice', noticeWith({ digest: 'ab'.repeat(32) }))
})
