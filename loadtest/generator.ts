/**
 * Load that does not wait for the answers it gets: journeys of payments begin when the schedule says, by a seed, however
 * slow the system is. Latencies count from when a journey was due, so a stall is seen by everything that was due in it.
 * What is due while too much is under way waits, and beyond a limit is not begun at all, and counted.
 *
 * `finish` comes after the load: it repeats what is still open under its key until there is an answer, and reads every
 * payment until it is at rest, so that the auditor (`audit.ts`) can judge the history.
 */
import { type Random, seededRandom } from '../runtime/random.ts'
import type { Clock } from '../runtime/clock.ts'
import type { OperationName } from './history.ts'
import type { HistoryWriter } from './history-writer.ts'
import { defaultMix, journey, type JourneyOptions, type Mix } from './journey.ts'
import { Latency, type LatencySummary } from './latency.ts'
import { type Call, type Merchant, type MerchantClient, type Outcome, pause } from './merchant-client.ts'

export interface LoadOptions {
  readonly client: MerchantClient
  readonly history: HistoryWriter
  readonly clock: Clock
  readonly merchants: readonly Merchant[]
  readonly seed: number
  /** Keys begin with it: another run's never do. */
  readonly run: string
  /** Journeys per second. */
  readonly rate: number
  /** How due times lie: evenly, or as independent customers come. Default `poisson`. */
  readonly arrivals?: 'constant' | 'poisson'
  readonly mix?: Mix
  /** What becomes of one payment. Default: {@link journey}. */
  readonly journey?: (options: JourneyOptions) => Promise<void>
  /** Journeys under way; what is due beyond it waits. Default 512. */
  readonly inFlightMax?: number
  /** Journeys that wait; what is due beyond it is never begun. Default 10,000. */
  readonly waitingMax?: number
}

export interface LoadSummary {
  readonly journeys: number
  /** Due, and never begun. */
  readonly shed: number
  readonly latencies: Readonly<Record<string, LatencySummary>>
  /** Answers by what was asked and its HTTP status. */
  readonly answers: Readonly<Record<string, number>>
  /** Sends that had to be repeated, by why. */
  readonly troubles: Readonly<Record<string, number>>
}

interface Open {
  readonly merchant: Merchant
  readonly call: Call
}

export class Load {
  readonly #options: LoadOptions
  readonly #random: Random
  readonly #latencies = new Map<OperationName, Latency>()
  readonly #answers = new Map<string, number>()
  /** Payments that were told of, with who may read them. */
  readonly #payments = new Map<string, Merchant>()
  readonly #open: Open[] = []
  /** Due times, milliseconds, of journeys that could not begin yet. */
  readonly #waiting: number[] = []
  #journeys = 0
  #shed = 0
  #underway = 0
  #due = 0
  #ended: (() => void) | undefined
  #stopped = false
  #failure: Error | undefined

  constructor(options: LoadOptions) {
    if (!(options.rate > 0) || options.merchants.length === 0) throw new Error('a load has a rate and a merchant')
    this.#options = options
    this.#random = seededRandom(options.seed)
  }

  get journeys(): number {
    return this.#journeys
  }

  get payments(): number {
    return this.#payments.size
  }

  /** Why nothing more begins: a journey broke. */
  get failure(): Error | undefined {
    return this.#failure
  }

  start(): void {
    this.#due = this.#options.clock.monotonic()
    this.#tick()
  }

  /** Begins nothing more, and resolves when every journey has come to its end. @throws where one broke. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting.length = 0
    if (this.#underway > 0) {
      await new Promise<void>((resolve) => {
        this.#ended = resolve
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** After `stop`. @returns how many payments are not at rest after `patienceMs`. */
  async finish(patienceMs: number): Promise<number> {
    const { client, clock } = this.#options
    const until = clock.monotonic() + patienceMs
    const open = this.#open.splice(0)
    await this.#each(open, async ({ merchant, call }, n) => {
      this.#done(
        merchant,
        { ...call, phase: 'final' },
        await client.insist(merchant, { ...call, phase: 'final' }, `final.${n}`, n),
      )
    })
    let restless = [...this.#payments]
    for (;;) {
      const still: typeof restless = []
      await this.#each(restless, async ([paymentId, merchant], n) => {
        const call: Call = { f: 'read', path: `/v1/payments/${paymentId}`, paymentId, phase: 'final' }
        const { understood } = await client.insist(merchant, call, `final.${paymentId}`, n)
        const value = understood?.value
        if (value?.object !== 'payment' || value.status === 'pending') still.push([paymentId, merchant])
      })
      restless = still
      if (restless.length === 0 || clock.monotonic() > until) return restless.length
      await pause(clock, 200)
    }
  }

  summary(): LoadSummary {
    return {
      journeys: this.#journeys,
      shed: this.#shed,
      latencies: Object.fromEntries([...this.#latencies].map(([f, latency]) => [f, latency.summary()])),
      answers: sorted(this.#answers),
      troubles: sorted(this.#options.client.troubles),
    }
  }

  #tick(): void {
    if (this.#stopped) return
    const { clock, waitingMax = 10_000 } = this.#options
    const now = clock.monotonic()
    while (this.#due <= now) {
      if (this.#waiting.length < waitingMax) this.#waiting.push(this.#due)
      else this.#shed += 1
      this.#due += this.#gapMs()
    }
    this.#begin()
    clock.schedule(Math.max(0, this.#due - clock.monotonic()), () => this.#tick())
  }

  #gapMs(): number {
    const meanMs = 1_000 / this.#options.rate
    if (this.#options.arrivals === 'constant') return meanMs
    return -Math.log(1 - this.#random.float()) * meanMs
  }

  #begin(): void {
    const { inFlightMax = 512 } = this.#options
    while (this.#waiting.length > 0 && this.#underway < inFlightMax) {
      const due = this.#waiting.shift()
      if (due === undefined) return
      this.#underway += 1
      this.#run(due)
        .catch((error: unknown) => {
          this.#failure ??= error instanceof Error ? error : new Error('a journey broke', { cause: error })
          this.#stopped = true
        })
        .finally(() => this.#journeyEnded())
    }
  }

  async #run(due: number): Promise<void> {
    const { client, clock, history, merchants, mix = defaultMix, run, seed } = this.#options
    const travel = this.#options.journey ?? journey
    const n = this.#journeys
    this.#journeys += 1
    const merchant = merchants[n % merchants.length]
    if (merchant === undefined) throw new Error('a load has a merchant')
    await history.drained()
    // what a journey does is its own: it does not depend on which answers came first
    const random = seededRandom(seed + n * 7_919)
    const lateNs = (clock.monotonic() - due) * 1e6
    await travel({
      ...{ client, merchant, random, mix },
      name: `${run}-${n}`,
      gateway: n,
      done: (call, outcome) => this.#done(merchant, call, outcome, call.f === 'create' ? lateNs : 0),
    })
  }

  #journeyEnded(): void {
    this.#underway -= 1
    if (!this.#stopped) this.#begin()
    else if (this.#underway === 0) this.#ended?.()
  }

  #done(merchant: Merchant, call: Call, outcome: Outcome, lateNs = 0): void {
    const { understood, status, firstSendNs, endNs } = outcome
    const name = `${call.f} ${status ?? 'none'}`
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1)
    if (understood === undefined || understood.isUnanswered) {
      if (call.key !== undefined && call.phase !== 'final') this.#open.push({ merchant, call })
      return
    }
    if (understood.type === 'ok' && understood.paymentId !== undefined)
      this.#payments.set(understood.paymentId, merchant)
    let latency = this.#latencies.get(call.f)
    if (latency === undefined) this.#latencies.set(call.f, (latency = new Latency()))
    if (call.phase !== 'final') latency.record(endNs - firstSendNs + lateNs)
  }

  /** All of them, at most 64 at once. */
  async #each<T>(all: readonly T[], work: (each: T, n: number) => Promise<void>): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      for (let n = next++; n < all.length; n = next++) {
        const each = all[n]
        if (each !== undefined) await work(each, n)
      }
    }
    await Promise.all(Array.from({ length: Math.min(64, all.length) }, worker))
  }
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}
