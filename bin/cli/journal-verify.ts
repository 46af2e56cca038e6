/** What must hold of one shard's rows (docs/journal-format.md), checked as they come, in order of position. Pure. */

/** What of a row is checked here, wherever it was read. */
export interface VerifiedRow {
  readonly shard: number
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** Unix milliseconds. */
  readonly at: number
}

/** A payment whose rows up to and including `seq` are in a file. */
export interface ArchivedEntity {
  readonly entity: string
  readonly seq: number
  /** When the last of them was decided; Unix milliseconds. */
  readonly closedAt: number
  readonly positions: readonly number[]
}

const epochEntity = '0'.repeat(32)

export class ShardVerifier {
  readonly problems: string[] = []
  rows = 0
  readonly #shard: string
  readonly #last = new Map<string, { readonly seq: number; readonly at: number }>()
  readonly #away: ReadonlySet<number>
  #position = 0
  #epoch = 0

  /** @param archived what of the shard is not in the journal any more. */
  constructor(shard: string, archived: readonly ArchivedEntity[] = []) {
    this.#shard = shard
    this.#away = new Set(archived.flatMap(({ positions }) => positions))
    for (const { entity, seq, closedAt: at } of archived) this.#last.set(entity, { seq, at })
  }

  get entities(): number {
    return this.#last.size
  }

  take(row: VerifiedRow): void {
    const { position, epoch, entity, seq, at } = row
    this.rows += 1
    this.#position += 1
    if (this.#away.has(position)) this.#problem(row, 'it is archived as well')
    else while (this.#away.has(this.#position)) this.#position += 1
    if (String(row.shard) !== this.#shard) this.#problem(row, `it is of shard ${row.shard}`)
    if (position !== this.#position) this.#problem(row, `position ${this.#position} was expected`)
    // one problem per gap, not one per row after it
    this.#position = position
    if (epoch < this.#epoch) this.#problem(row, `its epoch fell from ${this.#epoch} to ${epoch}`)
    const isEpochRecord = entity === epochEntity
    if (epoch !== this.#epoch && !isEpochRecord) this.#problem(row, `epoch ${epoch} does not begin with its record`)
    if (isEpochRecord && seq !== epoch) this.#problem(row, `the record of epoch ${epoch} names epoch ${seq}`)
    this.#epoch = epoch
    if (isEpochRecord) return
    const last = this.#last.get(entity)
    const expected = (last?.seq ?? 0) + 1
    if (seq !== expected) this.#problem(row, `sequence ${expected} of ${entity} was expected, not ${seq}`)
    if (last !== undefined && at < last.at) this.#problem(row, `its time is before that of the decision before it`)
    this.#last.set(entity, { seq, at })
  }

  #problem({ position }: VerifiedRow, what: string): void {
    this.problems.push(`shard ${this.#shard}, position ${position}: ${what}`)
  }
}
