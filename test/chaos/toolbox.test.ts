/** The faults themselves: a fault that does not happen proves nothing about what withstands it. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlive } from '../../persistence/os-process.ts'
import { freePort } from '../support/ports.ts'
import { startPostgres } from '../support/postgres.ts'
import { SmallDisk, SyncFaults } from './support/disk-faults.ts'
import { blockLoop, exhaustHeap, inspectable } from './support/inspector.ts'
import { type Host, PrivateNetwork } from './support/private-network.ts'
import { Program } from './support/program.ts'
import { hindrance, tool, whySkipped } from './support/tools.ts'
import { until } from './support/until.ts'
import { MovableWallClock } from './support/wall-clock.ts'

const peer = 'test/chaos/support/toolbox-peer.ts'
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shardpay-chaos-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

const noNetwork = hindrance('network namespaces')
describe.skipIf(noNetwork !== undefined)(`a private network${whySkipped(noNetwork)}`, () => {
  let network: PrivateNetwork
  let hosts: [Host, Host]
  let peers: [Program, Program]

  beforeAll(async () => {
    network = await PrivateNetwork.create()
    hosts = [await network.addHost(), await network.addHost()]
    const start = ({ address, enter }: Host): Promise<Program> =>
      Program.start({ name: address, file: peer, args: [address], enter })
    peers = [await start(hosts[0]), await start(hosts[1])]
  })

  afterAll(async () => {
    for (const each of peers ?? []) await each.end()
    await network?.remove()
    expect(await tool('ip', 'netns', 'list')).not.toContain(hosts?.[0].namespace)
  })

  /** Whether a datagram arrives; sent again until it does, for at most `ms`. */
  async function reaches(from: 0 | 1, to: 0 | 1, ms: number): Promise<boolean> {
    const text = `${from}-${to}-${process.hrtime.bigint()}`
    const receiver = peers[to]
    return until(
      () => {
        peers[from].tell(`send ${hosts[to].address} ${String(receiver.ready['udp'])} ${text}`)
        return receiver.said.some((line) => line.includes(text))
      },
      { withinMs: ms, everyMs: 25 },
    ).then(
      () => true,
      () => false,
    )
  }

  /** How a new connection from the test to the first host ends. */
  function connecting(): Promise<string> {
    const socket = connect({ host: hosts[0].address, port: Number(peers[0].ready['tcp']), timeout: 500 })
    return new Promise((resolve) => {
      socket.once('connect', () => resolve('connected'))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      socket.once('timeout', () => resolve('silence'))
    }).then((how) => {
      socket.destroy()
      return String(how)
    })
  }

  test('carries both ways until it is cut', async () => {
    expect(await reaches(0, 1, 5_000)).toBe(true)
    expect(await reaches(1, 0, 5_000)).toBe(true)
  })

  test('a cut of what a host hears leaves what it says', async () => {
    await hosts[0].cut({ direction: 'in', how: 'drop' })
    expect(await reaches(1, 0, 300)).toBe(false)
    // its question for the other's address was answered before: the rule is about the internet protocol
    expect(await reaches(0, 1, 5_000)).toBe(true)
    await hosts[0].heal()
    expect(await reaches(1, 0, 5_000)).toBe(true)
  })

  test('a cut of what a host says leaves what it hears', async () => {
    await hosts[0].cut({ direction: 'out', how: 'drop' })
    expect(await reaches(0, 1, 300)).toBe(false)
    expect(await reaches(1, 0, 5_000)).toBe(true)
    await hosts[0].heal()
  })

  test('a cut towards one address leaves the others', async () => {
    await hosts[0].cut({ direction: 'both', how: 'drop', peers: [hosts[1].address] })
    expect(await reaches(0, 1, 300)).toBe(false)
    expect(await connecting()).toBe('connected')
    await hosts[0].heal()
  })

  test('a service behind the loopback of a host is reached, and cut with its address', async () => {
    const service = createServer((_, response) => response.end('here')).listen(0, network.address)
    await once(service, 'listening')
    const { port } = service.address() as AddressInfo
    await hosts[0].forwardLoopback(port, network.address)
    const ask = (): Promise<string> => tool(...hosts[0].enterWith('curl', '-sm', '1', `http://127.0.0.1:${port}`))
    try {
      expect(await ask()).toBe('here')
      await hosts[0].cut({ direction: 'both', how: 'drop', peers: [network.address] })
      await expect(ask()).rejects.toThrow('curl')
    } finally {
      await hosts[0].heal()
      service.close()
    }
  })

  test('drop is silence, reset is a refusal at once, also for a connection that is open', async () => {
    const open = connect({ host: hosts[0].address, port: Number(peers[0].ready['tcp']) })
    await once(open, 'connect')
    await hosts[0].cut({ direction: 'in', how: 'drop', peers: [network.address] })
    expect(await connecting()).toBe('silence')
    await hosts[0].heal()
    await hosts[0].cut({ direction: 'in', how: 'reset', peers: [network.address] })
    expect(await connecting()).toBe('ECONNREFUSED')
    open.write('x')
    const [error] = (await once(open, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    await hosts[0].heal()
    expect(await connecting()).toBe('connected')
  })
})

const noFaketime = hindrance('faketime')
test.skipIf(noFaketime !== undefined)(
  `a wall clock jumps under a running process, its monotonic clock goes on${whySkipped(noFaketime)}`,
  async () => {
    const clock = await MovableWallClock.create(join(directory, 'clock'))
    const program = await Program.start({ name: 'clock', file: peer, env: clock.env })
    const read = async (): Promise<{ wall: number; monotonic: number }> => {
      const before = program.said.length
      program.tell('clocks')
      await until(() => program.said.length > before)
      return JSON.parse(program.said.at(-1) ?? '') as { wall: number; monotonic: number }
    }
    try {
      for (const jump of [3_600, -3_600]) {
        await clock.shift(0)
        const before = await read()
        await clock.shift(jump)
        const after = await read()
        const passed = after.monotonic - before.monotonic
        expect(passed).toBeGreaterThanOrEqual(0)
        expect(passed).toBeLessThan(60_000)
        expect(Math.abs(after.wall - before.wall - passed - jump * 1_000)).toBeLessThan(1_000)
      }
    } finally {
      await program.end()
    }
  },
)

test('a frozen process says nothing until it is woken, and a frozen one can be ended', async () => {
  const program = await Program.start({ name: 'frozen', file: peer })
  program.freeze()
  program.tell('clocks')
  await until(async () => (await tool('ps', '-o', 'stat=', '-p', String(program.pid))).startsWith('T'))
  expect(program.said).toEqual([])
  program.wake()
  await until(() => program.said.length === 1)
  program.freeze()
  expect(await program.end()).toBe('SIGKILL')
  expect(await isAlive(program.pid)).toBe(false)
})

test('a loop stands still for as long as told, and a heap is used up until the process dies of it', async () => {
  const port = await freePort()
  const env = { NODE_OPTIONS: `${inspectable('127.0.0.1', port)['NODE_OPTIONS']} --max-old-space-size=64` }
  const program = await Program.start({ name: 'victim', file: peer, env })
  await blockLoop('127.0.0.1', port, 1_000)
  const began = performance.now()
  program.tell('clocks')
  await until(() => program.said.length === 1)
  expect(performance.now() - began).toBeGreaterThan(500)
  await exhaustHeap('127.0.0.1', port)
  expect(await program.ended).toBe('SIGABRT')
})

const noStrace = hindrance('strace')
describe.skipIf(noStrace !== undefined)(`a Postgres server’s disk${whySkipped(noStrace)}`, () => {
  test('is slow for as long as the fault lasts, then fast; a sync that fails ends every session', async () => {
    const postgres = await startPostgres({ settings: { fsync: 'on' } })
    const client = new Client({ connectionString: postgres.url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('CREATE TABLE t (n int)')
      const commit = async (): Promise<number> => {
        const began = performance.now()
        await client.query('INSERT INTO t VALUES (1)')
        return performance.now() - began
      }
      const slow = await SyncFaults.inject(postgres.pid, { kind: 'slow', ms: 300 })
      expect(await commit()).toBeGreaterThan(290)
      await slow.end()
      expect(slow.hits).toBeGreaterThan(0)
      expect(Math.min(await commit(), await commit(), await commit())).toBeLessThan(290)
      const fails = await SyncFaults.inject(postgres.pid, { kind: 'fails' })
      await expect(commit()).rejects.toThrow('could not fdatasync')
      await fails.end()
      expect(fails.hits).toBe(1)
    } finally {
      await client.end().catch(() => undefined)
      await postgres.stop()
    }
  })
})

const noTmpfs = hindrance('tmpfs')
test.skipIf(noTmpfs !== undefined)(`a small disk is full until it is freed${whySkipped(noTmpfs)}`, async () => {
  const disk = await SmallDisk.mount(join(directory, 'disk'), 8)
  try {
    await disk.fill()
    await expect(writeFile(join(disk.directory, 'x'), Buffer.alloc(65_536))).rejects.toMatchObject({ code: 'ENOSPC' })
    await disk.free()
    await writeFile(join(disk.directory, 'x'), Buffer.alloc(65_536))
  } finally {
    await disk.unmount()
  }
})
