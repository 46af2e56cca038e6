/** Whole controllers over the real links and membership; storage, network and actor hosts are twins on a virtual clock. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ClusterRig, type RigNode } from '../test/support/cluster-rig.ts'

describe('the shard controller', () => {
  let rig: ClusterRig

  beforeEach(() => {
    rig = new ClusterRig({ limits: { handOffBatch: 8 } })
  })

  afterEach(async () => {
    await rig.close()
  })

  async function three(): Promise<[RigNode, RigNode, RigNode]> {
    const nodes: [RigNode, RigNode, RigNode] = [
      await rig.start('node-1'),
      await rig.start('node-2'),
      await rig.start('node-3'),
    ]
    await rig.calm()
    return nodes
  }

  function total(): number {
    return Object.values(rig.serving()).reduce((sum, count) => sum + count, 0)
  }

  describe('taking', () => {
    test('a node alone takes everything, in one call', async () => {
      const one = await rig.start('node-1')
      await rig.calm()
      expect(rig.serving()).toEqual({ 'node-1': 64 })
      expect(one.host.asked).toHaveLength(1)
      expect(one.controller.takeovers).toEqual([])
    })

    test('nodes that start together share the shards without a move', async () => {
      const nodes = await three()
      expect(total()).toBe(64)
      for (const count of Object.values(rig.serving())) expect(count).toBeGreaterThanOrEqual(20)
      expect(nodes.flatMap(({ controller }) => controller.moves)).toEqual([])
    })

    test('a node that joins is given its share in batches, one after the other, and nothing between the others', async () => {
      const one = await rig.start('node-1')
      const two = await rig.start('node-2')
      await rig.calm()
      const three_ = await rig.start('node-3')
      await rig.calm()
      expect(rig.serving()['node-3']).toBeGreaterThanOrEqual(20)
      const given = [...one.moved, ...two.moved].filter(({ to }) => to === 'node-3')
      expect(given.length).toBe(rig.serving()['node-3'])
      expect([...one.moved, ...two.moved].every(({ to, reason }) => to === 'node-3' && reason === 'placement')).toBe(
        true,
      )
      for (const { host } of [three_]) for (const batch of host.asked) expect(batch.length).toBeLessThanOrEqual(8)
      for (const { blackoutMs } of given) expect(blackoutMs).toBeGreaterThan(0)
    })

    test('every process learns who owns what, from the owner itself, before it reads the rows', async () => {
      const [one, two] = await three()
      const [shard = -1] = rig.servedBy(one)
      for (const { hints } of rig.nodes) hints.deaf = true
      await rig.settle(one.controller.move(shard, 'node-2', 'operator'))
      await rig.pass(5)
      for (const { owners } of rig.nodes) {
        expect(owners.get(shard)).toMatchObject({ owner: two.self, released: false, epoch: rig.row(shard).epoch })
      }
    })
  })

  describe('the dead', () => {
    test('a killed node’s shards are taken by the others together, as soon as its death is known', async () => {
      const [one, two, three_] = await three()
      const before = rig.servedBy(one)
      const calls = two.host.asked.length + three_.host.asked.length
      rig.kill(one)
      const tookMs = await rig.until(() => rig.isWhole(), 1_000)
      expect(tookMs).toBeLessThan(1_000)
      // set-based: one call for each of the heirs
      expect(two.host.asked.length + three_.host.asked.length).toBe(calls + 2)
      const records = [...two.controller.takeovers, ...three_.controller.takeovers]
      expect(records.map(({ from }) => from)).toEqual([one.self, one.self])
      expect(records.reduce((sum, { shards }) => sum + shards, 0)).toBe(before.length)
    })

    test('a frozen node’s shards are served by others within three seconds', async () => {
      const [one] = await three()
      rig.silence(one)
      expect(await rig.until(() => rig.isWhole(), 3_000)).toBeLessThan(3_000)
    })

    test('a node that starts again takes its own shards back from its dead incarnation', async () => {
      const one = await rig.start('node-1')
      await rig.calm()
      rig.kill(one)
      const again = await rig.start('node-1')
      await rig.calm()
      expect(rig.serving()).toEqual({ 'node-1': 64 })
      expect(again.controller.takeovers).toMatchObject([{ from: one.self, by: 'node-1', shards: 64 }])
    })

    test('the journal’s database of a dead node away: its shards are tried again until it is back', async () => {
      rig = new ClusterRig({ databases: 2 })
      const [one, two, three_] = await three()
      const [first, second] = rig.databases
      if (first === undefined || second === undefined) throw new Error('there are two databases')
      second.available = false
      rig.kill(one)
      // a database that is away holds up nobody else’s shards
      const away = (shard: number): boolean => rig.databaseOf(shard) === second
      const servedHere = (): number =>
        [two, three_].flatMap((node) => rig.servedBy(node)).filter((shard) => !away(shard)).length
      expect(await rig.until(() => servedHere() === 32, 1_000)).toBeLessThan(1_000)
      await rig.pass(3_000)
      const stuck = [...two.controller.stuck, ...three_.controller.stuck]
      expect(stuck.length).toBeGreaterThan(0)
      expect(stuck.every(({ shard, reason }) => away(shard) && reason === 'journal_unavailable')).toBe(true)
      second.available = true
      await rig.calm()
      expect(total()).toBe(64)
      expect([...two.controller.stuck, ...three_.controller.stuck]).toEqual([])
    })

    test('a shard that cannot be opened stops itself alone, and is shown with the reason', async () => {
      const [one, two, three_] = await three()
      const [broken = -1] = rig.servedBy(one)
      for (const { host } of [two, three_]) host.broken.add(broken)
      rig.kill(one)
      await rig.pass(1_500)
      expect(total()).toBe(63)
      expect([...two.controller.stuck, ...three_.controller.stuck]).toEqual([
        { shard: broken, reason: 'shard_unreadable' },
      ])
      for (const { host } of [two, three_]) host.broken.clear()
      await rig.calm()
      expect(total()).toBe(64)
    })

    test('an opening that hangs is shown, and not begun twice', async () => {
      const one = await rig.start('node-1')
      one.host.holdOpening()
      await rig.pass(7_000)
      expect(one.host.asked).toHaveLength(1)
      expect(one.controller.stuck).toHaveLength(64)
      one.host.letOpen()
      await rig.calm()
      expect(one.controller.stuck).toEqual([])
    })

    test('the membership database away: nothing moves, and a death is acted upon when it is back', async () => {
      const [one, two, three_] = await three()
      rig.members.available = false
      await rig.pass(5_000)
      expect(total()).toBe(64)
      rig.kill(one)
      await rig.pass(3_000)
      expect([...two.controller.takeovers, ...three_.controller.takeovers]).toEqual([])
      rig.members.available = true
      expect(await rig.until(() => rig.isWhole(), 5_000)).toBeLessThan(5_000)
    })
  })
})
