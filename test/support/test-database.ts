/** A fresh, migrated database per test, copied from the template of the run's server (postgres-global-setup.ts). */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'

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
  const name = `test_${randomBytes(8).toString('hex')}`
  await statement(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${templateDatabase}`)
  return {
    url: withDatabase(serverUrl, name),
    drop: () => statement(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function statement(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
