/** An entity's state from its stored rows. */
import { assert } from '../runtime/assert.ts'
import { restoreArchived } from './archived.ts'
import { decodeDecision, decodeState } from './codec.ts'
import type { PastDecision, StatesOf } from './entity-kind.ts'
import type { StoredEntity } from './journal.ts'

/**
 * Folds snapshot, or what stands in for archived rows, and rows up to and including sequence `last`.
 * @returns undefined where there are none.
 * @throws where a row cannot be read, one is missing, or the state at `last` was archived and is not kept.
 */
export function fold(kind: StatesOf, stored: StoredEntity, last = Number.MAX_SAFE_INTEGER): unknown {
  let state: unknown
  let seq = 0
  const { archived } = stored
  if (archived !== undefined && last < archived.seq) return restoreArchived(kind, archived, last)
  if (stored.snapshot !== undefined && stored.snapshot.seq <= last) {
    state = kind.restore({
      state: decodeState<object>(stored.snapshot.data),
      private: stored.snapshot.private === null ? undefined : decodeState<object>(stored.snapshot.private),
    })
    seq = stored.snapshot.seq
  } else if (archived !== undefined) {
    state = restoreArchived(kind, archived)
    seq = archived.seq
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

/**
 * The entity decision by decision, up to and including sequence `last`.
 * @param stored read without a snapshot, and not archived.
 * @throws where a row cannot be read, or one is missing.
 */
export function foldHistory(
  kind: StatesOf,
  stored: StoredEntity,
  last: number,
): readonly PastDecision<unknown, object>[] {
  assert(stored.snapshot === undefined && stored.archived === undefined, 'history is folded from the first row')
  const decisions: PastDecision<unknown, object>[] = []
  let before: unknown
  for (const { seq, at, epoch, data, private: hidden } of stored.rows) {
    if (seq > last) break
    assert(seq === decisions.length + 1, 'an entity has no gaps', { expected: decisions.length + 1, found: seq })
    const { events } = decodeDecision<object>(data, hidden)
    const after = kind.apply(before, events, { seq, at, epoch })
    decisions.push({ seq, at, epoch, events, before, after })
    before = after
  }
  return decisions
}
