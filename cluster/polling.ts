/**
 * Reads something again and again, one read at a time: at an interval, and at once where it is asked for. What is asked for
 * while a read runs is one more read after it, however often. A read that takes too long counts as failed, and what it
 * brings later is dropped, so what is learned is never older than what was learned before.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'

export interface PollingOptions<Value> {
  readonly clock: Clock
  readonly everyMs: number
  readonly timeoutMs: number
  readonly read: () => Promise<Value>
  readonly learn: (value: Value) => void
  readonly failed: (error: unknown) => void
}

export class PollTimeout extends Error {
  override readonly name = 'PollTimeout'
  readonly code = 'poll_timeout'
  readonly canRetry = true
}

export class Polling<Value> {
  readonly #options: PollingOptions<Value>
  #state: 'new' | 'running' | 'stopped' = 'new'
  #cancelNext: Cancel | undefined
  #current: Promise<boolean> | undefined
  #following: Promise<boolean> | undefined
  #contactAt: number | undefined

  constructor(options: PollingOptions<Value>) {
    this.#options = options
  }

  /** Reads now, then at the interval. */
  start(): Promise<boolean> {
    if (this.#state === 'new') this.#state = 'running'
    return this.refresh()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#cancelNext?.()
  }

  /** A read that begins after this call; false where it failed, or none runs any more. */
  refresh(): Promise<boolean> {
    if (this.#state !== 'running') return Promise.resolve(false)
    if (this.#current === undefined) return this.#run()
    this.#following ??= this.#current.then(() => {
      this.#following = undefined
      return this.#state === 'running' ? (this.#current ?? this.#run()) : false
    })
    return this.#following
  }

  /** Milliseconds since something was learned; infinite before the first time. */
  get contactAgeMs(): number {
    return this.#contactAt === undefined ? Number.POSITIVE_INFINITY : this.#options.clock.monotonic() - this.#contactAt
  }

  #run(): Promise<boolean> {
    const { clock, everyMs, timeoutMs, read, learn, failed } = this.#options
    this.#cancelNext?.()
    const begunAt = clock.monotonic()
    const run = new Promise<boolean>((resolve) => {
      let waits = true
      const end = (error: unknown, value?: Value): void => {
        if (!waits) return
        waits = false
        cancelTimeout()
        this.#current = undefined
        if (this.#state === 'running') {
          const rest = Math.max(0, everyMs - (clock.monotonic() - begunAt))
          this.#cancelNext = clock.schedule(rest, () => void this.refresh())
          if (error === undefined) {
            this.#contactAt = clock.monotonic()
            learn(value as Value)
          } else failed(error)
        }
        resolve(error === undefined)
      }
      const cancelTimeout = clock.schedule(timeoutMs, () => end(new PollTimeout('a read took too long')))
      read().then(
        (value) => end(undefined, value),
        (error: unknown) => end(error ?? new PollTimeout('a read failed')),
      )
    })
    this.#current = run
    return run
  }
}
