/** `npm start` as its user sees it: a command, its output, `dev.json`, signals. State directory and ports of its own. */
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DevFile } from '../../../bin/dev/dev-file.ts'
import { freePort } from '../../support/ports.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface StartOptions {
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Default 1: a start takes half the time then. */
  readonly nodes?: number
  /** Through npm, as the README says; else the file directly. */
  readonly npm?: boolean
}

export interface Started {
  readonly pid: number
  /** Everything it printed so far. */
  output(): string
  /** Resolves with the content of dev.json when all is ready; rejects where it ended before. */
  readonly ready: Promise<DevFile>
  readonly exited: Promise<number | NodeJS.Signals>
  kill(signal: NodeJS.Signals): void
}

export class DevCluster {
  readonly directory: string
  readonly #ports: Readonly<Record<string, string>>
  #started: Started[] = []

  private constructor(directory: string, ports: Readonly<Record<string, string>>) {
    this.directory = directory
    this.#ports = ports
  }

  static async make(): Promise<DevCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-start-'))
    await chmod(directory, 0o711) // the embedded Postgres may run as another user, below it
    const ports: Record<string, string> = {}
    for (const of of ['MERCHANT', 'OPERATOR', 'SIMULATOR', 'POSTGRES']) {
      ports[`SHARDPAY_${of}_PORT`] = String(await freePort())
    }
    return new DevCluster(directory, ports)
  }

  get devFile(): string {
    return join(this.directory, 'dev.json')
  }

  start({ flags = [], environment = {}, nodes = 1, npm = false }: StartOptions = {}): Started {
    const file = npm ? 'npm' : process.execPath
    const args = npm ? ['start', '--silent', ...(flags.length > 0 ? ['--', ...flags] : [])] : ['bin/start.ts', ...flags]
    const child = spawn(file, args, {
      cwd: root,
      env: {
        ...process.env,
        SHARDPAY_DIRECTORY: this.directory,
        ...this.#ports,
        DATABASE_URL: '',
        NO_COLOR: '1',
        SHARDPAY_NODES: String(nodes),
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (child.pid === undefined) throw new Error('npm start could not be started')
    const exited = new Promise<number | NodeJS.Signals>((resolve) =>
      child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
    )
    let output = ''
    const ready = new Promise<DevFile>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        const before = output.includes('Shardpay is ready')
        output += chunk.toString('utf8')
        if (before || !output.includes('Shardpay is ready')) return
        readFile(this.devFile, 'utf8').then((text) => resolve(JSON.parse(text) as DevFile), reject)
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      void exited.then((how) => reject(new Error(`npm start ended (${how}) before it was ready:\n${output}`)))
    })
    ready.catch(() => undefined) // a test of a failing start never asks
    const started = {
      pid: child.pid,
      output: () => output,
      ready,
      exited,
      kill: (signal: NodeJS.Signals) => void child.kill(signal),
    }
    this.#started.push(started)
    return started
  }

  /** Ends what a failed test left, and removes everything. */
  async destroy(): Promise<void> {
    for (const started of this.#started) {
      started.kill('SIGTERM')
      await started.exited
    }
    await rm(this.directory, { recursive: true, force: true })
  }
}
