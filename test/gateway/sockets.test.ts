/**
 * Bytes on real connections, against a whole node: what two readers of HTTP could understand differently is refused and the
 * connection closed, slow senders do not hold anybody up, and what was paid is paid once. Numbers are those of
 * docs/bad-input.md.
 */
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { testSecret } from '../../gateway/testing.ts'
import { type EdgeOverHost, type EdgeOverHostOptions, edgeOverHost, methods } from '../support/edge-over-host.ts'

const body = JSON.stringify({ amount: 1_000, currency: 'eur', payment_method: methods.card })
const auth = `Authorization: Bearer ${testSecret}`
let keys = 0

/** A create up to its own headers; `lines` follow, then the blank line. */
function head(lines: readonly string[], key = `socket-${++keys}`): string {
  const start = ['POST /v1/payments HTTP/1.1', 'Host: api.example', auth, 'Content-Type: application/json']
  return `${[...start, `Idempotency-Key: ${key}`, ...lines].join('\r\n')}\r\n\r\n`
}

const whole = (key?: string, more: readonly string[] = []): string =>
  head([`Content-Length: ${body.length}`, ...more], key) + body
const last = 'Connection: close'

interface Listening {
  readonly edge: EdgeOverHost
  readonly port: number
}

async function listen(options: EdgeOverHostOptions = {}): Promise<Listening> {
  const edge = await edgeOverHost(options)
  await edge.app.listen({ port: 0, host: '127.0.0.1' })
  const address = edge.app.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { edge, port: address.port }
}

/** Sends the parts one after the other and reads until the server closes. */
function exchange(port: number, ...parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part, 'latin1')
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)))
  })
}

const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, code]) => Number(code))
const codes = (text: string): string[] => [...text.matchAll(/"code":"(\w+)"/g)].map(([, code]) => code as string)

let open: Listening

beforeAll(async () => {
  open = await listen()
})

afterAll(() => open.edge.close())

const chunked = 'Transfer-Encoding: chunked'
const asChunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

describe('requests that two readers could cut differently', () => {
  let calls: number

  beforeEach(() => {
    calls = open.edge.psp.calls.length
  })

  it.each([
    ['B29 two lengths that differ', head([`Content-Length: ${body.length}`, 'Content-Length: 1']) + body],
    [
      'B29 two lengths that are equal',
      head([`Content-Length: ${body.length}`, `Content-Length: ${body.length}`]) + body,
    ],
    ['B29 a list of lengths', head([`Content-Length: ${body.length}, ${body.length}`]) + body],
    ['B29 a negative length', head(['Content-Length: -5']) + body],
    ['B29 a length with a sign', head([`Content-Length: +${body.length}`]) + body],
    ['B29 a hexadecimal length', head(['Content-Length: 0x4d']) + body],
    ['B29 a length beyond all numbers', head(['Content-Length: 99999999999999999999999']) + body],
    ['B29 a length that is no number', head(['Content-Length: many']) + body],
    ['B31 a length and chunks', head([`Content-Length: ${body.length}`, chunked]) + asChunks],
    ['B31 chunks and a length', head([chunked, `Content-Length: ${body.length}`]) + asChunks],
    ['B31 an unknown coding', head(['Transfer-Encoding: xchunked']) + asChunks],
    ['B31 chunked, then another coding', head(['Transfer-Encoding: chunked, identity']) + asChunks],
    ['B31 two codings in two headers', head([chunked, 'Transfer-Encoding: identity']) + asChunks],
    ['B31 chunked behind a control character', head(['Transfer-Encoding: \x0bchunked']) + asChunks],
    ['B31 a blank before the colon', head(['Transfer-Encoding : chunked']) + asChunks],
    ['B31 a header on two lines', head(['Transfer-Encoding:', ' chunked']) + asChunks],
    ['B31 a folded header', head(['X-Folded: a', ' b', `Content-Length: ${body.length}`]) + body],
    ['B31 a chunk’s size that is no number', `${head([chunked])}zz\r\n${body}\r\n0\r\n\r\n`],
    ['B31 a negative size', `${head([chunked])}-1\r\n${body}\r\n0\r\n\r\n`],
    ['B31 a size with 0x', `${head([chunked])}0x4d\r\n${body}\r\n0\r\n\r\n`],
    ['B31 a size beyond all numbers', `${head([chunked])}ffffffffffffffffff\r\n${body}\r\n0\r\n\r\n`],
    ['B31 a chunk longer than it says', `${head([chunked])}5\r\n${body}\r\n0\r\n\r\n`],
    [
      'B31 a chunk that ends in a bare line feed',
      `${head([chunked])}${body.length.toString(16)}\n${body}\r\n0\r\n\r\n`,
    ],
    ['B31 a bare line feed after a header', whole().replace('Host: api.example\r\n', 'Host: api.example\n')],
    ['B31 a bare carriage return in a header', whole(undefined, ['X-A: a\rb'])],
    ['B31 a NUL in a header', whole(undefined, ['X-A: a\0b'])],
    ['B31 a header without a name', whole(undefined, [': a'])],
    ['B31 a header without a colon', whole(undefined, ['X-A'])],
    ['B31 HTTP/1.1 in lower case', whole().replace('HTTP/1.1', 'http/1.1')],
    ['B31 another version of HTTP', whole().replace('HTTP/1.1', 'HTTP/3.7')],
    ['B31 a blank in the address', whole().replace('/v1/payments', '/v1/pay ments')],
    ['B32 no Host', whole().replace('Host: api.example\r\n', '')],
    ['B35 a method that does not exist', whole().replace('POST', 'CHARGE')],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s: 400, the connection is closed, nothing is done', async (_name, bytes) => {
    // What follows on the connection would be what was smuggled.
    const text = await exchange(open.port, bytes, `GET /livez HTTP/1.1\r\nHost: x\r\n${last}\r\n\r\n`)
    expect(statuses(text)).toEqual([400])
    expect(codes(text)).toEqual(['request_invalid'])
    expect(text).toMatch(/^content-type: application\/problem\+json\r$/im)
    expect(text).toMatch(/^connection: close\r$/im)
    expect(open.edge.psp.calls.length).toBe(calls)
  })

  it('B29 a length that is too small: what is left is no request, and ends the connection', async () => {
    const text = await exchange(open.port, head(['Content-Length: 20']) + body)
    expect(new Set(statuses(text))).toEqual(new Set([400]))
    expect(text).toMatch(/^connection: close\r$/im)
    expect(open.edge.psp.calls.length).toBe(calls)
  })

  it('B32 two Hosts, equal or not, are refused', async () => {
    for (const host of ['api.example', 'evil.example']) {
      const text = await exchange(open.port, whole(undefined, [`Host: ${host}`, last]))
      expect([statuses(text), codes(text)]).toEqual([[400], ['header_repeated']])
    }
    expect(open.edge.psp.calls.length).toBe(calls)
  })

  it.each(['http://evil.example/v1/payments', 'https://api.example/v1/payments', '//evil.example/v1/payments', '*'])(
    'B32 an address like %s is refused',
    async (address) => {
      const text = await exchange(open.port, whole(undefined, [last]).replace('/v1/payments', address))
      expect(statuses(text)).toEqual([address.startsWith('//') ? 404 : 400])
      expect(open.edge.psp.calls.length).toBe(calls)
    },
  )

  it('B32 a Host of one’s own choice shows nowhere in an answer', async () => {
    const text = await exchange(open.port, whole(undefined, [last]).replace('api.example', 'evil.example'))
    expect(statuses(text)).toEqual([201])
    expect(text).not.toContain('evil')
  })

  it('chunks that are as they should be are a body like any other', async () => {
    const text = await exchange(open.port, head([chunked, last]) + asChunks)
    expect(statuses(text)).toEqual([201])
  })

  it('B28 a body that says it is compressed is refused unread, however it comes', async () => {
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip', 'GZIP']) {
      const text = await exchange(open.port, whole(undefined, [`Content-Encoding: ${encoding}`, last]))
      expect([statuses(text), codes(text)]).toEqual([[415], ['content_encoding_unsupported']])
    }
  })

  it('B33 headers of more than 16 KiB, in one or in many, are refused', async () => {
    for (const lines of [[`X-A: ${'a'.repeat(17_000)}`], Array.from({ length: 2_000 }, (_, n) => `X-${n}: a`)]) {
      const text = await exchange(open.port, whole(undefined, lines))
      expect([statuses(text), codes(text)]).toEqual([[431], ['headers_too_large']])
    }
  })

  it.each(['200-weird', '100-continue, 200-weird', 'a'])('B56 Expect: %s is refused', async (expectation) => {
    const text = await exchange(open.port, head([`Expect: ${expectation}`, `Content-Length: ${body.length}`]) + body)
    // Node asks for the body of a list that has 100-continue in it; it is not read.
    expect([statuses(text).at(-1), codes(text)]).toEqual([417, ['expectation_unknown']])
    expect(text).toMatch(/^connection: close\r$/im)
    expect(open.edge.psp.calls.length).toBe(calls)
  })

  it('B56 Expect: 100-continue is met', async () => {
    const text = await exchange(
      open.port,
      head(['Expect: 100-continue', `Content-Length: ${body.length}`, last]) + body,
    )
    expect(statuses(text)).toEqual([100, 201])
  })
})

describe('slow and vanishing clients', () => {
  const fast = { headersTimeoutMs: 300, requestTimeoutMs: 600, connectionsCheckMs: 30 }

  it('B30 a body shorter than it says: 408', async () => {
    const slow = await listen({ gateway: { timeouts: fast } })
    try {
      const text = await exchange(slow.port, head([`Content-Length: ${body.length + 1}`]) + body)
      expect([statuses(text), codes(text)]).toEqual([[408], ['request_timeout']])
      expect(slow.edge.psp.calls).toEqual([])
    } finally {
      await slow.edge.close()
    }
  })

  it('B53 hundreds of connections that say a byte now and then are closed in time, others are served meanwhile', async () => {
    const slow = await listen({ gateway: { timeouts: fast } })
    try {
      const sockets: Socket[] = []
      const closed: Promise<string>[] = []
      for (let n = 0; n < 300; n += 1) {
        const socket = connect(slow.port, '127.0.0.1')
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1')
        })
        socket.on('error', () => undefined)
        closed.push(new Promise((resolve) => socket.on('close', () => resolve(text))))
        sockets.push(socket)
      }
      const bytes = head([`Content-Length: ${body.length}`])
      let sent = 0
      const drip = setInterval(() => {
        const byte = bytes[sent++]
        for (const socket of sockets) if (socket.writable && byte !== undefined) socket.write(byte)
      }, 50)
      const text = await exchange(slow.port, whole('while-others-drip', [last]))
      expect(statuses(text)).toEqual([201])
      const answers = await Promise.all(closed)
      clearInterval(drip)
      for (const answer of answers) expect([408, undefined]).toContain(statuses(answer)[0])
      expect(answers.filter((answer) => statuses(answer)[0] === 408).length).toBeGreaterThan(250)
      expect(slow.edge.psp.calls).toHaveLength(1)
    } finally {
      await slow.edge.close()
    }
  })

  it('B54 the same create twice in one go on one connection: one charge; the second is in use, then it is the replay', async () => {
    const before = open.edge.psp.calls.length
    const text = await exchange(open.port, whole('pipelined') + whole('pipelined', [last]))
    expect(statuses(text)[0]).toBe(201)
    expect([201, 409]).toContain(statuses(text)[1])
    expect(await exchange(open.port, whole('pipelined', [last]))).toMatch(/^idempotent-replayed: true\r$/im)
    expect(open.edge.psp.calls.length).toBe(before + 1)
  })

  it('B55 a client that is gone before the answer: the payment is made, the repeat gets it', async () => {
    const waiting = await listen({ psp: { latencyMs: 1_000 } })
    try {
      const { edge, port } = waiting
      const socket = connect(port, '127.0.0.1', () => socket.write(whole('gone')))
      while (edge.psp.calls.length === 0) await edge.settle()
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.destroy()
      await closed
      await edge.pass(1_100)
      const text = await exchange(port, whole('gone', [last]))
      expect(statuses(text)).toEqual([201])
      expect(text).toMatch(/^idempotent-replayed: true\r$/im)
      expect(edge.psp.calls).toHaveLength(1)
    } finally {
      await waiting.edge.close()
    }
  })
})
