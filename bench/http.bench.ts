/**
 * The merchants' API end to end: payments over HTTP through gateway, actors, journal and PSP connector and back, in a
 * closed loop, from a generator in a process of its own. After each cell the journal is read and compared with every
 * answer; anything but 201, and any payment that is not captured exactly once, fails the benchmark.
 */
import { BenchMember } from './support/bench-member.ts'
import { benchMerchants } from './support/bench-merchants.ts'
import { type BenchServer, startBenchServer } from './support/bench-server.ts'
import { type BenchSimulator, startBenchSimulator } from './support/bench-simulator.ts'
import { runBenchmark } from './support/benchmark.ts'
import type { MemberFigures } from './support/cluster-process.ts'
import type { TopFunction } from './support/cpu-profile.ts'
import { Generator, type Load } from './support/http-generator.ts'
import { PaymentCheck } from './support/payment-check.ts'
import { machineBusyMs, treeCpuMs } from './support/process-cpu.ts'
import type { Table } from './support/table.ts'

const connectionsOf = [64, 256, 512] as const
const warmUpSeconds = 2
const cellSeconds = 6
const profiledSeconds = 4
const pspLatencyMs = 5
/** Flags for Node in the server's process: `--node-flags=--max-semi-space-size=64`. */
const flagsPrefix = '--node-flags='
const nodeFlags = process.argv.flatMap((each) =>
  each.startsWith(flagsPrefix) ? each.slice(flagsPrefix.length).split(',') : [],
)
/** Without the simulator. */
const isQuick = process.argv.includes('--quick')

interface Cell {
  readonly psp: string
  readonly connections: number
  readonly load: Load
  readonly before: Spent
  readonly after: Spent
}

interface Rig {
  readonly psp: string
  readonly postgres: BenchServer
  readonly simulator: BenchSimulator | undefined
  readonly server: BenchMember
  readonly check: PaymentCheck
  readonly generator: Generator
  readonly wrong: string[]
  readonly log: (line: string) => void
}

async function withRig(
  options: Omit<Rig, 'server' | 'check'> & { readonly database: string },
  work: (rig: Rig) => Promise<void>,
): Promise<void> {
  const databaseUrl = await options.postgres.createDatabase(options.database)
  const { simulator } = options
  const server = await BenchMember.start(
    {
      name: 'bench',
      roles: ['node', 'gateway'],
      databaseUrl,
      latencyMs: pspLatencyMs,
      ...(simulator && { simulatorUrl: simulator.url }),
    },
    nodeFlags,
  )
  const check = new PaymentCheck(databaseUrl)
  try {
    await server.know(benchMerchants, true)
    await check.connect()
    await work({ ...options, server, check })
  } finally {
    await check.close()
    await server.stop()
  }
}

let loads = 0

/** Load for some seconds, and until everything accepted is answered. */
async function run(rig: Rig, connections: number, seconds: number): Promise<Load> {
  loads += 1
  // A key of digits and separators alone can look like a card number.
  const prefix = `load-${String.fromCharCode(96 + loads)}-`
  const load = await rig.generator.load({ url: rig.server.url, connections, seconds, prefix })
  const { troubles } = await rig.server.settle()
  const where = placeOf(rig, connections)
  for (const [answer, count] of load.others) rig.wrong.push(`${where}: ${count} × ${answer}`)
  for (const trouble of troubles) rig.wrong.push(`${where}: ${trouble}`)
  return load
}

async function verify(rig: Rig, connections: number, answered: readonly string[]): Promise<void> {
  const { payments, wrong } = await rig.check.check(answered, connections)
  const where = placeOf(rig, connections)
  for (const each of wrong) rig.wrong.push(`${where}: ${each}`)
  if (payments === 0) rig.wrong.push(`${where}: no payments`)
}

function placeOf({ psp }: Rig, connections: number): string {
  return `${psp}, ${connections} connections`
}

interface Spent {
  readonly serverMs: number
  readonly postgresMs: number
  readonly simulatorMs: number
  /** Of the whole machine. */
  readonly machineMs: number
  readonly figures: MemberFigures
}

async function spent({ server, postgres, simulator }: Rig): Promise<Spent> {
  const { figures } = await server.settle()
  const simulatorMs = simulator === undefined ? Number.NaN : cpuOf(simulator.pid)
  const machineMs = machineBusyMs()
  return { serverMs: server.cpuMs(), postgresMs: postgres.cpuMs(), simulatorMs, machineMs, figures }
}

function cpuOf(pid: number): number {
  return treeCpuMs(pid) ?? Number.NaN
}

async function measure(rig: Rig, connections: number): Promise<Cell> {
  const warmUp = await run(rig, connections, warmUpSeconds)
  await verify(rig, connections, warmUp.payments)
  const before = await spent(rig)
  const load = await run(rig, connections, cellSeconds)
  const after = await spent(rig)
  await verify(rig, connections, load.payments)
  rig.log(`${placeOf(rig, connections)}: ${Math.round(load.payments.length / load.seconds)} payments/s`)
  return { psp: rig.psp, connections, load, before, after }
}

async function profiled(rig: Rig, connections: number): Promise<readonly TopFunction[]> {
  const [top, load] = await Promise.all([
    rig.server.profile(profiledSeconds * 1000),
    run(rig, connections, profiledSeconds),
  ])
  await verify(rig, connections, load.payments)
  return top
}

function speedTable(cells: readonly Cell[], generator: string): Table {
  return {
    title: 'Payments per second',
    columns: ['PSP', 'connections', 'payments/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'server busy', generator, 'others'],
    rows: cells.map(({ psp, connections, load, before, after }) => {
      const { seconds, payments, p50, p99, p999, cpuMs } = load
      const busy = (milliseconds: number): string => `${Math.round(milliseconds / seconds / 10)} %`
      const server = after.serverMs - before.serverMs
      const simulator = Number.isNaN(after.simulatorMs) ? 0 : after.simulatorMs - before.simulatorMs
      const ours = server + simulator + after.postgresMs - before.postgresMs + cpuMs
      const others = busy(after.machineMs - before.machineMs - ours)
      return [psp, connections, payments.length / seconds, p50, p99, p999, busy(server), busy(cpuMs), others]
    }),
  }
}

function costTable(cells: readonly Cell[]): Table {
  return {
    title: 'Cost of one payment',
    columns: [
      'PSP',
      'connections',
      'server µs',
      'of it garbage collection µs',
      'Postgres µs',
      'generator µs',
      'simulator µs',
      'decisions per flush',
      'ms per flush',
    ],
    rows: cells.map(({ psp, connections, load, before, after }) => {
      const each = (milliseconds: number): number => (milliseconds * 1000) / load.payments.length
      const flushes = after.figures.flushes - before.figures.flushes
      return [
        psp,
        connections,
        each(after.serverMs - before.serverMs),
        each(after.figures.gcMs - before.figures.gcMs),
        each(after.postgresMs - before.postgresMs),
        each(load.cpuMs),
        Number.isNaN(after.simulatorMs) ? 0 : each(after.simulatorMs - before.simulatorMs),
        (after.figures.decisions - before.figures.decisions) / flushes,
        ((after.figures.flushSeconds - before.figures.flushSeconds) * 1000) / flushes,
      ]
    }),
  }
}

await runBenchmark({
  name: 'http',
  title: 'The merchants’ API, end to end',
  method: `A closed loop of payments over HTTP, ${cellSeconds} s per figure after ${warmUpSeconds} s of warm-up: a fresh idempotency key each, ${benchMerchants.length} merchants by turns, authorized and captured in one step, so that a payment is two decisions made durable apart, and a call to a PSP between them. The server is one process, put together as \`bin/server.ts\` does it; its PSP is either a connector in that process that answers after ${pspLatencyMs} ms, or the simulated Stripe, a process of its own, over its wire. Postgres is on the same machine with fsync and synchronous_commit on. After each load, warm-up included, the journal is read: every payment that was answered with 201 is there once, captured in full by one attempt, there is no other answer, and positions and sequences have no gaps.`,
  async run(log) {
    const postgres = await startBenchServer()
    const generator = await Generator.create(
      benchMerchants.map(({ apiKey }) => apiKey),
      process.argv.includes('--autocannon') ? 'autocannon' : undefined,
    )
    const simulator = await startBenchSimulator()
    const cells: Cell[] = []
    const wrong: string[] = []
    let top: readonly TopFunction[] = []
    try {
      const common = { postgres, generator, wrong, log }
      await withRig(
        { ...common, psp: 'in process', simulator: undefined, database: 'bench_in_process' },
        async (rig) => {
          for (const connections of connectionsOf) cells.push(await measure(rig, connections))
          top = await profiled(rig, 256)
        },
      )
      if (!isQuick) {
        await withRig({ ...common, psp: 'simulator', simulator, database: 'bench_simulator' }, async (rig) => {
          for (const connections of connectionsOf) cells.push(await measure(rig, connections))
        })
      }
    } finally {
      await simulator.stop()
      await generator.close()
      await postgres.stop()
    }
    return {
      tables: [speedTable(cells, generator.name), costTable(cells)],
      versions: { postgres: postgres.version, [generator.name]: generator.version },
      notes: [
        'Server, Postgres, generator and simulator share the machine: what one of them uses the others do not have. The last three columns of the first table are processor time against time; “others” is what was spent on the machine by nobody here, or taken away by its host.',
        'Latency is that of a closed loop: with n connections it is n divided by the rate, PSP included.',
        'Aim: 8,000 payments/s with the connector in the process.',
        `The profile is of the server with 256 connections and the connector in its process.${nodeFlags.length > 0 ? ` Node’s flags: ${nodeFlags.join(' ')}.` : ''}`,
      ],
      topFunctions: top,
      wrong: wrong.slice(0, 20),
    }
  },
})
