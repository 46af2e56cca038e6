/**
 * The first pass: history and book read once from end to end, what concerns no single payment judged at once, and the rest
 * set aside by range of shards for the second pass (`audit.ts`). In memory stay one entry per key of a create, and the
 * operations whose payment is not known yet.
 */
import type { KeyObject } from 'node:crypto'
import type { HistoryLine, OperationName } from '../history.ts'
import type { BookEntry } from './book.ts'
import { type ClientOperation, clientOperations } from './client-operations.ts'
import type { Findings } from './findings.ts'
import { derivedId, paymentOfOperation, shardOfId } from './ids.ts'
import type { Spool } from './spool.ts'

/** When a fault was on; `atLeast` operations must have been in flight then, or the run proves nothing. */
export interface FaultWindow {
  readonly name: string
  /** Nanoseconds of the history's clock. */
  readonly fromNs: number
  readonly toNs: number
  readonly atLeast: number
}

export interface HistorySeen {
  operations: number
  acknowledged: number
  readonly inFlight: number[]
  /** Operations of unknown outcome whose payment nobody knows: nothing of them can be looked up. */
  readonly unplaced: Map<OperationName, number>
}

export async function takeHistory(
  history: AsyncIterable<HistoryLine>,
  windows: readonly FaultWindow[],
  idKey: KeyObject | undefined,
  spool: Spool<ClientOperation>,
  findings: Findings,
): Promise<HistorySeen> {
  const seen: HistorySeen = { operations: 0, acknowledged: 0, inFlight: windows.map(() => 0), unplaced: new Map() }
  const payments = new Map<string, string>()
  const unplaced: ClientOperation[] = []
  for await (const each of clientOperations(history)) {
    seen.operations += 1
    if (each.type === 'ok') seen.acknowledged += 1
    for (const [index, { fromNs, toNs }] of windows.entries()) {
      const isInFlight = each.startNs <= toNs && (each.endNs === null || each.endNs >= fromNs)
      if (isInFlight) seen.inFlight[index] = (seen.inFlight[index] ?? 0) + 1
    }
    const payment = each.payment ?? derived(each, idKey)
    if (payment === undefined) {
      if (each.type !== 'fail') unplaced.push(each)
      continue
    }
    if (each.type === 'ok' && each.f === 'create') bindKey(each, payment, payments, findings)
    await place({ ...each, payment }, spool, findings)
  }
  for (const each of unplaced) {
    const payment = payments.get(keyOf(each))
    if (payment !== undefined) await place({ ...each, payment }, spool, findings)
    else seen.unplaced.set(each.f, (seen.unplaced.get(each.f) ?? 0) + 1)
  }
  return seen
}

/** Sets the book aside; an effect that names no payment belongs to nobody. @returns how many effects there are. */
export async function takeBook(
  books: readonly AsyncIterable<BookEntry>[],
  spool: Spool<BookEntry>,
  findings: Findings,
): Promise<number> {
  let effects = 0
  for (const book of books) {
    for await (const entry of book) {
      if (entry.effect) effects += 1
      const payment = entry.payment ?? paymentOfOperation(entry.operation_id ?? '')
      const shard = shardOfId(payment ?? '')
      if (payment !== undefined && shard !== undefined) await spool.write(shard, { ...entry, payment })
      else if (entry.effect) {
        findings.add(
          'phantom_effect',
          `${entry.operation} ${entry.operation_id ?? ''} at ${entry.at} names no payment of ours`,
        )
      }
    }
  }
  return effects
}

function derived({ f, merchant, mode, key }: ClientOperation, idKey: KeyObject | undefined): string | undefined {
  return f === 'create' && key !== null && idKey !== undefined ? derivedId(idKey, merchant, mode, key) : undefined
}

function keyOf({ merchant, mode, key }: ClientOperation): string {
  return `${merchant} ${mode} ${key ?? ''}`
}

function bindKey(each: ClientOperation, payment: string, payments: Map<string, string>, findings: Findings): void {
  const before = payments.get(keyOf(each))
  if (before === undefined) payments.set(keyOf(each), payment)
  else if (before !== payment) {
    findings.add('key_of_two_payments', `operation ${each.i}: ${String(each.key)} led to ${before} before`, { payment })
  }
}

async function place(
  each: ClientOperation & { readonly payment: string },
  spool: Spool<ClientOperation>,
  findings: Findings,
): Promise<void> {
  const shard = shardOfId(each.payment)
  if (shard !== undefined) return spool.write(shard, each)
  if (each.type === 'ok') {
    findings.add('id_not_derived', `operation ${each.i}: ${each.payment} is no payment’s id`, { payment: each.payment })
  }
}
