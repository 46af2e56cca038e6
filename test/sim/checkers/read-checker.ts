/**
 * The read side's judge: after every statement that changed a shard, its tables of payments, refunds, disputes, transfers and balances
 * are
 * what the journal comes to up to the cursor `read`, no more and no less. It folds the rows with the auditor's decoder and
 * arithmetic (written from docs/journal-format.md and PAYMENTS) and sums of its own; it knows nothing of the projector.
 *
 * - The cursor moves forward, and not beyond the last row.
 * - Tables and cursor are of one moment: a row early, late, missing, doubled or different is found at once.
 * - Debits and credits of each currency are equal.
 * - Once nothing fails any more, the cursor comes to the last row (the world waits for it).
 */
import { decodeState } from '../../../actors/codec.ts'
import type { MemoryDatabase, MemoryShard } from '../../../actors/memory-database.ts'
import { restorePayment } from '../../../actors/payment-snapshot.ts'
import { canonical } from './canonical.ts'
import type { JournalChecker } from './journal-checker.ts'
import { type PaymentHistories, shownText } from './payment-histories.ts'
import { ReadFold } from './read-fold.ts'
import { claim } from './violation.ts'

export class ReadChecker {
  readonly #journal: Pick<JournalChecker, 'rows' | 'shards'>
  readonly #histories: Pick<PaymentHistories, 'shownAt'>
  readonly #folds = new Map<number, ReadFold>()
  /** Rows of tables that were compared and found equal. */
  compared = 0
  /** Of those, disputes, each once. */
  readonly disputes = new Set<string>()

  constructor(journal: Pick<JournalChecker, 'rows' | 'shards'>, histories: Pick<PaymentHistories, 'shownAt'>) {
    this.#journal = journal
    this.#histories = histories
  }

  /** Something of this shard was written; its journal has been judged. */
  changed(database: MemoryDatabase, number: number): void {
    const stored = database.shard(number)
    const fold = this.#foldOf(number)
    const { position } = stored.readCursor
    const rows = this.#journal.rows(number)
    claim(
      position >= fold.position && position <= rows.length,
      'cursor_went_back',
      'the read side’s cursor moves forward, and not beyond the last row',
      () => ({ shard: number, cursor: position, before: fold.position, rows: rows.length }),
    )
    for (const row of rows.slice(fold.position, position)) fold.add(row)
    this.#compare(number, fold, stored)
  }

  /** A fail-over to an older copy was declared: the read side is as old as its journal, and of one moment with it. */
  rebase(database: MemoryDatabase): void {
    this.#folds.clear()
    for (const number of this.#journal.shards) this.changed(database, number)
  }

  /** Shards of which something is not shown yet. */
  behind(database: MemoryDatabase): readonly Readonly<Record<'shard' | 'cursor' | 'rows', number>>[] {
    return this.#journal.shards
      .map((shard) => {
        const { rows, readCursor } = database.shard(shard)
        return { shard, cursor: readCursor.position, rows: rows.length }
      })
      .filter(({ cursor, rows }) => cursor < rows)
  }

  #foldOf(number: number): ReadFold {
    let fold = this.#folds.get(number)
    if (fold === undefined) this.#folds.set(number, (fold = new ReadFold()))
    return fold
  }

  #compare(shard: number, fold: ReadFold, { read }: MemoryShard): void {
    const tables = {
      payments: [fold.payments(), [...read.payments.values()]],
      refunds: [fold.refunds(), [...read.refunds.values()]],
      disputes: [fold.disputes(), [...read.disputes.values()]],
      transfers: [fold.transfers, [...read.transfers.values()]],
      balances: [fold.balances(), [...read.balances.values()]],
    } as const
    for (const [table, [expected, shown]] of Object.entries(tables)) {
      this.#compareTable(shard, { table, cursor: fold.position }, expected, shown.map(plain))
    }
    for (const { payment, ordinal } of read.disputes.values()) this.disputes.add(`${payment} ${ordinal}`)
    for (const { entity, seq, data, private: hidden } of read.payments.values()) {
      const parts = {
        state: decodeState<object>(data),
        private: hidden === null ? undefined : decodeState<object>(hidden),
      }
      const state = restorePayment(parts)
      claim(
        shownText(state) === this.#histories.shownAt(entity, seq),
        'read_differs',
        'a payment’s row shows the state of its decision',
        () => ({ shard, entity, seq, state }),
      )
    }
    const differences = new Map<string, bigint>()
    for (const { currency, debits, credits } of read.balances.values()) {
      differences.set(currency, (differences.get(currency) ?? 0n) + debits - credits)
    }
    for (const [currency, difference] of differences) {
      claim(difference === 0n, 'read_differs', 'debits and credits are equal', () => ({
        shard,
        currency,
        difference: String(difference),
      }))
    }
  }

  #compareTable(
    shard: number,
    where: Readonly<Record<string, unknown>>,
    expected: readonly object[],
    shown: readonly object[],
  ): void {
    const wanted = expected.map(canonical).toSorted()
    const found = shown.map(canonical).toSorted()
    this.compared += found.length
    const isSame = found.length === wanted.length && found.every((each, index) => each === wanted[index])
    claim(isSame, 'read_differs', 'what is shown is what the journal comes to, up to the cursor', () => ({
      shard,
      ...where,
      missing: wanted.filter((each) => !found.includes(each)).slice(0, 3),
      surplus: found.filter((each, index) => !wanted.includes(each) || found.indexOf(each) !== index).slice(0, 3),
    }))
  }
}

/** A table's row as a fold has it. */
function plain(row: object): object {
  const members = Object.entries(row).filter(([name]) => !['shard', 'data', 'private'].includes(name))
  return Object.fromEntries(members.map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]))
}
