/**
 * The actor host of one node: it takes shards and gives them away, finds or activates the entity a command is for, runs
 * the effects that durable decisions ask for, fires timers and keeps memory bounded. Which shards it should have is the
 * cluster's business; a shard that is lost to another owner leaves, and the others go on.
 *
 * In: envelopes (through the router). Out: answers, effects, rows under the cursors. It knows kinds of entities by their
 * port alone (entity-kind.ts) and the journal by its port (journal.ts), so the same code runs over Postgres and in memory.
 */
import type { Envelope, RouteAnswer } from '../cluster/router.ts'
import type { OpenedShards, ReleasedShard, ShardHost, ShardLoad } from '../cluster/shard-host.ts'
import type { Address } from '../domain/ids.ts'
import { assert } from '../runtime/assert.ts'
import type { Cancel } from '../runtime/clock.ts'
import { Ask } from './ask.ts'
import { CursorFlush } from './cursor-flush.ts'
import { Deadlines } from './deadlines.ts'
import { Entity } from './entity.ts'
import type { EntityServices } from './entity-services.ts'
import type { AnyKind } from './entity-kind.ts'
import { Forwarding } from './forwarding.ts'
import { handOff } from './hand-off.ts'
import { assertHostLimits, type HostOptions, type HostStats } from './host-options.ts'
import type { OpenedShard, Ownership, TimerRow } from './journal.ts'
import { MemoryBound } from './memory-bound.ts'
import { fromAnyDatabase } from './per-database.ts'
import { ReadSide } from './read-side.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { Shard } from './shard.ts'
import { ShardRecovery } from './shard-recovery.ts'
import { snapshotOf } from './snapshot.ts'
import { Timers } from './timers.ts'
import { WarmUp, type WarmUpItem } from './warm-up.ts'

export { defaultHostLimits, type HostLimits, type HostObserver, type HostTrouble } from './host-options.ts'

export class Host implements ShardHost {
  readonly #options: HostOptions
  readonly #kinds: ReadonlyMap<string, AnyKind>
  readonly #scheduler: Scheduler
  readonly #deadlines: Deadlines
  readonly #timers: Timers
  readonly #flush: CursorFlush
  readonly #readSide: ReadSide
  readonly #recovery: ShardRecovery
  readonly #memory: MemoryBound
  readonly #warmUp: WarmUp
  readonly #forwarding: Forwarding
  /** Commands that wait for their answer, by command id. */
  readonly #underWay = new Map<string, Ask>()
  readonly #openKinds: readonly string[]
  /** Shards that are being taken, until they serve or are somebody else's. */
  readonly #opening = new Map<number, Promise<void>>()
  readonly #shards = new Map<number, Shard>()
  readonly #uncertainSince = new Map<number, number>()
  readonly #services: EntityServices
  readonly #idPrefix: string
  #idCounter = 0
  #pending = 0
  /** PSP calls that run right now. */
  #calls = 0
  #stopping = false
  #stopped = false
  #cancelPoll: Cancel | undefined

  constructor(options: HostOptions) {
    const { clock, journal, limits, observer } = options
    assertHostLimits(limits)
    this.#options = options
    this.#kinds = new Map(options.kinds.map((kind) => [kind.name, kind]))
    this.#openKinds = options.kinds.flatMap((kind) => kind.openTimerKinds.map((timer) => `${kind.name}.${timer}`))
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
    this.#readSide = new ReadSide({ journal, clock, limits, observer, kindOf: (type) => this.#kindOf(type) })
    this.#warmUp = new WarmUp(limits.warmUpMax, (shard, { kind, entity: id, behind }) => {
      const entity = this.#activate(shard, kind, id)
      if (behind) this.#flush.add(entity)
      return entity
    })
    this.#forwarding = new Forwarding({
      forward: options.forward,
      clock,
      forwardMs: limits.forwardMs,
      forwardsMax: limits.forwardsMax,
      failed: (error, where) => observer.trouble('forward_failed', error, where),
    })
    this.#services = {
      clock,
      scheduler: this.#scheduler,
      deadlines: this.#deadlines,
      journal,
      limits,
      recoveryAsk: (entity, command) => this.#internalAsk(entity.address, command, () => undefined),
      committed: (entity, { position, effects, ...decision }) => {
        const { kind, address, state } = entity
        this.#flush.add(entity)
        this.#readSide.hear(entity.shard, position, { kind, entity: address.entity, state, ...decision })
        for (const effect of effects) this.#run(entity, effect)
      },
      trouble: (entity, what, error) => observer.trouble(what, error, entity.address),
      touched: (entity) => {
        this.#memory.touch(entity)
        this.#memory.enforce((idle) => this.#passivate(idle))
      },
      loaded: (entity) => this.#warmUp.ended(entity),
      removed: (entity) => {
        this.#warmUp.ended(entity)
        entity.shard.entities.delete(entity.address.entity)
        entity.shard.dirty.delete(entity)
        this.#memory.forget(entity)
      },
    }
  }

  /** Takes shards and serves them; what lost its outcome is recovered while they serve. Those it has already stay as they are. */
  async openShards(shards: readonly number[]): Promise<OpenedShards> {
    const wanted = [...new Set(shards)].filter((number) => !this.#opening.has(number))
    const here = wanted.flatMap((number) => this.#shards.get(number) ?? [])
    const taking = this.#take(wanted.filter((number) => !this.#shards.has(number)))
    if (this.#cancelPoll === undefined) this.#pollTimers()
    const taken = await taking
    const stayed = here.filter(({ status }) => status === 'open' || status === 'uncertain')
    return {
      opened: [...stayed.map(({ ownership }) => ownership), ...taken].map(({ shard, epoch }) => ({ shard, epoch })),
    }
  }

  /** Those of a database that is away are left out, where others answer. */
  async #take(shards: readonly number[]): Promise<readonly Ownership[]> {
    const { journal, observer } = this.#options
    const failed = (error: unknown): void => observer.trouble('open_failed', error)
    return (await fromAnyDatabase(journal, shards, (own) => this.#takeTogether(own), failed)).flat()
  }

  async #takeTogether(shards: readonly number[]): Promise<readonly Ownership[]> {
    const { journal, clock, limits } = this.#options
    const door = Promise.withResolvers<void>()
    for (const shard of shards) this.#opening.set(shard, door.promise)
    try {
      const ownerships = await journal.acquire(shards)
      if (ownerships.length === 0 || this.#stopped) return []
      const opened = await journal.open(ownerships, clock.now() + limits.timerHorizonMs, this.#openKinds)
      if (this.#stopped) return []
      for (const each of opened) this.#serve(each)
      return opened.map(({ ownership }) => ownership)
    } finally {
      for (const shard of shards) this.#opening.delete(shard)
      door.resolve()
    }
  }

  /** Gives shards away (hand-off.ts). Shards that it has not, or whose journal's word is awaited, are left out. */
  releaseShards(shards: readonly number[]): Promise<readonly ReleasedShard[]> {
    const { journal, clock, limits, observer } = this.#options
    return handOff(
      [...new Set(shards)].flatMap((number) => this.#shards.get(number) ?? []),
      {
        journal,
        flush: async (only) => void (await Promise.all([this.#flush.flush(only), this.#readSide.flush(only)])),
        clock,
        handOffMs: limits.handOffMs,
        failed: (error) => observer.trouble('release_failed', error),
      },
    )
  }

  takeLoad(): readonly ShardLoad[] {
    return [...this.#shards.values()].map((shard) => {
      const { number, commands } = shard
      shard.commands = 0
      return { shard: number, commands }
    })
  }

  get ownedShards(): readonly number[] {
    return [...this.#shards.keys()]
  }

  /** Figures for metrics and the operators. */
  stats(): HostStats {
    return {
      shards: this.#shards.size,
      uncertain: this.#uncertainSince.size,
      entities: this.#memory.entities,
      residentBytes: this.#memory.bytes,
      pending: this.#pending,
      timers: this.#timers.count,
      calls: this.#calls,
      forwards: this.#forwarding.underWay,
      unread: this.#warmUp.waiting,
      readBehind: this.#readSide.decisionsBehind,
      readParked: this.#readSide.parked,
    }
  }

  route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    const preparing = this.#kinds.get(envelope.kind)?.prepare?.(envelope.payload)
    return preparing === undefined ? this.#route(envelope) : preparing.then(() => this.#route(envelope))
  }

  #route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    return new Promise((resolve) => {
      const first = this.#underWay.get(envelope.id)
      if (first?.entity === envelope.entity) return this.#repeat(first as Ask<unknown, Answer>, envelope, resolve)
      const refusal = this.#refusal(envelope)
      const opening = refusal === 'shard_not_owned' ? this.#opening.get(envelope.shard) : undefined
      if (opening !== undefined) return this.#wait(opening, envelope, resolve)
      if (refusal !== undefined) return resolve(notAccepted(refusal))
      const shard = this.#shards.get(envelope.shard)
      const kind = this.#kinds.get(envelope.kind)
      assert(shard !== undefined && kind !== undefined, 'an envelope names a shard and a kind of this host')
      this.#pending += 1
      const ask = new Ask<unknown, Answer>(
        {
          id: envelope.id,
          entity: envelope.entity,
          command: envelope.payload,
          class: envelope.class,
          waitUntil: envelope.waitUntil,
          attach: envelope.attach,
        },
        (answer) => {
          this.#pending -= 1
          this.#underWay.delete(envelope.id)
          resolve(answer)
        },
      )
      this.#underWay.set(envelope.id, ask as Ask)
      shard.commands += 1
      this.#activate(shard, kind, envelope.entity).ask(ask as Ask)
    })
  }

  /** Stores what is behind now instead of at the next interval. */
  async flush(): Promise<void> {
    await Promise.all([this.#flush.flush(), this.#readSide.flush()])
  }

  /** Answers what was accepted, stores what is behind, and ends. */
  async stop(): Promise<void> {
    const { clock, limits, journal } = this.#options
    this.#stopping = true
    const until = clock.monotonic() + limits.drainMs
    while (this.#pending + this.#forwarding.underWay > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => void clock.schedule(10, resolve))
    }
    await this.flush()
    this.#stopped = true
    this.#readSide.stop()
    this.#cancelPoll?.()
    this.#recovery.stop()
    this.#warmUp.clear()
    for (const shard of this.#shards.values()) {
      for (const entity of [...shard.entities.values()]) entity.remove('stopping')
    }
    this.#deadlines.clear()
    this.#scheduler.stop()
    await journal.close()
  }

  // --- entities ----------------------------------------------------------------------------------------------------

  /** The shard is being taken: whoever knows that already waits here rather than coming again. */
  #wait<Answer>(
    opening: Promise<void>,
    envelope: Envelope,
    resolve: (answer: RouteAnswer<Answer> | Promise<RouteAnswer<Answer>>) => void,
  ): void {
    if (this.#pending >= this.#pendingMaxOf(envelope)) return resolve(notAccepted('overloaded'))
    this.#pending += 1
    let isOver = false
    const over = (): void => {
      isOver = true
      this.#pending -= 1
    }
    const late = this.#deadlines.add(envelope.deadline, () => {
      over()
      resolve(notAccepted('deadline_passed'))
    })
    void opening.then(() => {
      if (isOver) return
      late.cancel()
      over()
      resolve(this.route(envelope))
    })
  }

  /** The command is under way already: one answer for both, whatever becomes of it. */
  #repeat<Answer>(
    first: Ask<unknown, Answer>,
    envelope: Envelope,
    resolve: (answer: RouteAnswer<Answer>) => void,
  ): void {
    const late = this.#deadlines.add(envelope.deadline, () =>
      resolve({
        kind: 'unavailable',
        certainty: 'acceptance_unknown',
        reason: 'deadline_passed',
        retryAfterMs: 1000,
      }),
    )
    const taken = first.repeat((answer) => {
      late.cancel()
      resolve(answer)
    })
    if (taken) return
    late.cancel()
    resolve({ kind: 'unavailable', certainty: 'acceptance_unknown', reason: 'overloaded', retryAfterMs: 1000 })
  }

  #refusal(envelope: Envelope): string | undefined {
    if (this.#stopping) return 'stopping'
    const shard = this.#shards.get(envelope.shard)
    if (shard === undefined || shard.status === 'lost') return 'shard_not_owned'
    if (shard.status === 'releasing') return 'shard_moved'
    if (!this.#kinds.has(envelope.kind)) return 'kind_unknown'
    const { clock, limits } = this.#options
    const since = this.#uncertainSince.get(shard.number)
    if (since !== undefined && clock.monotonic() - since >= limits.holdMs) return 'journal_unavailable'
    if (this.#pending >= this.#pendingMaxOf(envelope)) return 'overloaded'
    if (clock.monotonic() >= envelope.deadline) return 'deadline_passed'
    return undefined
  }

  /** New payments are refused first. */
  #pendingMaxOf(envelope: Envelope): number {
    const { pendingMax } = this.#options.limits
    return envelope.class === 'begin' ? pendingMax * 0.8 : pendingMax
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
    const { journal, limits, observer } = this.#options
    const snapshot = snapshotOf(entity, limits.snapshotEvery)
    if (snapshot !== undefined) {
      journal
        .saveSnapshots([snapshot])
        .catch((error: unknown) => observer.trouble('snapshot_failed', error, entity.address))
    }
    entity.remove('passivated')
  }

  #internalAsk(where: Address, command: unknown, reply: (ask: Ask, answer: RouteAnswer<unknown>) => void): Ask {
    this.#idCounter += 1
    const id = this.#idPrefix + this.#idCounter.toString(16).padStart(12, '0')
    const ask: Ask = new Ask(
      { id, entity: where.entity, command, class: 'internal', waitUntil: Number.POSITIVE_INFINITY, attach: true },
      (answer: RouteAnswer<unknown>) => reply(ask, answer),
    )
    return ask
  }

  /** Hands a PSP's answer or a timer to its entity, wherever that is by now. */
  #deliver(kind: AnyKind, where: Address, command: unknown): void {
    const ask = this.#internalAsk(where, command, (_ask, answer) => {
      if (answer.kind === 'unavailable' && answer.reason === 'shard_moved') this.#forwarding.send(kind.name, where, ask)
    })
    const shard = this.#shards.get(where.shard)
    if (shard === undefined) return this.#forwarding.send(kind.name, where, ask)
    shard.commands += 1
    // Given up meanwhile: the inbox is sent on when it has left.
    this.#activate(shard, kind, where.entity).ask(ask)
  }

  // --- effects and timers ----------------------------------------------------------------------------------------------

  #run(entity: Entity, effect: unknown): void {
    entity.calls += 1
    this.#calls += 1
    const ended = (): void => {
      entity.calls -= 1
      this.#calls -= 1
    }
    this.#options.runEffect(effect).then(
      (command) => {
        ended()
        // The entity may have been rebuilt meanwhile, or have left; its address is what counts.
        if (!this.#stopped && command !== undefined) this.#deliver(entity.kind, entity.address, command)
      },
      (error: unknown) => {
        ended()
        this.#options.observer.trouble('effect_failed', error, entity.address)
      },
    )
  }

  #timersStored(entity: Entity, timers: readonly TimerRow[]): void {
    this.#timers.disarm(entity.address)
    const horizon = this.#options.clock.now() + this.#options.limits.timerHorizonMs
    for (const timer of timers) if (timer.due < horizon) this.#timers.arm(timer)
    if (entity.mode !== 'gone') this.#services.touched(entity)
  }

  #fire(row: TimerRow): void {
    const status = this.#shards.get(row.shard)?.status
    const kind = this.#kindOf(row.kind)
    // Its row stays until the entity has changed: whoever owns the shard next fires it.
    if (status === undefined || status === 'releasing' || kind === undefined || this.#stopped) return
    const { shard, entity, operation } = row
    const timer = { kind: row.kind.slice(kind.name.length + 1), operationId: operation }
    this.#deliver(kind, { shard, entity }, kind.timerCommand(timer))
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

  #serve(opened: OpenedShard): void {
    const { ownership, timers, tail } = opened
    const { journal, observer } = this.#options
    const shard = new Shard(opened, journal, {
      uncertain: (which) => this.#shardUncertain(which),
      readyToRecover: (which) => this.#recovery.add(which),
      recovered: (which) => {
        this.#uncertainSince.delete(which.number)
        this.#readSide.hear(which, which.ownership.openedAt, undefined)
        observer.shardRecovered(which.number)
      },
      left: (which, how) => this.#shardLeft(which, how),
    })
    this.#shards.set(shard.number, shard)
    this.#readSide.hear(shard, ownership.openedAt, undefined)
    const items = new Map<string, WarmUpItem>()
    for (const timer of timers) {
      this.#timers.arm(timer)
      const kind = this.#kindOf(timer.kind)
      if (kind !== undefined && this.#openKinds.includes(timer.kind)) {
        items.set(timer.entity, { kind, entity: timer.entity, behind: false })
      }
    }
    for (const { type, entity } of tail) {
      const kind = this.#kindOf(type)
      if (kind !== undefined) items.set(entity, { kind, entity, behind: true })
    }
    this.#warmUp.add(shard, [...items.values()])
  }

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

  #shardLeft({ number }: Shard, how: 'released' | 'lost'): void {
    this.#shards.delete(number)
    this.#uncertainSince.delete(number)
    this.#timers.disarmShard(number)
    if (how === 'lost') this.#options.observer.shardLost(number)
  }
}

function notAccepted(reason: string): RouteAnswer<never> {
  return { kind: 'unavailable', certainty: 'not_accepted', reason, retryAfterMs: 1000 }
}
