/** A fresh, migrated database per test, copied from the template of the run's server (postgres-global-setup.ts). */
import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { withClient } from '../../persistence/with-client.ts'

export const templateDatabase = 'shardpay_template'

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

export async function createTestDatabase(serverUrl = inject('postgresUrl')): Promise<TestDatabase> {
  return createDatabase(serverUrl, templateDatabase)
}

/** The same without the schema. */
export async function createEmptyDatabase(serverUrl = inject('postgresUrl')): Promise<TestDatabase> {
  return createDatabase(serverUrl, 'template1')
}

async function createDatabase(serverUrl: string, template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await statement(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return {
    url: withDatabase(serverUrl, name),
    drop: () => statement(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function statement(url: string, text: string): Promise<void> {
  await withClient(url, (client) => client.query(text))
}
