/**
 * Keeps what a node knows of accepted payments up with the other nodes: tells them every second what it counted itself, hears what they
 * tell, and reads from the read side what nobody can tell any more, or did not get through.
 *
 * Read is: at the start and for a merchant whose limits are new, the whole windows; when a node is gone, when one of its messages
 * did not come, and as long as a living node cannot be heard, from there on. What was read counts as the least at once (a
 * floor), and is made part of the counts {@link velocityLimits.settleMs} later: whatever the read side knew then has been told by then,
 * so nothing is counted twice. What other nodes accepted between reading and settling may be missing from the sum of both: so the quarter
 * of an hour in which that was is read once more when it is over.
 *
 * Where nothing can be read or heard, decisions go on with the last known counts: a limit on velocity bounds a risk, and payments
 * that are refused for want of news are certain harm. Without Postgres no payment is accepted anyway.
 */
import type { Incarnation } from '../cluster/member.ts'
import type { MerchantConfiguration } from '../domain/merchant/state.ts'
import { windowOf, windows, windowStart } from '../domain/merchant/velocity.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import { velocityLimits } from '../runtime/limits.ts'
import { type AcceptedCount, readTold, toldBody } from './velocity-wire.ts'
import type { Velocity } from './velocity.ts'

/** The other nodes that live. */
export interface VelocityPeers {
  readonly all: readonly (Incarnation & { readonly linked: boolean })[]
  /** Tells every node that there is a link to. */
  tell(body: unknown): void
}

export interface AcceptedReader {
  /**
   * Payments of these merchants that were created at `since` (Unix milliseconds) or later, and whose first attempt was planned before it was
   * asked: in parts, the newest first, each payment in one of them. Rejects where a database cannot be asked.
   */
  read(merchants: readonly string[], since: number, found: (part: readonly AcceptedCount[]) => void): Promise<void>
}

export interface VelocityAgentOptions {
  readonly velocity: Velocity
  /** Merchants with limits. */
  readonly limited: () => readonly MerchantConfiguration[]
  readonly peers: VelocityPeers
  readonly reader: AcceptedReader
  readonly clock: Clock
  readonly observer: { read(count: number, ms: number): void; failed(error: unknown): void }
}

interface Heard {
  readonly peer: Incarnation
  readonly n: number
  /** Unix milliseconds. */
  readonly at: number
}

interface Unread {
  /** Unix milliseconds. */
  readonly since: number
  /** Only because the quarter of an hour that was open when it was read before is over now. */
  readonly isOver: boolean
}

interface Counted {
  readonly merchant: string
  /** Unix milliseconds. */
  readonly since: number
}

export class VelocityAgent {
  readonly #options: VelocityAgentOptions
  /** Unix milliseconds. */
  #startedAt = 0
  #told = 0
  readonly #heard = new Map<string, Heard>()
  /** What is counted, by merchant, mode and currency, and from when on. */
  #counted: ReadonlyMap<string, Counted> = new Map()
  /** Merchants that have to be read, and from when on. */
  readonly #unread = new Map<string, Unread>()
  /** Merchants that were read, and the quarter of an hour that has to be read once more when it is over. */
  readonly #openWhenRead = new Map<string, number>()
  #phase: 'idle' | 'reading' | 'settling' = 'idle'
  /** On the monotonic clock. */
  #readAt = Number.NEGATIVE_INFINITY
  #nextReadAt = Number.NEGATIVE_INFINITY
  #ticks = 0
  #cancelTick: Cancel = () => undefined
  #cancelSettle: Cancel = () => undefined
  #stopped = false

  constructor(options: VelocityAgentOptions) {
    this.#options = options
  }

  start(): void {
    this.#startedAt = this.#options.clock.now()
    this.#tick()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTick()
    this.#cancelSettle()
  }

  /** What a node told. False where it is no such message. */
  hear(peer: Incarnation, body: unknown): boolean {
    const told = readTold(body)
    if (told === undefined) return false
    const name = nameOf(peer)
    const before = this.#heard.get(name)
    // the same message over two links
    if (before !== undefined && told.n <= before.n) return true
    if (told.n !== (before?.n ?? 0) + 1) this.#missed(before?.at ?? this.#startedAt)
    this.#heard.set(name, { peer, n: told.n, at: this.#options.clock.now() })
    this.#options.velocity.hear(told.counts)
    return true
  }

  #tick(): void {
    const { clock, velocity } = this.#options
    this.#tell()
    this.#lookForLimits()
    this.#lookForPeers()
    this.#lookForClosed()
    this.#ticks += 1
    if (this.#ticks % velocityLimits.sweepEvery === 0) velocity.sweep()
    if (this.#phase === 'idle' && this.#unread.size > 0 && clock.monotonic() >= this.#nextReadAt) void this.#read()
    if (!this.#stopped) this.#cancelTick = clock.schedule(velocityLimits.exchangeMs, () => this.#tick())
  }

  #tell(): void {
    const { velocity, peers } = this.#options
    for (const counts of velocity.takeUntold()) {
      this.#told += 1
      peers.tell(toldBody({ n: this.#told, counts }))
    }
  }

  /** Limits that are new, or that look back further than those of before. */
  #lookForLimits(): void {
    const now = this.#options.clock.now()
    const counted = new Map<string, Counted>()
    for (const { id: merchant, limits } of this.#options.limited()) {
      for (const { mode, currency, values } of limits) {
        const window = windowOf(values)
        if (window === undefined) continue
        const key = `${merchant} ${mode} ${currency}`
        const since = windowStart(window, now)
        const known = this.#counted.get(key)
        const isNew = known === undefined || known.since > since
        counted.set(key, isNew ? { merchant, since } : known)
        if (isNew) this.#mustRead(merchant, since)
      }
    }
    this.#counted = counted
    const merchants = this.#merchants()
    for (const each of [this.#unread, this.#openWhenRead]) {
      for (const merchant of each.keys()) if (!merchants.has(merchant)) each.delete(merchant)
    }
  }

  #lookForPeers(): void {
    const { peers, clock } = this.#options
    const living = new Set(peers.all.map(nameOf))
    for (const [name, { at }] of this.#heard) {
      if (living.has(name)) continue
      // what it accepted last it told nobody
      this.#heard.delete(name)
      this.#missed(at)
    }
    if (clock.monotonic() - this.#readAt < velocityLimits.rereadMs) return
    for (const peer of peers.all) {
      if (!peer.linked) this.#missed(this.#heard.get(nameOf(peer))?.at ?? this.#startedAt)
    }
  }

  /** Something that was accepted about then, or later, was not heard. */
  #missed(at: number): void {
    for (const merchant of this.#merchants()) this.#mustRead(merchant, at - 2 * velocityLimits.exchangeMs)
  }

  #merchants(): ReadonlySet<string> {
    return new Set([...this.#counted.values()].map(({ merchant }) => merchant))
  }

  #lookForClosed(): void {
    const over = this.#options.clock.now() - windows.day.stepMs - velocityLimits.settleMs
    for (const [merchant, quarter] of this.#openWhenRead) {
      if (quarter > over) continue
      this.#openWhenRead.delete(merchant)
      this.#mustRead(merchant, quarter, true)
    }
  }

  /** Whole steps of the longest window, because a step is taken as the greater of what is counted and what is read. */
  #mustRead(merchant: string, from: number, isOver = false): void {
    const before = this.#unread.get(merchant)
    const since = Math.min(quarterOf(from), before?.since ?? Number.POSITIVE_INFINITY)
    this.#unread.set(merchant, { since, isOver: isOver && before?.isOver !== false })
  }

  async #read(): Promise<void> {
    const { reader, velocity, clock, observer } = this.#options
    const began = clock.monotonic()
    const taken = [...this.#unread].slice(0, velocityLimits.merchantsPerRead)
    for (const [merchant] of taken) this.#unread.delete(merchant)
    this.#phase = 'reading'
    try {
      const since = taken.reduce((least, [, each]) => Math.min(least, each.since), Number.POSITIVE_INFINITY)
      let count = 0
      await reader.read(
        taken.map(([merchant]) => merchant),
        since,
        (part) => {
          count += part.length
          velocity.addToFloor(part)
        },
      )
      if (this.#stopped) return
      const quarter = quarterOf(clock.now())
      for (const [merchant, { isOver }] of taken) if (!isOver) this.#openWhenRead.set(merchant, quarter)
      observer.read(count, clock.monotonic() - began)
      this.#readAt = clock.monotonic()
      this.#phase = 'settling'
      this.#cancelSettle = clock.schedule(velocityLimits.settleMs, () => {
        velocity.settleFloors()
        this.#phase = 'idle'
      })
    } catch (error) {
      if (this.#stopped) return
      velocity.dropFloors()
      observer.failed(error)
      for (const [merchant, { since, isOver }] of taken) this.#mustRead(merchant, since, isOver)
      this.#nextReadAt = clock.monotonic() + velocityLimits.readRetryMs
      this.#phase = 'idle'
    }
  }
}

function quarterOf(at: number): number {
  const { stepMs } = windows.day
  return Math.floor(at / stepMs) * stepMs
}

function nameOf({ node, incarnation }: Incarnation): string {
  return `${node}/${incarnation}`
}
