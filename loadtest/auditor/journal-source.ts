/**
 * Where rows come from, as a port: Postgres in `postgres-journal.ts`, lists in tests.
 *
 * Leaves to others: every judgement. Rows must come by shard, then position, and that order is checked, not trusted.
 */

export interface JournalRow {
  readonly shard: number
  readonly position: number
  /** 32 hexadecimal digits. */
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** 32 hexadecimal digits. */
  readonly command: string
  readonly type: string
  readonly at: number
  readonly data: Buffer
}

/** What a journal's timers say, as of the cursor that keeps them. */
export interface TimerRows {
  /** Earliest timer by entity (hex), Unix milliseconds. */
  readonly due: ReadonlyMap<string, number>
  /** The cursor's position by shard; rows beyond it are read when the shard is opened, so they need no timer yet. */
  readonly cursors: ReadonlyMap<number, number>
}

export interface JournalSource {
  /** For messages: a database's name, never its credentials. */
  readonly name: string
  /** Rows of the shards `first` to `last`, in batches. */
  rows(first: number, last: number): AsyncIterable<readonly JournalRow[]>
  timers(first: number, last: number): Promise<TimerRows>
}
