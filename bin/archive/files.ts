/**
 * The names of archive files in their directory. A file is `.part` while it is written, `.pending` from when it is whole and
 * on the disk until every payment in it has left the database, and has its name alone from then on. So whoever comes after a
 * crash knows what was left undone.
 */
import { existsSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { partSuffix } from '../../persistence/journal-archive-writer.ts'
import type { DatabaseName } from '../../persistence/journal-archiver.ts'
import type { ShardRange } from '../../persistence/journal-databases.ts'

const pendingSuffix = '.pending'
const fileSuffix = '.archive'

/** Begins the names of a database's files. */
function prefixOf({ database }: DatabaseName, { first, last }: ShardRange): string {
  return `payments-${first}-${last}-${database.slice(0, 8)}-`
}

/** A name that the directory does not have. @param at Unix milliseconds. */
export function newFileName(directory: string, name: DatabaseName, range: ShardRange, at: number): string {
  const time = new Date(at)
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase()
  for (let n = 1; ; n += 1) {
    const file = `${prefixOf(name, range)}${time}-${n}${fileSuffix}`
    if (pathOfFile(directory, file) === undefined) return file
  }
}

export function pendingPath(directory: string, file: string): string {
  return join(directory, file + pendingSuffix)
}

/** The name that the database knows a file by, wherever it is now. */
export function nameOfFile(path: string): string {
  const name = basename(path)
  return name.endsWith(pendingSuffix) ? name.slice(0, -pendingSuffix.length) : name
}

/** Whether it is whole. */
export function isArchiveFile(path: string): boolean {
  return nameOfFile(path).endsWith(fileSuffix)
}

/** Where a file is; undefined where the directory does not have it. */
export function pathOfFile(directory: string, file: string): string | undefined {
  return [join(directory, file), pendingPath(directory, file)].find((path) => existsSync(path))
}

/** Every payment in it has left the database. */
export async function settleFile(directory: string, file: string): Promise<void> {
  await rename(pendingPath(directory, file), join(directory, file))
  const handle = await open(directory, 'r')
  await handle.sync()
  await handle.close()
}

/**
 * Files of this database that wait for their payments to leave it. Those that were never finished are removed: their rows are
 * in the journal.
 */
export async function pendingFiles(
  directory: string,
  name: DatabaseName,
  range: ShardRange,
): Promise<readonly string[]> {
  const own = (await readdir(directory)).filter((file) => file.startsWith(prefixOf(name, range))).sort()
  for (const file of own) if (file.endsWith(partSuffix)) await rm(join(directory, file))
  return own.filter((file) => file.endsWith(pendingSuffix)).map(nameOfFile)
}
