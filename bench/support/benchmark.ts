/**
 * The frame of every benchmark: `node bench/<name>.bench.ts [--write]`. It runs the measurement, prints its tables and one
 * line of JSON, and with `--write` keeps them in docs/benchmarks/<name>.md together with the machine and the command.
 * The exit code is 0 only where the measurement ended and every result it produced was verified.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TopFunction } from './cpu-profile.ts'
import { markdownTable, type Table } from './table.ts'

export interface BenchmarkResult {
  readonly tables: readonly Table[]
  /** Servers and libraries whose version matters, beside Node. */
  readonly versions: Readonly<Record<string, string>>
  /** What a reader needs to judge the figures. One sentence each. */
  readonly notes: readonly string[]
  /** Where the process spent its own time, most first. */
  readonly topFunctions?: readonly TopFunction[]
  /** What came out wrong; the benchmark fails where there is any. */
  readonly wrong: readonly string[]
}

export interface Benchmark {
  /** Name of the file without `.bench.ts`. */
  readonly name: string
  readonly title: string
  /** What is measured and how, in a few sentences. */
  readonly method: string
  run(log: (line: string) => void): Promise<BenchmarkResult>
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Runs the benchmark and sets the exit code. */
export async function runBenchmark(benchmark: Benchmark): Promise<void> {
  const started = performance.now()
  const [load = 0] = loadavg()
  try {
    const result = await benchmark.run((line) => console.error(line))
    const seconds = Math.round((performance.now() - started) / 1000)
    const lines = [
      ...machineLines(result.versions),
      `run time: ${seconds} s; load of the machine before: ${load.toFixed(1)}`,
    ]
    const notes = [...busyNotes(load), ...result.notes]
    const body = [...result.tables.map(markdownTable), ...profileSection(result.topFunctions)].join('\n')
    console.log(`\n${lines.join('\n')}\n\n${body}\n${notes.map((note) => `- ${note}`).join('\n')}\n`)
    console.log(JSON.stringify({ benchmark: benchmark.name, ...result }))
    for (const wrong of result.wrong) console.error(`WRONG: ${wrong}`)
    if (result.wrong.length > 0) {
      process.exitCode = 1
    } else if (process.argv.includes('--write')) {
      const path = join(root, 'docs', 'benchmarks', `${benchmark.name}.md`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, document(benchmark, lines, body, notes))
      console.error(`written: docs/benchmarks/${benchmark.name}.md`)
    }
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}

/** @param load of the machine before the run. */
function busyNotes(load: number): string[] {
  if (load <= availableParallelism() / 2) return []
  return ['**Others kept the machine busy during this run: ratios within a table count, absolute figures do not.**']
}

function machineLines(versions: Readonly<Record<string, string>>): string[] {
  const cpu = cpus()[0]?.model.trim() ?? 'unknown processor'
  return [
    `machine: ${availableParallelism()} × ${cpu}, ${(totalmem() / 2 ** 30).toFixed(1)} GiB, ${type()} ${release()} ${arch()}`,
    `versions: ${Object.entries({ node: process.version, ...versions })
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
  ]
}

function profileSection(top: readonly TopFunction[] | undefined): string[] {
  if (top === undefined || top.length === 0) return []
  const rows = top.map(({ share, selfMs, name, where }) => [`${(share * 100).toFixed(1)} %`, selfMs, name, where])
  return [
    markdownTable({ title: 'Where the process spent its time', columns: ['self', 'ms', 'function', 'file'], rows }),
  ]
}

function document(benchmark: Benchmark, lines: readonly string[], body: string, notes: readonly string[]): string {
  const date = new Date().toISOString().slice(0, 10)
  return [
    `# ${benchmark.title}\n`,
    `${benchmark.method}\n`,
    ...lines.map((line) => `- ${line}`),
    `- command: \`npm run bench ${benchmark.name} -- --write\`, ${date}\n`,
    body,
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n')
}
