/** One server with fsync for all `*.test.ts` of a run, with a migrated database that tests' databases are copied from. */
import type { TestProject } from 'vitest/node'
import { migrate } from '../../persistence/migrate.ts'
import { withClient } from '../../persistence/with-client.ts'
import { startPostgres } from './postgres.ts'
import { templateDatabase, withDatabase } from './test-database.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres()
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${templateDatabase}`))
  await migrate(withDatabase(server.url, templateDatabase))
  project.provide('postgresUrl', server.url)
  return () => server.stop()
}
