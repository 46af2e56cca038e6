/**
 * What a payment costs in clusters of one gateway and 1, 2, 4 and 8 nodes: processor time at a constant offered load, idle,
 * and payments per second when as many are sent as are answered. Each cluster has a database of its own.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { BenchCluster, type Spent, spentBetween } from './bench-cluster.ts'
import type { PartContext, PartResult } from './cluster-part.ts'
import { shown } from './cluster-part.ts'
import { boundOf } from './histogram-counts.ts'
import type { Load } from './http-generator.ts'
import type { Table } from './table.ts'

const growthTarget = 0.1
const cpuTargetUs = 180
/** The offered load is carried where this share of it was answered. */
const carriedShare = 0.97

interface Scale {
  readonly nodeCounts: readonly number[]
  /** Each node's, before anything is measured: every process compiles by itself, from its own share of the load. */
  readonly warmUpPayments: number
  /** Of one window of idleness; the median of several counts, because the engine once collects what a load has left behind. */
  readonly idleSeconds: number
  readonly seconds: number
  /** Payments per second of the constant load: what eight nodes carry on two processors. */
  readonly offered: number
}

const whole: Scale = { nodeCounts: [1, 2, 4, 8], warmUpPayments: 10_000, idleSeconds: 2, seconds: 8, offered: 1_500 }
const quick: Scale = { nodeCounts: [1, 8], warmUpPayments: 100, idleSeconds: 1, seconds: 2, offered: 300 }
const connections = 256
/** Of one load of the warm-up. */
const warmUpSeconds = 4
const idleWindows = 5

type Measured = Load & { readonly spent: Spent }

interface Cell {
  readonly nodes: number
  readonly idle: Spent
  readonly constant: Measured
  readonly saturated: Measured
}

export async function measureCost(context: PartContext): Promise<PartResult> {
  const { isQuick, log } = context
  const scale = isQuick ? quick : whole
  const cells: Cell[] = []
  const wrong: string[] = []
  for (const nodes of scale.nodeCounts) {
    const cell = await measureCell(context, scale, nodes, wrong)
    cells.push(cell)
    const { constant, saturated } = cell
    log(
      `${nodes} nodes: ${shown(rateOf(saturated))} payments/s, ${shown(costOf(constant).all)} µs each at ${scale.offered}/s`,
    )
    if (rateOf(constant) < carriedShare * scale.offered) {
      log(`  only ${shown(rateOf(constant))}/s of the offered load were carried`)
    }
  }
  const [first, last] = [cells[0], cells.at(-1)]
  if (first === undefined || last === undefined) throw new Error('there are clusters to measure')
  const growth = costOf(last.constant).all / costOf(first.constant).all - 1
  const isCarried = cells.every(({ constant }) => rateOf(constant) >= carriedShare * scale.offered)
  const smallest = costOf(first.saturated).all
  return {
    tables: [constantTable(cells, scale), saturatedTable(cells), idleTable(cells, scale)],
    targets: [
      {
        what: `CPU per payment at a constant ${scale.offered.toLocaleString('en-US')}/s, growth from ${first.nodes} to ${last.nodes} nodes${isCarried ? '' : ' (not all of it was carried)'}`,
        target: '≤ 10 %',
        measured: `${shown(growth * 100)} %`,
        isMet: isCarried && growth <= growthTarget,
      },
      {
        what: `CPU per payment, gateway and ${first.nodes === 1 ? 'one node' : `${first.nodes} nodes`} as processes apart, at saturation`,
        target: `≤ ${cpuTargetUs} µs`,
        measured: `${shown(smallest)} µs`,
        isMet: smallest <= cpuTargetUs,
      },
    ],
    notes: [
      'Cost of one payment is processor time of gateway, nodes and Postgres over the load, divided by its payments; what processes spend on leases, polls and telling their status is in it, and apart in the table of idle clusters. The generator is left out; it shares the processors.',
      `Before anything was measured every node had made about ${scale.warmUpPayments.toLocaleString('en-US')} payments: one process of eight gets an eighth of the load, and would still be compiling.`,
      'Hop: what an answer took beyond the time at its node, both ways over the link and its queues, as the gateway’s metric `pay_route_hop_seconds` counts it; the bound of the bucket.',
    ],
    wrong,
  }
}

async function measureCell(
  { postgres, generator, nodeFlags }: PartContext,
  scale: Scale,
  nodes: number,
  wrong: string[],
): Promise<Cell> {
  const cluster = await BenchCluster.start({ postgres, name: `bench_cost_${nodes}`, nodes, nodeFlags })
  try {
    for (let payments = 0; payments < nodes * scale.warmUpPayments; ) {
      payments += (await cluster.load(generator, { connections, seconds: warmUpSeconds })).payments.length
    }
    const constant = await cluster.load(generator, { connections, seconds: scale.seconds, rate: scale.offered })
    const saturated = await cluster.load(generator, { connections, seconds: scale.seconds })
    return { nodes, constant, saturated, idle: await measureIdle(cluster, scale) }
  } finally {
    wrong.push(...[...new Set(cluster.wrong)].map((each) => `${nodes} nodes: ${each}`))
    await cluster.end()
  }
}

/** The window with the median of what all processes spent. */
async function measureIdle(cluster: BenchCluster, { idleSeconds }: Scale): Promise<Spent> {
  const windows: Spent[] = []
  while (windows.length < idleWindows) {
    const before = await cluster.spent()
    await pause(idleSeconds * 1_000)
    windows.push(spentBetween(before, await cluster.spent()))
  }
  const all = ({ gatewayMs, nodesMs, postgresMs }: Spent): number => gatewayMs + nodesMs + postgresMs
  const [median] = windows.sort((a, b) => all(a) - all(b)).slice(idleWindows >> 1)
  if (median === undefined) throw new Error('idleness was measured')
  return median
}

function rateOf({ payments, seconds }: Load): number {
  return payments.length / seconds
}

/** Microseconds of processor per payment. */
function costOf({ payments, spent }: Measured): {
  readonly gateway: number
  readonly nodes: number
  readonly postgres: number
  readonly all: number
} {
  const each = (ms: number): number => (ms * 1_000) / payments.length
  const [gateway, nodes, postgres] = [each(spent.gatewayMs), each(spent.nodesMs), each(spent.postgresMs)]
  return { gateway, nodes, postgres, all: gateway + nodes + postgres }
}

function constantTable(cells: readonly Cell[], { offered }: Scale): Table {
  const first = cells[0] && costOf(cells[0].constant).all
  return {
    title: `CPU per payment at a constant ${offered.toLocaleString('en-US')} payments/s`,
    columns: [
      ...['nodes', 'carried /s', 'gateway µs', 'nodes µs', 'Postgres µs', 'all µs', 'growth', 'decisions per flush'],
      ...['p50 ms', 'p99 ms', 'hop p50', 'hop p99'],
    ],
    rows: cells.map(({ nodes, constant }) => {
      const { gateway, nodes: inNodes, postgres, all } = costOf(constant)
      const growth = `${shown((all / (first ?? all) - 1) * 100)} %`
      const { decisions, flushes, hops } = constant.spent
      const batch = decisions / flushes
      const [half, most] = [boundText(boundOf(hops, 0.5)), boundText(boundOf(hops, 0.99))]
      const { p50, p99 } = constant
      return [nodes, rateOf(constant), gateway, inNodes, postgres, all, growth, batch, p50, p99, half, most]
    }),
  }
}

function saturatedTable(cells: readonly Cell[]): Table {
  return {
    title: `Payments per second at saturation, ${connections} connections`,
    columns: [
      ...['nodes', 'payments/s', 'p50 ms', 'p99 ms', 'gateway µs', 'nodes µs', 'Postgres µs', 'all µs'],
      ...['decisions per flush', 'generator µs'],
    ],
    rows: cells.map(({ nodes, saturated }) => {
      const { gateway, nodes: inNodes, postgres, all } = costOf(saturated)
      const { p50, p99, cpuMs, payments, spent } = saturated
      const generator = (cpuMs * 1_000) / payments.length
      const batch = spent.decisions / spent.flushes
      return [nodes, rateOf(saturated), p50, p99, gateway, inNodes, postgres, all, batch, generator]
    }),
  }
}

function idleTable(cells: readonly Cell[], { idleSeconds }: Scale): Table {
  return {
    title: 'Processor time of a cluster that does nothing, ms per second',
    columns: ['nodes', 'gateway', 'all nodes', 'Postgres'],
    rows: cells.map(({ nodes, idle }) => {
      const each = (ms: number): number => ms / idleSeconds
      return [nodes, each(idle.gatewayMs), each(idle.nodesMs), each(idle.postgresMs)]
    }),
  }
}

function boundText(seconds: number): string {
  if (Number.isNaN(seconds)) return '–'
  return Number.isFinite(seconds) ? `≤ ${shown(seconds * 1_000)} ms` : 'beyond the buckets'
}
