/**
 * One process of a cluster under measurement: node, gateway or both, put together as `bin/server.ts` does it, with a
 * connector of the benchmark's choice. It is started with an IPC channel and does what {@link MemberRequest} says; it ends
 * when the channel does. What it counts, it counts since its start.
 */
import { performance } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import { type Cluster, joinCluster } from '../../bin/cluster.ts'
import { moveShard } from '../../bin/move-shard.ts'
import { type RunningNode, startNode } from '../../bin/node.ts'
import { plantSeed } from '../../bin/seed.ts'
import { MoveRefused } from '../../cluster/hand-off-wire.ts'
import type { MoveRecord } from '../../cluster/status.ts'
import { shardCount } from '../../domain/ids.ts'
import { buildApp } from '../../gateway/app.ts'
import { parseJournalDatabases } from '../../persistence/journal-databases.ts'
import { PollingMerchantDirectory } from '../../persistence/merchant-directory.ts'
import { checkJournalDatabases } from '../../persistence/migrate.ts'
import { createMergedReadModel } from '../../persistence/read-model.ts'
import type { Connector } from '../../psp/connector.ts'
import { createStripeConnector } from '../../psp/stripe/connector.ts'
import { scriptedConnector } from '../../psp/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { createLog } from '../../runtime/log.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { systemRandom } from '../../runtime/random.ts'
import { benchIdKey, type BenchMerchant } from './bench-merchants.ts'
import { type CpuProfile, profile, type TopFunction, topFunctions } from './cpu-profile.ts'
import { type HistogramCounts, histogramCounts } from './histogram-counts.ts'
import { connectionOf, merchantAccount, type PushingPsp, receiverOf } from './psp-messages.ts'

export interface MemberOptions {
  /** Its node's name in the cluster. */
  readonly name: string
  readonly roles: readonly ('node' | 'gateway')[]
  readonly databaseUrl: string
  /** Where the simulated Stripe listens; absent: a connector in the node's process that answers after `latencyMs`. */
  readonly simulatorUrl?: string
  readonly latencyMs: number
  /** Whose connection it has, and whose webhooks a gateway takes; default Stripe. */
  readonly psp?: PushingPsp
}

export type MemberRequest =
  | { readonly kind: 'start'; readonly options: MemberOptions }
  /** Answered once this process knows them; one process makes them first. */
  | { readonly kind: 'know'; readonly merchants: readonly BenchMerchant[]; readonly makes: boolean }
  /** Answered once every command that was accepted has its answer. */
  | { readonly kind: 'settle' }
  | { readonly kind: 'move'; readonly shard: number; readonly to: string }
  | { readonly kind: 'profile'; readonly milliseconds: number }
  | { readonly kind: 'stop' }

export interface MemberFigures {
  readonly flushes: number
  readonly decisions: number
  readonly flushSeconds: number
  /** Time in which the event loop was not waiting. */
  readonly busyMs: number
  readonly gcMs: number
  /** Seconds that answers over links took beyond the time at their nodes. */
  readonly hops: HistogramCounts
}

export type MemberReply =
  | { readonly kind: 'started'; readonly url: string }
  | { readonly kind: 'known' }
  | { readonly kind: 'settled'; readonly figures: MemberFigures; readonly troubles: readonly string[] }
  | { readonly kind: 'moved'; readonly record: MoveRecord }
  | { readonly kind: 'not_moved'; readonly code: string }
  | { readonly kind: 'profiled'; readonly top: readonly TopFunction[] }
  | { readonly kind: 'stopped' }

interface Running {
  readonly cluster: Cluster
  readonly directory: PollingMerchantDirectory
  readonly psp: PushingPsp
  readonly node: RunningNode | undefined
  readonly metrics: ReturnType<typeof createMetrics>
  readonly url: string
  stop(): Promise<void>
}

const keySecret = Buffer.alloc(32, 1)
const settleWithinMs = 30_000
const visibleWithinMs = 10_000
/** As the server's: it was declared dead, or stood still for longer than its lease. */
const fencedExitCode = 75
const troubles: string[] = []
const gc = { milliseconds: 0 }
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gc.milliseconds += entry.duration
}).observe({ entryTypes: ['gc'] })

async function start({ name, roles, databaseUrl, psp = 'stripe', ...connected }: MemberOptions): Promise<Running> {
  const metrics = createMetrics({ ofProcess: true })
  const log = createLog({ level: 'error', fields: { node: name } })
  const databases = parseJournalDatabases(databaseUrl, shardCount)
  await checkJournalDatabases(databases, benchIdKey)
  const readModel = createMergedReadModel([databaseUrl])
  const directory = new PollingMerchantDirectory({ source: readModel, clock: systemClock, log })
  await directory.start()
  let node: RunningNode | undefined
  const cluster = await joinCluster({
    self: { node: name, incarnation: systemRandom.hex(6) },
    roles,
    build: 'bench',
    databases,
    link: { host: '127.0.0.1', port: 0 },
    local: () => node?.host,
    log,
    metrics,
    ended: (reason) => {
      console.error(`${name} was ended: ${reason}`)
      process.exit(fencedExitCode)
    },
  })
  if (roles.includes('node')) {
    const returnUrlBase = (): string => 'http://127.0.0.1/v1/return'
    const connector = connectorOf(psp, connected)
    const connections = {
      connectors: new Map([[connector.profile.connection, connector]]),
      profiles: new Map([[connector.profile.connection, connector.profile]]),
    }
    node = await startNode({ cluster, databases, directory, connections, returnUrlBase, log, metrics })
  }
  let app: FastifyInstance | undefined
  if (roles.includes('gateway')) {
    const receiver = receiverOf(psp)
    app = buildApp({
      router: cluster.router,
      directory,
      idKey: benchIdKey,
      keySecret,
      clock: systemClock,
      random: systemRandom,
      log: log.child({ component: 'gateway' }),
      metrics,
      readiness: () => ({ ready: true, reasons: [] }),
      webhooks: { receiver: (connection) => (connection === receiver.connection ? receiver : undefined) },
    })
  }
  const url = (await app?.listen({ host: '127.0.0.1', port: 0 })) ?? ''
  const stop = async (): Promise<void> => {
    await app?.close()
    await node?.stop()
    await cluster.stop()
    directory.stop()
    await readModel.close()
  }
  return { cluster, directory, psp, node, metrics, url, stop }
}

function connectorOf(
  psp: PushingPsp,
  { simulatorUrl, latencyMs }: Pick<MemberOptions, 'simulatorUrl' | 'latencyMs'>,
): Connector {
  const connection = connectionOf(psp)
  if (simulatorUrl === undefined) return scriptedConnector({ connection, latencyMs, record: false })
  return createStripeConnector({
    connection,
    secretKey: 'sk_test_simulated',
    baseUrl: simulatorUrl,
    clock: systemClock,
  })
}

async function know(
  { cluster: { router }, directory, psp, node }: Running,
  merchants: readonly BenchMerchant[],
  makes: boolean,
): Promise<MemberReply> {
  if (makes) {
    // its connector is made here, whatever the register says
    const registered = { name: connectionOf(psp), psp, secret_setting: 'SHARDPAY_BENCH_TEST_KEY_FILE' }
    const account = psp === 'adyen' ? { merchant_account: merchantAccount } : {}
    const seed = {
      merchants: merchants.map(({ id, apiKey }) => ({
        ...{ id, name: 'Bench', api_key: apiKey, rate_tier: 'development' as const },
      })),
      psp_connections: [{ ...registered, ...account }],
    }
    await plantSeed({ seed, router, clock: systemClock, random: systemRandom, keySecret })
    await node?.flush()
  }
  const ids = merchants.map(({ id }) => id)
  const until = systemClock.monotonic() + visibleWithinMs
  while (ids.some((id) => (directory.get(id)?.keys.length ?? 0) === 0)) {
    if (systemClock.monotonic() > until) throw new Error('seeded merchants do not show up')
    await new Promise<void>((resolve) => void systemClock.schedule(50, resolve))
    await directory.refresh()
  }
  return { kind: 'known' }
}

async function settle({ node, metrics, cluster }: Running): Promise<MemberReply> {
  const until = performance.now() + settleWithinMs
  const waiting = (): number => (node?.host.stats().pending ?? 0) + cluster.router.stats().underWay
  while (waiting() > 0 && performance.now() < until) {
    await new Promise<void>((resolve) => void setTimeout(resolve, 5))
  }
  if (waiting() > 0) troubles.push(`${waiting()} commands have no answer`)
  const uncertain = node?.host.stats().uncertain ?? 0
  if (uncertain > 0) troubles.push(`${uncertain} shards are uncertain`)
  const text = await metrics.text()
  for (const [, what, count] of text.matchAll(/^pay_host_trouble_total\{what="(\w+)"\} (\d+)$/gm)) {
    troubles.push(`${what}: ${count} times`)
  }
  const figure = (name: string): number => Number(new RegExp(`^pay_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
  const figures: MemberFigures = {
    flushes: figure('journal_flushes'),
    decisions: figure('journal_durable'),
    flushSeconds: figure('journal_flush_seconds'),
    busyMs: performance.eventLoopUtilization().active,
    gcMs: gc.milliseconds,
    hops: histogramCounts(text, 'pay_route_hop_seconds'),
  }
  return { kind: 'settled', figures, troubles }
}

async function move({ cluster, node }: Running, shard: number, to: string): Promise<MemberReply> {
  try {
    return { kind: 'moved', record: await moveShard(cluster, node?.controller, shard, to, 'operator') }
  } catch (error) {
    if (!(error instanceof MoveRefused)) throw error
    return { kind: 'not_moved', code: error.code }
  }
}

async function profiled(milliseconds: number): Promise<MemberReply> {
  const taken: CpuProfile = await profile(() => new Promise<void>((resolve) => void setTimeout(resolve, milliseconds)))
  return { kind: 'profiled', top: topFunctions(taken, 10) }
}

let running: Running | undefined

async function perform(request: MemberRequest): Promise<MemberReply> {
  if (request.kind === 'start') {
    running = await start(request.options)
    return { kind: 'started', url: running.url }
  }
  if (running === undefined) throw new Error('the process is started first')
  switch (request.kind) {
    case 'know':
      return know(running, request.merchants, request.makes)
    case 'settle':
      return settle(running)
    case 'move':
      return move(running, request.shard, request.to)
    case 'profile':
      return profiled(request.milliseconds)
    case 'stop':
      await running.stop()
      return { kind: 'stopped' }
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', (request: MemberRequest) => {
  perform(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
