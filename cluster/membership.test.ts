/** Nodes over one membership in memory, on one virtual clock; what is theirs alone (a stall, a cut connection) is told of each. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Cancel, type Clock, VirtualClock } from '../runtime/clock.ts'
import { clusterLimits } from './cluster-limits.ts'
import { MemoryLeaseStore, MemoryMembership } from './lease-store-memory.ts'
import type { Incarnation, Membership } from './member.ts'
import { MembershipAgent, type MembershipEnd } from './membership.ts'

const limits = clusterLimits()

/** One process's view of the clock: frozen, its timers come all together when it wakes up. Its wall clock may be wrong. */
class ProcessClock implements Clock {
  wallOffsetMs = 0
  readonly #world: Clock
  #frozen = false
  #late: (() => void)[] = []

  constructor(world: Clock) {
    this.#world = world
  }

  now(): number {
    return this.#world.now() + this.wallOffsetMs
  }

  monotonic(): number {
    return this.#world.monotonic()
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    let cancelled = false
    const run = (): void => {
      if (!cancelled) callback()
    }
    const cancel = this.#world.schedule(delayMs, () => (this.#frozen ? void this.#late.push(run) : run()))
    return () => {
      cancelled = true
      cancel()
    }
  }

  freeze(): void {
    this.#frozen = true
  }

  /** @param inReverse the watchdog's timer is not the first one to run. */
  thaw(inReverse = false): void {
    this.#frozen = false
    const late = this.#late.splice(0)
    for (const run of inReverse ? late.reverse() : late) run()
  }
}

interface Process {
  readonly self: Incarnation
  readonly clock: ProcessClock
  readonly store: MemoryLeaseStore
  readonly agent: MembershipAgent
  readonly ends: MembershipEnd[]
  /** Deaths it declared, with the time. */
  readonly declared: { readonly of: string; readonly why: string; readonly at: number }[]
  readonly views: string[][]
}

describe('membership', () => {
  let world: VirtualClock
  let members: MemoryMembership
  let all: Process[]

  beforeEach(() => {
    world = new VirtualClock()
    members = new MemoryMembership()
    all = []
  })

  afterEach(() => {
    for (const { agent } of all) agent.stop()
  })

  /** Time passes for the world, in steps in which statements are executed. */
  async function pass(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      world.advance(stepMs)
      await nextTurn()
    }
  }

  function make(node: string, incarnation = 'a1'): Process {
    const clock = new ProcessClock(world)
    const store = new MemoryLeaseStore(members)
    const self = { node, incarnation }
    const ends: MembershipEnd[] = []
    const declared: Process['declared'] = []
    const views: string[][] = []
    const agent = new MembershipAgent({
      self,
      store,
      clock,
      limits,
      observer: {
        ended: (reason) => ends.push(reason),
        declaredDead: (of, why) => declared.push({ of: of.node, why, at: world.monotonic() }),
      },
    })
    agent.onChange(({ leases }) => views.push(leases.map((lease) => lease.node)))
    const made = { self, clock, store, agent, ends, declared, views }
    all.push(made)
    return made
  }

  async function start(node: string, incarnation?: string): Promise<Process> {
    const made = make(node, incarnation)
    await made.agent.start({ address: `${node}:7000`, build: '1.2.3' })
    return made
  }

  async function three(): Promise<[Process, Process, Process]> {
    const nodes: [Process, Process, Process] = [await start('node-1'), await start('node-2'), await start('node-3')]
    await pass(1_000)
    return nodes
  }

  function living(): string[] {
    return members.read().leases.map(({ node }) => node)
  }

  /** Nodes that do not live any more, deaths that were declared, and processes that ended. */
  function deaths(): string[] {
    const present = living()
    return [
      ...all.map(({ self }) => self.node).filter((node) => !present.includes(node)),
      ...all.flatMap(({ declared }) => declared.map(({ of }) => `${of} was declared dead`)),
      ...all.flatMap(({ self, ends }) => ends.map((end) => `${self.node} ended: ${end}`)),
    ]
  }

  test('nodes that run renew, see each other, and live for ever', async () => {
    const [one] = await three()
    await pass(10_000)
    expect(deaths()).toEqual([])
    expect(one.agent.membership.leases.map(({ node }) => node)).toEqual(['node-1', 'node-2', 'node-3'])
    const renewals = members.read().leases.map((lease) => lease.renewals)
    for (const each of renewals) expect(each).toBeGreaterThanOrEqual(20)
  })

  test('listeners hear of members and policy, and of renewals nothing', async () => {
    const one = await start('node-1')
    await pass(2_000)
    expect(one.views).toEqual([['node-1']])
    await start('node-2')
    await pass(2_000)
    expect(one.views).toEqual([['node-1'], ['node-1', 'node-2']])
    const policies: Membership['policy'][] = []
    one.agent.onChange(({ policy }) => policies.push(policy))
    await one.store.change({ kind: 'pin', shard: 7, node: 'node-2' })
    await pass(500)
    expect(policies.map(({ pins }) => [...pins])).toEqual([[[7, 'node-2']]])
  })

  test('a frozen node is declared dead one look and a ttl after its last renewal, and by nobody before that', async () => {
    const [one, two, three_] = await three()
    let renewals = members.read().leases[0]?.renewals
    // frozen right after a renewal: the longest it can take
    while (members.read().leases[0]?.renewals === renewals) await pass(1, 1)
    renewals = members.read().leases[0]?.renewals
    const renewedAt = world.monotonic()
    one.clock.freeze()
    await pass(3_000, 1)
    const [death] = [...two.declared, ...three_.declared]
    expect(death).toMatchObject({ of: 'node-1', why: 'stood_still' })
    const tookMs = (death?.at ?? Number.NaN) - renewedAt
    expect(tookMs).toBeGreaterThanOrEqual(limits.leaseTtlMs)
    expect(tookMs).toBeLessThanOrEqual(limits.leaseTtlMs + limits.judgeEveryMs + 20)
    expect([...two.declared, ...three_.declared]).toHaveLength(1)
    expect(two.views.at(-1)).toEqual(['node-2', 'node-3'])
    expect(three_.views.at(-1)).toEqual(['node-2', 'node-3'])
  })

  test('a node that wakes up after its lease ends before it renews, whichever timer is the first', async () => {
    for (const inReverse of [false, true]) {
      const node = await start('node-1', inReverse ? 'b1' : 'a1')
      await pass(1_000)
      const renewals = members.read().leases[0]?.renewals
      node.clock.freeze()
      await pass(limits.leaseTtlMs + 200)
      node.clock.thaw(inReverse)
      await pass(1_000)
      expect(node.ends).toEqual(['loop_stood_still'])
      expect(members.read().leases[0]?.renewals).toBe(renewals)
      expect(node.agent.watchdog.hasStoodStill()).toBe(true)
    }
  })

  test('a node that stood still for less than its lease goes on', async () => {
    const [one] = await three()
    one.clock.freeze()
    await pass(limits.leaseTtlMs - 600)
    one.clock.thaw()
    await pass(5_000)
    expect(deaths()).toEqual([])
  })

  test('who was declared dead hears of it at its next renewal, once, and ends', async () => {
    const [one, two] = await three()
    members.declareDead(one.self, undefined)
    await pass(2_000)
    expect(one.ends).toEqual(['declared_dead'])
    expect(one.agent.isMember).toBe(false)
    expect(two.views.at(-1)).toEqual(['node-2', 'node-3'])
  })

  test('a new incarnation of a node ends the old one', async () => {
    const old = await start('node-1')
    await pass(1_000)
    const young = await start('node-1', 'a2')
    await pass(3_000)
    expect(old.ends).toEqual(['declared_dead'])
    expect(young.ends).toEqual([])
    expect(members.read().leases).toMatchObject([{ node: 'node-1', incarnation: 'a2' }])
  })

  test('the database away for everybody: nobody is declared dead, and all go on when it is back', async () => {
    await three()
    for (const awayMs of [1_000, 2_500, 30_000]) {
      members.available = false
      await pass(awayMs)
      members.available = true
      await pass(5_000)
      expect(deaths()).toEqual([])
    }
  })

  test('the database stands still for everybody without an error: nobody is declared dead', async () => {
    const nodes = await three()
    const hung = nodes.map(({ store }) => store.hangRenewals())
    await pass(10_000)
    for (const each of hung) each.release()
    await pass(5_000)
    expect(deaths()).toEqual([])
  })

  test('a node that is cut off from the database is declared dead by those that are not, and ends when it hears of it', async () => {
    const [one, two, three_] = await three()
    one.store.away = true
    await pass(4_000)
    expect(one.declared).toEqual([])
    expect([...two.declared, ...three_.declared].map(({ of }) => of)).toEqual(['node-1'])
    expect(one.ends).toEqual([])
    one.store.away = false
    await pass(1_000)
    expect(one.ends).toEqual(['declared_dead'])
  })

  test('a node whose renewals alone get lost judges nobody', async () => {
    const [one, two] = await three()
    const hung = one.store.hangRenewals()
    two.clock.freeze()
    await pass(1_900)
    expect(one.declared).toEqual([])
    hung.release()
  })

  test('Effect-TS/effect#6508: a renewal that hangs is given up, and the lease renewed by the next one', async () => {
    const [one] = await three()
    const hung = one.store.hangRenewals()
    await pass(700)
    expect(hung.waiting).toBeGreaterThanOrEqual(1)
    hung.letOthersPass()
    await pass(10_000)
    expect(deaths()).toEqual([])
    hung.release()
    await pass(1_000)
    expect(deaths()).toEqual([])
  })

  test('restatedev/restate#5156: a judge that was frozen while the database was away declares nobody dead', async () => {
    const [one] = await three()
    // until right before the others renew: their windows end while the judge is frozen
    await pass(450)
    one.clock.freeze()
    members.available = false
    await pass(limits.leaseTtlMs - 300)
    // the judge is the first one to be back: the others have not renewed for longer than the ttl
    members.available = true
    one.clock.thaw()
    await pass(5_000)
    expect(deaths()).toEqual([])
  })

  test('restatedev/restate#5156: one own renewal that failed restarts what was seen of the others', async () => {
    const one = await start('node-1')
    const two = await start('node-2')
    await pass(1_000)
    two.clock.freeze()
    const frozenAt = world.monotonic()
    await pass(500)
    one.store.repliesToLose = 1_000
    await pass(700)
    one.store.repliesToLose = 0
    const healthyAt = world.monotonic()
    await pass(4_000)
    expect(one.declared).toMatchObject([{ of: 'node-2' }])
    const at = one.declared[0]?.at ?? Number.NaN
    expect(at - frozenAt).toBeGreaterThan(limits.leaseTtlMs + limits.judgeEveryMs)
    expect(at - healthyAt).toBeGreaterThanOrEqual(limits.leaseTtlMs)
  })

  test('a database clock or a wall clock an hour wrong kills nobody and saves nobody', async () => {
    const [one, two, three_] = await three()
    one.clock.wallOffsetMs = 3_600_000
    two.clock.wallOffsetMs = -3_600_000
    await pass(5_000)
    expect(deaths()).toEqual([])
    three_.clock.freeze()
    await pass(3_000)
    expect([...one.declared, ...two.declared].map(({ of }) => of)).toEqual(['node-3'])
  })

  test('who is known to be gone is declared dead at once, and listeners hear of it before the next read', async () => {
    const [one, two, three_] = await three()
    two.clock.freeze()
    const at = world.monotonic()
    one.agent.gone(two.self)
    await nextTurn()
    expect(one.declared).toEqual([{ of: 'node-2', why: 'gone', at }])
    expect(one.views.at(-1)).toEqual(['node-1', 'node-3'])
    expect(one.agent.lives(two.self)).toBe(false)
    await pass(limits.judgeEveryMs * 2)
    expect(three_.views.at(-1)).toEqual(['node-1', 'node-3'])
    expect(one.views.filter((view) => view.includes('node-2')).length).toBe(1)
  })

  test('restatedev/restate#5156: a node that was cut off from all, with resets, takes nobody for gone when it is back', async () => {
    const [one, two, three_] = await three()
    one.store.away = true
    one.agent.gone(two.self)
    await pass(200)
    one.store.away = false
    await pass(limits.renewEveryMs)
    one.store.away = true
    await pass(limits.renewEveryMs)
    one.agent.gone(three_.self)
    one.store.away = false
    await pass(1_000)
    expect(one.declared).toEqual([])
    expect([...one.ends, ...two.ends, ...three_.ends]).toEqual([])
  })

  test('a node to which most others seem gone is rather cut off itself: it ends no more than half of them', async () => {
    const [one, ...others] = [...(await three()), await start('node-4'), await start('node-5')]
    await pass(1_000)
    if (one === undefined) throw new Error('five have started')
    for (const { self } of others) one.agent.gone(self)
    await pass(1_000)
    expect(one.declared.map(({ of }) => of)).toEqual(['node-2', 'node-3'])
    // those that did die are found by their leases
    for (const { clock } of others) clock.freeze()
    await pass(limits.leaseTtlMs + limits.judgeEveryMs + limits.renewEveryMs)
    expect(one.declared.slice(2)).toMatchObject([
      { of: 'node-4', why: 'stood_still' },
      { of: 'node-5', why: 'stood_still' },
    ])
  })

  test('a death that could not be declared is left to the lease', async () => {
    const [one, two, three_] = await three()
    two.clock.freeze()
    one.store.away = true
    one.agent.gone(two.self)
    await pass(100)
    one.store.away = false
    await pass(limits.leaseTtlMs + limits.judgeEveryMs + limits.renewEveryMs)
    expect([...one.declared, ...three_.declared]).toMatchObject([{ of: 'node-2', why: 'stood_still' }])
  })

  test('draining is said at once', async () => {
    const [one, two] = await three()
    one.agent.setDraining()
    await nextTurn()
    await nextTurn()
    expect(members.read().leases.map(({ draining }) => draining)).toEqual([true, false, false])
    await pass(300)
    expect(two.agent.leaseOf('node-1')?.draining).toBe(true)
  })

  test('draining is said right after a renewal that was under way', async () => {
    const one = await start('node-1')
    const hung = one.store.hangRenewals()
    await pass(600)
    one.agent.setDraining()
    hung.release()
    await pass(20)
    expect(members.read().leases.map(({ draining }) => draining)).toEqual([true])
  })

  test('who leaves declares itself dead and is not told that it died', async () => {
    const [one, two] = await three()
    expect(await one.agent.leave()).toBe(true)
    expect(living()).toEqual(['node-2', 'node-3'])
    await pass(1_000)
    expect(one.ends).toEqual([])
    expect(two.views.at(-1)).toEqual(['node-2', 'node-3'])
  })

  test('leaving is bounded: without a database the lease runs out instead', async () => {
    const [one] = await three()
    one.store.away = true
    const leaving = one.agent.leave()
    await pass(limits.leaveTimeoutMs + 100)
    expect(await leaving).toBe(false)
    await pass(3_000)
    expect(living()).toEqual(['node-2', 'node-3'])
  })

  test('a gateway watches, and judges nobody', async () => {
    const one = await start('node-1')
    const store = new MemoryLeaseStore(members)
    const views: string[][] = []
    const gateway = new MembershipAgent({
      self: undefined,
      store,
      clock: world,
      limits,
      observer: { ended: () => expect.fail('a gateway has no lease') },
    })
    gateway.onChange(({ leases }) => views.push(leases.map(({ node }) => node)))
    await gateway.start()
    expect(views).toEqual([['node-1']])
    one.clock.freeze()
    gateway.gone(one.self)
    await pass(5_000)
    expect(living()).toEqual(['node-1'])
    expect(gateway.stale).toBe(false)
    store.away = true
    await pass(limits.staleAfterMs + 1_000)
    expect(gateway.stale).toBe(true)
    gateway.stop()
  })

  test('a start that failed has begun nothing, and may be tried again', async () => {
    const one = make('node-1')
    members.available = false
    await expect(one.agent.start({ address: 'a:1', build: 'b' })).rejects.toMatchObject({
      code: 'membership_unavailable',
    })
    expect(world.pending).toBe(0)
    members.available = true
    await one.agent.start({ address: 'a:1', build: 'b' })
    expect(living()).toEqual(['node-1'])
  })

  test('an agent that stopped runs nothing more', async () => {
    const [one, two, three_] = await three()
    for (const { agent } of [one, two, three_]) agent.stop()
    await pass(1_000)
    expect(world.pending).toBe(0)
  })
})
