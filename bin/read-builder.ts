/**
 * Folds shards of one journal database into `read_next`, by what owners fold them with into `read`: read-side.ts, told of
 * nothing and reading all from the journal. No owner knows of it.
 */
import { paymentKind } from '../actors/payment-kind.ts'
import type { AnyKind } from '../actors/entity-kind.ts'
import type { Ownership } from '../actors/journal.ts'
import { ReadBuffer } from '../actors/read-buffer.ts'
import { type FollowedShard, ReadSide } from '../actors/read-side.ts'
import { ReadNextJournal } from '../persistence/read-next-journal.ts'
import { assert, AssertionFailure } from '../runtime/assert.ts'
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import { RebuildFailure } from './read-rebuild-failure.ts'

/** A shard, where it is and where it is to be. */
export interface BuildTarget {
  readonly shard: number
  readonly epoch: number
  /** Position of its cursor `read_next`. */
  readonly from: number
  /** Position of the last row that is to be in the tables. */
  readonly to: number
}

/** A decision that cannot be stored, and why, in words without values of its rows. */
export interface ParkedShard {
  readonly shard: number
  readonly position: number
  readonly reason: string
}

export interface ReadBuilderOptions {
  readonly databaseUrl: string
  /** Of the tables. */
  readonly owner: string
  /** Of the balances: another one than that of everybody who builds the same tables. */
  readonly part: number
  /** Told of rows of the journal that were stored. */
  readonly stored: (rows: number) => void
}

/** Only folded and shown: what decides has nothing to decide on. */
const payments = paymentKind({
  directory: { get: () => undefined },
  connections: new Map(),
  random: systemRandom,
  returnUrlBase: () => '',
}) as AnyKind

/** Many: of a young cluster's shards each has few rows, and a statement is worth its while with thousands. */
const readingMax = 16
/** It is not tried again: the builder ends before. */
const parkedMs = 2 ** 31 - 1

export class ReadBuilder {
  readonly parked: ParkedShard[] = []
  readonly #journal: ReadNextJournal
  readonly #side: ReadSide
  readonly #shards = new Map<number, BuiltShard>()
  readonly #stored: ReadBuilderOptions['stored']
  #failure: { readonly error: unknown } | undefined

  constructor({ databaseUrl, owner, part, stored }: ReadBuilderOptions) {
    const journal = new ReadNextJournal(databaseUrl, owner, part)
    this.#journal = journal
    this.#stored = stored
    this.#side = new ReadSide({
      journal: {
        databaseOf: () => journal.databaseOf(),
        load: (key, upTo) => journal.load(key, upTo),
        // What was decided later is the next target's.
        readTail: (shard, position, limit) => journal.readTail(shard, position, this.#upTo(shard, position, limit)),
        advanceRead: (advances) => journal.advanceRead(advances),
      },
      clock: systemClock,
      readingMax,
      limits: { readFlushMs: 1_000, readParkedMs: parkedMs },
      kindOf: (type) => (type.startsWith(`${payments.name}.`) ? payments : undefined),
      observer: {
        trouble: (_what, error, where) => {
          if (where?.position === undefined) this.#failure ??= { error }
          else this.parked.push({ shard: where.shard, position: where.position, reason: reasonOf(error) })
        },
      },
    })
  }

  /**
   * Shards that were parked are left out.
   * @throws {JournalError} where the database cannot be read or written.
   * @throws {RebuildFailure} where the journal has gaps, or ends before a target.
   */
  async reach(targets: readonly BuildTarget[]): Promise<void> {
    try {
      await this.#reach(targets)
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error
      throw new RebuildFailure('rebuild_journal_broken', error.message, { cause: error })
    }
  }

  async #reach(targets: readonly BuildTarget[]): Promise<void> {
    const shards = new Set(targets.map((target) => this.#aimed(target)))
    const isDone = (shard: BuiltShard): boolean => shard.read.stored >= shard.lastDurable || this.#isParked(shard)
    for (const shard of shards) if (isDone(shard)) shards.delete(shard)
    let fruitless = 0
    while (shards.size > 0) {
      const before = positionsOf(shards)
      for (const shard of shards) this.#side.follow(shard)
      await this.#side.flush(shards)
      if (this.#failure !== undefined) throw this.#failure.error
      const stored = positionsOf(shards) - before
      if (stored > 0) this.#stored(stored)
      for (const shard of shards) if (isDone(shard)) shards.delete(shard)
      // A round may be spent on reading a shard's owner anew; two that change nothing are the journal's fault.
      fruitless = stored > 0 ? 0 : fruitless + 1
      const [first] = shards
      assert(fruitless < fruitlessMax || first === undefined, 'the journal has the rows that were counted in it', {
        shard: first?.number,
        position: first?.read.stored,
        until: first?.lastDurable,
      })
    }
  }

  async close(): Promise<void> {
    this.#side.stop()
    await this.#journal.close()
  }

  #aimed({ shard: number, epoch, from, to }: BuildTarget): BuiltShard {
    const known = this.#shards.get(number)
    if (known !== undefined) {
      known.lastDurable = Math.max(known.lastDurable, to)
      return known
    }
    const shard = new BuiltShard(number, { epoch, from, to }, this.#journal)
    this.#shards.set(number, shard)
    return shard
  }

  #upTo(shard: number, position: number, limit: number): number {
    return Math.min(limit, (this.#shards.get(shard)?.lastDurable ?? position) - position)
  }

  #isParked({ number }: BuiltShard): boolean {
    return this.parked.some(({ shard }) => shard === number)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const fruitlessMax = 5

class BuiltShard implements FollowedShard {
  readonly number: number
  readonly status = 'open'
  readonly read: ReadBuffer
  lastDurable: number
  ownership: Pick<Ownership, 'epoch'>
  readonly #journal: ReadNextJournal

  constructor(number: number, { epoch, from, to }: Omit<BuildTarget, 'shard'>, journal: ReadNextJournal) {
    this.number = number
    this.read = new ReadBuffer(from)
    this.lastDurable = to
    this.ownership = { epoch }
    this.#journal = journal
  }

  /** The shard may have another owner by now, under whose epoch the cursor moves on. */
  async readCursor(): Promise<number> {
    const { epoch, position } = await this.#journal.cursor(this.number)
    this.ownership = { epoch }
    return position
  }
}

function positionsOf(shards: Iterable<BuiltShard>): number {
  let sum = 0
  for (const { read } of shards) sum += read.stored
  return sum
}
