/**
 * The processes of `npm start`, one after the other, and their end.
 *
 * Starting: secrets, ports, Postgres, migrations, the simulated PSP, the server (node and gateway), then `dev.json`.
 * Ending, in this order: `dev.json` is removed, the server drains (what it accepted is answered), then the simulator, then
 * Postgres. An interrupt while starting waits for the step in progress and ends what there is. A process that dies by itself
 * ends all: a development cluster with a part missing misleads.
 *
 * After kill -9 of the supervisor its children exit by themselves (`runtime/parent.ts`); the embedded Postgres goes on and
 * is ended by the next start.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../persistence/migrate.ts'
import type { Configuration } from '../../runtime/config.ts'
import { maskSecrets } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import { serverSettings, startSettings } from '../config.ts'
import { type DevFile, removeDevFile, writeDevFile } from './dev-file.ts'
import { acquireLock, type Lock } from './lock.ts'
import { type DevDatabase, openDatabase } from './postgres.ts'
import { assertPortFree, host } from './ports.ts'
import { describeExit, type Program, startProgram } from './program.ts'
import { loadSecrets, type Secrets } from './secrets.ts'
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
  readonly serverPid: number
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

const nodeId = 'node-1'
/** The server answers what it accepted within its own deadlines; this is for a server that hangs. */
const serverPatienceMs = 60_000
const simulatorPatienceMs = 5_000
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
  #server: Program | undefined
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

    const simulator = await this.#step('simulated Stripe', () => this.#startSimulator(empty))
    const simulatorUrl = urlIn(simulator, simulator.ready['url'])
    const server = await this.#step('server: node and gateway', () =>
      this.#startServer(secrets, database.url, simulatorUrl),
    )
    const urls = (server.ready['urls'] ?? {}) as Record<string, string>
    const merchant = urlIn(server, urls['merchant'])
    const operator = urlIn(server, urls['operator'])
    const content: DevFile = {
      urls: { ...urls, merchant, operator, simulators: { stripe: simulatorUrl } },
      api_keys: secrets.merchants.map(({ id, api_key }) => ({ merchant: id, key: api_key })),
      database_url: database.url,
      processes: [
        { role: 'node', id: nodeId, pid: server.pid },
        { role: 'simulator', id: 'stripe', pid: simulator.pid },
        ...(database.embedded ? [{ role: 'postgres', id: 'postgres', pid: database.embedded.pid }] : []),
      ],
    }
    await writeDevFile(this.#devFile, content)
    return {
      ...content,
      merchantUrl: merchant,
      operatorUrl: operator,
      simulatorUrl,
      serverPid: server.pid,
      devFile: this.#devFile,
    }
  }

  /** Ends everything that was started. @returns what went wrong in doing so; empty where all ended as it should. */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true
    const problems: string[] = []
    if (this.#lock !== undefined) await removeDevFile(this.#devFile)
    for (const [program, patienceMs] of [
      [this.#server, serverPatienceMs],
      [this.#simulator, simulatorPatienceMs],
    ] as const) {
      if (program === undefined || this.#dead.has(program)) continue
      const exit = await program.stop(patienceMs)
      if (exit.code !== 0) problems.push(`${program.name} ended ${describeExit(exit)}`)
    }
    await this.#database?.embedded?.stop()
    await this.#lock?.release()
    return problems
  }

  /** Ends everything now; accepted requests go unanswered, as in a crash. */
  async kill(): Promise<void> {
    this.#stopping = true
    this.#server?.kill()
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

  async #startSimulator(empty: boolean): Promise<Program> {
    const book = join(this.#options.directory, 'simulator')
    if (empty) await rm(book, { recursive: true, force: true })
    this.#simulator = await this.#startProgram('simulated Stripe', 'psp/simulator/main.ts', {}, [
      ...['--host', host],
      ...['--port', String(this.#options.config.simulatorPort)],
      ...['--book', book],
    ])
    return this.#simulator
  }

  async #startServer(secrets: Secrets, databaseUrl: string, simulatorUrl: string): Promise<Program> {
    const { config } = this.#options
    this.#server = await this.#startProgram('server', 'bin/server.ts', {
      ...onlyTheSupervisors,
      DATABASE_URL: databaseUrl,
      DATABASE_URL_FILE: '',
      SHARDPAY_NODE_ID: nodeId,
      SHARDPAY_MERCHANT_HOST: host,
      SHARDPAY_MERCHANT_PORT: String(config.merchantPort),
      SHARDPAY_OPERATOR_HOST: host,
      SHARDPAY_OPERATOR_PORT: String(config.operatorPort),
      SHARDPAY_ID_KEY_FILE: secrets.idKeyFile,
      SHARDPAY_KEY_SECRET_FILE: secrets.keySecretFile,
      SHARDPAY_STRIPE_TEST_URL: simulatorUrl,
      SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE: secrets.stripeSecretKeyFile,
      SHARDPAY_SEED_FILE: secrets.seedFile,
      SHARDPAY_LOG_LEVEL: config.logLevel,
    })
    return this.#server
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
