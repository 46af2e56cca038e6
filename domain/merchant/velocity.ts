/**
 * How much of a merchant's payments was accepted lately, and whether one more keeps its limits. Counted is each payment once, with
 * its amount, when its first attempt is planned: whatever the PSP then says of it.
 *
 * Windows roll in steps, so that counting takes bounded memory: the last hour is the current minute and the 59 before it,
 * the last day the current quarter of an hour and the 95 before it, by UTC. A window is therefore up to a step shorter than its
 * name, never longer.
 *
 * Guarantees: what is counted is a lower bound of what was accepted, if all that it is told is; so nothing is refused
 * that the whole truth would allow. Leaves to others: where the counts come from (actors/velocity.ts).
 */
import { type LimitName, type LimitValues, limitNames } from './limits.ts'

const minuteMs = 60_000

export const windows = {
  hour: { stepMs: minuteMs, steps: 60 },
  day: { stepMs: 15 * minuteMs, steps: 96 },
} as const
export type WindowName = keyof typeof windows

/** First instant, Unix milliseconds, that the window holds. */
export function windowStart(name: WindowName, now: number): number {
  const { stepMs, steps } = windows[name]
  return (Math.floor(now / stepMs) - steps + 1) * stepMs
}

/** What each limit but `max_amount` counts, and in which window. */
export const windowLimits: Readonly<Record<Exclude<LimitName, 'max_amount'>, { window: WindowName; of: Measure }>> = {
  hourly_amount: { window: 'hour', of: 'amountMinor' },
  hourly_count: { window: 'hour', of: 'count' },
  daily_amount: { window: 'day', of: 'amountMinor' },
  daily_count: { window: 'day', of: 'count' },
}

/** The longest window that these limits need; undefined where they need none. */
export function windowOf({
  daily_amount,
  daily_count,
  hourly_amount,
  hourly_count,
}: LimitValues): WindowName | undefined {
  if (daily_amount !== undefined || daily_count !== undefined) return 'day'
  return hourly_amount !== undefined || hourly_count !== undefined ? 'hour' : undefined
}

export interface Sum {
  readonly count: number
  readonly amountMinor: number
}
export type Measure = keyof Sum

/** Steps of one window, the newest in the place of the oldest. Their sum is kept, as every payment asks for it. */
class Steps {
  readonly #stepMs: number
  readonly #size: number
  /** Which step stands in each place; none is below zero. */
  readonly #step: Float64Array
  readonly #values: Readonly<Record<Measure, Float64Array>>
  /** Of the window that ends with step {@link Steps.#summedTo}; -1: not known. */
  readonly #sum = { count: 0, amountMinor: 0 }
  #summedTo = -1

  constructor(name: WindowName) {
    const { stepMs, steps } = windows[name]
    this.#stepMs = stepMs
    this.#size = steps
    this.#step = new Float64Array(steps).fill(-1)
    this.#values = { count: new Float64Array(steps), amountMinor: new Float64Array(steps) }
  }

  add(at: number, { count, amountMinor }: Sum): void {
    const place = this.#placeFor(Math.floor(at / this.#stepMs))
    if (place === undefined) return
    this.#put(place, 'count', this.#read(place, 'count') + count)
    this.#put(place, 'amountMinor', this.#read(place, 'amountMinor') + amountMinor)
  }

  /** Each step is at least what it is there. */
  raiseTo(other: Steps): void {
    for (const step of other.#step) {
      const place = step < 0 ? undefined : this.#placeFor(step)
      if (place === undefined) continue
      this.#put(place, 'count', Math.max(this.#read(place, 'count'), other.at(step, 'count')))
      this.#put(place, 'amountMinor', Math.max(this.#read(place, 'amountMinor'), other.at(step, 'amountMinor')))
    }
  }

  /** Of the window whose newest step is this. */
  sum(newest: number, of: Measure): number {
    if (newest !== this.#summedTo) {
      this.#summedTo = newest
      for (const each of ['count', 'amountMinor'] as const) {
        this.#sum[each] = 0
        for (let step = newest - this.#size + 1; step <= newest; step += 1) this.#sum[each] += this.at(step, each)
      }
    }
    return this.#sum[of]
  }

  at(step: number, of: Measure): number {
    const place = step % this.#size
    return this.#step[place] === step ? this.#read(place, of) : 0
  }

  isEmptyAt(now: number): boolean {
    const oldest = Math.floor(now / this.#stepMs) - this.#size + 1
    return !this.#step.some((step, place) => step >= oldest && this.#read(place, 'count') > 0)
  }

  #placeFor(step: number): number | undefined {
    const place = step % this.#size
    const there = this.#step[place] ?? -1
    if (there > step) return undefined
    if (there < step) {
      // what it takes the place of is in no window that it is in
      this.#summedTo = -1
      this.#step[place] = step
      this.#put(place, 'count', 0)
      this.#put(place, 'amountMinor', 0)
    }
    return place
  }

  #read(place: number, of: Measure): number {
    return this.#values[of][place] ?? 0
  }

  /** What is given back twice, or before it was heard of, does not go below nothing. */
  #put(place: number, of: Measure, value: number): void {
    const bounded = Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER)
    const step = this.#step[place] ?? -1
    if (step <= this.#summedTo && step > this.#summedTo - this.#size) this.#sum[of] += bounded - this.#read(place, of)
    this.#values[of][place] = bounded
  }
}

/** What was accepted lately of one merchant, mode and currency. About 4 kB, twice that while there is a floor. */
export class AcceptedPayments {
  readonly #steps: Readonly<Record<WindowName, Steps>> = { hour: new Steps('hour'), day: new Steps('day') }
  #floor: Readonly<Record<WindowName, Steps>> | undefined

  /** What is accepted now, so no floor can have it yet. Below zero where it is taken back. @param at Unix milliseconds at which it was decided. */
  add(at: number, sum: Sum): void {
    for (const name of windowNames) {
      this.#steps[name].add(at, sum)
      this.#floor?.[name].add(at, sum)
    }
  }

  /** What was accepted elsewhere some time ago: a floor may have it. */
  addTold(at: number, sum: Sum): void {
    for (const name of windowNames) this.#steps[name].add(at, sum)
  }

  /**
   * What another source knows that was accepted: of each step it counts as the least, until {@link settleFloor} makes it part of
   * what is counted. Both are lower bounds, so the greater is one; what is told meanwhile may be in both.
   */
  addToFloor(at: number, sum: Sum): void {
    this.#floor ??= { hour: new Steps('hour'), day: new Steps('day') }
    for (const name of windowNames) this.#floor[name].add(at, sum)
  }

  /** To be called when all that the floor knows has been told, or never will be: what is told from here on is added to it. */
  settleFloor(): void {
    if (this.#floor === undefined) return
    for (const name of windowNames) this.#steps[name].raiseTo(this.#floor[name])
    this.#floor = undefined
  }

  /** What was added to the floor counts no more: it may be a part only. */
  dropFloor(): void {
    this.#floor = undefined
  }

  sum(name: WindowName, of: Measure, now: number): number {
    const newest = Math.floor(now / windows[name].stepMs)
    if (this.#floor === undefined) return this.#steps[name].sum(newest, of)
    let sum = 0
    for (let step = newest - windows[name].steps + 1; step <= newest; step += 1) sum += this.#valueAt(name, step, of)
    return sum
  }

  /** When at least `excess` of what is in the window now will have left it; undefined where there is not so much. */
  leaves(name: WindowName, of: Measure, excess: number, now: number): number | undefined {
    const { stepMs, steps } = windows[name]
    const newest = Math.floor(now / stepMs)
    let left = excess
    for (let step = newest - steps + 1; step <= newest; step += 1) {
      left -= this.#valueAt(name, step, of)
      if (left <= 0) return (step + steps) * stepMs
    }
    return undefined
  }

  isEmptyAt(now: number): boolean {
    return this.#floor === undefined && windowNames.every((name) => this.#steps[name].isEmptyAt(now))
  }

  #valueAt(name: WindowName, step: number, of: Measure): number {
    return Math.max(this.#steps[name].at(step, of), this.#floor?.[name].at(step, of) ?? 0)
  }
}

const windowNames = ['hour', 'day'] as const satisfies readonly WindowName[]

export interface LimitRefusal {
  readonly limit: LimitName
  /** Its value. */
  readonly max: number
  /** Unix milliseconds from when the same payment would be allowed if nothing else were accepted; absent: never. */
  readonly retryAt?: number
}

/**
 * Whether one more payment of this amount keeps the limits: undefined where it does. Of several that it breaks, the one that keeps it out
 * longest.
 * @param accepted absent where nothing was accepted lately.
 */
export function limitRefusal(
  limits: LimitValues,
  accepted: AcceptedPayments | undefined,
  amountMinor: number,
  now: number,
): LimitRefusal | undefined {
  const never = amountRefusal(limits, amountMinor)
  if (never !== undefined) return never
  let longest: Required<LimitRefusal> | undefined
  for (const limit of limitNames) {
    const max = limits[limit]
    if (max === undefined || accepted === undefined || limit === 'max_amount') continue
    const { window, of } = windowLimits[limit]
    const excess = accepted.sum(window, of, now) + (of === 'count' ? 1 : amountMinor) - max
    if (excess <= 0) continue
    const retryAt = accepted.leaves(window, of, excess, now) ?? now
    if (longest === undefined || retryAt > longest.retryAt) longest = { limit, max, retryAt }
  }
  return longest
}

/** The amount alone is more than one of the limits allows, however little was accepted; undefined where it is not. */
export function amountRefusal(limits: LimitValues, amountMinor: number): LimitRefusal | undefined {
  for (const limit of limitNames) {
    const max = limits[limit]
    if (max === undefined) continue
    const isOfAmount = limit === 'max_amount' || windowLimits[limit].of === 'amountMinor'
    if (isOfAmount && amountMinor > max) return { limit, max }
  }
  return undefined
}
