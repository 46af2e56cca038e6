/**
 * Keeps a process's {@link OwnerTable} near the truth: reads the owner rows at an interval, and at once on a hint or when
 * somebody found the table to be wrong. It never says who owns a shard with certainty: the journal does.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { ClusterLimits } from './cluster-limits.ts'
import type { HintSource, OwnerStore, OwnerTable, ShardOwner } from './owners.ts'
import { Polling } from './polling.ts'

export interface OwnerWatchOptions {
  readonly table: OwnerTable
  readonly store: OwnerStore
  readonly clock: Clock
  readonly limits: Pick<ClusterLimits, 'ownersPollMs' | 'pollTimeoutMs' | 'staleAfterMs'>
  readonly hints?: HintSource
  readonly failed?: (error: unknown) => void
}

export class OwnerWatch {
  readonly #options: OwnerWatchOptions
  readonly #polling: Polling<{ readonly owners: readonly ShardOwner[]; readonly since: number }>
  #unsubscribe: Cancel | undefined
  #silent: ReadonlySet<number> = new Set()

  constructor(options: OwnerWatchOptions) {
    const { table, store, clock, limits, failed } = options
    this.#options = options
    this.#polling = new Polling({
      clock,
      everyMs: limits.ownersPollMs,
      timeoutMs: limits.pollTimeoutMs,
      read: async () => {
        const since = table.changes
        return { owners: await store.owners(), since }
      },
      learn: ({ owners, since }) => {
        this.#silent = missingFrom(owners, table.all.length)
        table.learnRead(owners, since)
      },
      failed: (error) => failed?.(error),
    })
  }

  /** Resolves when the rows were read for the first time, or could not be. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.hints?.subscribe((about) => {
      if (about === 'owners') void this.refresh()
    })
    await this.#polling.start()
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#polling.stop()
  }

  /** Reads the rows now: a read that begins after this call. False where it failed. */
  refresh(): Promise<boolean> {
    return this.#polling.refresh()
  }

  /** Milliseconds since the last read; infinite before the first. */
  get contactAgeMs(): number {
    return this.#polling.contactAgeMs
  }

  /** What the table says is too old to be shown as the present. */
  get stale(): boolean {
    return this.contactAgeMs > this.#options.limits.staleAfterMs
  }

  /** Shards whose database did not answer the last read. */
  get silentShards(): ReadonlySet<number> {
    return this.#silent
  }
}

/** Shards without a row. */
function missingFrom(rows: readonly ShardOwner[], shardCount: number): ReadonlySet<number> {
  const missing = new Set<number>()
  if (rows.length === shardCount) return missing
  for (let shard = 0; shard < shardCount; shard += 1) missing.add(shard)
  for (const { shard } of rows) missing.delete(shard)
  return missing
}
