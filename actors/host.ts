/**
 * The actor host of one node: it owns shards, finds or activates the entity a command is for, runs the effects that
 * durable decisions ask for, fires timers and keeps memory bounded.
 *
 * In: envelopes (through the router). Out: answers, effects, rows under the cursors. It knows kinds of entities by their
 * port alone (entity-kind.ts) and the journal by its port (journal.ts), so the same code runs over Postgres and in memory.
 */
import type { Envelope, RouteAnswer, Router } from '../cluster/router.ts'
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { Ask } from './ask.ts'
import { encodeState } from './codec.ts'
import { CursorFlush } from './cursor-flush.ts'
import { Deadlines } from './deadlines.ts'
import { Entity } from './entity.ts'
import type { EntityServices } from './entity-services.ts'
import type { AnyKind } from './entity-kind.ts'
import type { Journal, TimerRow } from './journal.ts'
import { MemoryBound } from './memory-bound.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { Shard } from './shard.ts'
import { ShardRecovery } from './shard-recovery.ts'
import { Timers } from './timers.ts'

export interface HostLimits {
  readonly inboxMax: number
  readonly pipelineMax: number
  /** Commands of the whole node that wait for an answer; beyond it new payments are refused first (`begin` at 80 %). */
  readonly pendingMax: number
  readonly residentBytesMax: number
  /** How long commands are held for an uncertain shard before they are refused. */
  readonly holdMs: number
  readonly loadRetryMs: number
  readonly cursorFlushMs: number
  /** Timers due within this are held in memory; the rest is asked for every `timerPollMs`. */
  readonly timerHorizonMs: number
  readonly timerPollMs: number
  /** Rows after which a passivated entity leaves a snapshot. */
  readonly snapshotEvery: number
  /** How long `stop` waits for accepted requests to be answered. */
  readonly drainMs: number
}

export const defaultHostLimits: HostLimits = {
  inboxMax: 256,
  pipelineMax: 64,
  pendingMax: 20_000,
  residentBytesMax: 512 * 1024 * 1024,
  holdMs: 500,
  loadRetryMs: 250,
  cursorFlushMs: 500,
  timerHorizonMs: 120_000,
  timerPollMs: 60_000,
  snapshotEvery: 32,
  drainMs: 15_000,
}

export type HostTrouble =
  | 'entity_quarantined'
  | 'entity_crashed'
  | 'load_failed'
  | 'append_refused'
  | 'recovery_failed'
  | 'cursor_failed'
  | 'effect_failed'
  | 'snapshot_failed'
  | 'timer_poll_failed'
  | 'actor_crashed'

export interface HostObserver {
  trouble(what: HostTrouble, error: unknown, where?: { readonly shard: number; readonly entity: string }): void
  shardLost(shard: number): void
  shardUncertain(shard: number): void
  shardRecovered(shard: number): void
}

export interface HostOptions {
  /** Name of the actor system, unique in the process. */
  readonly name: string
  readonly kinds: readonly AnyKind[]
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly limits: HostLimits
  readonly observer: HostObserver
  /** Runs an effect of a durable decision; its result, if any, comes back to the entity as a command. Never rejects. */
  runEffect(effect: unknown): Promise<unknown>
}

export class Host implements Router {
  readonly #options: HostOptions
  readonly #kinds: ReadonlyMap<string, AnyKind>
  readonly #scheduler: Scheduler
  readonly #deadlines: Deadlines
  readonly #timers: Timers
  readonly #flush: CursorFlush
  readonly #recovery: ShardRecovery
  readonly #memory: MemoryBound
  readonly #shards = new Map<number, Shard>()
  readonly #uncertainSince = new Map<number, number>()
  readonly #services: EntityServices
  readonly #idPrefix: string
  #idCounter = 0
  #pending = 0
  #stopping = false
  #stopped = false
  #cancelPoll: Cancel | undefined

  constructor(options: HostOptions) {
    const { clock, journal, limits, observer } = options
    this.#options = options
    this.#kinds = new Map(options.kinds.map((kind) => [kind.name, kind]))
    this.#idPrefix = options.random.hex(10)
    this.#scheduler = createScheduler(options.name, (error) => observer.trouble('actor_crashed', error))
    this.#deadlines = new Deadlines(clock, 10)
    this.#timers = new Timers(clock, this.#deadlines, (row) => this.#fire(row))
    this.#memory = new MemoryBound(limits.residentBytesMax)
    this.#recovery = new ShardRecovery(journal, clock, (error) => observer.trouble('recovery_failed', error))
    this.#flush = new CursorFlush(journal, clock, limits.cursorFlushMs, {
      stored: (entity, timers) => this.#timersStored(entity, timers),
      failed: (error) => observer.trouble('cursor_failed', error),
    })
    this.#services = {
      clock,
      scheduler: this.#scheduler,
      deadlines: this.#deadlines,
      journal,
      limits,
      internalAsk: (command) => this.#internalAsk(command),
      committed: (entity, effects) => {
        this.#flush.add(entity)
        for (const effect of effects) this.#run(entity, effect)
      },
      trouble: (entity, what, error) => observer.trouble(what, error, entity.address),
      touched: (entity) => {
        this.#memory.touch(entity)
        this.#memory.enforce((idle) => this.#passivate(idle))
      },
      removed: (entity) => {
        entity.shard.entities.delete(entity.address.entity)
        entity.shard.dirty.delete(entity)
        this.#memory.forget(entity)
      },
    }
  }

  /** Takes shards: acquires them, reads what is open, sends recovery to what lost its outcome, then serves. */
  async open(shards: readonly number[]): Promise<readonly number[]> {
    const { journal, clock, limits, observer } = this.#options
    const ownerships = await journal.acquire(shards)
    const openKinds = [...this.#kinds.values()].flatMap((kind) =>
      kind.openTimerKinds.map((timer: string) => `${kind.name}.${timer}`),
    )
    const opened = await journal.open(ownerships, clock.now() + limits.timerHorizonMs, openKinds)
    for (const { ownership, cursor, timers, tail } of opened) {
      const shard = new Shard(ownership, cursor, journal, {
        uncertain: (which) => this.#shardUncertain(which),
        readyToRecover: (which) => this.#recovery.add(which),
        recovered: (which) => {
          this.#uncertainSince.delete(which.number)
          observer.shardRecovered(which.number)
        },
        lost: (which) => this.#shardLost(which),
      })
      this.#shards.set(shard.number, shard)
      for (const row of tail) {
        const kind = this.#kindOf(row.type)
        if (kind !== undefined) this.#flush.add(this.#activate(shard, kind, row.entity))
      }
      for (const timer of timers) {
        this.#timers.arm(timer)
        const kind = this.#kindOf(timer.kind)
        if (kind !== undefined && openKinds.includes(timer.kind)) this.#activate(shard, kind, timer.entity)
      }
    }
    if (this.#cancelPoll === undefined) this.#pollTimers()
    return opened.map(({ ownership }) => ownership.shard)
  }

  get ownedShards(): readonly number[] {
    return [...this.#shards.keys()]
  }

  /** Figures for metrics and the operators. */
  stats(): {
    readonly shards: number
    readonly uncertain: number
    readonly entities: number
    readonly residentBytes: number
    readonly pending: number
    readonly timers: number
  } {
    return {
      shards: this.#shards.size,
      uncertain: this.#uncertainSince.size,
      entities: this.#memory.entities,
      residentBytes: this.#memory.bytes,
      pending: this.#pending,
      timers: this.#timers.count,
    }
  }

  route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    return new Promise((resolve) => {
      const refusal = this.#refusal(envelope)
      if (refusal !== undefined) {
        resolve({ kind: 'unavailable', certainty: 'not_accepted', reason: refusal, retryAfterMs: 1000 })
        return
      }
      const shard = this.#shards.get(envelope.shard)
      const kind = this.#kinds.get(envelope.kind)
      assert(shard !== undefined && kind !== undefined, 'an envelope names a shard and a kind of this host')
      this.#pending += 1
      const ask = new Ask<unknown, Answer>(
        {
          id: envelope.id,
          command: envelope.payload,
          class: envelope.class,
          waitUntil: envelope.waitUntil,
          attach: envelope.attach,
        },
        (answer) => {
          this.#pending -= 1
          resolve(answer)
        },
      )
      this.#activate(shard, kind, envelope.entity).ask(ask as Ask)
    })
  }

  /** Stores what is behind now instead of at the next interval. */
  async flush(): Promise<void> {
    await this.#flush.flush()
  }

  /** Answers what was accepted, stores what is behind, and ends. */
  async stop(): Promise<void> {
    const { clock, limits, journal } = this.#options
    this.#stopping = true
    const until = clock.monotonic() + limits.drainMs
    while (this.#pending > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => void clock.schedule(10, resolve))
    }
    await this.#flush.flush()
    this.#stopped = true
    this.#cancelPoll?.()
    this.#recovery.stop()
    for (const shard of this.#shards.values()) {
      for (const entity of [...shard.entities.values()]) entity.remove('stopping')
    }
    this.#deadlines.clear()
    this.#scheduler.stop()
    await journal.close()
  }

  // --- entities ----------------------------------------------------------------------------------------------------

  #refusal(envelope: Envelope): string | undefined {
    if (this.#stopping) return 'stopping'
    const shard = this.#shards.get(envelope.shard)
    if (shard === undefined || shard.status === 'lost') return 'shard_not_owned'
    if (!this.#kinds.has(envelope.kind)) return 'kind_unknown'
    const { clock, limits } = this.#options
    const since = this.#uncertainSince.get(shard.number)
    if (since !== undefined && clock.monotonic() - since >= limits.holdMs) return 'journal_unavailable'
    const allowed = envelope.class === 'begin' ? limits.pendingMax * 0.8 : limits.pendingMax
    if (this.#pending >= allowed) return 'overloaded'
    if (clock.monotonic() >= envelope.deadline) return 'deadline_passed'
    return undefined
  }

  #activate(shard: Shard, kind: AnyKind, id: string): Entity {
    const present = shard.entities.get(id)
    if (present !== undefined) return present
    const entity = new Entity(kind, { shard: shard.number, entity: id }, shard, this.#services)
    shard.entities.set(id, entity)
    this.#memory.touch(entity)
    return entity
  }

  #passivate(entity: Entity): void {
    const { state, kind, address } = entity
    if (state !== undefined) {
      const seq = kind.sequence(state)
      if (seq - entity.snapshotSeq >= this.#options.limits.snapshotEvery) {
        const parts = kind.snapshot(state)
        const snapshot = {
          ...address,
          seq,
          epoch: entity.lastEpoch,
          data: encodeState(parts.state),
          private: parts.private === undefined ? null : encodeState(parts.private),
        }
        this.#options.journal
          .saveSnapshots([snapshot])
          .catch((error: unknown) => this.#options.observer.trouble('snapshot_failed', error, address))
      }
    }
    entity.remove('passivated')
  }

  #internalAsk(command: unknown): Ask {
    this.#idCounter += 1
    const id = this.#idPrefix + this.#idCounter.toString(16).padStart(12, '0')
    return new Ask(
      { id, command, class: 'internal', waitUntil: Number.POSITIVE_INFINITY, attach: true },
      (_answer: RouteAnswer<unknown>) => undefined,
    )
  }

  // --- effects and timers ----------------------------------------------------------------------------------------------

  #run(entity: Entity, effect: unknown): void {
    entity.calls += 1
    this.#options.runEffect(effect).then(
      (command) => {
        entity.calls -= 1
        if (this.#stopped || command === undefined) return
        // The entity may have been rebuilt meanwhile; its address is what counts.
        const { shard, address, kind } = entity
        if (shard.status !== 'lost') this.#activate(shard, kind, address.entity).ask(this.#internalAsk(command))
      },
      (error: unknown) => {
        entity.calls -= 1
        this.#options.observer.trouble('effect_failed', error, entity.address)
      },
    )
  }

  #timersStored(entity: Entity, timers: readonly TimerRow[]): void {
    this.#timers.disarm(entity.address.entity)
    const horizon = this.#options.clock.now() + this.#options.limits.timerHorizonMs
    for (const timer of timers) if (timer.due < horizon) this.#timers.arm(timer)
    if (entity.mode !== 'gone') this.#services.touched(entity)
  }

  #fire(row: TimerRow): void {
    const shard = this.#shards.get(row.shard)
    const kind = this.#kindOf(row.kind)
    if (shard === undefined || shard.status === 'lost' || kind === undefined || this.#stopped) return
    const command: unknown = kind.timerCommand({
      kind: row.kind.slice(kind.name.length + 1),
      operationId: row.operation,
    })
    this.#activate(shard, kind, row.entity).ask(this.#internalAsk(command))
  }

  #pollTimers(): void {
    const { clock, journal, limits, observer } = this.#options
    this.#cancelPoll = clock.schedule(limits.timerPollMs, () => {
      const owned = [...this.#shards.values()].filter((shard) => shard.status === 'open').map((shard) => shard.number)
      journal
        .timersDue(owned, clock.now() + limits.timerHorizonMs)
        .then(
          (rows) => {
            for (const row of rows) this.#timers.arm(row)
          },
          (error: unknown) => observer.trouble('timer_poll_failed', error),
        )
        .finally(() => {
          if (!this.#stopped) this.#pollTimers()
        })
    })
  }

  #kindOf(type: string): AnyKind | undefined {
    return this.#kinds.get(type.slice(0, type.indexOf('.')))
  }

  // --- shards ------------------------------------------------------------------------------------------------------------

  #shardUncertain(shard: Shard): void {
    const { clock, limits, observer } = this.#options
    const since = clock.monotonic()
    this.#uncertainSince.set(shard.number, since)
    observer.shardUncertain(shard.number)
    this.#deadlines.add(since + limits.holdMs, () => {
      if (this.#uncertainSince.get(shard.number) !== since) return
      for (const entity of [...shard.entities.values()]) entity.refuseWaiting('journal_unavailable')
    })
  }

  #shardLost(shard: Shard): void {
    this.#shards.delete(shard.number)
    this.#uncertainSince.delete(shard.number)
    this.#options.observer.shardLost(shard.number)
  }
}
