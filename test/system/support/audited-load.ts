/**
 * Load with a judge: journeys of payments under a seed while a test breaks things, then final reads, then the auditor over
 * what was told, the journals and the simulator's book. Used by every test of faults.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { audit } from '../../../loadtest/auditor/audit.ts'
import { readBook } from '../../../loadtest/auditor/book.ts'
import type { FaultWindow } from '../../../loadtest/auditor/intake.ts'
import { PostgresJournal } from '../../../loadtest/auditor/postgres-journal.ts'
import type { AuditReport } from '../../../loadtest/auditor/report.ts'
import { Load } from '../../../loadtest/generator.ts'
import { readHistory } from '../../../loadtest/history.ts'
import { HistoryWriter, monotonicNs } from '../../../loadtest/history-writer.ts'
import { clientDefaults, type Merchant, MerchantClient } from '../../../loadtest/merchant-client.ts'
import { systemClock } from '../../../runtime/clock.ts'

/** What is loaded and judged. */
export interface Target {
  /** Base addresses of the gateways. */
  readonly gateways: readonly string[]
  readonly merchants: readonly Merchant[]
  /** URLs of the journal databases. */
  readonly journals: readonly string[]
  /** The simulator's `/_admin/book`. */
  readonly bookUrl: string
  readonly idKeyFile: string
  /** For the history. */
  readonly directory: string
}

export interface AuditedLoadOptions {
  readonly seed: number
  /** Journeys per second. */
  readonly rate: number
}

export class AuditedLoad {
  readonly load: Load
  readonly client: MerchantClient
  readonly #target: Target
  readonly #history: HistoryWriter
  readonly #windows: FaultWindow[] = []

  constructor(target: Target, { seed, rate }: AuditedLoadOptions) {
    const run = randomBytes(4).toString('hex')
    this.#target = target
    this.#history = new HistoryWriter(join(target.directory, `history-${run}.jsonl`))
    const clock = systemClock
    this.client = new MerchantClient({ ...clientDefaults, gateways: target.gateways, history: this.#history, clock })
    const { merchants } = target
    this.load = new Load({ client: this.client, history: this.#history, clock, merchants, seed, run, rate })
    this.load.start()
  }

  /** Does something that hurts; the verdict is unknown unless it met `atLeast` operations in flight. */
  async fault<Result>(name: string, atLeast: number, work: () => Promise<Result>): Promise<Result> {
    const fromNs = monotonicNs()
    const result = await work()
    this.#windows.push({ name, fromNs, toNs: monotonicNs(), atLeast })
    return result
  }

  /** Ends the load, waits until every payment is at rest, and judges. @throws where one is not after `patienceMs`. */
  async verdict(patienceMs = 60_000): Promise<AuditReport> {
    await this.load.stop()
    const restless = await this.load.finish(patienceMs)
    if (restless > 0) throw new Error(`${restless} payments are not at rest after ${patienceMs} ms`)
    await this.#history.close()
    const { journals: urls, bookUrl, idKeyFile } = this.#target
    const journals: PostgresJournal[] = []
    try {
      for (const url of urls) journals.push(await PostgresJournal.open(url))
      return await audit({
        history: readHistory(this.#history.path),
        journals,
        books: [readBook(bookUrl)],
        idKey: Buffer.from((await readFile(idKeyFile, 'utf8')).trim(), 'hex'),
        windows: this.#windows,
        monotonic: () => systemClock.monotonic(),
      })
    } finally {
      for (const journal of journals) await journal.close()
    }
  }

  /** Also where a test failed: nothing goes on in the background. */
  async close(): Promise<void> {
    await this.client.close()
  }
}
