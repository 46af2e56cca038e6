/**
 * What stays in the database of an entity whose rows were moved to an archive (docs/journal-format.md, "Archived payments"):
 * its state after the last of them, with every idempotency key it ever took, and the states that answer requests which may
 * still be repeated. So a read, a repeat of an old key and a late fact find what they would have found in the rows.
 *
 * Permanent: a raw DEFLATE stream of a msgpack map `{v, s, a}`: schema version, last state, earlier states as pairs of sequence and state, each
 * as in a snapshot. Personal data is apart, in the same form, so that it can be deleted without touching the rest.
 */
import { isDeepStrictEqual } from 'node:util'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { assert } from '../runtime/assert.ts'
import { decodeStates, encodeStates } from './codec.ts'
import type { PastDecision, SnapshotParts, StatesOf } from './entity-kind.ts'
import type { ArchivedRecord } from './journal.ts'

/** An entity may be larger than any decision; one of this size was not written by this code. */
const stateBytesMax = 64 * 1024 * 1024

export type ArchivedParts = Pick<ArchivedRecord, 'seq' | 'epoch' | 'data' | 'private'>

/**
 * @param history every decision of the entity, oldest first.
 * @returns undefined where something of it is open, or its kind is never archived.
 */
export function archivedOf(
  kind: StatesOf,
  history: readonly PastDecision<unknown, object>[],
  now: number,
): ArchivedParts | undefined {
  const last = history.at(-1)
  if (last === undefined || kind.archiving?.isArchivable(last.after) !== true) return undefined
  const answers = kind.archiving.answeredSequences(last.after, now).map((seq) => {
    const decision = history[seq - 1]
    assert(decision?.seq === seq, 'a request was concluded by a decision of its entity', { seq })
    return [seq, kind.snapshot(decision.after)] as const
  })
  const parts = kind.snapshot(last.after)
  const hidden = answers.flatMap(([seq, part]): [number, object][] => (part.private ? [[seq, part.private]] : []))
  return {
    ...{ seq: last.seq, epoch: last.epoch },
    data: deflateRawSync(encodeStates(parts.state, new Map(answers.map(([seq, { state }]) => [seq, state])))),
    private:
      parts.private === undefined && hidden.length === 0
        ? null
        : deflateRawSync(encodeStates(parts.private ?? {}, new Map(hidden))),
  }
}

/**
 * The state after sequence `seq`: the last that was archived, or one that answers a request.
 * @throws where that state is not kept, or the bytes cannot be read.
 */
export function restoreArchived(kind: StatesOf, { seq: last, ...record }: ArchivedRecord, seq = last): unknown {
  const kept = stateAt(record.data, last, seq)
  assert(kept !== undefined, 'the decision was archived, and its state is not kept', { seq, last })
  const parts: SnapshotParts = {
    state: kept,
    private: record.private === null ? undefined : stateAt(record.private, last, seq),
  }
  const state: unknown = kind.restore(parts)
  assert(kind.sequence(state) === seq, 'an archived state is of its sequence', { seq })
  return state
}

/** Whether two that stand in say the same; compressed they may differ. @throws where bytes cannot be read. */
export function sayTheSame(one: Buffer, other: Buffer): boolean {
  return one.equals(other) || isDeepStrictEqual(statesOf(one), statesOf(other))
}

function statesOf(bytes: Buffer): ReturnType<typeof decodeStates> {
  return decodeStates(inflateRawSync(bytes, { maxOutputLength: stateBytesMax }))
}

function stateAt(bytes: Buffer, last: number, seq: number): object | undefined {
  const { state, earlier } = statesOf(bytes)
  return seq === last ? state : earlier.get(seq)
}
