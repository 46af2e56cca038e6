import { afterEach, beforeEach, expect, test } from 'vitest'
import { assertIncarnation, type Incarnation } from '../cluster/member.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import { journalLimits } from './journal-limits.ts'
import { terminateSessions } from './terminate.ts'
import { withClient } from './with-client.ts'

let database: TestDatabase
const pools: DatabasePool[] = []

beforeEach(async () => {
  database = await createTestDatabase()
})

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
  await database.drop()
})

function poolOf(self: Incarnation, failed: (error: Error) => void = () => undefined, url = database.url): DatabasePool {
  const pool = new DatabasePool({
    databaseUrl: url,
    applicationName: `${sessionTag(self)}pool`,
    limits: journalLimits(),
    connected: () => undefined,
    failed,
  })
  pools.push(pool)
  return pool
}

async function pidOf(pool: DatabasePool): Promise<unknown> {
  return pool.query({ text: 'SELECT pg_backend_pid() AS pid' })
}

const one = { node: 'node-1', incarnation: 'a1' }
const alike = { node: 'node-1', incarnation: 'a1x' }
const two = { node: 'node-2', incarnation: 'a1' }

test('the sessions of the dead are ended, and no others, however alike their names', async () => {
  const ended = Promise.withResolvers<Error>()
  const [mine, other, alikePool] = [poolOf(one, ended.resolve), poolOf(two), poolOf(alike)]
  await pidOf(mine)
  const before = await Promise.all([other, alikePool].map(pidOf))
  await terminateSessions(other, [one, { node: 'node-9', incarnation: 'a1' }])
  expect((await ended.promise).message).toContain('terminating connection')
  expect(await Promise.all([other, alikePool].map(pidOf))).toEqual(before)
})

test('a role that may not end the session of another is told so', async () => {
  await pidOf(poolOf(one))
  const role = `guest_${new URL(database.url).pathname.slice(1)}`
  await withClient(database.url, (client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'guest'`))
  try {
    const url = new URL(database.url)
    url.username = role
    url.password = 'guest'
    const guest = poolOf(two, () => undefined, url.href)
    await withClient(database.url, (client) => client.query(`GRANT pg_read_all_stats TO ${role}`))
    await expect(terminateSessions(guest, [one])).rejects.toMatchObject({ code: '42501' })
  } finally {
    for (const pool of pools.splice(0)) await pool.close()
    await withClient(database.url, (client) => client.query(`DROP ROLE ${role}`))
  }
})

test('names that would not fit into a session’s name, or be the beginning of another, are not allowed', () => {
  const longest = { node: 'n'.repeat(24), incarnation: 'i'.repeat(20) }
  expect(() => assertIncarnation(longest)).not.toThrow()
  expect(`${sessionTag(longest)}lane-99`.length).toBeLessThanOrEqual(63)
  for (const wrong of [
    { node: 'n'.repeat(25), incarnation: 'i' },
    { node: 'n', incarnation: 'i'.repeat(21) },
    { node: 'node 1', incarnation: 'i' },
    { node: '', incarnation: 'i' },
    { node: 'n', incarnation: 'i-1' },
  ]) {
    expect(() => assertIncarnation(wrong)).toThrow('is named by')
  }
})
