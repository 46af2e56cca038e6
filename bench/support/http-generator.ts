/**
 * Load for the HTTP edge from a process apart: wrk where it is installed, else autocannon. Both keep a number of
 * connections busy, each with the next payment once the last was answered, or with one when it is due; both write down
 * every answer.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { endedChildrenCpuMs } from './process-cpu.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL('./wrk.lua', import.meta.url))
const autocannonFile = fileURLToPath(new URL('./autocannon.ts', import.meta.url))

export interface LoadOptions {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** No other load has it: keys begin with it. */
  readonly prefix: string
  /** Payments per second, at even intervals; absent: as many as are answered. */
  readonly rate?: number
}

export interface Load {
  readonly seconds: number
  /** Payments that were answered with 201. */
  readonly payments: readonly string[]
  /** Any other answer, and errors of connections; `201` is not among them. */
  readonly others: ReadonlyMap<string, number>
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** User and system time of the generator. */
  readonly cpuMs: number
}

interface Report {
  readonly seconds: number
  readonly requests: number
  readonly errors: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

export class Generator {
  readonly name: 'wrk' | 'autocannon'
  readonly version: string
  readonly #directory: string
  readonly #apiKeys: string

  private constructor(name: 'wrk' | 'autocannon', version: string, directory: string) {
    this.name = name
    this.version = version
    this.#directory = directory
    this.#apiKeys = join(directory, 'api-keys')
  }

  static async create(apiKeys: readonly string[], wanted?: 'autocannon'): Promise<Generator> {
    const version = wanted === undefined ? await wrkVersion() : undefined
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-bench-http-'))
    const generator = new Generator(version === undefined ? 'autocannon' : 'wrk', version ?? '9.0.0', directory)
    writeFileSync(generator.#apiKeys, `${apiKeys.join('\n')}\n`)
    return generator
  }

  async load({ url, connections, seconds, prefix, rate }: LoadOptions): Promise<Load> {
    const answers = join(this.#directory, `answers-${prefix}`)
    const cpuBefore = endedChildrenCpuMs()
    const [c, d] = [String(connections), String(seconds)]
    const paced = rate === undefined ? [] : [String(rate)]
    const { stdout } =
      this.name === 'wrk'
        ? await run('wrk', [
            `-t1`,
            `-c${c}`,
            `-d${d}s`,
            '--timeout',
            '30s',
            '-s',
            script,
            url,
            '--',
            prefix,
            answers,
            this.#apiKeys,
            ...paced,
          ])
        : await run(process.execPath, [autocannonFile, url, c, d, prefix, answers, this.#apiKeys, ...paced])
    const cpuMs = endedChildrenCpuMs() - cpuBefore
    const line = stdout.split('\n').find((each) => each.startsWith('JSON '))
    if (line === undefined) throw new Error(`${this.name} ended without a report:\n${stdout}`)
    return { ...loadOf(JSON.parse(line.slice(5)) as Report, readFileSync(answers, 'utf8')), cpuMs }
  }

  async close(): Promise<void> {
    await rm(this.#directory, { recursive: true })
  }
}

function loadOf({ errors, requests, ...report }: Report, answers: string): Omit<Load, 'cpuMs'> {
  const payments: string[] = []
  const others = new Map<string, number>()
  const lines = answers.split('\n').slice(0, -1)
  for (const line of lines) {
    if (line.startsWith('201 pay_')) payments.push(line.slice(4))
    else others.set(line, (others.get(line) ?? 0) + 1)
  }
  if (errors > 0) others.set('errors of connections', errors)
  if (lines.length !== requests) others.set('answers that were not written down', requests - lines.length)
  return { ...report, payments, others }
}

async function wrkVersion(): Promise<string | undefined> {
  try {
    await run('wrk', ['-v'])
    return undefined
  } catch (error) {
    // It says its version and how it is used, and ends with 1.
    return /wrk (\S+)/.exec(String((error as { stdout?: unknown }).stdout))?.[1]
  }
}
