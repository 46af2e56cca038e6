/** Settlement reports as a merchant gets them from the simulator, parsed by RFC 4180 with a parser of its own. */
import type { VirtualClock } from '../../runtime/clock.ts'
import type { TestSimulator } from './simulator.ts'

export type Row = Readonly<Record<string, string>>

export interface Report {
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
  readonly text: string
}

/** Refuses what is no CSV of equally long records, each of which ends with CRLF. */
export function parseReport(text: string): Report {
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  const records: string[][] = [[]]
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex
    const [, quoted, plain = '', end] = cell.exec(text) ?? []
    if (end === undefined) throw new Error(`no cell at ${at}`)
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end !== ',') records.push([])
  }
  const [columns = [], ...rows] = records.slice(0, -1)
  if (rows.some((row) => row.length !== columns.length)) throw new Error('records differ in length')
  return {
    columns,
    rows: rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at] ?? '']))),
    text,
  }
}

export async function control(
  simulator: TestSimulator,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const response = await fetch(`${simulator.adminUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

/** Ends Stripe's day. @returns until when there are data, unix seconds */
export async function endDay(simulator: TestSimulator): Promise<number> {
  return Number((await control(simulator, 'POST', '/stripe/end_day')).json['available_until'])
}

/** A report run from its request to its file. */
export async function stripeReport(
  simulator: TestSimulator,
  clock: VirtualClock,
  type: string,
  parameters: Readonly<Record<string, string | number | readonly string[]>>,
): Promise<Report> {
  const run = await simulator.post('/v1/reporting/report_runs', { report_type: type, parameters: { ...parameters } })
  if (run.status !== 200) throw new Error(run.text)
  clock.advance(1_000)
  const { json } = await simulator.get(`/v1/reporting/report_runs/${String(run.json['id'])}`)
  const { url, size } = json['result'] as { url: string; size: number }
  const response = await fetch(url, { headers: { authorization: 'Bearer sk_test_shardpay' } })
  const text = await response.text()
  if (Buffer.byteLength(text) !== size) throw new Error(`the file's size is said to be ${size}`)
  return parseReport(text)
}

export interface Batch {
  readonly merchant_account: string
  readonly number: number
  readonly file: string
}

export async function closeBatches(simulator: TestSimulator): Promise<readonly Batch[]> {
  return (await control(simulator, 'POST', '/adyen/close_batch')).json['batches'] as Batch[]
}

export async function adyenReport(
  simulator: TestSimulator,
  { merchant_account: account, file }: Batch,
): Promise<Report> {
  const url = `${simulator.url}/reports/download/MerchantAccount/${encodeURIComponent(account)}/${file}`
  const response = await fetch(url, { headers: { 'x-api-key': 'test_key' } })
  if (response.status !== 200) throw new Error(await response.text())
  return parseReport(await response.text())
}

/** The sum of decimals, in the least unit that three decimals have; an empty cell is nothing. */
export function sumOf(cells: Iterable<string | undefined>): bigint {
  let sum = 0n
  for (const cell of cells) sum += BigInt(thousandths(cell ?? ''))
  return sum
}

function thousandths(cell: string): string {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,3}))?$/.exec(cell || '0') ?? []
  return `${sign}${whole}${fraction.padEnd(3, '0')}`
}
