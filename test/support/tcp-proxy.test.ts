import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

let echo: Server
let proxy: TcpProxy
let received: string
let endedAtServer: boolean

beforeEach(async () => {
  received = ''
  endedAtServer = false
  echo = createServer((socket) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      socket.write(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      endedAtServer = true
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
  expect([received, endedAtServer]).toEqual(['', false])
  proxy.resume()
  await until(() => endedAtServer)
  expect(received).toBe('one two')
})

test('a swallowed answer is lost, what was sent is not', async () => {
  const socket = await client()
  proxy.swallow('to_client')
  socket.write('lost')
  await until(() => received === 'lost')
  proxy.resume()
  socket.write(' heard')
  await until(() => socket.answers.includes('heard'))
  expect(socket.answers).not.toContain('lost')
})

test('a cut resets both sides, and so does the limit of bytes', async () => {
  const first = await client()
  proxy.cut()
  await once(first, 'close')
  const second = await client()
  proxy.cutAfter(4, 'to_server')
  second.write('four')
  await once(second, 'close')
  proxy.refuse()
  const third = await client()
  await once(third, 'close')
})

test('before, at and after a Sync: what reaches the server, and what the client hears', async () => {
  const sync = 'S\0\0\0\x04'
  const held = await client()
  const reached = proxy.atNextSync('hold_sync')
  held.write(`E${sync}`)
  await reached
  await until(() => received === 'E')
  proxy.resume()
  await until(() => received === `E${sync}`)

  const before = await client()
  void proxy.atNextSync('cut_before')
  before.write(`F${sync}`)
  await once(before, 'close')
  await until(() => received.endsWith('F'))

  const after = await client()
  void proxy.atNextSync('cut_after')
  after.write(`G${sync}`)
  await once(after, 'close')
  expect(received.endsWith(`G${sync}`)).toBe(true)
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
