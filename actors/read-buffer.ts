/**
 * What the read side has heard of one shard's journal and has not stored yet.
 *
 * Owners hear of a decision when it becomes durable, and of epoch records when they take the shard; what came before, or what
 * there was no room for, is read from the journal. Wherever it comes from, decisions are taken out in order of position and
 * without a gap: what was not heard is never passed.
 */
import type { Transfer } from '../domain/ledger/transfer.ts'
import { assert } from '../runtime/assert.ts'
import type { AnyKind } from './entity-kind.ts'

/** An entity's decision. */
export interface HeardDecision {
  readonly kind: AnyKind
  /** 32 hexadecimal digits. */
  readonly entity: string
  /** After it. */
  readonly state: unknown
  readonly transfers: readonly Transfer[]
  /** Unix milliseconds. */
  readonly at: number
}

/** A row of the journal as the read side hears of it; undefined where nothing of it can be shown: an epoch record. */
export type Heard = HeardDecision | undefined

/** Rows that are remembered; what comes then is read later. */
export const heardMax = 2_000

export class ReadBuffer {
  #stored: number
  /** Of the positions right after {@link stored}. */
  #rows: Heard[] = []
  /** By position, beyond a gap. */
  readonly #ahead = new Map<number, Heard>()

  /** @param stored position of the cursor. */
  constructor(stored: number) {
    this.#stored = stored
  }

  /** Position of the cursor, as far as this process knows. */
  get stored(): number {
    return this.#stored
  }

  /** Last position up to which all was heard. */
  get heard(): number {
    return this.#stored + this.#rows.length
  }

  hear(position: number, row: Heard): void {
    if (position <= this.heard || this.#rows.length + this.#ahead.size >= heardMax) return
    if (position > this.heard + 1) {
      this.#ahead.set(position, row)
      return
    }
    this.#rows.push(row)
    this.#closeGap()
  }

  /** The first rows that are not stored, in order of position. */
  first(countMax: number): readonly Heard[] {
    return this.#rows.length <= countMax ? this.#rows.slice() : this.#rows.slice(0, countMax)
  }

  /** The cursor is here. */
  storedUpTo(position: number): void {
    assert(position >= this.#stored, 'a cursor moves forward', { position, stored: this.#stored })
    this.#rows = this.#rows.slice(position - this.#stored)
    this.#stored = position
    for (const ahead of this.#ahead.keys()) if (ahead <= this.heard) this.#ahead.delete(ahead)
    this.#closeGap()
  }

  /** The cursor was found here: behind where it had been, where a server has taken over that lost its last move. */
  found(position: number): void {
    if (position >= this.#stored) return this.storedUpTo(position)
    this.#stored = position
    this.forget()
  }

  /** Everything after the cursor is to be read from the journal. */
  forget(): void {
    this.#rows = []
    this.#ahead.clear()
  }

  #closeGap(): void {
    for (let next = this.heard + 1; this.#ahead.has(next); next += 1) {
      this.#rows.push(this.#ahead.get(next))
      this.#ahead.delete(next)
    }
  }
}
