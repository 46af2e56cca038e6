/** The ledger's tables as a proof reads them, shard by shard, of the same snapshot as the journal. */
import type { Client } from 'pg'
import type { Held, Posted, Shown } from '../domain/ledger/proof.ts'
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

/** All of the shard, of every merchant. */
export function heldBalances(client: Client, shard: number, visit: (row: Held) => void): Promise<void> {
  const text = `SELECT live, merchant, currency, connection, account,
      debits::text, credits::text, reserved_debits::text, reserved_credits::text FROM read.balance WHERE shard = ${shard}`
  return copyRows(client, text, (fields) => {
    const [live, ...rest] = fields as readonly Buffer[]
    const [merchant, currency, connection, account, ...sums] = rest.map(String) as Texts
    const [debits, credits, reservedDebits, reservedCredits] = sums.map(BigInt) as [bigint, bigint, bigint, bigint]
    visit({
      ...{ merchant, live: live?.[0] === 1, currency, connection, account },
      ...{ debits, credits, reservedDebits, reservedCredits },
    })
  })
}

function hexOf(bytes: Buffer | undefined): string {
  return bytes?.toString('hex') ?? ''
}

function int8Of(bytes: Buffer | undefined): number {
  assert(bytes?.length === 8, 'a 64-bit integer has eight bytes')
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
}
