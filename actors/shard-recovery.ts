/**
 * Brings uncertain shards back: acquires all that are ready in one statement per database, reads the tail of those whose
 * entities wait for it, and hands both to the shard. Tries again with growing pauses while the journal is away, for as long
 * as it is; shards of other databases do not wait for one that is away, and no shard for one that lost rows: that one is
 * asked about apart, because its rows come back with another server, or never.
 */
import type { Clock } from '../runtime/clock.ts'
import { type Journal, JournalError, type JournalRow } from './journal.ts'
import { perDatabase } from './per-database.ts'
import type { Shard } from './shard.ts'

const pauseMsMin = 50
const pauseMsMax = 1000
const tailRowsPerRead = 1000

export class ShardRecovery {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #ready = new Set<Shard>()
  #running = false
  #pauseMs = pauseMsMin
  #stopped = false

  /** @param failed is told of every failed try. */
  constructor(journal: Journal, clock: Clock, failed: (error: unknown) => void) {
    this.#journal = journal
    this.#clock = clock
    this.#failed = failed
  }

  add(shard: Shard): void {
    this.#ready.add(shard)
    this.#next(0)
  }

  stop(): void {
    this.#stopped = true
    this.#ready.clear()
  }

  #next(delayMs: number): void {
    if (this.#running || this.#stopped || this.#ready.size === 0) return
    this.#running = true
    this.#clock.schedule(delayMs, () => {
      this.#recover().then(
        () => {
          this.#pauseMs = pauseMsMin
          this.#running = false
          this.#next(0)
        },
        (error: unknown) => {
          this.#failed(error)
          this.#running = false
          const pause = this.#pauseMs
          this.#pauseMs = Math.min(pause * 2, pauseMsMax)
          this.#next(pause)
        },
      )
    })
  }

  async #recover(): Promise<void> {
    const batch = [...this.#ready].filter((shard) => shard.status === 'uncertain').sort((a, b) => a.number - b.number)
    this.#ready = new Set()
    const { failures } = await perDatabase(
      this.#journal,
      batch,
      ({ number }) => number,
      (shards) => this.#recoverTogether(shards),
    )
    if (failures.length > 0) throw failures[0]
  }

  async #recoverTogether(batch: readonly Shard[]): Promise<void> {
    try {
      const ownerships = await this.#journal.acquire(batch.map((shard) => shard.number))
      const tails = await Promise.all(batch.map((shard) => this.#tailOf(shard)))
      for (const [index, shard] of batch.entries()) {
        const ownership = ownerships.find((candidate) => candidate.shard === shard.number)
        if (ownership === undefined) shard.lose()
        else shard.recovered(ownership, tails[index] ?? [])
      }
    } catch (error) {
      if (error instanceof JournalError && error.code === 'journal_lost_acknowledged_rows') {
        const behind = batch.filter(({ number }) => error.shards.includes(number))
        if (behind.length > 0) {
          this.#failed(error)
          this.#addLater(behind)
          const others = batch.filter((shard) => !behind.includes(shard))
          return others.length === 0 ? undefined : this.#recoverTogether(others)
        }
      }
      for (const shard of batch) if (shard.status === 'uncertain') this.#ready.add(shard)
      throw error instanceof JournalError
        ? error
        : new JournalError('journal_unavailable', 'recovery failed', { cause: error })
    }
  }

  #addLater(shards: readonly Shard[]): void {
    this.#clock.schedule(pauseMsMax, () => {
      if (!this.#stopped) for (const shard of shards) this.add(shard)
    })
  }

  /** Rows after the last one known to be durable, where anyone waits to hear of them. */
  async #tailOf(shard: Shard): Promise<readonly JournalRow[]> {
    const held = [...shard.entities.values()].some((entity) => entity.mode === 'held')
    if (!held) return []
    const rows: JournalRow[] = []
    let position = shard.lastDurable
    for (;;) {
      const page = await this.#journal.readTail(shard.number, position, tailRowsPerRead)
      rows.push(...page)
      if (page.length < tailRowsPerRead) return rows
      position = page.at(-1)?.position ?? position
    }
  }
}
