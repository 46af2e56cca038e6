/**
 * Opening shards, without a cluster around it: a third of all shards that their owner released, a third whose owner is dead,
 * both with little open; and one shard with a thousand open payments, with nothing of it in memory.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { randomBytes } from 'node:crypto'
import { shardCount } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import { statusOf } from '../../domain/payment/derive.ts'
import { below, type PartContext, type PartResult, samplesOf, type Target } from './cluster-part.ts'
import { PaymentCheck } from './payment-check.ts'
import { benchPayment, paymentCommand } from './payments.ts'
import {
  answeringConnector,
  endingHosts,
  type PostgresHost,
  silentConnector,
  startPostgresHost,
  untilHolds,
} from './postgres-host.ts'
import type { Table } from './table.ts'

/** Of three nodes' 1,024. */
const third = Array.from({ length: Math.round(shardCount / 3) }, (_, shard) => shard)
const openTargetMs = 300
const loopResolutionMs = 1
const askWithinMs = 60_000

export async function measureOpening(context: PartContext): Promise<PartResult> {
  const many = await endingHosts(() => measureMany(context))
  const cold = await endingHosts(() => measureCold(context))
  return {
    tables: [many.table, cold.table],
    targets: many.targets,
    notes: [
      'Opening and taking many shards: from asking the host for them to its answer that all serve, in one process with Postgres beside it; the processes’ own share of a take-over is in the gaps.',
      `Cold open: a shard whose owner died with every payment’s call to the PSP under way. “Serves” is the host’s answer, “first answer” a read of one of the payments asked for at that moment, “all settled” when every PSP call’s outcome was found out and journaled. The stall is the longest delay of the event loop from the beginning to all settled, at ${loopResolutionMs} ms resolution. The first round also compiles.`,
    ],
    wrong: [...many.wrong, ...cold.wrong],
  }
}

interface Outcome {
  readonly table: Table
  readonly targets: readonly Target[]
  readonly wrong: readonly string[]
}

async function measureMany({ postgres, isQuick, log }: PartContext): Promise<Outcome> {
  const rounds = isQuick ? 2 : 15
  const [done, open] = isQuick ? [680, 17] : [6_800, 34]
  const databaseUrl = await postgres.createDatabase('bench_open_many')
  const wrong: string[] = []
  const payments = paymentsIn(third, done + open)
  const answering = await startPostgresHost(databaseUrl, answeringConnector())
  await openAll(answering, third)
  await capture(answering, payments.slice(0, done))
  await answering.host.releaseShards(third)
  await end(answering, wrong)
  // what is open stays open whoever owns it: nobody answers
  let owner = await startPostgresHost(databaseUrl, silentConnector())
  await openAll(owner, third)
  await leaveOpen(owner, payments.slice(done))

  const took = { released: [] as number[], dead: [] as number[], releasing: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    const heir = await startPostgresHost(databaseUrl, silentConnector())
    await owner.host.flush()
    const releasingAt = performance.now()
    const released = await owner.host.releaseShards(third)
    took.releasing.push(performance.now() - releasingAt)
    if (released.length !== third.length) wrong.push(`${released.length} shards of ${third.length} were released`)
    took.released.push(await openAll(heir, third))
    await end(owner, wrong)

    const taker = await startPostgresHost(databaseUrl, silentConnector())
    await untilHolds('the reading of what is open', () => heir.host.stats().unread === 0)
    await heir.host.flush()
    await heir.declareDead()
    took.dead.push(await openAll(taker, third))
    await end(heir, wrong)
    owner = taker
  }
  const [first] = payments
  if (first !== undefined && (await statusIn(owner, first)) !== 'captured')
    wrong.push('a captured payment is not captured')
  const last = payments.at(-1)
  if (last !== undefined && (await statusIn(owner, last)) !== 'pending') wrong.push('an open payment is not open')
  await end(owner, wrong)

  const rows = (
    [
      ['released by their owner', took.released],
      ['their owner dead', took.dead],
      ['releasing them', took.releasing],
    ] as const
  ).map(([name, ms]) => {
    const samples = samplesOf(ms)
    return [name, third.length, samples.percentile(0.5), samples.percentile(1)] as const
  })
  const [opened, taken] = [samplesOf(took.released), samplesOf(took.dead)]
  log(
    `  ${third.length} shards: opened in ${opened.percentile(0.5).toFixed(0)} ms, taken in ${taken.percentile(0.5).toFixed(0)} ms`,
  )
  return {
    table: {
      title: `Opening ${third.length} shards with ${done.toLocaleString('en-US')} payments, ${open} of them open, ${rounds} times`,
      columns: ['shards', 'count', 'p50 ms', 'max ms'],
      rows,
    },
    targets: [
      below(`opening ${third.length} released shards, p50 of ${rounds}`, opened.percentile(0.5), openTargetMs),
      below(`taking ${third.length} shards of a dead node, p50 of ${rounds}`, taken.percentile(0.5), openTargetMs),
    ],
    wrong,
  }
}

interface Cold {
  readonly servesMs: number
  readonly firstAnswerMs: number
  readonly settledMs: number
  readonly stallMs: number
}

async function measureCold({ postgres, isQuick, log }: PartContext): Promise<Outcome> {
  const shards = Array.from({ length: isQuick ? 2 : 7 }, (_, index) => index * 100)
  const open = isQuick ? 100 : 1_000
  const databaseUrl = await postgres.createDatabase('bench_open_cold')
  const check = new PaymentCheck(databaseUrl)
  await check.connect()
  const wrong: string[] = []
  const measured: Cold[] = []
  try {
    const numbers = Map.groupBy(paymentsIn(shards, open * shards.length), shardOf)
    for (const [shard, payments] of numbers) {
      measured.push(await measureColdOf(databaseUrl, shard, payments, wrong))
      const { payments: found, wrong: faults } = await check.check([], open)
      wrong.push(...faults)
      if (found !== open) wrong.push(`${found} payments of ${open} are in shard ${shard}`)
    }
  } finally {
    await check.close()
  }
  const [first, ...others] = measured
  if (first === undefined) throw new Error('a shard was opened')
  const row = (name: string, of: readonly Cold[], share: number): (string | number)[] => {
    const at = (figure: keyof Cold): number => samplesOf(of.map((each) => each[figure])).percentile(share)
    return [name, at('servesMs'), at('firstAnswerMs'), at('settledMs'), at('stallMs')]
  }
  log(`  a cold shard with ${open} open payments serves after ${first.servesMs.toFixed(0)} ms`)
  return {
    table: {
      title: `Cold open of a shard with ${open.toLocaleString('en-US')} open payments`,
      columns: ['', 'serves ms', 'first answer ms', 'all settled ms', 'longest loop stall ms'],
      rows: [
        row('first in its process', [first], 1),
        row(`of ${others.length} others, p50`, others, 0.5),
        row(`of ${others.length} others, max`, others, 1),
      ],
    },
    targets: [],
    wrong,
  }
}

async function measureColdOf(
  databaseUrl: string,
  shard: number,
  payments: readonly number[],
  wrong: string[],
): Promise<Cold> {
  const owner = await startPostgresHost(databaseUrl, silentConnector())
  await openAll(owner, [shard])
  await leaveOpen(owner, payments)
  await owner.host.flush()
  await owner.declareDead()
  const psp = answeringConnector()
  const heir = await startPostgresHost(databaseUrl, psp)
  const last = payments.at(-1)
  if (last === undefined) throw new Error('there are payments to open')
  const delay = monitorEventLoopDelay({ resolution: loopResolutionMs })
  delay.enable()
  const began = performance.now()
  await openAll(heir, [shard])
  const servesMs = performance.now() - began
  await statusIn(heir, last)
  const firstAnswerMs = performance.now() - began
  await untilHolds('a question to the PSP for every open payment', () => psp.calls.length >= payments.length)
  // a read comes after the PSP's answer, which is in its payment's inbox by now
  const statuses = await Promise.all(payments.map((payment) => statusIn(heir, payment)))
  const settledMs = performance.now() - began
  delay.disable()
  const others = statuses.filter((status) => status !== 'captured')
  if (others.length > 0) wrong.push(`${others.length} payments of the cold shard are ${others[0]}`)
  const byTheDead = await statusIn(owner, last)
  if (byTheDead !== 'shard_moved') wrong.push(`an owner that was declared dead answers a read: ${byTheDead}`)
  await end(owner, wrong)
  await end(heir, wrong)
  return { servesMs, firstAnswerMs, settledMs, stallMs: Math.max(0, delay.max / 1e6 - loopResolutionMs) }
}

// --- what hosts are asked ------------------------------------------------------------------------------------------------

/** Numbers of payments that no run had before, evenly in these shards. */
const paymentsIn = (() => {
  let next = 0
  return (shards: readonly number[], count: number): readonly number[] => {
    const left = new Map(shards.map((shard) => [shard, Math.ceil(count / shards.length)]))
    const found: number[] = []
    while (found.length < count) {
      next += 1
      const { shard } = benchPayment(next).address
      const room = left.get(shard) ?? 0
      if (room === 0) continue
      left.set(shard, room - 1)
      found.push(next)
    }
    return found
  }
})()

function shardOf(number: number): number {
  return benchPayment(number).address.shard
}

async function openAll({ host }: PostgresHost, shards: readonly number[]): Promise<number> {
  const began = performance.now()
  const { opened } = await host.openShards(shards)
  const took = performance.now() - began
  if (opened.length !== shards.length) throw new Error(`${opened.length} shards of ${shards.length} were opened`)
  return took
}

async function capture(by: PostgresHost, payments: readonly number[]): Promise<void> {
  const statuses = await Promise.all(payments.map((number) => ask(by, number, creation(number))))
  const others = statuses.filter((status) => status !== 'captured')
  if (others.length > 0) throw new Error(`${others.length} payments are ${others[0]} instead of captured`)
}

/** Resolves when all are durable and their calls to the PSP are under way; who asked waits until the shard leaves. */
async function leaveOpen(by: PostgresHost, payments: readonly number[]): Promise<void> {
  const before = by.host.stats().calls
  for (const number of payments) void ask(by, number, creation(number))
  await untilHolds('the calls to the PSP', () => by.host.stats().calls === before + payments.length)
}

function creation(number: number): unknown {
  return paymentCommand(number, 'automatic').payload
}

function statusIn(host: PostgresHost, number: number): Promise<string> {
  return ask(host, number, { type: 'ReadPayment', merchant: benchPayment(number).merchant, mode: 'test' })
}

/** Status of the payment that is answered, or why there is none. */
async function ask({ host }: PostgresHost, number: number, payload: unknown): Promise<string> {
  const deadline = performance.now() + askWithinMs
  const answer = await host.route<PaymentAnswer>({
    id: randomBytes(16).toString('hex'),
    ...benchPayment(number).address,
    kind: 'payment',
    class: 'settle',
    bytes: 200,
    payload,
    deadline,
    waitUntil: deadline,
    attach: true,
  })
  if (answer.kind === 'unavailable') return answer.reason
  return answer.answer.kind === 'payment' ? statusOf(answer.answer.state) : answer.answer.kind
}

async function end(host: PostgresHost, wrong: string[]): Promise<void> {
  await host.stop()
  wrong.push(...host.troubles)
}
