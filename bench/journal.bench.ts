/**
 * The journal on a real Postgres with fsync: decisions per second, latency, CPU and write-ahead log per row, by rows per
 * flush and lanes, beside a bare `INSERT … SELECT FROM unnest` loop on the same server in the same run; and the bytes that
 * one payment takes. At the end both tables are checked: every acknowledged row is there once, unchanged, without gaps.
 */
import { randomBytes } from 'node:crypto'
import type { AppendOutcome, Ownership } from '../actors/journal.ts'
import { shardCount } from '../domain/ids.ts'
import { type StartedJournal, startJournal } from '../test/support/started-journal.ts'
import { BareLoop, bareTable, createBareTable } from './support/bare-loop.ts'
import { type BenchServer, startBenchServer } from './support/bench-server.ts'
import { runBenchmark } from './support/benchmark.ts'
import { closedLoop } from './support/closed-loop.ts'
import { type CpuProfile, profile, topFunctions } from './support/cpu-profile.ts'
import { contentHashQuery, expectedContentHash, gapQuery, payloadBytes, recordNumber } from './support/journal-rows.ts'
import { type JournalSize, journalSize } from './support/journal-size.ts'
import { Samples } from './support/percentile.ts'
import type { Table } from './support/table.ts'

const rounds = 2
const cellMs = 800
const batches = [1, 10, 100, 1000] as const
const lanesOf = [1, 2, 4] as const
/** Callers of a lane, in batches: one is in flight while the next gathers. */
const batchesAtOnce = 2

interface Cost {
  rows: number
  statements: number
  seconds: number
  /** User and system time. */
  nodeCpuUs: number
  postgresCpuUs: number
  walBytes: number
  readonly latency: Samples
}

interface Cell {
  readonly batch: number
  readonly lanes: number
  readonly bare: Cost
  readonly journal: Cost
}

function noCost(): Cost {
  const latency = new Samples()
  return { rows: 0, statements: 0, seconds: 0, nodeCpuUs: 0, postgresCpuUs: 0, walBytes: 0, latency }
}

/** Runs `work`, which answers how many rows it wrote by how many statements, and adds what it cost. */
async function measure(
  server: BenchServer,
  cost: Cost,
  work: () => Promise<{ readonly rows: number; readonly statements: number; readonly seconds: number }>,
): Promise<void> {
  const walBefore = await server.walBytes()
  const postgresBefore = server.cpuMs()
  const nodeBefore = process.cpuUsage()
  const { rows, statements, seconds } = await work()
  const { user, system } = process.cpuUsage(nodeBefore)
  cost.rows += rows
  cost.statements += statements
  cost.seconds += seconds
  cost.nodeCpuUs += user + system
  cost.postgresCpuUs += (server.cpuMs() - postgresBefore) * 1000
  cost.walBytes += (await server.walBytes()) - walBefore
}

async function runBare(server: BenchServer, loop: BareLoop, cell: Cell): Promise<void> {
  const { batch, lanes, bare } = cell
  await loop.connect(server.url, lanes)
  const start = (index: number): Promise<void> => loop.write(index % lanes, batch)
  // The first statements of a connection are planned anew each time.
  await closedLoop({ concurrency: lanes, count: lanes * 6, start })
  await measure(server, bare, async () => {
    const before = loop.rows
    const startedAt = performance.now()
    const caller = async (lane: number): Promise<number> => {
      let statements = 0
      while (performance.now() - startedAt < cellMs) {
        const began = performance.now()
        await loop.write(lane, batch)
        bare.latency.add(performance.now() - began)
        statements += 1
      }
      return statements
    }
    const callers = Array.from({ length: lanes * batchesAtOnce }, (_, index) => caller(index % lanes))
    const statements = (await Promise.all(callers)).reduce((sum, count) => sum + count, 0)
    return { rows: loop.rows - before, statements, seconds: (performance.now() - startedAt) / 1000 }
  })
}

/** Appends rows by number to the journal under test, and keeps what was not acknowledged. */
class JournalLoop {
  readonly wrong: string[] = []
  readonly #ownerships = new Map<number, Ownership>()
  #started: StartedJournal | undefined
  #next = 0

  get rows(): number {
    return this.#next
  }

  get flushes(): number {
    return this.#started?.journal.stats.flushes ?? 0
  }

  /** A new incarnation that owns all shards. */
  async start(databaseUrl: string, flushRowsMax: number, lanes: number): Promise<void> {
    const started = await startJournal({
      databaseUrl,
      node: 'bench',
      incarnation: randomBytes(8).toString('hex'),
      lanes,
      limits: { flushRowsMax, flushBytesMax: 8 * 2 ** 20 },
    })
    this.#started = started
    const { journal } = started
    for (const ownership of await journal.acquire(Array.from({ length: shardCount }, (_, shard) => shard))) {
      this.#ownerships.set(ownership.shard, ownership)
    }
    if (this.#ownerships.size !== shardCount) throw new Error('the benchmark owns all shards')
    // Lanes open by themselves, one after the other, while appends wait longer than a flush takes.
    const until = performance.now() + 5_000
    while (journal.stats.lanes < lanes && performance.now() < until) {
      await closedLoop({
        concurrency: flushRowsMax * lanes * 4,
        count: flushRowsMax * lanes * 16,
        start: () => this.append(),
      })
    }
    if (journal.stats.lanes < lanes) throw new Error(`${journal.stats.lanes} lanes opened of ${lanes}`)
  }

  async append(): Promise<void> {
    const record = recordNumber(this.#next++)
    const ownership = this.#ownerships.get(record.shard) as Ownership
    const outcome = await new Promise<AppendOutcome>((settle) =>
      this.#started?.journal.append(ownership, { record, settle }),
    )
    if (outcome.kind !== 'durable') this.wrong.push(`row ${this.#next} is ${outcome.kind}: ${outcome.error.message}`)
  }

  async stop(): Promise<void> {
    await this.#started?.close()
    this.#started = undefined
  }
}

/** `around` runs what is measured. */
async function runJournal(
  server: BenchServer,
  loop: JournalLoop,
  { batch, lanes, journal }: Cell,
  milliseconds = cellMs,
  around = (work: () => Promise<void>) => work(),
): Promise<void> {
  await loop.start(server.url, batch, lanes)
  const concurrency = batch * lanes * batchesAtOnce
  await closedLoop({ concurrency, count: concurrency * 4, start: () => loop.append() })
  const start = async (): Promise<void> => {
    const began = performance.now()
    await loop.append()
    journal.latency.add(performance.now() - began)
  }
  await around(() =>
    measure(server, journal, async () => {
      const flushesBefore = loop.flushes
      const { count, seconds } = await closedLoop({ concurrency, count: Number.POSITIVE_INFINITY, milliseconds, start })
      return { rows: count, statements: loop.flushes - flushesBefore, seconds }
    }),
  )
  await loop.stop()
}

/** What a table holds against what was acknowledged: rows 0 to `rows` − 1. */
async function wrongContent(server: BenchServer, table: string, rows: number): Promise<string[]> {
  const wrong: string[] = []
  const content = (await server.client.query<{ rows: number; hash: string }>(contentHashQuery(table))).rows[0]
  if (content?.rows !== rows) wrong.push(`${table} holds ${content?.rows} rows of ${rows}`)
  if (content?.hash !== expectedContentHash(rows)) wrong.push(`${table} holds other bytes than were written`)
  const gaps = (await server.client.query<{ shards: number }>(gapQuery(table))).rows[0]
  if (gaps?.shards !== 0) wrong.push(`${table} has gaps in ${gaps?.shards} shards`)
  return wrong
}

function speedTable(cells: readonly Cell[]): Table {
  return {
    title: 'Decisions per second',
    columns: [
      'rows per flush',
      'lanes',
      'bare rows/s',
      'journal rows/s',
      'of bare',
      'journal p50 ms',
      'journal p99 ms',
    ],
    rows: cells.map(({ batch, lanes, bare, journal }) => {
      const bareRate = bare.rows / bare.seconds
      const journalRate = journal.rows / journal.seconds
      const { latency } = journal
      const share = `${Math.round((journalRate / bareRate) * 100)} %`
      return [batch, lanes, bareRate, journalRate, share, latency.percentile(0.5), latency.percentile(0.99)]
    }),
  }
}

function costTable(cells: readonly Cell[]): Table {
  return {
    title: 'Cost of one row',
    columns: [
      'rows per flush',
      'lanes',
      'rows per flush had',
      'bare: Postgres µs',
      'journal: Postgres µs',
      'bare: Node µs',
      'journal: Node µs',
      'bare: WAL bytes',
      'journal: WAL bytes',
    ],
    rows: cells.map(({ batch, lanes, bare, journal }) => [
      batch,
      lanes,
      journal.rows / journal.statements,
      bare.postgresCpuUs / bare.rows,
      journal.postgresCpuUs / journal.rows,
      bare.nodeCpuUs / bare.rows,
      journal.nodeCpuUs / journal.rows,
      bare.walBytes / bare.rows,
      journal.walBytes / journal.rows,
    ]),
  }
}

function sizeTable(sizes: readonly (readonly [string, JournalSize])[]): Table {
  return {
    title: 'Journal bytes of one payment',
    columns: ['payment', 'rows', 'decisions', 'table', 'indexes', 'together'],
    rows: sizes.map(([name, { rowsPerPayment, payloadBytes: payload, tableBytes, indexBytes }]) => [
      name,
      rowsPerPayment,
      payload,
      tableBytes,
      indexBytes,
      tableBytes + indexBytes,
    ]),
  }
}

await runBenchmark({
  name: 'journal',
  title: 'The journal on Postgres',
  method: `Two batches' worth of callers per lane, each appending again once its row is durable, ${cellMs} ms per figure in each of ${rounds} rounds; in every round the bare loop runs just before the journal, on the same server, with the same rows (${Math.round(payloadBytes)} bytes of decision on average, pseudo-random shards and entities) into a table of the same shape. fsync and synchronous_commit are on. At the end the content of both tables is compared with what was acknowledged.`,
  async run(log) {
    const server = await startBenchServer()
    const bareLoop = new BareLoop()
    const journalLoop = new JournalLoop()
    try {
      await server.client.query(createBareTable)
      const cells = lanesOf.flatMap((lanes) =>
        batches.map((batch): Cell => ({ batch, lanes, bare: noCost(), journal: noCost() })),
      )
      for (let round = 1; round <= rounds; round += 1) {
        for (const cell of cells) {
          await runBare(server, bareLoop, cell)
          await runJournal(server, journalLoop, cell)
          const rate = ({ rows, seconds }: Cost): number => Math.round(rows / seconds)
          log(
            `round ${round}: ${cell.batch} × ${cell.lanes}: bare ${rate(cell.bare)}/s, journal ${rate(cell.journal)}/s`,
          )
        }
      }
      const profiles: CpuProfile[] = []
      const profiled: Cell = { batch: 100, lanes: 1, bare: noCost(), journal: noCost() }
      const around = async (work: () => Promise<void>): Promise<void> => void profiles.push(await profile(work))
      await runJournal(server, journalLoop, profiled, 3_000, around)
      const sizes = [
        ['automatic capture: authorized and captured in one step', await sizeOf(server, 'automatic')],
        ['manual capture: authorized, captured later', await sizeOf(server, 'manual')],
      ] as const
      log('checking what both tables hold')
      const wrong = [
        ...journalLoop.wrong.slice(0, 10),
        ...(await wrongContent(server, bareTable, bareLoop.rows)),
        ...(await wrongContent(server, 'journal', journalLoop.rows)),
        ...sizes.flatMap(([, size]) => size.wrong.slice(0, 10)),
      ]
      return {
        tables: [speedTable(cells), costTable(cells), sizeTable(sizes)],
        versions: { postgres: server.version },
        notes: [
          'Node, Postgres and the generator share the machine; CPU of Node includes making the rows and, for the journal, settling every caller.',
          'WAL has no checkpoint within the measurement, so full-page images are few.',
          'An automatic capture should take 1,500 bytes at most.',
          'The profile is of the journal at 100 rows per flush on one lane.',
        ],
        topFunctions: profiles.flatMap((taken) => topFunctions(taken, 10)),
        wrong,
      }
    } finally {
      await journalLoop.stop()
      await bareLoop.close()
      await server.stop()
    }
  },
})

async function sizeOf(server: BenchServer, captureMethod: 'automatic' | 'manual'): Promise<JournalSize> {
  return journalSize(await server.createDatabase(`size_${captureMethod}`), captureMethod)
}
