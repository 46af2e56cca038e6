/** Time as a port, so that tests and the simulation decide what time it is. */
export interface Clock {
  /** Wall time, unix milliseconds. For facts that people read; never for deadlines or leases. */
  now(): number
  /** Milliseconds of a clock that never goes back; its zero has no meaning. For deadlines and leases. */
  monotonic(): number
  /** Calls `callback` once after `delayMs` (0 to 2^31-1; longer delays are the caller's to split). */
  schedule(delayMs: number, callback: () => void): Cancel
}

/** Cancels what was scheduled; calling it again, or late, does nothing. */
export type Cancel = () => void

const timeoutMsMax = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), timeoutMsMax))
    return () => clearTimeout(timer)
  },
}

/** A clock that stands still until {@link VirtualClock.advance} moves it. Callbacks run in order of time, then of scheduling. */
export class VirtualClock implements Clock {
  #now: number
  #elapsed = 0
  #order = 0
  #queue: { due: number; order: number; callback: () => void }[] = []

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs
  }

  now(): number {
    return this.#now + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    const entry = { due: this.#elapsed + Math.max(delayMs, 0), order: this.#order++, callback }
    this.#queue.push(entry)
    this.#queue.sort((a, b) => a.due - b.due || a.order - b.order)
    return () => {
      this.#queue = this.#queue.filter((other) => other !== entry)
    }
  }

  /** Moves time forward by `ms`, running everything that falls due, each at its own instant. */
  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || next.due > end) break
      this.#queue.shift()
      this.#elapsed = Math.max(this.#elapsed, next.due)
      next.callback()
    }
    this.#elapsed = end
  }

  /** How many callbacks wait. */
  get pending(): number {
    return this.#queue.length
  }
}
