/** A router over links that keep every call until a test answers it, on a clock that stands still until it is moved. */
import { setImmediate as turn } from 'node:timers/promises'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { type ClusterRouter, type ClusterRouterOptions, createClusterRouter } from './cluster-router.ts'
import { type AnswerWire, encodeAnswer, type EnvelopeWire } from './envelope-wire.ts'
import { type Link, LinkError, type LinkErrorCode, type LinkEvents } from './link.ts'
import { type Incarnation, nameOf } from './member.ts'
import { OwnerTable } from './owners.ts'
import type { Envelope, RouteAnswer, TrafficClass } from './router.ts'

export const n1: Incarnation = { node: 'n1', incarnation: 'a' }
export const n2: Incarnation = { node: 'n2', incarnation: 'b' }

export interface Call {
  readonly to: string
  readonly envelope: EnvelopeWire
  readonly timeoutMs: number
  answer(answer: RouteAnswer<unknown>, tookMs?: number): void
  answerWith(body: unknown): void
  fail(code: LinkErrorCode): void
}

/** Links that keep every call until the test answers it. */
export class FakeLinks {
  readonly calls: Call[] = []
  readonly #open = new Map<string, Link>()
  readonly #listeners = new Set<Partial<LinkEvents>>()

  up(peer: Incarnation): void {
    const link: Link = {
      peer: { ...peer, roles: ['node'], build: 'test', protocol: 1 },
      isOpen: true,
      call: (_method, body, { timeoutMs }) =>
        new Promise((resolve, reject) => {
          this.calls.push({
            to: peer.node,
            envelope: body as EnvelopeWire,
            timeoutMs,
            answer: (answer, tookMs = 0) => resolve(encodeAnswer(answer, tookMs) satisfies AnswerWire),
            answerWith: resolve,
            fail: (code) => reject(new LinkError(code, code)),
          })
        }),
      tell: () => undefined,
    }
    this.#open.set(nameOf(peer), link)
    for (const { up } of this.#listeners) up?.(link)
  }

  down(peer: Incarnation): void {
    this.#open.delete(nameOf(peer))
  }

  to(peer: Incarnation): Link | undefined {
    return this.#open.get(nameOf(peer))
  }

  on(events: Partial<LinkEvents>): () => void {
    this.#listeners.add(events)
    return () => void this.#listeners.delete(events)
  }
}

export interface Sent {
  answer: RouteAnswer<string> | undefined
}

export class Rig {
  readonly clock = new VirtualClock()
  readonly owners = new OwnerTable(8)
  readonly links = new FakeLinks()
  readonly dead = new Set<string>()
  readonly hops: number[] = []
  readonly refused: [TrafficClass, string][] = []
  refreshes = 0
  readonly router: ClusterRouter
  #ids = 0

  constructor(options: Partial<ClusterRouterOptions> = {}) {
    this.router = createClusterRouter({
      owners: this.owners,
      links: this.links,
      living: (of) => !this.dead.has(nameOf(of)),
      refresh: () => {
        this.refreshes += 1
      },
      clock: this.clock,
      random: seededRandom(1),
      observer: {
        hop: (ms) => this.hops.push(ms),
        refused: (trafficClass, reason) => this.refused.push([trafficClass, reason]),
      },
      ...options,
    })
  }

  own(shard: number, owner: Incarnation | undefined, epoch: number, released = false): void {
    this.owners.learn([{ shard, epoch, owner, released }])
  }

  send(shard: number, options: Partial<Envelope> & { readonly withinMs?: number } = {}): Sent {
    const sent: Sent = { answer: undefined }
    this.#ids += 1
    const deadline = this.clock.monotonic() + (options.withinMs ?? 15_000)
    void this.router
      .route<string>({
        id: this.#ids.toString(16).padStart(32, '0'),
        shard,
        entity: '1'.repeat(32),
        kind: 'payment',
        class: 'settle',
        bytes: 10,
        payload: { n: this.#ids },
        deadline,
        waitUntil: deadline,
        attach: false,
        ...options,
      })
      .then((answer) => {
        sent.answer = answer
      })
    return sent
  }

  get calls(): readonly Call[] {
    return this.links.calls
  }

  last(): Call {
    const call = this.links.calls.at(-1)
    if (call === undefined) throw new Error('nothing was sent')
    return call
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1) {
      await turn()
      this.clock.advance(1)
    }
    await turn()
    await turn()
  }
}

export const done: RouteAnswer<string> = { kind: 'answered', answer: 'done' }

export function unavailable(
  reason: string,
  certainty: 'not_accepted' | 'acceptance_unknown' = 'not_accepted',
  moved?: { node: string; incarnation: string; epoch: number },
): RouteAnswer<never> {
  return { kind: 'unavailable', certainty, reason, retryAfterMs: 1_000, ...(moved !== undefined && { moved }) }
}

export function linked(options: Partial<ClusterRouterOptions> = {}): Rig {
  const rig = new Rig(options)
  rig.links.up(n1)
  rig.links.up(n2)
  for (let shard = 0; shard < 8; shard += 1) rig.own(shard, n1, 1)
  return rig
}
