import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { Server as TcpServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import { TcpProxy } from '../test/support/tcp-proxy.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'
import type { Network } from './link.ts'
import { createLinks, type RunningLinks } from './links.ts'
import { describeNetwork, type NetworkHarness } from './network-conformance.ts'
import { LinkTls } from './tls.ts'
import { DevelopmentAuthority } from './tls-authority.ts'
import { createWsNetwork } from './ws-network.ts'

describeNetwork('the network over WebSockets', () => harness())

describeNetwork('the network over WebSockets and TLS', async () => {
  const now = systemClock.now()
  const validity = { notBefore: new Date(now - 60_000), notAfter: new Date(now + 3_600_000) }
  const authority = await DevelopmentAuthority.create('test', validity)
  const { certificate, key } = await authority.issue({ node: 'node-1', roles: ['node'] }, validity)
  const directory = temporaryDirectory()
  const store = (file: string, text: string): string => {
    writeFileSync(join(directory, file), text)
    return join(directory, file)
  }
  const files = {
    certFile: store('crt', certificate),
    keyFile: store('key', key),
    caFile: store('ca', authority.certificate),
  }
  const tls = new LinkTls({ files, clock: systemClock })
  tls.close()
  return harness(tls)
})

function harness(tls?: LinkTls): Promise<NetworkHarness> {
  const networks: Network[] = []
  return Promise.resolve({
    network() {
      const network = createWsNetwork({ host: '127.0.0.1', port: 0, ...(tls !== undefined && { tls }) })
      networks.push(network)
      return network
    },
    // a port that the system gives to nobody
    nowhere: '127.0.0.1:1',
    pass: () => pause(2),
    async close() {
      await Promise.all(networks.map((network) => network.close()))
    },
  })
}

interface Listening {
  readonly network: Network
  readonly address: string
  readonly ended: string[]
  readonly turnedAway: string[]
  readonly accepted: () => number
}

async function listening(): Promise<Listening> {
  const turnedAway: string[] = []
  const network = createWsNetwork({
    host: '127.0.0.1',
    port: 0,
    turnedAway: (reason) => void turnedAway.push(reason),
  })
  const ended: string[] = []
  let accepted = 0
  const address = await network.listen(() => {
    accepted += 1
    return { frame: () => {}, drained: () => {}, ended: (how) => void ended.push(how) }
  })
  return { network, address, ended, turnedAway, accepted: () => accepted }
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 2_000 && !condition(); round += 1) await pause(5)
  expect(condition()).toBe(true)
}

function statusOf(address: string, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`http://${address}${path}`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('only an upgrade of /link without an origin is taken, and others that ask for one are counted', async () => {
  const { network, address, accepted, turnedAway } = await listening()
  const upgrade = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  expect(await statusOf(address, '/link', {})).toBe(426)
  expect(await statusOf(address, '/other', upgrade)).toBe(403)
  expect(await statusOf(address, '/link', { ...upgrade, origin: 'https://example.com' })).toBe(403)
  expect(accepted()).toBe(0)
  expect(turnedAway).toEqual(['request', 'request'])
  await network.close()
})

test('compression is off at both ends, even where a client offers it', async () => {
  const { network, address, accepted } = await listening()
  const client = new WebSocket(`ws://${address}/link`, { perMessageDeflate: true })
  await until(() => client.readyState === WebSocket.OPEN)
  expect(client.extensions).toBe('')
  expect(accepted()).toBe(1)
  client.terminate()
  await network.close()
})

test.each([
  ['a text', (client: WebSocket) => client.send('text')],
  ['more than a frame may have', (client: WebSocket) => client.send(Buffer.alloc(3 * 1024 * 1024))],
  [
    'a frame in pieces',
    (client: WebSocket) => {
      for (const piece of ['a', 'b']) client.send(Buffer.from(piece), { fin: false })
    },
  ],
])('%s ends that connection as malformed', async (_, send) => {
  const { network, address, ended } = await listening()
  const client = new WebSocket(`ws://${address}/link`)
  client.on('error', () => {})
  await until(() => client.readyState === WebSocket.OPEN)
  send(client)
  await until(() => ended.length === 1)
  expect(ended).toEqual(['malformed'])
  await network.close()
})

test('links work over it: a cut connection is a reset, comes back, and only then a refused dial means gone', async () => {
  const saw: string[] = []
  const start = (node: string): RunningLinks =>
    createLinks({
      self: { node, incarnation: 'a', roles: ['node'], build: 'test' },
      network: createWsNetwork({ host: '127.0.0.1', port: 0 }),
      clock: systemClock,
      random: systemRandom,
    })
  const [a, b] = [start('node-1'), start('node-2')]
  b.onCall('echo', (_from, body) => Promise.resolve(body))
  const proxy = new TcpProxy({ targetPort: Number((await b.listen()).split(':')[1]) })
  await proxy.listen()
  a.on({
    up: () => void saw.push('up'),
    down: (_link, end) => void saw.push(`down ${end}`),
    gone: () => void saw.push('gone'),
  })
  const peer = { node: 'node-2', incarnation: 'a' }
  a.connectTo([{ ...peer, address: `127.0.0.1:${proxy.port}` }])
  await until(() => saw.length === 1)
  expect(await a.to(peer)?.call('echo', { amount: 12n }, { timeoutMs: 10_000 })).toEqual({ amount: 12n })
  proxy.cut()
  await until(() => saw.length === 3)
  expect(saw).toEqual(['up', 'down reset', 'up'])
  await proxy.close()
  await until(() => saw.length === 5)
  expect(saw.slice(3)).toEqual(['down reset', 'gone'])
  await Promise.all([a.close(), b.close()])
})

test('a connection that the system cannot take ends neither the process nor the listener', async () => {
  const listen = vi.spyOn(TcpServer.prototype, 'listen')
  const turnedAway: string[] = []
  const network = createWsNetwork({ host: '127.0.0.1', port: 0, turnedAway: (reason) => void turnedAway.push(reason) })
  const none = { frame: () => undefined, drained: () => undefined, ended: () => undefined }
  const address = await network.listen(() => none)
  const [server] = listen.mock.contexts as TcpServer[]
  listen.mockRestore()
  // as Node tells a failed accept(2): EMFILE, ENOBUFS, or EPERM of a firewall
  server?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' }))
  expect(turnedAway).toEqual(['accept'])
  await expect(network.dial(address, none)).resolves.toBeDefined()
  await network.close()
})
