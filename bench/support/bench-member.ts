/** A process of a cluster under measurement (cluster-process.ts), started, asked and stopped from outside. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { MoveRecord } from '../../cluster/status.ts'
import type { BenchMerchant } from './bench-merchants.ts'
import type { MemberFigures, MemberOptions, MemberReply, MemberRequest } from './cluster-process.ts'
import type { TopFunction } from './cpu-profile.ts'
import { treeCpuMs } from './process-cpu.ts'

const file = fileURLToPath(new URL('./cluster-process.ts', import.meta.url))

export class BenchMember {
  readonly name: string
  /** Of the merchants' API; empty where it is no gateway. */
  readonly url: string
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(name: string, child: ChildProcess, pid: number, url: string) {
    this.name = name
    this.#child = child
    this.pid = pid
    this.url = url
  }

  /** @param nodeFlags of Node, such as `--max-semi-space-size=64`. */
  static async start(options: MemberOptions, nodeFlags: readonly string[] = []): Promise<BenchMember> {
    const child = fork(file, { execArgv: [...nodeFlags], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    // every question under way hears of its end
    child.setMaxListeners(32)
    const { url } = await ask(child, { kind: 'start', options }, 'started')
    if (child.pid === undefined) throw new Error('a process that answers has an id')
    return new BenchMember(options.name, child, child.pid, url)
  }

  /** Waits until it knows the merchants; one of a cluster makes them before. */
  async know(merchants: readonly BenchMerchant[], makes: boolean): Promise<void> {
    await ask(this.#child, { kind: 'know', merchants, makes }, 'known')
  }

  /** Waits until everything accepted is answered. */
  async settle(): Promise<{ readonly figures: MemberFigures; readonly troubles: readonly string[] }> {
    return ask(this.#child, { kind: 'settle' }, 'settled')
  }

  /** Moves a shard, wherever it is; one at a time. The code where it was refused. */
  async move(shard: number, to: string): Promise<MoveRecord | string> {
    const reply = await ask(this.#child, { kind: 'move', shard, to }, 'moved', 'not_moved')
    return reply.kind === 'moved' ? reply.record : reply.code
  }

  async profile(milliseconds: number): Promise<readonly TopFunction[]> {
    return (await ask(this.#child, { kind: 'profile', milliseconds }, 'profiled')).top
  }

  /** User and system time so far. */
  cpuMs(): number {
    return treeCpuMs(this.pid) ?? Number.NaN
  }

  /** Hands over what it has and ends. */
  async stop(): Promise<void> {
    const exited = this.#exited()
    try {
      await ask(this.#child, { kind: 'stop' }, 'stopped')
    } finally {
      if (this.#child.connected) this.#child.disconnect() // it ends then
    }
    await exited
  }

  /** Ends it at once, where nothing of it is measured any more. */
  async kill(): Promise<void> {
    const exited = this.#exited()
    this.#child.kill('SIGKILL')
    await exited
  }

  #exited(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => void this.#child.once('exit', () => resolve()))
  }
}

/** Questions of different kinds may be under way at once. */
function ask<Kind extends MemberReply['kind']>(
  child: ChildProcess,
  request: MemberRequest,
  ...kinds: readonly Kind[]
): Promise<Extract<MemberReply, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    if (!child.connected) {
      reject(new Error(`a process under measurement has ended with exit code ${child.exitCode}`))
      return
    }
    const heard = (reply: MemberReply): void => {
      if (!kinds.some((kind) => kind === reply.kind)) return
      forget()
      resolve(reply as Extract<MemberReply, { kind: Kind }>)
    }
    const ended = (code: number | null): void => {
      forget()
      reject(new Error(`a process under measurement ended with exit code ${code}`))
    }
    const forget = (): void => void child.off('message', heard).off('exit', ended)
    child.on('message', heard).on('exit', ended)
    child.send(request)
  })
}
