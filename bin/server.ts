/**
 * One process of a Shardpay cluster. Its roles (`--roles`, or SHARDPAY_ROLES) say which part it plays:
 *
 *   node       owns shards: actors over the journal, calls to PSPs
 *   gateway    the merchants' API, routed to whatever node owns the payment's shard
 *   operator   the operators' API and page, on the port of metrics and probes
 *
 * It prints one JSON ready line on stdout once it serves. SIGTERM and SIGINT drain: nothing new is taken, accepted requests
 * are answered, a node's shards are handed to others, exit 0. It exits 2 where its configuration is wrong, 75 where it was
 * declared dead or stood still for longer than its lease (start it again: it is another incarnation then), else 1.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { pageFiles } from '../dashboard/assets.ts'
import { mayNameSecret } from '../domain/operator/psp-connections.ts'
import { buildApp } from '../gateway/app.ts'
import { buildOperatorApp } from '../gateway/operator/app.ts'
import { OperatorTokens, parseOperatorTokens } from '../gateway/operator/tokens.ts'
import { JournalHistory } from '../persistence/journal-history.ts'
import { checkJournalDatabases } from '../persistence/migrate.ts'
import { PollingMerchantDirectory } from '../persistence/merchant-directory.ts'
import { OperatorReads } from '../persistence/operator-reads.ts'
import { MerchantQueries } from '../persistence/queries.ts'
import { createMergedReadModel } from '../persistence/read-model.ts'
import { systemClock } from '../runtime/clock.ts'
import { ConfigError, type ConfigProblem, type Configuration, loadConfig, unknownVariables } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { exitWithParent } from '../runtime/parent.ts'
import { systemRandom } from '../runtime/random.ts'
import { joinCluster } from './cluster.ts'
import { rolesOf, serverSettings } from './config.ts'
import { databasesOf, queryDatabasesOf } from './databases.ts'
import { createMerchantReads } from './merchant-reads.ts'
import { createLedgerMetrics, startLedgerKeeper } from './ledger-keeper.ts'
import { type RunningNode, startNode } from './node.ts'
import { createBreakerMetric } from './node-metrics.ts'
import { createJournalReader, createOperations, createOperatorReader } from './operations.ts'
import { tellStatus } from './process-status.ts'
import { ProcessConnections } from './psp/connections.ts'
import { plantSeed, readSeed, seedVisible } from './seed.ts'

/** A drain, PSP calls that have not answered and what is behind, each at its longest. */
const stopWithinMs = 70_000
/** The process is to be started again, as another incarnation. */
const fencedExitCode = 75

type Config = Configuration<typeof serverSettings>

async function main(): Promise<void> {
  const began = performance.now()
  exitWithParent()
  const { config, roles, databases, queryDatabases } = readConfig()
  const seed = config.seedFile === undefined ? undefined : readSeed(config.seedFile)
  const tokens = tokensOf(config)
  const log = createLog({ level: config.logLevel, fields: { node: config.nodeId } })
  const metrics = createMetrics({ ofProcess: true })
  const keySecret = Buffer.from(config.keySecret, 'hex')
  const idKey = Buffer.from(config.idKey, 'hex')
  const build = buildName()
  await checkJournalDatabases(databases, idKey)
  const readModel = createMergedReadModel(databases.map(({ url }) => url))
  const directory = new PollingMerchantDirectory({
    source: readModel,
    clock: systemClock,
    log,
  })
  await directory.start()
  const connections = new ProcessConnections({
    source: readModel,
    environment: process.env,
    clock: systemClock,
    log,
    ...(roles.has('node') && { breaker: createBreakerMetric(metrics) }),
    ...(config.testModePatienceMs !== undefined && { testModePatienceMs: config.testModePatienceMs }),
    uses: { connectors: roles.has('node'), receivers: roles.has('gateway') },
  })
  await connections.start()

  let node: RunningNode | undefined
  let draining = false
  let answered = 0
  let unavailable = 0
  const self = { node: config.nodeId, incarnation: systemRandom.hex(6) }
  const cluster = await joinCluster({
    self,
    roles: [...roles],
    build,
    databases,
    link: {
      host: config.linkHost,
      port: config.linkPort,
      ...(config.linkAddress !== undefined && { address: config.linkAddress }),
      ...(config.linkTlsDirectory !== undefined && { tlsDirectory: config.linkTlsDirectory }),
    },
    local: () => node?.router,
    log,
    metrics,
    ended: (reason) => {
      log.fatal({ reason }, 'this incarnation is over: ending at once')
      process.exit(fencedExitCode)
    },
  })
  let merchantUrl = config.publicUrl ?? `http://${config.merchantHost}:${config.merchantPort}`
  if (roles.has('node')) {
    node = await startNode({
      cluster,
      databases,
      directory,
      connections,
      returnUrlBase: () => `${merchantUrl}/v1/return`,
      log,
      metrics,
    })
  }
  const reasons = (): readonly string[] => [
    ...(draining ? ['stopping'] : []),
    ...(node?.reasons() ?? []),
    ...(roles.has('gateway') && cluster.unreachableShards() >= cluster.owners.all.length / 2 ? ['no_owners'] : []),
  ]
  const readiness = () => ({ ready: reasons().length === 0, reasons: reasons() })
  const queries = roles.has('gateway') ? new MerchantQueries(queryDatabases, systemClock) : undefined
  const app =
    queries === undefined
      ? undefined
      : buildApp({
          router: cluster.router,
          directory,
          reads: createMerchantReads(queries),
          idKey,
          keySecret,
          clock: systemClock,
          random: systemRandom,
          log: log.child({ component: 'gateway' }),
          metrics,
          readiness,
          webhooks: connections,
        })
  app?.addHook('onResponse', (_request, reply, done) => {
    if (reply.statusCode >= 500) unavailable += 1
    else answered += 1
    done()
  })
  const committed = roles.has('operator')
    ? {
        history: new JournalHistory(databases, self),
        reads: new OperatorReads(databases, self),
        keeper: startLedgerKeeper({ databases, self, clock: systemClock, log, metrics: createLedgerMetrics(metrics) }),
      }
    : undefined
  const operator = buildOperatorApp({
    metrics,
    readiness,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ component: 'operator' }),
    ...(committed !== undefined && {
      operations: {
        cluster: createOperations(cluster, () => node?.controller),
        router: cluster.router,
        directory,
        journal: createJournalReader(committed.history),
        reader: createOperatorReader(committed.reads),
        ledger: committed.keeper.reads,
        keySecret,
        tokens,
        page: pageFiles(),
        servedConnections: () => [
          ...new Set(cluster.board.all.flatMap(({ status }) => status.nodeStatus?.connections ?? [])),
        ],
      },
    }),
  })
  await operator.listen({ host: config.operatorHost, port: config.operatorPort })
  await app?.listen({ host: config.merchantHost, port: config.merchantPort })
  // a connection that the system cannot take (no file descriptors, a firewall) would end the process otherwise
  for (const each of [operator, app]) {
    each?.server.on('error', (error) => log.warn({ error }, 'a connection could not be taken'))
  }
  if (app !== undefined && config.publicUrl === undefined) merchantUrl = urlOf(app, config.merchantHost)
  const running = node
  const stopTelling = tellStatus({
    self,
    roles: [...roles],
    build,
    address: cluster.address,
    clock: systemClock,
    links: cluster.links,
    board: cluster.board,
    draining: () => draining,
    reasons,
    answers: () => ({ answered, unavailable }),
    ...(running !== undefined && { node: (seconds: number) => running.status(seconds) }),
  })
  if (seed !== undefined) {
    await plantSeed({ seed, router: cluster.router, clock: systemClock, random: systemRandom, keySecret })
    await seedVisible(seed, {
      directory,
      served: () =>
        cluster.board.all.flatMap(({ status: { nodeStatus } }) =>
          nodeStatus === undefined ? [] : [nodeStatus.connections ?? []],
        ),
      clock: systemClock,
    })
  }
  for (const variable of unknownVariables('SHARDPAY_', process.env, serverSettings)) {
    const isRead = variable.startsWith('SHARDPAY_SUPERVISED') || mayNameSecret(variable)
    if (!isRead) log.warn({ variable }, 'nothing reads this variable')
  }

  closeWithGrace({ delay: stopWithinMs, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) {
      log.fatal({ error: err }, 'ending after an error that nobody handled')
      process.exit(1)
    }
    log.info({ ...(signal !== undefined && { signal }) }, 'draining')
    draining = true
    await app?.close()
    await node?.stop()
    stopTelling()
    await cluster.stop()
    directory.stop()
    await committed?.keeper.stop()
    await Promise.all([connections.stop(), operator.close(), committed?.history.close(), committed?.reads.close()])
    await Promise.all([readModel.close(), queries?.close()])
  })

  const urls = {
    ...(app !== undefined && { merchant: config.publicUrl ?? urlOf(app, config.merchantHost) }),
    operator: urlOf(operator, config.operatorHost),
    ...(cluster.address !== '' && { link: cluster.address }),
  }
  process.stdout.write(`${JSON.stringify({ ready: true, ...self, roles: [...roles], urls })}\n`)
  log.info({ duration_ms: Math.round(performance.now() - began) }, 'ready')
}

function readConfig() {
  const { values } = readFlags()
  const environment = values.roles === undefined ? process.env : { ...process.env, SHARDPAY_ROLES: values.roles }
  const config = loadConfig(serverSettings, environment)
  const roles = rolesOf(config.roles)
  const problems: ConfigProblem[] = []
  const databases = collect(problems, () => databasesOf(config)) ?? []
  const queryDatabases = collect(problems, () => queryDatabasesOf(databases, config.readDatabaseUrls)) ?? []
  if (problems.length > 0) throw new ConfigError(problems)
  return { config, roles, databases, queryDatabases }
}

/** Undefined where `read` found something wrong: one message names everything. */
function collect<Value>(problems: ConfigProblem[], read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    problems.push(...error.problems)
    return undefined
  }
}

function readFlags() {
  try {
    return parseArgs({ options: { roles: { type: 'string' } } })
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new ConfigError([{ variable: 'the command line', problem }])
  }
}

function tokensOf({ operatorTokens }: Config): OperatorTokens {
  try {
    return new OperatorTokens(operatorTokens === undefined ? [] : parseOperatorTokens(operatorTokens))
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new ConfigError([{ variable: 'SHARDPAY_OPERATOR_TOKENS_FILE', problem }])
  }
}

/** Which code runs, so that a mixed cluster can be told apart. */
function buildName(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

function urlOf(app: FastifyInstance, host: string): string {
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('a server that listens has a port')
  return `http://${host}:${address.port}`
}

try {
  await main()
} catch (error) {
  const isConfiguration = error instanceof ConfigError
  const code = (error as { code?: unknown }).code
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}${typeof code === 'string' ? ` (${code})` : ''}\n`,
  )
  process.exit(isConfiguration ? 2 : 1)
}
