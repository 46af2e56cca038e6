/** `journal archive`, `journal restore`, and the archive files that proofs are given. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addressOfPayment } from '../../domain/ids.ts'
import { ArchiveFileError } from '../../persistence/journal-archive-format.ts'
import { type ArchiveIndex, indexArchive } from '../../persistence/journal-archive-reader.ts'
import { ArchiveRefused } from '../../persistence/journal-archiver.ts'
import { maskSecrets } from '../../runtime/log.ts'
import { archiveJournal } from '../archive/archive.ts'
import { isArchiveFile } from '../archive/files.ts'
import { restoreJournal } from '../archive/restore.ts'
import { directoryOf, shardsOf } from './arguments.ts'
import type { CommandContext } from './context.ts'
import { provedDatabases } from './databases.ts'
import { CliError, exitCodes } from './errors.ts'
import { plain, whole } from './output.ts'

/** Longer than any PSP lets a payment be disputed, with a month to spare for what it tells late. */
export const closedForDays = 400
const dayMs = 24 * 60 * 60 * 1000

export interface ArchiveOptions {
  readonly to: string
  /** Days. */
  readonly closedFor: number
}

export async function archive(
  context: CommandContext,
  only: readonly string[],
  options: ArchiveOptions,
): Promise<void> {
  const { json, out, err, isTerminal, clock } = context
  const shards = shardsOf(only)
  const now = clock.now()
  const report = await moved(
    context,
    archiveJournal({
      databases: provedDatabases(context),
      ...(shards !== undefined && { shards }),
      directory: directoryOf(options.to),
      ...{ closedBefore: now - options.closedFor * dayMs, now },
      progress: (payments) => void (isTerminal && !json && err(`\r\u001b[K${whole(payments)} payments archived`)),
    }),
  )
  if (json) return out(`${JSON.stringify(report)}\n`)
  for (const { file, payments, rows, resumed } of report.files) {
    out(`${file}: ${whole(payments)} payments, ${whole(rows)} rows${resumed ? ' (left by an earlier run)' : ''}\n`)
  }
  out(`${whole(report.payments)} payments archived\n`)
  if (report.open > 0) out(`${whole(report.open)} were silent as long and are not closed: they stay\n`)
  if (report.payments > 0)
    out(`keep the files: the journal is whole only with them. shardpay journal verify --archive ${options.to}\n`)
}

export async function restore(
  context: CommandContext,
  files: readonly string[],
  { payment }: { readonly payment?: string },
): Promise<void> {
  const { json, out, err, isTerminal, clock } = context
  const only = payment === undefined ? undefined : addressOfPayment(payment)?.entity
  if (payment !== undefined && only === undefined) {
    throw new CliError(exitCodes.usage, `${plain(payment)} is not a payment’s id`, { fix: 'pay_ and 26 characters' })
  }
  const report = await moved(
    context,
    restoreJournal({
      ...{ databases: provedDatabases(context), files, now: clock.now() },
      ...(only !== undefined && { only }),
      progress: (payments) => void (isTerminal && !json && err(`\r\u001b[K${whole(payments)} payments restored`)),
    }),
  )
  if (payment !== undefined && report.payments + report.present === 0) {
    throw new CliError(exitCodes.failed, `${payment} is in none of these files`, {
      fix: 'shardpay payment show says which file has it',
    })
  }
  if (json) return out(`${JSON.stringify(report)}\n`)
  for (const { file, payments, present } of report.files) {
    out(
      `${file}: ${whole(payments)} payments restored${present === 0 ? '' : `, ${whole(present)} were there already`}\n`,
    )
  }
}

/** The files of a directory, each read to its end. @throws {CliError} where one is not as it was written. */
export async function archivesIn(directory: string): Promise<readonly ArchiveIndex[]> {
  const files = readdirSync(directoryOf(directory)).filter(isArchiveFile).sort()
  const indexes: ArchiveIndex[] = []
  try {
    for (const file of files) indexes.push(await indexArchive(join(directory, file)))
  } catch (cause) {
    if (!(cause instanceof ArchiveFileError)) throw cause
    throw new CliError(exitCodes.failed, cause.message, { fix: 'take the file from a copy', cause })
  }
  return indexes
}

/** @throws {CliError} whatever kept payments from moving: what was moved before stays moved. */
async function moved<Report>({ json, err, isTerminal }: CommandContext, work: Promise<Report>): Promise<Report> {
  const clear = (): void => void (isTerminal && !json && err('\r\u001b[K'))
  try {
    const report = await work
    clear()
    return report
  } catch (cause) {
    clear()
    const why = maskSecrets(cause instanceof Error ? cause.message : String(cause))
    if (cause instanceof ArchiveRefused || cause instanceof ArchiveFileError) {
      throw new CliError(exitCodes.failed, why, { fix: 'docs/journal-archive.md says what to do', cause })
    }
    throw new CliError(exitCodes.unreachable, `it was broken off: ${why}`, {
      fix: 'run it again: it goes on where it was broken off, and nothing is lost',
      cause,
    })
  }
}
