/**
 * Group commit: a lane is one connection with one flush in flight; the next flush is what queued up meanwhile. No timer.
 *
 *   connecting   the first connection, or the first try after one was lost: appends wait
 *   idle         nothing in flight; an append starts a flush at the end of its turn of the event loop
 *   flushing     one statement is under way; appends wait
 *   away         a try to connect failed: appends are refused at once, until one succeeds
 *   closed
 *
 * It guarantees that rows of a shard are written in the order they were queued, that positions are given when a flush is
 * formed, and that the next flush is under way before the callers of the last one are told.
 */
import { type Append, type AppendOutcome, JournalError } from '../actors/journal.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import { type FlushOutcome, type Slice, writeFlush } from './flush.ts'
import { type HeldShard, settleLater, settleNow } from './held-shard.ts'
import type { JournalLimits } from './journal-limits.ts'
import type { Session } from './session.ts'
import { journalError } from './statement-outcome.ts'

export interface LaneEvents {
  connect(): Promise<Session>
  /** A connection was lost, or a try to connect failed. */
  disconnected(error: Error, session: Session | undefined): void
  /** Several flushes in a row were full, and what they left has waited longer than a flush takes. */
  crowded(): void
  flushed(outcome: FlushOutcome, elapsedMs: number): void
  /** Where a shard that has nothing in flight should be. */
  laneOf(held: HeldShard): Lane
}

/** Full flushes in a row before another lane is asked for: a burst that one lane swallows is none of them. */
const crowdedFlushesMin = 3

const acquireFirst: AppendOutcome = {
  kind: 'refused',
  error: new JournalError('journal_unavailable', 'the shard has to be acquired anew'),
}
const behindRefused: AppendOutcome = {
  kind: 'refused',
  error: new JournalError('journal_refused', 'it follows a refused decision of its entity'),
}

export class Lane {
  readonly #limits: JournalLimits
  readonly #clock: Clock
  readonly #events: LaneEvents
  #state: 'connecting' | 'idle' | 'flushing' | 'away' | 'closed' = 'connecting'
  #session: Session | undefined
  /** Shards with something queued and nothing in flight, first come, first served. */
  #ready: HeldShard[] = []
  #scheduled = false
  #pauseMs = 0
  #cancelRetry: Cancel = () => undefined
  #lastFlushMs = 0
  #crowdedFlushes = 0
  #closing: (() => void) | undefined

  constructor(limits: JournalLimits, clock: Clock, events: LaneEvents) {
    this.#limits = limits
    this.#clock = clock
    this.#events = events
  }

  get isConnected(): boolean {
    return this.#session !== undefined && !this.#session.isLost
  }

  /** Rejects where the first connection cannot be made; later ones are tried for as long as the lane is open. */
  async open(): Promise<void> {
    this.#opened(await this.#events.connect())
  }

  enqueue(held: HeldShard, append: Append): void {
    if (this.#state === 'away' || this.#state === 'closed') {
      const code = this.#state === 'away' ? 'journal_unavailable' : 'journal_closed'
      settleLater([append], { kind: 'refused', error: new JournalError(code, 'the journal has no connection') })
      return
    }
    if (held.queue.length === 0) held.waitingSince = this.#clock.monotonic()
    held.queue.push(append)
    if (held.queue.length === 1 && !held.inFlight) this.add(held)
  }

  /** Takes a shard that has something queued and nothing in flight. */
  add(held: HeldShard): void {
    this.#ready.push(held)
    if (this.#state !== 'idle' || this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  /** Finishes what is queued, where there is a connection; then ends. */
  async close(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'flushing') {
      this.#pump()
      if (this.#state === 'flushing') await new Promise<void>((resolve) => void (this.#closing = resolve))
    }
    this.#state = 'closed'
    this.#cancelRetry()
    this.#refuseQueued(new JournalError('journal_closed', 'the journal is closed'))
    await this.#session?.end()
  }

  #pump(): void {
    const session = this.#session
    if (this.#state !== 'idle' || session === undefined) return
    const slices = this.#form()
    if (slices.length === 0) {
      this.#closing?.()
      return
    }
    this.#state = 'flushing'
    void this.#flush(session, slices)
  }

  #form(): Slice[] {
    const { flushRowsMax, flushBytesMax } = this.#limits
    const slices: Slice[] = []
    const left: HeldShard[] = []
    const now = this.#clock.monotonic()
    let rows = 0
    let bytes = 0
    let isFull = false
    for (const held of this.#ready) {
      if (held.queue.length === 0 || held.lane !== this || held.inFlight) continue
      let count = 0
      while (!isFull && count < held.queue.length) {
        const record = held.queue[count]?.record
        const size = record === undefined ? 0 : record.data.length + (record.private?.length ?? 0)
        if (rows > 0 && (rows >= flushRowsMax || bytes + size > flushBytesMax)) isFull = true
        else {
          rows += 1
          bytes += size
          count += 1
        }
      }
      if (count === 0) {
        left.push(held)
        continue
      }
      const appends = held.queue
      held.queue = appends.splice(count)
      held.inFlight = true
      slices.push({ held, epoch: held.epoch, first: held.tail + 1, appends })
      if (held.queue.length > 0) held.waitingSince = now
    }
    this.#ready = left
    const [oldest] = left
    const isCrowded = oldest !== undefined && now - oldest.waitingSince > this.#lastFlushMs
    this.#crowdedFlushes = isCrowded ? this.#crowdedFlushes + 1 : 0
    if (this.#crowdedFlushes >= crowdedFlushesMin) this.#events.crowded()
    return slices.sort((a, b) => a.held.shard - b.held.shard)
  }

  async #flush(session: Session, slices: readonly Slice[]): Promise<void> {
    const startedAt = this.#clock.monotonic()
    const outcome = await writeFlush(session, slices, this.#limits.flushTimeoutMs)
    this.#lastFlushMs = this.#clock.monotonic() - startedAt
    const unsent: { readonly appends: readonly Append[]; readonly outcome: AppendOutcome }[] = []
    for (const { held } of slices) {
      held.tail = outcome.tails.get(held) ?? held.tail
      held.acknowledged = Math.max(held.acknowledged, held.tail)
      const fenced = outcome.lost.get(held)
      const refused = outcome.refused.get(held)
      if (fenced !== undefined) {
        held.status = 'lost'
        unsent.push({ appends: held.takeQueue(), outcome: fenced })
      } else if (outcome.uncertain.has(held)) {
        held.doubt()
        unsent.push({ appends: held.takeQueue(), outcome: acquireFirst })
      } else if (refused !== undefined) {
        unsent.push({ appends: held.takeQueueOf(refused), outcome: behindRefused })
      }
      held.land()
      if (held.queue.length === 0) continue
      held.lane = this.#events.laneOf(held)
      held.lane.add(held)
    }
    if (this.#state === 'flushing') this.#state = 'idle'
    if (outcome.sessionDone) session.destroy('its last statement had an unknown outcome, or the server is read-only')
    else this.#pump()
    for (const { append, outcome: settled } of outcome.settled) append.settle(settled)
    for (const { appends, outcome: settled } of unsent) settleNow(appends, settled)
    this.#events.flushed(outcome, this.#lastFlushMs)
  }

  // --- connection ----------------------------------------------------------------------------------------------------

  #opened(session: Session): void {
    this.#session = session
    this.#pauseMs = 0
    session.onLost((error) => this.#lostSession(session, error))
    if (session.isLost) {
      this.#lostSession(session, new Error('the connection was lost at once'))
      return
    }
    this.#state = 'idle'
    this.#pump()
  }

  #lostSession(session: Session, error: Error): void {
    if (this.#session !== session || this.#state === 'closed') return
    this.#session = undefined
    this.#state = 'connecting'
    this.#events.disconnected(error, session)
    if (this.#closing === undefined) this.#retry()
    else this.#closing()
  }

  #retry(): void {
    this.#cancelRetry = this.#clock.schedule(this.#pauseMs, () => {
      this.#events.connect().then(
        (session) => {
          if (this.#state === 'closed') session.destroy('the journal is closed')
          else this.#opened(session)
        },
        (error: unknown) => {
          if (this.#state === 'closed') return
          this.#state = 'away'
          const { reconnectMsMin, reconnectMsMax } = this.#limits
          this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, reconnectMsMin), reconnectMsMax)
          this.#refuseQueued(journalError('journal_unavailable', 'the server is away', error))
          this.#events.disconnected(error instanceof Error ? error : new Error('no connection'), undefined)
          this.#retry()
        },
      )
    })
  }

  #refuseQueued(error: JournalError): void {
    const ready = this.#ready
    this.#ready = []
    for (const held of ready) {
      if (held.lane === this && !held.inFlight) settleNow(held.takeQueue(), { kind: 'refused', error })
    }
  }
}
