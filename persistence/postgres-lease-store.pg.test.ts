import { afterEach, describe, expect, test } from 'vitest'
import { describeLeaseStore } from '../cluster/lease-store-conformance.ts'
import type { Incarnation } from '../cluster/member.ts'
import { startTcpProxy } from '../test/support/tcp-proxy.ts'
import { createTestDatabase } from '../test/support/test-database.ts'
import { PostgresLeaseStore } from './postgres-lease-store.ts'
import { withClient } from './with-client.ts'

/** So many renewals' timeouts that a machine that is busy reaches the database in one. */
const limits = {
  renewalTimeoutMs: 1_500,
  renewalStatementTimeoutMs: 800,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 2_000,
  queryTimeoutMs: 2_500,
}

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function freshDatabase(): Promise<string> {
  const database = await createTestDatabase()
  cleanups.push(() => database.drop())
  return database.url
}

async function connect(url: string, self: Incarnation) {
  const proxy = await startTcpProxy({ targetPort: Number(new URL(url).port) })
  cleanups.push(() => proxy.close())
  const store = await PostgresLeaseStore.connect({ databaseUrl: proxy.through(url), self, limits })
  cleanups.push(() => store.close())
  return { store, proxy }
}

describeLeaseStore('the lease store in Postgres', async () => {
  const url = await freshDatabase()
  return {
    async connect(self) {
      const { store, proxy } = await connect(url, self)
      return {
        store,
        away() {
          proxy.refuse()
          proxy.cut()
        },
        back: () => proxy.resume(),
        loseNextReply: () => void proxy.atNextSync('cut_after'),
        stopNextRenewal() {
          return {
            reached: proxy.atNextSync('hold_all'),
            // the store does so by itself
            giveUp: () => undefined,
            async arrive() {
              const before = await leaseSessions(url)
              proxy.resume()
              while ((await leaseSessions(url)) === before);
            },
          }
        },
      }
    },
    close: async () => undefined,
  }
})

/** Sessions for renewals: one that was given up ends after its statement has arrived and was executed. */
async function leaseSessions(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ open: number }>(
      `SELECT count(*)::int AS open FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE '% lease'`,
    )
    return rows[0]?.open ?? 0
  })
}

describe('renewals in Postgres', () => {
  const self = { node: 'node-1', incarnation: 'a1' }

  test('do not wait behind other statements of their process that stand still', async () => {
    const url = await freshDatabase()
    const { store } = await connect(url, self)
    await store.start(self, { address: '', build: '' })
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query('LOCK TABLE shard_pin, cluster_policy')
      const reads = Array.from({ length: 10 }, () => store.read())
      expect(await store.renew(self, false)).toBe('renewed')
      await client.query('ROLLBACK')
      await Promise.all(reads)
    })
  })

  test('that are locked out end at the server too, and leave nothing behind that renews later', async () => {
    const url = await freshDatabase()
    const { store } = await connect(url, self)
    await store.start(self, { address: '', build: '' })
    await withClient(url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT FROM node_lease FOR UPDATE')
      await expect(store.renew(self, false)).rejects.toMatchObject({ code: 'membership_unavailable' })
      await client.query('COMMIT')
    })
    expect(await store.renew(self, false)).toBe('renewed')
    expect((await store.read()).leases).toMatchObject([{ renewals: 1 }])
  })

  test('hold one connection, however many there were, and it is gone when the store is closed', async () => {
    const url = await freshDatabase()
    const { store } = await connect(url, self)
    await store.start(self, { address: '', build: '' })
    for (let n = 0; n < 5; n += 1) await store.renew(self, false)
    await Promise.all([store.renew(self, false), store.renew(self, false)])
    expect((await store.read()).leases).toMatchObject([{ renewals: 7 }])
    expect(await leaseSessions(url)).toBeLessThanOrEqual(2)
    await store.close()
    while ((await leaseSessions(url)) > 0);
  })
})
