/** For tests: looks into a journal database and meddles with it from outside, past journals and proxies. */
import { Client } from 'pg'
import type { ArchivedRecord, EntityKey, JournalRow, NoticeRow, PspReferenceRow } from '../../actors/journal.ts'
import type { AccountSums } from '../../actors/read-rows.ts'
import type { ReadTables } from '../../actors/read-side-testing.ts'
import { safeIntegerTypes } from '../../persistence/int8.ts'
import { type ArchivedRow, chainedBytes, sha256Of } from '../../persistence/journal-archive-format.ts'
import { JournalArchiver } from '../../persistence/journal-archiver.ts'
import { sealText } from '../../persistence/journal-chain.ts'
import { rowColumns, type StoredRow, toRow } from '../../persistence/reads.ts'
import { readBalances, readTables } from './read-tables.ts'

export interface JournalInspection {
  readonly admin: Client
  rows(shard: number): Promise<readonly JournalRow[]>
  merchants(): Promise<ReadonlyMap<string, number>>
  pspReferences(): Promise<readonly PspReferenceRow[]>
  notices(): Promise<readonly NoticeRow[]>
  readTables(shard: number): Promise<ReadTables>
  balances(): Promise<readonly AccountSums[]>
  archive(record: ArchivedRecord): Promise<boolean>
  restore(key: EntityKey): Promise<void>
  loseRowsAfter(shard: number, position: number): Promise<void>
  raiseEpoch(shard: number): Promise<void>
  close(): Promise<void>
}

const archiveFile = { name: 'test.archive', digest: Buffer.alloc(32, 1) }

export async function inspectJournal(databaseUrl: string): Promise<JournalInspection> {
  const admin = new Client({ connectionString: databaseUrl, types: safeIntegerTypes })
  await admin.connect()
  /** As the file would have them. */
  const archivedRows = new Map<string, readonly ArchivedRow[]>()
  return {
    admin,
    async rows(shard) {
      const { rows } = await admin.query<StoredRow>(
        `SELECT ${rowColumns} FROM journal j WHERE shard = $1 ORDER BY position`,
        [shard],
      )
      return rows.map(toRow)
    },
    async merchants() {
      const { rows } = await admin.query<{ merchant: string; version: number }>(
        'SELECT merchant, version FROM merchant',
      )
      return new Map(rows.map(({ merchant, version }) => [merchant, version]))
    },
    async pspReferences() {
      const { rows } = await admin.query<PspReferenceRow>(
        "SELECT shard, encode(entity, 'hex') AS entity, connection, reference FROM psp_ref",
      )
      return rows
    },
    async notices() {
      const { rows } = await admin.query<NoticeRow>(
        `SELECT shard, encode(entity, 'hex') AS entity, connection, notice, type, status, reason,
          encode(payment, 'hex') AS payment, received_at AS "receivedAt" FROM psp_notice`,
      )
      return rows
    },
    readTables: (shard) => readTables(admin, shard),
    balances: () => readBalances(admin),
    async archive(record) {
      const { shard, entity } = record
      await admin.query('UPDATE cluster_meta SET database_id = gen_random_uuid() WHERE database_id IS NULL')
      await admin.query(sealText, [shard, shard, Number.MAX_SAFE_INTEGER])
      const archiver = await JournalArchiver.open(databaseUrl)
      try {
        const rows = (await archiver.rowsOf(shard, [entity])).map((row) => ({
          ...row,
          digest: sha256Of(chainedBytes(row)),
        }))
        const positions = rows.map(({ position }) => position).slice(0, record.seq)
        const standIn = { ...record, closedAt: rows.at(-1)?.at ?? 0, archivedAt: 1, file: archiveFile.name, positions }
        const done = await archiver.archive(shard, [{ standIn, rows }], archiveFile.digest, 1)
        if (done.length === 1) archivedRows.set(entity, rows)
        return done.length === 1
      } finally {
        await archiver.close()
      }
    },
    async restore({ shard, entity }) {
      const archiver = await JournalArchiver.open(databaseUrl)
      try {
        await archiver.restore(shard, new Map([[entity, archivedRows.get(entity) ?? []]]), archiveFile, 2)
      } finally {
        await archiver.close()
      }
    },
    async loseRowsAfter(shard, position) {
      await admin.query('DELETE FROM journal WHERE shard = $1 AND position > $2', [shard, position])
    },
    async raiseEpoch(shard) {
      await admin.query('UPDATE shard_owner SET epoch = epoch + 1 WHERE shard = $1', [shard])
    },
    close: () => admin.end(),
  }
}
