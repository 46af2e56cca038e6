/** The ledger's tables as proofs read them: shard by shard, of the same snapshot as the journal, and balances as a whole. */
import type { Client } from 'pg'
import type { DifferingBalance } from '../domain/ledger/balance-proof.ts'
import type { Posted, Shown } from '../domain/ledger/proof.ts'
import { assert } from '../runtime/assert.ts'
import { copyRows } from './journal-chain-copy.ts'
import type { ShardRange } from './journal-databases.ts'

/** How far the read side has followed each shard. */
export async function readPositions(client: Client, { first, last }: ShardRange): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ shard: number; position: number }>(
    `SELECT shard, position FROM shard_cursor WHERE consumer = 'read' AND shard BETWEEN $1 AND $2`,
    [first, last],
  )
  return new Map(rows.map(({ shard, position }) => [shard, position]))
}

/** All of the shard, in order of (position, n). */
export function postedTransfers(client: Client, shard: number, visit: (row: Posted) => void): Promise<void> {
  const text = `SELECT position, n, posted_at, amount, entity, live, merchant, currency, debit, credit, phase, connection, operation
    FROM read.transfer WHERE shard = ${shard} ORDER BY position, n, posted_at`
  return copyRows(client, text, (fields) => {
    const [position, n, postedAt, amount, entity, live, ...texts] = fields as readonly Buffer[]
    const [merchant, currency, debit, credit, phase, connection, operation] = texts.map(String) as Texts
    visit({
      ...{ position: int8Of(position), n: (n as Buffer).readInt16BE(), postedAt: int8Of(postedAt) },
      ...{ amount: int8Of(amount), entity: hexOf(entity), live: live?.[0] === 1, merchant, currency },
      ...{ debit, credit, phase, connection, operation },
    })
  })
}

type Texts = [string, string, string, string, string, string, string]

/** A shard is the first ten bits of its entities; the index that finds payments begins with them. */
export function shownPayments(client: Client, shard: number, visit: (row: Shown) => void): Promise<void> {
  const text = `SELECT entity, seq, authorized, captured, refunded, disputed, status FROM read.payment
    WHERE entity >= '\\x${boundary(shard)}' AND entity ${shard === 1_023 ? 'IS NOT NULL' : `< '\\x${boundary(shard + 1)}'`}`
  return copyRows(client, text, (fields) => {
    const [entity, seq, authorized, captured, refunded, disputed, status] = fields as readonly Buffer[]
    visit({
      ...{ entity: hexOf(entity), seq: (seq as Buffer).readInt32BE(), status: String(status) },
      ...{ authorized: int8Of(authorized), captured: int8Of(captured) },
      ...{ refunded: int8Of(refunded), disputed: int8Of(disputed) },
    })
  })
}

/** Where the entities of a shard begin, in hexadecimal digits. */
function boundary(shard: number): string {
  return (shard * 64).toString(16).padStart(4, '0')
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
        .map((sum) => `coalesce(${each}.${sum}, 0)::text AS ${each}_${sum}`)
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
      ...{ debits: BigInt(row.h_debits), credits: BigInt(row.h_credits) },
      ...{ reservedDebits: BigInt(row.h_reserved_debits), reservedCredits: BigInt(row.h_reserved_credits) },
    }
    const posted = {
      ...{ debits: BigInt(row.b_debits), credits: BigInt(row.b_credits) },
      ...{ reservedDebits: BigInt(row.b_reserved_debits), reservedCredits: BigInt(row.b_reserved_credits) },
    }
    return { merchant, live, currency, connection, account, held: isHeld ? held : undefined, posted }
  })
}

function hexOf(bytes: Buffer | undefined): string {
  return bytes?.toString('hex') ?? ''
}

function int8Of(bytes: Buffer | undefined): number {
  assert(bytes?.length === 8, 'a 64-bit integer has eight bytes')
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
}
