/**
 * The journal databases that a proof reads: named by the settings of a node (DATABASE_URL or JOURNAL_DATABASE_URLS, or their
 * files), else those of a running `npm start`. A proof asks the databases and nobody else, so that it holds whatever runs.
 */
import { shardCount } from '../../domain/ids.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { ConfigError, loadConfig } from '../../runtime/config.ts'
import { serverSettings } from '../config.ts'
import { databasesOf } from '../databases.ts'
import type { Surroundings } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { readDevFile } from './settings.ts'

/** Undefined where none are named. @throws {CliError} where they are written wrong. */
export function namedDatabases({
  env,
  directory,
}: Pick<Surroundings, 'env' | 'directory'>): readonly JournalDatabase[] | undefined {
  const { databaseUrl, journalDatabaseUrls } = serverSettings
  try {
    const settings = loadConfig({ databaseUrl, journalDatabaseUrls }, env)
    if (settings.databaseUrl !== undefined || settings.journalDatabaseUrls !== undefined) return databasesOf(settings)
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new CliError(exitCodes.usage, cause.message, { cause })
  }
  const url = readDevFile(env, directory)?.database_url
  return url === undefined ? undefined : [{ url, first: 0, last: shardCount - 1 }]
}

/** @throws {CliError} where none are named. */
export function provedDatabases(surroundings: Pick<Surroundings, 'env' | 'directory'>): readonly JournalDatabase[] {
  const databases = namedDatabases(surroundings)
  if (databases !== undefined) return databases
  throw new CliError(exitCodes.usage, 'no database is named: a proof reads the databases themselves', {
    fix: 'set DATABASE_URL or JOURNAL_DATABASE_URLS as nodes have it, or run npm start',
  })
}
