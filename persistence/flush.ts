/**
 * One flush: the rows of several shards, written by one statement where all is well, and the outcome of every one of them.
 *
 * Where the server refuses the statement for certain, nothing was written. Then the shard or decision that the error names
 * is left out and the rest is sent again, other shards at the same positions, later decisions of the same shard
 * renumbered. Where the error names nothing, the flush is halved, by shards and then by decisions, until the one that is
 * refused stands alone: its later decisions of the same entity are refused with it, for their sequence would leave a gap.
 * A statement of unknown outcome is not sent again; what had not been sent yet is refused.
 */
import type { DatabaseError } from 'pg'
import type { Append, AppendOutcome, JournalError } from '../actors/journal.ts'
import { assert } from '../runtime/assert.ts'
import { type AppendAnswer, appendStatement, type ShardRows } from './append-statement.ts'
import type { HeldShard } from './held-shard.ts'
import type { Session } from './session.ts'
import { causeOf, describe, isReadOnly, journalError } from './statement-outcome.ts'

/** A shard's part of a flush, in order. */
export interface Slice {
  readonly held: HeldShard
  readonly epoch: number
  readonly first: number
  readonly appends: readonly Append[]
}

export interface FlushOutcome {
  /** In order of slices and their appends. */
  readonly settled: readonly { readonly append: Append; readonly outcome: AppendOutcome }[]
  /** Position of the last row written, for the shards of which any was. */
  readonly tails: ReadonlyMap<HeldShard, number>
  /** Entities of which a decision was refused: what is queued behind it leaves a gap. */
  readonly refused: ReadonlyMap<HeldShard, ReadonlySet<string>>
  readonly uncertain: ReadonlySet<HeldShard>
  /** Not held any more, with the outcome of everything that was to be appended. */
  readonly lost: ReadonlyMap<HeldShard, AppendOutcome>
  /** The session is of no further use. */
  readonly sessionDone: boolean
}

/** Never rejects. */
export async function writeFlush(session: Session, slices: readonly Slice[], timeoutMs: number): Promise<FlushOutcome> {
  const flush = new Flush(session, timeoutMs)
  try {
    await flush.write(slices)
  } catch (error) {
    // The server's answer was not one that this code knows: nobody can say what is stored.
    session.destroy('an answer that was not understood')
    flush.doubt(slices, error)
  }
  return flush.outcome(slices)
}

class Flush {
  readonly #session: Session
  readonly #timeoutMs: number
  readonly #outcomes = new Map<Append, AppendOutcome>()
  readonly #tails = new Map<HeldShard, number>()
  readonly #uncertain = new Set<HeldShard>()
  readonly #lost = new Map<HeldShard, AppendOutcome>()
  /** By shard: entities of which a decision was refused. */
  readonly #refused = new Map<HeldShard, Set<string>>()
  #sessionDone = false

  constructor(session: Session, timeoutMs: number) {
    this.#session = session
    this.#timeoutMs = timeoutMs
  }

  outcome(slices: readonly Slice[]): FlushOutcome {
    const settled = slices.flatMap(({ appends }) =>
      appends.map((append) => {
        const outcome = this.#outcomes.get(append)
        assert(outcome !== undefined, 'a flush has an outcome for every append')
        return { append, outcome }
      }),
    )
    return {
      settled,
      tails: this.#tails,
      refused: this.#refused,
      uncertain: this.#uncertain,
      lost: this.#lost,
      sessionDone: this.#sessionDone,
    }
  }

  async write(slices: readonly Slice[]): Promise<void> {
    const sent = slices.flatMap((slice) => this.#sendable(slice))
    if (sent.length === 0) return
    if (this.#sessionDone) {
      this.#settle(sent, { kind: 'refused', error: journalError('journal_unavailable', 'the connection was lost') })
      return
    }
    const outcome = await this.#session.run(appendStatement(sent.map(rowsOf)), this.#timeoutMs)
    switch (outcome.kind) {
      case 'done':
        this.#written(sent, outcome.result.rows[0] as AppendAnswer)
        return
      case 'failed':
        if (isReadOnly(outcome.error)) this.#sessionDone = true
        await this.#failed(sent, outcome.error)
        return
      case 'unknown':
        this.doubt(sent, outcome.error)
    }
  }

  /** What has no outcome yet has an unknown one. */
  doubt(slices: readonly Slice[], error: unknown): void {
    this.#sessionDone = true
    const doubt = journalError('journal_outcome_unknown', 'the outcome of the commit is unknown', error)
    for (const { held, appends } of slices) {
      if (appends.some((append) => !this.#outcomes.has(append))) this.#uncertain.add(held)
    }
    this.#settle(slices, { kind: 'unknown', error: doubt })
  }

  /** The slice as it stands now: without what has an outcome, at the position after what is written. */
  #sendable({ held, epoch, appends }: Slice): Slice[] {
    const fenced = this.#lost.get(held)
    const refused = this.#refused.get(held)
    const left = appends.filter((append) => {
      if (this.#outcomes.has(append)) return false
      if (fenced !== undefined) this.#outcomes.set(append, fenced)
      else if (refused?.has(append.record.entity) === true) this.#refuse(held, append, gapError(held.shard))
      else return true
      return false
    })
    if (left.length === 0) return []
    return [{ held, epoch, first: (this.#tails.get(held) ?? held.tail) + 1, appends: left }]
  }

  #written(sent: readonly Slice[], answer: AppendAnswer): void {
    const { written, not_owned: notOwned, no_predecessor: noPredecessor } = answer
    const kept = sent.filter(({ held: { shard } }) => !notOwned.includes(shard) && !noPredecessor.includes(shard))
    const expected = kept.reduce((rows, { appends }) => rows + appends.length, 0)
    assert(written === expected, 'an append writes all rows of the shards it does not leave out', { written, expected })
    for (const { held, first, appends } of kept) {
      this.#tails.set(held, first + appends.length - 1)
      for (const [index, append] of appends.entries()) {
        this.#outcomes.set(append, { kind: 'durable', position: first + index })
      }
    }
    if (kept.length === sent.length) return
    for (const slice of sent) {
      const { shard } = slice.held
      if (notOwned.includes(shard)) this.#fence(slice, 'journal_fenced', 'another owner has the shard')
      else if (noPredecessor.includes(shard)) {
        this.#fence(slice, 'journal_lost_acknowledged_rows', 'the database is behind what it had acknowledged')
      }
    }
  }

  async #failed(sent: readonly Slice[], error: DatabaseError): Promise<void> {
    const cause = causeOf(error)
    if (cause.about === 'server') {
      const refusal = journalError('journal_unavailable', 'the server refused', error)
      this.#settle(sent, { kind: 'refused', error: refusal })
      return
    }
    if (cause.about !== 'row') {
      const slice = sent.find(({ held }) => held.shard === cause.shard)
      if (slice !== undefined && cause.about === 'position') {
        this.#fence(slice, 'journal_fenced', 'another owner wrote first')
        return this.write(sent)
      }
      const append = slice?.appends.findLast(
        ({ record }) => cause.about === 'sequence' && record.entity === cause.entity && record.seq === cause.seq,
      )
      if (slice !== undefined && append !== undefined) {
        this.#refuse(slice.held, append, refusedError(slice.held.shard, error))
        return this.write(sent)
      }
    }
    return this.#halve(sent, error)
  }

  async #halve(sent: readonly Slice[], error: DatabaseError): Promise<void> {
    const [slice] = sent
    const [append] = slice?.appends ?? []
    if (slice === undefined || append === undefined) return
    if (sent.length > 1) {
      const half = sent.length >> 1
      await this.write(sent.slice(0, half))
      await this.write(sent.slice(half))
    } else if (slice.appends.length > 1) {
      const half = slice.appends.length >> 1
      await this.write([{ ...slice, appends: slice.appends.slice(0, half) }])
      await this.write([{ ...slice, appends: slice.appends.slice(half) }])
    } else {
      this.#refuse(slice.held, append, refusedError(slice.held.shard, error))
    }
  }

  #refuse(held: HeldShard, append: Append, error: JournalError): void {
    this.#outcomes.set(append, { kind: 'refused', error })
    const entities = this.#refused.get(held)
    if (entities === undefined) this.#refused.set(held, new Set([append.record.entity]))
    else entities.add(append.record.entity)
  }

  #fence({ held, appends }: Slice, code: 'journal_fenced' | 'journal_lost_acknowledged_rows', message: string): void {
    const outcome: AppendOutcome = { kind: 'fenced', error: journalError(code, message, undefined, [held.shard]) }
    this.#lost.set(held, outcome)
    for (const append of appends) this.#outcomes.set(append, outcome)
  }

  #settle(slices: readonly Slice[], outcome: AppendOutcome): void {
    for (const { held, appends } of slices) {
      for (const append of appends) {
        if (this.#outcomes.has(append)) continue
        if (outcome.kind === 'refused') this.#refuse(held, append, outcome.error)
        else this.#outcomes.set(append, outcome)
      }
    }
  }
}

function rowsOf({ held, epoch, first, appends }: Slice): ShardRows {
  return { shard: held.shard, epoch, first, records: appends.map(({ record }) => record) }
}

function refusedError(shard: number, error: DatabaseError): JournalError {
  return journalError('journal_refused', `the database refused a decision (${describe(error)})`, undefined, [shard])
}

function gapError(shard: number): JournalError {
  return journalError('journal_refused', 'it follows a refused decision of its entity', undefined, [shard])
}
