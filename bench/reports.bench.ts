/**
 * Reading reports: a million lines of Stripe's balance changes from file to neutral rows, with every check, every sum and the
 * file's hash; beside it csv-parse, which only parts the same bytes into cells.
 */
import { execFile } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'csv-parse'
import columnsOfReports from '../psp/simulator/reports/columns.json' with { type: 'json' }
import { runBenchmark } from './support/benchmark.ts'
import { coreColumns, type ReportFile, writeReport } from './support/report-lines.ts'
import type { ReportReading } from './support/report-process.ts'

const allColumns = [
  ...new Set([
    ...columnsOfReports.stripe['balance_change_from_activity.itemized'].columns.filter(
      (name) => !name.endsWith('[key]'),
    ),
    ...coreColumns,
  ]),
]
const sizes = [
  { columns: coreColumns, lines: 100_000 },
  { columns: coreColumns, lines: 1_000_000 },
  { columns: allColumns, lines: 1_000_000 },
] as const

async function read(path: string): Promise<ReportReading> {
  const script = fileURLToPath(new URL('support/report-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'stripe_balance_change', path])
  return JSON.parse(stdout) as ReportReading
}

/** Seconds of CPU that csv-parse takes for the cells alone. */
async function csvParse(path: string): Promise<number> {
  const before = process.cpuUsage()
  let records = 0
  for await (const _ of createReadStream(path).pipe(parse())) records += 1
  const { user, system } = process.cpuUsage(before)
  if (records < 2) throw new Error('csv-parse has read nothing')
  return (user + system) / 1e6
}

function wrongIn(reading: ReportReading, file: ReportFile, lines: number): string[] {
  const sums = (net: ReportFile['net']): string[] => Object.entries(net).map(([currency, sum]) => `${currency} ${sum}`)
  const expected = JSON.stringify([lines, file.bytes, sums(file.net).toSorted()])
  const found = JSON.stringify([reading.lines, reading.bytes, sums(reading.net).toSorted()])
  return expected === found ? [] : [`read ${found} where ${expected} was written`]
}

await runBenchmark({
  name: 'reports',
  title: 'Reading reports',
  method:
    'Lines of `balance_change_from_activity.itemized` in a file on disk, read to their end by `readReport` in a process of its own. Number of lines, bytes and sums by currency are compared with what was written.',
  async run(log) {
    const directory = mkdtempSync(join(tmpdir(), 'shardpay-reports-'))
    const wrong: string[] = []
    const rows: (string | number)[][] = []
    try {
      for (const { columns, lines } of sizes) {
        const path = join(directory, `${columns.length}-${lines}.csv`)
        const file = await writeReport(path, columns, lines)
        log(`${lines} lines of ${columns.length} columns, ${(file.bytes / 2 ** 20).toFixed(0)} MiB`)
        const reading = await read(path)
        wrong.push(...wrongIn(reading, file, lines))
        const theirs = await csvParse(path)
        const { seconds, cpuSeconds, peakMiB } = reading
        rows.push([lines, columns.length, file.bytes / 2 ** 20, seconds, cpuSeconds, peakMiB, theirs])
        rmSync(path)
      }
    } finally {
      rmSync(directory, { recursive: true })
    }
    const columns = ['lines', 'columns', 'MiB', 'seconds', 'CPU s', 'peak MiB', 'CPU s of csv-parse, cells alone']
    return {
      tables: [{ title: 'From file to rows', columns, rows }],
      versions: { 'csv-parse': '7.0.3' },
      notes: ['Peak memory is the whole process, Node included; what is kept of a line are 11 to 22 bytes.'],
      wrong,
    }
  },
})
