/**
 * What is kept under a shard's cursor `actors`: timers, the merchants' directory, PSP references and notices, written with the
 * move of the cursor (cursor-move.ts).
 *
 * A shard's epoch record takes the cursor for its epoch (acquire.ts), so that a statement of the owner before, begun before
 * the shard was taken and committed after, finds the cursor changed and moves nothing; the shard is opened from where it
 * stands then.
 */
import type {
  CursorAdvance,
  JournalRow,
  MerchantRow,
  OpenedShard,
  Ownership,
  SnapshotRecord,
  TimerRow,
} from '../actors/journal.ts'
import { assert } from '../runtime/assert.ts'
import { byteaArray, byteaArrayOfHex, int4Array, int8Array, textArray } from './binary-arrays.ts'
import { type AskedMove, moveText, moveTogether, moveValues, movedText } from './cursor-move.ts'
import type { DatabasePool } from './database-pool.ts'
import { assertGapless, rowColumns, type StoredRow, toRow } from './reads.ts'

const timerColumns = `t.shard, encode(t.entity, 'hex') AS entity, t.operation, t.kind, t.due`

const openTimersText = `
  SELECT ${timerColumns} FROM unnest($1::int[]) AS s (shard)
  CROSS JOIN LATERAL (
    SELECT * FROM timer t WHERE t.shard = s.shard AND (t.due < $2 OR t.kind = ANY($3::text[]))
  ) t ORDER BY t.shard, t.due, t.entity`

/** Of every shard that is still this epoch's the cursor, and the rows after it. */
const openTailText = `
  SELECT j.*, s.shard, c.position AS cursor, r.position AS read_cursor
  FROM unnest($1::int[], $2::int[]) AS s (shard, epoch) JOIN shard_owner o USING (shard, epoch)
  JOIN shard_cursor c ON c.shard = s.shard AND c.consumer = 'actors' AND c.epoch = s.epoch
  JOIN shard_cursor r ON r.shard = s.shard AND r.consumer = 'read' AND r.epoch = s.epoch
  LEFT JOIN LATERAL (
    SELECT ${rowColumns} FROM journal j WHERE j.shard = s.shard AND j.position > c.position
  ) j ON true ORDER BY s.shard, j.position`

/** `position` is null where nothing is after the cursor. */
type TailRow = Omit<StoredRow, 'position'> & {
  readonly cursor: number
  readonly read_cursor: number
  readonly position: number | null
}

export async function openShards(
  pool: DatabasePool,
  ownerships: readonly Ownership[],
  horizon: number,
  openKinds: readonly string[],
): Promise<readonly OpenedShard[]> {
  const shards = ownerships.map(({ shard }) => shard)
  const epochs = ownerships.map(({ epoch }) => epoch)
  const [timers, tails] = await Promise.all([
    pool.query<StoredTimer>({ name: 'open_timers', text: openTimersText, values: [shards, horizon, openKinds] }),
    pool.query<TailRow>({ name: 'open_tail', text: openTailText, values: [shards, epochs] }),
  ])
  const timersOf = Map.groupBy(timers, ({ shard }) => shard)
  const tailOf = Map.groupBy(tails, ({ shard }) => shard)
  return ownerships
    .toSorted((a, b) => a.shard - b.shard)
    .flatMap((ownership) => {
      const rows = tailOf.get(ownership.shard) ?? []
      const [first] = rows
      if (first === undefined) return []
      const tail = rows.flatMap(({ cursor: _cursor, read_cursor: _readCursor, position, ...row }): JournalRow[] =>
        position === null ? [] : [toRow({ ...row, position })],
      )
      assertGapless(tail, first.cursor)
      const { cursor, read_cursor: readCursor } = first
      return [{ ownership, cursor, readCursor, timers: timersOf.get(ownership.shard) ?? [], tail }]
    })
}

type StoredTimer = TimerRow

const dueText = `
  SELECT ${timerColumns} FROM unnest($1::int[]) AS s (shard)
  CROSS JOIN LATERAL (SELECT * FROM timer t WHERE t.shard = s.shard AND t.due < $2) t
  ORDER BY t.due, t.shard, t.entity`

export async function dueTimers(
  pool: DatabasePool,
  shards: readonly number[],
  horizon: number,
): Promise<readonly TimerRow[]> {
  return pool.query<StoredTimer>({ name: 'due', text: dueText, values: [shards, horizon] })
}

const advanceText = `${moveText('actors')}, wanted AS MATERIALIZED (
    SELECT * FROM unnest($7::int[], $8::bytea[], $9::text[], $10::text[], $11::bigint[]) AS w (shard, entity, operation, kind, due)
    WHERE (SELECT moves FROM every)
  ), present AS MATERIALIZED (
    SELECT t.* FROM unnest($5::int[], $6::bytea[]) AS e (shard, entity)
    CROSS JOIN LATERAL (
      SELECT t.ctid AS place, t.shard, t.entity, t.operation, t.kind FROM timer t
      WHERE t.shard = e.shard AND t.entity = e.entity OFFSET 0
    ) t WHERE (SELECT moves FROM every)
  ), removed AS (
    DELETE FROM timer WHERE ctid = ANY (ARRAY(
      SELECT place FROM present
      WHERE (shard, entity, operation, kind) NOT IN (SELECT shard, entity, operation, kind FROM wanted)
    ))
  ), stored AS (
    INSERT INTO timer (shard, entity, operation, kind, due)
    SELECT shard, entity, operation, kind, due FROM wanted ORDER BY shard, entity, operation, kind
    ON CONFLICT (shard, entity, operation, kind) DO UPDATE SET due = excluded.due WHERE timer.due <> excluded.due
  ), listed AS (
    INSERT INTO merchant (merchant, shard, entity, version, data)
    SELECT m.merchant, m.shard, m.entity, m.version, m.data
    FROM unnest($12::int[], $13::bytea[], $14::text[], $15::int[], $16::bytea[]) AS m (shard, entity, merchant, version, data)
    WHERE (SELECT moves FROM every) ORDER BY m.merchant
    ON CONFLICT (merchant) DO UPDATE SET version = excluded.version, data = excluded.data
      WHERE merchant.version < excluded.version
  ), referenced AS (
    INSERT INTO psp_ref (connection, reference, shard, entity)
    SELECT r.connection, r.reference, r.shard, r.entity
    FROM unnest($17::int[], $18::bytea[], $19::text[], $20::text[]) AS r (shard, entity, connection, reference)
    WHERE (SELECT moves FROM every) ORDER BY r.connection, r.reference, r.shard
    ON CONFLICT DO NOTHING
  ), noticed AS (
    INSERT INTO psp_notice (shard, entity, connection, notice, type, status, reason, payment, received_at)
    SELECT n.* FROM unnest($21::int[], $22::bytea[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::bytea[], $29::bigint[])
      AS n (shard, entity, connection, notice, type, status, reason, payment, received_at)
    WHERE (SELECT moves FROM every) ORDER BY n.shard, n.entity
    ON CONFLICT (shard, entity) DO UPDATE SET status = excluded.status, reason = excluded.reason, payment = excluded.payment
      WHERE (psp_notice.status, psp_notice.reason, psp_notice.payment)
        IS DISTINCT FROM (excluded.status, excluded.reason, excluded.payment)
  )${movedText('actors')}`

/** Answers the shards that were left out. */
export async function advanceCursors(
  pool: DatabasePool,
  advances: readonly CursorAdvance[],
): Promise<readonly number[]> {
  return moveTogether(advances, (movable) =>
    pool.query<AskedMove>({ name: 'advance_actors', text: advanceText, values: valuesOf(movable) }),
  )
}

function valuesOf(advances: readonly CursorAdvance[]): unknown[] {
  const entities = advances.flatMap(({ shard, entities: own }) => own.map((entity) => ({ shard, entity })))
  const timers = advances.flatMap((advance) => advance.timers)
  const replaced = new Set(entities.map(({ shard, entity }) => `${shard}/${entity}`))
  for (const { shard, entity } of timers) {
    assert(replaced.has(`${shard}/${entity}`), 'timers belong to entities that are replaced', { shard })
  }
  const merchants = newest(advances.flatMap((advance) => advance.merchants))
  const pspReferences = advances.flatMap((advance) => advance.pspReferences)
  const notices = advances.flatMap((advance) => advance.notices)
  return [
    ...moveValues(advances),
    int4Array(entities.map(({ shard }) => shard)),
    byteaArrayOfHex(entities.map(({ entity }) => entity)),
    int4Array(timers.map(({ shard }) => shard)),
    byteaArrayOfHex(timers.map(({ entity }) => entity)),
    textArray(timers.map(({ operation }) => operation)),
    textArray(timers.map(({ kind }) => kind)),
    int8Array(timers.map(({ due }) => due)),
    int4Array(merchants.map(({ shard }) => shard)),
    byteaArrayOfHex(merchants.map(({ entity }) => entity)),
    textArray(merchants.map(({ merchant }) => merchant)),
    int4Array(merchants.map(({ version }) => version)),
    byteaArray(merchants.map(({ data }) => data)),
    int4Array(pspReferences.map(({ shard }) => shard)),
    byteaArrayOfHex(pspReferences.map(({ entity }) => entity)),
    textArray(pspReferences.map(({ connection }) => connection)),
    textArray(pspReferences.map(({ reference }) => reference)),
    int4Array(notices.map(({ shard }) => shard)),
    byteaArrayOfHex(notices.map(({ entity }) => entity)),
    textArray(notices.map(({ connection }) => connection)),
    textArray(notices.map(({ notice }) => notice)),
    textArray(notices.map(({ type }) => type)),
    textArray(notices.map(({ status }) => status)),
    textArray(notices.map(({ reason }) => reason)),
    byteaArray(notices.map(({ payment }) => (payment === null ? null : Buffer.from(payment, 'hex')))),
    int8Array(notices.map(({ receivedAt }) => receivedAt)),
  ]
}

/** One row per merchant: a statement may not write a row twice. */
function newest(rows: readonly MerchantRow[]): readonly MerchantRow[] {
  const newestOf = new Map<string, MerchantRow>()
  for (const row of rows) {
    if ((newestOf.get(row.merchant)?.version ?? -1) < row.version) newestOf.set(row.merchant, row)
  }
  return [...newestOf.values()]
}

const snapshotText = `
  INSERT INTO snapshot (shard, entity, seq, epoch, data, private)
  SELECT * FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bytea[], $6::bytea[]) ORDER BY 1, 2, 3, 4
  ON CONFLICT DO NOTHING`

export async function storeSnapshots(pool: DatabasePool, snapshots: readonly SnapshotRecord[]): Promise<void> {
  await pool.query({
    name: 'snapshot',
    text: snapshotText,
    values: [
      snapshots.map(({ shard }) => shard),
      byteaArrayOfHex(snapshots.map(({ entity }) => entity)),
      snapshots.map(({ seq }) => seq),
      snapshots.map(({ epoch }) => epoch),
      byteaArray(snapshots.map(({ data }) => data)),
      byteaArray(snapshots.map((snapshot) => snapshot.private)),
    ],
  })
}
