/** What several commands are given on the command line, checked. */
import { statSync } from 'node:fs'
import { shardCount } from '../../domain/ids.ts'
import { CliError, exitCodes } from './errors.ts'
import { plain } from './output.ts'

/** Undefined where none are named. @throws {CliError} where one cannot be. */
export function shardsOf(texts: readonly string[]): ReadonlySet<number> | undefined {
  return texts.length === 0 ? undefined : new Set(texts.map(shardOf))
}

function shardOf(text: string): number {
  const shard = Number(text)
  if (/^\d{1,4}$/.test(text) && shard < shardCount) return shard
  throw new CliError(exitCodes.usage, `there is no shard ${plain(text)}`, { fix: `shards are 0 to ${shardCount - 1}` })
}

/** @throws {CliError} where it is none. */
export function directoryOf(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw new CliError(exitCodes.usage, `${plain(path)} is not a directory`, {
    fix: 'make it first, on a disk that is backed up',
  })
}
