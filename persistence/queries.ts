/**
 * Merchants' queries over the read sides of all journal databases: a payment's rows are where its shard is, so a list is the
 * merge of what each of them has, in one order. Each is asked for a whole page, so what is merged is never short.
 *
 * Guarantees: rows of the owner alone; a place that a page ended at is where the next one begins, whatever was written
 * meanwhile; where a database is away there is no answer, as a list without its part would look whole. Leaves to others: what a
 * stored state means.
 */
import type { QueryConfig, QueryResultRow } from 'pg'
import { assert } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardRange } from './journal-databases.ts'
import { AsOf } from './queries-as-of.ts'
import { queryLimits, QueryPool, type RowOwner } from './queries-pool.ts'
import {
  accountEntryList,
  type AccountKey,
  disputeList,
  entryList,
  type EntryRow,
  filterByAccount,
  filterParts,
  filterPayments,
  type ItemFilter,
  type PartRow,
  type PaymentFilter,
  paymentList,
  type PaymentRow,
  refundList,
} from './queries-shapes.ts'
import { StatementNames } from './queries-names.ts'
import {
  compareKeys,
  type Conditions,
  type Key,
  type ListShape,
  listStatement,
  type PageBounds,
} from './queries-statement.ts'

export interface QueryDatabase extends ShardRange {
  readonly url: string
  /** Asked instead, where there is one; the database itself then only says how far it is ahead. */
  readonly replicaUrl?: string
}

export interface RowPage<Row> {
  /** Newest first. */
  readonly rows: readonly Row[]
  readonly hasMore: boolean
  /** Unix milliseconds. */
  readonly asOf: number
}

export interface BalanceRow {
  readonly currency: string
  readonly connection: string
  readonly account: string
  readonly debits: bigint
  readonly credits: bigint
  readonly reservedDebits: bigint
  readonly reservedCredits: bigint
}

export type Part = 'refund' | 'dispute'
const partLists = { refund: refundList, dispute: disputeList } as const

/** An entity of the journal. */
export interface RowEntity {
  readonly shard: number
  /** 32 hexadecimal digits. */
  readonly entity: string
}

const balancesText = `
  SELECT currency, connection, account, sum(debits)::text AS debits, sum(credits)::text AS credits,
    sum(reserved_debits)::text AS "reservedDebits", sum(reserved_credits)::text AS "reservedCredits"
  FROM read.balance WHERE merchant = $1 AND live = $2 GROUP BY currency, connection, account`

const paymentPlaceText = `
  SELECT created_at AS at FROM read.payment WHERE entity = decode($1, 'hex') AND merchant = $2 AND live = $3`
const partPlaceTexts = {
  refund: placeOfPart('refund'),
  dispute: placeOfPart('dispute'),
} as const

function placeOfPart(part: Part): string {
  return `SELECT created_at AS at FROM read.${part}
    WHERE payment = decode($1, 'hex') AND merchant = $2 AND live = $3 AND ordinal = $4`
}

type BalanceText = AccountKey & Readonly<Record<'debits' | 'credits' | 'reservedDebits' | 'reservedCredits', string>>

interface Source extends ShardRange {
  readonly primary: QueryPool
  readonly replica: QueryPool | undefined
  readonly asOf: AsOf
}

export class MerchantQueries {
  readonly #sources: readonly Source[]
  readonly #names = new StatementNames()

  /** @param lost is told when an idle connection ends. */
  constructor(databases: readonly QueryDatabase[], clock: Pick<Clock, 'monotonic'>, lost?: (error: Error) => void) {
    this.#sources = databases.map(({ first, last, url, replicaUrl }) => {
      const primary = new QueryPool(url, queryLimits, lost)
      const replica = replicaUrl === undefined ? undefined : new QueryPool(replicaUrl, queryLimits, lost)
      return { first, last, primary, replica, asOf: new AsOf(primary, replica, clock) }
    })
  }

  /** @throws {QueriesUnavailable}, as all of these do. */
  payments(owner: RowOwner, filter: PaymentFilter, bounds: PageBounds): Promise<RowPage<PaymentRow>> {
    return this.#list(this.#sources, paymentList, owner, bounds, (conditions) => filterPayments(conditions, filter))
  }

  /** @param payment only those of this one. */
  parts(
    part: Part,
    owner: RowOwner,
    filter: ItemFilter,
    payment: RowEntity | undefined,
    bounds: PageBounds,
  ): Promise<RowPage<PartRow>> {
    const sources = payment === undefined ? this.#sources : [this.#sourceOf(payment)]
    return this.#list(sources, partLists[part], owner, bounds, (conditions) =>
      filterParts(conditions, filter, payment?.entity),
    )
  }

  entriesOfAccount(owner: RowOwner, account: AccountKey, bounds: PageBounds): Promise<RowPage<EntryRow>> {
    return this.#list(this.#sources, accountEntryList, owner, bounds, (conditions) =>
      filterByAccount(conditions, account),
    )
  }

  entriesOfPayment(owner: RowOwner, payment: RowEntity, bounds: PageBounds): Promise<RowPage<EntryRow>> {
    return this.#list([this.#sourceOf(payment)], entryList, owner, bounds, (conditions) =>
      conditions.add((name) => `t.entity = decode(${name}, 'hex')`, payment.entity),
    )
  }

  /** Every account that was booked on. */
  async balances(owner: RowOwner): Promise<{ readonly rows: readonly BalanceRow[]; readonly asOf: number }> {
    const query = { name: 'balances', text: balancesText, values: [owner.merchant, owner.live] }
    const answers = await this.#ask<BalanceText>(this.#sources, owner, query)
    const sums = new Map<string, BalanceRow>()
    for (const row of answers.rows.flat()) {
      const name = JSON.stringify([row.currency, row.connection, row.account])
      sums.set(name, addBalance(sums.get(name), row))
    }
    return { rows: [...sums.values()], asOf: answers.asOf }
  }

  /** When the payment was created; undefined where the owner has no such payment. */
  async placeOfPayment(owner: RowOwner, { shard, entity }: RowEntity): Promise<number | undefined> {
    const values = [entity, owner.merchant, owner.live]
    return this.#at(owner, shard, { name: 'payment_place', text: paymentPlaceText, values })
  }

  async placeOfPart(
    part: Part,
    owner: RowOwner,
    { shard, entity }: RowEntity,
    ordinal: number,
  ): Promise<number | undefined> {
    const values = [entity, owner.merchant, owner.live, ordinal]
    return this.#at(owner, shard, { name: `${part}_place`, text: partPlaceTexts[part], values })
  }

  async close(): Promise<void> {
    const pools = this.#sources.flatMap(({ primary, replica }) =>
      replica === undefined ? [primary] : [primary, replica],
    )
    await Promise.all(pools.map((pool) => pool.close()))
  }

  async #list<Row extends QueryResultRow>(
    sources: readonly Source[],
    list: ListShape & { keyOf(row: Row): Key },
    owner: RowOwner,
    bounds: PageBounds,
    filter: (conditions: Conditions) => void,
  ): Promise<RowPage<Row>> {
    const statement = this.#names.named(listStatement(list, owner, bounds, filter))
    const { rows, asOf } = await this.#ask<Row>(sources, owner, statement)
    const sign = bounds.direction === 'older' ? -1 : 1
    const merged = rows.flat()
    if (rows.length > 1) merged.sort((a, b) => sign * compareKeys(list.keyOf(a), list.keyOf(b)))
    const page = merged.slice(0, bounds.limit)
    return {
      rows: bounds.direction === 'older' ? page : page.toReversed(),
      hasMore: merged.length > bounds.limit,
      asOf,
    }
  }

  /** Of each source its rows; as of the instant that holds for all of them. */
  async #ask<Row extends QueryResultRow>(
    sources: readonly Source[],
    owner: RowOwner,
    query: QueryConfig,
  ): Promise<{ readonly rows: readonly (readonly Row[])[]; readonly asOf: number }> {
    const answers = await Promise.all(
      sources.map(async (source) => {
        const asOf = await source.asOf.instant()
        return { asOf, rows: await poolOf(source).ofOwner<Row>(owner, query) }
      }),
    )
    return { rows: answers.map(({ rows }) => rows), asOf: Math.min(...answers.map(({ asOf }) => asOf)) }
  }

  async #at(owner: RowOwner, shard: number, query: QueryConfig): Promise<number | undefined> {
    const source = this.#sourceOf({ shard })
    const [row] = await poolOf(source).ofOwner<{ readonly at: number }>(owner, query)
    return row?.at
  }

  #sourceOf({ shard }: Pick<RowEntity, 'shard'>): Source {
    const source = this.#sources.find(({ first, last }) => shard >= first && shard <= last)
    assert(source !== undefined, 'a shard has a database', { shard })
    return source
  }
}

function poolOf({ primary, replica }: Source): QueryPool {
  return replica ?? primary
}

function addBalance(sum: BalanceRow | undefined, row: BalanceText): BalanceRow {
  const { currency, connection, account } = row
  return {
    currency,
    connection,
    account,
    debits: (sum?.debits ?? 0n) + BigInt(row.debits),
    credits: (sum?.credits ?? 0n) + BigInt(row.credits),
    reservedDebits: (sum?.reservedDebits ?? 0n) + BigInt(row.reservedDebits),
    reservedCredits: (sum?.reservedCredits ?? 0n) + BigInt(row.reservedCredits),
  }
}
