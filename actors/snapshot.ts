/** What an entity that leaves memory leaves behind, so that it is not folded from its first row when it comes back. */
import { encodeState } from './codec.ts'
import type { Entity } from './entity.ts'
import type { SnapshotRecord } from './journal.ts'

/** Undefined where its newest snapshot is less than `every` decisions old, or it has no state. */
export function snapshotOf(
  { state, kind, address, snapshotSeq, lastEpoch }: Entity,
  every: number,
): SnapshotRecord | undefined {
  if (state === undefined) return undefined
  const seq = kind.sequence(state)
  if (seq - snapshotSeq < every) return undefined
  const parts = kind.snapshot(state)
  return {
    ...address,
    seq,
    epoch: lastEpoch,
    data: encodeState(parts.state),
    private: parts.private === undefined ? null : encodeState(parts.private),
  }
}
