/**
 * The processes of `npm start`, and their end.
 *
 * Starting: secrets, ports, Postgres, migrations, the simulated PSP, the nodes and the gateway at once, then `dev.json`.
 * A node or gateway that dies is started again after two seconds, as another incarnation, and `dev.json` follows; its death
 * is reported to the cluster at once, because the supervisor knows it for certain. Postgres or the simulated PSP dying ends
 * all: a development cluster with these missing misleads.
 *
 * Ending, in this order: `dev.json` is removed, the gateway drains (what it accepted is answered), then the nodes, then the
 * simulator, then Postgres. An interrupt while starting waits for the step in progress and ends what there is.
 *
 * After kill -9 of the supervisor its children exit by themselves (`runtime/parent.ts`); the embedded Postgres goes on and
 * is ended by the next start.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../persistence/migrate.ts'
import { reportDeath } from '../report-death.ts'
import type { Configuration } from '../../runtime/config.ts'
import { maskSecrets } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import { serverSettings, startSettings } from '../config.ts'
import { type DevFile, removeDevFile, writeDevFile } from './dev-file.ts'
import { acquireLock, type Lock } from './lock.ts'
import { type DevDatabase, openDatabase } from './postgres.ts'
import { assertPortFree, host, portOrFree } from './ports.ts'
import { describeExit, type Exit, type Program, startProgram } from './program.ts'
import { Respawn, respawnPauseMs } from './respawn.ts'
import { loadSecrets, pspSettings, type Secrets, writeSeed, writeWebhookEndpoints } from './secrets.ts'
import { StartError } from './start-error.ts'

export interface SupervisorOptions {
  readonly config: Configuration<typeof startSettings>
  /** The state directory, `.shardpay`. */
  readonly directory: string
  readonly fresh: boolean
  /** A step was done. */
  readonly tick: (text: string, tookMs: number) => void
  /** A line that a child wrote. */
  readonly show: (line: string) => void
}

export interface Cluster extends DevFile {
  readonly merchantUrl: string
  readonly operatorUrl: string
  readonly simulatorUrl: string
  readonly devFile: string
}

/** How a cluster came to its end without being asked. */
export interface Death {
  readonly what: string
  readonly how: string
  readonly lastLines: readonly string[]
}

/** The start was interrupted; what had been started is to be stopped. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

const gatewayId = 'gateway-1'
/** A process answers what it accepted within its own deadlines; this is for one that hangs. */
const serverPatienceMs = 80_000
const simulatorPatienceMs = 5_000
const readyWithinMs = 30_000
const readyPollMs = 25
/** Settings of the supervisor that the server does not know, and would warn of. */
const onlyTheSupervisors = Object.fromEntries(
  Object.values(startSettings)
    .filter(({ variable }) => !Object.values(serverSettings).some((each) => each.variable === variable))
    .map(({ variable }) => [variable, undefined]),
)
const root = fileURLToPath(new URL('../../', import.meta.url))

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #abort = new AbortController()
  readonly #died = Promise.withResolvers<Death>()
  readonly #devFile: string
  #stopping = false
  #lock: Lock | undefined
  #database: DevDatabase | undefined
  #simulator: Program | undefined
  /** The gateway first: that is the order of their ending. */
  #servers: Respawn[] = []
  #content: DevFile | undefined
  /** Ended by itself, and reported. */
  readonly #dead = new Set<Program>()

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#devFile = join(options.directory, 'dev.json')
  }

  /** Resolves when a process died that should not have. */
  get died(): Promise<Death> {
    return this.#died.promise
  }

  /** Makes {@link start} end early, with {@link Interrupted}. */
  interrupt(): void {
    this.#abort.abort()
  }

  async start(): Promise<Cluster> {
    const { config, directory, fresh } = this.#options
    // open for passing through: the embedded Postgres may run as another user, below it
    await mkdir(directory, { recursive: true, mode: 0o711 })
    this.#lock = await acquireLock(join(directory, 'supervisor'))
    await removeDevFile(this.#devFile)
    await assertPortFree(config.merchantPort, 'SHARDPAY_MERCHANT_PORT')
    await assertPortFree(config.operatorPort, 'SHARDPAY_OPERATOR_PORT')
    await assertPortFree(config.simulatorPort, 'SHARDPAY_SIMULATOR_PORT')
    const secrets = await this.#step('secrets', () => loadSecrets(join(directory, 'secrets'), systemRandom))

    // data whose id key is gone belongs to nobody: a retry would not find its payment there
    const empty = fresh || secrets.isNew
    const database = await this.#step(
      (opened: DevDatabase) =>
        `${opened.description}${empty && opened.embedded ? (fresh ? ', emptied' : ', new') : ''}`,
      async () => {
        this.#database = await openDatabase({
          databaseUrl: config.databaseUrl,
          directory: join(directory, 'postgres'),
          port: config.postgresPort,
          fresh: empty,
        })
        return this.#database
      },
    )
    void database.embedded?.ended.then(() => {
      if (!this.#stopping) this.#died.resolve({ what: 'Postgres', how: 'ended', lastLines: [] })
    })
    await this.#step('migrations', () => migrated(database.url))

    // Nodes tell shoppers where to come back to, PSPs push to the gateway, and one that was killed comes back where it was.
    const merchantPort = await portOrFree(config.merchantPort)
    await writeWebhookEndpoints(secrets, `http://${host}:${merchantPort}`)
    const { endpointsFile } = secrets.webhooks
    const simulator = await this.#step('simulated Stripe and Adyen', () => this.#startSimulator(empty, endpointsFile))
    const simulatorUrl = urlIn(simulator, simulator.ready['url'])
    await writeSeed(secrets, simulatorUrl)
    const nodeIds = Array.from({ length: config.nodes }, (_, index) => `node-${index + 1}`)
    const title = `${nodeIds.length} node${nodeIds.length === 1 ? '' : 's'} and a gateway`
    const gateway = await this.#step(title, () => this.#startServers(nodeIds, secrets, database.url, merchantPort))
    const urls = (gateway.ready['urls'] ?? {}) as Record<string, string>
    const merchant = urlIn(gateway, urls['merchant'])
    const operator = urlIn(gateway, urls['operator'])
    await this.#step('every shard has an owner', () => readyAt(operator, this.#abort.signal))
    const content: DevFile = {
      urls: { ...urls, merchant, operator, simulators: { stripe: simulatorUrl, adyen: simulatorUrl } },
      api_keys: secrets.merchants.map(({ id, api_key }) => ({ merchant: id, key: api_key })),
      operator_tokens: secrets.operatorTokens,
      database_url: database.url,
      processes: this.#processes(simulator),
    }
    this.#content = content
    await writeDevFile(this.#devFile, content)
    return {
      ...content,
      merchantUrl: merchant,
      operatorUrl: operator,
      simulatorUrl,
      devFile: this.#devFile,
    }
  }

  /** Ends everything that was started. @returns what went wrong in doing so; empty where all ended as it should. */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true
    const problems: string[] = []
    if (this.#lock !== undefined) await removeDevFile(this.#devFile)
    const [gateway, ...nodes] = this.#servers
    const stopServer = async (server: Respawn | undefined): Promise<void> => {
      const exit = await server?.stop(serverPatienceMs)
      if (exit !== undefined && exit.code !== 0) problems.push(`${server?.name} ended ${describeExit(exit)}`)
    }
    await stopServer(gateway)
    await Promise.all(nodes.map(stopServer))
    if (this.#simulator !== undefined && !this.#dead.has(this.#simulator)) {
      const exit = await this.#simulator.stop(simulatorPatienceMs)
      if (exit.code !== 0) problems.push(`${this.#simulator.name} ended ${describeExit(exit)}`)
    }
    await this.#database?.embedded?.stop()
    await this.#lock?.release()
    return problems
  }

  /** Ends everything now; accepted requests go unanswered, as in a crash. */
  async kill(): Promise<void> {
    this.#stopping = true
    for (const server of this.#servers) server.kill()
    this.#simulator?.kill()
    await this.#database?.embedded?.kill('SIGQUIT')
    if (this.#lock !== undefined) await removeDevFile(this.#devFile)
    await this.#lock?.release()
  }

  async #step<Result>(text: string | ((result: Result) => string), run: () => Promise<Result>): Promise<Result> {
    if (this.#abort.signal.aborted) throw new Interrupted()
    const started = performance.now()
    let result: Result
    try {
      result = await run()
    } catch (error) {
      // what was aborted fails in many ways
      throw this.#abort.signal.aborted ? new Interrupted() : error
    }
    this.#options.tick(typeof text === 'string' ? text : text(result), performance.now() - started)
    if (this.#abort.signal.aborted) throw new Interrupted()
    return result
  }

  async #startSimulator(empty: boolean, webhooksFile: string): Promise<Program> {
    const book = join(this.#options.directory, 'simulator')
    if (empty) await rm(book, { recursive: true, force: true })
    this.#simulator = await this.#startProgram('simulated PSPs', 'psp/simulator/main.ts', {}, [
      ...['--host', host],
      ...['--port', String(this.#options.config.simulatorPort)],
      ...['--book', book],
      ...['--webhooks', webhooksFile],
    ])
    return this.#simulator
  }

  /** All at once; resolves with the gateway when all are ready. */
  async #startServers(
    nodeIds: readonly string[],
    secrets: Secrets,
    databaseUrl: string,
    merchantPort: number,
  ): Promise<Program> {
    const { config } = this.#options
    const operatorPort = await portOrFree(config.operatorPort)
    const common = {
      ...onlyTheSupervisors,
      DATABASE_URL: databaseUrl,
      DATABASE_URL_FILE: '',
      SHARDPAY_LINK_HOST: host,
      SHARDPAY_OPERATOR_HOST: host,
      SHARDPAY_ID_KEY_FILE: secrets.idKeyFile,
      SHARDPAY_KEY_SECRET_FILE: secrets.keySecretFile,
      SHARDPAY_LOG_LEVEL: config.logLevel,
      SHARDPAY_PUBLIC_URL: `http://${host}:${merchantPort}`,
    }
    const namedBy = (...names: readonly (keyof typeof pspSettings)[]) =>
      Object.fromEntries(names.map((name) => [pspSettings[name], secrets.psp[name]]))
    const gateway = this.#respawn(gatewayId, databaseUrl, {
      ...common,
      SHARDPAY_ROLES: 'gateway,operator',
      SHARDPAY_MERCHANT_HOST: host,
      SHARDPAY_MERCHANT_PORT: String(merchantPort),
      SHARDPAY_OPERATOR_PORT: String(operatorPort),
      SHARDPAY_OPERATOR_TOKENS_FILE: secrets.operatorTokensFile,
      SHARDPAY_SEED_FILE: secrets.seedFile,
      ...namedBy('stripeWebhooks', 'adyenWebhooks', 'adyenLogin'),
    })
    const nodes = nodeIds.map((node) =>
      this.#respawn(node, databaseUrl, {
        ...common,
        SHARDPAY_ROLES: 'node',
        SHARDPAY_OPERATOR_PORT: '0',
        ...namedBy('stripeKey', 'adyenKey'),
      }),
    )
    this.#servers = [gateway, ...nodes]
    const [program] = await allOrFirstError(this.#servers.map((server) => server.start()))
    if (program === undefined) throw new StartError('process_failed', 'no gateway was started')
    return program
  }

  #respawn(name: string, databaseUrl: string, environment: Readonly<Record<string, string | undefined>>): Respawn {
    const start = (): Promise<Program> =>
      startProgram({
        name,
        file: join(root, 'bin/server.ts'),
        environment: { ...environment, SHARDPAY_NODE_ID: name },
        show: (line) => this.#options.show(`[${name}] ${line}`),
        signal: this.#abort.signal,
      })
    return new Respawn(name, start, {
      died: (dead, exit) => void this.#serverDied(dead, exit, databaseUrl),
      respawned: (program) => {
        this.#options.show(`[${name}] runs again as process ${program.pid}`)
        void this.#rewriteDevFile()
      },
      gaveUp: (how, lastLines) => this.#died.resolve({ what: name, how, lastLines }),
    })
  }

  async #serverDied(dead: Program, exit: Exit, databaseUrl: string): Promise<void> {
    this.#options.show(`[${dead.name}] ended ${describeExit(exit)}: started again in ${respawnPauseMs / 1000} s`)
    const { node, incarnation } = dead.ready
    if (typeof node !== 'string' || typeof incarnation !== 'string') return
    try {
      await reportDeath(databaseUrl, { node, incarnation })
    } catch (error) {
      // The others find out by themselves, later.
      this.#options.show(`[${dead.name}] its death could not be reported: ${maskSecrets(String(error))}`)
    }
  }

  #processes(simulator: Program): DevFile['processes'] {
    const { embedded } = this.#database ?? {}
    return [
      ...[...this.#servers.slice(1), ...this.#servers.slice(0, 1)].flatMap(({ name, program }) =>
        program === undefined ? [] : [{ role: name === gatewayId ? 'gateway' : 'node', id: name, pid: program.pid }],
      ),
      { role: 'simulator', id: 'psps', pid: simulator.pid },
      ...(embedded ? [{ role: 'postgres', id: 'postgres', pid: embedded.pid }] : []),
    ]
  }

  async #rewriteDevFile(): Promise<void> {
    if (this.#stopping || this.#content === undefined || this.#simulator === undefined) return
    await writeDevFile(this.#devFile, { ...this.#content, processes: this.#processes(this.#simulator) })
  }

  async #startProgram(
    name: string,
    file: string,
    environment: Readonly<Record<string, string | undefined>>,
    args: readonly string[] = [],
  ): Promise<Program> {
    const program = await startProgram({
      name,
      file: join(root, file),
      args,
      environment,
      show: (line) => this.#options.show(`[${name}] ${line}`),
      signal: this.#abort.signal,
    })
    void program.exited.then((exit) => {
      if (this.#stopping) return
      this.#dead.add(program)
      this.#died.resolve({ what: name, how: `ended ${describeExit(exit)}`, lastLines: program.lastLines() })
    })
    return program
  }
}

/** Waits for all to settle, so that what did start is known and can be ended. */
async function allOrFirstError<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
  const settled = await Promise.allSettled(promises)
  const failed = settled.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
}

/** Resolves when the process says that it is ready. */
async function readyAt(operatorUrl: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + readyWithinMs
  let reasons = ''
  while (performance.now() < until) {
    signal.throwIfAborted()
    const response = await fetch(`${operatorUrl}/readyz`, { signal })
    if (response.ok) return
    reasons = ((await response.json()) as { reasons?: readonly string[] }).reasons?.join(', ') ?? ''
    await delay(readyPollMs, undefined, { signal })
  }
  throw new StartError('process_failed', `the gateway is not ready after ${readyWithinMs} ms: ${reasons}`)
}

async function migrated(url: string): Promise<void> {
  try {
    await migrate(url)
  } catch (error) {
    const message = error instanceof Error ? maskSecrets(error.message) : 'unknown error'
    throw new StartError('migration_failed', `the database could not be migrated: ${message}`, { cause: error })
  }
}

function urlIn(program: Program, value: unknown): string {
  if (typeof value === 'string' && URL.canParse(value)) return value
  throw new StartError('process_failed', `${program.name} named no address in its ready line`)
}
