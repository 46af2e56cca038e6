/**
 * The giving side of a planned hand-off: shards leave this process with nothing half done.
 *
 * In this order, and for all shards of a call together:
 *   1. timers and cursors are stored while the shards still serve, so that their next owner has little to read;
 *   2. nothing more is admitted or decided: from here on the shards are dark;
 *   3. the journal makes durable what is on its way, which answers who waited for that and lets its PSP calls begin, and
 *      marks the owner rows as released;
 *   4. their entities leave memory. Who waits for an outcome is told `shard_moved` and waits at the next owner; what
 *      nobody would repeat is sent on (forwarding.ts).
 *
 * Guarantees: after 3 this process writes no row of the shards, because the journal fences what it released. A shard
 * whose release is not known to have happened is given up as well: its row tells whether another node may take it, or
 * this one has to take it once more. Decisions made between 1 and 3 are in the tail that the next owner reads.
 */
import type { ReleasedShard } from '../cluster/shard-host.ts'
import type { Clock } from '../runtime/clock.ts'
import { type Journal, JournalError } from './journal.ts'
import type { Shard } from './shard.ts'

export interface HandOffOptions {
  readonly journal: Journal
  /** Stores what is behind of these shards. */
  readonly flush: (only: ReadonlySet<Shard>) => Promise<void>
  readonly clock: Clock
  /** Longest time for storing what is behind, and again for the release. */
  readonly handOffMs: number
  readonly failed: (error: unknown) => void
}

/** Shards that cannot be given up now are left out and stay; those of unknown outcome are left out and are lost. */
export async function handOff(
  shards: readonly Shard[],
  { journal, flush, clock, handOffMs, failed }: HandOffOptions,
): Promise<readonly ReleasedShard[]> {
  await within(clock, handOffMs, flush(new Set(shards)))
  const leaving = shards.filter((shard) => shard.beginRelease())
  if (leaving.length === 0) return []
  const darkSince = clock.monotonic()
  const answer = await within(clock, handOffMs, journal.release(leaving.map(({ ownership }) => ownership))).catch(
    (error: unknown) => {
      failed(error)
      return []
    },
  )
  if (answer === undefined) failed(new JournalError('journal_outcome_unknown', 'a release took too long'))
  const released = new Map(answer?.map((each) => [each.shard, each]))
  const darkMs = clock.monotonic() - darkSince
  return leaving.flatMap((shard) => {
    const row = released.get(shard.number)
    if (row === undefined) {
      shard.lose()
      return []
    }
    shard.released()
    return [{ shard: row.shard, epoch: row.epoch, position: row.releasedAt, darkMs }]
  })
}

/** Undefined where it takes longer than `ms`; it goes on then. */
function within<Value>(clock: Clock, ms: number, work: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(ms, () => resolve(undefined))
    work.then(resolve, reject).finally(cancel)
  })
}
