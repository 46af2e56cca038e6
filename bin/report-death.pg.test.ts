import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Incarnation } from '../cluster/member.ts'
import { PostgresLeaseStore } from '../persistence/postgres-lease-store.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { reportDeath } from './report-death.ts'

const dead: Incarnation = { node: 'node-1', incarnation: 'a1' }
const successor: Incarnation = { node: 'node-1', incarnation: 'a2' }
const other: Incarnation = { node: 'node-2', incarnation: 'b1' }
const details = { address: '127.0.0.1:7000', build: 'test' }

let database: TestDatabase
let stores: PostgresLeaseStore[]

async function living(self: Incarnation): Promise<PostgresLeaseStore> {
  const store = await PostgresLeaseStore.connect({ databaseUrl: database.url, self })
  stores.push(store)
  await store.start(self, details)
  return store
}

beforeEach(async () => {
  database = await createTestDatabase()
  stores = []
})

afterEach(async () => {
  for (const store of stores) await store.close()
  await database.drop()
})

test('the reported incarnation is dead for good, whatever it renewed, and nobody else is', async () => {
  const store = await living(dead)
  const witness = await living(other)
  await store.renew(dead, false)
  await reportDeath(database.url, dead)
  expect(await witness.dead([dead, other])).toEqual([dead])
  expect(await store.renew(dead, false)).toBe('dead')
  expect((await witness.read()).leases).toMatchObject([other])
})

test('a report that comes after the node has started anew, or twice, harms nobody', async () => {
  await living(dead)
  const store = await living(successor)
  for (let report = 0; report < 2; report += 1) await reportDeath(database.url, dead)
  expect(await store.renew(successor, false)).toBe('renewed')
  expect((await store.read()).leases).toMatchObject([successor])
})

test('a gateway’s death, which has no lease, is reported without harm', async () => {
  const store = await living(other)
  await reportDeath(database.url, { node: 'gateway-1', incarnation: 'c1' })
  expect((await store.read()).leases).toMatchObject([other])
})

test('without the database the report fails with a code, and hangs nobody', async () => {
  const nowhere = new URL(database.url)
  nowhere.port = '1'
  await expect(reportDeath(nowhere.href, dead)).rejects.toMatchObject({ code: 'membership_unavailable' })
})
