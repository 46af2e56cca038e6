/** A command of `shardpay` as an operator runs it: a process of its own, what it says and what it takes. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BenchServer } from './bench-server.ts'
import { endedChildrenCpuMs } from './process-cpu.ts'

export type Proof = 'journal' | 'ledger'

export interface ProofAnswer {
  readonly problem_count: number
  readonly problems: readonly string[]
  readonly rows?: number
  readonly sealed?: number
  readonly payments?: number
  readonly transfers?: number
}

export type ProofRun = CommandRun<ProofAnswer>

export interface CommandRun<Answer> {
  readonly exitCode: number | null
  /** As the command printed it. */
  readonly answer: Answer
  readonly seconds: number
  /** User and system time of the command; NaN where the platform does not tell, as are the others. */
  readonly nodeMs: number
  readonly postgresMs: number
  /** The most that was resident at once. */
  readonly memoryMiB: number
}

const command = fileURLToPath(new URL('../../bin/shardpay.ts', import.meta.url))
const sampleEveryMs = 100

/** @throws where it printed no answer. */
export function runProof(proof: Proof, postgres: BenchServer, shards: readonly number[] = []): Promise<ProofRun> {
  return runCommand([proof, 'verify', ...shards.map(String)], postgres)
}

/** With `--json`. @throws where it printed no answer. */
export async function runCommand<Answer>(args: readonly string[], postgres: BenchServer): Promise<CommandRun<Answer>> {
  const [nodeBefore, postgresBefore, began] = [endedChildrenCpuMs(), postgres.cpuMs(), performance.now()]
  const child = spawn(process.execPath, [command, ...args, '--json'], {
    env: { ...process.env, DATABASE_URL: postgres.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (text: Buffer) => (out += text.toString()))
  child.stderr.on('data', (text: Buffer) => (err += text.toString()))
  let memoryMiB = Number.NaN
  const sampler = setInterval(() => {
    memoryMiB = highestMemoryMiB(child.pid) ?? memoryMiB
  }, sampleEveryMs)
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  }).finally(() => clearInterval(sampler))
  const seconds = (performance.now() - began) / 1000
  const [line = ''] = out.split('\n')
  if (line === '') throw new Error(`${args.join(' ')} ended with ${exitCode} and no answer: ${err}`)
  return {
    ...{ exitCode, seconds, memoryMiB, answer: JSON.parse(line) as Answer },
    nodeMs: endedChildrenCpuMs() - nodeBefore,
    postgresMs: postgres.cpuMs() - postgresBefore,
  }
}

/** So far; undefined where there is no /proc, or the process has ended. */
function highestMemoryMiB(pid: number | undefined): number | undefined {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : Math.round(Number(kib) / 1024)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
