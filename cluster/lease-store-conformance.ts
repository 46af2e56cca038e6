/**
 * What every store of leases must do, as one suite: run by lease-store-memory.test.ts and by
 * persistence/postgres-lease-store.pg.test.ts. A harness is one fresh membership database; its stores are processes, whose
 * connection the suite can trouble.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Deaths, Incarnation, LeaseStore } from './member.ts'

/** The next renewal, stopped on its way. */
export interface StoppedRenewal {
  /** Resolves when it has been sent. */
  readonly reached: Promise<void>
  /** Its process stops waiting; a store that has a clock does so by itself. */
  giveUp(): void
  /** It arrives after all. Resolves when it has been executed. */
  arrive(): Promise<void>
}

export interface TestLeaseStore {
  readonly store: LeaseStore & Deaths
  /** The database cannot be reached, until `back`. */
  away(): void
  back(): void
  /** The next statement is executed, and its answer lost. */
  loseNextReply(): void
  stopNextRenewal(): StoppedRenewal
}

export interface LeaseStoreHarness {
  connect(self: Incarnation): Promise<TestLeaseStore>
  close(): Promise<void>
}

const one: Incarnation = { node: 'node-1', incarnation: 'a1' }
const oneAgain: Incarnation = { node: 'node-1', incarnation: 'a2' }
const two: Incarnation = { node: 'node-2', incarnation: 'a1' }
const details = { address: '10.0.0.1:7000', build: '1.2.3' }

export function describeLeaseStore(name: string, makeHarness: () => Promise<LeaseStoreHarness>): void {
  describe(name, () => {
    let harness: LeaseStoreHarness
    let first: TestLeaseStore
    let store: LeaseStore & Deaths

    beforeEach(async () => {
      harness = await makeHarness()
      first = await harness.connect(one)
      store = first.store
    })

    afterEach(async () => {
      await harness.close()
    })

    async function eventually<Result>(ask: () => Promise<Result>): Promise<Result> {
      const until = performance.now() + 10_000
      for (;;) {
        try {
          return await ask()
        } catch (error) {
          if ((error as { code?: string }).code !== 'membership_unavailable' || performance.now() > until) throw error
        }
      }
    }

    test('who has started lives, as it said it was, in order of node', async () => {
      await (await harness.connect(two)).store.start(two, { address: '10.0.0.2:7000', build: '1.2.4' })
      await store.start(one, details)
      expect((await store.read()).leases).toEqual([
        { ...one, ...details, renewals: 0, draining: false },
        { ...two, address: '10.0.0.2:7000', build: '1.2.4', renewals: 0, draining: false },
      ])
    })

    test('a renewal adds one, and says whether the node drains', async () => {
      await store.start(one, details)
      expect(await store.renew(one, false)).toBe('renewed')
      expect((await store.read()).leases).toMatchObject([{ renewals: 1, draining: false }])
      expect(await store.renew(one, true)).toBe('renewed')
      expect((await store.read()).leases).toMatchObject([{ renewals: 2, draining: true }])
    })

    test('who was never started cannot renew', async () => {
      expect(await store.renew(two, false)).toBe('dead')
      expect((await store.read()).leases).toEqual([])
    })

    test('a new incarnation of a node ends the earlier one, which hears of it when it renews', async () => {
      await store.start(one, details)
      await store.start(two, details)
      const again = await harness.connect(oneAgain)
      await again.store.start(oneAgain, details)
      expect(await store.renew(one, false)).toBe('dead')
      expect((await store.read()).leases).toMatchObject([oneAgain, two])
      expect(await store.dead([one, oneAgain, two])).toEqual([one])
    })

    test('an incarnation starts once, also when it is dead, and ends nobody by trying', async () => {
      await store.start(one, details)
      await expect(store.start(one, details)).rejects.toMatchObject({ code: 'incarnation_used', canRetry: false })
      expect(await store.renew(one, false)).toBe('renewed')
      await (await harness.connect(oneAgain)).store.start(oneAgain, details)
      await expect(store.start(one, details)).rejects.toMatchObject({ code: 'incarnation_used' })
      expect((await store.read()).leases).toMatchObject([oneAgain])
    })

    test('incarnations of one node that start at once: one lives', async () => {
      const both = await Promise.all([one, oneAgain].map(async (self) => (await harness.connect(self)).store))
      await Promise.allSettled([both[0]?.start(one, details), both[1]?.start(oneAgain, details)])
      expect((await store.read()).leases).toHaveLength(1)
    })

    test('who renewed since is not declared dead; who stood still is, for ever', async () => {
      await store.start(one, details)
      const judge = (await harness.connect(two)).store
      await judge.start(two, details)
      await store.renew(one, false)
      expect(await judge.declareDead(one, 0)).toBe(false)
      expect(await judge.declareDead(one, 1)).toBe(true)
      expect(await judge.declareDead(one, 1)).toBe(false)
      expect(await store.renew(one, false)).toBe('dead')
      expect((await judge.read()).leases).toMatchObject([two])
      expect(await judge.dead([one, two])).toEqual([one])
    })

    test('two judges declare one death', async () => {
      await store.start(one, details)
      const judges = await Promise.all(
        [two, { node: 'node-3', incarnation: 'a1' }].map((each) => harness.connect(each)),
      )
      const declared = await Promise.all(judges.map((judge) => judge.store.declareDead(one, 0)))
      expect(declared.filter(Boolean)).toHaveLength(1)
    })

    test('an incarnation may end itself without comparing', async () => {
      await store.start(one, details)
      await store.renew(one, true)
      expect(await store.declareDead(one, undefined)).toBe(true)
      expect((await store.read()).leases).toEqual([])
    })

    test('who is not known is not dead', async () => {
      expect(await store.dead([two])).toEqual([])
      expect(await store.dead([])).toEqual([])
      expect(await store.declareDead(two, undefined)).toBe(false)
    })

    test('what operators say of placement is kept and read by all, and taken back', async () => {
      const other = (await harness.connect(two)).store
      expect((await store.read()).policy).toEqual({
        weights: new Map(),
        cordoned: new Set(),
        pins: new Map(),
        rebalancing: true,
      })
      await store.change({ kind: 'weight', node: 'node-1', weight: 2.5 })
      await store.change({ kind: 'weight', node: 'node-2', weight: 0 })
      await store.change({ kind: 'cordon', node: 'node-3', cordoned: true })
      await store.change({ kind: 'pin', shard: 7, node: 'node-1' })
      await store.change({ kind: 'pin', shard: 7, node: 'node-2' })
      await store.change({ kind: 'rebalancing', on: false })
      expect((await other.read()).policy).toEqual({
        weights: new Map([
          ['node-1', 2.5],
          ['node-2', 0],
        ]),
        cordoned: new Set(['node-3']),
        pins: new Map([[7, 'node-2']]),
        rebalancing: false,
      })
      await other.change({ kind: 'weight', node: 'node-1', weight: null })
      await other.change({ kind: 'cordon', node: 'node-3', cordoned: false })
      await other.change({ kind: 'pin', shard: 7, node: null })
      await other.change({ kind: 'rebalancing', on: true })
      expect((await store.read()).policy).toEqual({
        weights: new Map([['node-2', 0]]),
        cordoned: new Set(),
        pins: new Map(),
        rebalancing: true,
      })
    })

    test('a weight or pin that cannot be is not stored', async () => {
      await expect(store.change({ kind: 'weight', node: 'node-1', weight: -1 })).rejects.toThrow('weight')
      await expect(store.change({ kind: 'weight', node: 'node-1', weight: Number.NaN })).rejects.toThrow('weight')
      await expect(store.change({ kind: 'pin', shard: -1, node: 'node-1' })).rejects.toThrow('pin')
      expect((await store.read()).policy).toMatchObject({ weights: new Map(), pins: new Map() })
    })

    test('a database that is away is said to be, and is used again when it is back', async () => {
      await store.start(one, details)
      first.away()
      await expect(store.renew(one, false)).rejects.toMatchObject({ code: 'membership_unavailable', canRetry: true })
      await expect(store.read()).rejects.toMatchObject({ code: 'membership_unavailable' })
      await expect(store.dead([one])).rejects.toMatchObject({ code: 'membership_unavailable' })
      first.back()
      expect(await eventually(() => store.renew(one, false))).toBe('renewed')
      expect((await eventually(() => store.read())).leases).toMatchObject([one])
    })

    test('a renewal whose answer was lost counts', async () => {
      await store.start(one, details)
      const judge = (await harness.connect(two)).store
      await store.renew(one, false)
      first.loseNextReply()
      await expect(store.renew(one, false)).rejects.toMatchObject({ code: 'membership_unavailable' })
      expect((await judge.read()).leases).toMatchObject([{ ...one, renewals: 2 }])
      expect(await eventually(() => store.renew(one, false))).toBe('renewed')
    })

    test('Effect-TS/effect#6508: a renewal that hangs is given up, and the next one goes another way', async () => {
      await store.start(one, details)
      await store.renew(one, false)
      const stopped = first.stopNextRenewal()
      const hanging = store.renew(one, false)
      await stopped.reached
      stopped.giveUp()
      await expect(hanging).rejects.toMatchObject({ code: 'membership_unavailable' })
      expect(await eventually(() => store.renew(one, false))).toBe('renewed')
    })

    test('Effect-TS/effect#6508: a renewal that arrives after its process was declared dead revives nobody', async () => {
      await store.start(one, details)
      const judge = (await harness.connect(two)).store
      await store.renew(one, false)
      const stopped = first.stopNextRenewal()
      const hanging = store.renew(one, false)
      await stopped.reached
      expect(await judge.declareDead(one, 1)).toBe(true)
      stopped.giveUp()
      await expect(hanging).rejects.toMatchObject({ code: 'membership_unavailable' })
      await stopped.arrive()
      expect(await judge.dead([one])).toEqual([one])
      expect((await judge.read()).leases).toEqual([])
      expect(await eventually(() => store.renew(one, false))).toBe('dead')
    })

    test('a store that is closed answers nothing more', async () => {
      await store.close()
      await expect(store.read()).rejects.toMatchObject({ code: 'membership_unavailable' })
      await expect(store.renew(one, false)).rejects.toMatchObject({ code: 'membership_unavailable' })
    })
  })
}
