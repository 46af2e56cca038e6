/**
 * One Shardpay process: a node (actors over the journal) and a gateway (the merchants' API) in front of it.
 *
 * It prints one JSON ready line on stdout once it serves. SIGTERM and SIGINT drain: nothing new is taken, accepted requests
 * are answered, what is behind is stored, exit 0. It exits 1 where it lost its shards to another incarnation of its node,
 * and 2 where its configuration is wrong.
 */
import { cpus } from 'node:os'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../gateway/app.ts'
import { buildOperatorApp } from '../gateway/operator/app.ts'
import { createStripeConnector } from '../psp/stripe/connector.ts'
import { systemClock } from '../runtime/clock.ts'
import { ConfigError, loadConfig, unknownVariables } from '../runtime/config.ts'
import { createLog } from '../runtime/log.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { exitWithParent } from '../runtime/parent.ts'
import { systemRandom } from '../runtime/random.ts'
import { serverSettings } from './config.ts'
import { startNode } from './node.ts'
import { readSeed, seedMerchants } from './seed.ts'

const stopWithinMs = 20_000

async function main(): Promise<void> {
  const began = performance.now()
  exitWithParent()
  const config = loadConfig(serverSettings, process.env)
  const seed = config.seedFile === undefined ? undefined : readSeed(config.seedFile)
  const log = createLog({ level: config.logLevel, fields: { node: config.nodeId } })
  for (const variable of unknownVariables('SHARDPAY_', process.env, serverSettings)) {
    if (!variable.startsWith('SHARDPAY_SUPERVISED')) log.warn({ variable }, 'nothing reads this variable')
  }
  const metrics = createMetrics({ ofProcess: true })
  const keySecret = Buffer.from(config.keySecret, 'hex')
  const idKey = Buffer.from(config.idKey, 'hex')
  let merchantUrl = config.publicUrl ?? `http://${config.merchantHost}:${config.merchantPort}`

  const stripeTest = createStripeConnector({
    connection: 'stripe-test',
    secretKey: config.stripeTestSecretKey,
    baseUrl: config.stripeTestUrl,
    clock: systemClock,
  })
  const node = await startNode({
    databaseUrl: config.databaseUrl,
    nodeId: config.nodeId,
    idKey,
    connectors: [stripeTest],
    returnUrlBase: () => `${merchantUrl}/v1/return`,
    log,
    metrics,
    lost: () => {
      log.fatal({}, 'another incarnation of this node has taken its shards: ending')
      process.exit(1)
    },
  })
  if (seed !== undefined) {
    const { connection } = stripeTest.profile
    await seedMerchants({ seed, router: node.host, clock: systemClock, random: systemRandom, keySecret, connection })
    await node.flush()
  }
  const app = buildApp({
    router: node.host,
    directory: node.directory,
    idKey,
    keySecret,
    clock: systemClock,
    random: systemRandom,
    log: log.child({ component: 'gateway' }),
    metrics,
    readiness: () => node.readiness(),
  })
  const operator = buildOperatorApp({ metrics, readiness: () => node.readiness() })
  await operator.listen({ host: config.operatorHost, port: config.operatorPort })
  await app.listen({ host: config.merchantHost, port: config.merchantPort })
  const port = portOf(app)
  if (config.publicUrl === undefined) merchantUrl = `http://${config.merchantHost}:${port}`
  const urls = { merchant: merchantUrl, operator: `http://${config.operatorHost}:${portOf(operator)}` }

  closeWithGrace({ delay: stopWithinMs, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) {
      log.fatal({ error: err }, 'ending after an error that nobody handled')
      process.exit(1)
    }
    log.info({ ...(signal !== undefined && { signal }) }, 'draining')
    await Promise.all([app.close(), node.stop()])
    await operator.close()
  })

  process.stdout.write(`${JSON.stringify({ ready: true, urls })}\n`)
  log.info({ port, duration_ms: Math.round(performance.now() - began), count: cpus().length }, 'ready')
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('a server that listens has a port')
  return address.port
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
