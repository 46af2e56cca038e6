/** The processes that a benchmark of the HTTP edge consists of: server and simulator, started, asked and stopped. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Program, startProgram } from '../../bin/dev/program.ts'
import type { ServerFigures, ServerOptions, ServerReply, ServerRequest } from './http-server.ts'
import type { TopFunction } from './cpu-profile.ts'

const serverFile = fileURLToPath(new URL('./http-server.ts', import.meta.url))
const simulatorFile = fileURLToPath(new URL('../../psp/simulator/main.ts', import.meta.url))

export class BenchHttpServer {
  readonly url: string
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, pid: number, url: string) {
    this.#child = child
    this.pid = pid
    this.url = url
  }

  /** @param nodeFlags of Node, such as `--max-semi-space-size=64`. */
  static async start(options: ServerOptions, nodeFlags: readonly string[]): Promise<BenchHttpServer> {
    const child = fork(serverFile, { execArgv: [...nodeFlags], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const { url } = await ask(child, { kind: 'start', options }, 'started')
    if (child.pid === undefined) throw new Error('a process that answers has an id')
    return new BenchHttpServer(child, child.pid, url)
  }

  /** Waits until everything accepted is answered. */
  async settle(): Promise<{ readonly figures: ServerFigures; readonly troubles: readonly string[] }> {
    return ask(this.#child, { kind: 'settle' }, 'settled')
  }

  async profile(milliseconds: number): Promise<readonly TopFunction[]> {
    return (await ask(this.#child, { kind: 'profile', milliseconds }, 'profiled')).top
  }

  async stop(): Promise<void> {
    const exited = new Promise<void>((resolve) => void this.#child.once('exit', () => resolve()))
    try {
      await ask(this.#child, { kind: 'stop' }, 'stopped')
    } finally {
      if (this.#child.connected) this.#child.disconnect() // it ends then
    }
    await exited
  }
}

/** Questions of different kinds may be under way at once. */
function ask<Kind extends ServerReply['kind']>(
  child: ChildProcess,
  request: ServerRequest,
  kind: Kind,
): Promise<Extract<ServerReply, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const heard = (reply: ServerReply): void => {
      if (reply.kind !== kind) return
      forget()
      resolve(reply as Extract<ServerReply, { kind: Kind }>)
    }
    const ended = (code: number | null): void => {
      forget()
      reject(new Error(`the server ended with exit code ${code}`))
    }
    const forget = (): void => void child.off('message', heard).off('exit', ended)
    child.on('message', heard).on('exit', ended)
    child.send(request)
  })
}

export interface BenchSimulator {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** The simulated PSP as `npm start` runs it, its book in a directory of its own. */
export async function startBenchSimulator(): Promise<BenchSimulator> {
  const book = await mkdtemp(join(tmpdir(), 'shardpay-bench-simulator-'))
  const program: Program = await startProgram({
    name: 'the simulator',
    file: simulatorFile,
    args: ['--port', '0', '--book', book],
    show: (line) => console.error(line),
  })
  return {
    url: String(program.ready['url']),
    pid: program.pid,
    async stop() {
      await program.stop(5_000)
      await rm(book, { recursive: true })
    },
  }
}
