/**
 * The ledger of all merchants over all databases, for whoever keeps or audits the books: sums, ages and single transfers, read
 * by a role that may change nothing. Each report has connections of its own and as much time as it needs, so it delays
 * neither actors nor merchants; how many run at once is bounded.
 */
import type { Client } from 'pg'
import { isAccount } from '../domain/ledger/chart.ts'
import type { BookedBefore } from '../domain/ledger/closes.ts'
import type { EntryFilter, LedgerEntry, LedgerState, OpenAccount } from '../domain/ledger/report.ts'
import { type AccountSums, type DailyMovement, openSince } from '../domain/ledger/trial-balance.ts'
import type { Account } from '../domain/ledger/transfer.ts'
import { assert } from '../runtime/assert.ts'
import { ProofSnapshot } from './journal-chain-reading.ts'
import type { JournalDatabase } from './journal-databases.ts'

const reportsMax = 4
const rowsPerFetch = 2_000
const dayMs = 86_400_000

/** All reports that may run do. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy'
  readonly code = 'ledger_busy'
}

export class LedgerReads {
  readonly #databases: readonly JournalDatabase[]
  #running = 0

  constructor(databases: readonly JournalDatabase[]) {
    this.#databases = databases
  }

  /** What was booked before an instant, by account. @throws {LedgerBusy} */
  async sums(booked: BookedBefore, merchant?: string): Promise<readonly AccountSums[]> {
    const sums: AccountSums[] = []
    await this.#ofEach(async (client) => {
      const { rows } = await client.query<SumRow>(sumsText, [...boundOf(booked), merchant ?? null])
      for (const { live, currency, debit, credit, amount } of rows) {
        assert(isAccount(debit) && isAccount(credit), 'a transfer is between accounts of the chart', { debit, credit })
        sums.push({ live, currency, account: debit, debits: BigInt(amount), credits: 0n })
        sums.push({ live, currency, account: credit, debits: 0n, credits: BigInt(amount) })
      }
    })
    return sums
  }

  /** Clearing accounts among `accounts` that are not zero now, over all merchants. @throws {LedgerBusy} */
  async open(accounts: readonly Account[]): Promise<readonly OpenAccount[]> {
    const found = new Map<string, MovementRow[]>()
    await this.#ofEach(async (client) => {
      const { rows } = await client.query<MovementRow>(movementsText, [accounts])
      for (const row of rows) {
        const key = JSON.stringify([row.live, row.currency, row.connection, row.account])
        const own = found.get(key)
        if (own === undefined) found.set(key, [row])
        else own.push(row)
      }
    })
    return [...found.values()].flatMap(openAccountOf)
  }

  /** How far all databases have followed. @throws {LedgerBusy} */
  async state(): Promise<LedgerState> {
    const positions: number[] = []
    let behindSince: number | undefined
    await this.#ofEach(async (client, { first, last }) => {
      const { rows } = await client.query<{ shard: number; position: number }>(
        `SELECT shard, position FROM shard_cursor WHERE consumer = 'read' AND shard BETWEEN $1 AND $2`,
        [first, last],
      )
      for (const { shard, position } of rows) positions[shard] = position
      const [behind] = (await client.query<{ at: number | null }>('SELECT read.behind_since() AS at')).rows
      if (behind?.at !== null && behind?.at !== undefined) behindSince = Math.min(behindSince ?? behind.at, behind.at)
    })
    return { positions, behindSince }
  }

  /** Transfers in the order in which they were posted, database by database. @throws {LedgerBusy} */
  async *entries({ from, to, account, merchant }: EntryFilter): AsyncGenerator<readonly LedgerEntry[]> {
    this.#begin()
    try {
      for (const database of this.#databases) {
        const snapshot = await ProofSnapshot.open(database.url)
        try {
          await snapshot.client.query(entriesText, [
            ...[...boundOf(to), ...boundOf(from), account ?? null, merchant ?? null],
          ])
          for (;;) {
            const { rows } = await snapshot.client.query<LedgerEntry>(`FETCH ${rowsPerFetch} FROM entry`)
            if (rows.length === 0) break
            yield rows
          }
        } finally {
          await snapshot.close()
        }
      }
    } finally {
      this.#running -= 1
    }
  }

  async #ofEach(work: (client: Client, database: JournalDatabase) => Promise<void>): Promise<void> {
    this.#begin()
    try {
      for (const database of this.#databases) {
        const snapshot = await ProofSnapshot.open(database.url)
        try {
          await snapshot.client.query('SET LOCAL enable_seqscan = on')
          await work(snapshot.client, database)
        } finally {
          await snapshot.close()
        }
      }
    } finally {
      this.#running -= 1
    }
  }

  #begin(): void {
    if (this.#running >= reportsMax) throw new LedgerBusy(`${reportsMax} reports run already`)
    this.#running += 1
  }
}

/** Instant and positions as two parameters. */
function boundOf({ before, positions }: BookedBefore): [number, readonly number[] | null] {
  return [before, positions ?? null]
}

/** Booked before the instant of a parameter, as {@link BookedBefore} says; the next parameter has the positions. */
function booked(parameter: number): string {
  const positions = `$${parameter + 1}::bigint[]`
  return `t.posted_at < $${parameter}::bigint AND (${positions} IS NULL OR t.position <= (${positions})[t.shard + 1])`
}

const sumsText = `
  SELECT live, currency, debit, credit, sum(amount)::text AS amount FROM read.transfer t
  WHERE phase = 'posted' AND ${booked(1)} AND ($3::text IS NULL OR merchant = $3)
  GROUP BY live, currency, debit, credit`

interface SumRow {
  readonly live: boolean
  readonly currency: string
  readonly debit: string
  readonly credit: string
  readonly amount: string
}

const movementsText = `
  SELECT live, currency, connection, account, posted_at / ${dayMs} AS day, sum(l.debit)::text AS debits, sum(l.credit)::text AS credits
  FROM read.transfer t CROSS JOIN LATERAL (VALUES (t.debit, t.amount, 0), (t.credit, 0, t.amount)) AS l (account, debit, credit)
  WHERE phase = 'posted' AND account = ANY($1::text[]) GROUP BY 1, 2, 3, 4, 5`

interface MovementRow {
  readonly live: boolean
  readonly currency: string
  readonly connection: string
  readonly account: Account
  readonly day: number
  readonly debits: string
  readonly credits: string
}

/** @param rows of one account, of several databases. */
function openAccountOf(rows: readonly MovementRow[]): OpenAccount[] {
  const [first] = rows
  assert(first !== undefined, 'an account that was found was moved')
  const movements = rows
    .map(
      ({ day, debits, credits }): DailyMovement => ({
        ...{ day: day * dayMs, debits: BigInt(debits), credits: BigInt(credits) },
      }),
    )
    .sort((a, b) => b.day - a.day)
  const balance = movements.reduce((sum, { debits, credits }) => sum + debits - credits, 0n)
  const since = openSince(movements, balance)
  if (since === undefined) return []
  const { live, currency, connection, account } = first
  return [{ live, currency, connection, account, balance, since }]
}

const entriesText = `
  DECLARE entry NO SCROLL CURSOR FOR
  SELECT shard, position, n, posted_at AS "postedAt", merchant, live, connection, currency, debit, credit, amount, phase,
    encode(entity, 'hex') AS entity, operation FROM read.transfer t
  WHERE ${booked(1)} AND NOT (${booked(3)}) AND ($5::text IS NULL OR debit = $5 OR credit = $5)
    AND ($6::text IS NULL OR merchant = $6)
  ORDER BY posted_at, shard, position, n`
