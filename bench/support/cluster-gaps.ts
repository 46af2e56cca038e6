/**
 * The gap after a fault: the longest time from first send to success of one request that is repeated with its key, over the
 * shards of the node that was killed, frozen or cut off from everybody, while merchants' load goes on. Real programs, the
 * simulated PSP as a process, each node on a host of its own where the machine allows network namespaces.
 *
 * All faults are of one history: at the end the auditor compares what merchants were told, the journal and the PSP's book.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { audit } from '../../loadtest/auditor/audit.ts'
import { readBook } from '../../loadtest/auditor/book.ts'
import type { FaultWindow } from '../../loadtest/auditor/intake.ts'
import { PostgresJournal } from '../../loadtest/auditor/postgres-journal.ts'
import { describeReport } from '../../loadtest/auditor/report.ts'
import { gapProbe } from '../../loadtest/gap-probe.ts'
import { Load } from '../../loadtest/generator.ts'
import { HistoryWriter, monotonicNs } from '../../loadtest/history-writer.ts'
import { readHistory } from '../../loadtest/history.ts'
import { clientDefaults, MerchantClient } from '../../loadtest/merchant-client.ts'
import { shardCount } from '../../domain/ids.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Cluster } from '../../test/chaos/support/cluster.ts'
import type { Member } from '../../test/chaos/support/member.ts'
import { hindrance } from '../../test/chaos/support/tools.ts'
import { until } from '../../test/chaos/support/until.ts'
import { below, type PartContext, type PartResult, samplesOf } from './cluster-part.ts'

interface Fault {
  readonly name: string
  readonly targetMs: number
  /** The process is not started again by itself: when the fault is over, this file does. */
  begin(victim: Member): Promise<void>
  /** The fault is over. Resolves when the process has ended, which it does by itself: it was declared dead. */
  end(victim: Member): Promise<void>
}

const faults: readonly Fault[] = [
  {
    name: 'kill -9',
    targetMs: 1_000,
    async begin(victim) {
      await victim.kill()
    },
    end: () => Promise.resolve(),
  },
  {
    name: 'SIGSTOP',
    targetMs: 3_000,
    begin(victim) {
      victim.letGo()
      victim.freeze()
      return Promise.resolve()
    },
    async end(victim) {
      victim.wake()
      await victim.program.ended
    },
  },
  {
    name: 'cut off',
    targetMs: 3_000,
    async begin(victim) {
      victim.letGo()
      await victim.host?.cut({ direction: 'both', how: 'drop' })
    },
    async end({ host, program }) {
      await host?.heal()
      await program.ended
    },
  },
]

/** Requests per second to the victim's shards, and journeys of the load beside them. */
const probesPerSecond = 100
const journeysPerSecond = 50
/** The probe's merchant does not wait long: what is measured is the cluster. */
const retryPauseMs = [20, 50] as const
const restWithinMs = 60_000

export async function measureGaps({ isQuick, log }: PartContext): Promise<PartResult> {
  const trials = isQuick ? 1 : 30
  const cannot = hindrance('network namespaces')
  const able = faults.filter(({ name }) => name !== 'cut off' || cannot === undefined)
  const cluster = await Cluster.start({ nodes: 3, gateways: 1, network: cannot === undefined })
  const bench = new GapBench(cluster)
  try {
    const trialsOf = new Map<string, Trial[]>()
    for (const fault of able) {
      const of: Trial[] = []
      trialsOf.set(fault.name, of)
      for (let trial = 0; trial < trials; trial += 1) of.push(await bench.trial(fault, trial))
      log(`  ${fault.name}: ${of.map(({ gapMs }) => Math.round(gapMs)).join(', ')} ms`)
    }
    const at = (fault: string, figure: keyof Trial, share: number): number =>
      samplesOf((trialsOf.get(fault) ?? []).map((trial) => trial[figure])).percentile(share)
    const verdict = await bench.judge()
    log(`  ${verdict}`)
    return {
      tables: [
        {
          title: `The gap after a fault of one of three nodes, ${trials} times each`,
          columns: [
            ...['fault', 'gap p50 ms', 'gap max ms', 'target ms', 'shards taken after ms, p50', 'max'],
            ...['usual request ms', 'requests to its shards', 'sent again'],
          ],
          rows: able.map(({ name, targetMs }) => {
            const { requests, repeats } = bench.counts(name)
            const gaps = [at(name, 'gapMs', 0.5), at(name, 'gapMs', 1), `< ${targetMs.toLocaleString('en-US')}`]
            const taken = [at(name, 'takenMs', 0.5), at(name, 'takenMs', 1)]
            return [name, ...gaps, ...taken, at(name, 'usualMs', 0.5), requests, repeats]
          }),
        },
      ],
      targets: able.map(({ name, targetMs }) =>
        below(`gap after ${name}, longest of ${trials}`, at(name, 'gapMs', 1), targetMs),
      ),
      notes: [
        `Gap: the longest time from first send to success of one payment, sent again with its key, among ${probesPerSecond} a second to the shards of the node that was harmed; ${journeysPerSecond} journeys of payments a second run beside it over all shards. PSP time is in it (the simulator, a process).`,
        `Frozen and cut-off nodes came back after their shards were taken: each ended by itself. ${verdict}`,
        ...(cannot === undefined ? [] : [`Nothing was cut off: this machine ${cannot}.`]),
      ],
      wrong: bench.wrong,
    }
  } finally {
    await bench.end()
    await cluster.stop()
  }
}

interface Trial {
  readonly gapMs: number
  /** Until no owner row named the victim any more. */
  readonly takenMs: number
  /** p50 of all requests to the victim's shards, before, during and after the fault. */
  readonly usualMs: number
}

class GapBench {
  readonly wrong: string[] = []
  readonly #cluster: Cluster
  readonly #history: HistoryWriter
  readonly #client: MerchantClient
  readonly #load: Load
  readonly #windows: FaultWindow[] = []
  #isEnded = false
  readonly #counts = new Map<string, { requests: number; repeats: number }>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#history = new HistoryWriter(join(cluster.directory, 'gaps.jsonl'))
    this.#client = new MerchantClient({
      ...clientDefaults,
      gateways: cluster.gateways.map(({ merchantUrl }) => merchantUrl),
      history: this.#history,
      clock: systemClock,
      retryPauseMs,
      // addresses of a private network of this machine
      remote: cluster.network !== undefined,
    })
    this.#load = new Load({
      client: this.#client,
      history: this.#history,
      clock: systemClock,
      merchants: cluster.merchants.map((merchant) => ({ ...merchant, mode: 'test' })),
      seed: 1,
      run: `gaps-${process.pid}`,
      rate: journeysPerSecond,
    })
    this.#load.start()
  }

  counts(fault: string): { readonly requests: number; readonly repeats: number } {
    return this.#counts.get(fault) ?? { requests: 0, repeats: 0 }
  }

  /** One fault of one node, and until all shards are served and the node is back. */
  async trial(fault: Fault, number: number): Promise<Trial> {
    const cluster = this.#cluster
    const victim = cluster.nodes[number % cluster.nodes.length]
    const [merchant] = cluster.merchants
    if (victim === undefined || merchant === undefined) throw new Error('a cluster has nodes and merchants')
    const { incarnation } = victim
    const repeatsBefore = this.#repeats()
    const probe = gapProbe({
      client: this.#client,
      clock: systemClock,
      merchant: { ...merchant, mode: 'test' },
      idKey: cluster.idKey,
      sets: new Map([[victim.name, [...(await cluster.shardsOf(victim))]]]),
      perSecond: probesPerSecond,
    })
    // at another moment between two renewals each time
    await pause(300 + Math.random() * 500)
    const fromNs = monotonicNs()
    await fault.begin(victim)
    const takenMs = await cluster.takenFrom(victim, incarnation)
    // requests begun while shards open are among those that are measured
    await pause(300)
    const gap = (await probe.stop()).get(victim.name)
    this.#windows.push({ name: `${fault.name} ${number + 1}`, fromNs, toNs: monotonicNs(), atLeast: 1 })
    await fault.end(victim)
    await victim.start()
    await this.#balanced()
    if (gap === undefined) throw new Error('a probe knows its set')
    const where = `${fault.name} ${number + 1} of ${victim.name}`
    if (gap.failed + gap.shed > 0)
      this.wrong.push(`${where}: ${gap.failed} requests failed, ${gap.shed} were not begun`)
    if (gap.longestFromNs + gap.longestMs * 1e6 < fromNs) this.wrong.push(`${where}: the longest wait was before it`)
    const { requests, repeats } = this.counts(fault.name)
    this.#counts.set(fault.name, {
      requests: requests + gap.requests,
      repeats: repeats + this.#repeats() - repeatsBefore,
    })
    return { gapMs: gap.longestMs, takenMs, usualMs: gap.latency.p50 }
  }

  /** Ends the load, lets everything come to rest and compares the books. @returns the verdict in words. */
  async judge(): Promise<string> {
    await this.#load.stop()
    const restless = await this.#load.finish(restWithinMs)
    if (restless > 0) this.wrong.push(`${restless} payments are not at rest`)
    await this.end()
    const journals = await Promise.all(this.#cluster.databases.map(({ url }) => PostgresJournal.open(url)))
    try {
      const report = await audit({
        history: readHistory(this.#history.path),
        journals,
        books: [readBook(`${this.#cluster.simulatorUrl}/_admin/book`)],
        idKey: this.#cluster.idKey,
        windows: this.#windows,
        // the probe's payments were answered as captured, and are not read again
        finalReads: false,
        monotonic: () => systemClock.monotonic(),
      })
      if (report.result !== 'pass') this.wrong.push(describeReport(report))
      const { seen, result } = report
      return `The auditor says ${result}: ${seen.acknowledged.toLocaleString('en-US')} acknowledged operations, ${seen.payments.toLocaleString('en-US')} payments, ${seen.effects.toLocaleString('en-US')} effects at the PSP, none lost, none charged twice.`
    } finally {
      for (const journal of journals) await journal.close()
    }
  }

  /** Each node has its share, to within a tenth, so that no planned move falls into the next trial. */
  async #balanced(): Promise<void> {
    const cluster = this.#cluster
    await cluster.settled()
    const mean = shardCount / cluster.nodes.length
    await until(
      async () => {
        const owners = await cluster.owners()
        return cluster.nodes.every(({ name }) => Math.abs((owners.get(name) ?? 0) - mean) <= mean / 10)
      },
      { withinMs: 60_000, everyMs: 50, what: 'a third of the shards on each node' },
    )
  }

  /** Also after a failure, while the load still goes on: what is under way ends with its connections. */
  async end(): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    const stopped = this.#load.stop()
    await this.#client.close()
    await stopped
    await this.#history.close()
  }

  #repeats(): number {
    return [...this.#client.troubles.values()].reduce((sum, count) => sum + count, 0)
  }
}
