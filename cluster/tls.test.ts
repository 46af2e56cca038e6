import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock, VirtualClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'
import { createLinks, type RunningLinks } from './links.ts'
import { nameOf, type Role } from './member.ts'
import { LinkTls, type LinkTlsFiles } from './tls.ts'
import { DevelopmentAuthority, type Issued, type Validity } from './tls-authority.ts'
import { createWsNetwork } from './ws-network.ts'

const hourMs = 3_600_000
const at = (fromMs: number, toMs: number): Validity => ({
  notBefore: new Date(systemClock.now() + fromMs),
  notAfter: new Date(systemClock.now() + toMs),
})
const today = at(-hourMs, hourMs)

let authority: DevelopmentAuthority
let other: DevelopmentAuthority
let directory: string
let open: (() => Promise<void> | void)[]

beforeAll(async () => {
  authority = await DevelopmentAuthority.create('ours', today)
  other = await DevelopmentAuthority.create('theirs', today)
})

beforeEach(() => {
  directory = temporaryDirectory()
  open = []
})

afterEach(async () => {
  for (const close of open) await close()
})

function store(name: string, { certificate, key }: Issued, authorities = authority.certificate): LinkTlsFiles {
  const file = (kind: string, text: string): string => {
    const path = join(directory, `${name}.${kind}`)
    writeFileSync(path, text)
    return path
  }
  return { certFile: file('crt', certificate), keyFile: file('key', key), caFile: file('ca', authorities) }
}

const issue = (node: string, roles: readonly Role[], by = authority, validity = today): Promise<Issued> =>
  by.issue({ node, roles }, validity)

const pairOf = ({ certificate, key }: Issued) => ({ cert: certificate, key })

interface Started {
  readonly links: RunningLinks
  readonly tls: LinkTls
  readonly address: string
  readonly saw: string[]
  readonly rejected: string[]
  readonly peer: { node: string; incarnation: string }
}

async function start(node: string, files: LinkTlsFiles, roles: readonly Role[] = ['node']): Promise<Started> {
  const saw: string[] = []
  const rejected: string[] = []
  const observer = { rejected: (error: Error) => void rejected.push(error.message) }
  const tls = new LinkTls({ files, clock: systemClock, pollMs: 20, observer })
  const links = createLinks({
    self: { node, incarnation: 'a', roles, build: 'test' },
    network: createWsNetwork({
      host: '127.0.0.1',
      port: 0,
      tls,
      turnedAway: (reason) => void saw.push(`turned away ${reason}`),
    }),
    clock: systemClock,
    random: systemRandom,
    observer: {
      refused: (reason) => void saw.push(`refused ${reason}`),
      refusedBy: (reason) => void saw.push(`refused by ${reason}`),
      dialFailed: () => void saw.push('dial failed'),
    },
  })
  links.on({
    up: ({ peer }) => void saw.push(`up ${nameOf(peer)}`),
    down: ({ peer }, end) => void saw.push(`down ${nameOf(peer)} ${end}`),
  })
  links.onCall('echo', (_from, body) => Promise.resolve(body))
  const address = await links.listen()
  open.push(async () => {
    tls.close()
    await links.close()
  })
  return { links, tls, address, saw, rejected, peer: { node, incarnation: 'a' } }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let round = 0; round < 2_000 && !condition(); round += 1) await pause(5)
  expect(condition(), what).toBe(true)
}

describe('links under TLS', () => {
  test('are made between certificates of one authority that name the processes', async () => {
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    const gateway = await start('gateway-1', store('b', await issue('gateway-1', ['gateway'])), ['gateway'])
    gateway.links.connectTo([{ ...a.peer, address: a.address }])
    await until('the link is up', () => gateway.saw.length > 0)
    expect(gateway.saw).toEqual(['up node-1/a'])
    expect(await gateway.links.to(a.peer)?.call('echo', 'x', { timeoutMs: 10_000 })).toBe('x')
  })

  test.each<[string, () => Promise<Issued>, readonly Role[], string]>([
    ['of another authority', () => issue('node-2', ['node'], other), ['node'], 'dial failed'],
    ['that names another node', () => issue('node-9', ['node']), ['node'], 'refused by certificate_node'],
    ['that names another role', () => issue('node-2', ['gateway']), ['node'], 'refused by certificate_role'],
  ])('a dialler with a certificate %s is refused, and no call counts as sent', async (_, certificate, roles, sees) => {
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    // it trusts both, and is a valid pair of files
    const trusted = authority.certificate + other.certificate
    const b = await start('node-2', store('b', await certificate(), trusted), roles)
    b.links.connectTo([{ ...a.peer, address: a.address }])
    await until('it was refused', () => b.saw.length > 0)
    expect(b.saw[0]).toBe(sees)
    expect(b.links.to(a.peer)).toBeUndefined()
    expect(a.saw.filter((each) => each.startsWith('up'))).toEqual([])
  })

  test('a gateway’s certificate where a node was expected is refused by the dialler', async () => {
    const impostor = await start('node-2', store('b', await issue('node-2', ['gateway'])))
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    a.links.connectTo([{ ...impostor.peer, address: impostor.address }])
    await until('it was refused', () => a.saw.length > 0)
    expect(a.saw[0]).toBe('dial failed')
    expect([...a.saw, ...impostor.saw].filter((each) => each.startsWith('up'))).toEqual([])
  })

  test.each<[string, () => Promise<object>]>([
    ['no certificate', () => Promise.resolve({})],
    ['a certificate of another authority', async () => pairOf(await issue('node-2', ['node'], other))],
    [
      'an expired certificate',
      async () => pairOf(await issue('node-2', ['node'], authority, at(-2 * hourMs, -hourMs))),
    ],
    ['one not valid yet', async () => pairOf(await issue('node-2', ['node'], authority, at(hourMs / 2, hourMs)))],
    ['TLS 1.2', async () => ({ ...pairOf(await issue('node-2', ['node'])), maxVersion: 'TLSv1.2' })],
  ])('a client with %s does not get as far as a request', async (_, options) => {
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    const shown = await options()
    const [host, port] = a.address.split(':')
    let heard = ''
    const ended = new Promise<void>((resolve) => {
      const socket = connect({
        host,
        port: Number(port),
        ca: authority.certificate,
        rejectUnauthorized: false,
        ...shown,
      })
      socket.on('secureConnect', () => void socket.write('GET /link HTTP/1.1\r\nhost: x\r\n\r\n'))
      socket.on('data', (data: Buffer) => {
        heard += data.toString()
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve())
    })
    await ended
    expect(heard).toBe('')
    expect(a.saw).toEqual(['turned away tls_handshake'])
  })
})

describe('a change of certificates', () => {
  test('under traffic fails no call: new authority, new certificates, old links recycled', async () => {
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    const b = await start('node-2', store('b', await issue('node-2', ['node'])))
    // a link that is not replaced in twice this time is ended, its calls with it: time enough on a busy machine
    for (const each of [a, b]) each.tls.onChange(() => each.links.recycle(1_000))
    a.links.connectTo([{ ...b.peer, address: b.address }])
    await until('the link is up', () => a.saw.length > 0)
    const failures: unknown[] = []
    let answered = 0
    const stop = new AbortController()
    const traffic = (async () => {
      // not on after a failure: without a link nothing here would ever let another turn begin
      while (!stop.signal.aborted && failures.length === 0) {
        const link = a.links.to(b.peer)
        await (link?.call('echo', answered, { timeoutMs: 10_000 }) ?? Promise.reject(new Error('no link'))).then(
          () => void (answered += 1),
          (error: unknown) => void failures.push(error),
        )
      }
    })()
    const links = () => a.saw.filter((each) => each.startsWith('up')).length
    const both = authority.certificate + other.certificate
    // first both are trusted, then certificates change, then the old authority goes
    const steps: [DevelopmentAuthority, string][] = [
      [authority, both],
      [other, both],
      [other, other.certificate],
    ]
    for (const [by, trusted] of steps) {
      const before = links()
      store('a', await issue('node-1', ['node'], by), trusted)
      store('b', await issue('node-2', ['node'], by), trusted)
      await until('a new link is up', () => links() > before)
      await pause(300)
    }
    stop.abort()
    await traffic
    expect(failures).toEqual([])
    expect(answered).toBeGreaterThan(100)
    expect(a.links.all).toHaveLength(1)
    expect(a.saw.filter((each) => each.startsWith('down') && !each.endsWith('replaced'))).toEqual([])
    // who holds a certificate of the old authority is outside now
    const late = await start('node-3', store('c', await issue('node-3', ['node']), both))
    late.links.connectTo([{ ...a.peer, address: a.address }])
    await until('it was refused', () => late.saw.length > 0)
    expect(late.saw[0]).toBe('dial failed')
  })

  test.each<[string, () => Promise<Issued>, string]>([
    ['expired', () => issue('node-1', ['node'], authority, at(-2 * hourMs, -hourMs)), 'the certificate has expired'],
    [
      'not valid yet',
      () => issue('node-1', ['node'], authority, at(hourMs / 2, hourMs)),
      'the certificate is not valid yet',
    ],
    ['of another authority', () => issue('node-1', ['node'], other), 'the certificate is of another authority'],
    ['of another node', () => issue('node-7', ['node']), 'the certificate names another node than node-1'],
    [
      'without its key',
      async () => ({ ...(await issue('node-1', ['node'])), key: (await issue('x', ['node'])).key }),
      'the key is of another certificate',
    ],
    ['unreadable', () => Promise.resolve({ certificate: 'none', key: 'none' }), 'a file holds no certificate'],
  ])('to one that is %s keeps the old one and says so, once', async (_, certificate, problem) => {
    const a = await start('node-1', store('a', await issue('node-1', ['node'])))
    const before = a.tls.listenOptions()
    store('a', await certificate())
    await until('it was rejected', () => a.rejected.length > 0)
    await pause(60)
    // files are written one after the other, so a mixture may have been seen first
    expect(a.rejected.filter((each) => each === problem)).toHaveLength(1)
    expect(a.rejected.at(-1)).toBe(problem)
    expect(a.tls.listenOptions()).toEqual(before)
    // and a good one later is taken
    const good = await issue('node-1', ['node'])
    store('a', good)
    await until('it was taken', () => a.tls.listenOptions().cert === good.certificate)
  })
})

test('files that cannot be used stop the start', async () => {
  const clock = new VirtualClock(systemClock.now())
  const expired = store('a', await issue('node-1', ['node'], authority, at(-2 * hourMs, -hourMs)))
  expect(() => new LinkTls({ files: expired, clock })).toThrow('expired')
  expect(() => new LinkTls({ files: { ...expired, certFile: join(directory, 'none') }, clock })).toThrow(
    'cannot be read',
  )
  expect(clock.pending).toBe(0)
})

test('the time to expiry is that of the loaded certificate', async () => {
  const clock = new VirtualClock(systemClock.now())
  const tls = new LinkTls({ files: store('a', await issue('node-1', ['node'])), clock })
  expect(Math.abs(tls.expirySeconds - 3_600)).toBeLessThan(60)
  clock.advance(2 * hourMs)
  expect(tls.expirySeconds).toBeLessThan(-3_500)
  tls.close()
})
