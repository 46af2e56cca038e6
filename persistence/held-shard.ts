/**
 * A shard as this process holds it.
 *
 *   held       appends are queued and flushed
 *   releasing  what is queued is still flushed, nothing more is taken
 *   uncertain  a flush of it ended without a known outcome, or the server is another one: nothing until it is acquired anew
 *   lost       another owner has it or it was released, or the database lost rows of it: nothing until it is acquired anew
 */
import type { Append, AppendOutcome } from '../actors/journal.ts'
import type { Lane } from './lane.ts'

export class HeldShard {
  readonly shard: number
  epoch = 0
  status: 'held' | 'releasing' | 'uncertain' | 'lost' = 'lost'
  /** Position of the last row that is there for certain. */
  tail = 0
  /** Highest position ever acknowledged by this process, under any epoch. */
  acknowledged = 0
  lane: Lane | undefined
  /** Rows of it are in a flush whose outcome is awaited. */
  inFlight = false
  /** Monotonic time since which something has waited in the queue. */
  waitingSince = 0
  queue: Append[] = []
  #waiting: (() => void)[] = []

  constructor(shard: number) {
    this.shard = shard
  }

  /** Resolves when nothing of it is in flight. */
  async landed(): Promise<void> {
    while (this.inFlight) await this.#changed()
  }

  /** Resolves when nothing of it is queued or in flight. */
  async drained(): Promise<void> {
    while (this.inFlight || this.queue.length > 0) await this.#changed()
  }

  land(): void {
    this.inFlight = false
    this.#wake()
  }

  /** Its last flush, or its server, is doubtful. */
  doubt(): void {
    if (this.status !== 'lost') this.status = 'uncertain'
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Takes everything that is queued, to be settled by the caller. */
  takeQueue(): Append[] {
    const queued = this.queue
    this.queue = []
    this.#wake()
    return queued
  }

  /** Takes what is queued of these entities: behind a refused decision its sequence would leave a gap. */
  takeQueueOf(entities: ReadonlySet<string>): Append[] {
    const taken = this.queue.filter(({ record }) => entities.has(record.entity))
    if (taken.length > 0) this.queue = this.queue.filter(({ record }) => !entities.has(record.entity))
    this.#wake()
    return taken
  }
}

/** Settles in a turn of its own: callers may be within `append`. */
export function settleLater(appends: readonly Append[], outcome: AppendOutcome): void {
  if (appends.length > 0) setImmediate(() => settleNow(appends, outcome))
}

export function settleNow(appends: readonly Append[], outcome: AppendOutcome): void {
  for (const append of appends) append.settle(outcome)
}
