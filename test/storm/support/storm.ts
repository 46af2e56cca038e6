/** The load of a storm, and its aftermath: everything comes to rest, is read once more by the merchants, and is judged. */
import { join } from 'node:path'
import { audit } from '../../../loadtest/auditor/audit.ts'
import { readBook } from '../../../loadtest/auditor/book.ts'
import type { FaultWindow } from '../../../loadtest/auditor/intake.ts'
import { PostgresJournal } from '../../../loadtest/auditor/postgres-journal.ts'
import type { AuditReport } from '../../../loadtest/auditor/report.ts'
import { Load } from '../../../loadtest/generator.ts'
import { readHistory } from '../../../loadtest/history.ts'
import { HistoryWriter, monotonicNs } from '../../../loadtest/history-writer.ts'
import { clientDefaults, MerchantClient } from '../../../loadtest/merchant-client.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { until } from '../../chaos/support/until.ts'
import type { StormCluster } from './cluster.ts'
import { JournalView } from './journal.ts'
import { stormJourney } from './journey.ts'
import { type Proof, prove } from './proof.ts'

export interface Aftermath {
  readonly report: AuditReport
  readonly proof: Proof
  /** What became of the PSPs' messages, by count. */
  readonly webhooks: Readonly<Record<string, number>>
}

/** Longer than the schedule of an unknown outcome, whose pauses are patience, and the retries of voids and captures. */
const restWithinMs = 900_000

export class Storm {
  readonly #cluster: StormCluster
  readonly #history: HistoryWriter
  readonly #client: MerchantClient
  readonly #load: Load
  readonly #windows: FaultWindow[] = []

  constructor(cluster: StormCluster, { seed, rate }: { readonly seed: number; readonly rate: number }) {
    const gateways = [cluster.merchantUrl]
    this.#cluster = cluster
    this.#history = new HistoryWriter(join(cluster.directory, 'history.jsonl'))
    this.#client = new MerchantClient({ ...clientDefaults, gateways, history: this.#history, clock: systemClock })
    this.#load = new Load({
      ...{ client: this.#client, history: this.#history, clock: systemClock },
      ...{ merchants: cluster.merchants, seed, run: `storm-${process.pid}`, rate },
      journey: stormJourney(cluster.merchantUrl),
    })
    this.#load.start()
  }

  /** Resolves when so many payments were acknowledged. @throws where a journey broke. */
  async progress(payments: number, patienceMs: number): Promise<void> {
    const isFar = (): boolean => {
      if (this.#load.failure !== undefined) throw this.#load.failure
      return this.#load.payments >= payments
    }
    await until(isFar, { withinMs: patienceMs, what: `the payment ${payments}` })
  }

  /** Does something that hurts; the verdict is unknown unless it met `atLeast` operations in flight. */
  async fault(name: string, atLeast: number, work: () => Promise<void>): Promise<void> {
    const fromNs = monotonicNs()
    await work()
    this.#windows.push({ name, fromNs, toNs: monotonicNs(), atLeast })
  }

  /** Ends the load. @throws where something is not at rest when the schedule must have run out. */
  async aftermath(): Promise<Aftermath> {
    const { databaseUrl, bookUrl, idKey } = this.#cluster
    await this.#load.stop()
    // What got no answer is repeated until there is one.
    await this.#load.finish(0)
    let restless: readonly string[] = []
    const isOver = async (): Promise<boolean> => {
      const { pending } = await this.#cluster.webhookCounts()
      restless = (await JournalView.read(databaseUrl)).restless
      return pending === 0 && restless.length === 0
    }
    await until(isOver, { withinMs: restWithinMs, everyMs: 5_000 }).catch((cause: unknown) => {
      throw new Error(`not at rest: ${restless.slice(0, 5).join('\n') || 'webhooks'}`, { cause })
    })
    const webhooks = await this.#cluster.webhookCounts()
    // Everything is read once more; what a person has to decide stays pending.
    await this.#load.finish(0)
    await this.#history.close()
    const journal = await PostgresJournal.open(databaseUrl)
    try {
      const report = await audit({
        history: readHistory(this.#history.path),
        journals: [journal],
        books: [readBook(bookUrl)],
        idKey,
        windows: this.#windows,
        monotonic: () => systemClock.monotonic(),
      })
      return { report, proof: await prove(databaseUrl, bookUrl), webhooks }
    } finally {
      await journal.close()
    }
  }

  /** Also where a test failed: nothing goes on in the background. */
  async close(): Promise<void> {
    await this.#client.close()
  }
}
