/**
 * The read side: what keeping it up costs, how far it is behind, and what merchants' queries take beside the writing. `--short`
 * is a smoke run; `--payments=200000` loads fewer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type BenchServer, startBenchServer } from './support/bench-server.ts'
import { runBenchmark } from './support/benchmark.ts'
import { below, shown, type Target, targetTable } from './support/cluster-part.ts'
import type { Samples } from './support/percentile.ts'
import { type Asked, askInThread, type KnownPayment } from './support/read-asking.ts'
import { wrongReadSide, Written } from './support/read-checks.ts'
import { type Life, Lives, merchantsMax } from './support/read-lives.ts'
import { ReadRig, type Stored } from './support/read-rig.ts'
import { readSizes, sizeTables } from './support/read-sizes.ts'
import { type SessionCost, SessionCosts } from './support/session-costs.ts'
import type { Table } from './support/table.ts'

const isShort = process.argv.includes('--short')
const payments = countOf('--payments=') ?? (isShort ? 5_000 : 1_000_000)
const perSecond = countOf('--rate=') ?? (isShort ? 300 : 2_000)
const liveMs = isShort ? 4_000 : 45_000
/** Of the hot merchant, each with five transfers. */
const hotPayments = isShort ? 1_000 : 30_000
const writersMax = 1_000
/** Beyond it the load waits for the read side. */
const behindMax = 20_000
/** Loaded payments were created over this time, live ones after it. */
const spreadMs = 45 * 86_400_000
const knownMax = 5_000
const lagTargetMs = 500
const postingsTarget = 5_000

function countOf(prefix: string): number | undefined {
  const given = process.argv.find((each) => each.startsWith(prefix))?.slice(prefix.length)
  if (given === undefined) return undefined
  const count = Number(given)
  if (!Number.isSafeInteger(count) || count < 1) throw new Error(`${prefix} takes a whole number above zero`)
  return count
}

interface Phase {
  readonly name: string
  readonly payments: number
  /** Of writing; what the read side needed to catch up with is in {@link projected}. */
  readonly seconds: number
  readonly projected: number
  readonly stored: Stored
  readonly writes: Samples
  readonly costs: ReadonlyMap<string, SessionCost>
}

class Run {
  readonly written = new Written()
  readonly known: KnownPayment[] = []
  readonly #server: BenchServer
  readonly #rig: ReadRig
  readonly #costs: SessionCosts
  #next = 0

  constructor(server: BenchServer, rig: ReadRig) {
    this.#server = server
    this.#rig = rig
    this.#costs = new SessionCosts(server.client)
  }

  life(lives: Lives, at: number, course?: Life['course']): Life {
    const life = lives.next(this.#next++, at, course)
    this.written.add(life)
    const [first] = life.steps
    // Every so-manyth: merchants as often as they have payments.
    if (first !== undefined && this.#next % Math.ceil(payments / knownMax) === 0 && this.known.length < knownMax) {
      const { shard, entity } = first.record
      this.known.push({ merchant: life.merchant, shard, entity, createdAt: at, reference: life.reference })
    }
    return life
  }

  /** Measures what `write` writes, until the read side has it all. */
  async phase(name: string, count: () => number, write: () => Promise<void>): Promise<Phase> {
    this.#rig.take()
    const before = await this.#costs.totals()
    const began = performance.now()
    await write()
    const seconds = (performance.now() - began) / 1000
    await this.#rig.settled()
    const projected = (performance.now() - began) / 1000
    const costs = new Map<string, SessionCost>()
    for (const [purpose, { cpuMs, walBytes }] of await this.#costs.totals()) {
      const earlier = before.get(purpose) ?? { cpuMs: 0, walBytes: 0 }
      costs.set(purpose, { cpuMs: cpuMs - earlier.cpuMs, walBytes: walBytes - earlier.walBytes })
    }
    return { name, payments: count(), seconds, projected, costs, ...this.#rig.take() }
  }

  /** As fast as it goes. */
  async load(lives: Lives, log: (line: string) => void): Promise<void> {
    const start = Date.now() - spreadMs
    let loaded = 0
    await this.#write(() => {
      if (loaded === payments) return undefined
      loaded += 1
      if (loaded % 100_000 === 0) log(`${loaded.toLocaleString('en-US')} payments loaded`)
      return this.life(lives, start + Math.floor((loaded / payments) * (spreadMs - 60_000)))
    })
  }

  /** At a fixed rate, each decision when it is due. Answers how many payments were begun. */
  async live(lives: Lives): Promise<number> {
    const began = performance.now()
    const underWay: Promise<void>[] = []
    for (let elapsed = 0; elapsed < liveMs; elapsed = performance.now() - began) {
      for (const due = Math.floor((elapsed / 1000) * perSecond); underWay.length < due; ) {
        underWay.push(this.#rig.live(this.life(lives, Date.now()), (ms) => pause(ms)))
      }
      await pause(2)
    }
    await Promise.all(underWay)
    return underWay.length
  }

  hot(ahead: readonly Life[]): Promise<void> {
    const waiting = ahead.toReversed()
    return this.#write(() => waiting.pop())
  }

  /** Lives as they come, many at once and each without a pause, as fast as the read side follows. */
  async #write(next: () => Life | undefined): Promise<void> {
    const writer = async (): Promise<void> => {
      for (let life = next(); life !== undefined; life = next()) {
        await this.#rig.live(life, () => Promise.resolve())
        while (this.#rig.decisionsBehind > behindMax) await pause(5)
      }
    }
    await Promise.all(Array.from({ length: writersMax }, writer))
  }

  async stop(): Promise<void> {
    await this.#costs.stop()
    await this.#rig.stop()
    await this.#server.stop()
  }
}

function writingTable(phases: readonly Phase[]): Table {
  return {
    title: 'Writing, and how far the read side is behind',
    columns: [
      ...['', 'payments/s', 'decisions/s', 'transfers/s', 'write p50 ms', 'write p99 ms', 'lag p50 ms', 'lag p99 ms'],
      'decisions in a statement',
    ],
    rows: phases.map(({ name, payments: count, seconds, projected, stored, writes }) => [
      ...[name, count / seconds, stored.decisions / projected, stored.transfers / projected],
      ...[writes.percentile(0.5), writes.percentile(0.99), stored.lag.percentile(0.5), stored.lag.percentile(0.99)],
      stored.decisions / Math.max(1, stored.statements),
    ]),
  }
}

function costTable(phases: readonly Phase[]): Table {
  return {
    title: 'What a payment costs Postgres',
    columns: [
      ...[
        '',
        'rows of payments stored',
        'projector µs',
        'lanes µs',
        'queries µs',
        'projector WAL bytes',
        'lanes WAL bytes',
      ],
    ],
    rows: phases.map(({ name, payments: count, stored, costs }) => {
      const of = (prefix: string, what: keyof SessionCost): number =>
        [...costs].reduce((sum, [purpose, cost]) => (purpose.startsWith(prefix) ? sum + cost[what] : sum), 0) / count
      return [
        ...[name, stored.payments / count, of('projector', 'cpuMs') * 1000, of('lane', 'cpuMs') * 1000],
        ...[of('queries', 'cpuMs') * 1000, of('projector', 'walBytes'), of('lane', 'walBytes')],
      ]
    }),
  }
}

function queryTable(asked: readonly Asked[]): Table {
  return {
    title: 'Merchants’ queries beside the writing',
    columns: ['query', 'answered/s', 'p50 ms', 'p99 ms', 'refused'],
    rows: asked.map(({ name, perSecond: rate, p50, p99, unavailable }) => [name, rate, p50, p99, unavailable]),
  }
}

function targetsOf(live: readonly Phase[], hot: Phase): readonly Target[] {
  const postings = hot.stored.transfers / hot.projected
  return [
    ...live.map(({ name, stored }) =>
      below(`lag of the read side, p99, ${name}`, stored.lag.percentile(0.99), lagTargetMs),
    ),
    {
      what: 'postings of one merchant',
      target: `≥ ${postingsTarget.toLocaleString('en-US')}/s`,
      measured: `${shown(postings)}/s`,
      isMet: postings >= postingsTarget,
    },
  ]
}

await runBenchmark({
  name: 'read',
  title: 'The read side',
  method: `${payments.toLocaleString('en-US')} payments of ${merchantsMax.toLocaleString('en-US')} merchants (the n-th has an n-th of the first’s), created over 45 days, go through the journal and the read side of one node that owns all shards; then ${perSecond.toLocaleString('en-US')} payments a second are begun for ${liveMs / 1000} s without and for ${liveMs / 1000} s with merchants’ queries beside them, which a thread of its own sends when they are due. Of 1,000 payments 680 are captured at once, 130 later, 30 not, 100 declined, 50 refunded, 10 disputed; the PSP takes 250 ms, the merchant 1.5 s. Last, ${hotPayments.toLocaleString('en-US')} payments of one merchant, five transfers each, as fast as it goes, decided ahead. fsync and synchronous_commit are on. Lag is from the answer to a decision’s commit to the answer to that of the cursor beyond it. At the end all rows are counted, one merchant’s list is walked, balances are compared with the sums of all transfers, and some shards’ journal is folded anew and compared row by row.${isShort ? ' **This was a smoke run: its figures mean nothing.**' : ''}`,
  async run(log) {
    if (process.argv.includes('--write') && isShort) throw new Error('what is kept is no smoke run')
    const server = await startBenchServer()
    const lives = new Lives()
    const rig = await ReadRig.start(server.url, lives.kind)
    const run = new Run(server, rig)
    try {
      const load = await run.phase(
        'load',
        () => payments,
        () => run.load(lives, log),
      )
      const sizes = await readSizes(server.client)
      let begun = 0
      const write = async (): Promise<void> => {
        begun = await run.live(lives)
      }
      const alone = await run.phase('live', () => begun, write)
      let asked: readonly Asked[] = []
      const asking = { databaseUrl: server.url, known: run.known, milliseconds: liveMs, scale: perSecond / 2_000 }
      const beside = await run.phase(
        'live, with queries',
        () => begun,
        async () => {
          ;[asked] = await Promise.all([askInThread(asking), write()])
        },
      )
      const one = new Lives(1, 2)
      const ahead = Array.from({ length: hotPayments }, () => run.life(one, Date.now(), 'capturedLater'))
      const hot = await run.phase(
        'one merchant',
        () => hotPayments,
        () => run.hot(ahead),
      )
      log('checking what is there')
      const phases = [load, alone, beside, hot]
      const queries = beside.costs.get('queries')?.cpuMs ?? 0
      const answers = asked.reduce((sum, { answered }) => sum + answered, 0)
      return {
        tables: [
          targetTable(targetsOf([alone, beside], hot)),
          writingTable(phases),
          costTable(phases),
          queryTable(asked),
          ...sizeTables(sizes, payments),
        ],
        versions: { postgres: server.version },
        notes: [
          'Node, the asking thread and Postgres share the machine; what a payment costs is the processor time of the sessions that are there for it.',
          `A query takes ${shown((queries * 1000) / Math.max(1, answers))} µs of Postgres’ processor time on average; they go through four connections, as those of one gateway do.`,
          'Payments that are loaded go through all their states within one statement mostly, live ones are stored once for each: what is live has two rows a payment, of which vacuum frees the first.',
          'Bytes are those after the load.',
        ],
        wrong: [...rig.wrong, ...(await wrongReadSide(server.client, server.url, run.written))].slice(0, 20),
      }
    } finally {
      await run.stop()
    }
  },
})
