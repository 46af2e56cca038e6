/** What ownership asks of the database while shards are dark: work for the shards it is about, not for all. */
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PostgresHarness, postgresHarness } from '../test/support/journal-harness.ts'
import { prepareConnection } from './connection.ts'
import { journalLimits } from './journal-limits.ts'
import { releaseText } from './ownership.ts'

let harness: PostgresHarness

beforeEach(async () => {
  harness = await postgresHarness()
})

afterEach(async () => {
  await harness.close()
})

test('giving up one shard looks at no other, however many its node has', async () => {
  const node = await harness.start('node-1')
  await node.journal.acquire(Array.from({ length: 1024 }, (_, shard) => shard))
  const client = new Client({ connectionString: harness.url })
  await client.connect()
  try {
    await prepareConnection(client, 'test', journalLimits())
    await client.query(`PREPARE release (int[], int[], bigint[]) AS ${releaseText}`)
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: Record<string, number> }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE release ('{5}', '{1}', '{1}')`,
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    expect(plan?.['Actual Rows']).toBe(1)
    expect((plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)).toBeLessThan(50)
  } finally {
    await client.end()
  }
})
