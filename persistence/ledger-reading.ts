/**
 * The ledger's tables as a proof reads them, of the same snapshot as the journal: transfers and payments' rows shard by
 * shard, and balances that are not the sums of their transfers, which the server finds out by itself.
 */
import type { Client } from 'pg'
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

const unequalText = `
  WITH folded AS (
    SELECT t.shard, t.merchant, t.live, t.currency, t.connection, l.account,
      sum(l.debit) FILTER (WHERE phase = 'posted') AS debits,
      sum(l.credit) FILTER (WHERE phase = 'posted') AS credits,
      sum(CASE phase WHEN 'pending' THEN l.debit WHEN 'released' THEN -l.debit END) AS reserved_debits,
      sum(CASE phase WHEN 'pending' THEN l.credit WHEN 'released' THEN -l.credit END) AS reserved_credits
    FROM read.transfer t CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0), (t.credit, 0, t.amount)) AS l (account, debit, credit)
    WHERE t.shard BETWEEN $1 AND $2 GROUP BY 1, 2, 3, 4, 5, 6
  ), compared AS (
    SELECT shard, merchant, live, currency, connection, account,
      concat_ws(' ', coalesce(f.debits, 0), coalesce(f.credits, 0), coalesce(f.reserved_debits, 0), coalesce(f.reserved_credits, 0)) AS folded,
      concat_ws(' ', coalesce(b.debits, 0), coalesce(b.credits, 0), coalesce(b.reserved_debits, 0), coalesce(b.reserved_credits, 0)) AS stored
    FROM folded f FULL JOIN (SELECT * FROM read.balance WHERE shard BETWEEN $1 AND $2) b
      USING (shard, merchant, live, currency, connection, account)
  )
  SELECT * FROM compared WHERE folded <> stored ORDER BY shard, merchant, account LIMIT 100`

/** Sums of all that balances hold, by shard and currency: transfers of equal debit and credit leave no difference. */
const unbalancedText = `
  SELECT shard, currency, sum(debits - credits)::text AS posted, sum(reserved_debits - reserved_credits)::text AS reserved
  FROM read.balance WHERE shard BETWEEN $1 AND $2 GROUP BY shard, currency
  HAVING sum(debits - credits) <> 0 OR sum(reserved_debits - reserved_credits) <> 0 ORDER BY shard, currency`

interface UnequalBalance {
  readonly shard: number
  readonly merchant: string
  readonly live: boolean
  readonly currency: string
  readonly connection: string
  readonly account: string
  readonly folded: string
  readonly stored: string
}

interface Unbalanced {
  readonly shard: number
  readonly currency: string
  readonly posted: string
  readonly reserved: string
}

/** What is wrong with the balances of these shards, each in words. At most a hundred of a kind. */
export async function balanceProblems(client: Client, { first, last }: ShardRange): Promise<readonly string[]> {
  assert(first <= last, 'a range has shards', { first, last })
  // one pass over whole tables, where many shards are proved at once
  await client.query(`SET LOCAL enable_seqscan = ${first === last ? 'off' : 'on'}; SET LOCAL work_mem = '128MB'`)
  const unequal = (await client.query<UnequalBalance>(unequalText, [first, last])).rows
  const unbalanced = (await client.query<Unbalanced>(unbalancedText, [first, last])).rows
  await client.query('SET LOCAL enable_seqscan = off')
  return [
    ...unequal.map(
      ({ shard, merchant, live, currency, connection, account, folded, stored }) =>
        `shard ${shard}, ${account} of ${merchant} (${live ? 'live' : 'test'}, ${connection}, ${currency}): the balance is ` +
        `${wordsOf(stored)}, its transfers come to ${wordsOf(folded)}`,
    ),
    ...unbalanced.map(
      ({ shard, currency, posted, reserved }) =>
        `shard ${shard}, ${currency}: debits less credits are ${posted}, reserved ${reserved}, and not zero`,
    ),
  ]
}

function wordsOf(sums: string): string {
  const [debits, credits, reservedDebits, reservedCredits] = sums.split(' ')
  return `${debits} debit, ${credits} credit, ${reservedDebits} and ${reservedCredits} reserved`
}

function hexOf(bytes: Buffer | undefined): string {
  return bytes?.toString('hex') ?? ''
}

function int8Of(bytes: Buffer | undefined): number {
  assert(bytes?.length === 8, 'a 64-bit integer has eight bytes')
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
}
