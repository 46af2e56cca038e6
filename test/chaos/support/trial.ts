/**
 * Merchants' load over a cluster while it is harmed, and the judgement afterwards: the auditor over what the merchants were
 * told, the journals and the simulator's book. A fault that met no operation in flight is no trial, and is refused.
 */
import { join } from 'node:path'
import { expect, onTestFailed } from 'vitest'
import { audit } from '../../../loadtest/auditor/audit.ts'
import { readBook } from '../../../loadtest/auditor/book.ts'
import type { FaultWindow } from '../../../loadtest/auditor/intake.ts'
import { PostgresJournal } from '../../../loadtest/auditor/postgres-journal.ts'
import { type AuditReport, describeReport } from '../../../loadtest/auditor/report.ts'
import { Load } from '../../../loadtest/generator.ts'
import { type HistoryLine, readHistory } from '../../../loadtest/history.ts'
import { HistoryWriter, monotonicNs } from '../../../loadtest/history-writer.ts'
import type { Mix } from '../../../loadtest/journey.ts'
import { clientDefaults, MerchantClient } from '../../../loadtest/merchant-client.ts'
import { systemClock } from '../../../runtime/clock.ts'
import type { Cluster } from './cluster.ts'
import type { Member } from './member.ts'
import { until } from './until.ts'

export interface TrialOptions {
  /** Journeys per second; each is one to four requests. Default 40. */
  readonly rate?: number
  readonly mix?: Mix
  /** Gateways that the merchants know. Default: all. */
  readonly gateways?: readonly Member[]
  /** How far clocks of nodes and PSP may be apart for the auditor. Default 1 s. */
  readonly clockToleranceMs?: number
}

/** From the first send of a request to its answer, repeats included. */
export interface Gap {
  readonly ms: number
  readonly requests: number
}

/** Everything that wants to be at rest after a fault has this long. */
const restWithinMs = 60_000
const logLinesShown = 25
/** Of a request that took longer, all sends are shown. */
const storyFromMs = 8_000

let trials = 0

export class Trial {
  readonly #cluster: Cluster
  readonly #client: MerchantClient
  readonly #history: HistoryWriter
  readonly #load: Load
  readonly #windows: FaultWindow[] = []
  readonly #clockToleranceMs: number
  readonly #seed: number
  #gaps: readonly KeyedRequest[] | undefined

  private constructor(cluster: Cluster, options: TrialOptions) {
    const name = `t${(trials += 1)}`
    this.#cluster = cluster
    this.#clockToleranceMs = options.clockToleranceMs ?? 1_000
    this.#history = new HistoryWriter(join(cluster.directory, `${name}.jsonl`))
    this.#client = new MerchantClient({
      ...clientDefaults,
      gateways: (options.gateways ?? cluster.gateways).map(({ merchantUrl }) => merchantUrl),
      history: this.#history,
      clock: systemClock,
      connections: 64,
      // addresses of a private network of this machine
      remote: cluster.network !== undefined,
    })
    this.#seed = Number(process.env['SHARDPAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    this.#load = new Load({
      client: this.#client,
      history: this.#history,
      clock: systemClock,
      merchants: cluster.merchants.map((merchant) => ({ ...merchant, mode: 'test' })),
      seed: this.#seed,
      run: `${name}-${process.pid}`,
      rate: options.rate ?? 40,
      ...(options.mix && { mix: options.mix }),
    })
  }

  /** Resolves when payments come through. The PSP takes 5 to 40 ms, so that faults find its calls on the wire. */
  static async start(cluster: Cluster, options: TrialOptions = {}): Promise<Trial> {
    await cluster.behave([{ probability: 1, action: 'latency', latency_ms: { kind: 'uniform', min: 5, max: 40 } }])
    const trial = new Trial(cluster, options)
    onTestFailed(async () => {
      process.stdout.write(`seed ${trial.#seed}\n${describeLogs(cluster)}\n`)
      for (const gateway of cluster.gateways) process.stdout.write(`${await refusalsOf(gateway)}\n`)
    })
    trial.#load.start()
    await trial.progress(20)
    return trial
  }

  /** Resolves when this many further payments were acknowledged. */
  async progress(payments: number, withinMs = restWithinMs): Promise<number> {
    const wanted = this.#load.payments + payments
    return until(() => this.#load.payments >= wanted, { withinMs, what: `${payments} more payments` })
  }

  /**
   * A fault for as long as `work` takes. At least `atLeast` operations of merchants have to be in flight during it.
   * @param name the fault's number, and what was done.
   */
  async fault<T>(name: string, atLeast: number, work: () => Promise<T>): Promise<T> {
    const fromNs = monotonicNs()
    const result = await work()
    this.#windows.push({ name, fromNs, toNs: monotonicNs(), atLeast })
    return result
  }

  /** Sends that got no answer or were asked to come again, by why. */
  get troubles(): Readonly<Record<string, number>> {
    return this.#load.summary().troubles
  }

  /** By what was asked and its HTTP status. */
  get answersOtherThan2xx(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.#load.summary().answers).filter(([name]) => !/ 2\d\d$/.test(name)))
  }

  /**
   * Ends the load, lets everything come to rest, and compares the books.
   * @param journalUrls of the journals where they are not with the cluster's databases any more.
   */
  async judge(journalUrls = this.#cluster.databases.map(({ url }) => url)): Promise<AuditReport> {
    await this.#load.stop()
    const restless = await this.#load.finish(restWithinMs)
    await this.#history.close()
    await this.#client.close()
    await this.#cluster.behave([])
    expect(restless, 'payments that are still pending').toBe(0)
    const journals = await Promise.all(journalUrls.map((url) => PostgresJournal.open(url)))
    try {
      const report = await audit({
        history: readHistory(this.#history.path),
        journals,
        books: [readBook(`${this.#cluster.simulatorUrl}/_admin/book`)],
        idKey: this.#cluster.idKey,
        windows: this.#windows,
        clockToleranceMs: this.#clockToleranceMs,
        monotonic: () => systemClock.monotonic(),
      })
      this.#gaps = await requestsOf(readHistory(this.#history.path))
      const described = describeReport(report)
      process.stdout.write(`${described}\n${JSON.stringify(this.troubles)}\n`)
      expect(report.result, described).toBe('pass')
      return report
    } finally {
      for (const journal of journals) await journal.close()
    }
  }

  /**
   * The longest time from first send to answer of requests that were under way during faults of this name. After `judge`;
   * printed, because that is what is measured.
   */
  gap(name: string): Gap {
    const windows = this.#windows.filter((window) => window.name === name)
    if (this.#gaps === undefined || windows.length === 0) throw new Error(`nothing is known of ${name}`)
    const met = this.#gaps.filter((each) =>
      windows.some(({ fromNs, toNs }) => each.firstNs <= toNs && each.endNs >= fromNs),
    )
    const slowest = met.toSorted((a, b) => b.endNs - b.firstNs - (a.endNs - a.firstNs))[0]
    const ms = slowest === undefined ? 0 : Math.round((slowest.endNs - slowest.firstNs) / 1e6)
    process.stdout.write(`${name}: longest from first send to answer ${ms} ms, of ${met.length} requests\n`)
    if (ms > storyFromMs) process.stdout.write(`  ${slowest?.story.join('\n  ')}\n`)
    return { ms, requests: met.length }
  }
}

interface KeyedRequest {
  readonly firstNs: number
  readonly endNs: number
  /** Its sends: how they ended, and when after the first. */
  readonly story: readonly string[]
}

/** Keys from the first send to the first definite answer. */
async function requestsOf(history: AsyncIterable<HistoryLine>): Promise<KeyedRequest[]> {
  const keyOf = new Map<number, string>()
  const requests = new Map<string, { firstNs: number; endNs: number; story: string[] }>()
  for await (const line of history) {
    if (line.type === 'invoke') {
      if (line.key === null) continue
      keyOf.set(line.i, line.key)
      if (!requests.has(line.key)) {
        requests.set(line.key, { firstNs: line.t_mono_ns, endNs: 0, story: [`${line.f} of ${line.key}`] })
      }
      continue
    }
    const request = requests.get(keyOf.get(line.i) ?? '')
    if (request === undefined || request.endNs > 0) continue
    const afterMs = Math.round((line.t_mono_ns - request.firstNs) / 1e6)
    request.story.push(`${afterMs} ms: ${line.type} ${line.status ?? ''} ${line.code ?? ''}`)
    if (line.type !== 'info' && line.status !== 409 && line.status !== 503) request.endNs = line.t_mono_ns
  }
  return [...requests.values()].filter(({ endNs }) => endNs > 0)
}

/** Why a gateway told its callers 503, as its metrics have it. */
async function refusalsOf({ name, operatorUrl }: Member): Promise<string> {
  const text = await fetch(`${operatorUrl}/metrics`).then(
    (response) => response.text(),
    (error: unknown) => String(error),
  )
  return [name, ...text.split('\n').filter((line) => line.startsWith('pay_route_refused_total'))].join('\n  ')
}

function describeLogs(cluster: Cluster): string {
  return [...cluster.nodes, ...cluster.gateways]
    .filter((member) => member.wasStarted)
    .flatMap(({ name, program, endings }) => [
      `--- ${name}: ${program.ending ?? 'runs'}; lives before ended with ${endings.join(', ') || 'nothing'}`,
      ...program.log.filter((line) => !line.includes('"shard moved"')).slice(-logLinesShown),
    ])
    .join('\n')
}
