/**
 * Coalesced reads: what is asked for in one turn of the event loop is one query, and while queries are under way, the next
 * one is what was asked for meanwhile. A query begins after every request it answers.
 *
 * Another query beside those under way begins at once where it is full, and else only when something has waited for them
 * as long as patience lasts: few large queries cost both sides much less than many small ones (a tenth of a payment's CPU
 * over HTTP, measured), and a slow one holds up the others no longer than that.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'

interface Waiting<Request, Answer> {
  readonly request: Request
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export interface BatchedLimits {
  /** Requests of one query. */
  readonly sizeMax: number
  /** Queries at once. */
  readonly concurrencyMax: number
  /** How long requests wait for queries under way before they have one of their own; 0: not at all. */
  readonly patienceMs: number
}

export class Batched<Request, Answer> {
  readonly #limits: BatchedLimits
  readonly #clock: Clock
  readonly #run: (requests: readonly Request[]) => Promise<readonly Answer[]>
  #waiting: Waiting<Request, Answer>[] = []
  #scheduled = false
  #running = 0
  #cancelPatience: Cancel | undefined

  /** @param run answers all requests, in their order. */
  constructor(limits: BatchedLimits, clock: Clock, run: (requests: readonly Request[]) => Promise<readonly Answer[]>) {
    this.#limits = limits
    this.#clock = clock
    this.#run = run
  }

  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (this.#scheduled || this.#running >= this.#limits.concurrencyMax) return
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#pump(this.#limits.patienceMs === 0)
      })
    })
  }

  #pump(isOutOfPatience: boolean): void {
    const { sizeMax, concurrencyMax, patienceMs } = this.#limits
    let mayBeSmall = isOutOfPatience
    while (this.#waiting.length > 0 && this.#running < concurrencyMax) {
      if (this.#running > 0 && this.#waiting.length < sizeMax && !mayBeSmall) break
      mayBeSmall = patienceMs === 0
      this.#start(this.#waiting.splice(0, sizeMax))
    }
    const mustWait = this.#waiting.length > 0 && this.#running < concurrencyMax
    if (!mustWait) this.#stopWaiting()
    else {
      this.#cancelPatience ??= this.#clock.schedule(patienceMs, () => {
        this.#cancelPatience = undefined
        this.#pump(true)
      })
    }
  }

  #stopWaiting(): void {
    this.#cancelPatience?.()
    this.#cancelPatience = undefined
  }

  #start(batch: readonly Waiting<Request, Answer>[]): void {
    this.#running += 1
    this.#run(batch.map(({ request }) => request)).then(
      (answers) => {
        this.#ended()
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
      },
      (error: unknown) => {
        this.#ended()
        for (const { reject } of batch) reject(error)
      },
    )
  }

  #ended(): void {
    this.#running -= 1
    this.#pump(this.#limits.patienceMs === 0)
  }
}
