/**
 * Reads a report in a process of its own, so that its memory is that of reading alone: `node bench/support/report-process.ts
 * <format> <path>`. It prints one line of JSON.
 */
import { createReadStream } from 'node:fs'
import { isReportFormat, readReport } from '../../recon/reports/formats.ts'

export interface ReportReading {
  readonly lines: number
  readonly bytes: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMiB: number
  /** Net by currency, minor units. */
  readonly net: Readonly<Record<string, string>>
}

const [format = '', path = ''] = process.argv.slice(2)
if (!isReportFormat(format)) throw new Error(`there is no format ${format}`)
const started = performance.now()
const before = process.cpuUsage()
const reading = readReport(format, createReadStream(path), { timeZone: 'Etc/UTC' })
let next = await reading.next()
while (next.done !== true) next = await reading.next()
const { user, system } = process.cpuUsage(before)
const { lines, bytes, totals } = next.value
const result: ReportReading = {
  lines,
  bytes,
  seconds: (performance.now() - started) / 1000,
  cpuSeconds: (user + system) / 1e6,
  peakMiB: process.resourceUsage().maxRSS / 1024,
  net: Object.fromEntries(totals.map(({ currency, net }) => [currency, String(net)])),
}
console.log(JSON.stringify(result))
