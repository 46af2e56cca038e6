/**
 * The server that the benchmark of the HTTP edge measures, in a process of its own: node and gateway put together as
 * `bin/server.ts` does it, with a connector of the benchmark's choice and merchants seeded through their actors. It is
 * started with an IPC channel and does what {@link ServerRequest} says; it ends when the channel does.
 */
import { performance } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import { type Cluster, joinCluster } from '../../bin/cluster.ts'
import { type RunningNode, startNode } from '../../bin/node.ts'
import { seedMerchants, seedsVisible } from '../../bin/seed.ts'
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
import { type CpuProfile, profile, type TopFunction, topFunctions } from './cpu-profile.ts'

export interface ServerOptions {
  readonly databaseUrl: string
  /** Where the simulator listens; absent: a connector in the server's process that answers after `latencyMs`. */
  readonly simulatorUrl?: string
  readonly latencyMs: number
  readonly merchants: readonly { readonly id: string; readonly apiKey: string }[]
}

export type ServerRequest =
  | { readonly kind: 'start'; readonly options: ServerOptions }
  /** Answered once every command that was accepted has its answer. */
  | { readonly kind: 'settle' }
  | { readonly kind: 'profile'; readonly milliseconds: number }
  | { readonly kind: 'stop' }

/** What the server counts by itself, since its start. */
export interface ServerFigures {
  readonly flushes: number
  readonly decisions: number
  readonly flushSeconds: number
  /** Time in which the event loop was not waiting. */
  readonly busyMs: number
  readonly gcMs: number
}

export type ServerReply =
  | { readonly kind: 'started'; readonly url: string }
  | { readonly kind: 'settled'; readonly figures: ServerFigures; readonly troubles: readonly string[] }
  | { readonly kind: 'profiled'; readonly top: readonly TopFunction[] }
  | { readonly kind: 'stopped' }

interface Running {
  readonly cluster: Cluster
  readonly node: RunningNode
  readonly app: FastifyInstance
  readonly metrics: ReturnType<typeof createMetrics>
  stop(): Promise<void>
}

const troubles: string[] = []
const gc = { milliseconds: 0 }
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gc.milliseconds += entry.duration
}).observe({ entryTypes: ['gc'] })

async function start(options: ServerOptions): Promise<Running & { readonly url: string }> {
  const metrics = createMetrics({ ofProcess: true })
  const log = createLog({ level: 'error', fields: { node: 'bench' } })
  const keySecret = Buffer.alloc(32, 1)
  const idKey = Buffer.alloc(32, 2)
  const connector = connectorOf(options)
  const databases = parseJournalDatabases(options.databaseUrl, shardCount)
  await checkJournalDatabases(databases, idKey)
  const readModel = createMergedReadModel([options.databaseUrl])
  const directory = new PollingMerchantDirectory({ source: readModel, clock: systemClock, log })
  await directory.start()
  let node: RunningNode | undefined
  const cluster = await joinCluster({
    self: { node: 'bench', incarnation: systemRandom.hex(6) },
    roles: ['node', 'gateway'],
    build: 'bench',
    databases,
    link: { host: '127.0.0.1', port: 0 },
    local: () => node?.host,
    log,
    metrics,
    ended: (reason) => troubles.push(`the incarnation ended: ${reason}`),
  })
  const returnUrlBase = (): string => 'http://127.0.0.1/v1/return'
  node = await startNode({ cluster, databases, directory, connectors: [connector], returnUrlBase, log, metrics })
  const { router } = cluster
  const { connection } = connector.profile
  await Promise.all(
    options.merchants.map(({ id, apiKey }) => {
      const seed = { merchants: [{ id, name: 'Bench', api_key: apiKey, rate_tier: 'development' as const }] }
      return seedMerchants({ seed, router, clock: systemClock, random: systemRandom, keySecret, connection })
    }),
  )
  await node.flush()
  const ids = options.merchants.map(({ id }) => id)
  await seedsVisible(directory, ids, systemClock)
  const app = buildApp({
    router,
    directory,
    idKey,
    keySecret,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ component: 'gateway' }),
    metrics,
    readiness: () => ({ ready: true, reasons: [] }),
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const stop = async (): Promise<void> => {
    await app.close()
    await node.stop()
    await cluster.stop()
    directory.stop()
    await readModel.close()
  }
  return { cluster, node, app, metrics, url, stop }
}

function connectorOf({ simulatorUrl, latencyMs }: ServerOptions): Connector {
  if (simulatorUrl === undefined) return scriptedConnector({ latencyMs, record: false })
  return createStripeConnector({
    connection: 'stripe-test',
    secretKey: 'sk_test_simulated',
    baseUrl: simulatorUrl,
    clock: systemClock,
  })
}

async function settle({ node, metrics }: Running): Promise<ServerReply> {
  const until = performance.now() + 30_000
  while (node.host.stats().pending > 0 && performance.now() < until) {
    await new Promise<void>((resolve) => void setTimeout(resolve, 5))
  }
  const { pending, uncertain } = node.host.stats()
  if (pending > 0) troubles.push(`${pending} commands have no answer`)
  if (uncertain > 0) troubles.push(`${uncertain} shards are uncertain`)
  const text = await metrics.text()
  for (const [, what, count] of text.matchAll(/^pay_host_trouble_total\{what="(\w+)"\} (\d+)$/gm)) {
    troubles.push(`${what}: ${count} times`)
  }
  const figure = (name: string): number => Number(new RegExp(`^pay_${name} (\\S+)$`, 'm').exec(text)?.[1])
  const figures: ServerFigures = {
    flushes: figure('journal_flushes'),
    decisions: figure('journal_durable'),
    flushSeconds: figure('journal_flush_seconds'),
    busyMs: performance.eventLoopUtilization().active,
    gcMs: gc.milliseconds,
  }
  return { kind: 'settled', figures, troubles }
}

async function profiled(milliseconds: number): Promise<ServerReply> {
  const taken: CpuProfile = await profile(() => new Promise<void>((resolve) => void setTimeout(resolve, milliseconds)))
  return { kind: 'profiled', top: topFunctions(taken, 10) }
}

let running: Running | undefined

async function perform(request: ServerRequest): Promise<ServerReply> {
  if (request.kind === 'start') {
    const started = await start(request.options)
    running = started
    return { kind: 'started', url: started.url }
  }
  if (running === undefined) throw new Error('the server is started first')
  switch (request.kind) {
    case 'settle':
      return settle(running)
    case 'profile':
      return profiled(request.milliseconds)
    case 'stop':
      await running.stop()
      return { kind: 'stopped' }
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', (request: ServerRequest) => {
  perform(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
