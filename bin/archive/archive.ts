/**
 * Moves payments that were closed long ago out of the journal databases into files. In this order: the file is written, brought
 * to the disk, read back and checked; only then their rows are deleted, a few hundred payments at a time, each time together
 * with what stands in for them. A process that dies anywhere leaves rows, or a file and what stands in; the next run finishes a
 * file that was left before it begins its own. Payments are taken meanwhile.
 *
 * Leaves to others: the transactions and what they refuse (persistence/journal-archiver.ts).
 */
import { archivedOf } from '../../actors/archived.ts'
import type { StatesOf } from '../../actors/entity-kind.ts'
import { foldHistory } from '../../actors/fold.ts'
import type { JournalRow } from '../../actors/journal.ts'
import { paymentStates } from '../../actors/payment-kind.ts'
import { type ArchivedRow, archiveFormat } from '../../persistence/journal-archive-format.ts'
import { readArchive } from '../../persistence/journal-archive-reader.ts'
import { ArchiveWriter } from '../../persistence/journal-archive-writer.ts'
import { type ArchivedPayment, ArchiveRefused, JournalArchiver } from '../../persistence/journal-archiver.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { assert } from '../../runtime/assert.ts'
import { newFileName, pendingFiles, pendingPath, settleFile } from './files.ts'

const paymentsAtOnceDefault = 200
/** A file that has become this large is finished, and another one begun. */
const fileBytesMax = 1024 * 1024 * 1024

export interface ArchiveScope {
  readonly databases: readonly JournalDatabase[]
  /** Default: all. */
  readonly shards?: ReadonlySet<number>
  /** Where the files go; it exists. */
  readonly directory: string
  /** Payments whose last decision was made before; Unix milliseconds. */
  readonly closedBefore: number
  /** Unix milliseconds. */
  readonly now: number
  /** Default: 1 GiB. */
  readonly fileBytesMax?: number
  /** Of one transaction, and of one query. Default: 200. */
  readonly paymentsAtOnce?: number
  readonly progress?: (payments: number) => void
  /** Called between steps. Tests end the process there. */
  readonly reached?: (step: ArchiveStep) => void
}

export type ArchiveStep =
  | 'writing'
  | 'file_on_disk'
  | 'file_checked'
  | 'batch_moved'
  | 'payments_moved'
  | 'file_settled'

export interface ArchivedFile {
  readonly file: string
  /** That left the database with this run. */
  readonly payments: number
  readonly rows: number
  /** It had been left by an earlier run. */
  readonly resumed: boolean
}

export interface ArchiveReport {
  readonly payments: number
  readonly rows: number
  readonly files: readonly ArchivedFile[]
  /** Payments that were silent as long, and are not closed: they stay. */
  readonly open: number
}

const kind = paymentStates as StatesOf

/** @throws {ArchiveRefused}, {ArchiveFileError}, or what a database or the disk failed with. What was moved before stays moved. */
export async function archiveJournal(scope: ArchiveScope): Promise<ArchiveReport> {
  const files: ArchivedFile[] = []
  let open = 0
  for (const database of scope.databases) {
    const archiver = await JournalArchiver.open(database.url)
    try {
      const run = new DatabaseRun(scope, database, archiver, files)
      await run.resume()
      await run.archive()
      open += run.open
    } finally {
      await archiver.close()
    }
  }
  const sum = (of: (file: ArchivedFile) => number): number => files.reduce((total, file) => total + of(file), 0)
  return { payments: sum(({ payments }) => payments), rows: sum(({ rows }) => rows), files, open }
}

class DatabaseRun {
  readonly #scope: ArchiveScope
  readonly #database: JournalDatabase
  readonly #archiver: JournalArchiver
  readonly #files: ArchivedFile[]
  open = 0

  constructor(scope: ArchiveScope, database: JournalDatabase, archiver: JournalArchiver, files: ArchivedFile[]) {
    this.#scope = scope
    this.#database = database
    this.#archiver = archiver
    this.#files = files
  }

  /** Finishes what an earlier run has left. */
  async resume(): Promise<void> {
    const { directory } = this.#scope
    for (const file of await pendingFiles(directory, this.#archiver.name, this.#database)) await this.#move(file, true)
  }

  async archive(): Promise<void> {
    const { shards, closedBefore, paymentsAtOnce = paymentsAtOnceDefault } = this.#scope
    let writer: ArchiveWriter | undefined
    let file = ''
    try {
      for (let shard = this.#database.first; shard <= this.#database.last; shard += 1) {
        if (shards?.has(shard) === false) continue
        const silent = await this.#archiver.silentSince(shard, closedBefore)
        for (let from = 0; from < silent.length; from += paymentsAtOnce) {
          const rows = await this.#closedRows(shard, silent.slice(from, from + paymentsAtOnce))
          if (rows.length === 0) continue
          if (writer === undefined) [file, writer] = await this.#begin()
          await writer.write(rows)
          this.#scope.reached?.('writing')
          if (writer.bytes < (this.#scope.fileBytesMax ?? fileBytesMax)) continue
          await this.#finish(writer, file)
          writer = undefined
        }
      }
    } catch (error) {
      await writer?.abandon()
      throw error
    }
    if (writer !== undefined) await this.#finish(writer, file)
  }

  async #begin(): Promise<[string, ArchiveWriter]> {
    const { directory, closedBefore, now } = this.#scope
    const { first, last } = this.#database
    const { name } = this.#archiver
    const file = newFileName(directory, name, this.#database, now)
    const writer = await ArchiveWriter.create(pendingPath(directory, file), {
      ...{ format: archiveFormat, database: name.database, system: name.system },
      ...{ first_shard: first, last_shard: last, created_at: now, closed_before: closedBefore },
    })
    return [file, writer]
  }

  async #finish(writer: ArchiveWriter, file: string): Promise<void> {
    const written = await writer.finish()
    this.#scope.reached?.('file_on_disk')
    await this.#move(file, false, written.sha256)
  }

  /** Of payments that were silent long enough the rows of those that are closed. */
  async #closedRows(shard: number, entities: readonly string[]): Promise<readonly JournalRow[]> {
    const rows = await this.#archiver.rowsOf(shard, entities)
    return [...Map.groupBy(rows, ({ entity }) => entity).values()].flatMap((own) => {
      const isClosed = archivedOf(kind, historyOf(own), this.#scope.now) !== undefined
      if (!isClosed) this.open += 1
      return isClosed ? own : []
    })
  }

  /** Reads the file back; then its payments leave the database. @param sha256 what was written, where this run wrote it. */
  async #move(file: string, resumed: boolean, sha256?: string): Promise<void> {
    const { directory, now, progress, reached, paymentsAtOnce = paymentsAtOnceDefault } = this.#scope
    const path = pendingPath(directory, file)
    const contents = await readArchive(path, () => undefined)
    if (sha256 !== undefined && contents.sha256 !== sha256)
      throw new ArchiveRefused(`${file}: the disk does not hold what was written`)
    if (contents.header.database !== this.#archiver.name.database)
      throw new ArchiveRefused(`${file}: it is of another database`)
    reached?.('file_checked')
    const moved = { payments: 0, rows: 0 }
    const fileDigest = Buffer.from(contents.sha256, 'hex')
    await readArchive(path, async (rows) => {
      for (const { shard, payments } of batchesOf(rows, file, now, paymentsAtOnce)) {
        const entities = new Set(await this.#archiver.archive(shard, payments, fileDigest, now))
        const own = payments.filter(({ standIn }) => entities.has(standIn.entity))
        moved.payments += own.length
        moved.rows += own.reduce((sum, payment) => sum + payment.rows.length, 0)
        reached?.('batch_moved')
        progress?.(this.#files.reduce((sum, { payments: before }) => sum + before, moved.payments))
      }
    })
    reached?.('payments_moved')
    await settleFile(directory, file)
    this.#files.push({ file, ...moved, resumed })
    reached?.('file_settled')
  }
}

function historyOf(rows: readonly JournalRow[]): ReturnType<typeof foldHistory> {
  for (const { keyId, shard, position } of rows) {
    assert(keyId === null, 'encrypted personal data cannot be archived by this build', { shard, position })
  }
  return foldHistory(kind, { archived: undefined, snapshot: undefined, rows }, Number.MAX_SAFE_INTEGER)
}

interface Batch {
  readonly shard: number
  readonly payments: readonly ArchivedPayment[]
}

/** Payments of one shard each. */
function* batchesOf(rows: readonly ArchivedRow[], file: string, now: number, paymentsAtOnce: number): Generator<Batch> {
  for (const [shard, ofShard] of Map.groupBy(rows, (row) => row.shard)) {
    const payments = [...Map.groupBy(ofShard, ({ entity }) => entity)].map(([entity, own]): ArchivedPayment => {
      const parts = archivedOf(kind, historyOf(own), now)
      assert(parts !== undefined, 'a file has payments that were closed', { entity })
      const closedAt = own.at(-1)?.at ?? 0
      const positions = own.map(({ position }) => position)
      return { rows: own, standIn: { shard, entity, ...parts, closedAt, archivedAt: now, file, positions } }
    })
    for (let from = 0; from < payments.length; from += paymentsAtOnce) {
      yield { shard, payments: payments.slice(from, from + paymentsAtOnce) }
    }
  }
}
