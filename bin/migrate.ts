/**
 * `npm run migrate`: brings every journal database to this build's schema, before the first start and before a newer build
 * is started. It may run while an older build does, and several times at once. Exit code 0: all are up to date; 1: one could
 * not be migrated, and is as it was; 2: the settings are wrong.
 */
import { migrateAll } from '../persistence/migrate.ts'
import { ConfigError, loadConfig } from '../runtime/config.ts'
import { maskSecrets } from '../runtime/log.ts'
import { serverSettings } from './config.ts'
import { databasesOf } from './databases.ts'

const { databaseUrl, journalDatabaseUrls } = serverSettings

try {
  const databases = databasesOf(loadConfig({ databaseUrl, journalDatabaseUrls }, process.env))
  await migrateAll(databases)
  console.log(`${databases.length === 1 ? 'the database is' : `${databases.length} databases are`} up to date`)
} catch (error) {
  console.error(maskSecrets(error instanceof Error ? error.message : String(error)))
  process.exit(error instanceof ConfigError ? 2 : 1)
}
