/**
 * Puts a node together: journal, directory of merchants, PSP connections, actor host, and the controller that takes shards,
 * hands them off and drains.
 */
import { defaultHostLimits, Host } from '../actors/host.ts'
import { createEffectRunner } from '../actors/effect-runner.ts'
import { inboxKind } from '../actors/inbox-kind.ts'
import { merchantKind } from '../actors/merchant-kind.ts'
import { createNoticeDelivery } from '../actors/notice-delivery.ts'
import { ledgerClosesKind, operatorKind, pspConnectionsKind } from '../actors/operator-kind.ts'
import { paymentKind } from '../actors/payment-kind.ts'
import { VelocityAgent } from '../actors/velocity-agent.ts'
import { Velocity } from '../actors/velocity.ts'
import { HandOffRefused } from '../cluster/hand-off.ts'
import { sameIncarnation } from '../cluster/member.ts'
import { assignShards } from '../cluster/placement.ts'
import type { Envelope, RouteAnswer, Router } from '../cluster/router.ts'
import { RebalanceAgent } from '../cluster/rebalance-agent.ts'
import { serveRoutes } from '../cluster/route-server.ts'
import { ShardController } from '../cluster/shard-controller.ts'
import type { NodeStatus } from '../cluster/status.ts'
import type { DeliverNotice } from '../domain/inbox/commands.ts'
import type { PaymentEffect } from '../domain/payment/effects.ts'
import { AcceptedReads } from '../persistence/accepted-reads.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import type { PollingMerchantDirectory } from '../persistence/merchant-directory.ts'
import { PostgresPspReferences } from '../persistence/psp-references.ts'
import { ShardedJournal, statsOf } from '../persistence/sharded-journal.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { systemRandom } from '../runtime/random.ts'
import type { Cluster } from './cluster.ts'
import { moveShard } from './move-shard.ts'
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts'
import type { ProcessConnections } from './psp/connections.ts'

export interface NodeOptions {
  readonly cluster: Cluster
  readonly databases: readonly JournalDatabase[]
  readonly directory: PollingMerchantDirectory
  /** To the PSPs, by connection; they may change while the node runs. */
  readonly connections: Pick<ProcessConnections, 'connectors' | 'profiles'>
  /** Known once the gateway listens. */
  readonly returnUrlBase: () => string
  readonly log: Log
  readonly metrics: Metrics
}

export interface RunningNode {
  readonly host: Host
  /** What others reach of it. */
  readonly router: Router
  readonly controller: ShardController
  reasons(): readonly string[]
  status(seconds: number): NodeStatus
  /** Stores what is behind. */
  flush(): Promise<void>
  /** Hands every shard to others, then ends. */
  stop(): Promise<void>
}

/** How long a drained node waits for PSPs that have not answered yet; what comes later, the new owners ask for. */
const callsPatienceMs = 20_000
const callsPollMs = 20
/** Somebody has to mend the database first. */
const lostRowsRetryAfterMs = 30_000
const hottestMax = 64
const velocityTopic = 'velocity'
const recordsMax = 50

export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { cluster, log, directory } = options
  const { self, links, membership, owners, watch, router, limits } = cluster
  const journal = await ShardedJournal.connect({
    databases: options.databases,
    ...self,
    deaths: cluster.leases,
    clock: systemClock,
    log: log.child({ component: 'journal' }),
  })
  const { connectors, profiles } = options.connections
  const metrics = createNodeMetrics(options.metrics)
  const pspLog = log.child({ component: 'psp' })
  const call = createEffectRunner(connectors, systemClock, {
    called(connection, operation, effect, outcome, ms) {
      metrics.called(connection, operation, effect, outcome, ms)
      pspLog.debug({ connection, operation, kind: effect, status: outcome.kind, duration_ms: Math.round(ms) }, 'called')
    },
    broken(connection, error) {
      pspLog.error({ connection, error }, 'a connector threw')
    },
  })

  const references = new PostgresPspReferences(options.databases, self, systemClock)
  const deliver = createNoticeDelivery({
    router,
    references,
    clock: systemClock,
    random: systemRandom,
    observer: {
      handedOver: ({ connection }, { kind }, ms) => metrics.noticeHandedOver(connection, kind, ms),
      broken(connection, error) {
        pspLog.error({ connection, error }, 'a notice could not be handed over: tried again')
      },
    },
  })

  const velocity = new Velocity({ directory, clock: systemClock })
  const hostLog = log.child({ component: 'host' })
  let stopping = false
  const uncertain = new Set<number>()
  const run = (effect: PaymentEffect | DeliverNotice): Promise<unknown> =>
    effect.kind === 'deliver' ? deliver(effect) : call(effect)
  const host = new Host({
    name: `shardpay-${self.node}-${self.incarnation}`,
    kinds: [
      paymentKind({
        directory,
        connections: profiles,
        random: systemRandom,
        velocity,
        returnUrlBase: options.returnUrlBase,
      }),
      merchantKind,
      inboxKind,
      operatorKind,
      pspConnectionsKind,
      ledgerClosesKind,
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
        hostLog.warn({ shard }, 'shard lost to another owner')
        void watch.refresh()
      },
    },
    // After a long sleep input can come before timers: whoever was declared dead meanwhile calls no PSP.
    runEffect: (effect) =>
      membership.watchdog.hasStoodStill() ? Promise.resolve(undefined) : run(effect as PaymentEffect | DeliverNotice),
    forward: (envelope) => router.route(envelope),
  })
  metrics.observe(host, () => statsOf(journal))

  const clusterLog = log.child({ component: 'cluster' })
  const controller = new ShardController({
    self,
    host,
    membership,
    owners,
    watch,
    links,
    clock: systemClock,
    limits,
    place: assignShards,
    databaseOf: (shard) => journal.databaseOf(shard),
    observer: {
      moved: (record) => {
        metrics.moved(record)
        clusterLog.debug(
          {
            shard: record.shard,
            epoch: record.epoch,
            peer: record.to,
            reason: record.reason,
            duration_ms: record.blackoutMs,
          },
          'shard moved',
        )
      },
      tookOver: (record) => {
        metrics.takenOver(record)
        clusterLog.warn(
          { count: record.shards, peer: record.from.node, duration_ms: record.tookMs },
          'took over shards',
        )
      },
      failed(what, error, shards) {
        // In the end of a whole cluster nobody takes anything: what was released waits for the next start.
        const level = stopping && error instanceof HandOffRefused ? 'debug' : 'warn'
        clusterLog[level]({ kind: what, count: shards.length, error }, 'shards could not change hands: tried again')
      },
    },
  })
  const served = withRefusals(host, (shard) => controller.refusalOf(shard))
  serveRoutes({ self, links, host: served, owners, clock: systemClock })
  let lastDurable = 0
  let lastFlush = { ms: 0, count: 0 }
  const rebalancer = new RebalanceAgent({
    node: self.node,
    membership: () => membership.membership,
    owners,
    board: cluster.board,
    clock: systemClock,
    move: (shard, _from, to, reason) => moveShard(cluster, controller, shard, to, reason),
    observer: {
      failed: (shard, error) => clusterLog.warn({ shard, error }, 'a shard could not be moved for its load'),
    },
  })
  const exchange = exchangeCounts({ velocity, options, metrics })
  controller.start()
  rebalancer.start()

  return {
    host,
    router: served,
    controller,
    reasons() {
      return [
        ...(stopping ? ['stopping'] : []),
        // One stuck shard is shown, it does not take the node out; the journal's absence makes all of them uncertain.
        ...(uncertain.size > 0 && uncertain.size >= host.ownedShards.length / 2 ? ['journal_unavailable'] : []),
      ]
    },
    status(seconds) {
      const load = host.takeLoad()
      const commands = load.reduce((sum, each) => sum + each.commands, 0)
      const stats = host.stats()
      const { durable, flushMs, flushes } = statsOf(journal)
      const flush = { ms: flushMs - lastFlush.ms, count: flushes - lastFlush.count }
      lastFlush = { ms: flushMs, count: flushes }
      const durablePerSecond = Math.round((durable - lastDurable) / seconds)
      lastDurable = durable
      const hottest = load
        .toSorted((a, b) => b.commands - a.commands || a.shard - b.shard)
        .slice(0, hottestMax)
        .map(({ shard, commands: count }) => ({ shard, perSecond: Math.round(count / seconds) }))
      return {
        shards: stats.shards,
        uncertain: stats.uncertain,
        stuck: controller.stuck,
        readSide: { behind: stats.readBehind, parked: stats.readParked },
        entities: stats.entities,
        pending: stats.pending,
        commandsPerSecond: Math.round(commands / seconds),
        durablePerSecond,
        flushMs: flush.count === 0 ? 0 : Math.round((flush.ms / flush.count) * 100) / 100,
        hottest,
        moves: controller.moves.slice(-recordsMax),
        takeovers: controller.takeovers.slice(-recordsMax),
        connections: [...connectors.keys()],
        gateways: cluster.board.all.flatMap(({ status }) => (status.roles.includes('node') ? [] : [status])),
      }
    },
    flush: () => host.flush(),
    async stop() {
      stopping = true
      rebalancer.stop()
      await controller.drain()
      // Their outcomes are the new owners' to know: each is sent on as it arrives.
      const until = systemClock.monotonic() + callsPatienceMs
      while (host.stats().calls > 0 && systemClock.monotonic() < until) {
        await new Promise<void>((resolve) => void systemClock.schedule(callsPollMs, resolve))
      }
      await host.stop()
      controller.stop()
      await exchange.stop()
      await membership.leave()
      await references.close()
    },
  }
}

interface CountsExchange {
  readonly velocity: Velocity
  readonly options: NodeOptions
  readonly metrics: NodeMetrics
}

/** Keeps what nodes count for merchants' limits up with each other. @returns how to end it. */
function exchangeCounts({ velocity, options, metrics }: CountsExchange): { stop(): Promise<void> } {
  const { cluster, databases, directory, log } = options
  const { self, links, membership } = cluster
  const limitsLog = log.child({ component: 'limits' })
  const reader = new AcceptedReads(databases, self, systemClock)
  const agent = new VelocityAgent({
    velocity,
    limited: () => directory.limited,
    peers: {
      get all() {
        const others = membership.membership.leases.filter((lease) => !sameIncarnation(lease, self))
        return others.map(({ node, incarnation }) => {
          return { node, incarnation, linked: links.to({ node, incarnation }) !== undefined }
        })
      },
      tell(body) {
        for (const link of links.all) if (link.peer.roles.includes('node')) link.tell(velocityTopic, body)
      },
    },
    reader,
    clock: systemClock,
    observer: {
      read(count, ms) {
        metrics.acceptedRead('read')
        limitsLog.debug({ count, duration_ms: Math.round(ms) }, 'read what was accepted lately')
      },
      failed(error) {
        metrics.acceptedRead('failed')
        limitsLog.warn({ error }, 'what was accepted lately cannot be read: limits go on with what is known')
      },
    },
  })
  metrics.observeVelocity(velocity)
  const unhear = links.on({
    told(from, topic, body) {
      if (topic !== velocityTopic || !from.roles.includes('node')) return
      if (!agent.hear(from, body)) limitsLog.warn({ peer: from.node }, 'a message about limits cannot be read')
    },
  })
  agent.start()
  return {
    async stop() {
      unhear()
      agent.stop()
      await reader.close()
    },
  }
}

/** A shard that nobody can serve is refused at once; its callers would else wait for an owner that does not come. */
function withRefusals(host: Router, refusalOf: (shard: number) => string | undefined): Router {
  return {
    async route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
      const answer = await host.route<Answer>(envelope)
      if (answer.kind === 'answered' || answer.reason !== 'shard_not_owned') return answer
      const reason = refusalOf(envelope.shard)
      return reason === undefined ? answer : { ...answer, reason, retryAfterMs: lostRowsRetryAfterMs }
    },
  }
}
