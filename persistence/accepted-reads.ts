/**
 * Payments of some merchants that were accepted lately, over all databases, as the read side has them: counted by the minute, what is more
 * than an hour old by the quarter of an hour. For nodes that do not know it from memory.
 *
 * Read in slices of an hour by when payments were created, so that no statement takes long. A payment that was created before
 * the time asked for, and confirmed in it, is not found.
 */
import type { AcceptedCount } from '../actors/velocity-wire.ts'
import type { Incarnation } from '../cluster/member.ts'
import type { Clock } from '../runtime/clock.ts'
import { sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { journalLimits } from './journal-limits.ts'

const minuteMs = 60_000
const quarterMs = 15 * minuteMs
const hourMs = 60 * minuteMs

/** Sums are cut off where no limit could be greater. */
const acceptedText = `
  SELECT merchant, live, currency, count(*)::int AS count, least(sum(amount), ${Number.MAX_SAFE_INTEGER})::bigint AS "amountMinor",
    CASE WHEN attempted_at >= $4 THEN attempted_at / ${minuteMs} ELSE attempted_at / ${quarterMs} * ${quarterMs / minuteMs} END AS minute
  FROM read.payment
  WHERE merchant = ANY($1::text[]) AND live = ANY('{f,t}') AND created_at >= $2 AND created_at < $3 AND attempted_at < $5
  GROUP BY merchant, live, currency, minute`

type AcceptedRow = Omit<AcceptedCount, 'mode'> & { readonly live: boolean }

export class AcceptedReads {
  readonly #clock: Clock
  readonly #pools: readonly DatabasePool[]

  constructor(databases: readonly JournalDatabase[], self: Incarnation, clock: Clock) {
    this.#clock = clock
    this.#pools = databases.map(
      ({ url }) =>
        new DatabasePool({
          databaseUrl: url,
          applicationName: `${sessionTag(self)}limits`,
          // it sees all merchants' rows, and changes none
          role: 'shardpay_auditor',
          limits: journalLimits({ poolMax: 1 }),
          connected: () => undefined,
          // the next read opens another one
          failed: () => undefined,
        }),
    )
  }

  /**
   * Of each database the newest first. What is accepted from now on is in none of it.
   * @param since Unix milliseconds.
   * @throws {JournalError} `journal_unavailable`
   */
  async read(
    merchants: readonly string[],
    since: number,
    found: (part: readonly AcceptedCount[]) => void,
  ): Promise<void> {
    const now = this.#clock.now()
    const byMinuteFrom = Math.floor((now - hourMs) / quarterMs) * quarterMs
    await Promise.all(
      this.#pools.map(async (pool) => {
        for (let end = now; end > since; end -= hourMs) {
          const values = [merchants, Math.max(since, end - hourMs), end, byMinuteFrom, now]
          const rows = await pool.query<AcceptedRow>({ name: 'accepted', text: acceptedText, values })
          found(rows.map(({ live, ...row }) => ({ ...row, mode: live ? 'live' : 'test' })))
        }
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()))
  }
}
