/**
 * What tests of the read side share: whole lives of payments as rows of a journal, an owner that follows them, and what the
 * tables must hold, folded from the journal's rows.
 */
import { paymentIdOfEntity } from '../domain/ids.ts'
import { create, merchant, multicaptureMerchant } from '../domain/payment/testing/fixtures.ts'
import type { Payment } from '../domain/payment/state.ts'
import type { Row } from '../domain/payment/testing/scenario.ts'
import { type Step, Walk } from '../domain/payment/testing/walk.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { type Random, seededRandom } from '../runtime/random.ts'
import { decodeDecision, encodeDecision } from './codec.ts'
import type { AnyKind } from './entity-kind.ts'
import { defaultHostLimits } from './host-options.ts'
import type { AppendOutcome, DecisionRecord, Journal, JournalRow, OpenedShard } from './journal.ts'
import { paymentKind } from './payment-kind.ts'
import type { Heard } from './read-buffer.ts'
import type { AccountSums, DisputeRow, PaymentRow, ReadRows, RefundRow, TransferRow } from './read-rows.ts'
import { ReadSide } from './read-side.ts'
import { Shard } from './shard.ts'

/** The read side's tables of one shard, rows in any order. */
export interface ReadTables {
  readonly cursor: number
  readonly payments: readonly PaymentRow[]
  readonly refunds: readonly RefundRow[]
  readonly disputes: readonly DisputeRow[]
  readonly transfers: readonly TransferRow[]
}

const payments = paymentKind({
  directory: { get: () => undefined },
  connections: new Map(),
  random: seededRandom(1),
  returnUrlBase: () => '',
}) as AnyKind

export function kindOf(type: string): AnyKind | undefined {
  return type.startsWith('payment.') ? payments : undefined
}

const steps: readonly Step['kind'][] = [
  ...(['merchant', 'merchant', 'merchant', 'effect', 'effect', 'effect', 'effect', 'fact', 'fact', 'fact'] as const),
  ...(['conclude', 'arrive', 'wait', 'timer', 'shopper', 'psp people', 'psp people', 'ruling'] as const),
]
const verdicts: readonly Step['verdict']['kind'][] = ['approve', 'approve', 'approve', 'decline', 'act', 'accept']

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random.float() * items.length)] as Item
}

/** A payment that merchants, shoppers, the PSP and its people do something with, as the rows that came of it. */
function lifeOf(random: Random, entity: string): readonly Row[] {
  const context = {
    paymentId: paymentIdOfEntity(entity),
    merchant: pick(random, [merchant, multicaptureMerchant]),
  }
  const walk = new Walk(context, create({ captureMethod: pick(random, ['automatic', 'manual']) }))
  for (let step = 0; step < 30; step += 1) {
    walk.step({
      kind: pick(random, steps),
      pick: Math.floor(random.float() * 16),
      amountMinor: 1 + Math.floor(random.float() * 120),
      verdict: {
        kind: pick(random, verdicts),
        declineClass: pick(random, ['hard', 'soft', 'retry_elsewhere']),
        captureAtOnce: random.float() < 0.5,
      },
      fate: Math.floor(random.float() * 10),
      again: random.float() < 0.3,
    })
  }
  return walk.scenario.rows
}

/** Decisions of ever new payments without end, several at a time, in the order in which one shard decides them. */
export function* decisions(shard: number, random: Random): Generator<DecisionRecord> {
  const open: { readonly entity: string; readonly rows: Row[] }[] = []
  for (;;) {
    while (open.length < 4) {
      const entity = random.hex(16)
      open.push({ entity, rows: [...lifeOf(random, entity)] })
    }
    const life = pick(random, open)
    const row = life.rows.shift()
    if (row === undefined) {
      open.splice(open.indexOf(life), 1)
      continue
    }
    const { data, private: hidden } = encodeDecision(row.events, row.transfers)
    yield {
      ...{ shard, entity: life.entity, seq: row.meta.seq, at: row.meta.at, type: 'payment.test' },
      ...{ command: random.hex(16), data, private: hidden, keyId: null },
    }
  }
}

/** A shard's owner that hears of what it appends, as the host does, or forgets to. */
export class Follower {
  readonly shard: Shard
  readonly side: ReadSide
  readonly troubles: string[] = []
  readonly clock = new VirtualClock()
  readonly #states = new Map<string, unknown>()

  private constructor(journal: Journal, opened: OpenedShard) {
    const nothing = (): void => undefined
    const events = { uncertain: nothing, readyToRecover: nothing, recovered: nothing, left: nothing }
    this.shard = new Shard(opened, journal, events)
    this.side = new ReadSide({
      ...{ journal, clock: this.clock, limits: defaultHostLimits, kindOf },
      observer: {
        trouble: (what, _error, where) => this.troubles.push(where === undefined ? what : `${what} ${where.position}`),
      },
    })
    this.side.hear(this.shard, opened.ownership.openedAt, undefined)
  }

  static async start(journal: Journal, shard: number): Promise<Follower> {
    const [opened] = await journal.open(await journal.acquire([shard]), 0, [])
    if (opened === undefined) throw new Error('the shard was not acquired')
    return new Follower(journal, opened)
  }

  /** @param hears whether it hears of a decision that became durable. */
  async append(records: readonly DecisionRecord[], hears: () => boolean = () => true): Promise<void> {
    const { shard } = this
    const appending = records.map(async (record) => ({
      record,
      outcome: await new Promise<AppendOutcome>((settle) => shard.append({ record, settle })),
    }))
    for (const { record, outcome } of await Promise.all(appending)) {
      shard.settled(outcome)
      if (outcome.kind !== 'durable') throw new Error(`an append was ${outcome.kind}`)
      const heard = this.#heard(record)
      if (heard !== undefined && hears()) this.side.hear(shard, outcome.position, heard)
    }
  }

  /** Undefined where the state before it is not in memory. */
  #heard(record: DecisionRecord): Heard {
    const { entity, seq, at } = record
    const before = this.#states.get(entity)
    if (before === undefined && seq > 1) return undefined
    const { events, transfers } = decodeDecision<object>(record.data, record.private)
    const state: unknown = payments.apply(before, events, { seq, at, epoch: this.shard.ownership.epoch })
    this.#states.set(entity, state)
    return { kind: payments, entity, state, transfers, at }
  }
}

/** What the tables must hold when the cursor is at the last of these rows, all of the shard's from the first; and what balances grew by. */
export function foldOf(rows: readonly JournalRow[]): ReadTables & { readonly balances: readonly AccountSums[] } {
  const states = new Map<string, unknown>()
  const transfers: TransferRow[] = []
  const balances = new Map<string, AccountSums>()
  for (const { type, shard, position, entity, seq, at, epoch, data, private: hidden } of rows) {
    if (type === 'epoch') continue
    const decision = decodeDecision<object>(data, hidden)
    const state = payments.apply(states.get(entity), decision.events, { seq, at, epoch }) as Payment
    states.set(entity, state)
    const owner = { shard, merchant: state.merchant, live: state.mode === 'live', currency: state.currency }
    for (const [n, { amountMinor: amount, operationId: operation, ...transfer }] of decision.transfers.entries()) {
      transfers.push({ ...owner, position, n, entity, postedAt: at, amount, operation, ...transfer })
      for (const side of ['debit', 'credit'] as const) {
        const { shard: _, ...account } = { ...owner, connection: transfer.connection, account: transfer[side] }
        const name = JSON.stringify(account)
        const zero = { ...account, debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }
        const balance: AccountSums = balances.get(name) ?? zero
        const column = transfer.phase === 'posted' ? (`${side}s` as const) : reservedColumn[side]
        const change = BigInt(transfer.phase === 'released' ? -amount : amount)
        balances.set(name, { ...balance, [column]: balance[column] + change })
      }
    }
  }
  const shard = rows[0]?.shard ?? 0
  const shown = [...states].map(([entity, state]): ReadRows | undefined =>
    payments.readRows?.({ shard, entity }, state),
  )
  const all = shown.filter((each) => each !== undefined)
  return {
    cursor: rows.length,
    payments: all.map(({ payment }) => payment),
    refunds: all.flatMap(({ refunds }): readonly RefundRow[] => refunds),
    disputes: all.flatMap(({ disputes }): readonly DisputeRow[] => disputes),
    transfers,
    balances: [...balances.values()],
  }
}

const reservedColumn = { debit: 'reservedDebits', credit: 'reservedCredits' } as const
