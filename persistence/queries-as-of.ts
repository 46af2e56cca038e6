/**
 * As of when a database's read side is known to be whole: what was committed until then is in it.
 *
 * On the primary it is now, or, while the projector of a shard is behind, just before the oldest decision it has not taken. A
 * replica does not know how far it is behind, so it is compared with the primary: cursors only ever rise, and a replica goes
 * through the same states in the same order, so one whose cursors add up to at least what the primary's did has all that the
 * primary had then.
 *
 * An instant that was true stays true, so it is asked for at most ten times a second, whatever is read. 0: a replica is not
 * known to hold anything yet.
 */
import type { Clock } from '../runtime/clock.ts'
import type { QueryPool } from './queries-pool.ts'

export const askEveryMs = 100
/** What is remembered of a primary whose replica is behind. */
const statesMax = 600

interface ReadState {
  /** Unix milliseconds. */
  readonly asOf: number
  readonly positions: number
}

const stateText = `
  SELECT coalesce(read.behind_since() - 1, floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint) AS "asOf",
    (SELECT sum(position)::bigint FROM shard_cursor WHERE consumer = 'read') AS positions`
const positionsText = `SELECT sum(position)::bigint AS positions FROM shard_cursor WHERE consumer = 'read'`

export class AsOf {
  readonly #primary: QueryPool
  readonly #replica: QueryPool | undefined
  readonly #clock: Pick<Clock, 'monotonic'>
  #reached: ReadState = { asOf: 0, positions: -1 }
  /** Of the primary, which the replica is not known to have reached; oldest first. */
  #ahead: ReadState[] = []
  #askedAt = -Infinity
  #asking: Promise<number> | undefined

  constructor(primary: QueryPool, replica: QueryPool | undefined, clock: Pick<Clock, 'monotonic'>) {
    this.#primary = primary
    this.#replica = replica
    this.#clock = clock
  }

  /** Holds for every query begun after this has resolved. @throws {QueriesUnavailable} */
  async instant(): Promise<number> {
    if (this.#clock.monotonic() < this.#askedAt + askEveryMs) return this.#reached.asOf
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<number> {
    const askedAt = this.#clock.monotonic()
    const [replica, primary] = await Promise.all([
      this.#replica?.ofNobody<Pick<ReadState, 'positions'>>({ name: 'positions', text: positionsText }),
      this.#primary.ofNobody<ReadState>({ name: 'as_of', text: stateText }),
    ])
    this.#ahead.push(...primary)
    const reached = (replica ?? primary)[0]?.positions ?? 0
    const last = this.#ahead.findLastIndex(({ positions }) => positions <= reached)
    this.#reached = this.#ahead[last] ?? this.#reached
    this.#ahead = this.#ahead.slice(last + 1).slice(-statesMax)
    this.#askedAt = askedAt
    return this.#reached.asOf
  }
}
