/** For tests: journals over one fresh database, each behind a proxy of its own that can trouble its connections. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Client } from 'pg'
import type { JournalHarness, TestNode } from '../../actors/journal-conformance.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { createTestDatabase } from './test-database.ts'
import type { JournalLimits } from '../../persistence/journal-limits.ts'
import { PostgresJournal } from '../../persistence/postgres-journal.ts'
import { PostgresLeaseStore } from '../../persistence/postgres-lease-store.ts'
import { inspectJournal } from './journal-inspection.ts'

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
  start(
    node: string,
    limits?: Partial<JournalLimits>,
    options?: { readonly terminates: boolean },
  ): Promise<PostgresTestNode>
  /** Server processes of a node's lanes. */
  lanePids(node: PostgresTestNode): Promise<number[]>
}

export async function postgresHarness(serverUrl?: string): Promise<PostgresHarness> {
  const database = await createTestDatabase(serverUrl)
  const inspection = await inspectJournal(database.url)
  const { admin } = inspection
  // Past the proxies: what is tried here is the journal.
  const self = { node: 'harness', incarnation: 'i0' }
  const leases = await PostgresLeaseStore.connect({ databaseUrl: database.url, self })
  const nodes: PostgresTestNode[] = []

  async function start(
    node: string,
    limits: Partial<JournalLimits> = {},
    options: { readonly terminates: boolean } = { terminates: true },
  ): Promise<PostgresTestNode> {
    const proxy = await startTcpProxy({ targetPort: Number(new URL(database.url).port) })
    const incarnation = `i${nodes.length + 1}`
    await leases.start({ node, incarnation }, { address: '', build: '' })
    const journal = await PostgresJournal.connect({
      databaseUrl: proxy.through(database.url),
      node,
      incarnation,
      deaths: leases,
      ...options,
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
    ...inspection,
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
    async close() {
      for (const { journal, proxy } of nodes) {
        await journal.close()
        await proxy.close()
      }
      await leases.close()
      await inspection.close()
      await database.drop()
    },
  }
}
