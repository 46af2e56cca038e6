/**
 * The journal in Postgres: the port of actors/journal.ts, held together from its parts. Appends go through lanes (lane.ts,
 * flush.ts), ownership through acquire.ts on connections of its own, reads and cursors through a pool of others.
 *
 * It keeps, for every shard it has acquired, the epoch, the tail and the highest position ever acknowledged, and it notices
 * when a connection reaches another server than the ones before: then every shard is uncertain until it is acquired anew.
 */
import {
  type Append,
  type AppendOutcome,
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
import { assertIncarnation, type Deaths, type Incarnation } from '../cluster/member.ts'
import { shardCount } from '../domain/ids.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { type Log, silentLog } from '../runtime/log.ts'
import { acquireShards } from './acquire.ts'
import { Batched } from './batched.ts'
import { type ServerIdentity, sessionTag } from './connection.ts'
import { advanceCursors, dueTimers, openShards, storeSnapshots } from './cursors.ts'
import { DatabasePool } from './database-pool.ts'
import type { FlushOutcome } from './flush.ts'
import { HeldShard, settleLater } from './held-shard.ts'
import { type JournalLimits, journalLimits } from './journal-limits.ts'
import { Lane } from './lane.ts'
import { proveOwnerships, releaseShards } from './ownership.ts'
import { advanceReadCursors, projectorRole } from './read-cursor.ts'
import { ReadMonths } from './read-months.ts'
import { type EntityRequest, loadEntities, readShardTail } from './reads.ts'
import { Session } from './session.ts'
import { describe, journalError } from './statement-outcome.ts'
import { terminateOwn, terminateSessions } from './terminate.ts'

/** The incarnation has been started by its lease store. */
export interface PostgresJournalOptions extends Incarnation {
  readonly databaseUrl: string
  /** Asked before shards are taken; usually this process's lease store. */
  readonly deaths: Deaths
  /** Default true: sessions of dead owners are ended when their shards are taken. False only to show that safety is not in it. */
  readonly terminates?: boolean
  /** Upper bound of lanes; the same as `limits.lanesMax`. */
  readonly lanes?: number
  readonly clock?: Clock
  readonly limits?: Partial<JournalLimits>
  readonly log?: Log
}

/** Counters since the start, for metrics. */
export interface JournalStats {
  lanes: number
  flushes: number
  /** Decisions by outcome. */
  durable: number
  refused: number
  fenced: number
  unknown: number
  flushMs: number
  loads: number
  loadedEntities: number
  proofs: number
  connectionsLost: number
  /** Epoch records that a stale owner's last row got before. */
  epochCollisions: number
}

export function noJournalStats(): JournalStats {
  return {
    lanes: 0,
    flushes: 0,
    durable: 0,
    refused: 0,
    fenced: 0,
    unknown: 0,
    flushMs: 0,
    loads: 0,
    loadedEntities: 0,
    proofs: 0,
    connectionsLost: 0,
    epochCollisions: 0,
  }
}

export class PostgresJournal implements Journal {
  readonly #self: Incarnation
  readonly #deaths: Deaths
  readonly #terminates: boolean
  readonly #databaseUrl: string
  readonly #clock: Clock
  readonly #limits: JournalLimits
  readonly #log: Log
  readonly #pool: DatabasePool
  readonly #ownership: DatabasePool
  readonly #projector: DatabasePool
  readonly #readMonths: ReadMonths
  readonly #lanes: Lane[] = []
  readonly #held = new Map<number, HeldShard>()
  readonly #loads: Batched<EntityRequest, StoredEntity>
  readonly #proofs: Batched<Ownership, boolean>
  /** Server processes of lane connections that were lost: one may still stand within a transaction. */
  readonly #lostPids = new Set<number>()
  readonly #stats = noJournalStats()
  #server: ServerIdentity | undefined
  #opening = false
  #closed = false

  private constructor(options: PostgresJournalOptions) {
    assertIncarnation(options)
    this.#self = { node: options.node, incarnation: options.incarnation }
    this.#deaths = options.deaths
    this.#terminates = options.terminates ?? true
    this.#databaseUrl = options.databaseUrl
    this.#clock = options.clock ?? systemClock
    this.#limits = journalLimits({ ...options.limits, ...(options.lanes !== undefined && { lanesMax: options.lanes }) })
    this.#log = options.log ?? silentLog
    this.#pool = this.#poolOf('pool', this.#limits.poolMax)
    this.#ownership = this.#poolOf('ownership', this.#limits.ownershipConnectionsMax)
    this.#projector = this.#poolOf('projector', 1, projectorRole)
    this.#readMonths = new ReadMonths(this.#clock)
    const { keysPerReadMax: sizeMax, poolMax, loadPatienceMs: patienceMs } = this.#limits
    const loadLimits = { sizeMax, concurrencyMax: Math.max(1, poolMax - 1), patienceMs }
    this.#loads = new Batched(loadLimits, this.#clock, (requests) => {
      this.#stats.loads += 1
      this.#stats.loadedEntities += requests.length
      return loadEntities(this.#pool, requests)
    })
    const proofLimits = { sizeMax, concurrencyMax: poolMax, patienceMs: 0 }
    this.#proofs = new Batched(proofLimits, this.#clock, (ownerships) => this.#prove(ownerships))
  }

  /**
   * Nothing is acquired yet.
   * @throws {JournalError} `journal_settings_unsafe`, `journal_unavailable`.
   */
  static async connect(options: PostgresJournalOptions): Promise<PostgresJournal> {
    const journal = new PostgresJournal(options)
    try {
      await journal.#openLane()
    } catch (error) {
      await journal.close()
      throw error instanceof JournalError ? error : journalError('journal_unavailable', 'no connection', error)
    }
    return journal
  }

  get stats(): Readonly<JournalStats> {
    return this.#stats
  }

  databaseOf(): number {
    return 0
  }

  // --- ownership -------------------------------------------------------------------------------------------------------

  async acquire(shards: readonly number[]): Promise<readonly Ownership[]> {
    this.#assertOpen()
    const sorted = [...new Set(shards)].sort((a, b) => a - b)
    const held = sorted.map((shard) => this.#heldShard(shard))
    for (const shard of held) this.#doubt(shard)
    await Promise.all(held.map((shard) => shard.landed()))
    if (!this.#lanes.some((lane) => lane.isConnected)) throw journalError('journal_unavailable', 'no lane is connected')
    await this.#terminateLost()
    const acknowledged = new Map(held.map(({ shard, acknowledged: position }) => [shard, position]))
    const server = this.#server
    const { ownerships: taken, collisions } = await acquireShards(sorted, {
      pool: this.#ownership,
      self: this.#self,
      deaths: this.#deaths,
      acknowledged,
      at: this.#clock.now(),
      attemptsMax: this.#limits.epochAttemptsMax,
      endSessions: (of) => this.#endSessions(of),
    })
    this.#stats.epochCollisions += collisions
    if (this.#server !== server) throw journalError('journal_unavailable', 'another server took over meanwhile')
    for (const { shard, epoch, openedAt } of taken) {
      const state = this.#heldShard(shard)
      if (state.status === 'held' && state.epoch > epoch) continue
      state.epoch = epoch
      state.tail = openedAt
      state.acknowledged = openedAt
      state.status = 'held'
    }
    return taken
  }

  async open(
    ownerships: readonly Ownership[],
    horizon: number,
    openKinds: readonly string[],
  ): Promise<readonly OpenedShard[]> {
    this.#assertOpen()
    return openShards(this.#ownership, ownerships, horizon, openKinds)
  }

  async release(ownerships: readonly Ownership[]): Promise<readonly ReleasedOwnership[]> {
    this.#assertOpen()
    const releasing = ownerships.flatMap((ownership) => {
      const held = this.#held.get(ownership.shard)
      if (held?.status !== 'held' || held.epoch !== ownership.epoch) return []
      held.status = 'releasing'
      return [{ ownership, held }]
    })
    await Promise.all(releasing.map(({ held }) => held.drained()))
    const drained = releasing.filter(({ held }) => held.status === 'releasing')
    if (drained.length === 0) return []
    for (const { held } of drained) held.status = 'lost'
    const positions = new Map(drained.map(({ held }) => [held.shard, held.tail]))
    let released: readonly number[]
    try {
      const shards = drained.map(({ ownership: { shard, epoch }, held: { tail } }) => ({ shard, epoch, tail }))
      released = await releaseShards(this.#ownership, shards)
    } catch (error) {
      this.#log.warn({ count: drained.length, reason: describe(error) }, 'it is unknown whether shards were released')
      return []
    }
    return drained
      .filter(({ ownership }) => released.includes(ownership.shard))
      .map(({ ownership }) => ({ ...ownership, releasedAt: positions.get(ownership.shard) ?? 0 }))
      .sort((a, b) => a.shard - b.shard)
  }

  proveOwnership(ownership: Ownership): Promise<boolean> {
    return this.#closed ? Promise.reject(closedError()) : this.#proofs.ask(ownership)
  }

  // --- appends -----------------------------------------------------------------------------------------------------------

  append({ shard, epoch }: Ownership, append: Append): void {
    const held = this.#held.get(shard)
    const refusal = this.#refusal(held, shard, epoch, append)
    if (held === undefined || refusal !== undefined) {
      settleLater([append], refusal ?? fencedOutcome(shard))
      return
    }
    if (held.lane === undefined || (held.queue.length === 0 && !held.inFlight)) held.lane = this.#laneOf(held)
    held.lane.enqueue(held, append)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all(this.#lanes.map((lane) => lane.close()))
    await Promise.all([this.#pool.close(), this.#ownership.close(), this.#projector.close()])
  }

  // --- reads and rows under the cursor -----------------------------------------------------------------------------------

  load(key: EntityKey, upTo = Number.MAX_SAFE_INTEGER): Promise<StoredEntity> {
    return this.#closed ? Promise.reject(closedError()) : this.#loads.ask({ ...key, upTo })
  }

  async readTail(shard: number, position: number, limit: number): Promise<readonly JournalRow[]> {
    this.#assertOpen()
    return readShardTail(this.#pool, shard, position, limit)
  }

  async saveSnapshots(snapshots: readonly SnapshotRecord[]): Promise<void> {
    this.#assertOpen()
    if (snapshots.length > 0) await storeSnapshots(this.#pool, snapshots)
  }

  async advance(advances: readonly CursorAdvance[]): Promise<readonly number[]> {
    this.#assertOpen()
    return advances.length === 0 ? [] : advanceCursors(this.#pool, advances)
  }

  async advanceRead(advances: readonly ReadAdvance[]): Promise<readonly number[]> {
    this.#assertOpen()
    return advanceReadCursors(this.#projector, this.#readMonths, this.#balancePart(), advances)
  }

  /** The lowest shard that is held here: nobody else's meanwhile, and hardly ever another one. */
  #balancePart(): number {
    const held = [...this.#held.values()].filter(({ status }) => status === 'held')
    return Math.min(shardCount - 1, ...held.map(({ shard }) => shard))
  }

  async timersDue(shards: readonly number[], horizon: number): Promise<readonly TimerRow[]> {
    this.#assertOpen()
    return dueTimers(this.#pool, shards, horizon)
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError()
  }

  // --- shards ------------------------------------------------------------------------------------------------------------

  #heldShard(shard: number): HeldShard {
    let held = this.#held.get(shard)
    if (held === undefined) {
      held = new HeldShard(shard)
      this.#held.set(shard, held)
    }
    return held
  }

  #refusal(held: HeldShard | undefined, shard: number, epoch: number, append: Append): AppendOutcome | undefined {
    if (this.#closed) return { kind: 'refused', error: closedError() }
    if (held === undefined || held.epoch !== epoch) return fencedOutcome(shard)
    if (held.status === 'lost' || held.status === 'releasing') return fencedOutcome(shard)
    if (held.status === 'uncertain') return uncertainOutcome
    const { data, private: hidden } = append.record
    const bytes = data.length + (hidden?.length ?? 0)
    if (append.record.shard !== shard || bytes > this.#limits.recordBytesMax) {
      const message = `a decision of another shard, or of more than ${this.#limits.recordBytesMax} bytes`
      return { kind: 'refused', error: journalError('journal_refused', message, undefined, [shard]) }
    }
    return undefined
  }

  #doubt(held: HeldShard): void {
    held.doubt()
    settleLater(held.takeQueue(), uncertainOutcome)
  }

  #prove(ownerships: readonly Ownership[]): Promise<readonly boolean[]> {
    this.#stats.proofs += 1
    const known = ownerships.map(({ shard, epoch, openedAt }) => {
      return { shard, epoch, acknowledged: Math.max(openedAt, this.#held.get(shard)?.acknowledged ?? 0) }
    })
    return proveOwnerships(this.#pool, known)
  }

  // --- lanes and servers -------------------------------------------------------------------------------------------------

  #poolOf(purpose: string, connectionsMax: number, role?: string): DatabasePool {
    return new DatabasePool({
      databaseUrl: this.#databaseUrl,
      applicationName: `${sessionTag(this.#self)}${purpose}`,
      limits: { ...this.#limits, poolMax: connectionsMax },
      ...(role !== undefined && { role }),
      connected: (server) => this.#reached(server),
      failed: (error) => this.#log.warn({ reason: describe(error) }, 'a database connection was lost'),
    })
  }

  /** A shard's lane, or another one while that has no connection. */
  #laneOf({ shard }: HeldShard): Lane {
    const lane = this.#lanes[shard % this.#lanes.length]
    if (lane?.isConnected === true) return lane
    return this.#lanes.find((other) => other.isConnected) ?? (lane as Lane)
  }

  async #openLane(): Promise<void> {
    const number = this.#lanes.length
    const applicationName = `${sessionTag(this.#self)}lane-${number}`
    const lane = new Lane(this.#limits, this.#clock, {
      connect: async () => {
        const [databaseUrl, limits, clock] = [this.#databaseUrl, this.#limits, this.#clock]
        const session = await Session.connect({ databaseUrl, applicationName, limits, clock })
        try {
          this.#reached(session.server)
        } catch (error) {
          session.destroy('the server is not to be used')
          throw error
        }
        return session
      },
      disconnected: (error, session) => {
        this.#stats.connectionsLost += 1
        if (session !== undefined) this.#lostPids.add(session.pid)
        this.#log.warn({ lane: number, reason: describe(error) }, 'a lane has no connection')
      },
      crowded: () => this.#laneCrowded(),
      flushed: (outcome, elapsedMs) => this.#flushed(outcome, elapsedMs),
      laneOf: (held) => this.#laneOf(held),
    })
    await lane.open()
    if (this.#closed) {
      await lane.close()
      return
    }
    this.#lanes.push(lane)
    this.#stats.lanes = this.#lanes.length
  }

  #laneCrowded(): void {
    if (this.#opening || this.#lanes.length >= this.#limits.lanesMax) return
    this.#opening = true
    this.#openLane().then(
      () => {
        this.#opening = false
        this.#log.info({ count: this.#lanes.length }, 'opened another lane')
      },
      (error: unknown) => {
        this.#opening = false
        this.#log.warn({ reason: describe(error) }, 'could not open another lane')
      },
    )
  }

  #flushed({ settled }: FlushOutcome, elapsedMs: number): void {
    this.#stats.flushes += 1
    this.#stats.flushMs += elapsedMs
    for (const { outcome } of settled) this.#stats[outcome.kind] += 1
  }

  /** Every connection says which server it has reached. @throws {JournalError} where that is one whose time is over. */
  #reached(server: ServerIdentity): void {
    const known = this.#server
    if (known?.system === server.system && known.timeline === server.timeline) return
    if (known?.system === server.system && known.timeline > server.timeline) {
      throw new JournalError('journal_unavailable', 'the server is of an older timeline: another one was promoted')
    }
    this.#server = server
    if (known === undefined) return
    this.#log.warn({ reason: `timeline ${server.timeline} of ${server.system}` }, 'another server has taken over')
    for (const held of this.#held.values()) this.#doubt(held)
    this.#lostPids.clear()
    this.#pool.renew()
    this.#ownership.renew()
    this.#projector.renew()
    this.#readMonths.forget()
  }

  async #endSessions(of: readonly Incarnation[]): Promise<void> {
    if (!this.#terminates) return
    try {
      await terminateSessions(this.#ownership, of)
    } catch (error) {
      // Their statements end at their timeouts; until then a take-over may wait for their locks.
      this.#log.warn({ count: of.length, reason: describe(error) }, 'sessions of the dead could not be ended')
    }
  }

  /** A lost connection's server process may stand within a transaction whose rows we would wait for. */
  async #terminateLost(): Promise<void> {
    if (this.#lostPids.size === 0) return
    const pids = [...this.#lostPids]
    await terminateOwn(this.#ownership, this.#self, 'lane-', pids)
    for (const pid of pids) this.#lostPids.delete(pid)
  }
}

const uncertainOutcome: AppendOutcome = {
  kind: 'refused',
  error: new JournalError('journal_unavailable', 'the shard has to be acquired anew'),
}

function fencedOutcome(shard: number): AppendOutcome {
  return { kind: 'fenced', error: journalError('journal_fenced', 'the shard is not held', undefined, [shard]) }
}

function closedError(): JournalError {
  return new JournalError('journal_closed', 'the journal is closed')
}
