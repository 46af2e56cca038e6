/**
 * The actor host alone: commands per second through inbox, decision, output gate and journal port, over the in-memory
 * journal, and the memory of a live actor. Everything that the journal then holds is checked against what was answered.
 */
import { decodeDecision } from '../actors/codec.ts'
import { type CounterAnswer, type CounterCommand, type CounterEvent, counterKind } from '../actors/counter-kind.ts'
import { shardCount } from '../domain/ids.ts'
import { runBenchmark } from './support/benchmark.ts'
import { closedLoop, type LoopResult } from './support/closed-loop.ts'
import { profile, topFunctions } from './support/cpu-profile.ts'
import { type HostRig, hexId, send, startHost } from './support/host-rig.ts'
import type { Table } from './support/table.ts'

const rounds = 3
const counters = 10_000
const commandsPerRound = 60_000

interface Measured {
  readonly workload: string
  readonly concurrency: number
  readonly results: LoopResult[]
}

interface Workload {
  readonly name: string
  readonly concurrency: number
  readonly actors: number
  readonly command: CounterCommand
}

const workloads: readonly Workload[] = [
  {
    name: `a decision each, ${counters} actors`,
    concurrency: 2000,
    actors: counters,
    command: { type: 'Add', amount: 0 },
  },
  { name: 'a decision each, one actor', concurrency: 200, actors: 1, command: { type: 'Add', amount: 0 } },
  { name: `a read each, ${counters} actors`, concurrency: 2000, actors: counters, command: { type: 'Read' } },
]

const entities = Array.from({ length: counters }, (_, index) => {
  const entity = hexId(`counter-${index}`)
  return { entity, shard: Number.parseInt(entity.slice(0, 3), 16) >>> 2 }
})

/** One round of a workload on a host of its own; answers what was wrong. */
async function round(workload: Workload): Promise<{ result: LoopResult; wrong: string[] }> {
  const rig = await startHost({ kinds: [counterKind] })
  const wrong: string[] = []
  const sendOne = (index: number, done: () => void): void => {
    const address = entities[index % workload.actors] as (typeof entities)[number]
    const command = { ...address, kind: 'counter', class: 'settle', payload: workload.command } as const
    void send<CounterAnswer>(rig.host, command).then((answer) => {
      if (answer.kind !== 'answered' || answer.answer.kind !== 'counter') wrong.push(JSON.stringify(answer))
      done()
    })
  }
  // Activation is not what is measured: every actor is loaded before.
  await closedLoop({ concurrency: 1000, count: workload.actors, start: sendOne })
  const result = await closedLoop({ concurrency: workload.concurrency, count: commandsPerRound, start: sendOne })
  const decisions = workload.command.type === 'Add' ? workload.actors + commandsPerRound : 0
  wrong.push(...wrongRows(rig, decisions, workload.actors))
  await rig.host.stop()
  return { result, wrong: [...rig.troubles, ...wrong] }
}

/** The journal must hold every answered decision once, in order, of the right actors. */
function wrongRows({ database }: HostRig, decisions: number, actors: number): string[] {
  const wrong: string[] = []
  const sequences = new Map<string, number>()
  let rows = 0
  for (let shard = 0; shard < shardCount; shard += 1) {
    database.shard(shard).rows.forEach((row, index) => {
      if (row.position !== index + 1) wrong.push(`shard ${shard}: position ${row.position} at ${index + 1}`)
      if (row.type === 'epoch') return
      rows += 1
      const seq = (sequences.get(row.entity) ?? 0) + 1
      sequences.set(row.entity, seq)
      if (row.seq !== seq) wrong.push(`entity ${row.entity}: sequence ${row.seq} after ${seq - 1}`)
      const { events } = decodeDecision<CounterEvent>(row.data, row.private)
      if (events[0]?.type !== 'Added') wrong.push(`entity ${row.entity}: ${String(events[0]?.type)}`)
    })
  }
  if (rows !== decisions) wrong.push(`${rows} rows for ${decisions} decisions`)
  if (decisions > 0 && sequences.size !== actors) wrong.push(`${sequences.size} actors of ${actors}`)
  return wrong
}

function commandsTable(measured: readonly Measured[]): Table {
  return {
    title: 'Commands through the host',
    columns: ['workload', 'at once', 'commands/s', 'µs CPU each', 'p50 ms', 'p99 ms'],
    rows: measured.map(({ workload, concurrency, results }) => {
      const best = results.reduce((a, b) => (b.perSecond > a.perSecond ? b : a))
      return [
        workload,
        concurrency,
        best.perSecond,
        Math.min(...results.map((result) => result.cpuUsPerOperation)),
        best.latency.percentile(0.5),
        best.latency.percentile(0.99),
      ]
    }),
  }
}

await runBenchmark({
  name: 'actors',
  title: 'The actor host alone',
  method: `Closed loops of commands against one host that owns all shards over the in-memory journal, ${commandsPerRound} commands a round, the best of ${rounds} interleaved rounds. After each round the journal is read: every answered decision is there once, in order.`,
  async run(log) {
    const wrong: string[] = []
    const measured = workloads.map(({ name, concurrency }): Measured => ({ workload: name, concurrency, results: [] }))
    for (let number = 0; number < rounds; number += 1) {
      for (const [index, workload] of workloads.entries()) {
        const { result, wrong: found } = await round(workload)
        measured[index]?.results.push(result)
        wrong.push(...found.slice(0, 20))
        log(`round ${number + 1}: ${workload.name}: ${Math.round(result.perSecond)}/s`)
      }
    }
    const cpu = await profile(async () => {
      await round(workloads[0] as Workload)
    })
    return {
      tables: [commandsTable(measured)],
      versions: {},
      notes: [],
      topFunctions: topFunctions(cpu, 10),
      wrong: wrong.slice(0, 20),
    }
  },
})
