/**
 * Disks that are slow, broken or full, under a Postgres server.
 *
 * Slow and broken: strace holds its `fdatasync` (every commit makes one) or lets it fail. Full: a tmpfs of some megabytes, and
 * a file beside the server's data that takes what is left. tmpfs itself makes no promise about power cuts: nothing here is
 * about losing what was synced.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, mkdir, open, rm, rmdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { childrenOf } from '../../../persistence/os-process.ts'
import { tool } from './tools.ts'

export type SyncFault =
  | { readonly kind: 'slow'; readonly ms: number }
  /** The next one of each process: Postgres must not trust a second try. */
  | { readonly kind: 'fails' }

/** Every fdatasync of the server's processes, those that live now and those to come, until `end`. */
export class SyncFaults {
  readonly #tracer: ChildProcess
  readonly #ended: Promise<unknown>
  /** How many syncs were hit. */
  hits = 0

  private constructor(tracer: ChildProcess) {
    this.#tracer = tracer
    this.#ended = once(tracer, 'exit')
  }

  /** Resolves when the tracer is attached. */
  static async inject(postmaster: number, fault: SyncFault): Promise<SyncFaults> {
    const what = fault.kind === 'slow' ? `delay_enter=${fault.ms * 1000}` : 'error=EIO:when=1'
    const processes = [postmaster, ...(await childrenOf(postmaster))]
    const tracer = spawn(
      'strace',
      [
        '-f',
        '-e',
        'trace=fdatasync',
        '-e',
        `inject=fdatasync:${what}`,
        ...processes.flatMap((pid) => ['-p', `${pid}`]),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const faults = new SyncFaults(tracer)
    const { stderr } = tracer
    if (stderr === null) throw new Error('strace has a standard error')
    const said: string[] = []
    let waiting = processes.length
    const attached = new Promise<void>((resolve) => {
      createInterface({ input: stderr }).on('line', (line) => {
        said.push(line)
        if (/\((?:DELAYED|INJECTED)\)/.test(line)) faults.hits += 1
        // a process that ended meanwhile is not attached to; all others are
        if (/ attached( |$)|: attach: /.test(line)) {
          waiting -= 1
          if (waiting === 0) resolve()
        }
      })
    })
    const ended = faults.#ended.then(() => Promise.reject(new Error(`strace ended:\n${said.join('\n')}`)))
    ended.catch(() => undefined)
    await Promise.race([attached, ended])
    return faults
  }

  /** Resolves when the server runs untraced again. */
  async end(): Promise<void> {
    if (this.#tracer.exitCode === null && this.#tracer.signalCode === null) this.#tracer.kill('SIGINT')
    await this.#ended
  }
}

export class SmallDisk {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  /** `directory` must not exist; everybody may enter it. */
  static async mount(directory: string, megabytes: number): Promise<SmallDisk> {
    await mkdir(directory, { recursive: true })
    await tool('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'shardpay-chaos', directory)
    return new SmallDisk(directory)
  }

  /** Takes what is left of it, also what others give back meanwhile. */
  async fill(): Promise<void> {
    const ballast = await open(`${this.directory}/ballast`, 'w')
    try {
      for (const bytes of [1024 * 1024, 4096]) while (await took(ballast, bytes));
    } finally {
      await ballast.close()
    }
  }

  async free(): Promise<void> {
    await rm(`${this.directory}/ballast`, { force: true })
  }

  /** What uses it must have ended. */
  async unmount(): Promise<void> {
    await tool('umount', this.directory)
    await rmdir(this.directory)
  }
}

/** False where there is no room. */
async function took(file: FileHandle, bytes: number): Promise<boolean> {
  try {
    await file.write(Buffer.alloc(bytes))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return false
  }
}
