/** Puts a node together: journal, directory of merchants, PSP connectors, actor host. It owns all shards of the cluster. */
import { defaultHostLimits, Host } from '../actors/host.ts'
import { createEffectRunner } from '../actors/effect-runner.ts'
import { merchantKind } from '../actors/merchant-kind.ts'
import { paymentKind } from '../actors/payment-kind.ts'
import { shardCount } from '../domain/ids.ts'
import type { PaymentEffect } from '../domain/payment/effects.ts'
import { PollingMerchantDirectory } from '../persistence/merchant-directory.ts'
import { checkClusterMeta } from '../persistence/migrate.ts'
import { PostgresJournal } from '../persistence/postgres-journal.ts'
import { PostgresLeaseStore } from '../persistence/postgres-lease-store.ts'
import { createReadModel } from '../persistence/read-model.ts'
import type { Connector } from '../psp/connector.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { systemRandom } from '../runtime/random.ts'
import { createNodeMetrics } from './node-metrics.ts'

export interface NodeOptions {
  readonly databaseUrl: string
  readonly nodeId: string
  readonly idKey: Uint8Array
  /** To the PSPs, each under the name of its connection; the node closes them when it stops. */
  readonly connectors: readonly Connector[]
  /** Known once the gateway listens. */
  readonly returnUrlBase: () => string
  readonly log: Log
  readonly metrics: Metrics
  /** Another incarnation of this node took its shards: this one must end. */
  readonly lost: () => void
}

export interface RunningNode {
  readonly host: Host
  readonly directory: PollingMerchantDirectory
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Stores what is behind and reads the directory anew. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** @throws where the database is away, unsafe or another cluster's; the process should end then. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { databaseUrl, nodeId, log } = options
  await checkClusterMeta(databaseUrl, options.idKey)
  const incarnation = systemRandom.hex(6)
  const self = { node: nodeId, incarnation }
  const leases = await PostgresLeaseStore.connect({ databaseUrl, self, log: log.child({ component: 'lease' }) })
  await leases.start(self, { address: '', build: '' })
  const journal = await PostgresJournal.connect({
    databaseUrl,
    ...self,
    deaths: leases,
    clock: systemClock,
    log: log.child({ component: 'journal' }),
  })
  const readModel = createReadModel(databaseUrl)
  const directory = new PollingMerchantDirectory({
    source: readModel,
    clock: systemClock,
    log: log.child({ component: 'directory' }),
  })
  await directory.start()

  const connectors = new Map(options.connectors.map((connector) => [connector.profile.connection, connector]))
  const metrics = createNodeMetrics(options.metrics)
  const pspLog = log.child({ component: 'psp' })
  const runEffect = createEffectRunner(connectors, systemClock, {
    called(connection, operation, effect, outcome, ms) {
      metrics.called(connection, operation, effect, outcome, ms)
      pspLog.debug({ connection, operation, kind: effect, status: outcome.kind, duration_ms: Math.round(ms) }, 'called')
    },
    broken(connection, error) {
      pspLog.error({ connection, error }, 'a connector threw')
    },
  })

  const hostLog = log.child({ component: 'host' })
  let stopping = false
  const uncertain = new Set<number>()
  const host = new Host({
    name: `shardpay-${nodeId}-${incarnation}`,
    kinds: [
      paymentKind({
        directory,
        connections: new Map([...connectors].map(([name, { profile }]) => [name, profile])),
        random: systemRandom,
        returnUrlBase: options.returnUrlBase,
      }),
      merchantKind,
    ],
    journal,
    clock: systemClock,
    random: systemRandom,
    limits: defaultHostLimits,
    observer: {
      trouble: (what, error, where) => {
        metrics.trouble(what)
        hostLog.error({ code: what, error, ...where }, 'the host is in trouble')
      },
      shardUncertain: (shard) => {
        if (uncertain.size === 0) hostLog.warn({ shard }, 'the outcome of a commit is unknown: asking the journal')
        uncertain.add(shard)
        metrics.shardUncertain()
      },
      shardRecovered: (shard) => {
        uncertain.delete(shard)
        if (uncertain.size === 0) hostLog.info({ shard }, 'all shards are certain again')
      },
      shardLost: (shard) => {
        uncertain.delete(shard)
        hostLog.error({ shard }, 'shard lost to another owner')
        if (!stopping) options.lost()
      },
    },
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
  metrics.observe(host, journal)
  const { opened: owned } = await host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
  if (owned.length < shardCount) throw new Error(`only ${owned.length} of ${shardCount} shards could be taken`)
  hostLog.info({ count: owned.length, incarnation: Number.parseInt(incarnation.slice(0, 8), 16) }, 'shards taken')

  return {
    host,
    directory,
    readiness() {
      const reasons = [
        ...(stopping ? ['stopping'] : []),
        // One stuck shard is shown, it does not take the node out; the journal's absence makes all of them uncertain.
        ...(uncertain.size >= shardCount / 2 ? ['journal_unavailable'] : []),
      ]
      return { ready: reasons.length === 0, reasons }
    },
    async flush() {
      await host.flush()
      await directory.refresh()
    },
    async stop() {
      stopping = true
      await host.stop()
      directory.stop()
      await Promise.all([leases.close(), readModel.close(), ...[...connectors.values()].map((each) => each.close())])
    },
  }
}
