/** The journal databases that a program's settings name. */
import { shardCount } from '../domain/ids.ts'
import { type JournalDatabase, JournalDatabasesError, parseJournalDatabases } from '../persistence/journal-databases.ts'
import type { QueryDatabase } from '../persistence/queries.ts'
import { ConfigError } from '../runtime/config.ts'

/**
 * The same with the replicas that queries are to be answered from, where there are some.
 * @throws {ConfigError} where they are not one for each database.
 */
export function queryDatabasesOf(
  databases: readonly JournalDatabase[],
  readDatabaseUrls: string | undefined,
): readonly QueryDatabase[] {
  if (readDatabaseUrls === undefined) return databases
  const replicas = replicasOf(readDatabaseUrls)
  return databases.map((database) => {
    const replica = replicas.find(({ first, last }) => first === database.first && last === database.last)
    if (replica === undefined) throw replicasError('must have the ranges of the journal databases')
    return { ...database, replicaUrl: replica.url }
  })
}

function replicasOf(text: string): readonly JournalDatabase[] {
  try {
    return parseJournalDatabases(text, shardCount)
  } catch (error) {
    if (!(error instanceof JournalDatabasesError)) throw error
    throw replicasError(error.message)
  }
}

function replicasError(problem: string): ConfigError {
  return new ConfigError([{ variable: 'SHARDPAY_READ_DATABASE_URLS', problem }])
}

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
