/** Planned moves and drains between whole controllers, with everything that can go wrong between giver and heir. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClusterRig, type RigNode } from '../test/support/cluster-rig.ts'
import { MoveRefused, readTake, requestMove } from './hand-off-wire.ts'
import { LinkError } from './link.ts'
import type { Envelope } from './router.ts'

function envelope(id: string, shard: number): Envelope {
  return {
    id,
    shard,
    entity: '0'.repeat(32),
    kind: 'payment',
    class: 'begin',
    bytes: 0,
    payload: undefined,
    deadline: 1e9,
    waitUntil: 1e9,
    attach: false,
  }
}

describe('hand-off', () => {
  let rig: ClusterRig
  let one: RigNode
  let two: RigNode
  let three: RigNode

  beforeEach(async () => {
    rig = new ClusterRig({ limits: { handOffBatch: 8 } })
    one = await rig.start('node-1')
    two = await rig.start('node-2')
    three = await rig.start('node-3')
    await rig.calm()
  })

  afterEach(async () => {
    await rig.close()
  })

  function firstOf(node: RigNode): number {
    const [shard] = rig.servedBy(node)
    if (shard === undefined) throw new Error(`${node.self.node} serves nothing`)
    return shard
  }

  async function refusal(work: Promise<unknown>): Promise<string> {
    const error = await rig.settle(work.catch((thrown: unknown) => thrown))
    if (!(error instanceof MoveRefused)) throw new Error('it was not refused', { cause: error })
    return error.code
  }

  /** Sends commands for one shard to whoever owns it, and again where that is refused, until `stop` is called. */
  function clients(shard: number, everyMs = 1): { readonly answers: Map<string, string>; stop(): Promise<void> } {
    const answers = new Map<string, string>()
    const running = new Set<Promise<void>>()
    let isStopped = false
    let count = 0
    const send = async (id: string): Promise<void> => {
      for (;;) {
        const owner = rig.nodes.find(({ self }) => self.node === rig.row(shard).owner?.node)
        const answer = await owner?.host.route<string>(envelope(id, shard))
        if (answer?.kind === 'answered') {
          answers.set(id, answer.answer)
          return
        }
        await new Promise<void>((resolve) => void rig.clock.schedule(5, resolve))
      }
    }
    const next = (): void => {
      if (isStopped) return
      count += 1
      const sending = send(`command-${count}`).finally(() => running.delete(sending))
      running.add(sending)
      rig.clock.schedule(everyMs, next)
    }
    next()
    return {
      answers,
      async stop() {
        isStopped = true
        await rig.settle(Promise.all(running))
        expect(answers.size).toBe(count)
      },
    }
  }

  describe('a move', () => {
    test('ends with the heir serving, and both remember it with its blackout', async () => {
      const shard = firstOf(one)
      const { epoch } = rig.row(shard)
      const record = await rig.settle(one.controller.move(shard, 'node-2', 'operator'))
      expect(record).toMatchObject({ shard, from: 'node-1', to: 'node-2', epoch: epoch + 1, reason: 'operator' })
      expect(rig.servedBy(two)).toContain(shard)
      expect(one.controller.moves).toEqual([record])
      expect(two.controller.moves).toMatchObject([{ shard, from: 'node-1', to: 'node-2', epoch: epoch + 1 }])
      // the heir does not know how long its answer travels
      const [atHeir] = two.controller.moves
      expect(atHeir?.blackoutMs).toBeLessThanOrEqual(record.blackoutMs)
      expect(record.blackoutMs).toBeGreaterThan(0)
      await rig.calm()
      expect(rig.servedBy(two)).toContain(shard)
    })

    test('akkadotnet/akka.net#8501: no command is dropped in silence while its shard moves, and none is executed twice', async () => {
      const shard = firstOf(one)
      const load = clients(shard)
      for (const [from, to] of [
        [one, two],
        [two, three],
        [three, one],
      ] as const) {
        await rig.pass(50)
        await rig.settle(from.controller.move(shard, to.self.node, 'operator'))
      }
      await rig.pass(50)
      await load.stop()
      const ids = rig.executed.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(new Set(ids)).toEqual(new Set(load.answers.keys()))
      const epochs = rig.executed.map(({ epoch }) => epoch)
      expect(epochs).toEqual(epochs.toSorted((a, b) => a - b))
      expect(new Set(epochs).size).toBe(4)
    })

    test('dotnet/orleans#9855: whatever fails between giver and heir, one node serves the shard afterwards', async () => {
      const shard = firstOf(one)
      const troubles: (() => void)[] = [
        () => rig.network.reset('node-1', 'node-2'),
        () => rig.network.cut('node-1', 'node-2'),
        () => rig.network.cut('node-2', 'node-1'),
        () => void two.host.broken.add(shard),
        () => void (one.host.releasesToLose = 1),
        () => one.host.holdOpening(),
      ]
      for (const [index, trouble] of troubles.entries()) {
        const giver = rig.nodes.find((node) => rig.servedBy(node).includes(shard))
        if (giver !== one && giver !== undefined) await rig.settle(giver.controller.move(shard, 'node-1', 'operator'))
        const load = clients(shard, 20)
        const before = rig.executed.length
        const moving = one.controller.move(shard, 'node-2', 'operator').catch(() => undefined)
        await rig.pass(index % 3)
        trouble()
        await rig.settle(moving)
        rig.network.healAll()
        two.host.broken.clear()
        one.host.letOpen()
        await load.stop()
        await rig.calm()
        expect(rig.nodes.filter((node) => node.host.ownedShards.includes(shard))).toHaveLength(1)
        const since = rig.executed.slice(before)
        const owners = new Map(since.map(({ epoch, by }) => [epoch, by.node]))
        for (const { epoch, by } of since) expect(owners.get(epoch)).toBe(by.node)
        expect(new Set(since.map(({ id }) => id)).size).toBe(since.length)
      }
    }, 60_000)

    test('is refused with a stable reason where it cannot be made, and the shard stays', async () => {
      const shard = firstOf(one)
      const other = firstOf(two)
      expect(await refusal(one.controller.move(other, 'node-2', 'operator'))).toBe('not_owner')
      expect(await refusal(one.controller.move(shard, 'node-1', 'operator'))).toBe('already_there')
      expect(await refusal(one.controller.move(shard, 'node-9', 'operator'))).toBe('node_unknown')
      await one.leases.change({ kind: 'weight', node: 'node-9', weight: 1 })
      await one.leases.change({ kind: 'weight', node: 'node-2', weight: 0 })
      await one.leases.change({ kind: 'pin', shard, node: 'node-1' })
      await rig.settle(one.membership.refresh())
      expect(await refusal(one.controller.move(shard, 'node-9', 'operator'))).toBe('node_not_living')
      expect(await refusal(one.controller.move(shard, 'node-2', 'operator'))).toBe('node_takes_none')
      expect(await refusal(one.controller.move(shard, 'node-3', 'operator'))).toBe('shard_pinned')
      three.membership.setDraining()
      await rig.pass(300)
      expect(await refusal(one.controller.move(shard, 'node-3', 'operator'))).toBe('node_draining')
      expect(rig.servedBy(one)).toContain(shard)
    })

    test('is refused while the shard is on its way, and without a link', async () => {
      const shard = firstOf(one)
      const moving = one.controller.move(shard, 'node-2', 'operator')
      expect(await refusal(one.controller.move(shard, 'node-3', 'operator'))).toBe('shard_busy')
      await rig.settle(moving)
      const next = firstOf(one)
      rig.network.reset('node-1', 'node-2')
      await rig.pass(2)
      expect(await refusal(one.controller.move(next, 'node-2', 'operator'))).toBe('no_link')
      expect(rig.servedBy(one)).toContain(next)
    })

    test('that the heir declines is undone at once', async () => {
      const shard = firstOf(one)
      two.controller.stop()
      expect(await refusal(one.controller.move(shard, 'node-2', 'operator'))).toBe('not_taken')
      await rig.pass(20)
      expect(rig.servedBy(one)).toContain(shard)
      expect(one.failures).toEqual(['take_call stopping'])
    })

    test('to a node that has just joined, and takes nothing yet, is undone at once', async () => {
      const shard = firstOf(one)
      const link = one.links.to(two.self)
      if (link === undefined) throw new Error('they are linked')
      vi.spyOn(link, 'call').mockRejectedValueOnce(new LinkError('call_unknown', 'take is unknown at the other end'))
      expect(await refusal(one.controller.move(shard, 'node-2', 'operator'))).toBe('not_taken')
      await rig.pass(20)
      expect(rig.servedBy(one)).toContain(shard)
    })

    test('waits for its turn, in order', async () => {
      const shards = rig.servedBy(one)
      const records = await rig.settle(
        Promise.all(shards.map((shard) => one.controller.move(shard, 'node-2', 'rebalancing'))),
      )
      expect(records.map(({ shard }) => shard)).toEqual(shards)
      const ends = records.map(({ at }) => at)
      expect(ends).toEqual(ends.toSorted((a, b) => a - b))
      expect(new Set(ends).size).toBe(ends.length)
    })

    test('is refused where too many wait for their turn', async () => {
      await rig.close()
      rig = new ClusterRig({ limits: { movesQueuedMax: 2 } })
      one = await rig.start('node-1')
      two = await rig.start('node-2')
      await rig.calm()
      const moves = rig
        .servedBy(one)
        .slice(0, 5)
        .map((shard) => one.controller.move(shard, 'node-2', 'rebalancing'))
      const outcomes = await rig.settle(Promise.allSettled(moves))
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'fulfilled',
        'rejected',
        'rejected',
      ])
      expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'overloaded', canRetry: true } })
    })

    test('can be asked for over a link, and is refused there with the same codes', async () => {
      const shard = firstOf(two)
      const link = one.links.to(two.self)
      if (link === undefined) throw new Error('there is a link')
      const ask = (to: string): Promise<unknown> =>
        requestMove(link, { shard, to, reason: 'operator' }, rig.limits.moveTimeoutMs)
      expect(await rig.settle(ask('node-3'))).toMatchObject({ shard, from: 'node-2', to: 'node-3' })
      expect(await refusal(ask('node-3'))).toBe('not_owner')
      const malformed = await rig.settle(
        link.call('move', { shard: -1, to: 'node-3', reason: 'x' }, { timeoutMs: 1_000 }),
      )
      expect(malformed).toEqual({ refused: 'malformed' })
    })
  })

  describe('a drain', () => {
    test('hands everything over in batches, and serves until then', async () => {
      const load = clients(firstOf(one))
      const count = rig.servedBy(one).length
      await rig.settle(one.controller.drain())
      await load.stop()
      expect(one.host.ownedShards).toEqual([])
      expect(rig.isWhole()).toBe(true)
      expect(one.moved.filter(({ reason }) => reason === 'drain')).toHaveLength(count)
      expect(rig.members.read().leases.map(({ node, draining }) => [node, draining])).toEqual([
        ['node-1', true],
        ['node-2', false],
        ['node-3', false],
      ])
      await rig.settle(one.membership.leave())
      await rig.calm()
      expect(rig.serving()['node-1']).toBe(0)
      const ids = rig.executed.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
    })

    test('nothing is given back to a node that drains', async () => {
      const draining = one.controller.drain()
      await rig.pass(1)
      const link = two.links.to(one.self)
      const answer = await rig.settle(
        link?.call('take', { reason: 'operator', shards: [] }, { timeoutMs: 1_000 }) ?? Promise.resolve(),
      )
      expect(answer).toEqual({ refused: 'node_draining' })
      await rig.settle(draining)
    })

    test('of all but one goes to that one, and of the last one releases to anybody', async () => {
      await rig.settle(Promise.all([one.controller.drain(), two.controller.drain()]))
      await rig.settle(Promise.all([one.membership.leave(), two.membership.leave()]))
      await rig.calm()
      expect(rig.servedBy(three)).toHaveLength(64)
      await rig.settle(three.controller.drain())
      expect(three.host.ownedShards).toEqual([])
      for (let shard = 0; shard < 64; shard += 1) expect(rig.row(shard).released).toBe(true)
      await rig.settle(three.membership.leave())
      rig.kill(three)
      const next = await rig.start('node-4')
      expect(await rig.until(() => rig.servedBy(next).length === 64, 2_000)).toBeLessThan(2_000)
    })

    test('ends in time where no heir can be reached: what is left is released, and others take it', async () => {
      rig.network.cutBoth('node-1', 'node-2')
      rig.network.cutBoth('node-1', 'node-3')
      await rig.pass(10_000)
      await rig.settle(one.controller.drain(), rig.limits.drainMs + 10_000)
      expect(one.host.ownedShards).toEqual([])
      await rig.settle(one.membership.leave())
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
    }, 60_000)

    test('of a node that owns nothing ends at once, with the databases away as well', async () => {
      await rig.settle(one.controller.drain())
      const four = await rig.start('node-4')
      rig.members.available = false
      await rig.settle(four.controller.drain(), 100)
      expect(four.host.ownedShards).toEqual([])
      rig.members.available = true
    })

    test('asked for twice is one drain', async () => {
      await rig.settle(Promise.all([one.controller.drain(), one.controller.drain()]))
      expect(one.host.ownedShards).toEqual([])
    })
  })

  describe('what goes wrong on the way', () => {
    test('the heir dies with the shards in its hands: others take them as soon as that is known', async () => {
      const shard = firstOf(one)
      two.host.holdOpening()
      const moving = one.controller.move(shard, 'node-2', 'operator').catch(() => undefined)
      await rig.pass(20)
      rig.kill(two)
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
      await rig.settle(moving)
    })

    test('the giver dies between release and take: nobody waits for it', async () => {
      const shard = firstOf(one)
      one.controller.move(shard, 'node-2', 'operator').catch(() => undefined)
      await rig.until(() => rig.row(shard).released)
      rig.kill(one)
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
    })

    test('a release whose answer is lost: the shard is anybody’s, and is served again', async () => {
      const shard = firstOf(one)
      one.host.releasesToLose = 1
      expect(await refusal(one.controller.move(shard, 'node-2', 'operator'))).toBe('not_released')
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
    })

    test('a release that never reached the database: its owner opens the shard again, wherever it should be', async () => {
      const shard = firstOf(one)
      const [database] = rig.databases
      if (database === undefined) throw new Error('there is a database')
      await one.leases.change({ kind: 'pin', shard, node: 'node-2' })
      database.available = false
      await rig.until(() => !one.host.ownedShards.includes(shard))
      database.available = true
      expect(rig.row(shard)).toMatchObject({ owner: one.self, released: false })
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
      await rig.until(() => rig.servedBy(two).includes(shard))
      expect(rig.servedBy(two)).toContain(shard)
    })

    test('the heir’s answer is lost: who owns the shard is read from the rows', async () => {
      const shard = firstOf(one)
      two.host.holdOpening()
      const moving = one.controller.move(shard, 'node-2', 'operator').catch((error: unknown) => error)
      await rig.pass(20)
      rig.network.cut('node-2', 'node-1')
      two.host.letOpen()
      expect(await rig.settle(moving)).toMatchObject({ code: 'not_taken' })
      await rig.pass(rig.limits.ownersPollMs)
      expect(rig.servedBy(two)).toContain(shard)
      expect(one.owners.get(shard).owner).toEqual(two.self)
    })

    test('a slow heir is left its time; then the shard is anybody’s, and the heir’s answer says that it is not there', async () => {
      const shard = firstOf(one)
      // placement would have it on node-3 at once
      for (const node of ['node-1', 'node-2']) await one.leases.change({ kind: 'cordon', node, cordoned: true })
      await rig.calm()
      three.host.asked.length = 0
      two.host.holdOpening()
      const moving = one.controller.move(shard, 'node-2', 'operator').catch((error: unknown) => error)
      await rig.until(() => rig.row(shard).released)
      const tookMs = await rig.until(() => three.host.asked.some((shards) => shards.includes(shard)))
      expect(tookMs).toBeGreaterThanOrEqual(rig.limits.releasedGraceMs)
      expect(tookMs).toBeLessThan(rig.limits.releasedGraceMs + 50)
      await rig.until(() => rig.servedBy(three).includes(shard))
      two.host.letOpen()
      expect(await rig.settle(moving)).toMatchObject({ code: 'not_taken', canRetry: true })
      expect(rig.servedBy(three)).toContain(shard)
    })

    test('an heir that is silent for too long is not waited for: the shard is opened again where it was', async () => {
      const shard = firstOf(one)
      two.host.holdOpening()
      const moving = one.controller.move(shard, 'node-2', 'operator').catch((error: unknown) => error)
      await rig.until(() => rig.row(shard).released)
      expect(await rig.until(() => rig.isWhole())).toBeLessThan(rig.limits.takeTimeoutMs + 50)
      expect(await rig.settle(moving)).toMatchObject({ code: 'not_taken' })
    })

    test('a node that lives and opens nothing keeps no shard dark, and is given less and less to try', async () => {
      two.host.holdOpening()
      rig.kill(three)
      const served = (): number => rig.nodes.reduce((sum, node) => sum + rig.servedBy(node).length, 0)
      expect(served()).toBeLessThan(64)
      expect(await rig.until(() => served() === 64, 10_000)).toBeLessThan(rig.limits.abandonedMs + 1_000)
      const before = one.moved.length
      one.host.asked.length = 0
      await rig.pass(60_000)
      expect(one.moved.length).toBe(before)
      // given to it and taken back: after 2, 4, 8, 16, 32 s at most
      expect(one.failures.filter((failure) => failure.startsWith('take_call')).length).toBeLessThanOrEqual(6)
    }, 60_000)

    test('placement leaves a shard that has just come where it is for a while', async () => {
      const shard = firstOf(one)
      const record = await rig.settle(one.controller.move(shard, 'node-2', 'operator'))
      await one.leases.change({ kind: 'pin', shard, node: 'node-1' })
      await rig.until(() => rig.servedBy(one).includes(shard))
      const back = one.moved.at(-1)
      expect(back).toMatchObject({ shard, from: 'node-2', to: 'node-1', reason: 'placement' })
      expect((back?.at ?? 0) - record.at).toBeGreaterThanOrEqual(rig.limits.dwellMs - 10)
    })

    test('nodes whose lives alternate pass no shard back and forth: each change costs a share, once', async () => {
      const moves = (): number => [one, two, three].reduce((sum, { moved }) => sum + moved.length, 0)
      for (let round = 0; round < 4; round += 1) {
        const four = await rig.start('node-4')
        await rig.pass(1_500)
        rig.kill(four)
        await rig.pass(1_500)
      }
      await rig.calm()
      // it was there for less than placement waits
      const given = moves()
      await rig.pass(10_000)
      expect(moves()).toBe(given)
      expect(given).toBeLessThanOrEqual(4 * 16 * 2)
      expect(rig.isWhole()).toBe(true)
    })
  })
})

describe('bodies of hand-off calls', () => {
  test('whatever is not as described is refused', () => {
    const rows = [[1, 2, 0.5]]
    expect(readTake({ reason: 'drain', shards: rows }, 4)).toEqual({
      reason: 'drain',
      shards: [{ shard: 1, epoch: 2, darkMs: 0.5 }],
    })
    for (const shards of [
      undefined,
      {},
      [1],
      [[4, 1, 0]],
      [[-1, 1, 0]],
      [[1.5, 1, 0]],
      [[1, 0.5, 0]],
      [[1, 2]],
      [[1, 2, Number.NaN]],
      [[1, 2, '0']],
      [...rows, ...rows],
      Array.from({ length: 5 }, (_, shard) => [shard, 1, 0]),
    ]) {
      expect(readTake({ reason: 'drain', shards }, 4)).toBeUndefined()
    }
    for (const body of [undefined, null, 1, [], { shards: rows }, { reason: 'whim', shards: rows }]) {
      expect(readTake(body, 4)).toBeUndefined()
    }
  })
})
