/** The journal databases that a program's settings name. */
import { shardCount } from '../domain/ids.ts'
import { type JournalDatabase, JournalDatabasesError, parseJournalDatabases } from '../persistence/journal-databases.ts'
import { ConfigError } from '../runtime/config.ts'

export interface DatabaseSettings {
  readonly databaseUrl: string | undefined
  readonly journalDatabaseUrls: string | undefined
}

/** @throws {ConfigError} where none or both are set, or they are written wrong. */
export function databasesOf({ databaseUrl, journalDatabaseUrls }: DatabaseSettings): readonly JournalDatabase[] {
  if ((databaseUrl === undefined) === (journalDatabaseUrls === undefined)) {
    const problem = 'must be set, and not both'
    throw new ConfigError([{ variable: 'DATABASE_URL or JOURNAL_DATABASE_URLS', problem }])
  }
  try {
    return parseJournalDatabases(journalDatabaseUrls ?? databaseUrl ?? '', shardCount)
  } catch (error) {
    if (!(error instanceof JournalDatabasesError)) throw error
    throw new ConfigError([{ variable: 'JOURNAL_DATABASE_URLS', problem: error.message }])
  }
}
