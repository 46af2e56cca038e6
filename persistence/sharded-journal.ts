/**
 * One journal over several databases, each with the shards of its range: owner rows, cursors, snapshots and timers of a
 * shard are where its rows are, so everything that must be atomic stays within one of them.
 *
 * What is about one shard goes to its database. What is about many is asked of all their databases at once; where one of
 * them fails the call rejects, after the others have done their part (journal.ts, databaseOf): a take-over, an advance or a
 * release may be repeated. A database that is away costs its own shards alone, but for the membership database, without
 * which nothing can be taken.
 */
import {
  type Append,
  type CursorAdvance,
  type EntityKey,
  type Journal,
  JournalError,
  type JournalRow,
  type OpenedShard,
  type Ownership,
  type ReleasedOwnership,
  type SnapshotRecord,
  type StoredEntity,
  type TimerRow,
} from '../actors/journal.ts'
import type { ReadAdvance } from '../actors/read-rows.ts'
import { assert } from '../runtime/assert.ts'
import { type JournalDatabase, nameOfRange, type ShardRange } from './journal-databases.ts'
import { type JournalStats, noJournalStats, PostgresJournal, type PostgresJournalOptions } from './postgres-journal.ts'

export interface JournalPart extends ShardRange {
  readonly journal: Journal
}

export interface PostgresJournalPart extends JournalPart {
  readonly journal: PostgresJournal
}

export interface ShardedJournalOptions extends Omit<PostgresJournalOptions, 'databaseUrl'> {
  readonly databases: readonly JournalDatabase[]
}

export class ShardedJournal<Part extends JournalPart = JournalPart> implements Journal {
  readonly parts: readonly Part[]
  /** Shard → index of its part. */
  readonly #partOf: readonly number[]

  /** @param parts in order of shard, from 0, without gaps. */
  constructor(parts: readonly Part[]) {
    const partOf: number[] = []
    for (const [index, { first, last }] of parts.entries()) {
      assert(first === partOf.length && last >= first, 'shards have one database each', { first, last })
      for (let shard = first; shard <= last; shard += 1) partOf.push(index)
    }
    this.parts = parts
    this.#partOf = partOf
  }

  /**
   * Connects to all of them; a process starts only where it reaches every one.
   * @throws {JournalError} as PostgresJournal.connect.
   */
  static async connect({ databases, ...options }: ShardedJournalOptions): Promise<ShardedJournal<PostgresJournalPart>> {
    const connecting = databases.map(async ({ first, last, url }) => {
      const log = options.log?.child({ database: nameOfRange({ first, last }) })
      const journal = await PostgresJournal.connect({ ...options, databaseUrl: url, ...(log && { log }) })
      return { first, last, journal }
    })
    const outcomes = await Promise.allSettled(connecting)
    const parts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) {
      await Promise.all(parts.map(({ journal }) => journal.close()))
      throw failed.reason
    }
    return new ShardedJournal(parts)
  }

  databaseOf(shard: number): number {
    const index = this.#partOf[shard]
    assert(index !== undefined, 'a shard is one of the cluster', { shard })
    return index
  }

  async acquire(shards: readonly number[]): Promise<readonly Ownership[]> {
    return inOrder(await this.#each(shards, itself, (journal, own) => journal.acquire(own)))
  }

  async open(
    ownerships: readonly Ownership[],
    horizon: number,
    openKinds: readonly string[],
  ): Promise<readonly OpenedShard[]> {
    const opened = await this.#each(ownerships, shardOf, (journal, own) => journal.open(own, horizon, openKinds))
    return opened.flat().sort((a, b) => a.ownership.shard - b.ownership.shard)
  }

  async release(ownerships: readonly Ownership[]): Promise<readonly ReleasedOwnership[]> {
    return inOrder(await this.#each(ownerships, shardOf, (journal, own) => journal.release(own)))
  }

  append(ownership: Ownership, append: Append): void {
    this.#journalOf(ownership.shard).append(ownership, append)
  }

  load(key: EntityKey, upTo?: number): Promise<StoredEntity> {
    return this.#journalOf(key.shard).load(key, upTo)
  }

  readTail(shard: number, position: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#journalOf(shard).readTail(shard, position, limit)
  }

  proveOwnership(ownership: Ownership): Promise<boolean> {
    return this.#journalOf(ownership.shard).proveOwnership(ownership)
  }

  async saveSnapshots(snapshots: readonly SnapshotRecord[]): Promise<void> {
    await this.#each(snapshots, shardOf, (journal, own) => journal.saveSnapshots(own))
  }

  async advance(advances: readonly CursorAdvance[]): Promise<readonly number[]> {
    return (await this.#each(advances, shardOf, (journal, own) => journal.advance(own))).flat().sort((a, b) => a - b)
  }

  async advanceRead(advances: readonly ReadAdvance[]): Promise<readonly number[]> {
    const refused = await this.#each(advances, shardOf, (journal, own) => journal.advanceRead(own))
    return refused.flat().sort((a, b) => a - b)
  }

  async timersDue(shards: readonly number[], horizon: number): Promise<readonly TimerRow[]> {
    const outcomes = await this.#settled(shards, itself, (journal, own) => journal.timersDue(own, horizon))
    const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (answers.length === 0) throwFirst(outcomes)
    return answers.flat().sort((a, b) => a.due - b.due)
  }

  async close(): Promise<void> {
    throwFirst(await Promise.allSettled(this.parts.map(({ journal }) => journal.close())))
  }

  #journalOf(shard: number): Journal {
    return (this.parts[this.databaseOf(shard)] as Part).journal
  }

  /** All answers, or the failure of one after all have answered; one that lost rows is told first. */
  async #each<Item, Result>(
    items: readonly Item[],
    shard: (item: Item) => number,
    ask: (journal: Journal, items: readonly Item[]) => Promise<Result>,
  ): Promise<Result[]> {
    const outcomes = await this.#settled(items, shard, ask)
    throwFirst(outcomes)
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  }

  #settled<Item, Result>(
    items: readonly Item[],
    shard: (item: Item) => number,
    ask: (journal: Journal, items: readonly Item[]) => Promise<Result>,
  ): Promise<PromiseSettledResult<Result>[]> {
    const groups = Map.groupBy(items, (item) => this.databaseOf(shard(item)))
    const asked = [...groups].map(([index, own]) => ask((this.parts[index] as Part).journal, own))
    return Promise.allSettled(asked)
  }
}

/** Sums over the databases. */
export function statsOf({ parts }: ShardedJournal<PostgresJournalPart>): Readonly<JournalStats> {
  const sum = noJournalStats()
  for (const { journal } of parts) {
    for (const name of Object.keys(sum) as (keyof JournalStats)[]) sum[name] += journal.stats[name]
  }
  return sum
}

const itself = (shard: number): number => shard
const shardOf = ({ shard }: { readonly shard: number }): number => shard

function inOrder<Item extends { readonly shard: number }>(answers: readonly (readonly Item[])[]): readonly Item[] {
  return answers.flat().sort((a, b) => a.shard - b.shard)
}

function throwFirst(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  const lost = failures.find(
    (error) => error instanceof JournalError && error.code === 'journal_lost_acknowledged_rows',
  )
  if (failures.length > 0) throw lost ?? failures[0]
}
