/** The edge on a real socket: bytes that are no request, requests that never end, connections that close early. */
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RequestRecord } from '../domain/decision.ts'
import {
  answered,
  capturedPayment,
  createBody,
  done,
  type FakeRouter,
  recordOf,
  testEdge,
  testSecret,
} from './testing.ts'

const apps: FastifyInstance[] = []

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

async function listening(timeouts?: {
  headersTimeoutMs: number
  requestTimeoutMs: number
  connectionsCheckMs: number
}): Promise<{ port: number; app: FastifyInstance; router: FakeRouter }> {
  const { app, router } = testEdge(timeouts === undefined ? {} : { timeouts })
  apps.push(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, app, router }
}

/** Sends bytes and reads until the server closes, or until `enough` says so. */
function exchange(port: number, bytes: string, enough: (text: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8')
      if (enough(text)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

const body = JSON.stringify(createBody)
const head = (lines: string): string =>
  `POST /v1/payments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testSecret}\r\nContent-Type: application/json\r\nIdempotency-Key: k1\r\n${lines}\r\n\r\n`
const statusOf = (text: string): string | undefined => /^HTTP\/1\.1 ([0-9]{3})/.exec(text)?.[1]

describe('bytes that are no request', () => {
  it.each([
    ['B29 two lengths', head('Content-Length: 5\r\nContent-Length: 6') + body],
    ['B29 a negative length', head('Content-Length: -1') + body],
    ['B31 a length and chunks', head('Content-Length: 5\r\nTransfer-Encoding: chunked') + '0\r\n\r\n'],
    ['B31 a bad chunk', `${head('Transfer-Encoding: chunked')}zz\r\n`],
    ['B31 a blank before the colon', head('X-A : b')],
    ['B35 an unknown method', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no HTTP at all', '\u0016\u0003\u0001\u0002\r\n\r\n'],
  ])('%s answers 400 in the documented form and closes', async (_name, bytes) => {
    const { port, router } = await listening()
    const text = await exchange(port, bytes)
    expect(statusOf(text)).toBe('400')
    const [headers = '', payload = ''] = text.split('\r\n\r\n')
    expect(headers).toMatch(/\r\nContent-Type: application\/problem\+json\r\n/i)
    expect(JSON.parse(payload)).toMatchObject({ status: 400, error: { code: 'request_invalid' } })
    expect(router.envelopes).toEqual([])
  })

  it('B33 headers beyond 16 KiB answer 431', async () => {
    const { port } = await listening()
    const text = await exchange(port, head(`X-A: ${'a'.repeat(17 * 1024)}`))
    expect(statusOf(text)).toBe('431')
    expect(text).toContain('headers_too_large')
  })

  it('B30 a body that never ends, and headers that never end, answer 408', async () => {
    const { port } = await listening({ headersTimeoutMs: 100, requestTimeoutMs: 200, connectionsCheckMs: 20 })
    for (const bytes of [`${head('Content-Length: 500')}{`, 'GET /livez HTTP/1.1\r\nHost: x\r\n']) {
      const text = await exchange(port, bytes)
      expect(statusOf(text)).toBe('408')
      expect(text).toContain('request_timeout')
    }
  })

  it('B32 a request without Host answers 400', async () => {
    const { port } = await listening()
    expect(statusOf(await exchange(port, 'GET /livez HTTP/1.1\r\n\r\n'))).toBe('400')
  })

  it('B56 an unknown expectation answers 417', async () => {
    const { port } = await listening()
    const text = await exchange(port, head('Expect: 200-weird\r\nContent-Length: 0'), (seen) =>
      seen.includes('\r\n\r\n'),
    )
    expect(statusOf(text)).toBe('417')
  })
})

describe('connections', () => {
  it('B34 what a client claims about addresses and hosts changes nothing in the answer', async () => {
    const { port, router } = await listening()
    router.script = () => done(capturedPayment('k1'), recordOf('create'))
    const request =
      head(
        `X-Forwarded-Host: evil.example\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: ${body.length}\r\nConnection: close`,
      ) + body
    const text = await exchange(port, request.replace('Host: x', 'Host: evil.example'))
    expect(statusOf(text)).toBe('201')
    expect(text).not.toContain('evil')
  })

  it('B54 pipelined duplicates are answered in order, each with what the actor says of it', async () => {
    const { port, router } = await listening()
    let calls = 0
    router.script = () =>
      calls++ === 0 ? done(capturedPayment('k1'), recordOf('create')) : answered({ kind: 'in_use' })
    const one = head(`Content-Length: ${body.length}`) + body
    const last = head(`Content-Length: ${body.length}\r\nConnection: close`) + body
    const text = await exchange(port, one + last)
    expect([...text.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map((match) => match[1])).toEqual(['201', '409'])
    const ids = router.envelopes.map(({ entity, id }) => `${entity} ${id}`)
    expect(new Set(router.envelopes.map(({ entity }) => entity)).size).toBe(1)
    expect(new Set(ids).size).toBe(2)
  })

  it('B55 a client that leaves before the answer changes nothing: the command was routed', async () => {
    const { port, router } = await listening()
    let finished: ((record: RequestRecord) => void) | undefined
    const routed = new Promise<void>((resolve) => {
      router.script = async () => {
        resolve()
        const record = await new Promise<RequestRecord>((release) => {
          finished = release
        })
        return done(capturedPayment('k1'), record)
      }
    })
    const socket = connect(port, '127.0.0.1', () => socket.write(head(`Content-Length: ${body.length}`) + body))
    await routed
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
    finished?.(recordOf('create'))
    router.script = () => done(capturedPayment('k1'), recordOf('create'), true)
    const request = head(`Content-Length: ${body.length}\r\nConnection: close`) + body
    expect(await exchange(port, request)).toMatch(/idempotent-replayed: true/i)
  })

  it('a request that is being answered when the edge closes is answered', async () => {
    const { port, app, router } = await listening()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const routed = new Promise<void>((resolve) => {
      router.script = async () => {
        resolve()
        await held
        return done(capturedPayment('k1'), recordOf('create'))
      }
    })
    const answer = exchange(port, head(`Content-Length: ${body.length}`) + body, (text) => text.endsWith('}'))
    await routed
    const closing = app.close()
    release()
    expect(statusOf(await answer)).toBe('201')
    await closing
  })

  it('a client that keeps its connection does not hold up the closing edge: the answer is the last on it', async () => {
    const { port, app, router } = await listening()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const routed = new Promise<void>((resolve) => {
      router.script = async () => {
        resolve()
        await held
        return done(capturedPayment('k1'), recordOf('create'))
      }
    })
    // answers with what came until the other side closed; this side never does
    const answer = exchange(port, head(`Content-Length: ${body.length}`) + body)
    await routed
    const closing = app.close()
    await vi.waitUntil(() => !app.server.listening)
    release()
    const text = await answer
    expect(statusOf(text)).toBe('201')
    expect(text).toMatch(/^connection: close\r$/im)
    await closing
  })
})
