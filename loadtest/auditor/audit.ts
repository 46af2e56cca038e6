/**
 * The judge: compares what clients were told, what the journals hold and what the PSP did. It shares no code with what
 * it judges; docs/auditor.md lists its checks.
 *
 * Memory is bounded by a sixteenth of the payments: history and book are set aside on disk by range of shards, journals
 * are streamed in order, and a payment is judged and forgotten with its shard.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { HistoryLine, OperationName } from '../history.ts'
import type { BookEntry } from './book.ts'
import { checkEffects } from './check-effects.ts'
import { checkTold } from './check-told.ts'
import type { ClientOperation } from './client-operations.ts'
import { decodeDecision } from './decode.ts'
import { type CheckCode, Findings } from './findings.ts'
import { idOfEntity } from './ids.ts'
import { type FaultWindow, takeBook, takeHistory } from './intake.ts'
import type { JournalRow, JournalSource, TimerRows } from './journal-source.ts'
import { PaymentLife } from './payment-life.ts'
import type { AuditReport, Money } from './report.ts'
import { messageOf, ShardCheck } from './shard-check.ts'
import { ranges, shardsPerRange, Spool } from './spool.ts'
import { storyOf } from './story.ts'

export interface AuditOptions {
  readonly history: AsyncIterable<HistoryLine>
  readonly journals: readonly JournalSource[]
  readonly books: readonly AsyncIterable<BookEntry>[]
  /** The cluster's secret; without it ids are not recomputed. */
  readonly idKey?: Buffer
  readonly windows?: readonly FaultWindow[]
  /** Every acknowledged payment must have been read in the final phase, or the result is `unknown`. Default true. */
  readonly finalReads?: boolean
  /** Unix milliseconds: a timer that was due before then and is still there was never served. */
  readonly overdueBefore?: number
  /** How far the PSP's clock may be behind the nodes'. Default 1,000. */
  readonly clockToleranceMs?: number
  /** For the report's duration only. */
  readonly monotonic: () => number
}

/** @throws where a book, a journal or the history cannot be read: no judgement is made then. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const began = options.monotonic()
  const findings = new Findings()
  const told = await Spool.open<ClientOperation>()
  const booked = await Spool.open<BookEntry>()
  try {
    const windows = options.windows ?? []
    const idKey = options.idKey === undefined ? undefined : createSecretKey(options.idKey)
    const seen = await takeHistory(options.history, windows, idKey, told, findings)
    const effects = await takeBook(options.books, booked, findings)
    const judge = new RangeJudge(options, idKey, findings)
    for (let range = 0; range < ranges; range += 1) {
      await judge.range(range, await byPayment(told.read(range)), await byPayment(booked.read(range)))
    }
    const coverage = windows.map(({ name, atLeast }, index) => ({ name, atLeast, inFlight: seen.inFlight[index] ?? 0 }))
    const { unknowns } = judge
    for (const [f, count] of seen.unplaced)
      unknowns.push(`${count} × ${f}: no answer, and no way to find their payments`)
    for (const { name, atLeast, inFlight } of coverage) {
      if (inFlight < atLeast) unknowns.push(`${name} met ${inFlight} operations in flight, not ${atLeast}`)
    }
    return {
      result: findings.any ? 'fail' : unknowns.length > 0 ? 'unknown' : 'pass',
      findings: findings.kept,
      counts: findings.counts,
      unknowns,
      seen: { operations: seen.operations, acknowledged: seen.acknowledged, effects, ...judge.seen },
      honesty: judge.honesty,
      coverage,
      open: judge.open,
      money: judge.money,
      tookMs: options.monotonic() - began,
    }
  } finally {
    await told.dispose()
    await booked.dispose()
  }
}

async function byPayment<T extends { readonly payment?: string | null }>(
  records: AsyncIterable<T>,
): Promise<Map<string, T[]>> {
  const groups = new Map<string, T[]>()
  for await (const record of records) {
    const group = groups.get(record.payment ?? '')
    if (group === undefined) groups.set(record.payment ?? '', [record])
    else group.push(record)
  }
  return groups
}

/** What is kept of one payment while its shard is read. */
interface Reading {
  readonly life: PaymentLife
  readonly rows: JournalRow[]
  readonly problems: { readonly code: CheckCode; readonly detail: string }[]
  position: number
}

class RangeJudge {
  readonly honesty: Partial<Record<OperationName, { applied: number; notApplied: number }>> = {}
  readonly open = { timer: 0, person: 0, tail: 0 }
  readonly money: Record<string, Money> = {}
  readonly seen = { payments: 0, rows: 0, shards: 0 }
  readonly #options: AuditOptions
  readonly #idKey: KeyObject | undefined
  readonly #findings: Findings
  #unread = 0
  #unresolved = 0
  #told = new Map<string, ClientOperation[]>()
  #booked = new Map<string, BookEntry[]>()
  readonly #journalOf = new Map<number, string>()

  constructor(options: AuditOptions, idKey: KeyObject | undefined, findings: Findings) {
    this.#options = options
    this.#idKey = idKey
    this.#findings = findings
  }

  async range(range: number, told: Map<string, ClientOperation[]>, booked: Map<string, BookEntry[]>): Promise<void> {
    this.#told = told
    this.#booked = booked
    const first = range * shardsPerRange
    for (const journal of this.#options.journals) await this.#journal(journal, first, first + shardsPerRange - 1)
    // what is left has no decision anywhere
    for (const payment of new Set([...told.keys(), ...booked.keys()])) this.#payment(payment, undefined, undefined)
  }

  /** What could not be judged. */
  get unknowns(): string[] {
    const unknowns: string[] = []
    if (this.#unread > 0 && this.#options.finalReads !== false) {
      unknowns.push(`${this.#unread} acknowledged payments were not read after the load`)
    }
    if (this.#unresolved > 0) {
      unknowns.push(`${this.#unresolved} operations of unknown outcome were never repeated to an answer`)
    }
    return unknowns
  }

  async #journal(journal: JournalSource, first: number, last: number): Promise<void> {
    const timers = await journal.timers(first, last)
    let check: ShardCheck | undefined
    let shard = -1
    let readings = new Map<string, Reading>()
    for await (const rows of journal.rows(first, last)) {
      this.seen.rows += rows.length
      for (const row of rows) {
        if (row.shard !== shard) {
          this.#shardEnds(readings, timers)
          shard = row.shard
          readings = new Map()
          check = this.#shardBegins(journal, shard, readings)
        }
        if (row.type.startsWith('payment.')) this.#decision(row, readings)
        check?.row(row)
      }
    }
    this.#shardEnds(readings, timers)
  }

  #shardBegins(journal: JournalSource, shard: number, readings: ReadonlyMap<string, Reading>): ShardCheck {
    const other = this.#journalOf.get(shard)
    if (other !== undefined) {
      this.#findings.add('shard_in_two_journals', `it has rows in ${other} and in ${journal.name}`, { shard })
    } else this.seen.shards += 1
    this.#journalOf.set(shard, journal.name)
    return new ShardCheck(shard, this.#findings, ({ entity }, code, detail) => {
      const reading = readings.get(entity)
      if (reading === undefined) this.#findings.add(code, detail, { shard })
      else reading.problems.push({ code, detail })
    })
  }

  #decision(row: JournalRow, readings: Map<string, Reading>): void {
    let reading = readings.get(row.entity)
    if (reading === undefined) {
      const problems: Reading['problems'] = []
      const life = new PaymentLife((code, detail) => problems.push({ code, detail }))
      readings.set(row.entity, (reading = { life, rows: [], problems, position: 0 }))
    }
    reading.rows.push(row)
    reading.position = row.position
    try {
      reading.life.decide(row.seq, row.at, decodeDecision(row.data))
    } catch (error) {
      reading.problems.push({ code: 'malformed_row', detail: `position ${row.position}: ${messageOf(error)}` })
    }
  }

  #shardEnds(readings: ReadonlyMap<string, Reading>, timers: TimerRows): void {
    for (const [entity, reading] of readings) {
      this.#checkOpen(entity, reading, timers)
      this.#payment(idOfEntity(entity), reading, reading.rows[0]?.shard)
    }
  }

  #checkOpen(entity: string, { life, rows, problems, position }: Reading, timers: TimerRows): void {
    if (!life.isOpen) return
    const due = timers.due.get(entity)
    const { overdueBefore } = this.#options
    if (life.awaitsPerson) this.open.person += 1
    else if (position > (timers.cursors.get(rows[0]?.shard ?? -1) ?? 0)) this.open.tail += 1
    else if (due === undefined) {
      problems.push({ code: 'stuck_payment', detail: `it is ${String(life.status)} with open operations and no timer` })
    } else if (overdueBefore !== undefined && due < overdueBefore) {
      problems.push({
        code: 'stuck_payment',
        detail: `its timer was due at ${due} and was not served by ${overdueBefore}`,
      })
    } else this.open.timer += 1
  }

  #payment(payment: string, reading: Reading | undefined, shard: number | undefined): void {
    const told = this.#told.get(payment) ?? []
    const entries = this.#booked.get(payment) ?? []
    this.#told.delete(payment)
    this.#booked.delete(payment)
    if (reading !== undefined) this.seen.payments += 1
    const report = (code: CheckCode, detail: string): void =>
      this.#findings.add(code, detail, { payment, ...(shard !== undefined && { shard }) }, () =>
        storyOf(told, reading?.rows ?? [], entries),
      )
    for (const { code, detail } of reading?.problems ?? []) report(code, detail)
    reading?.life.operations.checkBooks(report)
    checkTold(payment, told, reading?.life, this.#idKey, report)
    if (this.#options.books.length > 0) {
      checkEffects(entries, reading?.life, this.#options.clockToleranceMs ?? 1_000, report)
    }
    this.#count(told, entries, reading?.life)
  }

  #count(told: readonly ClientOperation[], entries: readonly BookEntry[], life: PaymentLife | undefined): void {
    const isAcknowledged = told.some(({ type }) => type === 'ok')
    const isRead = told.some(({ f, phase, type }) => f === 'read' && phase === 'final' && type === 'ok')
    if (isAcknowledged && !isRead) this.#unread += 1
    const unknown = told.filter(({ type, key }) => type === 'info' && key !== null)
    for (const [key, [first]] of Map.groupBy(unknown, ({ key }) => key ?? '')) {
      if (first === undefined) continue
      const resolution = told.find((other) => isResolution(other, first))
      if (resolution === undefined) this.#unresolved += 1
      // answered as a repeat: it had been done before anybody knew
      const applied = resolution === undefined ? life?.requests.has(key) === true : resolution.replayed === true
      const counts = (this.honesty[first.f] ??= { applied: 0, notApplied: 0 })
      counts[applied ? 'applied' : 'notApplied'] += 1
    }
    if (life === undefined && entries.length === 0) return
    const currency = life?.currency ?? entries[0]?.currency?.toUpperCase() ?? ''
    const money = (this.money[currency] ??= { captured: 0, refunded: 0, pspCaptured: 0, pspRefunded: 0 })
    const view = life?.view()
    money.captured += view?.captured ?? 0
    money.refunded += view?.refunded ?? 0
    for (const { effect, operation, amount } of entries) {
      if (effect && operation === 'capture') money.pspCaptured += amount ?? 0
      if (effect && operation === 'refund') money.pspRefunded += amount ?? 0
    }
  }
}

/** Whether an answer tells what became of the unknown one: any that got as far as the payment itself. */
function isResolution(other: ClientOperation, unknown: ClientOperation): boolean {
  if (other.key !== unknown.key || other.body !== unknown.body) return false
  if (other.type === 'ok') return true
  return (
    other.type === 'fail' &&
    [400, 402, 404, 409, 422, 424].includes(other.status ?? 0) &&
    other.code !== 'idempotency_key_in_use'
  )
}
