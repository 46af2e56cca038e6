/**
 * For tests: a cluster of nodes that count accepted payments, over a network that delays, loses and cuts, with a read side that
 * lags; on one virtual clock. What was truly accepted is kept beside it, so that what the nodes believe can be judged.
 */
import type { Incarnation } from '../cluster/member.ts'
import type { LimitValues } from '../domain/merchant/limits.ts'
import type { MerchantConfiguration } from '../domain/merchant/state.ts'
import { limitRefusal, type WindowName, windowStart } from '../domain/merchant/velocity.ts'
import { assert } from '../runtime/assert.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { type AcceptedReader, VelocityAgent, type VelocityPeers } from './velocity-agent.ts'
import { Velocity } from './velocity.ts'

const owned = { merchant: 'mer_1', mode: 'live', currency: 'EUR' } as const
const minuteMs = 60_000

export interface CountingNode {
  readonly self: Incarnation
  readonly velocity: Velocity
  readonly agent: VelocityAgent
}

export class CountingCluster {
  /** Begins on the hour. */
  readonly clock = new VirtualClock(Date.UTC(2026, 10, 4, 12))
  readonly nodes: CountingNode[] = []
  /** All that was accepted, by when. */
  readonly truth: number[] = []
  /** Of each read of the read side what was asked for. */
  readonly reads: number[] = []
  failures = 0
  /** After this time what was accepted stands in the read side. */
  readLagMs = 200
  readsFail = false
  latencyMs: () => number = () => 2
  /** Whether a message is dropped on its way. */
  loses: () => boolean = () => false
  /** Nodes that cannot hear each other, by names. */
  readonly cuts = new Set<string>()
  limits: LimitValues
  #incarnations = 0

  constructor(limits: LimitValues) {
    this.limits = limits
  }

  get #merchant(): MerchantConfiguration {
    const { merchant: id, mode, currency } = owned
    const configured = {
      name: 'Shop',
      status: 'active',
      version: 1,
      rateTier: 'standard',
      routes: [],
      keys: [],
    } as const
    return { id, ...configured, limits: [{ mode, currency, values: this.limits }] }
  }

  start(node: string): CountingNode {
    this.#incarnations += 1
    const self = { node, incarnation: `i${this.#incarnations}` }
    const velocity = new Velocity({ directory: { get: () => this.#merchant }, clock: this.clock })
    const agent = new VelocityAgent({
      velocity,
      limited: () => (Object.keys(this.limits).length === 0 ? [] : [this.#merchant]),
      peers: this.#peersOf(self),
      reader: this.#reader(),
      clock: this.clock,
      observer: {
        read: () => undefined,
        failed: () => {
          this.failures += 1
        },
      },
    })
    const started = { self, velocity, agent }
    this.nodes.push(started)
    agent.start()
    return started
  }

  kill(node: CountingNode): void {
    node.agent.stop()
    this.nodes.splice(this.nodes.indexOf(node), 1)
  }

  /** A payment of amount 1 comes to this node. True where it is accepted. */
  pay({ velocity }: CountingNode): boolean {
    const at = this.clock.now()
    const accepted = velocity.acceptedOf(owned.merchant, owned.mode).get(owned.currency)
    if (limitRefusal(this.limits, accepted, 1, at) !== undefined) return false
    velocity.count({ ...owned, amountMinor: 1, at })
    this.truth.push(at)
    return true
  }

  truly(window: WindowName): number {
    return this.acceptedSince(windowStart(window, this.clock.now()))
  }

  acceptedSince(from: number): number {
    return this.truth.filter((at) => at >= from).length
  }

  believedBy({ velocity }: CountingNode, window: WindowName): number {
    const accepted = velocity.acceptedOf(owned.merchant, owned.mode).get(owned.currency)
    return accepted?.sum(window, 'count', this.clock.now()) ?? 0
  }

  /** In steps of 100 ms, between which reads end. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left))
      for (let turns = 0; turns < 4; turns += 1) await Promise.resolve()
    }
  }

  #peersOf(self: Incarnation): VelocityPeers {
    const others = () => this.nodes.filter((each) => each.self !== self)
    const isLinked = (other: Incarnation) =>
      !this.cuts.has(`${self.node} ${other.node}`) && !this.cuts.has(`${other.node} ${self.node}`)
    return {
      get all() {
        return others().map((other) => ({ ...other.self, linked: isLinked(other.self) }))
      },
      tell: (body) => {
        for (const other of others()) {
          if (!isLinked(other.self) || this.loses()) continue
          this.clock.schedule(this.latencyMs(), () => {
            assert(other.agent.hear(self, structuredClone(body)), 'what a node tells can be read')
          })
        }
      },
    }
  }

  #reader(): AcceptedReader {
    return {
      read: (merchants, since, found) => {
        assert(merchants.length === 1, 'there is one merchant')
        this.reads.push(since)
        const until = this.clock.now() - this.readLagMs
        const shown = this.truth.filter((at) => at >= since && at <= until)
        const counts = shown.map((at) => ({ ...owned, minute: Math.floor(at / minuteMs), count: 1, amountMinor: 1 }))
        found(counts)
        return this.readsFail ? Promise.reject(new Error('the database is away')) : Promise.resolve()
      },
    }
  }
}
