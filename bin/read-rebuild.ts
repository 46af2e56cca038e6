/**
 * The read side of one journal database made anew from its journal, while payments go on (docs/reading.md).
 *
 *   building   a second set of tables is filled with all that was in the journal when the rebuild began, by several threads
 *   following  what the live tables know besides is folded too, round by round, until little is left
 *   swapping   the live tables are locked for moments, the last rows folded, and the second set takes their place
 *   comparing  in place of that: what differs, as of one moment, is told and the second set is dropped
 *
 * It guarantees that the live tables are as they were, or were replaced as a whole by the fold of the journal up to at least
 * where they had been. Where a decision cannot be stored, nothing is replaced.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from 'pg'
import { ProofSnapshot } from '../persistence/journal-chain-reading.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import { readPositions } from '../persistence/ledger-reading.ts'
import { ReadNext, type ShardCursors, type ShardLag } from '../persistence/read-next.ts'
import { type ReadDifference, readDifferences } from '../persistence/read-next-differences.ts'
import { describe } from '../persistence/statement-outcome.ts'
import { withClient } from '../persistence/with-client.ts'
import { type BuildTarget, type ParkedShard, ReadBuilder } from './read-builder.ts'
import { RebuildFailure } from './read-rebuild-failure.ts'
import { buildInParallel, threadsMax } from './read-rebuild-parallel.ts'

/** What a caller may have otherwise. */
export interface RebuildLimits {
  readonly lagMax: number
  readonly againMs: number
  readonly patienceMs: number
}

export const rebuildLimits = {
  /** Rows of the journal that may be left when the live tables are locked. */
  lagMax: 2_000,
  /** … and that are folded under the lock; where there are more, it is given up for a while. */
  lockedRowsMax: 4_000,
  /** How long the lock is waited for, in turn. The last is beyond Postgres' deadlock_timeout: it ends an autovacuum. */
  lockMs: [200, 200, 200, 1_500],
  /** Between tries. */
  againMs: 300,
  /** How long it is tried to come close to the live tables, and to swap. */
  patienceMs: 10 * 60_000,
  /** Shards and tables of which a comparison tells which rows differ. */
  comparedMax: 20,
} as const

export interface RebuildProgress {
  readonly phase: 'building' | 'following' | 'swapping' | 'comparing'
  /** Rows of the journal that were stored, and those that are to be. */
  readonly rows: number
  readonly rowsTotal: number
  /** Since the rebuild began. */
  readonly rowsPerSecond: number
  /** What is in its way, where it waits. */
  readonly inUseBy?: readonly string[]
}

export interface RebuildOptions {
  readonly database: JournalDatabase
  /** Tells what differs and replaces nothing. */
  readonly isDryRun: boolean
  readonly keepsOld: boolean
  readonly progress?: (progress: RebuildProgress) => void
  readonly limits?: Partial<RebuildLimits>
}

export interface RebuildReport {
  readonly shards: number
  /** Of the journal. */
  readonly rows: number
  readonly seconds: number
  /** Decisions that cannot be stored; where there are some, nothing was swapped. */
  readonly parked: readonly ParkedShard[]
  readonly hadLeftovers: boolean
  /** Why tables that are needed no more could not be removed, where they could not: the next rebuild does it. */
  readonly leftBehind: string | null
  /** How long readers and projectors had to wait, at most; null where nothing was swapped. */
  readonly heldMs: number | null
  /** Of a dry run: as the live tables differ, and at how many shards and tables in all. */
  readonly differences: readonly ReadDifference[]
  readonly differenceCount: number
  /** Of a dry run: shards whose live cursor stands before rows that the journal had when it began. */
  readonly behind: readonly ShardPositions[]
}

type ShardPositions = Pick<ShardLag, 'shard' | 'live' | 'next'>

/** @throws {ReadNextError} {RebuildFailure}, and where the database cannot be read or written. */
export async function rebuildReadSide(options: RebuildOptions): Promise<RebuildReport> {
  return withClient(options.database.url, async (client) => {
    const lost = new AbortController()
    client.once('error', (error) => lost.abort(error))
    const next = await ReadNext.create(client, options)
    let report: Omit<RebuildReport, 'leftBehind'>
    try {
      await assertNothingArchived(client)
      report = await new Rebuild(next, options, lost.signal).run()
    } catch (error) {
      // where the connection is lost, the next rebuild removes them
      await next.drop().catch(() => undefined)
      throw error
    }
    const leftBehind = await next.drop().then(() => null, describe)
    return { ...report, leftBehind }
  })
}

/** From here on nothing can be: the cursors of the second set stand before every row. */
async function assertNothingArchived(client: Client): Promise<void> {
  const { rows } = await client.query<{ payments: number }>('SELECT count(*)::int AS payments FROM journal_archived')
  const payments = rows[0]?.payments ?? 0
  if (payments === 0) return
  throw new RebuildFailure(
    'rebuild_archived',
    `${payments} payments are archived: their decisions are not in the journal`,
  )
}

class Rebuild {
  readonly #next: ReadNext
  readonly #options: RebuildOptions
  readonly #limits: RebuildLimits
  readonly #began = performance.now()
  readonly #builder: ReadBuilder
  readonly #lost: AbortSignal
  #phase: RebuildProgress['phase'] = 'building'
  #rows = 0
  #rowsTotal = 0

  /** @param lost tells that the session is gone which keeps other rebuilds away. */
  constructor(next: ReadNext, options: RebuildOptions, lost: AbortSignal) {
    this.#next = next
    this.#lost = lost
    this.#options = options
    this.#limits = { ...rebuildLimits, ...options.limits }
    const { url: databaseUrl } = options.database
    this.#builder = new ReadBuilder({
      ...{ databaseUrl, owner: next.owner, part: threadsMax },
      stored: (rows) => this.#stored(rows),
    })
  }

  async run(): Promise<Omit<RebuildReport, 'leftBehind'>> {
    try {
      const parked = await this.#build()
      const { shards } = this.#scope()
      const report = { ...nothingSwapped, shards, hadLeftovers: this.#next.hadLeftovers, parked }
      let outcome: Partial<RebuildReport> = {}
      if (parked.length === 0) outcome = this.#options.isDryRun ? await this.#compare() : await this.#replace()
      const parkedLater = this.#builder.parked
      const seconds = this.#elapsedMs() / 1_000
      return {
        ...report,
        ...outcome,
        ...(parkedLater.length > 0 && { parked: parkedLater }),
        rows: this.#rows,
        seconds,
      }
    } finally {
      await this.#builder.close()
    }
  }

  #scope(): { readonly shards: number; readonly has: (shard: number) => boolean } {
    const { first, last } = this.#options.database
    return { shards: last - first + 1, has: (shard) => shard >= first && shard <= last }
  }

  async #build(): Promise<readonly ParkedShard[]> {
    const targets = (await this.#cursors())
      .filter(({ tail }) => tail > 0)
      .map(({ shard, epoch, tail }): BuildTarget => ({ shard, epoch, from: 0, to: tail }))
    this.#rowsTotal = targets.reduce((sum, { to }) => sum + to, 0)
    const { url: databaseUrl } = this.#options.database
    const scope = { databaseUrl, owner: this.#next.owner, targets }
    const parked = targets.length === 0 ? [] : await buildInParallel(scope, (rows) => this.#stored(rows), this.#lost)
    if (parked.length === 0) await this.#next.analyze()
    return parked
  }

  async #replace(): Promise<Partial<RebuildReport>> {
    const until = performance.now() + this.#limits.patienceMs
    for (let tries = 0; ; tries += 1) {
      if (!(await this.#follow(until))) return {}
      this.#tell('swapping')
      const outcome = await this.#next.swap({
        lockMs: rebuildLimits.lockMs[tries % rebuildLimits.lockMs.length] ?? 0,
        keepsOld: this.#options.keepsOld,
        reach: async (behind) => {
          const targets = behindLive(behind)
          const rows = rowsOf(targets)
          if (rows > rebuildLimits.lockedRowsMax) return false
          await this.#advance(targets)
          return this.#builder.parked.length === 0
        },
      })
      if (this.#builder.parked.length > 0) return {}
      if (outcome.kind === 'swapped') return { heldMs: outcome.heldMs }
      const by = outcome.kind === 'in_use' ? outcome.by : []
      if (performance.now() > until) {
        const whom = by.length === 0 ? '' : ` by ${by.join(', ')}`
        throw new RebuildFailure('rebuild_in_use', `the live tables were in use all the time${whom}`)
      }
      this.#tell('swapping', by)
      await pause(this.#limits.againMs * (0.5 + Math.random()))
    }
  }

  /** Folds what the live tables know, until little is left. False where some of it cannot be stored. */
  async #follow(until: number): Promise<boolean> {
    for (;;) {
      this.#tell('following')
      const targets = behindLive(await this.#cursors())
      await this.#advance(targets)
      if (this.#builder.parked.length > 0) return false
      if (rowsOf(targets) <= this.#limits.lagMax) return true
      if (performance.now() > until) {
        throw new RebuildFailure('rebuild_too_slow', 'the journal grows faster than it can be folded here')
      }
    }
  }

  /** The live tables as of one moment, and the second set folded up to where they are then. */
  async #compare(): Promise<Partial<RebuildReport>> {
    const { url } = this.#options.database
    const live = await snapshotOf(url)
    try {
      const positions = await readPositions(live.client, this.#options.database)
      const cursors = (await this.#cursors()).map((each) => ({ ...each, live: positions.get(each.shard) ?? 0 }))
      this.#tell('following')
      await this.#advance(behindLive(cursors))
      if (this.#builder.parked.length > 0) return {}
      this.#tell('comparing')
      const behind = cursors.filter(({ live: at, next }) => next > at)
      const same = new Set(cursors.map(({ shard }) => shard))
      for (const { shard } of behind) same.delete(shard)
      const next = await snapshotOf(url)
      try {
        const shards = { same, isAll: behind.length === 0 }
        const { comparedMax } = rebuildLimits
        const { differences, count } = await readDifferences(live.client, next.client, shards, comparedMax)
        return { differences, differenceCount: count, behind: behind.map(positionsOf) }
      } finally {
        await next.close()
      }
    } finally {
      await live.close()
    }
  }

  async #advance(targets: readonly BuildTarget[]): Promise<void> {
    this.#rowsTotal += rowsOf(targets)
    await this.#builder.reach(targets)
  }

  async #cursors(): Promise<readonly ShardCursors[]> {
    const { has } = this.#scope()
    return (await this.#next.cursors()).filter(({ shard }) => has(shard))
  }

  #elapsedMs(): number {
    return performance.now() - this.#began
  }

  #stored(rows: number): void {
    this.#rows += rows
    this.#tell(this.#phase)
  }

  #tell(phase: RebuildProgress['phase'], inUseBy: readonly string[] = []): void {
    this.#phase = phase
    const rowsPerSecond = (1_000 * this.#rows) / Math.max(1, this.#elapsedMs())
    const progress = { phase, rows: this.#rows, rowsTotal: this.#rowsTotal, rowsPerSecond }
    this.#options.progress?.({ ...progress, ...(inUseBy.length > 0 && { inUseBy }) })
  }
}

const nothingSwapped = { heldMs: null, differences: [], differenceCount: 0, behind: [] } as const

/** Whole tables are read: not by their indexes, as a proof of one shard is. */
async function snapshotOf(url: string): Promise<ProofSnapshot & { readonly client: Client }> {
  const snapshot = await ProofSnapshot.open(url)
  await snapshot.client.query('SET LOCAL enable_seqscan = on')
  return snapshot
}

function behindLive(cursors: readonly ShardLag[]): readonly BuildTarget[] {
  return cursors
    .filter(({ live, next }) => next < live)
    .map(({ shard, epoch, live, next }) => ({ shard, epoch, from: next, to: live }))
}

function rowsOf(targets: readonly BuildTarget[]): number {
  return targets.reduce((sum, { from, to }) => sum + to - from, 0)
}

function positionsOf({ shard, live, next }: ShardLag): ShardPositions {
  return { shard, live, next }
}
