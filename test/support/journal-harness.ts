/** For tests: journals over one fresh database, each behind a proxy of its own that can trouble its connections. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Client } from 'pg'
import type { JournalHarness, TestNode } from '../../actors/journal-conformance.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { createTestDatabase } from './test-database.ts'
import { safeIntegerTypes } from '../../persistence/int8.ts'
import type { JournalLimits } from '../../persistence/journal-limits.ts'
import { PostgresJournal } from '../../persistence/postgres-journal.ts'
import { PostgresLeaseStore } from '../../persistence/postgres-lease-store.ts'
import { rowColumns, type StoredRow, toRow } from '../../persistence/reads.ts'

/** Short, so that a test need not wait for what production waits for; long enough for a machine that is busy. */
export const testLimits: Partial<JournalLimits> = {
  lockTimeoutMs: 1_000,
  statementTimeoutMs: 1_200,
  transactionTimeoutMs: 1_400,
  flushTimeoutMs: 1_600,
}

export interface PostgresTestNode extends TestNode {
  readonly journal: PostgresJournal
  readonly proxy: TcpProxy
  readonly node: string
  readonly incarnation: string
}

export interface PostgresHarness extends JournalHarness {
  readonly url: string
  /** Looks and meddles from outside, past the proxies. */
  readonly admin: Client
  start(node: string, limits?: Partial<JournalLimits>): Promise<PostgresTestNode>
  /** Server processes of a node's lanes. */
  lanePids(node: PostgresTestNode): Promise<number[]>
}

export async function postgresHarness(serverUrl?: string): Promise<PostgresHarness> {
  const database = await createTestDatabase(serverUrl)
  const admin = new Client({ connectionString: database.url, types: safeIntegerTypes })
  await admin.connect()
  // Past the proxies: what is tried here is the journal.
  const self = { node: 'harness', incarnation: 'i0' }
  const leases = await PostgresLeaseStore.connect({ databaseUrl: database.url, self })
  const nodes: PostgresTestNode[] = []

  async function start(node: string, limits: Partial<JournalLimits> = {}): Promise<PostgresTestNode> {
    const proxy = await startTcpProxy({ targetPort: Number(new URL(database.url).port) })
    const incarnation = `i${nodes.length + 1}`
    await leases.start({ node, incarnation }, { address: '', build: '' })
    const journal = await PostgresJournal.connect({
      databaseUrl: proxy.through(database.url),
      node,
      incarnation,
      deaths: leases,
      limits: { ...testLimits, ...limits },
    })
    const started: PostgresTestNode = {
      journal,
      proxy,
      node,
      incarnation,
      async declareDead() {
        await leases.declareDead({ node, incarnation }, undefined)
      },
      breakNextFlush(lost) {
        void proxy.atNextSync(lost === 'answer' ? 'cut_after' : 'cut_before')
      },
      stopNextFlush() {
        const unknownBefore = journal.stats.unknown
        return {
          reached: proxy.atNextSync('hold_all'),
          release: () => proxy.resume(),
          async giveUp() {
            while (journal.stats.unknown === unknownBefore) await nextTurn()
          },
        }
      },
    }
    nodes.push(started)
    return started
  }

  return {
    url: database.url,
    admin,
    start,
    async lanePids({ node, incarnation }) {
      const { rows } = await admin.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, $1)',
        [`shardpay ${node} ${incarnation} lane-`],
      )
      return rows.map(({ pid }) => pid)
    },
    async rows(shard) {
      const { rows } = await admin.query<StoredRow>(
        `SELECT ${rowColumns} FROM journal j WHERE shard = $1 ORDER BY position`,
        [shard],
      )
      return rows.map(toRow)
    },
    async merchants() {
      const { rows } = await admin.query<{ merchant: string; version: number }>(
        'SELECT merchant, version FROM merchant',
      )
      return new Map(rows.map(({ merchant, version }) => [merchant, version]))
    },
    async loseRowsAfter(shard, position) {
      await admin.query('DELETE FROM journal WHERE shard = $1 AND position > $2', [shard, position])
    },
    async raiseEpoch(shard) {
      await admin.query('UPDATE shard_owner SET epoch = epoch + 1 WHERE shard = $1', [shard])
    },
    async close() {
      for (const { journal, proxy } of nodes) {
        await journal.close()
        await proxy.close()
      }
      await leases.close()
      await admin.end()
      await database.drop()
    },
  }
}
