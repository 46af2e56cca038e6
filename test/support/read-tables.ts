/** For tests: the read side's tables of one shard, as its writer names their columns. */
import type { Client, QueryResultRow } from 'pg'
import type { AccountSums, DisputeRow, PaymentRow, RefundRow, TransferRow } from '../../actors/read-rows.ts'
import type { ReadTables } from '../../actors/read-side-testing.ts'

const owned = 'shard, merchant, live, currency'
const part = `${owned}, encode(payment, 'hex') AS payment, ordinal, created_at AS "createdAt",
  payment_created_at AS "paymentCreatedAt", amount, status`

export async function readTables(client: Client, shard: number): Promise<ReadTables> {
  const rows = async <Row extends QueryResultRow>(columns: string, table: string): Promise<Row[]> =>
    (await client.query<Row>(`SELECT ${columns} FROM ${table} WHERE shard = $1`, [shard])).rows
  const cursors = await rows<{ position: number }>('position', `(SELECT * FROM shard_cursor WHERE consumer = 'read') c`)
  return {
    cursor: cursors[0]?.position ?? 0,
    payments: await rows<PaymentRow & QueryResultRow>(
      `${owned}, encode(entity, 'hex') AS entity, seq, created_at AS "createdAt", updated_at AS "updatedAt", attempted_at AS "attemptedAt", status, amount,
        authorized, captured, refunded, disputed, review, connection, psp, merchant_reference AS "merchantReference", data, private`,
      'read.payment',
    ),
    refunds: await rows<RefundRow & QueryResultRow>(`${part}, reversed, connection`, 'read.refund'),
    disputes: await rows<DisputeRow & QueryResultRow>(`${part}, fee, evidence_by AS "evidenceBy"`, 'read.dispute'),
    transfers: await rows<TransferRow & QueryResultRow>(
      `${owned}, position, n, encode(entity, 'hex') AS entity, posted_at AS "postedAt", amount, debit, credit, phase, connection,
        operation`,
      'read.transfer',
    ),
  }
}

/** Of all shards, in parts. */
export async function readBalances(client: Client): Promise<readonly AccountSums[]> {
  const { rows } = await client.query<Record<keyof AccountSums, string>>(
    `SELECT merchant, live, currency, connection, account, debits, credits, reserved_debits AS "reservedDebits",
      reserved_credits AS "reservedCredits" FROM read.balance`,
  )
  return rows.map(
    ({ debits, credits, reservedDebits, reservedCredits, ...row }) =>
      ({
        ...row,
        ...{ debits: BigInt(debits), credits: BigInt(credits) },
        ...{ reservedDebits: BigInt(reservedDebits), reservedCredits: BigInt(reservedCredits) },
      }) as unknown as AccountSums,
  )
}
