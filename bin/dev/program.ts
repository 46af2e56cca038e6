/**
 * A child process of the supervisor: started with a pipe as stdin (its end tells the child that the supervisor is gone,
 * `runtime/parent.ts`), in a process group of its own (Ctrl-C is the supervisor's to answer), ready once it has printed one
 * JSON line on stdout. What it writes
 * is shown once it is ready; the last lines are kept for the obituary.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { supervisedVariable } from '../../runtime/parent.ts'
import { StartError } from './start-error.ts'

export interface ProgramOptions {
  /** What people call it. */
  readonly name: string
  readonly file: string
  readonly args?: readonly string[]
  /** Beside the supervisor's own; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** A line that it wrote, to stderr or, beside the ready line, to stdout. Called once it is ready. */
  readonly show: (line: string) => void
  readonly readyTimeoutMs?: number
  /** Ends it while it is starting. */
  readonly signal?: AbortSignal
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Program {
  readonly name: string
  readonly pid: number
  /** The ready line. */
  readonly ready: Readonly<Record<string, unknown>>
  readonly exited: Promise<Exit>
  lastLines(): readonly string[]
  /** SIGTERM, and SIGKILL after `patienceMs`. */
  stop(patienceMs: number): Promise<Exit>
  kill(): void
}

const linesKept = 20
const readyTimeoutMsDefault = 30_000

/** @throws {StartError} where it ended, or was not ready in time, with its last lines. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { name, show } = options
  const child = spawn(process.execPath, [options.file, ...(options.args ?? [])], {
    env: { ...process.env, ...options.environment, [supervisedVariable]: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const exited = new Promise<Exit>((resolve) => {
    // not `exit`: a process can be gone before its last lines were read
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  child.stdin.on('error', () => {}) // the child is gone; `exited` says so
  const { pid } = child
  if (pid === undefined) throw new StartError('process_failed', `${name} could not be started`)

  const last: string[] = []
  let isReady = false
  const keep = (line: string): void => {
    last.push(line)
    if (last.length > linesKept) last.shift()
    if (isReady) show(line)
  }
  createInterface({ input: child.stderr }).on('line', keep)
  const ready = readyLine(child.stdout, keep)
  const timeoutMs = options.readyTimeoutMs ?? readyTimeoutMsDefault
  let tooLate = false
  const timer = setTimeout(() => {
    tooLate = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const abort = (): void => void child.kill('SIGTERM')
  options.signal?.addEventListener('abort', abort)
  if (options.signal?.aborted) abort()
  try {
    const first = await Promise.race([ready, exited])
    if ('code' in first) {
      const how = tooLate ? `was not ready after ${timeoutMs} ms` : `ended ${describeExit(first)} before it was ready`
      throw new StartError('process_failed', [`${name} ${how}`, ...last].join('\n  '))
    }
    isReady = true
    for (const line of last) show(line)
    return {
      name,
      pid,
      ready: first.line,
      exited,
      lastLines: () => last,
      async stop(patienceMs) {
        const patience = setTimeout(() => child.kill('SIGKILL'), patienceMs)
        child.kill('SIGTERM')
        const exit = await exited
        clearTimeout(patience)
        return exit
      },
      kill: () => void child.kill('SIGKILL'),
    }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
  }
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `with exit code ${code}` : `by ${signal}`
}

/** The first line that is a JSON object; lines before and after it are output like any other. */
function readyLine(stdout: Readable, other: (line: string) => void): Promise<{ line: Record<string, unknown> }> {
  return new Promise((resolve) => {
    let found = false
    createInterface({ input: stdout }).on('line', (text) => {
      const line = found ? undefined : parseObject(text)
      if (line === undefined) return other(text)
      found = true
      resolve({ line })
    })
  })
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
