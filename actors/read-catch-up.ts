/**
 * Rows of the journal as the read side would have heard of them, for what happened before this process owned the shard:
 * each decision with the state after it. An entity whose first rows are not among them is read from where they begin.
 */
import { assert } from '../runtime/assert.ts'
import { decodeDecision } from './codec.ts'
import type { AnyKind } from './entity-kind.ts'
import { fold } from './fold.ts'
import type { Journal, JournalRow } from './journal.ts'
import type { Heard, ReadBuffer } from './read-buffer.ts'

const rowsPerRead = 500

export interface CatchUpOptions {
  readonly journal: Pick<Journal, 'load' | 'readTail'>
  /** Of a row's `type`. */
  readonly kindOf: (type: string) => AnyKind | undefined
}

/**
 * Hears the next rows after those that were heard.
 * @returns why the row after those cannot be shown, where one cannot be.
 * @throws {JournalError} where the journal cannot be read.
 */
export async function catchUp(shard: number, buffer: ReadBuffer, options: CatchUpOptions): Promise<unknown> {
  const rows = await options.journal.readTail(shard, buffer.heard, rowsPerRead)
  const states = await statesBefore(rows, options)
  for (const row of rows) {
    try {
      buffer.hear(row.position, heardOf(row, options.kindOf(row.type), states))
    } catch (error) {
      return error
    }
  }
  return undefined
}

type States = Map<string, { state: unknown } | { readonly failure: unknown }>

/** Of every entity that is shown the state before its first of these rows. */
async function statesBefore(rows: readonly JournalRow[], { journal, kindOf }: CatchUpOptions): Promise<States> {
  const states: States = new Map()
  const reading: Promise<void>[] = []
  for (const { shard, entity, seq, type } of rows) {
    const kind = kindOf(type)
    if (kind?.readRows === undefined || states.has(entity)) continue
    states.set(entity, { state: undefined })
    if (seq === 1) continue
    const read = async (): Promise<void> => {
      const stored = await journal.load({ shard, entity }, seq - 1)
      try {
        states.set(entity, { state: fold(kind, stored, seq - 1) })
      } catch (failure) {
        states.set(entity, { failure })
      }
    }
    reading.push(read())
  }
  await Promise.all(reading)
  return states
}

function heardOf(row: JournalRow, kind: AnyKind | undefined, states: States): Heard {
  const before = states.get(row.entity)
  if (kind === undefined || before === undefined) return undefined
  if ('failure' in before) throw before.failure
  const seqBefore = before.state === undefined ? 0 : kind.sequence(before.state)
  assert(row.seq === seqBefore + 1, 'an entity has no gaps', { expected: seqBefore + 1, found: row.seq })
  const { events, transfers } = decodeDecision<object>(row.data, row.private)
  const state: unknown = kind.apply(before.state, events, { seq: row.seq, at: row.at, epoch: row.epoch })
  before.state = state
  return { kind, entity: row.entity, state, transfers, at: row.at }
}
