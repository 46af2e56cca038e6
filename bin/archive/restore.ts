/**
 * Puts the rows of archived payments back into the journal: the same bytes at the same positions under the same epochs. A file
 * is read to its end and checked before the first row of it moves, and every row has to be the one that the chain sealed.
 * Payments that are there already are left as they are, so a run that was broken off is simply repeated.
 */
import { readArchive } from '../../persistence/journal-archive-reader.ts'
import { ArchiveRefused, JournalArchiver } from '../../persistence/journal-archiver.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { nameOfFile } from './files.ts'

const paymentsAtOnce = 200

export interface RestoreScope {
  readonly databases: readonly JournalDatabase[]
  readonly files: readonly string[]
  /** Entity of the one payment that is wanted; default: all that are in the files. */
  readonly only?: string
  /** Unix milliseconds. */
  readonly now: number
  readonly progress?: (payments: number) => void
}

export interface RestoreReport {
  readonly files: readonly { readonly file: string; readonly payments: number; readonly present: number }[]
  readonly payments: number
  /** Payments of the files that were in the journal already. */
  readonly present: number
}

/** @throws {ArchiveRefused}, {ArchiveFileError}, or what a database failed with. What was restored before stays restored. */
export async function restoreJournal({ databases, files, only, now, progress }: RestoreScope): Promise<RestoreReport> {
  const archivers: JournalArchiver[] = []
  const report: { file: string; payments: number; present: number }[] = []
  try {
    for (const { url } of databases) archivers.push(await JournalArchiver.open(url))
    for (const path of files) {
      const { header, sha256 } = await readArchive(path, () => undefined)
      const name = nameOfFile(path)
      const archiver = archivers.find((each) => each.name.database === header.database)
      if (archiver === undefined) throw new ArchiveRefused(`${name}: it is of none of these databases`)
      const done = { file: name, payments: 0, present: 0 }
      report.push(done)
      const file = { name, digest: Buffer.from(sha256, 'hex') }
      await readArchive(path, async (rows) => {
        const wanted = only === undefined ? rows : rows.filter(({ entity }) => entity === only)
        for (const [shard, ofShard] of Map.groupBy(wanted, (row) => row.shard)) {
          const payments = [...Map.groupBy(ofShard, ({ entity }) => entity)]
          for (let from = 0; from < payments.length; from += paymentsAtOnce) {
            const batch = new Map(payments.slice(from, from + paymentsAtOnce))
            const restored = await archiver.restore(shard, batch, file, now)
            done.payments += restored.length
            done.present += batch.size - restored.length
            progress?.(report.reduce((sum, each) => sum + each.payments, 0))
          }
        }
      })
    }
  } finally {
    await Promise.all(archivers.map((archiver) => archiver.close()))
  }
  const sum = (of: 'payments' | 'present'): number => report.reduce((total, each) => total + each[of], 0)
  return { files: report, payments: sum('payments'), present: sum('present') }
}
