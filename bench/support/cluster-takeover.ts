/**
 * Taking a shard from an owner that goes on writing, whose sessions nobody ends: how many epoch records a stale owner's row
 * got before, and how long it took. The owner keeps its lane full with decisions of that one shard; it is declared dead
 * between two of its statements, as a node is that is frozen and wakes up.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Client } from 'pg'
import type { AppendOutcome, Ownership } from '../../actors/journal.ts'
import { type StartedJournal, startJournal } from '../../test/support/started-journal.ts'
import { type PartContext, type PartResult, samplesOf } from './cluster-part.ts'

const attemptsTarget = 3
const shard = 5
/** Decisions that wait or are in flight, in statements of at most so many. */
const concurrency = 200
const rowsPerStatement = 50

export async function measureTakeOver({ postgres, isQuick, log }: PartContext): Promise<PartResult> {
  const rounds = isQuick ? 5 : 50
  const databaseUrl = await postgres.createDatabase('bench_takeover')
  const attempts: number[] = []
  const tookMs: number[] = []
  const acknowledged: string[] = []
  let owner = await HotOwner.start(databaseUrl, 0)
  const first = await owner.take()
  owner.write(first)
  for (let round = 1; round <= rounds; round += 1) {
    await owner.acknowledgedAtLeast(2 * concurrency)
    const next = await HotOwner.start(databaseUrl, round)
    await owner.declareDead()
    const began = performance.now()
    const own = await next.take()
    tookMs.push(performance.now() - began)
    attempts.push(1 + next.collisions)
    next.write(own)
    acknowledged.push(...(await owner.deposed()))
    owner = next
  }
  acknowledged.push(...(await owner.stop()))
  const wrong = await faultsOf(databaseUrl, acknowledged)
  const most = Math.max(...attempts)
  const took = samplesOf(tookMs)
  const counts = [1, 2, 3].map((count) => attempts.filter((each) => each === count).length)
  log(`  ${rounds} take-overs of a hot shard: at most ${most} attempts`)
  return {
    tables: [
      {
        title: `Take-over of a hot shard without ending its owner’s sessions, ${rounds} times`,
        columns: ['one attempt', 'two', 'three', 'more', 'p50 ms', 'max ms', 'rows acknowledged to owners'],
        rows: [
          [
            ...counts,
            rounds - counts.reduce((sum, count) => sum + count, 0),
            took.percentile(0.5),
            took.percentile(1),
            acknowledged.length,
          ],
        ],
      },
    ],
    targets: [
      {
        what: `attempts to take a hot shard, most of ${rounds}`,
        target: `≤ ${attemptsTarget}`,
        measured: String(most),
        isMet: most <= attemptsTarget,
      },
    ],
    notes: [
      'After the take-overs of the hot shard the journal was read: positions without a gap, no row of an older epoch after a newer one, and exactly the rows that owners were told are durable.',
    ],
    wrong,
  }
}

/** One incarnation that owns the shard and appends to it as fast as it can until the journal stops it. */
class HotOwner {
  readonly #started: StartedJournal
  readonly #node: string
  readonly #acknowledged: string[] = []
  #ended: Promise<void> = Promise.resolve()
  #isStopping = false

  private constructor(started: StartedJournal, node: string) {
    this.#started = started
    this.#node = node
  }

  static async start(databaseUrl: string, round: number): Promise<HotOwner> {
    const node = `hot-${round}`
    const limits = { flushRowsMax: rowsPerStatement }
    const started = await startJournal({ databaseUrl, node, incarnation: 'i1', terminates: false, limits })
    return new HotOwner(started, node)
  }

  get collisions(): number {
    return this.#started.journal.stats.epochCollisions
  }

  async take(): Promise<Ownership> {
    const [own] = await this.#started.journal.acquire([shard])
    if (own === undefined) throw new Error('a shard of the dead is taken')
    return own
  }

  /** Every writer appends to an entity of its own, one decision after the other. */
  write(own: Ownership): void {
    const writer = async (): Promise<void> => {
      const entity = entityIn(shard)
      for (let seq = 1; !this.#isStopping; seq += 1) {
        const command = randomBytes(16).toString('hex')
        const record = { shard, entity, seq, command, type: 'payment.bench', at: 0, data, private: null, keyId: null }
        const outcome = await new Promise<AppendOutcome>((settle) => {
          this.#started.journal.append(own, { record, settle })
        })
        if (outcome.kind === 'fenced') return
        if (outcome.kind !== 'durable') throw new Error(`an append of a hot owner is ${outcome.kind}`)
        this.#acknowledged.push(command)
      }
    }
    this.#ended = Promise.all(Array.from({ length: concurrency }, writer)).then(() => undefined)
    // `deposed` and `stop` wait for it and throw what it threw
    this.#ended.catch(() => undefined)
  }

  async acknowledgedAtLeast(rows: number): Promise<void> {
    const until = performance.now() + 30_000
    while (this.#acknowledged.length < rows) {
      if (performance.now() > until) throw new Error('a hot owner writes')
      await nextTurn()
    }
  }

  async declareDead(): Promise<void> {
    await this.#started.leases.declareDead({ node: this.#node, incarnation: 'i1' }, undefined)
  }

  /** Resolves when the journal has stopped it, with the commands that were acknowledged to it. */
  async deposed(): Promise<readonly string[]> {
    await this.#ended
    await this.#started.close()
    return this.#acknowledged
  }

  stop(): Promise<readonly string[]> {
    this.#isStopping = true
    return this.deposed()
  }
}

const data = randomBytes(300)

function entityIn(of: number): string {
  const entity = randomBytes(16)
  // its first ten bits
  entity.writeUInt16BE((of << 6) | (entity.readUInt16BE() & 63))
  return entity.toString('hex')
}

async function faultsOf(databaseUrl: string, acknowledged: readonly string[]): Promise<readonly string[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ position: number; epoch: number; command: string; type: string }>(
      `SELECT position::int, epoch, encode(command, 'hex') AS command, type FROM journal WHERE shard = $1 ORDER BY position`,
      [shard],
    )
    const wrong: string[] = []
    let epoch = 0
    for (const [index, row] of rows.entries()) {
      if (row.position !== index + 1) wrong.push(`position ${row.position} instead of ${index + 1}`)
      if (row.epoch < epoch) wrong.push(`epoch ${row.epoch} after ${epoch}`)
      epoch = row.epoch
    }
    const told = new Set(acknowledged)
    const stored = rows.filter(({ type }) => type !== 'epoch')
    const untold = stored.filter(({ command }) => !told.delete(command)).length
    if (told.size > 0) wrong.push(`${told.size} acknowledged rows are not in the journal`)
    if (untold > 0) wrong.push(`${untold} rows were acknowledged to nobody`)
    return wrong.slice(0, 10)
  } finally {
    await client.end()
  }
}
