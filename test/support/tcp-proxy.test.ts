import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

let echo: Server
let proxy: TcpProxy
/** What arrived in this test; connections of the test before may still be ending. */
let server: { received: string; ended: boolean }

beforeEach(async () => {
  const arrived = { received: '', ended: false }
  server = arrived
  echo = createServer((socket) => {
    socket.on('data', (chunk) => {
      arrived.received += chunk.toString('latin1')
      socket.write(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      arrived.ended = true
    })
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const address = echo.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await startTcpProxy({ targetPort: address.port })
})

afterEach(async () => {
  await proxy.close()
  echo.close()
})

async function client(): Promise<Socket & { answers: string }> {
  const socket = Object.assign(connect(proxy.port, '127.0.0.1'), { answers: '' })
  socket.on('data', (chunk: Buffer) => {
    socket.answers += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn()
}

test('bytes pass in both directions', async () => {
  const socket = await client()
  socket.write('hello')
  await until(() => socket.answers === 'hello')
  expect(proxy.connections).toBe(1)
})

test('held bytes wait, in order, with the end of the connection behind them', async () => {
  const socket = await client()
  proxy.hold('to_server')
  socket.write('one ')
  socket.end('two')
  await once(socket, 'finish')
  for (let turn = 0; turn < 50; turn += 1) await nextTurn()
  expect([server.received, server.ended]).toEqual(['', false])
  proxy.resume()
  await until(() => server.ended)
  expect(server.received).toBe('one two')
})

test('a swallowed answer is lost, what was sent is not', async () => {
  const socket = await client()
  proxy.swallow('to_client')
  socket.write('lost')
  await until(() => proxy.swallowedBytes === 4)
  expect(server.received).toBe('lost')
  proxy.resume()
  socket.write(' heard')
  await until(() => socket.answers.includes('heard'))
  expect(socket.answers).not.toContain('lost')
})

test('a cut resets both sides, and so does the limit of bytes', async () => {
  const first = await client()
  proxy.cut()
  await closed(first)
  const second = await client()
  proxy.cutAfter(4, 'to_server')
  second.write('four')
  await closed(second)
  proxy.refuse()
  const third = connect(proxy.port, '127.0.0.1')
  third.on('error', () => undefined)
  await closed(third)
  expect(server.received).toBe('four')
})

test('before, at and after a Sync: what reaches the server, and what the client hears', async () => {
  const sync = 'S\0\0\0\x04'
  const held = await client()
  const reached = proxy.atNextSync('hold_sync')
  held.write(`E${sync}`)
  await reached
  await until(() => server.received === 'E')
  proxy.resume()
  await until(() => server.received === `E${sync}`)

  const before = await client()
  void proxy.atNextSync('cut_before')
  before.write(`F${sync}`)
  await closed(before)
  await until(() => server.received.endsWith('F'))

  const after = await client()
  void proxy.atNextSync('cut_after')
  after.write(`G${sync}`)
  await closed(after)
  expect(server.received.endsWith(`G${sync}`)).toBe(true)
  expect(after.answers).toBe('')
})

test('latency delays bytes', async () => {
  const socket = await client()
  proxy.latency(30)
  const startedAt = performance.now()
  socket.write('slow')
  await until(() => socket.answers === 'slow')
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55)
})
