/**
 * The actor host alone: commands per second through inbox, decision, output gate and journal port, over the in-memory
 * journal, and the memory of a live payment actor. Everything that the journal then holds is checked against what was
 * answered, and folded anew from its rows.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { decodeDecision } from '../actors/codec.ts'
import { type CounterAnswer, type CounterEvent, counterKind } from '../actors/counter-kind.ts'
import type { AnyKind } from '../actors/entity-kind.ts'
import type { RouteAnswer } from '../cluster/router.ts'
import { shardCount } from '../domain/ids.ts'
import type { PaymentEffect } from '../domain/payment/effects.ts'
import type { PaymentEvent } from '../domain/payment/events.ts'
import type { CaptureMethod } from '../domain/payment/state.ts'
import type { ActorMemory } from './support/actor-memory.ts'
import { runBenchmark } from './support/benchmark.ts'
import { closedLoop, type LoopResult } from './support/closed-loop.ts'
import { type CpuProfile, profile, topFunctions } from './support/cpu-profile.ts'
import { type Command, type HostRig, hexId, send, startHost } from './support/host-rig.ts'
import { benchPaymentKind, isPayment, paymentCommand, successOf } from './support/payments.ts'
import type { Table } from './support/table.ts'

const rounds = 3
const counters = 10_000

interface Workload {
  readonly name: string
  readonly concurrency: number
  readonly kinds: readonly AnyKind[]
  /** Sent before the measurement, so that actors are loaded and code is compiled. */
  readonly warmUp: number
  readonly commands: number
  readonly decisionsPerCommand: number
  readonly command: (index: number) => Command
  readonly isRight: (answer: unknown, command: Command) => boolean
}

const counterAddresses = Array.from({ length: counters }, (_, index) => {
  const entity = hexId(`counter-${index}`)
  return { entity, shard: Number.parseInt(entity.slice(0, 3), 16) >>> 2 }
})

function onCounters(name: string, actors: number, concurrency: number, type: 'Add' | 'Read'): Workload {
  const payload = type === 'Add' ? { type, amount: 0 } : { type }
  return {
    name,
    concurrency,
    kinds: [counterKind],
    warmUp: actors,
    commands: 60_000,
    decisionsPerCommand: type === 'Add' ? 1 : 0,
    command(index) {
      const address = counterAddresses[index % actors] as (typeof counterAddresses)[number]
      return { ...address, kind: 'counter', class: 'settle', payload }
    },
    isRight: (answer) => (answer as CounterAnswer).kind === 'counter',
  }
}

const payments: Workload = {
  name: 'a payment each: intent, PSP call, outcome',
  concurrency: 2000,
  kinds: [benchPaymentKind()],
  warmUp: 2000,
  commands: 20_000,
  decisionsPerCommand: 2,
  command: (index) => paymentCommand(index, 'automatic'),
  isRight: (answer, command) => isPayment(answer, command, 'captured'),
}

const workloads: readonly Workload[] = [
  onCounters(`a decision each, ${counters} actors`, counters, 2000, 'Add'),
  onCounters('a decision each, one actor', 1, 200, 'Add'),
  onCounters(`a read each, ${counters} actors`, counters, 2000, 'Read'),
  payments,
]

/** The PSP of these benchmarks: every call succeeds, a turn later. */
function answerAtOnce(effect: unknown): Promise<unknown> {
  return Promise.resolve(successOf(effect as PaymentEffect))
}

interface Round {
  readonly result: LoopResult
  readonly wrong: readonly string[]
}

/** One round of a workload on a host of its own; `around` runs what is measured. */
async function round(workload: Workload, around = (work: () => Promise<void>) => work()): Promise<Round> {
  const rig = await startHost({ kinds: workload.kinds, runEffect: answerAtOnce })
  const commands = Array.from({ length: workload.warmUp + workload.commands }, (_, index) => workload.command(index))
  const answers: RouteAnswer<unknown>[] = []
  const startAt = (offset: number) => async (index: number) => {
    answers[offset + index] = await send<unknown>(rig.host, commands[offset + index] as Command)
  }
  await closedLoop({ concurrency: 1000, count: workload.warmUp, start: startAt(0) })
  const results: LoopResult[] = []
  await around(async () => {
    const { concurrency, commands: count, warmUp } = workload
    results.push(await closedLoop({ concurrency, count, start: startAt(warmUp) }))
  })
  const wrong = commands.flatMap((command, index) => {
    const answer = answers[index]
    const isRight = answer?.kind === 'answered' && workload.isRight(answer.answer, command)
    return isRight ? [] : [`${workload.name}: ${JSON.stringify(answer)}`]
  })
  wrong.push(...wrongRows(rig, workload))
  await rig.host.stop()
  return { result: results[0] as LoopResult, wrong: [...rig.troubles.slice(0, 10), ...wrong.slice(0, 10)] }
}

/** The journal must hold every answered decision once, in order, and its rows must fold. */
function wrongRows({ database }: HostRig, { name, kinds, warmUp, commands, decisionsPerCommand }: Workload): string[] {
  const wrong: string[] = []
  const states = new Map<string, unknown>()
  const [kind] = kinds as readonly [AnyKind]
  let rows = 0
  for (let shard = 0; shard < shardCount; shard += 1) {
    for (const [index, row] of database.shard(shard).rows.entries()) {
      if (row.position !== index + 1) wrong.push(`${name}: shard ${shard} has ${row.position} at ${index + 1}`)
      if (row.type === 'epoch') continue
      rows += 1
      const before = states.get(row.entity)
      const seq = before === undefined ? 1 : kind.sequence(before) + 1
      if (row.seq !== seq) wrong.push(`${name}: ${row.entity} has sequence ${row.seq} after ${seq - 1}`)
      const { events } = decodeDecision<CounterEvent | PaymentEvent>(row.data, row.private)
      states.set(row.entity, kind.apply(before, events, { seq, at: row.at, epoch: row.epoch }))
    }
  }
  const decisions = (warmUp + commands) * decisionsPerCommand
  if (rows !== decisions) wrong.push(`${name}: ${rows} rows for ${decisions} decisions`)
  return wrong
}

async function memoryOf(captureMethod: CaptureMethod): Promise<ActorMemory> {
  const script = fileURLToPath(new URL('support/actor-memory.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, captureMethod])
  return JSON.parse(stdout) as ActorMemory
}

function commandsTable(results: readonly (readonly LoopResult[])[]): Table {
  return {
    title: 'Commands through the host',
    columns: ['workload', 'at once', 'commands/s', 'decisions/s', 'µs CPU each', 'p50 ms', 'p99 ms'],
    rows: workloads.map(({ name, concurrency, decisionsPerCommand }, index) => {
      const best = (results[index] ?? []).reduce((a, b) => (b.perSecond > a.perSecond ? b : a))
      return [
        name,
        concurrency,
        best.perSecond,
        best.perSecond * decisionsPerCommand,
        best.cpuUsPerOperation,
        best.latency.percentile(0.5),
        best.latency.percentile(0.99),
      ]
    }),
  }
}

function memoryTable(memories: readonly ActorMemory[]): Table {
  return {
    title: 'Memory of a live payment',
    columns: ['status', 'live at once', 'bytes each', 'bytes each as the memory bound counts'],
    rows: memories.map(({ status, actors, bytesPerActor, boundBytesPerActor }) => [
      status,
      actors,
      bytesPerActor,
      boundBytesPerActor,
    ]),
  }
}

await runBenchmark({
  name: 'actors',
  title: 'The actor host alone',
  method: `Closed loops of commands against one host that owns all shards over the in-memory journal; the best of ${rounds} interleaved rounds, each on a new host. After each round the journal is read: every answered decision is there once, in order, and folds.`,
  async run(log) {
    const wrong: string[] = []
    const results: LoopResult[][] = workloads.map(() => [])
    for (let number = 1; number <= rounds; number += 1) {
      for (const [index, workload] of workloads.entries()) {
        const { result, wrong: found } = await round(workload)
        results[index]?.push(result)
        wrong.push(...found)
        log(`round ${number}: ${workload.name}: ${Math.round(result.perSecond)}/s`)
      }
    }
    const profiles: CpuProfile[] = []
    const profiled = await round(payments, async (work) => void profiles.push(await profile(work)))
    wrong.push(...profiled.wrong)
    const memories = [await memoryOf('manual'), await memoryOf('automatic')]
    for (const memory of memories) wrong.push(...memory.wrong)
    return {
      tables: [commandsTable(results), memoryTable(memories)],
      versions: {},
      notes: [
        'Generator, host and in-memory journal share one thread: CPU per command includes all three.',
        'The profile is of one more round of payments.',
        'A live payment should cost 4,096 bytes at most. A captured one is the first to leave memory, an authorized one stays.',
      ],
      topFunctions: profiles.flatMap((taken) => topFunctions(taken, 10)),
      wrong,
    }
  },
})
