/**
 * A simulated process: an owner of turns with a clock of its own. It can be frozen (SIGSTOP: timers come late, its inbox
 * fills, then it wakes with what it knew), killed (nothing that it began runs any more), and have a wall clock that is
 * wrong. What it has already handed to the network or to a server is theirs.
 */
import type { Cancel, Clock } from '../../runtime/clock.ts'
import type { Entry, Loop, TurnOwner } from './loop.ts'

/** Unix milliseconds at which every world begins. */
export const worldStart = Date.UTC(2026, 0, 1)

export class SimProcess implements TurnOwner {
  readonly number: number
  readonly name: string
  readonly clock: Clock
  readonly loop: Loop
  /** Milliseconds that its wall clock is ahead (or, below zero, behind). */
  wallOffsetMs = 0
  #fate: TurnOwner['fate'] = 'runs'
  readonly #aside: Entry[] = []
  readonly #startedAt: number

  constructor(loop: Loop, number: number, name: string) {
    this.loop = loop
    this.number = number
    this.name = name
    this.#startedAt = loop.now
    this.clock = {
      now: () => worldStart + Math.floor(loop.now / 1000) + this.wallOffsetMs,
      // A monotonic clock has no common zero: processes that compare theirs are found out.
      monotonic: () => (loop.now - this.#startedAt) / 1000 + 1000 * number,
      schedule: (delayMs, callback) => this.after(Math.ceil(Math.max(delayMs, 0) * 1000), callback),
    }
  }

  get fate(): TurnOwner['fate'] {
    return this.#fate
  }

  get isAlive(): boolean {
    return this.#fate !== 'dead'
  }

  /** A turn of this process, `delayUs` microseconds from now. */
  after(delayUs: number, run: () => void): Cancel {
    const entry = this.loop.add(this, delayUs, run)
    return () => {
      entry.run = undefined
    }
  }

  freeze(): void {
    if (this.#fate === 'runs') this.#fate = 'frozen'
  }

  /** Everything that fell due meanwhile is due now. */
  thaw(): void {
    if (this.#fate !== 'frozen') return
    this.#fate = 'runs'
    for (const entry of this.#aside.splice(0)) this.loop.addAgain(entry)
  }

  /** At once and for ever: a node that comes back is another process. */
  kill(): void {
    this.#fate = 'dead'
    this.#aside.length = 0
  }

  setAside(entry: Entry): void {
    this.#aside.push(entry)
  }
}

/** Tasks for one process that arrive in the order they were sent in, however long each travels. */
export class Ordered {
  readonly #process: TurnOwner
  readonly #loop: Loop
  readonly #tasks: (() => void)[] = []
  #lastAt = 0

  constructor(loop: Loop, process: TurnOwner) {
    this.#loop = loop
    this.#process = process
  }

  send(delayUs: number, task: () => void): void {
    const at = Math.max(this.#loop.now + delayUs, this.#lastAt)
    this.#lastAt = at
    this.#tasks.push(task)
    this.#loop.add(this.#process, at - this.#loop.now, () => this.#tasks.shift()?.())
  }
}
