/**
 * Compares what a journal holds with what a generator of payments was told. Each check looks at the rows since the one
 * before: positions without a gap, sequences without a gap, every payment folded from its rows and captured in full by one
 * attempt that succeeded, and every payment that was answered with 201 there once.
 */
import { Client } from 'pg'
import { decodeDecision } from '../../actors/codec.ts'
import { paymentIdOfEntity, shardCount } from '../../domain/ids.ts'
import { amounts, statusOf } from '../../domain/payment/derive.ts'
import type { PaymentEvent } from '../../domain/payment/events.ts'
import { applyDecision } from '../../domain/payment/evolve.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { safeIntegerTypes } from '../../persistence/int8.ts'

const shardsPerQuery = 128
const shownMax = 10

const rowsQuery = `
  SELECT shard, position, encode(entity, 'hex') AS entity, seq, epoch, type, at, data, private
  FROM journal JOIN unnest($1::int[], $2::bigint[]) AS seen (shard, tail) USING (shard)
  WHERE position > tail ORDER BY shard, position`

interface Row {
  readonly shard: number
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly type: string
  readonly at: number
  readonly data: Buffer
  readonly private: Buffer | null
}

export interface CheckResult {
  /** Payments that the rows since the last check began and ended. */
  readonly payments: number
  /** At most ten of what is wrong. */
  readonly wrong: readonly string[]
}

export class PaymentCheck {
  readonly #client: Client
  readonly #tails = Array.from({ length: shardCount }, () => 0)

  constructor(databaseUrl: string) {
    this.#client = new Client({ connectionString: databaseUrl, types: safeIntegerTypes })
  }

  async connect(): Promise<void> {
    await this.#client.connect()
  }

  /**
   * Call it when nothing is under way.
   * @param answered ids of payments that were answered with 201 since the last check.
   * @param unheardMax payments whose answer nobody waited for: those that were under way when a generator ended.
   */
  async check(answered: readonly string[], unheardMax: number): Promise<CheckResult> {
    const wrong: string[] = []
    const unheard = new Set(answered)
    if (unheard.size !== answered.length) wrong.push(`${answered.length - unheard.size} payments were answered twice`)
    let payments = 0
    let unanswered = 0
    for (let first = 0; first < shardCount; first += shardsPerQuery) {
      for (const [entity, state] of await this.#fold(first, wrong)) {
        const id = paymentIdOfEntity(entity)
        payments += 1
        if (!unheard.delete(id)) unanswered += 1
        const problem = problemOf(state)
        if (problem !== undefined) wrong.push(`${id} ${problem}`)
      }
    }
    for (const id of unheard) wrong.push(`${id} was answered with 201 and is not in the journal`)
    if (unanswered > unheardMax) wrong.push(`${unanswered} payments in the journal were answered to nobody`)
    return { payments, wrong: wrong.slice(0, shownMax) }
  }

  /** The payments that began in these shards since the last check. */
  async #fold(first: number, wrong: string[]): Promise<ReadonlyMap<string, Payment>> {
    const shards = Array.from({ length: shardsPerQuery }, (_, index) => first + index)
    const tails = shards.map((shard) => this.#tails[shard])
    const { rows } = await this.#client.query<Row>(rowsQuery, [shards, tails])
    const states = new Map<string, Payment>()
    for (const row of rows) {
      const expected = (this.#tails[row.shard] ?? 0) + 1
      if (row.position !== expected)
        wrong.push(`shard ${row.shard} has position ${row.position} instead of ${expected}`)
      this.#tails[row.shard] = row.position
      if (!row.type.startsWith('payment.')) continue
      const before = states.get(row.entity)
      const seq = (before?.seq ?? 0) + 1
      if (row.seq !== seq) wrong.push(`${row.entity} has sequence ${row.seq} instead of ${seq}`)
      const { events } = decodeDecision<PaymentEvent>(row.data, row.private)
      states.set(row.entity, applyDecision(before, events, { seq, at: row.at, epoch: row.epoch }))
    }
    return states
  }

  async close(): Promise<void> {
    await this.#client.end()
  }
}

function problemOf(state: Payment): string | undefined {
  if (statusOf(state) !== 'captured') return `is ${statusOf(state)}`
  if (amounts(state).captured !== state.amountMinor) return 'is captured with another amount'
  const [attempt, ...others] = state.attempts
  if (attempt?.status !== 'succeeded' || others.length > 0) return `has ${state.attempts.length} attempts`
  return undefined
}
