/**
 * Our connectors beside the PSPs' own libraries: the same payments to the same simulator in one run, over TLS as PSPs have it.
 * Each client is a process of its own, so that its processor time is its own; they take turns, best of all rounds. After each
 * turn the simulator's book must show every payment once.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Program, startProgram } from '../../bin/dev/program.ts'
import { type BenchSimulator, startBenchSimulator } from './bench-simulator.ts'
import { shown, type Target } from './cluster-part.ts'
import { treeCpuMs } from './process-cpu.ts'
import type { CallResult, PspClient } from './psp-calling.ts'
import { PspLoad } from './psp-load.ts'
import { type PushingPsp, pushingPsps } from './psp-messages.ts'
import type { Table } from './table.ts'

const frontFile = fileURLToPath(new URL('./psp-tls-front.ts', import.meta.url))
const clients: readonly PspClient[] = ['connector', 'library']
const rounds = 3
const warmUpCalls = 2_000
const concurrency = 32
/** Adyen's library dials for every call: fewer are enough. */
const callsOf = { stripe: 8_000, adyen: 4_000 } as const

export const librariesOf = { stripe: 'stripe', adyen: '@adyen/api-library' } as const

interface Turn {
  readonly psp: PushingPsp
  readonly client: PspClient
  readonly result: CallResult
  /** Simulator and TLS front, for each call. */
  readonly farUs: number
}

interface Rig {
  readonly simulator: BenchSimulator
  readonly front: Program
  readonly loads: ReadonlyMap<string, PspLoad>
  readonly wrong: string[]
  readonly isQuick: boolean
}

export interface ConnectorsResult {
  readonly targets: readonly Target[]
  readonly tables: readonly Table[]
  readonly wrong: readonly string[]
}

export async function measureConnectors(isQuick: boolean, log: (line: string) => void): Promise<ConnectorsResult> {
  const directory = await mkdtemp(join(tmpdir(), 'shardpay-bench-psp-'))
  const certificate = join(directory, 'certificate.pem')
  const simulator = await startBenchSimulator()
  const wrong: string[] = []
  const turns: Turn[] = []
  const show = (line: string): void => console.error(line)
  const front = await startProgram({ name: 'TLS', file: frontFile, args: [simulator.url, certificate], show })
  const loads = new Map(pairs().map(({ psp, client }) => [`${psp} ${client}`, new PspLoad(certificate)]))
  try {
    const rig: Rig = { simulator, front, loads, wrong, isQuick }
    for (const { psp, client } of pairs()) await turn(rig, psp, client, 0)
    for (let round = 1; round <= (isQuick ? 1 : rounds); round += 1) {
      for (const { psp, client } of pairs()) {
        const taken = await turn(rig, psp, client, round)
        turns.push(taken)
        log(`round ${round}: ${psp}, ${client}: ${Math.round(taken.result.perSecond)}/s`)
      }
    }
  } finally {
    for (const load of loads.values()) await load.stop()
    await front.stop(5_000)
    await simulator.stop()
    await rm(directory, { recursive: true })
  }
  return { targets: pushingPsps.map((psp) => cheaper(psp, turns)), tables: [callsTable(turns)], wrong }
}

function pairs(): { readonly psp: PushingPsp; readonly client: PspClient }[] {
  return pushingPsps.flatMap((psp) => clients.map((client) => ({ psp, client })))
}

/** Round 0 warms up. */
async function turn(rig: Rig, psp: PushingPsp, client: PspClient, round: number): Promise<Turn> {
  const { simulator, front, loads, wrong, isQuick } = rig
  const load = loads.get(`${psp} ${client}`)
  if (load === undefined) throw new Error('each pair has a process')
  const calls = round === 0 || isQuick ? warmUpCalls : callsOf[psp]
  const spentMs = (): number => (treeCpuMs(simulator.pid) ?? Number.NaN) + (treeCpuMs(front.pid) ?? Number.NaN)
  const before = spentMs()
  const name = `${psp}-${client}-${round}-`
  const result = await load.call({ psp, client, url: String(front.ready['url']), concurrency, calls, name })
  const farUs = ((spentMs() - before) * 1000) / calls
  const failures = new Map<string, number>()
  for (const failure of result.failed) failures.set(failure, (failures.get(failure) ?? 0) + 1)
  for (const [failure, count] of failures) wrong.push(`${psp}, ${client}: ${count} × ${failure}`)
  wrong.push(...(await notInBook(simulator, result.succeeded)).map((each) => `${psp}, ${client}: ${each}`))
  return { psp, client, result, farUs }
}

interface BookEntry {
  readonly operation: string
  readonly operation_id: string
  readonly effect: boolean
}

/** What of these authorizations the book does not show as having happened once. */
async function notInBook(simulator: BenchSimulator, operations: readonly string[]): Promise<string[]> {
  const response = await fetch(`${simulator.url}/_admin/book`)
  const times = new Map<string, number>()
  for (const line of (await response.text()).split('\n')) {
    if (line === '') continue
    const { operation, operation_id: id, effect } = JSON.parse(line) as BookEntry
    if (operation === 'authorize' && effect) times.set(id, (times.get(id) ?? 0) + 1)
  }
  return operations.flatMap((id) => (times.get(id) === 1 ? [] : [`${id} happened ${times.get(id) ?? 0} times`]))
}

/** The turn with the least processor time for a call: others on the machine only add to it. */
function bestOf(turns: readonly Turn[], psp: PushingPsp, client: PspClient): Turn {
  const its = turns.filter((each) => each.psp === psp && each.client === client)
  return its.reduce((a, b) => (b.result.cpuUsPerCall < a.result.cpuUsPerCall ? b : a))
}

function cheaper(psp: PushingPsp, turns: readonly Turn[]): Target {
  const ours = bestOf(turns, psp, 'connector').result.cpuUsPerCall
  const theirs = bestOf(turns, psp, 'library').result.cpuUsPerCall
  return {
    what: `CPU of a call to ${psp}, our connector`,
    target: `< ${shown(theirs)} µs, ${librariesOf[psp]}`,
    measured: `${shown(ours)} µs`,
    isMet: ours < theirs,
  }
}

function callsTable(turns: readonly Turn[]): Table {
  return {
    title: 'Connectors beside the PSPs’ own libraries',
    columns: ['PSP', 'client', 'calls/s', 'µs CPU each', 'p50 ms', 'p99 ms', 'simulator and TLS front µs'],
    rows: pairs().map(({ psp, client }) => {
      const { result, farUs } = bestOf(turns, psp, client)
      const { perSecond, cpuUsPerCall, p50, p99 } = result
      const name = client === 'connector' ? 'our connector' : librariesOf[psp]
      return [psp, name, perSecond, cpuUsPerCall, p50, p99, farUs]
    }),
  }
}
