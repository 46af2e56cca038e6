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

const epochEntity = '0'.repeat(32)

export class ShardVerifier {
  readonly problems: string[] = []
  rows = 0
  readonly #shard: string
  readonly #last = new Map<string, { readonly seq: number; readonly at: number }>()
  #epoch = 0

  constructor(shard: string) {
    this.#shard = shard
  }

  get entities(): number {
    return this.#last.size
  }

  take(row: VerifiedRow): void {
    const { position, epoch, entity, seq, at } = row
    this.rows += 1
    if (String(row.shard) !== this.#shard) this.#problem(row, `it is of shard ${row.shard}`)
    if (position !== this.rows) this.#problem(row, `position ${this.rows} was expected`)
    // one problem per gap, not one per row after it
    this.rows = position
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
