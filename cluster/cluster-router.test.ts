import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { type ClusterRouterOptions, createClusterRouter } from './cluster-router.ts'
import { type AnswerWire, encodeAnswer, type EnvelopeWire } from './envelope-wire.ts'
import { type Link, LinkError, type LinkErrorCode, type LinkEvents } from './link.ts'
import { type Incarnation, nameOf, sameIncarnation } from './member.ts'
import { OwnerTable } from './owners.ts'
import type { Envelope, RouteAnswer, Router, TrafficClass } from './router.ts'

const n1: Incarnation = { node: 'n1', incarnation: 'a' }
const n2: Incarnation = { node: 'n2', incarnation: 'b' }

interface Call {
  readonly to: string
  readonly envelope: EnvelopeWire
  readonly timeoutMs: number
  answer(answer: RouteAnswer<unknown>, tookMs?: number): void
  answerWith(body: unknown): void
  fail(code: LinkErrorCode): void
}

/** Links that keep every call until the test answers it. */
class FakeLinks {
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

interface Sent {
  answer: RouteAnswer<string> | undefined
}

class Rig {
  readonly clock = new VirtualClock()
  readonly owners = new OwnerTable(8)
  readonly links = new FakeLinks()
  readonly dead = new Set<string>()
  readonly hops: number[] = []
  refreshes = 0
  readonly router: ReturnType<typeof createClusterRouter>
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
      observer: { hop: (ms) => this.hops.push(ms) },
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

const done: RouteAnswer<string> = { kind: 'answered', answer: 'done' }

function unavailable(
  reason: string,
  certainty: 'not_accepted' | 'acceptance_unknown' = 'not_accepted',
  moved?: { node: string; incarnation: string; epoch: number },
): RouteAnswer<never> {
  return { kind: 'unavailable', certainty, reason, retryAfterMs: 1_000, ...(moved !== undefined && { moved }) }
}

function linked(options: Partial<ClusterRouterOptions> = {}): Rig {
  const rig = new Rig(options)
  rig.links.up(n1)
  rig.links.up(n2)
  for (let shard = 0; shard < 8; shard += 1) rig.own(shard, n1, 1)
  return rig
}

describe('a shard with an owner', () => {
  test('is asked over the link to that incarnation, and nobody else', async () => {
    const rig = linked()
    rig.own(3, n2, 2)
    const [a, b] = [rig.send(0), rig.send(3)]
    expect(rig.calls.map(({ to, envelope }) => [to, envelope.shard])).toEqual([
      ['n1', 0],
      ['n2', 3],
    ])
    for (const call of rig.calls) call.answer(done)
    await rig.pass(1)
    expect([a.answer, b.answer]).toEqual([done, done])
    expect(rig.router.stats()).toMatchObject({ routed: 2, forwarded: 2, retried: 0, held: 0, underWay: 0 })
  })

  test('is asked here where this process is the owner', async () => {
    const seen: Envelope[] = []
    const local: Router = {
      route: (envelope) => {
        seen.push(envelope)
        return Promise.resolve(done as RouteAnswer<never>)
      },
    }
    const rig = linked({ self: n1, local })
    const sent = rig.send(0)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    expect(seen).toHaveLength(1)
    expect(rig.router.stats()).toMatchObject({ local: 1, forwarded: 0 })
  })

  test('a refusal that is the owner’s own reaches the caller as it is', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().answer(unavailable('journal_unavailable'))
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('journal_unavailable'))
  })

  test('what the link cost beyond the owner’s own time is measured', async () => {
    const rig = linked()
    rig.send(0)
    await rig.pass(7)
    rig.last().answer(done, 5)
    await rig.pass(1)
    expect(rig.hops).toEqual([2])
  })
})

describe('a shard that is elsewhere', () => {
  test('is found by what the wrong owner says, at once and with the same command id', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().answer(unavailable('shard_not_owned', 'not_accepted', { ...n2, epoch: 2 }))
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n1', 'n2'])
    expect(rig.calls[1]?.envelope.id).toBe(rig.calls[0]?.envelope.id)
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    expect(rig.owners.get(0)).toEqual({ shard: 0, epoch: 2, owner: n2, released: false })
    expect(rig.router.stats()).toMatchObject({ moved: 1, retried: 1 })
  })

  test('a hint of an older epoch teaches nothing, and a wrong table never spins', async () => {
    const rig = linked()
    rig.own(0, n1, 5)
    const sent = rig.send(0, { withinMs: 3_000 })
    for (let ms = 0; ms < 3_000; ms += 1) {
      for (const call of rig.calls) call.answer(unavailable('shard_moved', 'not_accepted', { ...n2, epoch: 4 }))
      await rig.pass(1)
    }
    expect(rig.calls.every(({ to }) => to === 'n1')).toBe(true)
    // Pauses of 5, 20, 50, 100, 200, 200 … ms, half of each left to chance.
    expect(rig.calls.length).toBeGreaterThan(10)
    expect(rig.calls.length).toBeLessThan(40)
    expect(sent.answer).toMatchObject({ kind: 'unavailable', certainty: 'not_accepted' })
    expect(rig.refreshes).toBeGreaterThan(5)
  })

  test('while its owner refuses, one envelope goes ahead and the others wait for its answer', async () => {
    const rig = linked()
    const first = rig.send(0)
    rig.last().answer(unavailable('shard_moved'))
    await rig.pass(1)
    const others = Array.from({ length: 20 }, () => rig.send(0))
    await rig.pass(6)
    expect(rig.calls).toHaveLength(2)
    rig.last().answer(unavailable('shard_moved'))
    await rig.pass(25)
    expect(rig.calls).toHaveLength(3)
    rig.last().answer(done)
    await rig.pass(10)
    expect(first.answer).toEqual(done)
    expect(rig.calls).toHaveLength(23)
    // In the order in which they came.
    const ids = rig.calls.slice(3).map(({ envelope }) => Number.parseInt(envelope.id, 16))
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    for (const call of rig.calls) call.answer(done)
    await rig.pass(1)
    expect(others.map(({ answer }) => answer)).toEqual(others.map(() => done))
  })

  test('an envelope that came back leaves before those that came after it', async () => {
    const rig = linked()
    rig.send(0)
    rig.send(0)
    const [early, late] = rig.calls
    rig.own(0, n1, 2, true)
    rig.send(0)
    late?.answer(unavailable('shard_moved'))
    await rig.pass(2)
    early?.answer(unavailable('shard_moved'))
    await rig.pass(2)
    rig.own(0, n2, 3)
    await rig.pass(5)
    expect(rig.calls.slice(2).map(({ to, envelope }) => [to, Number.parseInt(envelope.id, 16)])).toEqual([
      ['n2', 1],
      ['n2', 2],
      ['n2', 3],
    ])
  })

  test('a hand-off is waited for, and its end is noticed at once', async () => {
    const rig = linked()
    rig.own(0, n1, 2, true)
    const sent = rig.send(0)
    await rig.pass(40)
    expect(rig.calls).toEqual([])
    expect(rig.router.stats().held).toBe(1)
    rig.own(0, n2, 3)
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
  })

  test('what the local host no longer has goes over a link', async () => {
    const local: Router = { route: () => Promise.resolve(unavailable('shard_moved', 'acceptance_unknown')) }
    const rig = linked({ self: n1, local })
    const sent = rig.send(0, { withinMs: 500 })
    await rig.pass(2)
    rig.own(0, n2, 2)
    await rig.pass(2)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
    rig.last().answer(unavailable('overloaded'))
    await rig.pass(1)
    // The first attempt may have been accepted, whatever the second one says of itself.
    expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
  })
})

describe('links and owners that fail', () => {
  test('a link lost after sending: the same command again, and if that never works nobody knows', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 1_000 })
    rig.links.down(n1)
    rig.last().fail('link_lost')
    await rig.pass(999)
    expect(sent.answer).toBeUndefined()
    await rig.pass(2)
    expect(sent.answer).toEqual(unavailable('no_owner', 'acceptance_unknown'))
  })

  test('a link that was never up leaves no doubt', async () => {
    const rig = new Rig()
    rig.own(0, n1, 1)
    const sent = rig.send(0, { withinMs: 100 })
    await rig.pass(101)
    expect(sent.answer).toEqual(unavailable('no_owner'))
    expect(rig.refreshes).toBeGreaterThan(0)
  })

  test('a link that comes up is used at once', async () => {
    const rig = new Rig()
    rig.own(0, n1, 1)
    rig.send(0)
    await rig.pass(20)
    rig.links.up(n1)
    await rig.pass(1)
    expect(rig.calls).toHaveLength(1)
  })

  test('an owner that is known to be dead is not asked, however open its link is', async () => {
    const rig = linked()
    rig.dead.add(nameOf(n1))
    rig.send(0)
    await rig.pass(60)
    expect(rig.calls).toEqual([])
    rig.own(0, n2, 2)
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
  })

  test('an owner that stands still loses its commands to the next one, before its link ends', async () => {
    const rig = linked()
    const sent = rig.send(0)
    const frozen = rig.last()
    await rig.pass(100)
    rig.own(0, n2, 2)
    await rig.pass(200)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n1', 'n2'])
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    frozen.answer(unavailable('shard_moved'))
    await rig.pass(1)
    expect(rig.calls).toHaveLength(2)
  })

  test('an answer of the former owner is an answer; its refusals say nothing any more', async () => {
    const rig = linked()
    const [a, b] = [rig.send(0), rig.send(0)]
    const [first, second] = rig.calls
    rig.own(0, n2, 2)
    await rig.pass(200)
    first?.answer(done)
    second?.answer(unavailable('overloaded'))
    await rig.pass(1)
    expect(a.answer).toEqual(done)
    expect(b.answer).toBeUndefined()
    rig.last().answer(done)
    await rig.pass(1)
    expect(b.answer).toEqual(done)
  })

  test('a former owner that answers in time is not overtaken', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.own(0, n2, 2)
    await rig.pass(50)
    rig.last().answer(done)
    await rig.pass(200)
    expect(sent.answer).toEqual(done)
    expect(rig.calls).toHaveLength(1)
  })

  test.each(['call_failed', 'call_unknown', 'link_lost'] as const)('after %s nobody knows', async (code) => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().fail(code)
    await rig.pass(6)
    rig.last().answer(unavailable('overloaded'))
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
  })

  test.each(['link_closed', 'link_overloaded'] as const)(
    '%s is certain, and comes again after a pause',
    async (code) => {
      const rig = linked()
      const sent = rig.send(0)
      rig.last().fail(code)
      await rig.pass(6)
      expect(rig.calls).toHaveLength(2)
      rig.last().answer(unavailable('overloaded'))
      await rig.pass(1)
      expect(sent.answer).toEqual(unavailable('overloaded'))
    },
  )

  test.each([undefined, null, 'text', [], { kind: 'answered' }, { kind: 'unavailable', tookMs: 1 }])(
    'an answer that is none (%j) leaves nobody with a guess',
    async (body) => {
      const rig = linked()
      const sent = rig.send(0)
      rig.last().answerWith(body)
      await rig.pass(6)
      expect(sent.answer).toBeUndefined()
      rig.last().answer(unavailable('overloaded'))
      await rig.pass(1)
      expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
    },
  )

  test('an envelope that links cannot carry is refused at once', async () => {
    const rig = linked()
    const sent = rig.send(0, { payload: { amount: 1n } })
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('envelope_unsendable'))
    const large = rig.send(0)
    rig.last().fail('call_unsendable')
    await rig.pass(1)
    expect(large.answer).toEqual(unavailable('envelope_unsendable'))
  })
})

describe('deadlines', () => {
  test('an attempt under way ends with its envelope’s deadline, to the millisecond', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 100 })
    expect(rig.last().timeoutMs).toBe(100)
    await rig.pass(99)
    expect(sent.answer).toBeUndefined()
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('deadline_passed', 'acceptance_unknown'))
    expect(rig.router.stats()).toMatchObject({ underWay: 0, held: 0 })
  })

  test('an envelope whose deadline has passed is sent to nobody', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 0 })
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('deadline_passed'))
    expect(rig.calls).toEqual([])
  })

  test('the time that is left travels, not the instant', async () => {
    const rig = linked()
    rig.own(0, n1, 2, true)
    const now = rig.clock.monotonic()
    rig.send(0, { deadline: now + 1_000, waitUntil: now + 600 })
    await rig.pass(300)
    rig.own(0, n2, 3)
    await rig.pass(1)
    expect(rig.last().envelope).toMatchObject({ graceMs: 400 })
    expect(rig.last().envelope.remainingMs).toBeLessThanOrEqual(700)
    expect(rig.last().envelope.remainingMs).toBeGreaterThan(690)
  })
})

describe('bounds', () => {
  const limits = { heldMax: 10, heldPerShardMax: 10, heldInternalMax: 3 }

  function fill(rig: Rig, count: number, trafficClass: TrafficClass): Sent[] {
    return Array.from({ length: count }, () => rig.send(0, { class: trafficClass }))
  }

  function refused(sent: readonly Sent[]): number {
    return sent.filter(({ answer }) => answer !== undefined).length
  }

  test('new payments are refused first, then reads, then what settles; internal ones have room of their own', async () => {
    const rig = new Rig({ limits })
    const begin = fill(rig, 9, 'begin')
    const read = fill(rig, 2, 'read')
    const settle = fill(rig, 2, 'settle')
    const internal = fill(rig, 4, 'internal')
    await rig.pass(1)
    expect([begin, read, settle, internal].map(refused)).toEqual([1, 1, 1, 1])
    expect(begin.at(-1)?.answer).toEqual(unavailable('overloaded'))
    expect(rig.router.stats()).toMatchObject({ held: 13, shed: 4 })
  })

  test('one shard cannot take the room of all', async () => {
    const rig = new Rig({ limits: { ...limits, heldPerShardMax: 4 } })
    const hot = fill(rig, 6, 'settle')
    const other = rig.send(1)
    await rig.pass(1)
    expect(refused(hot)).toBe(2)
    expect(other.answer).toBeUndefined()
  })

  test('what is held is bounded in bytes', async () => {
    const rig = new Rig({ limits: { heldBytesMax: 1_000 } })
    const [fits, not] = [rig.send(0, { bytes: 900 }), rig.send(0, { bytes: 200 })]
    await rig.pass(1)
    expect(fits.answer).toBeUndefined()
    expect(not.answer).toEqual(unavailable('overloaded'))
  })

  test('nobody is held longer than the bound; internal ones are, until their deadline', async () => {
    const rig = new Rig({ limits: { holdMs: 200 } })
    const merchant = rig.send(0)
    const internal = rig.send(0, { class: 'internal', withinMs: 400 })
    const behind = rig.send(1, { class: 'internal', withinMs: 400 })
    await rig.pass(260)
    expect(merchant.answer).toEqual(unavailable('no_owner'))
    expect(internal.answer).toBeUndefined()
    await rig.pass(150)
    expect(internal.answer).toEqual(unavailable('no_owner'))
    expect(behind.answer).toEqual(unavailable('no_owner'))
  })

  test('many that were held leave a few at a time, shards in turn', async () => {
    const rig = new Rig({ limits: { releaseMax: 6, releasePerShardMax: 4, releaseEveryMs: 10 } })
    for (let n = 0; n < 20; n += 1) rig.send(n % 2)
    rig.links.up(n1)
    for (const shard of [0, 1]) rig.own(shard, n1, 1)
    await rig.pass(1)
    expect(rig.calls.map(({ envelope }) => envelope.shard)).toEqual([0, 0, 0, 0, 1, 1])
    await rig.pass(10)
    expect(rig.calls).toHaveLength(12)
    await rig.pass(30)
    expect(rig.calls).toHaveLength(20)
    expect(rig.router.stats().held).toBe(0)
  })

  test('internal ones go on where others are told to come back', async () => {
    const rig = linked()
    const fact = rig.send(0, { class: 'internal', withinMs: 60_000 })
    rig.last().answer(unavailable('journal_unavailable'))
    const merchant = rig.send(0)
    expect(rig.calls).toHaveLength(2)
    rig.last().answer(unavailable('journal_unavailable'))
    await rig.pass(1_001)
    expect(merchant.answer).toEqual(unavailable('journal_unavailable'))
    expect(rig.calls).toHaveLength(3)
    rig.last().answer(done)
    await rig.pass(1)
    expect(fact.answer).toEqual(done)
  })
})

test('a router that stops answers what it holds, and takes nothing more', async () => {
  const rig = linked()
  const away = rig.send(0)
  const call = rig.last()
  rig.own(1, n1, 2, true)
  const held = rig.send(1)
  rig.router.stop()
  const late = rig.send(0)
  await rig.pass(1)
  expect(held.answer).toEqual(unavailable('stopping'))
  expect(late.answer).toEqual(unavailable('stopping'))
  expect(away.answer).toBeUndefined()
  call.answer(done)
  await rig.pass(1)
  expect(away.answer).toEqual(done)
  expect(rig.clock.pending).toBe(0)
})

test('whatever owners, links and tables do, every envelope has one answer by its deadline, and no lane is left', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed)
    const rig = linked()
    const sent: { readonly sent: Sent; readonly deadline: number }[] = []
    let epoch = 1
    for (let step = 0; step < 300; step += 1) {
      const chance = random.float()
      const shard = Math.floor(random.float() * 3)
      if (chance < 0.4) {
        const withinMs = 20 + Math.floor(random.float() * 400)
        sent.push({ sent: rig.send(shard, { withinMs }), deadline: rig.clock.monotonic() + withinMs })
      } else if (chance < 0.5) rig.own(shard, random.float() < 0.5 ? n1 : n2, (epoch += 1), random.float() < 0.3)
      else if (chance < 0.55) rig.links.down(n1)
      else if (chance < 0.65) rig.links.up(n1)
      else {
        const call = rig.calls[Math.floor(random.float() * rig.calls.length)]
        const how = random.float()
        if (how < 0.4) call?.answer(done)
        else if (how < 0.6) call?.answer(unavailable('shard_moved', 'not_accepted', { ...n2, epoch: epoch - 1 || 1 }))
        else if (how < 0.8) call?.answer(unavailable('shard_not_owned'))
        else call?.fail('link_lost')
      }
      await rig.pass(Math.floor(random.float() * 6))
      for (const each of sent) {
        if (rig.clock.monotonic() > each.deadline) expect(each.sent.answer, `seed ${seed}`).toBeDefined()
      }
    }
    await rig.pass(800)
    expect(rig.router.stats(), `seed ${seed}`).toMatchObject({ held: 0, underWay: 0, routed: sent.length })
    expect(rig.clock.pending, `seed ${seed}`).toBe(0)
  }
})

test('two incarnations of one node are two owners', () => {
  expect(sameIncarnation(n1, { ...n1, incarnation: 'z' })).toBe(false)
  const rig = linked()
  rig.own(0, { ...n1, incarnation: 'z' }, 2)
  rig.send(0)
  expect(rig.calls).toEqual([])
})
