import { afterEach, beforeEach, expect, test } from 'vitest'
import { PostgresLeaseStore } from '../persistence/postgres-lease-store.ts'
import { ConfigError } from '../runtime/config.ts'
import { silentLog } from '../runtime/log.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { type Cluster, joinCluster } from './cluster.ts'

let database: TestDatabase
let leases: PostgresLeaseStore

beforeEach(async () => {
  database = await createTestDatabase()
  const node = { node: 'node-1', incarnation: 'i1' }
  leases = await PostgresLeaseStore.connect({ databaseUrl: database.url, self: node })
  await leases.start(node, { address: '127.0.0.1:1', build: 'test' })
})

afterEach(async () => {
  await leases.close()
  await database.drop()
})

function join(node: string): Promise<Cluster> {
  return joinCluster({
    self: { node, incarnation: 'g1' },
    roles: ['gateway'],
    build: 'test',
    databases: [{ first: 0, last: 1023, url: database.url }],
    link: { host: '127.0.0.1', port: 0 },
    local: () => undefined,
    log: silentLog,
    metrics: createMetrics({ ofProcess: false }),
    ended: () => undefined,
  })
}

test('a gateway under the name of a living node is refused: the two would never have a link', async () => {
  await expect(join('node-1')).rejects.toThrow(ConfigError)
  const gateway = await join('gateway-1')
  expect(gateway.membership.leaseOf('node-1')).toBeDefined()
  await gateway.stop()
})
