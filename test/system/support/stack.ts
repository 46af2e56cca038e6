/**
 * The whole product as processes on this machine: Postgres, the PSP simulator, the Shardpay server. Each can be killed and
 * started again on its port with its data; `stop` ends everything by process id.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { paymentIdOf } from '../../../domain/ids.ts'
import { migrate } from '../../../persistence/migrate.ts'
import { freePort } from '../../support/ports.ts'
import { startPostgres } from '../../support/postgres.ts'
import { fencedExitCode } from '../../chaos/support/member.ts'
import { stripeSeed } from '../../support/psp-seed.ts'
import type { Target } from './audited-load.ts'

const root = new URL('../../../', import.meta.url).pathname

const startsMax = 5

export interface Running {
  readonly pid: number
  /** Fields of the ready line. */
  readonly ready: Record<string, unknown>
  /** What it wrote to standard error, the last 200 lines. */
  readonly log: readonly string[]
  /** Sends a signal and waits until the process is gone; resolves with exit code or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
  readonly exited: Promise<number | NodeJS.Signals | null>
}

/** Starts a TypeScript program and waits for its JSON ready line. */
export async function startProgram(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<Running> {
  const child: ChildProcess = spawn(process.execPath, [join(root, file), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  const { stdout, stderr } = child
  if (stdout === null || stderr === null || child.pid === undefined) throw new Error(`${file} did not start`)
  createInterface({ input: stderr }).on('line', (line) => {
    log.push(line)
    if (log.length > 200) log.shift()
  })
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const lines = createInterface({ input: stdout })
    lines.once('line', (line) => resolve(JSON.parse(line) as Record<string, unknown>))
    lines.on('line', () => undefined)
    void exited.then((how) => reject(new Error(`${file} ended (${how}) before it was ready:\n${log.join('\n')}`)))
  })
  return {
    pid: child.pid,
    ready,
    log,
    exited,
    end(signal) {
      child.kill(signal)
      return exited
    },
  }
}

export interface StackOptions {
  /** Environment of the server beside what the stack sets. */
  readonly serverEnv?: Record<string, string>
}

export class Stack {
  readonly directory: string
  readonly merchantUrl: string
  readonly simulatorUrl: string
  readonly apiKeys: readonly string[]
  readonly merchants: readonly string[]
  readonly postgres: Awaited<ReturnType<typeof startPostgres>>
  server: Running | undefined
  simulator: Running | undefined
  readonly #options: StackOptions
  readonly #ports: { readonly merchant: number; readonly simulator: number }

  private constructor(
    options: StackOptions,
    directory: string,
    postgres: Awaited<ReturnType<typeof startPostgres>>,
    ports: { readonly merchant: number; readonly simulator: number },
    seeds: readonly { readonly id: string; readonly key: string }[],
  ) {
    this.#options = options
    this.directory = directory
    this.postgres = postgres
    this.#ports = ports
    this.merchantUrl = `http://127.0.0.1:${ports.merchant}`
    this.simulatorUrl = `http://127.0.0.1:${ports.simulator}`
    this.merchants = seeds.map(({ id }) => id)
    this.apiKeys = seeds.map(({ key }) => key)
  }

  static async start(options: StackOptions = {}): Promise<Stack> {
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-system-'))
    const postgres = await startPostgres({ settings: { fsync: 'on' } })
    const ports = { merchant: await freePort(), simulator: await freePort() }
    const seeds = [1, 2].map((n) => ({ id: `mer_system${n}`, key: `sk_test_${randomBytes(18).toString('hex')}` }))
    await writeFile(join(directory, 'id-key'), randomBytes(32).toString('hex'), { mode: 0o600 })
    await writeFile(join(directory, 'key-secret'), randomBytes(32).toString('hex'), { mode: 0o600 })
    await writeFile(join(directory, 'stripe-key'), `sk_test_${randomBytes(12).toString('hex')}`, { mode: 0o600 })
    await writeFile(
      join(directory, 'seed.json'),
      JSON.stringify({
        merchants: seeds.map(({ id, key }) => ({ id, name: id, api_key: key, rate_tier: 'development' })),
        psp_connections: [stripeSeed(`http://127.0.0.1:${ports.simulator}`)],
      }),
      { mode: 0o600 },
    )
    await migrate(postgres.url)
    const stack = new Stack(options, directory, postgres, ports, seeds)
    try {
      await stack.startSimulator()
      await stack.startServer()
    } catch (error) {
      await stack.stop()
      throw error
    }
    return stack
  }

  async startSimulator(): Promise<void> {
    this.simulator = await startProgram(
      'psp/simulator/main.ts',
      ['--port', String(this.#ports.simulator), '--book', join(this.directory, 'book')],
      {},
    )
  }

  /** As supervisors do, it is started again where the machine is so busy that it stood still for a lease. */
  async startServer(): Promise<void> {
    for (let starts = 1; ; starts += 1) {
      try {
        const server = await this.#startServer(this.#ports.merchant)
        this.server = server
        void server.exited.then(async (how) => {
          if (how === fencedExitCode && this.server === server) await this.startServer()
        })
        return
      } catch (error) {
        if (starts === startsMax || !String(error).includes(`ended (${fencedExitCode})`)) throw error
      }
    }
  }

  /** Another server under the same node's name, on a port of its own. The first is not started again when it ends. */
  async startSecondServer(): Promise<{ readonly url: string; end(): Promise<void> }> {
    const port = await freePort()
    this.server = undefined
    const server = await this.#startServer(port)
    return {
      url: `http://127.0.0.1:${port}`,
      end: async () => {
        await server.end('SIGKILL')
      },
    }
  }

  #startServer(port: number): Promise<Running> {
    return startProgram('bin/server.ts', [], {
      DATABASE_URL: this.postgres.url,
      SHARDPAY_NODE_ID: 'node-1',
      SHARDPAY_MERCHANT_HOST: '127.0.0.1',
      SHARDPAY_MERCHANT_PORT: String(port),
      SHARDPAY_OPERATOR_PORT: '0',
      SHARDPAY_ID_KEY_FILE: join(this.directory, 'id-key'),
      SHARDPAY_KEY_SECRET_FILE: join(this.directory, 'key-secret'),
      SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE: join(this.directory, 'stripe-key'),
      SHARDPAY_SEED_FILE: join(this.directory, 'seed.json'),
      SHARDPAY_LOG_LEVEL: 'warn',
      ...this.#options.serverEnv,
    })
  }

  /** What load is put on and what judges it. */
  get target(): Target {
    return {
      gateways: [this.merchantUrl],
      merchants: this.merchants.map((id, n) => ({ id, apiKey: this.apiKeys[n] ?? '', mode: 'test' })),
      journals: [this.postgres.url],
      bookUrl: `${this.simulatorUrl}/_admin/book`,
      idKeyFile: join(this.directory, 'id-key'),
      directory: this.directory,
    }
  }

  /** The id of the first merchant's payment with this key. */
  paymentId(idempotencyKey: string): string {
    const idKey = Buffer.from(readFileSync(join(this.directory, 'id-key'), 'utf8'), 'hex')
    return paymentIdOf(idKey, this.merchants[0] ?? '', 'test', idempotencyKey)
  }

  /** The simulator's book, whole or of one payment. */
  async book(payment?: string): Promise<readonly BookLine[]> {
    const query = payment === undefined ? '' : `?payment=${payment}`
    const response = await fetch(`${this.simulatorUrl}/_admin/book${query}`)
    if (!response.ok) throw new Error(`the book answered ${response.status}`)
    const text = await response.text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as BookLine)
  }

  /** Sets how the simulator misbehaves; an empty list makes it behave. */
  async behave(rules: readonly object[]): Promise<void> {
    const response = await fetch(`${this.simulatorUrl}/_admin/behaviour`, {
      method: 'POST',
      body: JSON.stringify({ rules }),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(`behaviour answered ${response.status}: ${await response.text()}`)
  }

  async stop(): Promise<void> {
    await this.server?.end('SIGKILL')
    await this.simulator?.end('SIGKILL')
    await this.postgres.stop()
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** One line of the simulator's book, the independent oracle for money. */
export interface BookLine {
  readonly at: string | number
  readonly operation: 'authorize' | 'capture' | 'void' | 'refund'
  readonly operation_id: string
  readonly idempotency_key: string
  readonly amount: number
  readonly currency: string
  readonly effect: boolean
  readonly payment?: string
}
