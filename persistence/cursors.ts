/**
 * What is kept under a shard's cursor: timers, the merchants' directory, PSP references and notices. A cursor moves by compare-and-set on its old
 * position, at its owner's epoch, in the one statement that also writes what it guards; shards whose cursor stands
 * elsewhere, or that have another owner, are left out whole. So is a node that is ahead of a database that lost rows: its
 * cursor would hide what is written there anew from the next owner.
 *
 * A shard's epoch record takes the cursor for its epoch (acquire.ts), so that a statement of the owner before, begun before
 * the shard was taken and committed after, finds the cursor changed and moves nothing; the shard is opened from where it
 * stands then. Moving a cursor again to where this epoch has moved
 * it already counts as done: a move of unknown outcome may be repeated.
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

const advanceText = `
  WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[]) AS a (shard, epoch, from_position, to_position)
  ), movable AS MATERIALIZED (
    SELECT c.shard, a.epoch, a.to_position FROM asked a
    JOIN shard_owner o ON o.shard = a.shard AND o.epoch = a.epoch
    JOIN shard_cursor c ON c.shard = a.shard AND c.consumer = 'actors' AND c.position = a.from_position AND c.epoch <= a.epoch
    WHERE EXISTS (SELECT FROM journal j WHERE j.shard = a.shard AND j.position = a.to_position)
    ORDER BY c.shard FOR UPDATE OF c
  ), moved AS (
    UPDATE shard_cursor c SET position = m.to_position, epoch = m.epoch FROM movable m
    WHERE c.shard = m.shard AND c.consumer = 'actors'
    RETURNING c.shard
  ), entity AS MATERIALIZED (
    SELECT e.shard, e.entity FROM unnest($5::int[], $6::bytea[]) AS e (shard, entity) JOIN moved USING (shard)
  ), wanted AS MATERIALIZED (
    SELECT w.* FROM unnest($7::int[], $8::bytea[], $9::text[], $10::text[], $11::bigint[]) AS w (shard, entity, operation, kind, due)
    JOIN moved USING (shard)
  ), removed AS (
    DELETE FROM timer t USING entity e
    WHERE t.shard = e.shard AND t.entity = e.entity AND NOT EXISTS (
      SELECT FROM wanted w
      WHERE w.shard = t.shard AND w.entity = t.entity AND w.operation = t.operation AND w.kind = t.kind
    )
  ), stored AS (
    INSERT INTO timer (shard, entity, operation, kind, due)
    SELECT shard, entity, operation, kind, due FROM wanted ORDER BY shard, entity, operation, kind
    ON CONFLICT (shard, entity, operation, kind) DO UPDATE SET due = excluded.due WHERE timer.due <> excluded.due
  ), listed AS (
    INSERT INTO merchant (merchant, shard, entity, version, data)
    SELECT m.merchant, m.shard, m.entity, m.version, m.data
    FROM unnest($12::int[], $13::bytea[], $14::text[], $15::int[], $16::bytea[]) AS m (shard, entity, merchant, version, data)
    JOIN moved USING (shard) ORDER BY m.merchant
    ON CONFLICT (merchant) DO UPDATE SET version = excluded.version, data = excluded.data
      WHERE merchant.version < excluded.version
  ), referenced AS (
    INSERT INTO psp_ref (connection, reference, shard, entity)
    SELECT r.connection, r.reference, r.shard, r.entity
    FROM unnest($17::int[], $18::bytea[], $19::text[], $20::text[]) AS r (shard, entity, connection, reference)
    JOIN moved USING (shard) ORDER BY r.connection, r.reference, r.shard
    ON CONFLICT DO NOTHING
  ), noticed AS (
    INSERT INTO psp_notice (shard, entity, connection, notice, type, status, reason, payment, received_at)
    SELECT n.* FROM unnest($21::int[], $22::bytea[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[], $28::bytea[], $29::bigint[])
      AS n (shard, entity, connection, notice, type, status, reason, payment, received_at)
    JOIN moved USING (shard) ORDER BY n.shard, n.entity
    ON CONFLICT (shard, entity) DO UPDATE SET status = excluded.status, reason = excluded.reason, payment = excluded.payment
      WHERE (psp_notice.status, psp_notice.reason, psp_notice.payment)
        IS DISTINCT FROM (excluded.status, excluded.reason, excluded.payment)
  )
  SELECT a.shard FROM asked a
  WHERE a.shard NOT IN (SELECT shard FROM moved)
    AND NOT EXISTS (
      SELECT FROM shard_cursor c
      WHERE c.shard = a.shard AND c.consumer = 'actors' AND c.position = a.to_position AND c.epoch = a.epoch
        AND a.from_position < a.to_position
    )
  ORDER BY a.shard`

/** Answers the shards that were left out. */
export async function advanceCursors(
  pool: DatabasePool,
  advances: readonly CursorAdvance[],
): Promise<readonly number[]> {
  assert(new Set(advances.map(({ shard }) => shard)).size === advances.length, 'a shard moves once in a call')
  for (const { shard, from, to } of advances) assert(from <= to, 'a cursor moves forward', { shard, from, to })
  const entities = advances.flatMap(({ shard, entities: own }) => own.map((entity) => ({ shard, entity })))
  const timers = advances.flatMap((advance) => advance.timers)
  const replaced = new Set(entities.map(({ shard, entity }) => `${shard}/${entity}`))
  for (const { shard, entity } of timers) {
    assert(replaced.has(`${shard}/${entity}`), 'timers belong to entities that are replaced', { shard })
  }
  const merchants = newest(advances.flatMap((advance) => advance.merchants))
  const pspReferences = advances.flatMap((advance) => advance.pspReferences)
  const notices = advances.flatMap((advance) => advance.notices)
  const rows = await pool.query<{ shard: number }>({
    // Without a name it is planned for what it is about to write: 3 ms, once a second. A plan that was made while few timers
    // were stored looks through all of them for each entity, and 1,280 entities took longer than a statement may.
    text: advanceText,
    values: [
      advances.map(({ shard }) => shard),
      advances.map(({ epoch }) => epoch),
      advances.map(({ from }) => from),
      advances.map(({ to }) => to),
      entities.map(({ shard }) => shard),
      byteaArrayOfHex(entities.map(({ entity }) => entity)),
      timers.map(({ shard }) => shard),
      byteaArrayOfHex(timers.map(({ entity }) => entity)),
      timers.map(({ operation }) => operation),
      timers.map(({ kind }) => kind),
      timers.map(({ due }) => due),
      merchants.map(({ shard }) => shard),
      byteaArrayOfHex(merchants.map(({ entity }) => entity)),
      merchants.map(({ merchant }) => merchant),
      merchants.map(({ version }) => version),
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
    ],
  })
  return rows.map(({ shard }) => shard)
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
