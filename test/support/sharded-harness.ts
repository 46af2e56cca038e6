/**
 * For tests: sharded journals over fresh databases on several servers. The split is between shards 5 and 6, which the
 * journals' suite uses together, so that what it asks for is asked of both servers.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JournalHarness, TestNode } from '../../actors/journal-conformance.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { PostgresLeaseStore } from '../../persistence/postgres-lease-store.ts'
import { type PostgresJournalPart, ShardedJournal, statsOf } from '../../persistence/sharded-journal.ts'
import { testLimits } from './journal-harness.ts'
import { inspectJournal, type JournalInspection } from './journal-inspection.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { createTestDatabase } from './test-database.ts'

export interface ShardedTestNode extends TestNode {
  readonly journal: ShardedJournal<PostgresJournalPart>
  /** In order of shard. */
  readonly proxies: readonly TcpProxy[]
}

export interface ShardedHarness extends JournalHarness {
  readonly databases: readonly JournalDatabase[]
  start(node: string): Promise<ShardedTestNode>
}

const lastOfFirst = 5

export async function shardedHarness(serverUrls: readonly [string, string]): Promise<ShardedHarness> {
  const fresh = await Promise.all(serverUrls.map((url) => createTestDatabase(url)))
  const urls = fresh.map(({ url }) => url) as [string, string]
  const databases: readonly JournalDatabase[] = [
    { first: 0, last: lastOfFirst, url: urls[0] },
    { first: lastOfFirst + 1, last: 1023, url: urls[1] },
  ]
  const [low, high] = (await Promise.all(urls.map(inspectJournal))) as [JournalInspection, JournalInspection]
  const inspectionOf = (shard: number): JournalInspection => (shard <= lastOfFirst ? low : high)
  const leases = await PostgresLeaseStore.connect({
    databaseUrl: urls[0],
    self: { node: 'harness', incarnation: 'i0' },
  })
  const nodes: ShardedTestNode[] = []

  async function start(node: string): Promise<ShardedTestNode> {
    const proxies = await Promise.all(urls.map((url) => startTcpProxy({ targetPort: Number(new URL(url).port) })))
    const incarnation = `i${nodes.length + 1}`
    await leases.start({ node, incarnation }, { address: '', build: '' })
    const journal = await ShardedJournal.connect({
      databases: databases.map((each, index) => ({ ...each, url: (proxies[index] as TcpProxy).through(each.url) })),
      node,
      incarnation,
      deaths: leases,
      limits: testLimits,
    })
    const disarmAllBut = (reached: TcpProxy): void => {
      for (const proxy of proxies) if (proxy !== reached) proxy.resume()
    }
    /** The first of the servers that the next flush reaches. */
    const firstSync = (action: Parameters<TcpProxy['atNextSync']>[0]): Promise<TcpProxy> =>
      Promise.race(proxies.map((proxy) => proxy.atNextSync(action).then(() => proxy)))
    const started: ShardedTestNode = {
      journal,
      proxies,
      async declareDead() {
        await leases.declareDead({ node, incarnation }, undefined)
      },
      breakNextFlush(lost) {
        void firstSync(lost === 'answer' ? 'cut_after' : 'cut_before').then(disarmAllBut)
      },
      stopNextFlush() {
        const unknownBefore = statsOf(journal).unknown
        // Also at the other server, if the flush has a part for it.
        const reached = firstSync('hold_all')
        return {
          reached: reached.then(() => undefined),
          release() {
            for (const proxy of proxies) proxy.resume()
          },
          async giveUp() {
            disarmAllBut(await reached)
            while (statsOf(journal).unknown === unknownBefore) await nextTurn()
          },
        }
      },
    }
    nodes.push(started)
    return started
  }

  return {
    databases,
    start,
    rows: (shard) => inspectionOf(shard).rows(shard),
    async merchants() {
      return new Map([...(await low.merchants()), ...(await high.merchants())])
    },
    pspReferences: async () => [...(await low.pspReferences()), ...(await high.pspReferences())],
    notices: async () => [...(await low.notices()), ...(await high.notices())],
    readTables: (shard) => inspectionOf(shard).readTables(shard),
    balances: async () => [...(await low.balances()), ...(await high.balances())],
    archive: (record) => inspectionOf(record.shard).archive(record),
    restore: (key) => inspectionOf(key.shard).restore(key),
    loseRowsAfter: (shard, position) => inspectionOf(shard).loseRowsAfter(shard, position),
    raiseEpoch: (shard) => inspectionOf(shard).raiseEpoch(shard),
    async close() {
      for (const { journal, proxies } of nodes) {
        await journal.close()
        for (const proxy of proxies) await proxy.close()
      }
      await Promise.all([low.close(), high.close(), leases.close()])
      for (const database of fresh) await database.drop()
    },
  }
}
