/**
 * Moves rows of closed payments out of a journal database and back. One connection, with the rights of `shardpay_archiver`:
 * the one role that may remove rows of the journal.
 *
 * Guarantees: what stands in for rows is inserted and the rows are deleted, or the other way round, in one transaction, with
 * the entry of the log that says so. Exactly the rows that are in the file are deleted, as the hash chain sealed them. A
 * payment keeps its rows where one of them is not below every cursor of its shard, or sealed, where it has a timer, or where it
 * has gone on. No row but those of payments is ever removed: an epoch record stays where it is, so that the statement of a
 * deposed owner finds its position taken; nor a shard's last row, which every append asks for.
 *
 * Leaves to others: which payments are closed, writing and reading files.
 */
import { Client, DatabaseError } from 'pg'
import type { JournalRow } from '../actors/journal.ts'
import { byteaArray, byteaArrayOfHex, int4Array, int8Array, textArray } from './binary-arrays.ts'
import { inTransaction } from './commit.ts'
import { clientConfig, prepareConnection } from './connection.ts'
import type { ArchivedRow } from './journal-archive-format.ts'
import { digestOfStandIn, hashOfEntry, type LogEntry, packPositions, type StandIn } from './journal-archive-log.ts'
import { canonical, digestBytes, genesisHash, sealedDigest } from './journal-chain.ts'
import { journalLimits } from './journal-limits.ts'
import { rowColumns, type StoredRow, toRow } from './reads.ts'
import { standInColumns, type StoredStandIn, toStandIn } from './stand-in-rows.ts'

/** An offline reader of whole shards takes its time; appends do not wait for it. */
const limits = journalLimits({
  statementTimeoutMs: 300_000,
  transactionTimeoutMs: 310_000,
  flushTimeoutMs: 320_000,
})

/** Any constant: whoever archives or restores holds it. A session whose process was killed lets go of it within the lock timeout. */
const advisoryLock = 7_303_014
const lockNotAvailable = '55P03'

/** What was to be moved is not what it should be. Nothing of it was moved. */
export class ArchiveRefused extends Error {
  override readonly name = 'ArchiveRefused'
}

/** A payment's rows out of a file, with what stands in for them. */
export interface ArchivedPayment {
  readonly standIn: StandIn
  readonly rows: readonly ArchivedRow[]
}

export interface DatabaseName {
  /** `database_id` of the database. */
  readonly database: string
  /** Identifier of its server. */
  readonly system: string
}

/** Positions below it are below every cursor of the shard $1, sealed, and not its last. */
const boundText = `least(
  (SELECT min(position) FROM shard_cursor WHERE shard = $1),
  (SELECT last_position + 1 FROM journal_chain WHERE shard = $1 ORDER BY first_position DESC LIMIT 1),
  (SELECT position FROM journal WHERE shard = $1 ORDER BY position DESC LIMIT 1))`

const closedText = `
  SELECT encode(entity, 'hex') AS entity FROM journal
  WHERE shard = $1 AND type LIKE 'payment.%'
  GROUP BY entity HAVING max(at) < $2 AND count(*) = max(seq) AND max(position) < (SELECT ${boundText}) ORDER BY entity`

const rowsText = `
  SELECT ${rowColumns}, sha256(${canonical}) = ${sealedDigest('j.shard', 'j.position')} AS sealed
  FROM unnest($2::bytea[]) AS e (entity) JOIN journal j ON j.shard = $1 AND j.entity = e.entity ORDER BY j.entity, j.seq`

const movableText = `
  SELECT encode(a.entity, 'hex') AS entity FROM unnest($2::bytea[], $3::int[], $4::bigint[]) AS a (entity, seq, last)
  WHERE a.last < ${boundText}
    AND NOT EXISTS (SELECT FROM journal_archived x WHERE x.shard = $1 AND x.entity = a.entity)
    AND NOT EXISTS (SELECT FROM timer t WHERE t.shard = $1 AND t.entity = a.entity)
    AND (SELECT max(j.seq) FROM journal j WHERE j.shard = $1 AND j.entity = a.entity) = a.seq`

const insertStandInsText = `
  INSERT INTO journal_archived (shard, archived_at, entity, seq, epoch, closed_at, file, positions, data, private)
  SELECT $1, $2, a.* FROM unnest($3::bytea[], $4::int[], $5::int[], $6::bigint[], $7::text[], $8::bytea[], $9::bytea[], $10::bytea[])
    AS a (entity, seq, epoch, closed_at, file, positions, data, private) ORDER BY a.entity`

/** Only rows that are as in the file, and as they were sealed. */
const deleteRowsText = `
  DELETE FROM journal j USING unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::text[]) AS f (position, digest, private, key_id)
  WHERE j.shard = $1 AND j.position = f.position AND sha256(${canonical}) = f.digest
    AND f.digest = ${sealedDigest('$1', 'f.position')}
    AND j.private IS NOT DISTINCT FROM f.private AND j.key_id IS NOT DISTINCT FROM f.key_id`

const deleteSnapshotsText = `DELETE FROM snapshot s USING unnest($2::bytea[], $3::int[]) AS a (entity, seq)
  WHERE s.shard = $1 AND s.entity = a.entity AND s.seq <= a.seq`

const insertRowsText = `
  INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data, private, key_id)
  SELECT $1, f.position, f.entity, f.seq, f.epoch, f.command, f.type, f.at, f.data, f.private, f.key_id
  FROM unnest($2::bigint[], $3::bytea[], $4::int[], $5::int[], $6::bytea[], $7::text[], $8::bigint[], $9::bytea[], $10::bytea[],
    $11::text[], $12::bytea[]) AS f (position, entity, seq, epoch, command, type, at, data, private, key_id, digest)
  WHERE f.digest = ${sealedDigest('$1', 'f.position')} ORDER BY f.position`

const presentText = `
  SELECT count(*)::int AS present FROM unnest($2::bigint[], $3::bytea[]) AS f (position, digest)
  JOIN journal j ON j.shard = $1 AND j.position = f.position WHERE sha256(${canonical}) = f.digest`

export class JournalArchiver {
  readonly #client: Client
  readonly name: DatabaseName

  private constructor(client: Client, name: DatabaseName) {
    this.#client = client
    this.name = name
  }

  /**
   * @throws {ArchiveRefused} where another one is at work in this database, or it never had a process.
   * @throws {JournalError} where the server does not keep what it commits.
   */
  static async open(databaseUrl: string): Promise<JournalArchiver> {
    const client = new Client({ ...clientConfig(databaseUrl, limits), application_name: 'shardpay-archiver' })
    // the statement that runs, or the next one, fails of it
    client.on('error', () => undefined)
    await client.connect()
    try {
      const { system } = await prepareConnection(client, 'shardpay-archiver', limits)
      await client.query(`SELECT set_config('role', 'shardpay_archiver', false)`)
      await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]).catch((cause: unknown) => {
        if (!(cause instanceof DatabaseError) || cause.code !== lockNotAvailable) throw cause
        throw new ArchiveRefused('somebody else archives or restores in this database', { cause })
      })
      const { rows } = await client.query<{ id: string | null }>('SELECT database_id::text AS id FROM cluster_meta')
      const database = rows[0]?.id
      if (database === undefined || database === null)
        throw new ArchiveRefused('no process was ever started with this database')
      return new JournalArchiver(client, { database, system })
    } catch (error) {
      await client.end()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#client.end()
  }

  // --- what there is -------------------------------------------------------------------------------------------------------

  /** Payments of a shard whose last decision was made before `closedBefore` (unix ms), in order of entity. */
  async silentSince(shard: number, closedBefore: number): Promise<readonly string[]> {
    const { rows } = await this.#client.query<{ entity: string }>(closedText, [shard, closedBefore])
    return rows.map(({ entity }) => entity)
  }

  /**
   * All rows of these payments, in order of entity and sequence.
   * @throws {ArchiveRefused} where one is not as the hash chain sealed it.
   */
  async rowsOf(shard: number, entities: readonly string[]): Promise<readonly JournalRow[]> {
    const { rows } = await this.#client.query<StoredRow & { readonly sealed: boolean | null }>(rowsText, [
      shard,
      byteaArrayOfHex(entities),
    ])
    return rows.flatMap(({ sealed, ...row }) => {
      if (sealed !== false) return [toRow(row)]
      throw new ArchiveRefused(
        `shard ${shard}, position ${row.position}: the row is not the one that was sealed; shardpay journal verify says more`,
      )
    })
  }

  /** How many payments each file has that were archived to it and not restored since. */
  async archivedTo(first: number, last: number): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#client.query<{ file: string; payments: number }>(
      `SELECT file, (sum(CASE kind WHEN 'archived' THEN 1 ELSE -1 END * octet_length(digests)) / ${digestBytes})::int AS payments
        FROM journal_archive_log WHERE shard BETWEEN $1 AND $2 GROUP BY file`,
      [first, last],
    )
    return new Map(rows.map(({ file, payments }) => [file, payments]))
  }

  /** What stands in for these payments' rows. */
  async standInsOf(shard: number, entities: readonly string[]): Promise<readonly StandIn[]> {
    const { rows } = await this.#client.query<StoredStandIn>(
      `SELECT ${standInColumns}, a.private FROM journal_archived a WHERE a.shard = $1 AND a.entity = ANY($2)`,
      [shard, byteaArrayOfHex(entities)],
    )
    return rows.map(toStandIn)
  }

  // --- moving --------------------------------------------------------------------------------------------------------------

  /**
   * Deletes the rows of payments of one shard and lets what is given stand in for them. A payment that has gone on, or whose
   * rows must stay, is left out.
   * @param fileDigest SHA-256 of the file that has the rows.
   * @returns entities that were archived.
   * @throws {ArchiveRefused} where a row is not as in the file, or not as it was sealed. Nothing is done then.
   */
  archive(
    shard: number,
    payments: readonly ArchivedPayment[],
    fileDigest: Buffer,
    at: number,
  ): Promise<readonly string[]> {
    return this.#transaction(async () => {
      const { rows: found } = await this.#client.query<{ entity: string }>(movableText, [
        shard,
        byteaArrayOfHex(payments.map(({ standIn }) => standIn.entity)),
        int4Array(payments.map(({ standIn }) => standIn.seq)),
        int8Array(payments.map(({ standIn }) => Math.max(...standIn.positions))),
      ])
      const movable = new Set(found.map(({ entity }) => entity))
      const moved = payments.filter(({ standIn }) => movable.has(standIn.entity))
      if (moved.length === 0) return []
      const standIns = moved.map(({ standIn }) => standIn)
      const rows = moved.flatMap((payment) => payment.rows)
      const { rowCount } = await this.#client.query(deleteRowsText, [
        shard,
        int8Array(rows.map(({ position }) => position)),
        byteaArray(rows.map(({ digest }) => digest)),
        byteaArray(rows.map((row) => row.private)),
        textArray(rows.map(({ keyId }) => keyId)),
      ])
      if (rowCount !== rows.length) {
        throw new ArchiveRefused(
          `shard ${shard}: ${rows.length - (rowCount ?? 0)} of ${rows.length} rows are not those of the file, or not as they were sealed`,
        )
      }
      await this.#client.query(insertStandInsText, [
        shard,
        at,
        byteaArrayOfHex(standIns.map(({ entity }) => entity)),
        int4Array(standIns.map(({ seq }) => seq)),
        int4Array(standIns.map(({ epoch }) => epoch)),
        int8Array(standIns.map(({ closedAt }) => closedAt)),
        textArray(standIns.map(({ file }) => file)),
        byteaArray(standIns.map(({ positions }) => packPositions(positions))),
        byteaArray(standIns.map(({ data }) => data)),
        byteaArray(standIns.map((standIn) => standIn.private)),
      ])
      await this.#client.query(deleteSnapshotsText, [
        shard,
        byteaArrayOfHex(standIns.map(({ entity }) => entity)),
        int4Array(standIns.map(({ seq }) => seq)),
      ])
      await this.#log(shard, 'archived', at, standIns, fileDigest)
      return standIns.map(({ entity }) => entity)
    })
  }

  /**
   * Puts the rows of payments of one shard back, under the positions and epochs that they had, and removes what stood in for
   * them. Payments that are there already are left as they are.
   * @returns entities that were restored.
   * @throws {ArchiveRefused} where a payment is not archived to this file, or a row is not as it was sealed. Nothing is done then.
   */
  restore(
    shard: number,
    payments: ReadonlyMap<string, readonly ArchivedRow[]>,
    file: { readonly name: string; readonly digest: Buffer },
    at: number,
  ): Promise<readonly string[]> {
    return this.#transaction(async () => {
      const { rows: known } = await this.#client.query(
        `SELECT FROM journal_archive_log WHERE shard = $1 AND file = $2 AND kind = 'archived' AND file_digest = $3 LIMIT 1`,
        [shard, file.name, file.digest],
      )
      if (known.length === 0) {
        throw new ArchiveRefused(`shard ${shard}: no payment was archived to a file ${file.name} with these bytes`)
      }
      const standIns = await this.standInsOf(shard, [...payments.keys()])
      for (const { entity, file: name, positions } of standIns) {
        const rows = payments.get(entity) ?? []
        const isOfFile =
          rows.length === positions.length && rows.every((row, index) => row.position === positions[index])
        if (name !== file.name || !isOfFile)
          throw new ArchiveRefused(`payment ${entity} is archived to ${name}, with other rows`)
      }
      const archived = new Set(standIns.map(({ entity }) => entity))
      await this.#assertPresent(
        shard,
        [...payments].filter(([entity]) => !archived.has(entity)).flatMap(([, rows]) => rows),
      )
      if (standIns.length === 0) return []
      await this.#insertRows(
        shard,
        standIns.flatMap(({ entity }) => payments.get(entity) ?? []),
      )
      const { rowCount } = await this.#client.query(
        'DELETE FROM journal_archived WHERE shard = $1 AND entity = ANY($2)',
        [shard, byteaArrayOfHex([...archived])],
      )
      if (rowCount !== standIns.length) throw new ArchiveRefused(`shard ${shard}: somebody else restores as well`)
      await this.#log(shard, 'restored', at, standIns, file.digest)
      return [...archived]
    })
  }

  async #insertRows(shard: number, rows: readonly ArchivedRow[]): Promise<void> {
    const { rowCount } = await this.#client.query(insertRowsText, [
      shard,
      int8Array(rows.map(({ position }) => position)),
      byteaArrayOfHex(rows.map(({ entity }) => entity)),
      int4Array(rows.map(({ seq }) => seq)),
      int4Array(rows.map(({ epoch }) => epoch)),
      byteaArrayOfHex(rows.map(({ command }) => command)),
      textArray(rows.map(({ type }) => type)),
      int8Array(rows.map(({ at }) => at)),
      byteaArray(rows.map(({ data }) => data)),
      byteaArray(rows.map((row) => row.private)),
      textArray(rows.map(({ keyId }) => keyId)),
      byteaArray(rows.map(({ digest }) => digest)),
    ])
    if (rowCount !== rows.length) {
      throw new ArchiveRefused(
        `shard ${shard}: ${rows.length - (rowCount ?? 0)} rows of the file are not those that were sealed`,
      )
    }
  }

  async #assertPresent(shard: number, rows: readonly ArchivedRow[]): Promise<void> {
    if (rows.length === 0) return
    const values = [
      shard,
      int8Array(rows.map(({ position }) => position)),
      byteaArray(rows.map(({ digest }) => digest)),
    ]
    const { rows: found } = await this.#client.query<{ present: number }>(presentText, values)
    if (found[0]?.present !== rows.length) {
      throw new ArchiveRefused(`shard ${shard}: rows of the file are neither archived nor in the journal`)
    }
  }

  async #log(
    shard: number,
    kind: LogEntry['kind'],
    at: number,
    standIns: readonly StandIn[],
    fileDigest: Buffer,
  ): Promise<void> {
    const { rows } = await this.#client.query<Pick<LogEntry, 'n' | 'hash'>>(
      'SELECT n, hash FROM journal_archive_log WHERE shard = $1 ORDER BY n DESC LIMIT 1',
      [shard],
    )
    const digests = Buffer.concat(standIns.map(digestOfStandIn))
    const file = standIns[0]?.file ?? ''
    const entry = { shard, n: (rows[0]?.n ?? 0) + 1, at, kind, file, fileDigest, digests }
    await this.#client.query(
      `INSERT INTO journal_archive_log (shard, n, at, kind, file, file_digest, digests, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [shard, entry.n, at, kind, file, fileDigest, digests, hashOfEntry(rows[0]?.hash ?? genesisHash, entry)],
    )
  }

  /** @throws {ArchiveRefused} where a constraint refused a row. */
  async #transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await inTransaction(this.#client, work)
    } catch (cause) {
      if (!(cause instanceof DatabaseError) || !cause.code?.startsWith('23')) throw cause
      throw new ArchiveRefused(`the database refused a row (${cause.constraint ?? cause.code})`, { cause })
    }
  }
}
