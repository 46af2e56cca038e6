/**
 * A database full of payments: decided by the payment machine, appended through the journal, shown by the projector's own
 * statement, sealed into the hash chain. So it holds what a cluster would have left, in the order in which it would have.
 *
 * Of ten payments six are captured as they are authorized, three later, and one is also refunded in part: three decisions and
 * three transfers a payment. They are of a thousand merchants by turns and of thirty days, which two months share.
 */
import { randomBytes } from 'node:crypto'
import type { AppendOutcome, Journal, Ownership } from '../../actors/journal.ts'
import type { PaymentKind } from '../../actors/payment-kind.ts'
import { transferRows } from '../../actors/payment-read-rows.ts'
import type { ReadAdvance, ReadRows, TransferRow } from '../../actors/read-rows.ts'
import { shardCount } from '../../domain/ids.ts'
import { sealDatabase } from '../../persistence/journal-chain-sealer.ts'
import { ReadingPools } from '../../persistence/reading-pools.ts'
import { withClient } from '../../persistence/with-client.ts'
import { startJournal } from '../../test/support/started-journal.ts'
import {
  type BenchPayment,
  benchPayment,
  benchPaymentKind,
  type PaymentDecision,
  paymentDecisions,
  type PaymentStory,
} from './payments.ts'

const paymentsPerBatch = 2_000
const decisionsPerStatement = 4_000
const dayMs = 86_400_000
const firstAt = Date.UTC(2026, 9, 16)

export interface PaidDatabase {
  readonly payments: number
  readonly decisions: number
  readonly transfers: number
  /** Rows of the journal in the hash chain: decisions and a record of each shard's epoch. */
  readonly sealed: number
}

/** @param databaseUrl of a database that is migrated and empty. */
export async function fillDatabase(
  databaseUrl: string,
  payments: number,
  log: (line: string) => void,
): Promise<PaidDatabase> {
  const self = { node: 'bench', incarnation: randomBytes(8).toString('hex') }
  const started = await startJournal({ databaseUrl, ...self, limits: { flushRowsMax: 1_000 } })
  let decisions = 0
  let transfers = 0
  try {
    const owned = await started.journal.acquire(Array.from({ length: shardCount }, (_, shard) => shard))
    const shards = new Map(owned.map((ownership) => [ownership.shard, new FilledShard(ownership)]))
    const kind = benchPaymentKind()
    for (let first = 0; first < payments; first += paymentsPerBatch) {
      const histories = Array.from({ length: Math.min(paymentsPerBatch, payments - first) }, (_, n) => {
        const payment = benchPayment(first + n)
        return { payment, rows: paymentDecisions(kind, payment, storyOf(first + n, payments)) }
      })
      await append(started.journal, shards, histories)
      const moved = [...shards.values()].filter(({ waiting }) => waiting.length > 0)
      while (moved.length > 0) {
        const advances: ReadAdvance[] = []
        for (let room = decisionsPerStatement; room > 0 && moved.length > 0; ) {
          const shard = moved.pop() as FilledShard
          room -= shard.waiting.length
          decisions += shard.waiting.length
          const advance = shard.advance(kind)
          transfers += advance.transfers.length
          advances.push(advance)
        }
        const refused = await started.journal.advanceRead(advances)
        if (refused.length > 0) throw new Error(`cursors of shards ${refused.join(', ')} did not move`)
      }
      const done = first + histories.length
      if (done % 50_000 < paymentsPerBatch) log(`${done.toLocaleString('en-US')} payments are stored`)
    }
  } finally {
    await started.close()
  }
  const pools = new ReadingPools([{ url: databaseUrl, first: 0, last: shardCount - 1 }], self, 'seal')
  let sealed = 0
  try {
    for (const database of pools.all) sealed += await sealDatabase(database, Number.MAX_SAFE_INTEGER)
  } finally {
    await pools.close()
  }
  // as autovacuum would have done meanwhile
  await withClient(databaseUrl, (client) => client.query('VACUUM (ANALYZE)'))
  return { payments, decisions, transfers, sealed }
}

function storyOf(index: number, payments: number): PaymentStory {
  const at = firstAt + Math.floor((index / payments) * 30 * dayMs)
  const kind = index % 10
  if (kind < 6) return { captureMethod: 'automatic', at }
  return { captureMethod: 'manual', at, ...(kind === 9 && { refundMinor: 1_000 }) }
}

interface Waiting {
  readonly payment: BenchPayment
  readonly row: PaymentDecision
}

class FilledShard {
  readonly ownership: Ownership
  /** Durable, and not shown. */
  waiting: Waiting[] = []
  #shown = 0

  constructor(ownership: Ownership) {
    this.ownership = ownership
  }

  /** What the projector would write of the decisions that wait. */
  advance(kind: PaymentKind): ReadAdvance {
    const { shard, epoch } = this.ownership
    const from = this.#shown
    // the shard's first row is the record of its epoch
    const before = Math.max(1, from)
    const last = new Map<string, ReadRows>()
    for (const { payment, row } of this.waiting) {
      const shown = kind.readRows?.(payment.address, row.state)
      if (shown !== undefined) last.set(payment.address.entity, shown)
    }
    const transfers: TransferRow[] = []
    for (const [index, { payment, row }] of this.waiting.entries()) {
      const owner = (last.get(payment.address.entity) as ReadRows).payment
      transfers.push(...transferRows(owner, { position: before + 1 + index, at: row.at }, row.transfers))
    }
    this.#shown = before + this.waiting.length
    this.waiting = []
    const rows = [...last.values()]
    return {
      ...{ shard, epoch, from, to: this.#shown, transfers },
      payments: rows.map(({ payment }) => payment),
      refunds: rows.flatMap(({ refunds }) => refunds),
      disputes: rows.flatMap(({ disputes }) => disputes),
    }
  }
}

/** First decisions of all payments, then the second ones, as they would come. */
async function append(
  journal: Journal,
  shards: ReadonlyMap<number, FilledShard>,
  histories: readonly { readonly payment: BenchPayment; readonly rows: readonly PaymentDecision[] }[],
): Promise<void> {
  const outcomes: Promise<AppendOutcome>[] = []
  const longest = Math.max(...histories.map(({ rows }) => rows.length))
  for (let index = 0; index < longest; index += 1) {
    for (const { payment, rows } of histories) {
      const row = rows[index]
      if (row === undefined) continue
      const shard = shards.get(payment.address.shard)
      if (shard === undefined) throw new Error(`shard ${payment.address.shard} is not owned`)
      const { seq, type, at, data, private: hidden } = row
      const record = {
        ...{ ...payment.address, seq, type, at, data, private: hidden, keyId: null },
        command: randomBytes(16).toString('hex'),
      }
      outcomes.push(new Promise((settle) => journal.append(shard.ownership, { record, settle })))
      shard.waiting.push({ payment, row })
    }
  }
  for (const outcome of await Promise.all(outcomes)) {
    if (outcome.kind !== 'durable') throw new Error(`a decision is ${outcome.kind}`, { cause: outcome.error })
  }
}
