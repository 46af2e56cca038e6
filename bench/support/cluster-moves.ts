/**
 * Planned moves of shards under load: how long each is dark, from the old owner's last admission to the new owner's first.
 * Shards go round the nodes, so that all keep their share and placement has nothing to put right. No request of the load
 * may be answered with anything but 201.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { BenchCluster } from './bench-cluster.ts'
import { below, type PartContext, type PartResult, samplesOf } from './cluster-part.ts'

const nodes = 3
const connections = 64
const blackoutTargetMs = 100
const movesPerSecond = 10
/** Upper bounds, milliseconds. */
const bounds = [2, 5, 10, 20, 50, 100, 200, 500] as const

export async function measureMoves({ postgres, generator, isQuick, nodeFlags, log }: PartContext): Promise<PartResult> {
  const moves = isQuick ? 20 : 200
  const offered = isQuick ? 200 : 1_000
  const cluster = await BenchCluster.start({ postgres, name: 'bench_moves', nodes, nodeFlags })
  const blackouts: number[] = []
  try {
    await cluster.load(generator, { connections, seconds: isQuick ? 1 : 4 })
    const seconds = Math.ceil(moves / movesPerSecond) + 2
    const load = await cluster.load(generator, { connections, seconds, rate: offered }, async () => {
      for await (const blackoutMs of moveAll(cluster, moves)) blackouts.push(blackoutMs)
    })
    if (blackouts.length !== moves) cluster.wrong.push(`${blackouts.length} moves of ${moves}`)
    const samples = samplesOf(blackouts)
    const [p50, p99, max] = [samples.percentile(0.5), samples.percentile(0.99), samples.percentile(1)]
    log(`  ${moves} moves: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`)
    return {
      tables: [
        {
          title: `Blackout of ${moves} planned moves, ${nodes} nodes, ${offered.toLocaleString('en-US')} payments/s`,
          columns: ['p50 ms', 'p99 ms', 'max ms', ...bounds.map((bound) => `≤ ${bound}`), `> ${bounds.at(-1)}`],
          rows: [[p50, p99, max, ...histogramOf(blackouts)]],
        },
        {
          title: 'The load meanwhile',
          columns: ['payments', 'answers other than 201', 'p50 ms', 'p99 ms', 'p99.9 ms'],
          rows: [
            [load.payments.length, [...load.others.values()].reduce((a, b) => a + b, 0), load.p50, load.p99, load.p999],
          ],
        },
      ],
      targets: [below(`blackout of a planned move, p99 of ${moves}`, p99, blackoutTargetMs)],
      notes: [
        'Blackout: from the old owner’s last admission to the heir’s answer that it serves, on the old owner’s clock. Commands meanwhile are held, not refused.',
      ],
      wrong: [...new Set(cluster.wrong)],
    }
  } finally {
    await cluster.end()
  }
}

/** One after the other, evenly, each another shard; yields milliseconds of darkness. */
async function* moveAll(cluster: BenchCluster, moves: number): AsyncGenerator<number> {
  const names = cluster.nodes.map(({ name }) => name)
  const givers = Map.groupBy(
    (await cluster.owners()).map((owner, shard) => ({ owner, shard })),
    ({ owner }) => owner,
  )
  const began = performance.now()
  for (let n = 0; n < moves; n += 1) {
    await pause(Math.max(0, began + (n * 1_000) / movesPerSecond - performance.now()))
    // each node gives in turn, so all keep their share; no shard is moved twice
    const from = names[n % names.length]
    const to = names[(n + 1) % names.length]
    const shard = givers.get(from)?.pop()?.shard
    if (shard === undefined || to === undefined) throw new Error('a node has shards to give')
    // asked of any node: gateways may not
    const moved = await cluster.mover.move(shard, to)
    if (typeof moved === 'string') cluster.wrong.push(`the move of shard ${shard} from ${from} to ${to}: ${moved}`)
    else yield moved.blackoutMs
  }
}

function histogramOf(values: readonly number[]): number[] {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0)
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound)
    const bucket = index < 0 ? bounds.length : index
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  return counts
}
