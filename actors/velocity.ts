/**
 * What this node knows of payments accepted lately, of merchants with limits per hour or day: its own at once, those of other
 * nodes as they tell them, and what was accepted before it listened as the read side has it (velocity-agent.ts).
 *
 * Guarantees: a decision finds every payment counted that this node decided before it, its own turn included; memory is bounded by
 * the limits that are set, and by {@link velocityLimits}; what it knows is never more than what was accepted, but for decisions whose
 * commit is not over. Leaves to others: the rule (domain/merchant/velocity.ts), when who is told.
 */
import type { Mode } from '../domain/ids.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import { limitsOf } from '../domain/merchant/limits.ts'
import { AcceptedPayments, type Sum, windowOf } from '../domain/merchant/velocity.ts'
import type { Clock } from '../runtime/clock.ts'
import { velocityLimits } from '../runtime/limits.ts'
import { type AcceptedCount, toldCountsMax } from './velocity-wire.ts'

const minuteMs = 60_000
/** A peer's clock may be ahead by this much; what it tells of later minutes is no minute at all. */
const aheadMsMax = 5 * minuteMs

/** A payment whose first attempt is planned. */
export interface AcceptedPayment {
  readonly merchant: string
  readonly mode: Mode
  readonly currency: string
  readonly amountMinor: number
  /** Unix milliseconds. */
  readonly at: number
}

export interface VelocityOptions {
  readonly directory: Pick<MerchantDirectory, 'get'>
  readonly clock: Clock
  /** Counters that are held at most; default: runtime/limits.ts. */
  readonly countersMax?: number
}

type Counters = Map<string, AcceptedPayments>
const none: ReadonlyMap<string, AcceptedPayments> = new Map()

export class Velocity {
  readonly #directory: Pick<MerchantDirectory, 'get'>
  readonly #clock: Clock
  readonly #countersMax: number
  /** By merchant and mode, then by currency. */
  readonly #accepted = new Map<string, Counters>()
  #counters = 0
  #uncounted = 0
  /** What was counted here and nobody was told of. */
  #untold = new Map<string, AcceptedCount>()

  constructor({ directory, clock, countersMax = velocityLimits.countersMax }: VelocityOptions) {
    this.#directory = directory
    this.#clock = clock
    this.#countersMax = countersMax
  }

  get counters(): number {
    return this.#counters
  }

  /** Payments that were not counted since the start, because there were too many counters. */
  get uncounted(): number {
    return this.#uncounted
  }

  /** By currency. */
  acceptedOf(merchant: string, mode: Mode): ReadonlyMap<string, AcceptedPayments> {
    return this.#accepted.get(keyOf(merchant, mode)) ?? none
  }

  /** Counts a payment that this node accepts. @returns how to take it back, where it turns out not to be in the journal. */
  count(payment: AcceptedPayment): (() => void) | undefined {
    if (!this.#isLimited(payment)) return undefined
    const { amountMinor } = payment
    this.#countOwn(payment, { count: 1, amountMinor })
    return () => this.#countOwn(payment, { count: -1, amountMinor: -amountMinor })
  }

  /** What nobody was told of, in parts that fit a message each. */
  takeUntold(): readonly (readonly AcceptedCount[])[] {
    const counts = [...this.#untold.values()].filter(({ count, amountMinor }) => count !== 0 || amountMinor !== 0)
    this.#untold = new Map()
    const parts: AcceptedCount[][] = []
    for (let from = 0; from < counts.length; from += toldCountsMax) parts.push(counts.slice(from, from + toldCountsMax))
    return parts
  }

  /** Another node accepted these. */
  hear(counts: readonly AcceptedCount[]): void {
    for (const each of counts) this.#counterFor(each)?.addTold(each.minute * minuteMs, each)
  }

  /** The read side has these. */
  addToFloor(counts: readonly AcceptedCount[]): void {
    for (const each of counts) this.#counterFor(each)?.addToFloor(each.minute * minuteMs, each)
  }

  settleFloors(): void {
    for (const counters of this.#accepted.values()) for (const each of counters.values()) each.settleFloor()
  }

  /** What was read so far may come again. */
  dropFloors(): void {
    for (const counters of this.#accepted.values()) for (const each of counters.values()) each.dropFloor()
  }

  /** Lets go of counters that nothing is in, and of those whose limits are gone. */
  sweep(): void {
    const now = this.#clock.now()
    for (const [key, counters] of this.#accepted) {
      const [mode, merchant] = splitKey(key)
      for (const [currency, each] of counters) {
        if (!each.isEmptyAt(now) && this.#isLimited({ merchant, mode, currency })) continue
        counters.delete(currency)
        this.#counters -= 1
      }
      if (counters.size === 0) this.#accepted.delete(key)
    }
  }

  #countOwn(payment: AcceptedPayment, sum: Sum): void {
    const { merchant, mode, currency, at } = payment
    const minute = Math.floor(at / minuteMs)
    this.#counterFor({ merchant, mode, currency, minute })?.add(at, sum)
    const key = `${keyOf(merchant, mode)} ${currency} ${minute}`
    const before = this.#untold.get(key)
    const count = (before?.count ?? 0) + sum.count
    this.#untold.set(key, {
      ...{ merchant, mode, currency, minute, count },
      amountMinor: (before?.amountMinor ?? 0) + sum.amountMinor,
    })
  }

  #counterFor(of: Omit<AcceptedCount, keyof Sum>): AcceptedPayments | undefined {
    const { merchant, mode, currency, minute } = of
    if (minute * minuteMs > this.#clock.now() + aheadMsMax || !this.#isLimited(of)) return undefined
    const key = keyOf(merchant, mode)
    const counters: Counters = this.#accepted.get(key) ?? new Map<string, AcceptedPayments>()
    const known = counters.get(currency)
    if (known !== undefined) return known
    if (this.#counters >= this.#countersMax) {
      this.#uncounted += 1
      return undefined
    }
    const counter = new AcceptedPayments()
    this.#accepted.set(key, counters.set(currency, counter))
    this.#counters += 1
    return counter
  }

  #isLimited({ merchant, mode, currency }: Pick<AcceptedPayment, 'merchant' | 'mode' | 'currency'>): boolean {
    const limits = this.#directory.get(merchant)?.limits ?? []
    return limits.length > 0 && windowOf(limitsOf(limits, mode, currency)) !== undefined
  }
}

function keyOf(merchant: string, mode: Mode): string {
  return `${mode} ${merchant}`
}

function splitKey(key: string): readonly [Mode, string] {
  return [key.startsWith('live ') ? 'live' : 'test', key.slice('live '.length)]
}
