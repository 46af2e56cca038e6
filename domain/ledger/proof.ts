/**
 * Proves the books of one shard: what its journal says was posted is what the ledger holds, transfer by transfer; what the
 * payments' rows show is the fold of their decisions.
 *
 * The order of calls is that of the data: every archived payment whose decisions are not at hand, every decision in order of position, then every stored transfer in order of
 * (position, n), then payments' rows, then `end`. Guarantees: pure; whatever is missing, doubled or differs in anything is
 * named. Leaves to others: reading, whether balances are what transfers come to (balance-proof.ts), and whether the journal
 * itself is unchanged (its hash chain).
 */
import { amounts, statusOf } from '../payment/derive.ts'
import type { PaymentEvent } from '../payment/events.ts'
import { applyDecision } from '../payment/evolve.ts'
import type { Payment } from '../payment/state.ts'
import type { Transfer } from './transfer.ts'

/** A payment's decision, out of the journal. */
export interface Decided {
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** Unix milliseconds. */
  readonly at: number
  readonly events: readonly PaymentEvent[]
  readonly transfers: readonly Transfer[]
}

/** A transfer as the ledger holds it. */
export interface Posted {
  readonly position: number
  readonly n: number
  readonly postedAt: number
  readonly entity: string
  readonly merchant: string
  readonly live: boolean
  readonly currency: string
  readonly debit: string
  readonly credit: string
  readonly amount: number
  readonly phase: string
  readonly connection: string
  readonly operation: string
}

/** A payment whose decisions up to a sequence are in an archive, and are not at hand. */
export interface Archived {
  readonly entity: string
  /** State after the last of them. */
  readonly state: Payment
  /** Of the decisions. */
  readonly positions: readonly number[]
}

/** A payment as lists show it. */
export interface Shown {
  readonly entity: string
  readonly seq: number
  readonly status: string
  readonly authorized: number
  readonly captured: number
  readonly refunded: number
  readonly disputed: number
}

const postedMembers = [
  ...(['postedAt', 'entity', 'merchant', 'live', 'currency'] as const),
  ...(['debit', 'credit', 'amount', 'phase', 'connection', 'operation'] as const),
]
const shownMembers = ['seq', 'status', 'authorized', 'captured', 'refunded', 'disputed'] as const

export class ShardBooks {
  readonly problems: string[] = []
  /** Of the journal, as are payments. */
  transfers = 0
  readonly #shard: number
  readonly #until: number
  readonly #payments = new Map<string, Payment>()
  readonly #expected: Posted[] = []
  /** Index of the next expected transfer that has not been met. */
  #next = 0
  #last: Posted | undefined
  readonly #seen = new Set<string>()
  /** Positions of decisions that are not at hand, and whose they are. */
  readonly #away = new Map<number, string>()
  /** Payments whose decisions are not at hand: their transfers are taken as they are. */
  archived = 0

  /** @param until the position that the read side has followed the journal to. */
  constructor(shard: number, until: number) {
    this.#shard = shard
    this.#until = until
  }

  get payments(): number {
    return this.#payments.size
  }

  /** Before all decisions. */
  archivedAs({ entity, state, positions }: Archived): void {
    this.archived += 1
    this.#payments.set(entity, state)
    for (const position of positions) this.#away.set(position, entity)
  }

  decided({ position, entity, seq, epoch, at, events, transfers }: Decided): void {
    if (position > this.#until) return
    const state = applyDecision(this.#payments.get(entity), events, { seq, epoch, at })
    this.#payments.set(entity, state)
    this.transfers += transfers.length
    const { merchant, mode, currency } = state
    for (const [n, { debit, credit, amountMinor, phase, connection, operationId }] of transfers.entries()) {
      const posted: Posted = {
        ...{ position, n, postedAt: at, entity, merchant, live: mode === 'live', currency },
        ...{ debit, credit, amount: amountMinor, phase, connection },
        // a database takes no text with a zero byte
        operation: operationId.replaceAll('\0', ''),
      }
      this.#expected.push(posted)
    }
  }

  posted(row: Posted): void {
    if (this.#away.get(row.position) === row.entity) {
      this.transfers += 1
      return
    }
    for (let wanted = this.#wanted(); wanted !== undefined && order(wanted, row) < 0; wanted = this.#wanted()) {
      this.#missing(wanted)
      this.#next += 1
    }
    const wanted = this.#wanted()
    if (wanted !== undefined && order(wanted, row) === 0) {
      for (const member of postedMembers) {
        if (row[member] === wanted[member]) continue
        this.#problem(row, `${member} is ${String(row[member])}, the journal says ${String(wanted[member])}`)
      }
      this.#next += 1
    } else if (this.#last !== undefined && order(this.#last, row) === 0) this.#problem(row, 'is there twice')
    else this.#problem(row, 'is not in the journal, as far as the ledger follows it')
    this.#last = row
  }

  shown(row: Shown): void {
    const state = this.#payments.get(row.entity)
    const about = (what: string): void =>
      void this.problems.push(`shard ${this.#shard}, payment ${row.entity}: ${what}`)
    if (this.#seen.has(row.entity)) about('its row is there twice')
    this.#seen.add(row.entity)
    if (state === undefined) return about('its row is of no payment in the journal')
    const { authorized, captured, refunded, disputed } = amounts(state)
    const folded: Omit<Shown, 'entity'> = {
      ...{ seq: state.seq, status: statusOf(state), authorized, captured, refunded, disputed },
    }
    for (const member of shownMembers) {
      if (row[member] !== folded[member]) about(`${member} is ${row[member]}, the journal says ${folded[member]}`)
    }
  }

  end(): void {
    for (const wanted of this.#expected.slice(this.#next)) this.#missing(wanted)
    this.#next = this.#expected.length
    for (const entity of this.#payments.keys()) {
      if (!this.#seen.has(entity)) this.#about(`payment ${entity}: it has no row`)
    }
  }

  #wanted(): Posted | undefined {
    return this.#expected[this.#next]
  }

  #missing(wanted: Posted): void {
    const { debit, credit, amount, currency } = wanted
    this.#problem(wanted, `is missing: ${debit} to ${credit}, ${amount} ${currency}`)
  }

  #problem({ position, n }: Posted, what: string): void {
    this.#about(`position ${position}, transfer ${n}: ${what}`)
  }

  #about(what: string): void {
    this.problems.push(`shard ${this.#shard}, ${what}`)
  }
}

/** By the transfer's key. */
function order(a: Posted, b: Posted): number {
  return a.position - b.position || a.n - b.n
}
