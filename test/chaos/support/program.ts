/**
 * A program as a process of its own that can be killed, frozen and woken by id. It ends with this process, also frozen and
 * also where the test run is killed; `end` waits until it is really gone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

const root = new URL('../../../', import.meta.url).pathname
const readyWithinMs = 60_000
const logLinesMax = 2_000
/** Of the kernel: a frozen process cannot see that its standard input ended. */
const endsWithParent = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL'] : []

export interface ProgramOptions {
  /** For messages. */
  readonly name: string
  /** TypeScript file below the project's root. */
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Command line to run it under, keeping the process id. */
  readonly enter?: readonly string[]
}

export type Ending = number | NodeJS.Signals

/** It ended before its ready line, or was too late with it and was killed. */
export class NotReady extends Error {
  override readonly name = 'NotReady'
  /** Undefined where it was too late. */
  readonly ending: Ending | undefined

  constructor(program: string, ending: Ending | undefined, log: readonly string[]) {
    super(`${program} was not ready (${ending ?? 'running'}):\n${log.join('\n')}`)
    this.ending = ending
  }
}

export class Program {
  readonly name: string
  readonly pid: number
  /** Exit code or signal. */
  readonly ended: Promise<Ending>
  /** The last lines that it wrote to standard error. */
  readonly log: string[] = []
  /** The last lines that it wrote to standard output, after the ready line. */
  readonly said: string[] = []
  ready: Readonly<Record<string, unknown>> = {}
  #ending: Ending | undefined
  readonly #child: ChildProcess

  private constructor(name: string, child: ChildProcess, pid: number) {
    this.name = name
    this.#child = child
    this.pid = pid
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#ending = signal ?? code ?? 'SIGKILL'
        resolve(this.#ending)
      })
    })
  }

  /** Resolves with its ready line. @throws where it ends before, with its last words. */
  static async start(options: ProgramOptions): Promise<Program> {
    const [command = '', ...args] = [
      ...endsWithParent,
      ...(options.enter ?? []),
      process.execPath,
      `${root}${options.file}`,
      ...(options.args ?? []),
    ]
    const child = spawn(command, args, {
      env: { ...process.env, SHARDPAY_SUPERVISED: '1', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { stdout, stderr, pid } = child
    if (pid === undefined) throw new Error(`${options.name} did not start`)
    // what is written to a process that has just ended is lost
    child.stdin.on('error', () => undefined)
    const program = new Program(options.name, child, pid)
    createInterface({ input: stderr }).on('line', (line) => {
      program.log.push(line)
      if (program.log.length > logLinesMax) program.log.shift()
    })
    const lines = createInterface({ input: stdout })
    const first = new Promise<string>((resolve) => lines.once('line', resolve))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, readyWithinMs, undefined)
    })
    const line = await Promise.race([first, program.ended.then(() => undefined), late])
    clearTimeout(timer)
    if (line === undefined) {
      child.kill('SIGKILL')
      throw new NotReady(options.name, program.#ending, program.log)
    }
    lines.on('line', (said) => {
      program.said.push(said)
      if (program.said.length > logLinesMax) program.said.shift()
    })
    program.ready = JSON.parse(line) as Record<string, unknown>
    return program
  }

  get isRunning(): boolean {
    return this.#ending === undefined
  }

  /** What it ended with. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(name)
  }

  /** A line on its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  freeze(): void {
    this.signal('SIGSTOP')
  }

  wake(): void {
    this.signal('SIGCONT')
  }

  /** SIGKILL where no other signal is named; resolves when it is gone. A frozen process is woken so that it can obey. */
  async end(name: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    this.signal(name)
    if (name !== 'SIGKILL') this.signal('SIGCONT')
    return this.ended
  }
}
