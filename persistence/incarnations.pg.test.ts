import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { type Incarnation, sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import { assertIncarnation, declareDead, startIncarnation } from './incarnations.ts'
import { journalLimits } from './journal-limits.ts'
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

function poolOf(self: Incarnation, failed: (error: Error) => void = () => undefined): DatabasePool {
  const applicationName = `${sessionTag(self)}pool`
  const limits = journalLimits()
  const pool = new DatabasePool({
    databaseUrl: database.url,
    applicationName,
    limits,
    connected: () => undefined,
    failed,
  })
  pools.push(pool)
  return pool
}

function query(text: string): Promise<Record<string, unknown>[]> {
  return withClient(database.url, async (client) => (await client.query<Record<string, unknown>>(text)).rows)
}

const one = { node: 'node-1', incarnation: 'a1' }
const oneAgain = { node: 'node-1', incarnation: 'a12' }
const two = { node: 'node-2', incarnation: 'a1' }

test('a new incarnation of a node ends the earlier ones, and no other node', async () => {
  await startIncarnation(poolOf(one), one, { address: '10.0.0.1:7000', build: '1.2.3' })
  await startIncarnation(poolOf(two), two)
  await startIncarnation(poolOf(oneAgain), oneAgain)
  expect(await query('SELECT node, incarnation, state, address FROM node_lease ORDER BY node, incarnation')).toEqual([
    { node: 'node-1', incarnation: 'a1', state: 'dead', address: '10.0.0.1:7000' },
    { node: 'node-1', incarnation: 'a12', state: 'alive', address: null },
    { node: 'node-2', incarnation: 'a1', state: 'alive', address: null },
  ])
})

test('an incarnation starts once, also when it is dead', async () => {
  await startIncarnation(poolOf(one), one)
  await expect(startIncarnation(poolOf(one), one)).rejects.toMatchObject({ code: 'journal_fenced' })
  await startIncarnation(poolOf(oneAgain), oneAgain)
  await expect(startIncarnation(poolOf(one), one)).rejects.toMatchObject({ code: 'journal_fenced' })
  expect(await query(`SELECT incarnation FROM node_lease WHERE state = 'alive'`)).toEqual([{ incarnation: 'a12' }])
})

test('the sessions of an incarnation that is declared dead are ended, and no others', async () => {
  const ended = new Promise<Error>((resolve) => {
    void startIncarnation(poolOf(one, resolve), one)
  })
  const other = poolOf(two)
  await startIncarnation(other, two)
  // A node whose name or incarnation only begins like the dead one's.
  const alike = { node: 'node-1', incarnation: 'a1x' }
  const alikePool = poolOf(alike)
  const [before] = await alikePool.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' })
  while ((await query(`SELECT FROM node_lease WHERE node = 'node-1'`)).length === 0);
  await declareDead(other, one)
  expect((await ended).message).toContain('terminating connection')
  const left = await query(`SELECT application_name AS name FROM pg_stat_activity
    WHERE datname = current_database() AND starts_with(application_name, 'shardpay ') ORDER BY 1`)
  expect(left).toEqual([{ name: 'shardpay node-1 a1x pool' }, { name: 'shardpay node-2 a1 pool' }])
  expect(await alikePool.query({ text: 'SELECT pg_backend_pid() AS pid' })).toEqual([before])
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
