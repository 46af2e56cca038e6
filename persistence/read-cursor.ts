/**
 * The read side under its cursor: payments, refunds, disputes, transfers and balances of the shards that moved, written with the
 * move of their cursors `read` (cursor-move.ts).
 *
 * Balances grow by the sums of the transfers of the same statement, so at every instant both add up, and what makes transfers
 * exactly once makes balances so. They are folded over all shards of the statement, into rows of this writer's own `part`: a
 * merchant's payments are spread over all shards, and are one row here.
 *
 * Sessions are the projector's: by its rights it may not change a transfer, nor remove anything.
 */
import { DatabaseError } from 'pg'
import type { AccountSums, DisputeRow, ReadAdvance, RefundRow, TransferRow } from '../actors/read-rows.ts'
import { byteaArray, byteaArrayOfHex, int4Array, int8Array, textArray } from './binary-arrays.ts'
import { type AskedMove, moveText, moveTogether, moveValues, movedText } from './cursor-move.ts'
import type { DatabasePool } from './database-pool.ts'
import { accountSums } from './read-balances.ts'
import type { ReadMonths } from './read-months.ts'
import { journalError } from './statement-outcome.ts'

export const projectorRole = 'shardpay_projector'

/** `read_next` is being built beside what is read (read-next.ts). A schema's cursor has its name. */
export type ReadSchema = 'read' | 'read_next'

function advanceTextOf(schema: ReadSchema): string {
  return `${moveText(schema)}, shown AS (
    INSERT INTO ${schema}.payment (shard, entity, seq, created_at, updated_at, merchant, live, currency, status, amount, authorized,
      captured, refunded, disputed, review, connection, psp, merchant_reference, data, private, attempted_at)
    SELECT shard, entity, seq, created_at, updated_at, merchant, live <> 0, currency, status, amount, authorized,
      captured, refunded, disputed, review <> 0, connection, psp, merchant_reference, data, private, nullif(attempted_at, -1)
    FROM unnest($5::int[], $6::bytea[], $7::int[], $8::bigint[], $9::bigint[], $10::text[], $11::int[], $12::text[],
      $13::text[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::int[], $20::text[],
      $21::text[], $22::text[], $23::bytea[], $24::bytea[], $73::bigint[])
      AS p (shard, entity, seq, created_at, updated_at, merchant, live, currency, status, amount, authorized, captured,
        refunded, disputed, review, connection, psp, merchant_reference, data, private, attempted_at)
    WHERE (SELECT moves FROM every)
    ON CONFLICT (merchant, live, created_at, entity) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at,
      status = excluded.status, authorized = excluded.authorized, captured = excluded.captured, refunded = excluded.refunded,
      disputed = excluded.disputed, review = excluded.review, connection = excluded.connection, psp = excluded.psp,
      data = excluded.data, private = excluded.private, attempted_at = excluded.attempted_at
      WHERE payment.seq < excluded.seq
  ), refunds AS (
    INSERT INTO ${schema}.refund (shard, payment, ordinal, created_at, payment_created_at, merchant, live, currency, amount, status,
      reversed, connection)
    SELECT shard, payment, ordinal, created_at, payment_created_at, merchant, live <> 0, currency, amount, status,
      reversed <> 0, connection
    FROM unnest($25::int[], $26::bytea[], $27::int[], $28::bigint[], $29::bigint[], $30::text[], $31::int[], $32::text[],
      $33::bigint[], $34::text[], $35::int[], $36::text[])
      AS r (shard, payment, ordinal, created_at, payment_created_at, merchant, live, currency, amount, status, reversed, connection)
    WHERE (SELECT moves FROM every)
    ON CONFLICT (merchant, live, created_at, payment, ordinal) DO UPDATE
      SET amount = excluded.amount, status = excluded.status, reversed = excluded.reversed
      WHERE (refund.amount, refund.status, refund.reversed) IS DISTINCT FROM (excluded.amount, excluded.status, excluded.reversed)
  ), disputes AS (
    INSERT INTO ${schema}.dispute (shard, payment, ordinal, created_at, payment_created_at, merchant, live, currency, amount, status,
      fee, evidence_by)
    SELECT shard, payment, ordinal, created_at, payment_created_at, merchant, live <> 0, currency, amount, status,
      fee, nullif(evidence_by, -1)
    FROM unnest($37::int[], $38::bytea[], $39::int[], $40::bigint[], $41::bigint[], $42::text[], $43::int[], $44::text[],
      $45::bigint[], $46::text[], $47::bigint[], $48::bigint[])
      AS d (shard, payment, ordinal, created_at, payment_created_at, merchant, live, currency, amount, status, fee, evidence_by)
    WHERE (SELECT moves FROM every)
    ON CONFLICT (merchant, live, created_at, payment, ordinal) DO UPDATE SET amount = excluded.amount,
      status = excluded.status, fee = excluded.fee, evidence_by = excluded.evidence_by
      WHERE (dispute.amount, dispute.status, dispute.fee, dispute.evidence_by)
        IS DISTINCT FROM (excluded.amount, excluded.status, excluded.fee, excluded.evidence_by)
  ), posted AS (
    INSERT INTO ${schema}.transfer (shard, position, n, entity, merchant, live, currency, posted_at, amount, debit, credit, phase,
      connection, operation)
    SELECT shard, position, n, entity, merchant, live <> 0, currency, posted_at, amount, debit, credit, phase,
      connection, operation
    FROM unnest($49::int[], $50::bigint[], $51::int[], $52::bytea[], $53::text[], $54::int[], $55::text[], $56::bigint[],
      $57::bigint[], $58::text[], $59::text[], $60::text[], $61::text[], $62::text[])
      AS t (shard, position, n, entity, merchant, live, currency, posted_at, amount, debit, credit, phase, connection, operation)
    WHERE (SELECT moves FROM every)
  ), folded AS (
    INSERT INTO ${schema}.balance (part, merchant, live, currency, connection, account, debits, credits, reserved_debits,
      reserved_credits)
    SELECT $63::int, merchant, live <> 0, currency, connection, account, debits::numeric, credits::numeric,
      reserved_debits::numeric, reserved_credits::numeric
    FROM unnest($64::text[], $65::int[], $66::text[], $67::text[], $68::text[], $69::text[], $70::text[], $71::text[], $72::text[])
      AS b (merchant, live, currency, connection, account, debits, credits, reserved_debits, reserved_credits)
    WHERE (SELECT moves FROM every)
    ON CONFLICT (merchant, live, currency, connection, account, part) DO UPDATE SET
      debits = balance.debits + excluded.debits,
      credits = balance.credits + excluded.credits,
      reserved_debits = balance.reserved_debits + excluded.reserved_debits,
      reserved_credits = balance.reserved_credits + excluded.reserved_credits
  )${movedText(schema)}`
}

const advanceTexts: Readonly<Record<ReadSchema, string>> = {
  read: advanceTextOf('read'),
  read_next: advanceTextOf('read_next'),
}

/** Data exceptions, integrity violations, program limits: a row's fault. */
const rowErrors = ['21', '22', '23', '54']

/**
 * @param pool its sessions are the projector's.
 * @param part of the balances: another one than that of everybody who writes at the same time.
 * @returns the shards that were left out.
 * @throws {JournalError} `journal_refused` where a row was refused, `journal_unavailable`; nothing was written then, or, of the
 *   latter, nobody knows.
 */
export async function advanceReadCursors(
  pool: DatabasePool,
  months: ReadMonths,
  part: number,
  advances: readonly ReadAdvance[],
  schema: ReadSchema = 'read',
): Promise<readonly number[]> {
  await months.ensure(pool, instantsOf(advances))
  return moveTogether(advances, async (movable) => {
    try {
      return await send(pool, part, movable, schema)
    } catch (error) {
      months.forget()
      throw error
    }
  })
}

async function send(
  pool: DatabasePool,
  part: number,
  advances: readonly ReadAdvance[],
  schema: ReadSchema,
): Promise<readonly AskedMove[]> {
  try {
    const values = valuesOf(part, advances)
    return await pool.query<AskedMove>({ name: `advance_${schema}`, text: advanceTexts[schema], values }, rowErrors)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    throw journalError('journal_refused', 'a row of the read side was refused', error)
  }
}

function* instantsOf(advances: readonly ReadAdvance[]): Iterable<number> {
  for (const { payments, refunds, disputes, transfers } of advances) {
    for (const { createdAt } of payments) yield createdAt
    for (const { createdAt } of refunds) yield createdAt
    for (const { createdAt } of disputes) yield createdAt
    for (const { postedAt } of transfers) yield postedAt
  }
}

function valuesOf(part: number, advances: readonly ReadAdvance[]): unknown[] {
  const payments = advances.flatMap((advance) => advance.payments)
  const refunds = advances.flatMap((advance) => advance.refunds)
  const disputes = advances.flatMap((advance) => advance.disputes)
  const transfers = advances.flatMap((advance) => advance.transfers)
  return [
    ...moveValues(advances),
    int4Array(payments.map(({ shard }) => shard)),
    byteaArrayOfHex(payments.map(({ entity }) => entity)),
    int4Array(payments.map(({ seq }) => seq)),
    int8Array(payments.map(({ createdAt }) => createdAt)),
    int8Array(payments.map(({ updatedAt }) => updatedAt)),
    textArray(payments.map(({ merchant }) => merchant)),
    int4Array(payments.map(({ live }) => Number(live))),
    textArray(payments.map(({ currency }) => currency)),
    textArray(payments.map(({ status }) => status)),
    int8Array(payments.map(({ amount }) => amount)),
    int8Array(payments.map(({ authorized }) => authorized)),
    int8Array(payments.map(({ captured }) => captured)),
    int8Array(payments.map(({ refunded }) => refunded)),
    int8Array(payments.map(({ disputed }) => disputed)),
    int4Array(payments.map(({ review }) => Number(review))),
    textArray(payments.map(({ connection }) => connection)),
    textArray(payments.map(({ psp }) => psp)),
    textArray(payments.map(({ merchantReference }) => merchantReference)),
    byteaArray(payments.map(({ data }) => data)),
    byteaArray(payments.map((payment) => payment.private)),
    ...partValues(refunds),
    textArray(refunds.map(({ status }) => status)),
    int4Array(refunds.map(({ reversed }) => Number(reversed))),
    textArray(refunds.map(({ connection }) => connection)),
    ...partValues(disputes),
    textArray(disputes.map(({ status }) => status)),
    int8Array(disputes.map(({ fee }) => fee)),
    int8Array(disputes.map(({ evidenceBy }) => evidenceBy ?? -1)),
    ...transferValues(transfers),
    part,
    ...balanceValues(accountSums(transfers)),
    int8Array(payments.map(({ attemptedAt }) => attemptedAt ?? -1)),
  ]
}

function partValues(rows: readonly (RefundRow | DisputeRow)[]): unknown[] {
  return [
    int4Array(rows.map(({ shard }) => shard)),
    byteaArrayOfHex(rows.map(({ payment }) => payment)),
    int4Array(rows.map(({ ordinal }) => ordinal)),
    int8Array(rows.map(({ createdAt }) => createdAt)),
    int8Array(rows.map(({ paymentCreatedAt }) => paymentCreatedAt)),
    textArray(rows.map(({ merchant }) => merchant)),
    int4Array(rows.map(({ live }) => Number(live))),
    textArray(rows.map(({ currency }) => currency)),
    int8Array(rows.map(({ amount }) => amount)),
  ]
}

function transferValues(rows: readonly TransferRow[]): unknown[] {
  return [
    int4Array(rows.map(({ shard }) => shard)),
    int8Array(rows.map(({ position }) => position)),
    int4Array(rows.map(({ n }) => n)),
    byteaArrayOfHex(rows.map(({ entity }) => entity)),
    textArray(rows.map(({ merchant }) => merchant)),
    int4Array(rows.map(({ live }) => Number(live))),
    textArray(rows.map(({ currency }) => currency)),
    int8Array(rows.map(({ postedAt }) => postedAt)),
    int8Array(rows.map(({ amount }) => amount)),
    textArray(rows.map(({ debit }) => debit)),
    textArray(rows.map(({ credit }) => credit)),
    textArray(rows.map(({ phase }) => phase)),
    textArray(rows.map(({ connection }) => connection)),
    textArray(rows.map(({ operation }) => operation)),
  ]
}

/** Sums as texts: a numeric has no bounds, and neither has a bigint of JavaScript. */
function balanceValues(rows: readonly AccountSums[]): unknown[] {
  return [
    textArray(rows.map(({ merchant }) => merchant)),
    int4Array(rows.map(({ live }) => Number(live))),
    textArray(rows.map(({ currency }) => currency)),
    textArray(rows.map(({ connection }) => connection)),
    textArray(rows.map(({ account }) => account)),
    textArray(rows.map(({ debits }) => String(debits))),
    textArray(rows.map(({ credits }) => String(credits))),
    textArray(rows.map(({ reservedDebits }) => String(reservedDebits))),
    textArray(rows.map(({ reservedCredits }) => String(reservedCredits))),
  ]
}
