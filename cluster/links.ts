/**
 * One link per pair of processes: who is dialled, which of two connections stays, and what those above are told.
 *
 * Of connections to the same incarnation stays the one that the smaller node name dialled, of two by the same dialler the
 * later. The other one retires: it makes no new calls and ends when those under way are answered, so that replacing a link
 * fails nothing. Both ends see the same names and numbers, so they choose alike. Of two incarnations of a node the one that
 * started later is talked to, so a process that wakes up after its successor came is refused.
 *
 * A link is `up` only after the peer's hello has arrived: a dial that connects proves nothing, the less so under TLS 1.3,
 * where a client is told that all is well before the server has looked at its certificate.
 *
 * Left to others: who is wanted (membership), who is dead (leases; `gone` is a hint), what calls mean (the router).
 */
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { protocolVersion } from './frame.ts'
import type { Hello } from './frame-hello.ts'
import type { CallHandler, LinkEnd, LinkEvents, Links, Network, Peer } from './link.ts'
import { DialError } from './link.ts'
import { Connection } from './links-connection.ts'
import { Dialer, type WantedPeer } from './links-dialer.ts'
import { byeReasons, type ConnectionHost } from './links-host.ts'
import { type LinkLimits, linkLimits } from './links-limits.ts'
import type { LinksObserver, RefusalReason } from './links-observer.ts'
import { type Incarnation, sameIncarnation } from './member.ts'

export interface LinksOptions {
  readonly self: Omit<Peer, 'protocol'>
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly limits?: Partial<LinkLimits>
  readonly observer?: LinksObserver
  /** Runs a callback once this turn's work is done: what queued up by then leaves together. Default: `setImmediate`. */
  readonly defer?: (callback: () => void) => void
}

export interface RunningLinks extends Links {
  /** Takes connections. @returns the address that others dial. */
  listen(): Promise<string>
  /**
   * Replaces every link by a new connection, each at a random moment within `withinMs`, without failing a call. A link that
   * could not be replaced is ended after twice that time.
   */
  recycle(withinMs: number): void
}

export function createLinks(options: LinksOptions): RunningLinks {
  return new PairLinks(options)
}

class PairLinks implements RunningLinks, ConnectionHost {
  readonly self: Peer
  readonly startedAt: number
  readonly clock: Clock
  readonly limits: LinkLimits
  readonly observer: LinksObserver
  readonly defer: (callback: () => void) => void
  readonly #network: Network
  readonly #random: Random
  readonly #dialer: Dialer
  readonly #handlers = new Map<string, CallHandler>()
  readonly #listeners = new Set<Partial<LinkEvents>>()
  /** Every connection that has not ended. */
  readonly #connections = new Set<Connection>()
  /** The link of each node. */
  readonly #current = new Map<string, Connection>()
  /** Those that those above were told of. */
  readonly #announced = new Set<Connection>()
  readonly #recycling = new Set<Cancel>()
  #cancelTick: Cancel = () => {}
  #lastCallId = 0
  #lastDial = 0
  #isClosing = false

  constructor(options: LinksOptions) {
    this.self = { ...options.self, protocol: protocolVersion }
    this.startedAt = options.clock.now()
    this.clock = options.clock
    this.limits = linkLimits(options.limits)
    this.observer = options.observer ?? {}
    this.defer = options.defer ?? setImmediate
    this.#network = options.network
    this.#random = options.random
    this.#dialer = new Dialer({
      clock: options.clock,
      random: options.random,
      limits: this.limits,
      isLinked: (peer) => this.to(peer) !== undefined,
      dial: (peer) => void this.#dial(peer),
      gone: (peer) => this.#emit((listener) => listener.gone?.(peer)),
    })
    this.#tickLater()
  }

  listen(): Promise<string> {
    return this.#network.listen((pipe, identity) => {
      const connection = new Connection(this, undefined)
      this.#connections.add(connection)
      connection.attach(pipe, identity)
      if (this.#isClosing || this.#connections.size > 2 * this.limits.peersMax) {
        this.observer.refused?.(this.#isClosing ? 'stopping' : 'too_many_peers', undefined)
        connection.end('refused_peer', 'no more peers are taken')
      }
      return connection.events
    })
  }

  connectTo(peers: readonly WantedPeer[]): void {
    assert(peers.length <= this.limits.peersMax, 'no more peers are wanted than there may be', { count: peers.length })
    if (this.#isClosing) return
    const others = peers.filter((peer) => peer.node !== this.self.node)
    for (const peer of this.#dialer.want(others)) {
      for (const connection of [...this.#connections]) {
        const isUnwanted = connection.dialled !== undefined && sameIncarnation(connection.dialled.to, peer)
        if (isUnwanted) connection.sayGoodbye(byeReasons.unwanted, 'closed')
      }
    }
  }

  to(peer: Incarnation): Connection | undefined {
    const connection = this.#current.get(peer.node)
    return connection !== undefined && sameIncarnation(connection.peer, peer) ? connection : undefined
  }

  get all(): readonly Connection[] {
    return [...this.#current.values()]
  }

  onCall(method: string, handler: CallHandler): void {
    assert(!this.#handlers.has(method), 'a method has one handler', { method })
    this.#handlers.set(method, handler)
  }

  on(events: Partial<LinkEvents>): Cancel {
    this.#listeners.add(events)
    return () => void this.#listeners.delete(events)
  }

  recycle(withinMs: number): void {
    for (const connection of this.#current.values()) {
      this.#after(this.#random.float() * withinMs, () => {
        if (!connection.isOpen) return
        if (connection.dialled === undefined) connection.askForRedial()
        else this.#dialer.redial(connection.peer)
      })
      this.#after(2 * withinMs, () => {
        if (connection.isOpen) connection.sayGoodbye(byeReasons.replaced, 'replaced')
      })
    }
  }

  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#cancelTick()
      for (const cancel of this.#recycling) cancel()
      this.#dialer.stop()
      for (const connection of [...this.#connections]) connection.sayGoodbye(byeReasons.stopping, 'closed')
    }
    await this.#network.close()
  }

  // --- what connections ask -----------------------------------------------------------------------------------------------

  nextCallId(): number {
    this.#lastCallId += 1
    return this.#lastCallId
  }

  handlerOf(method: string): CallHandler | undefined {
    return this.#handlers.get(method)
  }

  admit({ peer, startedAt }: Hello): RefusalReason | undefined {
    if (this.#isClosing) return 'stopping'
    const current = this.#current.get(peer.node)
    const isOlder = current !== undefined && !sameIncarnation(current.peer, peer) && startedAt < current.startedAt
    if (isOlder) return 'older_incarnation'
    return this.#current.size >= this.limits.peersMax && !this.#current.has(peer.node) ? 'too_many_peers' : undefined
  }

  opened(connection: Connection): void {
    const { peer } = connection
    const before = this.#current.get(peer.node)
    if (before !== undefined && !sameIncarnation(before.peer, peer)) this.#endAll(before.peer)
    const rival = this.to(peer)
    if (rival === undefined || this.#isPreferred(connection, rival)) {
      this.#current.set(peer.node, connection)
      this.#dialer.linked(peer)
      if (connection.dialled !== undefined) this.#dialer.dialled(peer, 'linked')
      this.#announced.add(connection)
      this.#emit((listener) => listener.up?.(connection))
      rival?.retire()
    } else {
      if (connection.dialled !== undefined) this.#dialer.dialled(peer, 'linked')
      connection.retire()
    }
  }

  ended(connection: Connection, end: LinkEnd, wasOpen: boolean): void {
    this.#connections.delete(connection)
    const { dialled } = connection
    if (!wasOpen) {
      if (dialled !== undefined) this.#dialer.dialled(dialled.to, connection.isPeerStopping ? 'stopping' : 'failed')
      return
    }
    const { peer } = connection
    const wasCurrent = this.#current.get(peer.node) === connection
    if (wasCurrent) this.#current.delete(peer.node)
    if (this.#announced.delete(connection)) this.#emit((listener) => listener.down?.(connection, end))
    if (!wasCurrent) return
    const wasStopping = connection.isPeerStopping
    this.#dialer.unlinked(peer, { wasReset: end === 'reset', wasStopping, ageMs: connection.age })
  }

  told(connection: Connection, topic: string, body: unknown): void {
    this.#emit((listener) => listener.told?.(connection.peer, topic, body))
  }

  redial(connection: Connection): void {
    if (connection.isOpen && connection.dialled !== undefined) this.#dialer.redial(connection.peer)
  }

  // ------------------------------------------------------------------------------------------------------------------------

  async #dial(to: WantedPeer): Promise<void> {
    this.#lastDial += 1
    const connection = new Connection(this, {
      to: { node: to.node, incarnation: to.incarnation },
      dial: this.#lastDial,
    })
    this.#connections.add(connection)
    try {
      const { pipe, identity } = await this.#network.dial(to.address, connection.events)
      connection.attach(pipe, identity)
    } catch (error) {
      this.observer.dialFailed?.(to, error)
      // first, because the end of the connection would count as a dial that failed for no known reason; one that was given
      // up before tells nothing of the dial that followed it
      if (!connection.isEnded && error instanceof DialError && error.refused) this.#dialer.dialled(to, 'refused')
      connection.end('reset', 'it could not be dialled')
    }
  }

  #isPreferred(connection: Connection, rival: Connection): boolean {
    const [ours, theirs] = [this.#diallerOf(connection), this.#diallerOf(rival)]
    return ours === theirs ? connection.dial > rival.dial : ours < theirs
  }

  #diallerOf(connection: Connection): string {
    return connection.dialled === undefined ? connection.peer.node : this.self.node
  }

  /** Ends every connection to an incarnation whose successor has come. */
  #endAll(old: Peer): void {
    for (const each of [...this.#connections]) {
      const isOld = each.isGreeted && sameIncarnation(each.peer, old)
      if (isOld) each.sayGoodbye('older_incarnation' satisfies RefusalReason, 'replaced')
    }
  }

  #emit(tell: (listener: Partial<LinkEvents>) => void): void {
    for (const listener of [...this.#listeners]) tell(listener)
  }

  #after(delayMs: number, callback: () => void): void {
    const cancel = this.clock.schedule(delayMs, () => {
      this.#recycling.delete(cancel)
      callback()
    })
    this.#recycling.add(cancel)
  }

  #tickLater(): void {
    this.#cancelTick = this.clock.schedule(this.limits.tickMs, () => {
      for (const connection of [...this.#connections]) connection.tick()
      this.#tickLater()
    })
  }
}
