import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { VirtualClock } from '../../runtime/clock.ts'
import { feedLimits } from './feed-limits.ts'
import type { FeedChange, FeedMessage, FeedSnapshot } from './feed-messages.ts'
import { bearer, testOperators, type TestOperators } from './testing.ts'
import { hashOf, OperatorTokens } from './tokens.ts'

const protocol = 'shardpay.feed.v1'
const opened: { end(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.end()
})

interface Served extends TestOperators {
  readonly clock: VirtualClock
  readonly port: number
}

async function serve(more: Parameters<typeof testOperators>[0] = {}): Promise<Served> {
  const clock = new VirtualClock()
  const edge = testOperators(more, clock)
  await edge.app.listen({ host: '127.0.0.1', port: 0 })
  opened.push({ end: () => edge.app.close() })
  return { ...edge, clock, port: (edge.app.server.address() as AddressInfo).port }
}

class Client {
  readonly messages: FeedMessage[] = []
  readonly closed: Promise<number>
  readonly socket: WebSocket

  constructor(
    port: number,
    protocols: readonly string[],
    headers: Readonly<Record<string, string>>,
    path = '/ops/v1/feed',
  ) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], { headers })
    this.socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as FeedMessage))
    // a refused upgrade, or a frame that the server answers by closing
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
    opened.push({ end: () => Promise.resolve(this.socket.terminate()) })
  }

  async message<Message extends FeedMessage>(number: number): Promise<Message> {
    await vi.waitFor(() => expect(this.messages.length).toBeGreaterThanOrEqual(number), 10_000)
    return this.messages[number - 1] as Message
  }
}

const listen = (served: Served): Client => new Client(served.port, [protocol], bearer('viewer'))

/** What an upgrade is refused with. */
async function refused(port: number, protocols: readonly string[], headers = {}, path?: string): Promise<string> {
  const { socket } = new Client(port, protocols, headers, path)
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    AsyncIterable<Buffer> & { statusCode: number },
  ]
  let text = ''
  for await (const chunk of response) text += chunk.toString()
  return `${response.statusCode} ${(JSON.parse(text) as { error: { code: string } }).error.code}`
}

async function ticketOf({ app }: Served): Promise<string> {
  const answer = await app.inject({ method: 'POST', url: '/ops/v1/feed-ticket', headers: bearer('viewer') })
  expect(answer.statusCode).toBe(201)
  return answer.json<{ ticket: string }>().ticket
}

describe('the feed', () => {
  test('says all at first, and then once a second what changed', async () => {
    const served = await serve()
    const client = listen(served)
    const snapshot = await client.message<FeedSnapshot>(1)
    expect(snapshot.shards.nodes).toEqual(['node-1', 'node-2', 'node-3'])
    expect(snapshot.shards.owners).toHaveLength(1_024)
    expect(snapshot.cluster.commands_per_second).toBe(360)

    served.cluster.give(0, 'node-3')
    served.cluster.pins.set(0, 'node-3')
    served.cluster.leases = served.cluster.leases.slice(1)
    served.clock.advance(feedLimits.everyMs)
    const change = await client.message<FeedChange>(2)
    expect(change.type).toBe('change')
    expect(change.owners.slice(0, 3)).toEqual([
      [0, 'node-3'],
      [3, null],
      [6, null],
    ])
    expect(change.pinned).toEqual([0])

    served.clock.advance(feedLimits.everyMs)
    expect(await client.message<FeedChange>(3)).toMatchObject({ type: 'change', owners: [] })
  })

  test('looks at the cluster only while somebody listens', async () => {
    const served = await serve()
    const client = listen(served)
    await client.message(1)
    expect(served.clock.pending).toBeGreaterThan(0)
    client.socket.close()
    await client.closed
    await vi.waitFor(() => {
      served.clock.advance(feedLimits.everyMs)
      expect(served.clock.pending).toBe(0)
    }, 10_000)
  })
})

describe('who may listen to the feed (B71)', () => {
  test('nobody without a token or ticket, with one in the address, or from a page of another origin', async () => {
    const { port } = await serve()
    const here = `http://127.0.0.1:${port}`
    expect(await refused(port, [protocol])).toBe('401 operator_token_invalid')
    expect(await refused(port, [protocol], {}, '/ops/v1/feed?token=x')).toBe('404 route_not_found')
    expect(await refused(port, [protocol], { ...bearer('viewer'), origin: 'https://elsewhere.example' })).toBe(
      '403 origin_not_allowed',
    )
    expect(await refused(port, [protocol, 'ticket.00'], { origin: here })).toBe('401 operator_token_invalid')
    expect(await refused(port, [protocol], {}, '/elsewhere')).toBe('404 route_not_found')
  })

  test('a page of this origin with a ticket, once and for half a minute', async () => {
    const served = await serve()
    const headers = { origin: `http://127.0.0.1:${served.port}` }
    const protocols = [protocol, `ticket.${await ticketOf(served)}`]
    expect(await refused(served.port, protocols)).toBe('403 origin_not_allowed')
    const client = new Client(served.port, protocols, headers)
    expect(await client.message(1)).toMatchObject({ type: 'snapshot' })
    expect(client.socket.protocol).toBe(protocol)
    expect(await refused(served.port, protocols, headers)).toBe('401 operator_token_invalid')

    const late = [protocol, `ticket.${await ticketOf(served)}`]
    served.clock.advance(30_000)
    expect(await refused(served.port, late, headers)).toBe('401 operator_token_invalid')
  })

  test('tickets that nobody uses are bounded', async () => {
    const served = await serve()
    for (let index = 0; index < 64; index += 1) await ticketOf(served)
    const answer = await served.app.inject({ method: 'POST', url: '/ops/v1/feed-ticket', headers: bearer('viewer') })
    expect([answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([
      429,
      'feed_tickets_exhausted',
    ])
  })

  test('whoever’s token ends is closed with 4401, as is a session of eight hours', async () => {
    const token = 'short-lived-token-0123456789'
    const expiresAt = new VirtualClock().now() + 5_000
    const tokens = new OperatorTokens([{ role: 'viewer', name: 'v', hash: hashOf(token), expiresAt }])
    const served = await serve({ tokens })
    const client = new Client(served.port, [protocol], { authorization: `Bearer ${token}` })
    await client.message(1)
    served.clock.advance(5_000)
    expect(await client.closed).toBe(4401)
    expect(await refused(served.port, [protocol], { authorization: `Bearer ${token}` })).toBe(
      '401 operator_token_invalid',
    )
  })
})

describe('what a client of the feed may say (B72-B74)', () => {
  test('ping, and nothing else: the third mistake closes it', async () => {
    const client = listen(await serve())
    await client.message(1)
    client.socket.send('{"type":"ping"}')
    expect(await client.message(2)).toEqual({ type: 'pong' })
    client.socket.send(Buffer.from([1, 2]))
    client.socket.send('{')
    client.socket.send('{"type":"subscribe"}')
    expect(await client.closed).toBe(1008)
    expect(client.messages.slice(2)).toEqual([
      { type: 'error', code: 'message_not_text' },
      { type: 'error', code: 'message_invalid' },
      { type: 'error', code: 'message_type_unknown' },
    ])
  })

  test('no more than ten messages a second', async () => {
    const client = listen(await serve())
    await client.message(1)
    for (let index = 0; index <= feedLimits.messagesPerSecondMax; index += 1) client.socket.send('{"type":"ping"}')
    expect(await client.closed).toBe(1008)
  })

  test('no frame of 2 MB, no broken UTF-8, no unmasked or reserved frame', async () => {
    const served = await serve()
    const large = listen(served)
    await large.message(1)
    large.socket.send('x'.repeat(2_000_000))
    expect(await large.closed).toBe(1009)

    for (const [frame, code] of [
      [Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]), 1007],
      [Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
      [Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ] as const) {
      const client = listen(served)
      await client.message(1)
      // past the client's own framing
      ;(client.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(frame)
      expect(await client.closed).toBe(code)
    }
  })

  test('one that does not read is spared, then dropped, and the server keeps little for it', async () => {
    const served = await serve()
    served.cluster.takeovers.push(
      ...Array.from({ length: 50 }, (_, at) => ({
        ...{ from: { node: 'n'.repeat(24), incarnation: 'i'.repeat(20) }, by: 'node-1', shards: 1, at, tookMs: 1 },
      })),
    )
    const socket = connect(served.port, '127.0.0.1')
    socket.on('error', () => undefined)
    opened.push({ end: () => Promise.resolve(socket.destroy()) })
    const authorization = `Authorization: ${bearer('viewer').authorization}`
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    const upgrade = [
      'GET /ops/v1/feed HTTP/1.1',
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ]
    socket.write([...upgrade, key, authorization, '', ''].join('\r\n'))
    await once(socket, 'data')
    socket.pause()
    let ended = false
    const accepted = await new Promise<number>((resolve) =>
      served.app.server.getConnections((_error, count) => resolve(count)),
    )
    expect(accepted).toBe(1)
    // the kernel's buffers fill up first, a few megabytes
    for (let second = 0; second < 5_000 && !ended; second += 1) {
      served.clock.advance(feedLimits.everyMs)
      await new Promise((resolve) => setImmediate(resolve))
      ended =
        (await new Promise<number>((resolve) =>
          served.app.server.getConnections((_error, count) => resolve(count)),
        )) === 0
    }
    expect(ended).toBe(true)
  })
})
