/**
 * What an operators' process does for the books by itself: seals the journal's hash chain, and proves one shard after the
 * other, journal and ledger, at a rate that nobody notices. What it finds stays in the metric `pay_ledger_drift` until that
 * shard is proved again without it.
 */
import type { LedgerReader } from '../gateway/operator/deps.ts'
import type { Incarnation } from '../cluster/member.ts'
import { JournalSealer } from '../persistence/journal-chain-sealer.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import { LedgerReads } from '../persistence/ledger-reads.ts'
import { ReadingPools } from '../persistence/reading-pools.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { proveJournal } from './cli/journal-proof.ts'
import { proveBalances, proveLedger } from './ledger-proof.ts'

export const keeperLimits = {
  /** All 1,024 shards in an hour, … */
  proveEveryMs: 3_500,
  /** … unless that takes more than this part of the time. */
  restPerWork: 50,
  problemsLoggedMax: 10,
} as const

export interface LedgerMetrics {
  /** @param problems,archived of all shards, as they were proved last. */
  proved(problems: number, archived: number): void
  failed(): void
  sealed(rows: number): void
}

export function createLedgerMetrics(metrics: Metrics): LedgerMetrics {
  const drift = metrics.gauge({
    name: 'ledger_drift',
    help: 'Places where journal, hash chain, transfers, balances and payments differ, as each shard was proved last. Anything above zero is an alarm.',
  })
  const archived = metrics.gauge({
    name: 'journal_archived_payments',
    help: 'Payments whose rows were moved from the journal to archive files, as each shard was proved last.',
  })
  const proved = metrics.counter({
    name: 'ledger_proofs_total',
    help: 'Proofs of a shard by the continuous check, by how they ended; `failed` proves nothing.',
    labels: ['outcome'],
  })
  const sealed = metrics.counter({
    name: 'journal_sealed_total',
    help: 'Rows of the journal that this process has sealed into the hash chain.',
  })
  return {
    proved(problems, payments) {
      drift.set(problems)
      archived.set(payments)
      proved.inc({ outcome: 'proved' })
    },
    failed: () => proved.inc({ outcome: 'failed' }),
    sealed: (rows) => sealed.inc(rows),
  }
}

export interface LedgerKeeperOptions {
  readonly databases: readonly JournalDatabase[]
  readonly self: Incarnation
  readonly clock: Clock
  readonly log: Log
  readonly metrics: LedgerMetrics
}

/** It does the first of everything a few seconds later. */
export function startLedgerKeeper(options: LedgerKeeperOptions): LedgerKeeper {
  const keeper = new LedgerKeeper(options)
  keeper.start()
  return keeper
}

export class LedgerKeeper {
  readonly reads: LedgerReader
  readonly #options: LedgerKeeperOptions
  readonly #pools: ReadingPools
  readonly #sealer: JournalSealer
  readonly #problems = new Map<number, number>()
  readonly #archived = new Map<number, number>()
  #next: number
  #cancel: Cancel | undefined
  #running: Promise<void> | undefined
  #isStopped = false

  constructor(options: LedgerKeeperOptions) {
    const { databases, self, clock, log, metrics } = options
    this.#options = options
    this.#next = firstShard(databases)
    this.reads = new LedgerReads(databases)
    this.#pools = new ReadingPools(databases, self, 'seal')
    this.#sealer = new JournalSealer({
      databases: this.#pools.all,
      clock,
      events: {
        sealed: (rows) => metrics.sealed(rows),
        failed: (error) =>
          log.warn({ component: 'ledger', error }, 'the journal could not be sealed; it is tried again'),
      },
    })
  }

  start(): void {
    this.#sealer.start()
    this.#schedule(keeperLimits.proveEveryMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    await Promise.all([this.#sealer.stop(), this.#running])
    await this.#pools.close()
  }

  #schedule(afterMs: number): void {
    if (this.#isStopped) return
    const { clock } = this.#options
    this.#cancel = clock.schedule(afterMs, () => {
      const began = clock.monotonic()
      this.#running = this.#prove().then(() => {
        const tookMs = clock.monotonic() - began
        this.#schedule(Math.max(keeperLimits.proveEveryMs, keeperLimits.restPerWork * tookMs))
      })
    })
  }

  async #prove(): Promise<void> {
    const { databases, log, metrics } = this.#options
    const shard = this.#next
    const last = databases.at(-1)?.last ?? 0
    this.#next = shard >= last ? firstShard(databases) : shard + 1
    const scope = {
      databases: databases.filter((each) => shard >= each.first && shard <= each.last),
      shards: new Set([shard]),
    }
    try {
      const journal = await proveJournal(scope)
      // Balances are over all shards of a database: once a round.
      const whole = scope.databases.filter(({ first }) => shard === first)
      const problems = [...journal.problems, ...(await proveLedger(scope)).problems, ...(await proveBalances(whole))]
      this.#problems.set(shard, problems.length)
      this.#archived.set(shard, journal.archived.payments)
      metrics.proved(sumOf(this.#problems), sumOf(this.#archived))
      if (problems.length === 0) return
      const places = problems.slice(0, keeperLimits.problemsLoggedMax).join('; ')
      log.error({ component: 'ledger', shard, count: problems.length, reason: places }, 'the books do not add up')
    } catch (error) {
      metrics.failed()
      log.warn(
        { component: 'ledger', shard, error },
        'a shard could not be proved; it is tried again in the next round',
      )
    }
  }
}

function firstShard(databases: readonly JournalDatabase[]): number {
  return databases[0]?.first ?? 0
}

function sumOf(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
