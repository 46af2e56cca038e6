/**
 * One process of a chaos cluster over its lives: each start is another incarnation under the same name and addresses.
 *
 * Between `start` and `stop`, `kill` or `terminate` it is watched over: a process that ends because it was declared dead, or
 * stood still, also while it starts, is started again, as supervisors do. On a machine that is busy with other things that
 * happens to healthy nodes.
 */
import type { Host } from './private-network.ts'
import { type Ending, NotReady, Program } from './program.ts'

/** bin/server.ts: start it again, as another incarnation. */
export const fencedExitCode = 75
/** How often it is started where it ends with that before it is ready. */
const startsMax = 5

export interface MemberOptions {
  readonly name: string
  readonly roles: string
  readonly host: Host | undefined
  readonly env: Readonly<Record<string, string>>
  /** Ports that it keeps over its lives. */
  readonly ports: { readonly link: number; readonly merchant: number; readonly operator: number }
}

export class Member {
  readonly name: string
  readonly address: string
  readonly merchantUrl: string
  readonly operatorUrl: string
  readonly host: Host | undefined
  readonly #options: MemberOptions
  /** How its lives ended. */
  readonly endings: Ending[] = []
  #program: Program | undefined
  #isWanted = false
  #birth: Promise<void> | undefined
  #failure: unknown

  constructor(options: MemberOptions) {
    const { host, ports } = options
    this.name = options.name
    this.host = host
    this.address = host?.address ?? '127.0.0.1'
    this.merchantUrl = `http://${this.address}:${ports.merchant}`
    this.operatorUrl = `http://${this.address}:${ports.operator}`
    this.#options = options
  }

  /** Resolves when it serves. `env` is for this life only. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#isWanted) throw new Error(`${this.name} runs`)
    this.#isWanted = true
    await this.#live(env)
  }

  async #live(env: Readonly<Record<string, string>>): Promise<void> {
    const program = await this.#startedAtLast(env)
    this.#program = program
    void program.ended.then((how) => {
      this.endings.push(how)
      if (how !== fencedExitCode || !this.#isWanted) return
      this.#birth = this.#live({}).catch((error: unknown) => {
        this.#isWanted = false
        this.#failure = error
      })
    })
  }

  async #startedAtLast(env: Readonly<Record<string, string>>): Promise<Program> {
    for (let starts = 1; ; starts += 1) {
      try {
        return await this.startTwin(env)
      } catch (error) {
        if (!(error instanceof NotReady) || error.ending !== fencedExitCode || starts === startsMax) throw error
        this.endings.push(error.ending)
      }
    }
  }

  /** Another process under the same name: its own ports where `env` says so. The caller ends it. */
  startTwin(env: Readonly<Record<string, string>>): Promise<Program> {
    const { roles, ports, host } = this.#options
    return Program.start({
      name: this.name,
      file: 'bin/server.ts',
      ...(host && { enter: host.enter }),
      env: {
        SHARDPAY_ROLES: roles,
        SHARDPAY_NODE_ID: this.name,
        SHARDPAY_LINK_HOST: this.address,
        SHARDPAY_LINK_PORT: String(ports.link),
        SHARDPAY_MERCHANT_HOST: this.address,
        SHARDPAY_MERCHANT_PORT: String(ports.merchant),
        SHARDPAY_OPERATOR_HOST: this.address,
        SHARDPAY_OPERATOR_PORT: String(ports.operator),
        SHARDPAY_LOG_LEVEL: 'info',
        ...this.#options.env,
        ...env,
      },
    })
  }

  get program(): Program {
    if (this.#program === undefined) throw new Error(`${this.name} was never started`)
    return this.#program
  }

  get wasStarted(): boolean {
    return this.#program !== undefined
  }

  /** Nobody stopped it: it runs, or is about to again. @throws where it could not be started again. */
  get isWanted(): boolean {
    if (this.#failure !== undefined) throw new Error(`${this.name} did not come back`, { cause: this.#failure })
    return this.#isWanted
  }

  get isRunning(): boolean {
    return this.#program?.isRunning === true
  }

  get incarnation(): string {
    return String(this.program.ready['incarnation'])
  }

  kill(): Promise<Ending> {
    return this.#end('SIGKILL')
  }

  /** Drains and ends. */
  terminate(): Promise<Ending> {
    return this.#end('SIGTERM')
  }

  /** It is not started again when it ends, until the next `start`. */
  letGo(): void {
    this.#isWanted = false
  }

  freeze(): void {
    this.program.freeze()
  }

  wake(): void {
    this.program.wake()
  }

  async stop(): Promise<void> {
    if (this.#program !== undefined) await this.#end('SIGKILL')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<Ending> {
    this.#isWanted = false
    await this.#birth
    return this.program.end(signal)
  }
}
