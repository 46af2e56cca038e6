/** An entity's state from its stored rows. */
import { assert } from '../runtime/assert.ts'
import { decodeDecision, decodeState } from './codec.ts'
import type { AnyKind } from './entity-kind.ts'
import type { StoredEntity } from './journal.ts'

/**
 * Folds snapshot and rows up to and including sequence `last`.
 * @returns undefined where there are none.
 * @throws where a row cannot be read, or one is missing.
 */
export function fold(kind: AnyKind, stored: StoredEntity, last = Number.MAX_SAFE_INTEGER): unknown {
  let state: unknown
  let seq = 0
  if (stored.snapshot !== undefined && stored.snapshot.seq <= last) {
    state = kind.restore({
      state: decodeState<object>(stored.snapshot.data),
      private: stored.snapshot.private === null ? undefined : decodeState<object>(stored.snapshot.private),
    })
    seq = stored.snapshot.seq
  }
  for (const row of stored.rows) {
    if (row.seq <= seq) continue
    if (row.seq > last) break
    assert(row.seq === seq + 1, 'an entity has no gaps', { expected: seq + 1, found: row.seq })
    const { events } = decodeDecision<object>(row.data, row.private)
    state = kind.apply(state, events, { seq: row.seq, at: row.at, epoch: row.epoch })
    seq = row.seq
  }
  return state
}
