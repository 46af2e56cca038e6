/**
 * The simulated Stripe's balance: every balance transaction, the days that ended, and what each day paid out. Filled from
 * the book alone, at start and while running alike.
 *
 * Guarantees: what a day has is never added to afterwards: a movement that follows a day's end, if only by the order of the
 * book, is dated after it. A payout is all that was not yet paid out of its currency; a balance that is not above zero is
 * carried on.
 */
import { assert } from '../../../runtime/assert.ts'
import type { BookLine } from '../book.ts'
import type { IdSource } from '../ids.ts'
import type { ClosedDayRecord, PayoutFact } from '../records.ts'
import { evolvedScene, intentOf, sceneOf } from '../stripe-events.ts'
import type { World } from '../world.ts'
import { movementsOf, type StripeMovement } from './stripe-movements.ts'

/** A movement of a day that has ended. */
export interface SettledMovement extends StripeMovement {
  /** Unix seconds at which it could be paid out. */
  readonly availableOn: number
  /** Null while its currency's balance is carried on. */
  readonly payout: Payout | null
}

export interface Payout extends PayoutFact {
  /** Unix seconds. */
  readonly at: number
}

interface ClosedDay {
  readonly record: ClosedDayRecord
  /** How many movements there were when it ended. */
  readonly count: number
}

export interface CurrencyBalance {
  readonly currency: string
  /** Of days that have ended. */
  readonly available: bigint
  readonly pending: bigint
}

export class StripeLedger {
  readonly #movements: StripeMovement[] = []
  readonly #days: ClosedDay[] = []
  /** Net of what was not paid out, by currency. */
  readonly #unpaid = new Map<string, bigint>()

  /** Takes a line before the world has taken it. */
  apply(line: BookLine, world: World): void {
    const before = sceneOf(world, intentOf(line.records) ?? '')
    const after = evolvedScene(before, line.records)
    const at = Math.max(Math.floor(line.at / 1000), this.availableUntil) * 1000
    for (const movement of after === undefined ? [] : movementsOf(before, after, at)) {
      this.#movements.push(movement)
      this.#add(movement.currency, movement.gross - movement.fee)
    }
    for (const record of line.records) if (record.kind === 'closed_day') this.#close(record)
  }

  /** Unix seconds: what happened before is complete. Zero before the first day has ended. */
  get availableUntil(): number {
    return this.#days.at(-1)?.record.end ?? 0
  }

  /** How many days have ended. */
  get dayCount(): number {
    return this.#days.length
  }

  /** Unix milliseconds of the oldest movement whose day has not ended. */
  get openSince(): number | undefined {
    return this.#movements[this.#days.at(-1)?.count ?? 0]?.at
  }

  /**
   * The end of the day that goes on.
   * @param now unix seconds
   * @param end unix seconds; default: now. Moved on where it could not be told from what happened before it
   */
  endedDay(ids: IdSource, now: number, end?: number): ClosedDayRecord {
    const newest = (this.#movements.at(-1)?.at ?? 0) / 1000
    const payouts = [...this.#unpaid].flatMap(([currency, net]): PayoutFact[] => {
      if (net <= 0n) return []
      const amount = Number(net)
      assert(Number.isSafeInteger(amount), 'a payout is a safe integer', { currency })
      return [{ id: ids.next('po'), currency, amount, balanceTransaction: ids.next('txn') }]
    })
    return {
      kind: 'closed_day',
      id: ids.next('day'),
      end: Math.max(end ?? now + 1, newest + 1, this.availableUntil),
      payouts,
    }
  }

  /** The movements of the first `dayCount` days, oldest first, with what was known at the end of those. */
  *settled(dayCount: number): Generator<SettledMovement, void, undefined> {
    const days = this.#days.slice(0, dayCount)
    const next = nextPayouts(days)
    let day = 0
    for (const [index, movement] of this.#movements.entries()) {
      while (index >= (days[day]?.count ?? Number.POSITIVE_INFINITY)) day += 1
      const closed = days[day]
      if (closed === undefined) return
      const payout = next[day]?.get(movement.currency) ?? null
      yield { ...movement, availableOn: closed.record.end, payout }
    }
  }

  /** Oldest first. */
  *payouts(): Generator<Payout, void, undefined> {
    for (const { record } of this.#days) yield* payoutsOf(record)
  }

  balances(): readonly CurrencyBalance[] {
    const pending = new Map<string, bigint>()
    for (const { currency, gross, fee } of this.#movements.slice(this.#days.at(-1)?.count ?? 0)) {
      pending.set(currency, (pending.get(currency) ?? 0n) + BigInt(gross - fee))
    }
    return [...this.#unpaid].map(([currency, unpaid]) => {
      const net = pending.get(currency) ?? 0n
      return { currency, available: unpaid - net, pending: net }
    })
  }

  #close(record: ClosedDayRecord): void {
    for (const { currency, amount } of record.payouts) this.#add(currency, -amount)
    this.#days.push({ record, count: this.#movements.length })
  }

  #add(currency: string, net: number): void {
    this.#unpaid.set(currency, (this.#unpaid.get(currency) ?? 0n) + BigInt(net))
  }
}

function payoutsOf({ payouts, end }: ClosedDayRecord): readonly Payout[] {
  return payouts.map((payout) => ({ ...payout, at: end }))
}

/** For each day, by currency: the payout that what moved on that day is in. */
function nextPayouts(days: readonly ClosedDay[]): readonly ReadonlyMap<string, Payout>[] {
  let next: ReadonlyMap<string, Payout> = new Map()
  const found: ReadonlyMap<string, Payout>[] = []
  for (const { record } of days.toReversed()) {
    if (record.payouts.length > 0) {
      const paid = payoutsOf(record).map((payout) => [payout.currency, payout] as const)
      next = new Map([...next, ...paid])
    }
    found.push(next)
  }
  return found.toReversed()
}
