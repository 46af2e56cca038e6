/**
 * The cluster measured: what a payment costs with 1 to 8 nodes, how long shards are dark when a node dies, freezes or is cut
 * off, how long when they are moved on purpose, what taking and opening shards takes, and what the way over a link costs.
 * Targets are printed beside the figures. `--only=cost,hop,moves,takeover,opening,gap` selects parts, `--quick` is a smoke run.
 *
 * Every part compares what was answered with the journal; a benchmark with a wrong answer fails, however fast.
 */
import { startBenchServer } from './support/bench-server.ts'
import { runBenchmark } from './support/benchmark.ts'
import { measureCost } from './support/cluster-cost.ts'
import { measureGaps } from './support/cluster-gaps.ts'
import { measureHop } from './support/cluster-hop.ts'
import { measureMoves } from './support/cluster-moves.ts'
import { measureOpening } from './support/cluster-opening.ts'
import { type PartContext, type PartResult, targetTable } from './support/cluster-part.ts'
import { measureTakeOver } from './support/cluster-takeover.ts'
import { benchMerchants } from './support/bench-merchants.ts'
import { Generator } from './support/http-generator.ts'

const parts: Readonly<Record<string, (context: PartContext) => Promise<PartResult>>> = {
  cost: measureCost,
  hop: measureHop,
  moves: measureMoves,
  takeover: measureTakeOver,
  opening: measureOpening,
  gap: measureGaps,
}

const isQuick = process.argv.includes('--quick')
const nodeFlags = listOf('--node-flags=') ?? []
const chosen = listOf('--only=') ?? Object.keys(parts)

/** The values of a flag such as `--only=gap,moves`; undefined where it is not there. */
function listOf(prefix: string): readonly string[] | undefined {
  return process.argv
    .find((each) => each.startsWith(prefix))
    ?.slice(prefix.length)
    .split(',')
}

await runBenchmark({
  name: 'cluster',
  title: 'The cluster: cost, gaps, moves',
  method: `Processes and Postgres with fsync and synchronous_commit on share one machine. A payment is a fresh key of one of ${benchMerchants.length.toLocaleString('en-US')} merchants, authorized and captured in one step: two decisions made durable apart, and a call between them to a PSP that answers in the node’s process at once. After every load the journal is read: every payment that was answered with 201 is there once, captured in full by one attempt, there is no other answer, and positions and sequences have no gaps. Gaps after faults are measured on the real programs with the simulated Stripe as a process, and judged by the auditor (docs/auditor.md).${isQuick ? ' **This was a smoke run: its figures mean nothing.**' : ''}`,
  async run(log) {
    const unknown = chosen.filter((name) => parts[name] === undefined)
    if (unknown.length > 0)
      throw new Error(`no part ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`)
    if (chosen.length < Object.keys(parts).length && process.argv.includes('--write')) {
      throw new Error('what is kept has all parts')
    }
    const postgres = await startBenchServer()
    const generator = await Generator.create(benchMerchants.map(({ apiKey }) => apiKey))
    const results: PartResult[] = []
    try {
      for (const name of chosen) {
        log(`${name}:`)
        const began = performance.now()
        try {
          const result = await parts[name]?.({ postgres, generator, isQuick, nodeFlags, log })
          if (result !== undefined) results.push({ ...result, wrong: result.wrong.map((each) => `${name}: ${each}`) })
        } catch (error) {
          // the others are measured all the same; the benchmark has failed
          console.error(error)
          const reason = error instanceof Error ? error.message : String(error)
          results.push({ tables: [], targets: [], notes: [], wrong: [`${name} was not measured: ${reason}`] })
        }
        log(`  ${name} took ${Math.round((performance.now() - began) / 1_000)} s`)
      }
    } finally {
      await generator.close()
      await postgres.stop()
    }
    return {
      tables: [targetTable(results.flatMap(({ targets }) => targets)), ...results.flatMap(({ tables }) => tables)],
      versions: { postgres: postgres.version, [generator.name]: generator.version },
      notes: results.flatMap(({ notes }) => notes),
      wrong: results.flatMap(({ wrong }) => wrong),
    }
  },
})
