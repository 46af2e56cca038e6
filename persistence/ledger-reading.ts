/** The ledger's tables as proofs read them: shard by shard, of the same snapshot as the journal, and balances as a whole. */
import type { Client } from 'pg'
import type { DifferingBalance } from '../domain/ledger/balance-proof.ts'
import type { Posted, Shown } from '../domain/ledger/proof.ts'
import { copyRows } from './copy-rows.ts'
import type { ShardRange } from './journal-databases.ts'

/** How far the read side has followed each shard. */
export async function readPositions(client: Client, { first, last }: ShardRange): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ shard: number; position: number }>(
    `SELECT shard, position FROM shard_cursor WHERE consumer = 'read' AND shard BETWEEN $1 AND $2`,
    [first, last],
  )
  return new Map(rows.map(({ shard, position }) => [shard, position]))
}

/** In order of (position, n). */
export function transfersText(shard: number): string {
  return `SELECT position, n, posted_at, amount, entity, live, merchant, currency, debit, credit, phase, connection, operation
    FROM read.transfer WHERE shard = ${shard} ORDER BY position, n, posted_at`
}

/** In order of entity. A shard is the first ten bits of its entities; the index that finds payments begins with them. */
export function paymentsText(shard: number): string {
  return `SELECT entity, seq, authorized, captured, refunded, disputed, status FROM read.payment
    WHERE entity >= '\\x${boundary(shard)}' AND entity ${shard === 1_023 ? 'IS NOT NULL' : `< '\\x${boundary(shard + 1)}'`} ORDER BY entity`
}

/** Where the entities of a shard begin, in hexadecimal digits. */
function boundary(shard: number): string {
  return (shard * 64).toString(16).padStart(4, '0')
}

/**
 * Payments' decisions up to a position, in order of position; or payment by payment in order of entity, and each payment's in
 * order of sequence.
 */
export function decisionsText(shard: number, until: number, order: 'position' | 'entity, seq'): string {
  return `SELECT position, entity, seq, epoch, at, data FROM journal
    WHERE shard = ${shard} AND position <= ${until} AND starts_with(type, 'payment.') ORDER BY ${order}`
}

/** All of the shard, in order of (position, n). */
export function postedTransfers(client: Client, shard: number, visit: (row: Posted) => void): Promise<void> {
  return copyRows(client, transfersText(shard), (row) =>
    visit({
      ...{ position: row.int8(), n: row.int2(), postedAt: row.int8(), amount: row.int8(), entity: row.hex() },
      ...{ live: row.boolean(), merchant: row.text(), currency: row.text(), debit: row.text(), credit: row.text() },
      ...{ phase: row.text(), connection: row.text(), operation: row.text() },
    }),
  )
}

/** All of the shard, in order of entity. */
export function shownPayments(client: Client, shard: number, visit: (row: Shown) => void): Promise<void> {
  return copyRows(client, paymentsText(shard), (row) =>
    visit({
      ...{ entity: row.hex(), seq: row.int4(), authorized: row.int8(), captured: row.int8(), refunded: row.int8() },
      ...{ disputed: row.int8(), status: row.text() },
    }),
  )
}

/**
 * Accounts whose balance is not what their transfers come to, over all shards of the database. Transfers are added up by pairs
 * of accounts first: many rows, few pairs.
 */
const differingText = `
  WITH pair AS MATERIALIZED (
    SELECT merchant, live, currency, connection, debit, credit,
      coalesce(sum(amount) FILTER (WHERE phase = 'posted'), 0) AS posted,
      coalesce(sum(CASE phase WHEN 'pending' THEN amount WHEN 'released' THEN -amount END), 0) AS reserved
    FROM read.transfer GROUP BY merchant, live, currency, connection, debit, credit
  ), booked AS (
    SELECT merchant, live, currency, connection, account, sum(debits) AS debits, sum(credits) AS credits,
      sum(reserved_debits) AS reserved_debits, sum(reserved_credits) AS reserved_credits
    FROM pair CROSS JOIN LATERAL (VALUES (debit, posted, 0, reserved, 0), (credit, 0, posted, 0, reserved))
      AS leg (account, debits, credits, reserved_debits, reserved_credits)
    GROUP BY merchant, live, currency, connection, account
  ), held AS (
    SELECT merchant, live, currency, connection, account, true AS is_held, sum(debits) AS debits, sum(credits) AS credits,
      sum(reserved_debits) AS reserved_debits, sum(reserved_credits) AS reserved_credits
    FROM read.balance GROUP BY merchant, live, currency, connection, account
  )
  SELECT merchant, live, currency, connection, account, coalesce(h.is_held, false) AS "isHeld", ${['h', 'b']
    .map((each) =>
      ['debits', 'credits', 'reserved_debits', 'reserved_credits']
        .map((sum) => `trim_scale(coalesce(${each}.${sum}, 0))::text AS ${each}_${sum}`)
        .join(', '),
    )
    .join(', ')}
  FROM booked b FULL JOIN held h USING (merchant, live, currency, connection, account)
  WHERE b.account IS NULL OR h.account IS NULL
    OR (h.debits, h.credits, h.reserved_debits, h.reserved_credits)
      IS DISTINCT FROM (b.debits, b.credits, b.reserved_debits, b.reserved_credits)
  ORDER BY merchant, live, currency, connection, account`

type SumColumns<Side extends string> = Readonly<
  Record<`${Side}_${'debits' | 'credits' | 'reserved_debits' | 'reserved_credits'}`, string>
>
interface DifferingRow extends SumColumns<'h'>, SumColumns<'b'> {
  readonly merchant: string
  readonly live: boolean
  readonly currency: string
  readonly connection: string
  readonly account: string
  readonly isHeld: boolean
}

export async function differingBalances(client: Client): Promise<readonly DifferingBalance[]> {
  const { rows } = await client.query<DifferingRow>(differingText)
  return rows.map((row) => {
    const { merchant, live, currency, connection, account, isHeld } = row
    const held = {
      ...{ debits: row.h_debits, credits: row.h_credits },
      ...{ reservedDebits: row.h_reserved_debits, reservedCredits: row.h_reserved_credits },
    }
    const posted = {
      ...{ debits: BigInt(row.b_debits), credits: BigInt(row.b_credits) },
      ...{ reservedDebits: BigInt(row.b_reserved_debits), reservedCredits: BigInt(row.b_reserved_credits) },
    }
    return { merchant, live, currency, connection, account, held: isHeld ? held : undefined, posted }
  })
}
