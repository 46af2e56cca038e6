/**
 * The network's twin in memory, on a clock and a seeded generator: what happens depends on the seed alone. A pipe stands for
 * a TCP connection, so its frames stay in order and none is lost while it lives; different pipes overtake each other.
 *
 *   latency   every frame and every end of a pipe takes a time drawn between `min` and `max`
 *   cut       nothing from one process reaches the other: it waits, as with retransmission, until `heal`; asymmetric
 *   reset     the pipes between two processes are reset, what was on its way is lost
 *   pause     a process takes nothing from the network until `resume`: its inbox fills. Its timers are the caller's.
 *   stop      a process is gone: its pipes are reset at the other ends, dialling it is refused, and what it still asks of
 *             the network never comes
 *
 * Addresses are process names; a process may listen, stop and listen again.
 */
import { assert } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { type Accept, DialError, type Network, type PipeEvents, type PipeIdentity } from './link.ts'
import { pipeOver, Route, type Ways } from './network-memory-route.ts'

export interface MemoryNetworkOptions {
  readonly clock: Clock
  readonly random: Random
  /** One way, in milliseconds. Default: 0.2 to 1. */
  readonly latencyMs?: { readonly min: number; readonly max: number }
  /** A dial that was neither accepted nor refused fails after this. Default: 2,000. */
  readonly dialTimeoutMs?: number
}

interface Listener {
  readonly accept: Accept
}

export class MemoryNetwork {
  readonly #ways: Ways
  readonly #clock: Clock
  readonly #dialTimeoutMs: number
  readonly #listeners = new Map<string, Listener>()
  readonly #identities = new Map<string, PipeIdentity>()
  readonly #cuts = new Set<string>()
  readonly #paused = new Set<string>()
  readonly #routes = new Set<Route>()
  /** How often each process has stopped: a port taken before that is dead. */
  readonly #stops = new Map<string, number>()

  constructor(options: MemoryNetworkOptions) {
    const { clock, random, latencyMs: { min, max } = { min: 0.2, max: 1 } } = options
    assert(0 <= min && min <= max, 'latency has a range', { min, max })
    this.#clock = clock
    this.#dialTimeoutMs = options.dialTimeoutMs ?? 2_000
    this.#ways = {
      clock,
      latency: () => min + random.float() * (max - min),
      isBlocked: (from, to) => this.#cuts.has(`${from}>${to}`) || this.#paused.has(to),
      forget: (route) => void this.#routes.delete(route),
    }
  }

  /** The port of one process; its address is its name. */
  networkOf(name: string): Network {
    const life = this.#stops.get(name) ?? 0
    const isAlive = (): boolean => life === (this.#stops.get(name) ?? 0)
    return {
      listen: (accept) => {
        assert(isAlive(), 'a process that stopped does not listen', { name })
        assert(!this.#listeners.has(name), 'a process listens once', { name })
        this.#listeners.set(name, { accept })
        return Promise.resolve(name)
      },
      dial: (address, events) => (isAlive() ? this.#dial(name, address, events) : new Promise(() => {})),
      close: () => {
        if (isAlive()) this.#listeners.delete(name)
        return Promise.resolve()
      },
    }
  }

  /** What peers see as this process' certificate; none by default. */
  certify(name: string, identity: PipeIdentity): void {
    this.#identities.set(name, identity)
  }

  /** Nothing from `from` reaches `to`. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b)
    this.cut(b, a)
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`)
    this.#pumpAll()
  }

  healAll(): void {
    this.#cuts.clear()
    this.#pumpAll()
  }

  pause(name: string): void {
    this.#paused.add(name)
  }

  resume(name: string): void {
    this.#paused.delete(name)
    this.#pumpAll()
  }

  /** Resets every pipe between the two, at both ends. */
  reset(a: string, b: string): void {
    for (const route of [...this.#routes]) {
      if ((route.from === a && route.to === b) || (route.from === b && route.to === a)) route.fail('reset')
    }
  }

  /** The process is gone, without a word. It may `listen` again. */
  stop(name: string): void {
    this.#listeners.delete(name)
    this.#paused.delete(name)
    this.#stops.set(name, (this.#stops.get(name) ?? 0) + 1)
    for (const route of [...this.#routes]) {
      if (route.to === name) route.drop()
      else if (route.from === name) route.fail('reset')
    }
  }

  #pumpAll(): void {
    for (const route of [...this.#routes]) route.resume()
  }

  #dial(from: string, to: string, events: PipeEvents): ReturnType<Network['dial']> {
    return new Promise((resolve, reject) => {
      const forth = new Route(this.#ways, from, to)
      const back = new Route(this.#ways, to, from)
      this.#routes.add(forth).add(back)
      let open = true
      const fail = (error: DialError): void => {
        if (!open) return
        open = false
        giveUp()
        forth.fail('reset')
        back.drop()
        reject(error)
      }
      const giveUp = this.#clock.schedule(this.#dialTimeoutMs, () => {
        fail(new DialError(`no answer from ${to}`, false))
      })
      // the handshake takes a way forth and a way back, each held up by what holds up frames
      forth.run(() => {
        const listener = this.#listeners.get(to)
        if (listener === undefined) {
          back.run(() => fail(new DialError(`nobody listens at ${to}`, true)))
          return
        }
        const accepted: PipeEvents = {
          frame: (bytes) => acceptor.frame(bytes),
          drained: () => acceptor.drained(),
          ended: (how) => acceptor.ended(how),
        }
        forth.deliverTo(accepted)
        // first in the way back, so that the dialler has its pipe before the first frame
        back.run(() => {
          if (!open) return
          open = false
          giveUp()
          back.deliverTo(events)
          resolve({ pipe: pipeOver(forth, back), identity: this.#identities.get(to) })
        })
        const acceptor = listener.accept(pipeOver(back, forth), this.#identities.get(from))
      })
    })
  }
}
