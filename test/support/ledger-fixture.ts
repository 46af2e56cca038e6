/**
 * For tests: a payment's history as its shard's journal and the read side hold it, written past both. What the read side's
 * rows should be is said here once more, apart from the projector.
 */
import { Client } from 'pg'
import { encodeDecision, encodeState } from '../../actors/codec.ts'
import { type Address, addressOfPayment } from '../../domain/ids.ts'
import { amounts, statusOf } from '../../domain/payment/derive.ts'
import { capture, create, day, refund, says, succeeded } from '../../domain/payment/testing/fixtures.ts'
import { given, idOf, later, nothing, payment, type Scenario } from '../../domain/payment/testing/scenario.ts'
import { createTestDatabase, type TestDatabase } from './test-database.ts'

/** Authorized on the first day and captured on the second, EUR 1.00; … */
export const captured: Scenario = (() => {
  const pending = given(nothing(), create())
  const capturing = given(later(given(pending, says(idOf(pending, 'att'), succeeded())), day), capture())
  return given(capturing, says(idOf(capturing, 'cap'), succeeded()))
})()

/** … and EUR 0.60 refunded on the third. */
export const refunded: Scenario = (() => {
  const refunding = given(later(captured, day), refund(60))
  return given(refunding, says(idOf(refunding, 're'), succeeded(60)))
})()

/** A database whose journal and ledger hold one payment, and a connection of its owner. */
export interface StoredLedger extends Address {
  readonly database: TestDatabase
  readonly admin: Client
  drop(): Promise<void>
}

export async function storedLedger(scenario: Scenario): Promise<StoredLedger> {
  const database = await createTestDatabase()
  const admin = new Client({ connectionString: database.url })
  await admin.connect()
  const address = await storeHistory(admin, scenario)
  return {
    ...address,
    database,
    admin,
    async drop() {
      await admin.end()
      await database.drop()
    },
  }
}

/** Writes the scenario after what the shard has, and moves the cursor `read`. Every decision is at its scenario's time. */
export async function storeHistory(admin: Client, scenario: Scenario): Promise<Address> {
  const state = payment(scenario)
  const { id, merchant, currency, mode } = state
  const address = addressOfPayment(id)
  if (address === undefined) throw new Error(`${id} is a payment's id`)
  const { shard } = address
  const entity = Buffer.from(address.entity, 'hex')
  const tail = await admin.query<{ position: string }>(
    'SELECT coalesce(max(position), 0) AS position FROM journal WHERE shard = $1',
    [shard],
  )
  let position = Number(tail.rows[0]?.position)
  for (const { events, transfers, meta } of scenario.rows) {
    position += 1
    const { data } = encodeDecision(events, transfers)
    await admin.query(
      `INSERT INTO journal (shard, position, at, seq, epoch, entity, command, type, data)
      VALUES ($1, $2, $3, $4, $5, $6, substr(sha256($6::bytea || int4send($4)), 1, 16), 'payment.x', $7)`,
      [shard, position, meta.at, meta.seq, meta.epoch, entity, data],
    )
    await admin.query('SELECT read.ensure_partitions($1, $1)', [meta.at])
    for (const [n, transfer] of transfers.entries()) {
      const { debit, credit, amountMinor, phase, connection, operationId } = transfer
      await admin.query(
        `INSERT INTO read.transfer (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
        [
          ...[meta.at, position, amountMinor, shard, n, mode === 'live', entity, merchant, currency],
          ...[debit, credit, phase, connection, operationId],
        ],
      )
      for (const [account, amount, side] of [
        [debit, amountMinor, 'debits'],
        [credit, amountMinor, 'credits'],
      ] as const) {
        const column = phase === 'posted' ? side : `reserved_${side}`
        await admin.query(
          `INSERT INTO read.balance (debits, credits, reserved_debits, reserved_credits, part, live, merchant, currency, connection, account)
          SELECT 0, 0, 0, 0, $1, $2, $3, $4, $5, $6 ON CONFLICT DO NOTHING`,
          [shard, mode === 'live', merchant, currency, connection, account],
        )
        await admin.query(
          `UPDATE read.balance SET ${column} = ${column} + $7
          WHERE (part, live, merchant, currency, connection, account) = ($1, $2, $3, $4, $5, $6)`,
          [shard, mode === 'live', merchant, currency, connection, account, phase === 'released' ? -amount : amount],
        )
      }
    }
  }
  const { authorized, captured, refunded, disputed } = amounts(state)
  await admin.query(
    `INSERT INTO read.payment (created_at, updated_at, amount, authorized, captured, refunded, disputed, shard, seq, live, review, entity, merchant, currency, status, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
    [
      ...[state.createdAt, state.updatedAt, state.amountMinor, authorized, captured, refunded, disputed, shard],
      ...[state.seq, mode === 'live', state.review, entity, merchant, currency, statusOf(state), encodeState({})],
    ],
  )
  await admin.query(`UPDATE shard_cursor SET position = $2 WHERE shard = $1 AND consumer = 'read'`, [shard, position])
  return address
}
