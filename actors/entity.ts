/**
 * One single-writer actor: an entity's inbox, its state, and the decisions on their way to the journal.
 *
 * Modes:
 *   loading      its rows are being read; commands queue up
 *   active       it decides
 *   settling     a commit failed or a decision crashed: nothing is decided until every append in flight has settled
 *   held         its shard is uncertain: the shard reads the tail and says which decisions are in the journal
 *   quarantined  its rows cannot be folded: it refuses everything, its shard goes on
 *   gone         passivated, or its shard was lost
 *
 * Guarantees:
 * - A turn drains the inbox: every command is decided on the speculative state, nothing is awaited.
 * - Output gate (I4): no answer, refusal, read, replay or effect leaves before every decision of the state it was decided on
 *   is durable. An answer that appended nothing also waits for a proof of ownership begun after its command arrived.
 * - When a commit fails, the speculative tail is dropped and its commands are decided once more on the reloaded state; what
 *   fails twice, a proof or a read of rows too, is refused as not accepted. Facts are kept until they are durable.
 * - A failed assertion drops the state and rebuilds it from the journal.
 *
 * It leaves to others: who owns the shard (shard.ts), running effects, timers and passivation (host.ts).
 */
import type { RequestRecord } from '../domain/decision.ts'
import type { Address } from '../domain/ids.ts'
import { assert } from '../runtime/assert.ts'
import type { Ask } from './ask.ts'
import { encodeDecision } from './codec.ts'
import type { AnyKind, EntityTimer } from './entity-kind.ts'
import type { EntityServices } from './entity-services.ts'
import { fold } from './fold.ts'
import type { InFlight } from './in-flight.ts'
import type { AppendOutcome, JournalRow, StoredEntity } from './journal.ts'
import { memoryPlace } from './memory-bound.ts'
import { answerAt, answerHistory } from './past-answers.ts'
import { RunningRequests } from './running-requests.ts'
import type { ScheduledActor } from './scheduler.ts'
import type { Shard } from './shard.ts'

type Mode = 'loading' | 'active' | 'settling' | 'held' | 'quarantined' | 'gone'

const noEntries: readonly never[] = []

export class Entity {
  readonly kind: AnyKind
  readonly address: Address
  readonly shard: Shard
  /** Timer rows may exist in the database: they are replaced at the next cursor advance. */
  timerRowsStored = true
  /** Names of PSP references that this process has stored of it. */
  storedReferences: readonly string[] = noEntries
  /** Waits for its shard's next cursor advance. */
  dirty = false
  /** Size of what it holds, for the memory bound. */
  bytes = 0
  /** Its place in the memory bound. */
  readonly place = memoryPlace()
  /** Sequence of the newest snapshot known to be stored. */
  snapshotSeq = 0
  /** Epoch of the last durable decision: a snapshot is valid only with it. */
  lastEpoch = 0
  /** PSP calls of this entity that run right now. */
  calls = 0

  readonly #services: EntityServices
  readonly #actor: ScheduledActor
  #mode: Mode = 'loading'
  #durable: unknown
  #inbox: Ask[] = []
  #pipeline: InFlight[] = []
  readonly #running = new RunningRequests()
  /** Answers that wait for a proof of ownership alone. */
  #proving = 0
  #loadFailures = 0
  #recovered = false

  constructor(kind: AnyKind, address: Address, shard: Shard, services: EntityServices) {
    this.kind = kind
    this.address = address
    this.shard = shard
    this.#services = services
    this.#actor = services.scheduler.spawn(address.entity, () => this.#drain())
    this.#load()
  }

  get mode(): Mode {
    return this.#mode
  }

  /** The last durable state; undefined before the first decision. */
  get state(): unknown {
    return this.#durable
  }

  /** Nothing is under way: it may be passivated. */
  get idle(): boolean {
    return (
      this.#mode === 'active' &&
      this.#inbox.length === 0 &&
      this.#pipeline.length === 0 &&
      this.calls === 0 &&
      this.#proving === 0 &&
      !this.dirty &&
      this.#running.isEmpty
    )
  }

  get timers(): readonly EntityTimer[] {
    return this.#durable === undefined ? noEntries : this.kind.timers(this.#durable)
  }

  /** Takes a command. Answers at once where it cannot be taken. */
  ask(ask: Ask): void {
    if (this.#mode === 'quarantined') return ask.unavailable('not_accepted', 'entity_quarantined', 60_000)
    if (this.#mode === 'gone') return ask.unavailable('not_accepted', 'shard_moved')
    if (!ask.internal && this.#inbox.length >= this.#services.limits.inboxMax) {
      return ask.unavailable('not_accepted', 'overloaded')
    }
    if (Number.isFinite(ask.waitUntil)) {
      ask.deadline = this.#services.deadlines.add(ask.waitUntil, () => this.#waitIsOver(ask))
    }
    this.#inbox.push(ask)
    this.wake()
  }

  wake(): void {
    if (this.#mode === 'active' && this.#inbox.length > 0) this.#actor.wake()
  }

  /**
   * Tells everyone who waits for the journal that it is away; facts stay. A decision whose commit is in doubt stays in the
   * pipeline: the shard's recovery says what became of it, and its effects follow from that.
   */
  refuseWaiting(reason: string): void {
    const queued = this.#inbox
    this.#inbox = queued.filter((ask) => ask.internal)
    for (const ask of queued) if (!ask.internal) ask.unavailable('not_accepted', reason)
    for (const entry of this.#pipeline) {
      const certainty = entry.outcome?.kind === 'refused' ? 'not_accepted' : 'acceptance_unknown'
      if (certainty === 'not_accepted') entry.ask.mayBeStored = false
      for (const ask of [entry.ask, ...entry.gated.map((gated) => gated.ask)]) {
        if (!ask.internal) ask.unavailable(certainty, reason)
      }
    }
  }

  /** The shard's tail was read: `rows` are this entity's rows in it. What is not among them was never executed. */
  settleFromTail(rows: readonly JournalRow[]): void {
    assert(this.#mode === 'held' || this.#pipeline.length === 0, 'the tail settles held entities')
    const stored = new Map(rows.map((row) => [row.seq, row]))
    while (this.#pipeline.length > 0) {
      const next = this.#pipeline[0] as InFlight
      const row = stored.get(next.seq)
      if (row === undefined || row.command !== next.ask.id) break
      this.#commitFirst(next, row.position)
    }
    if (this.#mode === 'held') this.#retryTail()
  }

  /** Drops everything: the shard has another owner, or the entity is passivated. */
  remove(reason: string): void {
    this.#mode = 'gone'
    this.#actor.stop()
    const inbox = this.#inbox
    const pipeline = this.#pipeline
    this.#inbox = []
    this.#pipeline = []
    for (const ask of inbox) ask.unavailable('not_accepted', reason)
    for (const entry of pipeline) {
      entry.uncount?.()
      entry.ask.unavailable('acceptance_unknown', reason)
      for (const gated of entry.gated) gated.ask.unavailable('acceptance_unknown', reason)
    }
    for (const { ask } of this.#running.clear()) ask.unavailable('acceptance_unknown', reason)
    this.#services.removed(this)
  }

  // --- deciding ---------------------------------------------------------------------------------------------------

  #drain(): void {
    if (this.#mode !== 'active' || this.shard.status !== 'open') return
    while (this.#inbox.length > 0 && this.#pipeline.length < this.#services.limits.pipelineMax) {
      const ask = this.#inbox.shift() as Ask
      if (ask.stage === 'answered') continue
      try {
        this.#take(ask)
      } catch (error) {
        this.#crash(ask, error)
        return
      }
    }
    this.#services.touched(this)
  }

  get #head(): unknown {
    const last = this.#pipeline.at(-1)
    return last === undefined ? this.#durable : last.state
  }

  #take(ask: Ask): void {
    const { kind } = this
    const state = this.#head
    const read: unknown = kind.read(state, ask.command)
    if (read !== undefined) return this.#gate(ask, () => ask.answer(read))
    if (kind.wantsHistory?.(ask.command) === true)
      return this.#gate(ask, () => answerHistory(this, this.#services, ask))

    const now = Math.max(this.#services.clock.now(), state === undefined ? 0 : kind.updatedAt(state))
    const epoch = this.shard.ownership.epoch
    const decision = kind.decide(state, ask.command, { address: this.address, now, epoch })
    switch (decision.kind) {
      case 'ignored':
        return this.#gate(ask, () => ask.answer(kind.answer(state, undefined, false)))
      case 'rejected': {
        const answer: unknown = kind.reject(decision.rejection, state)
        return this.#gate(ask, () => ask.answer(answer))
      }
      case 'replayed':
        return this.#replay(ask, decision.request)
      case 'accepted':
        return this.#accept(ask, state, decision.events, now, epoch)
    }
  }

  #accept(ask: Ask, state: unknown, events: readonly object[], now: number, epoch: number): void {
    const { kind, address } = this
    const seq = state === undefined ? 1 : kind.sequence(state) + 1
    const after: unknown = kind.apply(state, events, { seq, at: now, epoch })
    assert(kind.sequence(after) === seq, 'a decision moves the sequence by one', { seq })
    const transfers = kind.transfers(state, events, after)
    const encoded = encodeDecision(events, transfers)
    const entry: InFlight = {
      seq,
      epoch,
      ask,
      state: after,
      at: now,
      transfers,
      effects: kind.effects(after, events),
      gated: [],
      uncount: kind.journaling?.(after, events),
      outcome: undefined,
    }
    const key = kind.requestKey(ask.command)
    if (key !== undefined) this.#running.begin(key, ask)
    ask.stage = 'journaling'
    ask.mayBeStored = true
    this.#pipeline.push(entry)
    this.bytes += encoded.data.length + (encoded.private?.length ?? 0)
    this.shard.append({
      record: {
        shard: address.shard,
        entity: address.entity,
        seq,
        command: ask.id,
        type: `${kind.name}.${kind.commandType(ask.command)}`,
        at: now,
        data: encoded.data,
        private: encoded.private,
        keyId: null,
      },
      settle: (outcome) => this.#settled(entry, outcome),
    })
  }

  /** The same request again: its final answer if there is one, else whoever asks waits with the others. */
  #replay(ask: Ask, request: RequestRecord): void {
    const { kind } = this
    ask.mayBeStored = true
    if (request.concludedSeq !== undefined) {
      const seq = request.concludedSeq
      return this.#gate(ask, () => this.#answerAt(ask, seq, request))
    }
    if (this.#running.isAwaited(request.idempotencyKey) && !ask.attach) {
      return this.#gate(ask, () => ask.answer(kind.inUse()))
    }
    // Nobody waits any more (the first caller was told 202, or its process died): the repeat waits in its place.
    this.#gate(ask, () => this.#wait(ask, request.idempotencyKey))
  }

  /** Lets `release` run once all that the present state rests on is durable and the ownership is proved. */
  #gate(ask: Ask, release: () => void): void {
    ask.stage = 'journaling'
    const last = this.#pipeline.at(-1)
    if (last !== undefined) {
      // The commit completes after this command arrived, so it is the proof of ownership too.
      last.gated.push({ ask, release })
      return
    }
    this.#afterProof(ask, release)
  }

  #afterProof(ask: Ask, release: () => void): void {
    this.#proving += 1
    this.shard.prove().then(
      (proved) => {
        this.#proving -= 1
        if (this.#mode === 'gone' || !proved) ask.unavailable('not_accepted', 'shard_moved')
        else release()
        this.#proofEnded()
      },
      () => {
        this.#proving -= 1
        this.#onceMore(ask)
        this.#proofEnded()
      },
    )
  }

  /** The database did not answer. One that is busy mostly does the next time, and somebody waits: decided once more. */
  #onceMore(ask: Ask): void {
    const isHere = this.#mode !== 'gone' && this.#mode !== 'quarantined'
    const mayWait = ask.stage !== 'answered' && ask.waitUntil > this.#services.clock.monotonic()
    ask.failures += 1
    if (!isHere || !mayWait || ask.failures > 1) return ask.unavailable('not_accepted', 'journal_unavailable')
    ask.stage = 'queued'
    this.#inbox.push(ask)
    this.wake()
  }

  /** It may be idle from here on. */
  #proofEnded(): void {
    if (this.#mode !== 'gone' && this.#proving === 0) this.#services.touched(this)
  }

  // --- waiting for outcomes ------------------------------------------------------------------------------------------

  #wait(ask: Ask, key: string): void {
    if (ask.stage === 'answered') return
    const request = this.#durable === undefined ? undefined : this.kind.request(this.#durable, key)
    if (request?.concludedSeq !== undefined) return this.#answerAt(ask, request.concludedSeq, request)
    ask.stage = 'waiting'
    this.#running.join(key, ask)
  }

  #waitIsOver(ask: Ask): void {
    switch (ask.stage) {
      case 'queued':
        return ask.unavailable('not_accepted', 'deadline_passed')
      case 'journaling':
        return ask.unavailable('acceptance_unknown', 'deadline_passed')
      case 'waiting': {
        const key = this.kind.requestKey(ask.command)
        if (key === undefined) return
        const waiter = this.#running.leave(key, ask)
        const state = this.#durable
        // The state has been durable for a while: whether it still is the newest needs a proof of its own.
        this.#afterProof(ask, () =>
          ask.answer(this.kind.answer(state, this.kind.request(state, key), waiter?.replayed ?? false)),
        )
        this.#services.touched(this)
        return
      }
      case 'answered':
    }
  }

  #concludeRunning(): void {
    const state = this.#durable
    for (const key of this.#running.keys()) {
      const request = this.kind.request(state, key)
      if (request?.concludedSeq === undefined) continue
      for (const { ask, replayed } of this.#running.end(key)) {
        if (request.concludedSeq === this.kind.sequence(state)) ask.answer(this.kind.answer(state, request, replayed))
        else this.#answerAt(ask, request.concludedSeq, request)
      }
    }
  }

  #answerAt(ask: Ask, seq: number, request: RequestRecord): void {
    const { kind } = this
    if (kind.sequence(this.#durable) === seq) return ask.answer(kind.answer(this.#durable, request, true))
    answerAt(this, this.#services, ask, seq, request)
  }

  // --- the journal's word ----------------------------------------------------------------------------------------------

  #settled(entry: InFlight, outcome: AppendOutcome): void {
    this.shard.settled(outcome)
    if (this.#mode === 'gone') return
    entry.outcome = outcome
    if (outcome.kind !== 'durable' && this.#mode === 'active') this.#mode = 'settling'
    for (let first = this.#pipeline[0]; first?.outcome?.kind === 'durable'; first = this.#pipeline[0])
      this.#commitFirst(first, first.outcome.position)
    if (this.#mode === 'settling') this.#whenSettled()
    else this.wake()
  }

  #commitFirst(entry: InFlight, position: number): void {
    this.#pipeline.shift()
    const { kind } = this
    this.#durable = entry.state
    this.lastEpoch = entry.epoch
    const { ask, at, transfers, effects } = entry
    this.#services.committed(this, { position, at, transfers, effects })
    const key = kind.requestKey(ask.command)
    if (key === undefined) ask.answer(kind.answer(entry.state, undefined, false))
    else if (ask.stage === 'journaling') ask.stage = 'waiting'
    for (const gated of entry.gated) gated.release()
    this.#concludeRunning()
    this.#services.touched(this)
  }

  #whenSettled(): void {
    if (this.#pipeline.some((entry) => entry.outcome === undefined)) return
    const failed = this.#pipeline.map((entry) => entry.outcome as AppendOutcome)
    if (failed.some((outcome) => outcome.kind === 'fenced')) return // the shard is lost and removes its entities
    const uncertain = failed.some(
      (outcome) =>
        outcome.kind === 'unknown' || (outcome.kind === 'refused' && outcome.error.code === 'journal_unavailable'),
    )
    if (uncertain) {
      this.#mode = 'held'
      return
    }
    const refused = failed.find((outcome) => outcome.kind === 'refused')
    if (refused !== undefined) this.#services.trouble(this, 'append_refused', refused.error)
    this.#retryTail()
  }

  /** Drops the speculative tail; its commands are decided once more on the reloaded state. */
  #retryTail(): void {
    const dropped = this.#pipeline
    this.#pipeline = []
    const again: Ask[] = []
    for (const entry of dropped) {
      entry.uncount?.()
      for (const ask of [entry.ask, ...entry.gated.map((gated) => gated.ask)]) {
        const key = this.kind.requestKey(ask.command)
        if (key !== undefined) this.#running.leave(key, ask)
        if (ask.stage === 'answered') continue
        ask.stage = 'queued'
        // of what is dropped nothing is stored; the request that a repeat stands for may be
        ask.mayBeStored =
          key !== undefined && this.#durable !== undefined && this.kind.request(this.#durable, key) !== undefined
        ask.failures += 1
        if (ask.internal || ask.failures <= 1) again.push(ask)
        else ask.unavailable('not_accepted', 'journal_unavailable')
      }
    }
    this.#inbox.unshift(...again)
    this.#load()
  }

  #crash(ask: Ask, error: unknown): void {
    this.#services.trouble(this, 'entity_crashed', error)
    ask.failures += 1
    if (ask.failures <= 1) this.#inbox.unshift(ask)
    else ask.unavailable('not_accepted', 'command_failed', 60_000)
    this.#mode = 'settling'
    if (this.#pipeline.length === 0) this.#retryTail()
  }

  // --- loading -----------------------------------------------------------------------------------------------------------

  #load(): void {
    this.#mode = 'loading'
    this.#services.journal.load(this.address).then(
      (stored) => this.#loaded(stored),
      (error: unknown) => {
        if (this.#mode === 'gone') return
        this.#services.trouble(this, 'load_failed', error)
        // who waits is told at the second failure in a row: a database that is busy mostly answers by then
        if ((this.#loadFailures += 1) > 1) this.refuseWaiting('journal_unavailable')
        if (this.#inbox.length === 0 && !this.dirty && this.calls === 0) return this.remove('journal_unavailable')
        this.#services.clock.schedule(this.#services.limits.loadRetryMs, () => {
          if (this.#mode === 'loading') this.#load()
        })
      },
    )
  }

  #loaded(stored: StoredEntity): void {
    if (this.#mode === 'gone') return
    this.#loadFailures = 0
    try {
      this.#durable = fold(this.kind, stored)
    } catch (error) {
      this.#mode = 'quarantined'
      this.#services.trouble(this, 'entity_quarantined', error)
      for (const ask of this.#inbox.splice(0)) ask.unavailable('not_accepted', 'entity_quarantined', 60_000)
      this.#services.loaded(this)
      return
    }
    this.snapshotSeq = (stored.snapshot ?? stored.archived)?.seq ?? 0
    this.lastEpoch = (stored.rows.at(-1) ?? stored.snapshot ?? stored.archived)?.epoch ?? 0
    this.bytes = stored.rows.reduce((sum, row) => sum + row.data.length + (row.private?.length ?? 0), 0)
    if (this.#durable === undefined) this.timerRowsStored = false
    this.#mode = 'active'
    if (!this.#recovered && this.#durable !== undefined) {
      const newOwner = this.lastEpoch !== this.shard.ownership.epoch
      const recovery: unknown = this.kind.recovery(this.#durable, newOwner)
      if (recovery !== undefined) this.#inbox.unshift(this.#services.recoveryAsk(this, recovery))
    }
    this.#recovered = true
    this.#concludeRunning()
    this.#services.loaded(this)
    this.#services.touched(this)
    this.wake()
  }
}
