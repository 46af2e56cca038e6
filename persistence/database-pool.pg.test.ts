import { expect, test } from 'vitest'
import { createTestDatabase } from '../test/support/test-database.ts'
import { DatabasePool } from './database-pool.ts'
import { journalLimits } from './journal-limits.ts'
import { withClient } from './with-client.ts'

test('a connection that is lost within a transaction fails that transaction, and nothing else', async () => {
  const database = await createTestDatabase()
  const pool = new DatabasePool({
    databaseUrl: database.url,
    applicationName: 'a transaction',
    limits: journalLimits(),
    connected: () => undefined,
    failed: () => undefined,
  })
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)
  process.on('uncaughtException', note)
  try {
    const transaction = pool.transaction(async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await withClient(database.url, (admin) => admin.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid]))
      await client.query('SELECT 1')
    })
    await expect(transaction).rejects.toMatchObject({ code: 'journal_unavailable' })
    expect(await pool.query({ text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
  } finally {
    await pool.close()
    await database.drop()
    process.off('uncaughtException', note)
  }
  expect(uncaught).toEqual([])
})
