import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { HttpClient, type HttpLimits, type HttpResult } from './client.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Peer {
  readonly origin: string
  /** Everything that arrived, all connections together. */
  received(): string
  connections(): number
}

/** A TCP server that does with each connection what the test says, once it has seen a whole request head. */
async function peer(onRequest: (socket: Socket, count: number) => void): Promise<Peer> {
  let received = ''
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    let head = ''
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      head = ''
      onRequest(socket, received.split('POST /').length - 1)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { origin: `http://127.0.0.1:${portOf(server)}`, received: () => received, connections: () => connections }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on a port')
  return address.port
}

function clientOf(origin: string, limits: Partial<HttpLimits> = {}, clock: Clock = systemClock): HttpClient {
  const client = new HttpClient({ origin, allowedOrigins: [origin], clock, limits: { deadlineMs: 2_000, ...limits } })
  cleanups.push(() => client.close())
  return client
}

const request = { method: 'POST', path: '/pay', headers: { 'x-test': '1' }, body: 'amount=1' } as const
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

async function exchangeWith(onRequest: (socket: Socket) => void, limits?: Partial<HttpLimits>): Promise<HttpResult> {
  const { origin } = await peer(onRequest)
  return clientOf(origin, limits).exchange(request)
}

describe('what is certainly not delivered', () => {
  it('is a request to a port where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = portOf(server)
    server.close()
    await once(server, 'close')
    expect(await clientOf(`http://127.0.0.1:${port}`).exchange(request)).toEqual({
      kind: 'not_delivered',
      reason: 'connection_refused',
    })
  })

  it('is a request to a name that nobody has', async () => {
    expect(await clientOf('http://psp.invalid').exchange(request)).toEqual({
      kind: 'not_delivered',
      reason: 'dns_failed',
    })
  })

  it('is a request whose TLS handshake fails', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.resume().end('this is not TLS\r\n\r\n')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(async () => once(server.close(), 'close'))
    expect(await clientOf(`https://127.0.0.1:${portOf(server)}`).exchange(request)).toEqual({
      kind: 'not_delivered',
      reason: 'tls_failed',
    })
  })

  it('is a request whose connection is not ready in time', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    })
    const origin = `https://127.0.0.1:${portOf(server)}` // accepts, and never answers the handshake
    const result = await clientOf(origin, { connectTimeoutMs: 100 }).exchange(request)
    expect(result).toEqual({ kind: 'not_delivered', reason: 'connect_timeout' })
    const overdue = await clientOf(origin, { deadlineMs: 100, connectTimeoutMs: 300 }).exchange(request)
    expect(overdue).toEqual({ kind: 'not_delivered', reason: 'connect_timeout' })
  })

  it('is a request whose time had passed right before its first byte', async () => {
    const { origin, received } = await peer((socket) => socket.end(ok))
    let calls = 0
    // In time when asked for, too late when the connection is there.
    const clock: Clock = { ...systemClock, now: () => (calls++ === 0 ? 1_000 : 2_000) }
    expect(await clientOf(origin, {}, clock).exchange(request, 1_500)).toEqual({
      kind: 'not_delivered',
      reason: 'too_late',
    })
    expect(received()).toBe('')
  })

  it('is a request that found no turn: the queue full, or the wait too long', async () => {
    const { origin, received } = await peer(() => undefined)
    const client = clientOf(origin, { connections: 1, queueMax: 1, queueWaitMs: 50, deadlineMs: 400 })
    const first = client.exchange(request)
    const second = client.exchange(request)
    const third = client.exchange(request)
    expect(await third).toEqual({ kind: 'not_delivered', reason: 'bulkhead_full' })
    expect(await second).toEqual({ kind: 'not_delivered', reason: 'queue_expired' })
    expect(await client.exchange(request, systemClock.now() + 20)).toEqual({
      kind: 'not_delivered',
      reason: 'too_late',
    })
    expect(await first).toEqual({ kind: 'lost', reason: 'timeout' })
    expect(received().match(/POST/g)).toHaveLength(1)
  })

  it('is a request to a client that was closed', async () => {
    const { origin } = await peer((socket) => socket.end(ok))
    const client = clientOf(origin)
    await client.close()
    expect(await client.exchange(request)).toEqual({ kind: 'not_delivered', reason: 'closing' })
  })
})

describe('what is lost, and may have been executed,', () => {
  it('is a request whose connection is reset once it was read', async () => {
    const result = await exchangeWith((socket) => socket.resetAndDestroy())
    expect(result).toEqual({ kind: 'lost', reason: 'connection_lost' })
  })

  it('is a request whose answer is reset in its middle', async () => {
    const result = await exchangeWith((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.resetAndDestroy())
    })
    expect(result).toEqual({ kind: 'lost', reason: 'connection_lost' })
  })

  it('is a request whose answer ends before its promised length', async () => {
    const result = await exchangeWith((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
    expect(result).toEqual({ kind: 'lost', reason: 'connection_lost' })
  })

  it('is a request that is never answered, and an answer after the deadline changes nothing', async () => {
    let late: Socket | undefined
    const { origin, received } = await peer((socket) => {
      late = socket
    })
    const began = performance.now()
    const result = await clientOf(origin, { deadlineMs: 150 }).exchange(request)
    expect(result).toEqual({ kind: 'lost', reason: 'timeout' })
    expect(performance.now() - began).toBeLessThan(10_000)
    late?.write(ok)
    expect(received().match(/POST/g)).toHaveLength(1)
  })

  it('is a request whose answer drips past the deadline', async () => {
    const timers: NodeJS.Timeout[] = []
    const result = await exchangeWith(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
        timers.push(setInterval(() => socket.write('x'), 10))
      },
      { deadlineMs: 150 },
    )
    for (const timer of timers) clearInterval(timer)
    expect(result).toEqual({ kind: 'lost', reason: 'timeout' })
  })

  it('is a request whose answer is larger than an answer can be', async () => {
    const result = await exchangeWith((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n')
      socket.write(Buffer.alloc(10_000_000, 120))
    })
    expect(result).toEqual({ kind: 'lost', reason: 'unreadable_answer' })
  })

  it('is a request that something else than an HTTP server answers', async () => {
    const result = await exchangeWith((socket) => socket.end('220 mail.example ESMTP\r\n'))
    expect(result).toEqual({ kind: 'lost', reason: 'unreadable_answer' })
  })
})

describe('an exchange', () => {
  it('hands back status, headers and body, also after informational answers', async () => {
    const result = await exchangeWith((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
      socket.write('HTTP/1.1 402 Payment Required\r\nrequest-id: req_1\r\ncontent-length: 4\r\n\r\n{"a"')
    })
    if (result.kind !== 'answer') throw new Error(`answered, not ${result.kind}`)
    expect(result.status).toBe(402)
    expect(result.headers['request-id']).toBe('req_1')
    expect(result.body.toString()).toBe('{"a"')
  })

  it('does not follow a redirect', async () => {
    const elsewhere = await peer((socket) => socket.end(ok))
    const result = await exchangeWith((socket) => {
      socket.end(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${elsewhere.origin}/pay\r\ncontent-length: 0\r\n\r\n`)
    })
    expect(result).toMatchObject({ kind: 'answer', status: 307 })
    expect(elsewhere.connections()).toBe(0)
  })

  it('is never repeated on another connection, not even after one that the server had closed', async () => {
    const { origin, received } = await peer((socket, count) => {
      if (count === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok')
      else socket.resetAndDestroy()
    })
    const client = clientOf(origin, { connections: 1 })
    expect(await client.exchange(request)).toMatchObject({ kind: 'answer', status: 200 })
    expect(await client.exchange(request)).toEqual({ kind: 'lost', reason: 'connection_lost' })
    expect(received().match(/POST/g)).toHaveLength(2)
  })

  it('shares at most the set number of connections, each used for one request at a time', async () => {
    let atOnce = 0
    let most = 0
    const { origin, connections } = await peer((socket) => {
      atOnce += 1
      most = Math.max(most, atOnce)
      setTimeout(() => {
        atOnce -= 1
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      }, 5)
    })
    const client = clientOf(origin, { connections: 4 })
    const results = await Promise.all(Array.from({ length: 40 }, () => client.exchange(request)))
    expect(results.every((result) => result.kind === 'answer')).toBe(true)
    expect(most).toBe(4)
    expect(connections()).toBe(4)
  })

  it('that is on its way is finished before the client closes', async () => {
    const { origin } = await peer((socket) => setTimeout(() => socket.write(ok), 50))
    const client = clientOf(origin)
    const running = client.exchange(request)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await client.close()
    expect(await running).toMatchObject({ kind: 'answer', status: 200 })
  })
})
