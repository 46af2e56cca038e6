/**
 * The auditor over a long run: a million journal rows of payments that were authorized, captured and refunded, with what
 * clients were told and the PSP did, in a real Postgres and real files. Prints what the judgement took and the memory it
 * needed; the verdict must be `pass`, or the figures mean nothing. `--payments=N`: another length.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { encodeDecision } from '../actors/codec.ts'
import { audit } from '../loadtest/auditor/audit.ts'
import { readBook } from '../loadtest/auditor/book.ts'
import { PostgresJournal } from '../loadtest/auditor/postgres-journal.ts'
import { describeReport } from '../loadtest/auditor/report.ts'
import { epochRecord, type ForgedRow, idKey, world } from '../loadtest/auditor/testing.ts'
import { readHistory } from '../loadtest/history.ts'
import { migrate } from '../persistence/migrate.ts'
import { systemClock } from '../runtime/clock.ts'
import { startPostgres } from '../test/support/postgres.ts'

const flag = process.argv.find((each) => each.startsWith('--payments='))
const payments = flag === undefined ? 166_667 : Number(flag.slice('--payments='.length))
const rowsPerInsert = 5_000

/** Writes the three books. */
async function fill(databaseUrl: string, directory: string): Promise<{ history: string; book: string }> {
  const paths = { history: join(directory, 'history'), book: join(directory, 'book') }
  const history = createWriteStream(paths.history)
  const book = createWriteStream(paths.book)
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  const tails = new Map<number, number>()
  let waiting: ForgedRow[] = []
  let operations = 0
  for (let n = 0; n < payments; n += 1) {
    const { shard, rows, history: lines, book: entries } = world(`k-${n}`)
    const tail = tails.get(shard) ?? 1
    if (tail === 1) waiting.push(epochRecord(shard, 1, 1))
    for (const row of rows.slice(1)) waiting.push({ ...row, position: tail + row.seq })
    tails.set(shard, tail + rows.length - 1)
    let text = ''
    for (const line of lines) text += `${JSON.stringify({ ...line, i: operations + line.i })}\n`
    operations += lines.length / 2
    if (!history.write(text)) await once(history, 'drain')
    if (!book.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))) await once(book, 'drain')
    if (waiting.length >= rowsPerInsert) {
      await insert(client, waiting)
      waiting = []
    }
  }
  await insert(client, waiting)
  await client.query('ANALYZE journal')
  await client.end()
  for (const stream of [history, book]) {
    stream.end()
    await once(stream, 'close')
  }
  return paths
}

async function insert(client: Client, rows: readonly ForgedRow[]): Promise<void> {
  const bytes = (each: ForgedRow): Buffer => each.data ?? encodeDecision(each.events, each.transfers as never).data
  const columns = [
    rows.map(({ shard }) => shard),
    rows.map(({ position }) => position),
    rows.map(({ entity }) => Buffer.from(entity, 'hex')),
    rows.map(({ seq }) => seq),
    rows.map(({ command }) => Buffer.from(command, 'hex')),
    rows.map(({ type }) => type),
    rows.map(({ at }) => at),
    rows.map(bytes),
  ]
  await client.query(
    `INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data)
     SELECT shard, position, entity, seq, 1, command, type, at, data
     FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::int[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[])
       AS rows (shard, position, entity, seq, command, type, at, data)`,
    columns,
  )
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'shardpay-bench-auditor-'))
  const server = await startPostgres()
  try {
    await migrate(server.url)
    const told = await fill(server.url, directory)
    const journal = await PostgresJournal.open(server.url)
    let rssMax = 0
    const before = process.cpuUsage()
    const sampler = setInterval(() => {
      rssMax = Math.max(rssMax, process.memoryUsage().rss)
    }, 100)
    const report = await audit({
      history: readHistory(told.history),
      journals: [journal],
      books: [readBook(told.book)],
      idKey,
      monotonic: () => systemClock.monotonic(),
    })
    clearInterval(sampler)
    const { user, system } = process.cpuUsage(before)
    await journal.close()
    const mib = Math.round(rssMax / 2 ** 20)
    console.log(describeReport(report))
    const cpuUs = (user + system) / report.seen.rows
    console.log(
      `${Math.round(report.seen.rows / (report.tookMs / 1_000))} rows/s, ${cpuUs.toFixed(1)} µs of CPU per row, at most ${mib} MiB of memory`,
    )
    if (report.result !== 'pass') process.exitCode = 1
  } finally {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

await main()
