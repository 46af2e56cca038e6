/**
 * What operators look for over all journal databases: operations whose outcome nobody knows, captures that nobody wanted, and what PSPs
 * pushed. All are projections, about a second behind; what became of an operation meanwhile is in its payment's rows, which come with it.
 * Every list is cut into pages and every statement has its time; where a database is away there is no list, as one without
 * its part would look whole.
 */
import type { EntityKey, NoticeRow, NoticeStatus } from '../actors/journal.ts'
import type { Incarnation } from '../cluster/member.ts'
import { byteaArrayOfHex, int4Array } from './binary-arrays.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { historyColumns, type HistoryRow } from './journal-history.ts'
import { ReadingPools } from './reading-pools.ts'

/** The place of an operation among all: shard, then entity, then its id. */
export interface OperationKey extends EntityKey {
  readonly operation: string
}

/** The place of a notice among all: when it came, then its entity. */
export interface NoticeKey extends EntityKey {
  readonly receivedAt: number
}

export interface NoticeFilter {
  readonly statuses: readonly NoticeStatus[]
  /** Entity of the payment that they are about. */
  readonly payment?: string
}

/** Each condition is that of an index. */
const operationsWith = (condition: string): string => `
  SELECT shard, encode(entity, 'hex') AS entity, operation FROM timer
  WHERE ${condition} AND (shard, entity, operation) > ($1, decode($2, 'hex'), $3)
  ORDER BY shard, entity, operation LIMIT $4`
const inDoubtText = operationsWith(`kind IN ('payment.inquiry', 'payment.manual')`)
const compensableText = operationsWith(`kind = 'payment.compensation'`)

const decisionsText = `
  SELECT j.* FROM unnest($1::int[], $2::bytea[]) AS k (shard, entity) CROSS JOIN LATERAL (
    SELECT ${historyColumns} FROM journal j WHERE j.shard = k.shard AND j.entity = k.entity ORDER BY j.seq LIMIT $3
  ) j ORDER BY j.shard, j.entity, j.seq`

const noticeColumns = `n.shard, encode(n.entity, 'hex') AS entity, n.connection, n.notice, n.type, n.status, n.reason,
  encode(n.payment, 'hex') AS payment, n.received_at AS "receivedAt"`
const afterNotice = `(n.received_at, n.shard, n.entity) > ($1, $2, decode($3, 'hex'))`
const inOrder = 'ORDER BY n.received_at, n.shard, n.entity LIMIT $4'

/** Each status from its own part of the index. */
const noticesText = `
  SELECT ${noticeColumns} FROM unnest($5::text[]) AS s (status) CROSS JOIN LATERAL (
    SELECT * FROM psp_notice n
    WHERE n.status = s.status AND n.status IN ('received', 'orphaned') AND ${afterNotice} ${inOrder}
  ) n ${inOrder}`

const noticesOfPaymentText = `
  SELECT ${noticeColumns} FROM psp_notice n
  WHERE n.payment = decode($6, 'hex') AND n.status = ANY($5::text[]) AND ${afterNotice} ${inOrder}`

export class OperatorReads {
  readonly #pools: ReadingPools

  constructor(databases: readonly JournalDatabase[], self: Incarnation) {
    this.#pools = new ReadingPools(databases, self, 'operators')
  }

  /** At most `limit` operations in doubt after that place, in order. @throws {JournalError} `journal_unavailable`. */
  inDoubt(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]> {
    return this.#operations({ name: 'in_doubt', text: inDoubtText }, after, limit)
  }

  /** Captures that nobody wanted and nobody has given back, likewise. @throws as {@link OperatorReads.inDoubt}. */
  compensable(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]> {
    return this.#operations({ name: 'compensable', text: compensableText }, after, limit)
  }

  /** Of each entity its decisions from the first, at most `limit`. @throws as {@link OperatorReads.inDoubt}. */
  async decisions(keys: readonly EntityKey[], limit: number): Promise<readonly HistoryRow[]> {
    const rows = await Promise.all(
      this.#pools.all.map(async ({ first, last, pool }) => {
        const own = keys.filter(({ shard }) => shard >= first && shard <= last)
        if (own.length === 0) return []
        const shards = int4Array(own.map(({ shard }) => shard))
        const values = [shards, byteaArrayOfHex(own.map(({ entity }) => entity)), limit]
        return pool.query<HistoryRow>({ name: 'decisions', text: decisionsText, values })
      }),
    )
    return rows.flat()
  }

  /**
   * At most `limit` notices after that place, the oldest first.
   * @param filter without a payment: only `received` and `orphaned` ones are found.
   * @throws as {@link OperatorReads.inDoubt}.
   */
  async notices(filter: NoticeFilter, after: NoticeKey | undefined, limit: number): Promise<readonly NoticeRow[]> {
    const { receivedAt, shard, entity } = after ?? { receivedAt: -1, shard: -1, entity: '' }
    const values = [receivedAt, shard, entity, limit, filter.statuses]
    const query =
      filter.payment === undefined
        ? { name: 'notices', text: noticesText, values }
        : { name: 'notices_of_payment', text: noticesOfPaymentText, values: [...values, filter.payment] }
    const rows = await Promise.all(this.#pools.all.map(({ pool }) => pool.query<NoticeRow>(query)))
    return rows
      .flat()
      .sort((a, b) => a.receivedAt - b.receivedAt || a.shard - b.shard || (a.entity < b.entity ? -1 : 1))
      .slice(0, limit)
  }

  async #operations(
    query: { readonly name: string; readonly text: string },
    after: OperationKey | undefined,
    limit: number,
  ): Promise<readonly OperationKey[]> {
    const found: OperationKey[] = []
    const { shard, entity, operation } = after ?? { shard: -1, entity: '', operation: '' }
    for (const { last, pool } of this.#pools.all) {
      if (last < shard || found.length >= limit) continue
      const values = [shard, entity, operation, limit - found.length]
      found.push(...(await pool.query<OperationKey>({ ...query, values })))
    }
    return found
  }

  close(): Promise<void> {
    return this.#pools.close()
  }
}
