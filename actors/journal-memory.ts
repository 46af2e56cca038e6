/**
 * The in-memory twin of the Postgres journal: the same claims (journal-conformance.ts), the same conflicts, no server.
 * Several journals over one {@link MemoryDatabase} are several nodes.
 *
 * Like its twin it writes one flush at a time, takes positions when the flush is formed, and settles after it. It reads no
 * clock but for the epoch records' `at`, and has no task but what it hands to `defer`, so that a test or a simulation
 * decides when anything happens. Faults are injected per flush ({@link MemoryJournal.failNextFlush},
 * {@link MemoryJournal.hangNextFlush}) or in the database (`available`, `restore`).
 */
import { pack } from 'msgpackr'
import type { Deaths, Incarnation } from '../cluster/member.ts'
import type { Clock } from '../runtime/clock.ts'
import {
  type Append,
  type AppendOutcome,
  type CursorAdvance,
  type EntityKey,
  type Journal,
  JournalError,
  type JournalErrorCode,
  type JournalRow,
  type OpenedShard,
  type Ownership,
  type ReleasedOwnership,
  type SnapshotRecord,
  type StoredEntity,
  type TimerRow,
} from './journal.ts'
import { advanceTogether, epochEntity, type MemoryDatabase, type MemoryWriteResult } from './memory-database.ts'
import type { ReadAdvance } from './read-rows.ts'

/** How the next flush ends, instead of well. */
export type MemoryFault =
  /** Committed, but the answer was lost. */
  | 'unknown_committed'
  /** The connection was lost before anything was executed. */
  | 'unknown_lost'
  /** A constraint refused every decision of it. */
  | 'refused'
  /** The server said that it cannot: definitely not written. */
  | 'unavailable'

/** A flush whose statement has not reached the server. */
export interface HungFlush {
  /** Executes the statement now; if its node still waits for it, it is settled with the outcome. */
  release(): void
  /** Its node stops waiting: the outcome is unknown to it, and the statement may still be executed. */
  giveUp(): void
}

export interface MemoryJournalOptions extends Incarnation {
  readonly clock: Clock
  /**
   * This process's way to the membership database: its lease store, which then starts the incarnation. Default: the
   * database's membership itself, and the journal starts the incarnation where nobody has.
   */
  readonly deaths?: Deaths
  /** Runs a task later, in order, never at once. Default: `queueMicrotask`. */
  readonly defer?: (task: () => void) => void
  /**
   * Carries a statement to the server, which executes it at one instant, and its result back. It rejects with a
   * {@link JournalError}: `journal_unavailable` where the statement was not and will not be executed, else nobody knows.
   * Default: executed after one deferred turn.
   */
  readonly carry?: Carry
}

export type Carry = <Result>(execute: () => Result) => Promise<Result>

interface Held {
  epoch: number
  /** Position of the last row that this journal knows of. */
  tail: number
  /** `releasing`: nothing is taken any more, what is queued is still written. */
  status: 'held' | 'releasing' | 'uncertain' | 'lost'
  readonly queue: Append[]
  inFlight: boolean
}

/** Appends of one shard in a flush. */
interface Slice {
  readonly shard: number
  readonly held: Held
  readonly epoch: number
  readonly first: number
  readonly appends: readonly Append[]
}

export class MemoryJournal implements Journal {
  readonly #database: MemoryDatabase
  readonly #self: Incarnation
  readonly #deaths: Deaths
  readonly #clock: Clock
  readonly #defer: (task: () => void) => void
  readonly #carry: Carry | undefined
  readonly #held = new Map<number, Held>()
  /** Shard → last position acknowledged as durable, kept over changes of epoch. */
  readonly #acknowledged = new Map<number, number>()
  /** Shards that may have something queued. */
  readonly #ready = new Set<number>()
  #scheduled = false
  #flushing = false
  #closed = false
  #fault: MemoryFault | undefined
  #hang: { release: boolean; giveUp: boolean; wake: () => void } | undefined
  #idle: (() => void)[] = []

  constructor(database: MemoryDatabase, options: MemoryJournalOptions) {
    this.#database = database
    this.#self = { node: options.node, incarnation: options.incarnation }
    this.#clock = options.clock
    this.#defer = options.defer ?? queueMicrotask
    this.#carry = options.carry
    const { membership } = database
    this.#deaths = options.deaths ?? { dead: async (of) => of.filter((each) => membership.isDead(each)) }
    if (options.deaths === undefined && !membership.knows(this.#self)) {
      membership.start(this.#self, { address: '', build: '' })
    }
  }

  // --- faults ----------------------------------------------------------------------------------------------------------

  failNextFlush(fault: MemoryFault): void {
    this.#fault = fault
  }

  hangNextFlush(): HungFlush {
    const hang = { release: false, giveUp: false, wake: (): void => undefined }
    this.#hang = hang
    return {
      release: () => {
        hang.release = true
        hang.wake()
      },
      giveUp: () => {
        hang.giveUp = true
        hang.wake()
      },
    }
  }

  databaseOf(): number {
    return 0
  }

  // --- ownership -------------------------------------------------------------------------------------------------------

  async acquire(shards: readonly number[]): Promise<readonly Ownership[]> {
    const sorted = [...new Set(shards)].sort((a, b) => a - b)
    for (const shard of sorted) {
      const held = this.#held.get(shard)
      if (held === undefined) continue
      if (held.status !== 'lost') held.status = 'uncertain'
      this.#settleQueued(held, { kind: 'refused', error: failure('journal_unavailable', shard) })
    }
    while (sorted.some((shard) => this.#held.get(shard)?.inFlight)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
    const seen = await this.#statement(() =>
      sorted.map((shard) => {
        const { epoch, owner, rows } = this.#database.shard(shard)
        return { shard, epoch, owner, last: rows.length }
      }),
    )
    const owners = seen.flatMap(({ owner }) => owner ?? [])
    const behind = seen
      .filter(({ shard, last }) => last < (this.#acknowledged.get(shard) ?? 0))
      .map(({ shard }) => shard)
    if (behind.length > 0) throw lostRows(behind)
    const dead = await this.#whoIsDead(owners)
    if (dead === 'self') return []
    const taken = await this.#statement(() =>
      seen.flatMap(({ shard, epoch: seenEpoch }) => {
        const epoch = this.#database.take(shard, seenEpoch, this.#self, dead)
        return epoch === undefined ? [] : [{ shard, epoch, record: this.#epochRecord(shard, epoch) }]
      }),
    )
    const written = await this.#statement(() =>
      taken.map(({ shard, epoch, record }) => ({
        shard,
        epoch,
        openedAt: this.#database.writeEpochRecord(shard, epoch, record),
      })),
    )
    // Another server may have taken over since they were looked at.
    const overtaken = written.filter(
      ({ shard, openedAt = Infinity }) => openedAt <= (this.#acknowledged.get(shard) ?? 0),
    )
    if (overtaken.length > 0) throw lostRows(overtaken.map(({ shard }) => shard))
    return written.flatMap(({ shard, epoch, openedAt }) => {
      if (openedAt === undefined) return []
      this.#held.set(shard, { epoch, tail: openedAt, status: 'held', queue: [], inFlight: false })
      this.#acknowledged.set(shard, openedAt)
      return [{ shard, epoch, openedAt }]
    })
  }

  async open(
    ownerships: readonly Ownership[],
    horizon: number,
    openKinds: readonly string[],
  ): Promise<readonly OpenedShard[]> {
    const wanted = ({ due, kind }: TimerRow): boolean => due < horizon || openKinds.includes(kind)
    return this.#statement(() =>
      ownerships
        .toSorted((a, b) => a.shard - b.shard)
        .flatMap((ownership) => {
          const cursors = this.#database.claimedCursors(ownership.shard, ownership.epoch)
          if (cursors === undefined) return []
          const tail = this.#database.shard(ownership.shard).rows.slice(cursors.cursor)
          return [{ ownership, ...cursors, timers: this.#database.timers(ownership.shard, wanted), tail }]
        }),
    )
  }

  async release(ownerships: readonly Ownership[]): Promise<readonly ReleasedOwnership[]> {
    const releasing = ownerships.flatMap((ownership) => {
      const held = this.#held.get(ownership.shard)
      if (held?.epoch !== ownership.epoch || held.status !== 'held') return []
      held.status = 'releasing'
      return [{ ownership, held }]
    })
    while (releasing.some(({ held }) => held.inFlight || held.queue.length > 0)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
    const sent = releasing
      .filter(({ held }) => held.status === 'releasing')
      .map(({ ownership, held }) => ({ ownership, held, releasedAt: held.tail }))
      .toSorted((a, b) => a.ownership.shard - b.ownership.shard)
    const released = await this.#statement(() =>
      sent.map(({ ownership: { shard, epoch }, releasedAt }) => this.#database.release(shard, epoch, releasedAt)),
    ).catch(() => [])
    return sent.flatMap(({ ownership, held, releasedAt }, index) => {
      if (held.status !== 'releasing') return []
      held.status = 'lost'
      return released[index] === true ? [{ ...ownership, releasedAt }] : []
    })
  }

  async proveOwnership({ shard, epoch }: Ownership): Promise<boolean> {
    return this.#statement(() => {
      const isWhole = this.#database.shard(shard).rows.length >= (this.#acknowledged.get(shard) ?? 0)
      return isWhole && this.#database.owns(shard, epoch)
    })
  }

  async #whoIsDead(owners: readonly Incarnation[]): Promise<readonly Incarnation[] | 'self'> {
    const { node, incarnation } = this.#self
    try {
      const dead = await this.#deaths.dead([this.#self, ...owners])
      return dead.some((each) => each.node === node && each.incarnation === incarnation) ? 'self' : dead
    } catch (error) {
      throw new JournalError('journal_unavailable', 'who is dead cannot be asked', { cause: error })
    }
  }

  // --- appends -----------------------------------------------------------------------------------------------------------

  append({ shard, epoch }: Ownership, append: Append): void {
    const held = this.#held.get(shard)
    const refusal = this.#refusal(shard, epoch, held)
    if (refusal !== undefined || held === undefined) {
      this.#defer(() => append.settle(refusal ?? { kind: 'fenced', error: failure('journal_fenced', shard) }))
      return
    }
    held.queue.push(append)
    this.#ready.add(shard)
    this.#schedule()
  }

  async close(): Promise<void> {
    this.#closed = true
    while (this.#flushing || this.#scheduled) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #refusal(shard: number, epoch: number, held: Held | undefined): AppendOutcome | undefined {
    if (this.#closed) return { kind: 'refused', error: failure('journal_closed', shard) }
    if (held === undefined || held.epoch !== epoch || held.status === 'lost' || held.status === 'releasing') {
      return { kind: 'fenced', error: failure('journal_fenced', shard) }
    }
    if (held.status === 'uncertain') return { kind: 'refused', error: failure('journal_unavailable', shard) }
    return undefined
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing || this.#ready.size === 0) return
    this.#scheduled = true
    this.#defer(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const slices: Slice[] = []
    for (const shard of this.#ready) {
      const held = this.#held.get(shard)
      if (held === undefined || held.queue.length === 0) continue
      held.inFlight = true
      slices.push({ shard, held, epoch: held.epoch, first: held.tail + 1, appends: held.queue.splice(0) })
    }
    this.#ready.clear()
    if (slices.length === 0) {
      this.#wakeIdle()
      return
    }
    this.#flushing = true
    const hang = this.#hang
    this.#hang = undefined
    if (hang !== undefined) this.#waitFor(hang, slices)
    else if (this.#carry === undefined) this.#execute(slices)
    else this.#send(slices)
  }

  /** The flush as the carrier's statement. */
  #send(slices: readonly Slice[]): void {
    this.#statement(() => slices.map((slice) => ({ slice, result: this.#write(slice) }))).then(
      (results) =>
        this.#ended(slices, () => {
          for (const { slice, result } of results) this.#settle(slice, result)
        }),
      (error: unknown) =>
        this.#ended(slices, () => {
          const isCertain = error instanceof JournalError && error.code === 'journal_unavailable'
          if (!isCertain) return this.#settleUnknown(slices)
          for (const slice of slices) this.#settleRefused(slice, slice.appends, 'journal_unavailable')
        }),
    )
  }

  #waitFor(hang: { release: boolean; giveUp: boolean; wake: () => void }, slices: readonly Slice[]): void {
    let waiting = true
    hang.wake = () => {
      if (hang.giveUp && waiting) {
        waiting = false
        this.#finish(slices, () => this.#settleUnknown(slices))
      } else if (hang.release) {
        hang.release = false
        if (waiting) this.#execute(slices)
        else for (const slice of slices) this.#write(slice)
        waiting = false
      }
    }
    if (hang.release || hang.giveUp) hang.wake()
  }

  #execute(slices: readonly Slice[]): void {
    const fault = this.#database.available ? this.#fault : 'unavailable'
    this.#fault = undefined
    if (fault === 'unknown_committed') for (const slice of slices) this.#write(slice)
    if (fault === 'unknown_committed' || fault === 'unknown_lost') {
      this.#finish(slices, () => this.#settleUnknown(slices))
    } else if (fault !== undefined) {
      const code = fault === 'refused' ? 'journal_refused' : 'journal_unavailable'
      this.#finish(slices, () => {
        for (const slice of slices) this.#settleRefused(slice, slice.appends, code)
      })
    } else {
      const results = slices.map((slice) => ({ slice, result: this.#write(slice) }))
      this.#finish(slices, () => {
        for (const { slice, result } of results) this.#settle(slice, result)
      })
    }
  }

  #write({ shard, epoch, first, appends }: Slice): MemoryWriteResult {
    return this.#database.write({ shard, epoch, first, records: appends.map(({ record }) => record) })
  }

  #finish(slices: readonly Slice[], settle: () => void): void {
    this.#defer(() => this.#ended(slices, settle))
  }

  #ended(slices: readonly Slice[], settle: () => void): void {
    this.#flushing = false
    for (const { held } of slices) held.inFlight = false
    settle()
    this.#schedule()
    this.#wakeIdle()
  }

  #settle(slice: Slice, result: MemoryWriteResult): void {
    const { shard, held, appends } = slice
    if (result.kind !== 'written') {
      const code = result.kind === 'no_predecessor' ? 'journal_lost_acknowledged_rows' : 'journal_fenced'
      const outcome: AppendOutcome = { kind: 'fenced', error: failure(code, shard) }
      held.status = 'lost'
      for (const append of appends) append.settle(outcome)
      this.#settleQueued(held, outcome)
      return
    }
    const durable = result.positions.filter((position) => position !== undefined)
    held.tail += durable.length
    this.#acknowledged.set(shard, held.tail)
    const refused: Append[] = []
    for (const [index, append] of appends.entries()) {
      const position = result.positions[index]
      if (position === undefined) refused.push(append)
      else append.settle({ kind: 'durable', position })
    }
    this.#settleRefused(slice, refused, 'journal_refused')
  }

  /** Refuses these, and what is queued behind them of the same entities: its sequence would leave a gap. */
  #settleRefused({ shard, held }: Slice, refused: readonly Append[], code: JournalErrorCode): void {
    if (refused.length === 0) return
    const entities = new Set(refused.map(({ record }) => record.entity))
    const queued = held.queue.splice(0)
    const behind = queued.filter(({ record }) => entities.has(record.entity))
    held.queue.push(...queued.filter(({ record }) => !entities.has(record.entity)))
    for (const append of [...refused, ...behind]) append.settle({ kind: 'refused', error: failure(code, shard) })
  }

  #settleUnknown(slices: readonly Slice[]): void {
    for (const { shard, held, appends } of slices) {
      if (held.status !== 'lost') held.status = 'uncertain'
      for (const append of appends) append.settle({ kind: 'unknown', error: failure('journal_outcome_unknown', shard) })
      this.#settleQueued(held, { kind: 'refused', error: failure('journal_unavailable', shard) })
    }
  }

  #settleQueued(held: Held, outcome: AppendOutcome): void {
    const queued = held.queue.splice(0)
    if (queued.length > 0) this.#defer(() => queued.forEach((append) => append.settle(outcome)))
  }

  #wakeIdle(): void {
    const waiting = this.#idle
    this.#idle = []
    for (const wake of waiting) wake()
  }

  // --- reads and rows under the cursor -----------------------------------------------------------------------------------

  load(key: EntityKey, upTo = Number.MAX_SAFE_INTEGER): Promise<StoredEntity> {
    return this.#statement(() => this.#database.load(key, upTo))
  }

  readTail(shard: number, position: number, limit: number): Promise<readonly JournalRow[]> {
    return this.#statement(() => this.#database.tail(shard, position, limit))
  }

  saveSnapshots(snapshots: readonly SnapshotRecord[]): Promise<void> {
    return this.#statement(() => {
      for (const snapshot of snapshots) this.#database.saveSnapshot(snapshot)
    })
  }

  advance(advances: readonly CursorAdvance[]): Promise<readonly number[]> {
    return this.#statement(() =>
      advances.filter((advance) => !this.#database.advance(advance)).map(({ shard }) => shard),
    )
  }

  advanceRead(advances: readonly ReadAdvance[]): Promise<readonly number[]> {
    return this.#statement(() => advanceTogether(this.#database, advances))
  }

  timersDue(shards: readonly number[], horizon: number): Promise<readonly TimerRow[]> {
    return this.#statement(() =>
      shards.flatMap((shard) => this.#database.timers(shard, ({ due }) => due < horizon)).sort((a, b) => a.due - b.due),
    )
  }

  /** One round trip to the server. */
  #statement<Result>(execute: () => Result): Promise<Result> {
    const checked = (): Result => {
      if (this.#closed) throw new JournalError('journal_closed', 'the journal is closed')
      if (!this.#database.available) throw new JournalError('journal_unavailable', 'the journal is unavailable')
      return execute()
    }
    if (this.#carry !== undefined) return this.#carry(checked)
    return new Promise<void>((resolve) => this.#defer(resolve)).then(checked)
  }

  #epochRecord(shard: number, epoch: number) {
    return {
      shard,
      entity: epochEntity,
      seq: epoch,
      command: epochEntity,
      type: 'epoch',
      at: this.#clock.now(),
      data: pack({ v: 1, ...this.#self }),
      private: null,
      keyId: null,
    }
  }
}

function failure(code: JournalErrorCode, shard: number): JournalError {
  return new JournalError(code, `${code} (shard ${shard})`, { shards: [shard] })
}

function lostRows(shards: readonly number[]): JournalError {
  const message = `acknowledged rows of shards ${shards.join(', ')} are gone`
  return new JournalError('journal_lost_acknowledged_rows', message, { shards })
}
