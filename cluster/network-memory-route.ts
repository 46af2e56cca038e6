/** One direction of a pipe in memory: what was sent arrives in order, each after its latency, and waits where the way is blocked. */
import type { Clock } from '../runtime/clock.ts'
import type { Pipe, PipeEvents } from './link.ts'

/** The network as a route sees it. */
export interface Ways {
  readonly clock: Clock
  /** Of the next thing sent, in milliseconds. */
  latency(): number
  isBlocked(from: string, to: string): boolean
  forget(route: Route): void
}

type Item =
  | { readonly at: number; readonly bytes: Uint8Array }
  | { readonly at: number; readonly end: 'closed' | 'reset' }
  | { readonly at: number; readonly run: () => void }

export class Route {
  readonly from: string
  readonly to: string
  readonly #ways: Ways
  readonly #queue: Item[] = []
  #lastArrival = 0
  #buffered = 0
  #ended = false
  #scheduled = false
  #receiver: PipeEvents | undefined
  #onDrained: (() => void) | undefined

  constructor(ways: Ways, from: string, to: string) {
    this.#ways = ways
    this.from = from
    this.to = to
  }

  get buffered(): number {
    return this.#buffered
  }

  get isEnded(): boolean {
    return this.#ended
  }

  get receiver(): PipeEvents | undefined {
    return this.#receiver
  }

  deliverTo(receiver: PipeEvents): void {
    this.#receiver = receiver
  }

  onDrained(listener: () => void): void {
    this.#onDrained = listener
  }

  send(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#buffered += bytes.length
    this.#push({ at: this.#arrival(), bytes })
  }

  run(run: () => void): void {
    if (!this.#ended) this.#push({ at: this.#arrival(), run })
  }

  /** The last thing on this way. */
  finish(end: 'closed' | 'reset'): void {
    if (this.#ended) return
    this.#ended = true
    this.#push({ at: this.#arrival(), end })
  }

  /** Ends at once for the receiver; what was on its way is lost. */
  fail(end: 'reset'): void {
    if (this.#ended && this.#queue.length === 0) return
    this.#ended = true
    this.#queue.length = 0
    this.#buffered = 0
    this.#push({ at: this.#arrival(), end })
  }

  /** Ends without a word. */
  drop(): void {
    this.#ended = true
    this.#queue.length = 0
    this.#buffered = 0
    this.#receiver = undefined
    this.#ways.forget(this)
  }

  /** The way is free again: what waited arrives a latency from now. */
  resume(): void {
    if (this.#queue.length > 0 && !this.#scheduled) this.#pumpAfter(this.#ways.latency())
  }

  #arrival(): number {
    this.#lastArrival = Math.max(this.#lastArrival, this.#ways.clock.monotonic() + this.#ways.latency())
    return this.#lastArrival
  }

  #push(item: Item): void {
    this.#queue.push(item)
    if (!this.#scheduled) this.#pumpAfter(item.at - this.#ways.clock.monotonic())
  }

  #pumpAfter(delayMs: number): void {
    this.#scheduled = true
    this.#ways.clock.schedule(delayMs, () => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    for (;;) {
      const [first] = this.#queue
      if (first === undefined || this.#ways.isBlocked(this.from, this.to)) return
      const early = first.at - this.#ways.clock.monotonic()
      if (early > 0) {
        this.#pumpAfter(early)
        return
      }
      this.#queue.shift()
      if ('run' in first) first.run()
      else if ('end' in first) {
        const receiver = this.#receiver
        this.drop()
        receiver?.ended(first.end)
        return
      } else {
        this.#buffered -= first.bytes.length
        this.#receiver?.frame(first.bytes)
        if (this.#buffered === 0) this.#onDrained?.()
      }
    }
  }
}

export function pipeOver(out: Route, back: Route): Pipe {
  out.onDrained(() => back.receiver?.drained())
  return {
    send: (bytes) => out.send(bytes),
    get buffered() {
      return out.buffered
    },
    close: () => {
      // this end hears of it as well, once the other end has answered
      out.finish('closed')
      back.finish('closed')
    },
    destroy: () => {
      out.fail('reset')
      back.drop()
    },
  }
}
