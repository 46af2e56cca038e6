/**
 * What every process of a cluster has, whatever its roles: membership as the first database tells it, the owners of all
 * shards, links to the others, and the router over them. A node renews its lease here; a gateway only watches.
 */
import { createClusterRouter, type ClusterRouter } from '../cluster/cluster-router.ts'
import { type ClusterLimits, clusterLimits } from '../cluster/cluster-limits.ts'
import type { Links } from '../cluster/link.ts'
import { createLinks } from '../cluster/links.ts'
import { type Incarnation, type Role, sameIncarnation } from '../cluster/member.ts'
import { MembershipAgent, type MembershipEnd } from '../cluster/membership.ts'
import { OwnerWatch } from '../cluster/owner-watch.ts'
import { OwnerTable } from '../cluster/owners.ts'
import type { Router } from '../cluster/router.ts'
import { learnOwned } from '../cluster/shard-controller-peers.ts'
import { StatusBoard } from '../cluster/status-board.ts'
import { LinkTls, linkTlsFilesIn } from '../cluster/tls.ts'
import { createWsNetwork } from '../cluster/ws-network.ts'
import { shardCount } from '../domain/ids.ts'
import { PostgresHints } from '../persistence/hints.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import { PostgresOwnerStore } from '../persistence/owner-store.ts'
import { PostgresLeaseStore } from '../persistence/postgres-lease-store.ts'
import { assert } from '../runtime/assert.ts'
import { systemClock } from '../runtime/clock.ts'
import { ConfigError } from '../runtime/config.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { systemRandom } from '../runtime/random.ts'
import { createClusterMetrics } from './cluster-metrics.ts'
import { createLinkLog } from './link-log.ts'

/** Links are made anew within this time after a certificate changed: long enough that they do not all do it at once. */
const recycleWithinMs = 20_000

export interface ClusterOptions {
  readonly self: Incarnation
  readonly roles: readonly Role[]
  readonly build: string
  /** In order of shard; the first holds the membership. */
  readonly databases: readonly JournalDatabase[]
  readonly link: {
    readonly host: string
    readonly port: number
    readonly address?: string
    readonly tlsDirectory?: string
  }
  /** The shards of this process, where it is a node; known after the host was made. */
  readonly local: () => Router | undefined
  readonly log: Log
  readonly metrics: Metrics
  /** This process was declared dead, or stood still for longer than its lease: it must end at once. */
  readonly ended: (reason: MembershipEnd) => void
}

export interface Cluster {
  readonly self: Incarnation
  readonly links: Links
  readonly leases: PostgresLeaseStore
  readonly membership: MembershipAgent
  readonly limits: ClusterLimits
  readonly owners: OwnerTable
  readonly watch: OwnerWatch
  readonly router: ClusterRouter
  readonly board: StatusBoard
  /** Where others reach this process's links; empty where it does not listen. */
  readonly address: string
  /** Shards without an owner that lives and can be reached. */
  unreachableShards(): number
  stop(): Promise<void>
}

export async function joinCluster(options: ClusterOptions): Promise<Cluster> {
  const { self, roles, build, databases, log, metrics } = options
  const isNode = roles.includes('node')
  const clusterLog = log.child({ component: 'cluster' })
  const clusterMetrics = createClusterMetrics(metrics)
  const [membershipDatabase] = databases
  assert(membershipDatabase !== undefined, 'a cluster has a database')
  const store = await PostgresLeaseStore.connect({ databaseUrl: membershipDatabase.url, self, log: clusterLog })
  const hints = await PostgresHints.start({ databases, self, clock: systemClock, log: clusterLog })
  const owners = new OwnerTable(shardCount)
  const limits = clusterLimits()
  const ownerStore = new PostgresOwnerStore({ databases, self, log: clusterLog })
  const watch = new OwnerWatch({ table: owners, store: ownerStore, hints, clock: systemClock, limits })
  const { host, port, address: advertise, tlsDirectory } = options.link
  const tls = tlsDirectory === undefined ? undefined : linkTls(tlsDirectory, clusterLog)
  if (tls !== undefined && isNode) assertNames(tls, self, roles)
  const linkLog = createLinkLog(clusterLog, clusterMetrics.links)
  const network = createWsNetwork({
    host,
    port,
    ...(advertise !== undefined && { advertise }),
    ...(tls !== undefined && { tls }),
    turnedAway: clusterMetrics.turnedAway,
  })
  const links = createLinks({
    self: { ...self, roles, build },
    network,
    clock: systemClock,
    random: systemRandom,
    observer: linkLog.observer,
  })
  const membership = new MembershipAgent({
    self: isNode ? self : undefined,
    store,
    hints,
    clock: systemClock,
    limits,
    observer: {
      ended: options.ended,
      declaredDead: ({ node }, why) => {
        clusterMetrics.declaredDead()
        clusterLog.warn({ peer: node, reason: why }, 'declared dead')
      },
      failed: (what, error) => clusterLog.debug({ kind: what, error }, 'the membership database did not answer'),
    },
  })
  const router = createClusterRouter({
    self,
    local: { route: (envelope) => options.local()?.route(envelope) ?? notOwned() },
    owners,
    links,
    living: (incarnation) => membership.lives(incarnation),
    refresh: () => void watch.refresh(),
    clock: systemClock,
    random: systemRandom,
    observer: clusterMetrics.router,
  })
  const board = new StatusBoard(systemClock)
  // Links made under certificates of before are replaced, so that a certificate that was taken back stops working.
  tls?.onChange(() => links.recycle(recycleWithinMs))
  if (tls !== undefined) clusterMetrics.observeTls(() => tls.expirySeconds)
  links.on({
    up: ({ peer }) => {
      clusterMetrics.linkOpened()
      linkLog.up(peer)
    },
    gone: (incarnation) => membership.gone(incarnation),
    told: (from, topic, body) => {
      if (topic !== 'status') learnOwned(owners, from, topic, body)
      else if (!board.hearFrom(from, body)) clusterMetrics.links.dropped?.('tell')
    },
  })
  const stop = async (): Promise<void> => {
    router.stop()
    watch.stop()
    membership.stop()
    await links.close()
    tls?.close()
    await Promise.all([store.close(), hints.close(), ownerStore.close()])
  }
  const address = isNode ? await links.listen() : ''
  await membership.start({ address, build })
  if (!isNode && membership.leaseOf(self.node) !== undefined) {
    await stop()
    throw nameTaken()
  }
  const connect = (): void => {
    if (!isNode && membership.leaseOf(self.node) !== undefined) clusterLog.error({}, nameTaken().message)
    links.connectTo(membership.membership.leases.filter((lease) => !sameIncarnation(lease, self)))
  }
  membership.onChange(connect)
  connect()
  await watch.start()
  clusterMetrics.observe({ owners, links, router })

  return {
    self,
    links,
    leases: store,
    membership,
    limits,
    owners,
    watch,
    router,
    board,
    address,
    unreachableShards: () =>
      owners.all.filter(
        ({ owner, released }) =>
          owner === undefined || released || !(sameIncarnation(owner, self) || links.to(owner) !== undefined),
      ).length,
    stop,
  }
}

function linkTls(directory: string, log: Log): LinkTls {
  return new LinkTls({
    files: linkTlsFilesIn(directory),
    clock: systemClock,
    observer: {
      reloaded: () => log.info({}, 'the certificate of links was taken up'),
      rejected: (error) => log.error({ error }, 'the new certificate of links is not used: the old one stays'),
    },
  })
}

/** A node that nobody can talk to would own shards all the same. A gateway is refused by the nodes, and owns nothing. */
function assertNames({ identity }: LinkTls, { node }: Incarnation, roles: readonly Role[]): void {
  if (identity.node === node && roles.every((role) => identity.roles.includes(role))) return
  throw new ConfigError([
    { variable: 'SHARDPAY_LINK_TLS_DIRECTORY', problem: 'has the certificate of another process, or for other roles' },
  ])
}

/** Links know processes by their names: a node and a gateway of one name never have one, and that node's shards are out of reach. */
function nameTaken(): ConfigError {
  return new ConfigError([
    { variable: 'SHARDPAY_NODE_ID', problem: 'is the name of a living node: this process needs one of its own' },
  ])
}

function notOwned(): Promise<{ kind: 'unavailable'; certainty: 'not_accepted'; reason: string; retryAfterMs: number }> {
  return Promise.resolve({
    kind: 'unavailable',
    certainty: 'not_accepted',
    reason: 'shard_not_owned',
    retryAfterMs: 100,
  })
}
