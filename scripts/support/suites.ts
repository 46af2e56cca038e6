/**
 * The parts of `npm run check` and `npm test`: static checks and vitest projects, each reporting whether it held, what
 * it counted and what it said.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Counts, countsOf, noCounts } from './counts.ts'
import { commandOf, runNode, type ToolOptions } from './tools.ts'

export interface PartResult {
  readonly name: string
  readonly ok: boolean
  /** A suite of tests; else a static check, which counts one failure where it fails. */
  readonly isSuite: boolean
  readonly counts: Counts
  readonly output: string
  readonly tookMs: number
}

async function staticCheck(name: string, args: readonly string[]): Promise<PartResult> {
  const { code, output, tookMs } = await runNode(args)
  return {
    name,
    ok: code === 0,
    isSuite: false,
    counts: code === 0 ? noCounts : { ...noCounts, failed: 1 },
    output,
    tookMs,
  }
}

export async function runProject(project: string, options: ToolOptions = {}): Promise<PartResult> {
  const directory = mkdtempSync(join(tmpdir(), 'shardpay-report-'))
  const reportPath = join(directory, 'report.json')
  try {
    const run = await runNode(
      [
        commandOf('vitest'),
        'run',
        `--project=${project}`,
        '--passWithNoTests',
        `--reporter=${options.show ? 'default' : 'dot'}`,
        '--reporter=json',
        `--outputFile.json=${reportPath}`,
      ],
      options,
    )
    const counts = countsOf(readReport(reportPath), run.code)
    return { name: project, ok: counts.failed === 0, isSuite: true, counts, output: run.output, tookMs: run.tookMs }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Format, lint, types, unit tests (the tidy test among them), all at once. */
export function startCheck(environment: Readonly<Record<string, string>> = {}): Promise<PartResult>[] {
  return [
    staticCheck('format', [commandOf('@biomejs/biome', 'biome'), 'format', '--reporter=summary', '.']),
    staticCheck('lint', [commandOf('oxlint'), '--format=unix']),
    staticCheck('types', [commandOf('typescript', 'tsc'), '-p', '.']),
    staticCheck('types of the page', [commandOf('typescript', 'tsc'), '-p', 'dashboard']),
    runProject('unit', { environment }),
  ]
}
