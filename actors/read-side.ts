/**
 * Keeps the read side of this process's shards up with the journal: about once per interval it writes, for all shards of a
 * database that moved, their decisions' transfers and the rows of what these changed, and moves their cursors `read`, in one
 * transaction guarded by compare-and-set.
 *
 * Guarantees:
 * - Rows are those of the journal up to the cursor, exactly: decisions are heard from memory while nothing is missing there,
 *   and read from the journal where anything is (read-buffer.ts).
 * - A decision that cannot be shown, or that a constraint refuses, parks its shard right before it: the cursor stands still
 *   until that decision can be stored, which is tried again now and then. Nothing is skipped, other shards go on, and so do
 *   the actors, whose cursor is another one.
 * - A write of unknown outcome may be repeated.
 *
 * It holds no entity in memory, only what it has heard of since the cursor, bounded.
 */
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { HostLimits, HostObserver } from './host-options.ts'
import { type Journal, JournalError, type Ownership } from './journal.ts'
import { transferRows } from './payment-read-rows.ts'
import { perDatabase } from './per-database.ts'
import { Periodic } from './periodic.ts'
import { type CatchUpOptions, catchUp } from './read-catch-up.ts'
import type { Heard, ReadBuffer } from './read-buffer.ts'
import type { DisputeRow, ReadAdvance, ReadRows, RefundRow, TransferRow } from './read-rows.ts'
import type { ShardStatus } from './shard.ts'

/** Decisions of one statement; fewer after one that failed, because it may have been too large for its time limit. */
const decisionsMax = 4_000
const decisionsMin = 100
/** Of one shard in a statement. */
const decisionsOfShardMax = 1_000
/** Shards of which the journal is read at a time, where nothing else is said. */
const readingMax = 8

/** A shard as the read side follows it: its owner's, or one that is folded once more from its first row. */
export interface FollowedShard {
  readonly number: number
  readonly status: ShardStatus
  readonly ownership: Pick<Ownership, 'epoch'>
  /** Position of the last row that is to be shown now. */
  readonly lastDurable: number
  readonly read: ReadBuffer
  /** Where the cursor stands; undefined where the shard is not to be followed any more. @throws {JournalError} */
  readCursor(): Promise<number | undefined>
}

export interface ReadSideOptions {
  readonly journal: Pick<Journal, 'databaseOf' | 'load' | 'readTail' | 'advanceRead'>
  readonly clock: Clock
  readonly limits: Pick<HostLimits, 'readFlushMs' | 'readParkedMs'>
  /** Told of each failure, and of each shard that stands still and at which position. */
  readonly observer: Pick<HostObserver, 'trouble'>
  readonly kindOf: CatchUpOptions['kindOf']
  /** Shards of which the journal is read at a time: some hundred rows of each are in memory. Default: few, beside a node's other work. */
  readonly readingMax?: number
}

export class ReadSide {
  readonly #options: ReadSideOptions
  readonly #periodic: Periodic
  /** Shards whose cursor is behind. */
  readonly #behind = new Set<FollowedShard>()
  readonly #parked = new Map<FollowedShard, Cancel>()
  /** Decisions that go into the next statement. */
  #room = decisionsMax
  #stopped = false

  constructor(options: ReadSideOptions) {
    this.#options = options
    const { clock, limits, observer } = options
    this.#periodic = new Periodic(clock, limits.readFlushMs, (error) => {
      // Ending with the process: the next owner goes on from the cursor.
      if (error instanceof JournalError && error.code === 'journal_closed') return
      observer.trouble('read_failed', error)
    })
  }

  /** Shards that stand still before a decision that cannot be stored. */
  get parked(): readonly number[] {
    return [...this.#parked.keys()].filter(({ status }) => status !== 'lost').map(({ number }) => number)
  }

  /** Durable decisions that are not shown. */
  get decisionsBehind(): number {
    let sum = 0
    for (const shard of [...this.#behind, ...this.#parked.keys()]) {
      if (shard.status !== 'lost') sum += shard.lastDurable - shard.read.stored
    }
    return sum
  }

  /** The row at this position of the shard's journal is durable. */
  hear(shard: FollowedShard, position: number, row: Heard): void {
    if (this.#parked.has(shard)) return
    shard.read.hear(position, row)
    this.#behind.add(shard)
    this.#next()
  }

  /** Nothing is heard of the shard's rows up to its last durable one: they are read from the journal. */
  follow(shard: FollowedShard): void {
    if (this.#parked.has(shard) || shard.read.stored >= shard.lastDurable) return
    this.#behind.add(shard)
    this.#next()
  }

  /**
   * Writes what is behind. Resolves when it is stored or could not be stored.
   * @param only of these shards; default: of all.
   */
  async flush(only: ReadonlySet<FollowedShard> = this.#behind): Promise<void> {
    await this.#periodic.now(() => this.#write([...only].filter((shard) => this.#behind.has(shard))))
    if (this.#behind.size > 0) this.#next()
  }

  /** Nothing more is written by itself. */
  stop(): void {
    this.#stopped = true
    for (const cancel of this.#parked.values()) cancel()
  }

  #next(): void {
    if (!this.#stopped) this.#periodic.later(() => void this.flush())
  }

  async #write(asked: readonly FollowedShard[]): Promise<void> {
    for (const shard of this.#behind) if (shard.status === 'lost') this.#behind.delete(shard)
    const shards = asked.filter(({ status }) => status === 'open')
    const missing = new Set(shards.filter(isMissing).slice(0, this.#options.readingMax ?? readingMax))
    const { journal } = this.#options
    const { failures } = await perDatabase(
      journal,
      shards,
      ({ number }) => number,
      async (own) => {
        await Promise.all(own.filter((shard) => missing.has(shard)).map((shard) => this.#catchUp(shard)))
        await this.#store(own)
      },
    )
    for (const shard of shards) {
      const isDone = shard.read.stored >= shard.lastDurable
      if (isDone || this.#parked.has(shard) || shard.status === 'lost') this.#behind.delete(shard)
    }
    if (failures.length > 0) throw failures[0]
  }

  async #catchUp(shard: FollowedShard): Promise<void> {
    const { read, number } = shard
    const failure = await catchUp(number, read, this.#options)
    // What came before it is stored first.
    if (failure !== undefined && read.heard === read.stored) this.#park(shard, failure)
  }

  /** Of each shard some decisions, in as many statements as it takes; what a shard has beyond them waits for the next interval. */
  async #store(shards: readonly FollowedShard[]): Promise<void> {
    const waiting = shards.filter(({ read }) => read.heard > read.stored)
    while (waiting.length > 0) {
      const batch: ReadAdvance[] = []
      const byNumber = new Map<number, FollowedShard>()
      for (let room = this.#room; room > 0; ) {
        const shard = waiting.pop()
        if (shard === undefined) break
        if (shard.status !== 'open') continue
        const rows = shard.read.first(Math.min(decisionsOfShardMax, room))
        room -= rows.length
        byNumber.set(shard.number, shard)
        batch.push(...this.#advanceOf(shard, rows))
      }
      await this.#send(batch, byNumber)
    }
  }

  async #send(batch: readonly ReadAdvance[], shards: ReadonlyMap<number, FollowedShard>): Promise<void> {
    if (batch.length === 0) return
    try {
      const refused = new Set(await this.#options.journal.advanceRead(batch))
      this.#room = Math.min(this.#room * 2, decisionsMax)
      for (const { shard: number, to } of batch) {
        const shard = shards.get(number)
        assert(shard !== undefined, 'an advance is of a shard that was asked for')
        if (refused.has(number)) await this.#resync(shard)
        else shard.read.storedUpTo(to)
      }
    } catch (error) {
      if (error instanceof JournalError && error.code === 'journal_refused') {
        return this.#divide(batch, shards, error)
      }
      this.#room = Math.max(Math.floor(this.#room / 2), decisionsMin)
      throw error
    }
  }

  /** A row of the batch was refused, and nobody says which: half by half it is found, and everything before it stored. */
  async #divide(
    batch: readonly ReadAdvance[],
    shards: ReadonlyMap<number, FollowedShard>,
    error: unknown,
  ): Promise<void> {
    const half = Math.ceil(batch.length / 2)
    if (batch.length > 1) {
      await this.#send(batch.slice(0, half), shards)
      await this.#send(batch.slice(half), shards)
      return
    }
    const [advance] = batch
    const shard = advance === undefined ? undefined : shards.get(advance.shard)
    if (advance === undefined || shard?.status !== 'open') return
    const count = advance.to - advance.from
    if (count === 1) return this.#park(shard, error)
    await this.#send(this.#advanceOf(shard, shard.read.first(Math.floor(count / 2))), shards)
  }

  /** Parks the shard where its first decision cannot be shown; what cannot be shown later is left for later. */
  #advanceOf(shard: FollowedShard, rows: readonly Heard[]): readonly ReadAdvance[] {
    try {
      return [advanceOf(shard, rows)]
    } catch (error) {
      if (rows.length > 1) return this.#advanceOf(shard, rows.slice(0, Math.floor(rows.length / 2)))
      this.#park(shard, error)
      return []
    }
  }

  #park(shard: FollowedShard, error: unknown): void {
    const { clock, limits, observer } = this.#options
    this.#behind.delete(shard)
    const position = shard.read.stored + 1
    shard.read.forget()
    const again = clock.schedule(limits.readParkedMs, () => {
      this.#parked.delete(shard)
      if (shard.status === 'lost') return
      this.#behind.add(shard)
      this.#next()
    })
    this.#parked.set(shard, again)
    observer.trouble('read_parked', error, { shard: shard.number, position })
  }

  /** Either the shard has another owner, or a commit of ours of unknown outcome moved the cursor: proof tells. */
  async #resync(shard: FollowedShard): Promise<void> {
    const cursor = await shard.readCursor()
    if (cursor !== undefined) shard.read.found(cursor)
  }
}

/** Something was not heard, and there is room to read it. */
function isMissing({ read, lastDurable }: FollowedShard): boolean {
  return read.heard < lastDurable && read.heard - read.stored < decisionsOfShardMax
}

function advanceOf(shard: FollowedShard, rows: readonly Heard[]): ReadAdvance {
  const { stored } = shard.read
  const last = new Map<string, ReadRows>()
  for (const row of rows.toReversed()) {
    if (row === undefined || last.has(row.entity)) continue
    const shown = row.kind.readRows?.({ shard: shard.number, entity: row.entity }, row.state)
    if (shown !== undefined) last.set(row.entity, shown)
  }
  const transfers: TransferRow[] = []
  for (const [index, row] of rows.entries()) {
    const owner = row === undefined ? undefined : last.get(row.entity)?.payment
    if (row === undefined || owner === undefined) continue
    transfers.push(...transferRows(owner, { position: stored + 1 + index, at: row.at }, row.transfers))
  }
  const shown = [...last.values()]
  return {
    shard: shard.number,
    epoch: shard.ownership.epoch,
    from: stored,
    to: stored + rows.length,
    payments: shown.map(({ payment }) => payment),
    refunds: shown.flatMap(({ refunds }): readonly RefundRow[] => refunds),
    disputes: shown.flatMap(({ disputes }): readonly DisputeRow[] => disputes),
    transfers,
  }
}
