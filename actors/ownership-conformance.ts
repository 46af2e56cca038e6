/** Part of the journals' suite (journal-conformance.ts): who owns a shard, and who writes none. */
import { describe, expect, test } from 'vitest'
import {
  acquireEventually,
  acquireOne,
  appendAll,
  appendEventually,
  idOf,
  kindsOf,
  recordOf,
  type JournalContext,
} from './journal-testing.ts'

export function describeOwnership(context: () => JournalContext): void {
  describe('ownership', () => {
    test('acquiring opens each shard with an epoch record, in order of shard', async () => {
      const ownerships = await context().journal.acquire([900, 3, 70])
      expect(ownerships).toEqual([
        { shard: 3, epoch: 1, openedAt: 1 },
        { shard: 70, epoch: 1, openedAt: 1 },
        { shard: 900, epoch: 1, openedAt: 1 },
      ])
      expect(await context().harness.rows(70)).toMatchObject([
        { position: 1, epoch: 1, seq: 1, type: 'epoch', entity: idOf(0) },
      ])
    })

    test('acquiring anew raises the epoch, and the ownership before is fenced', async () => {
      const before = await acquireOne(context().journal, 5)
      expect(kindsOf(await appendAll(context().journal, before, [recordOf(5, 1, 1)]))).toEqual(['durable'])
      const after = await acquireOne(context().journal, 5)
      expect(after).toEqual({ shard: 5, epoch: 2, openedAt: 3 })
      expect(kindsOf(await appendAll(context().journal, before, [recordOf(5, 1, 2)]))).toEqual(['fenced'])
      expect(kindsOf(await appendAll(context().journal, after, [recordOf(5, 1, 2)]))).toEqual(['durable'])
      expect(await context().typesOf(5)).toEqual(['epoch', 'payment.create', 'epoch', 'payment.create'])
    })

    test('a shard of a living owner is not taken', async () => {
      await acquireOne(context().journal, 5)
      const other = await context().harness.start('node-2')
      expect(await other.journal.acquire([5, 6])).toEqual([{ shard: 6, epoch: 1, openedAt: 1 }])
    })

    test('acquire by two nodes: one wins', async () => {
      const shards = Array.from({ length: 64 }, (_, shard) => shard * 7)
      await context().journal.acquire(shards)
      const [second, third] = [await context().harness.start('node-2'), await context().harness.start('node-3')]
      await context().node.declareDead()
      const taken = await Promise.all([second.journal.acquire(shards), third.journal.acquire(shards)])
      const all = taken.flat().map(({ shard }) => shard)
      expect(all.toSorted((a, b) => a - b)).toEqual(shards)
      expect(taken.flat().every(({ epoch }) => epoch === 2)).toBe(true)
    })

    test('a new incarnation of a node ends the earlier one and takes its shards', async () => {
      const before = await acquireOne(context().journal, 5)
      const again = await context().harness.start('node-1')
      expect(await again.journal.acquire([5])).toEqual([{ shard: 5, epoch: 2, openedAt: 2 }])
      expect(kindsOf(await appendAll(context().journal, before, [recordOf(5, 1, 1)]))).not.toContain('durable')
      expect(await context().typesOf(5)).toEqual(['epoch', 'epoch'])
    })

    test('an incarnation that was declared dead acquires nothing', async () => {
      const other = await context().harness.start('node-2')
      await context().node.declareDead()
      expect(await acquireEventually(context().node, [5])).toEqual([])
      expect(await other.journal.acquire([5])).toHaveLength(1)
    })

    test('ownership is proved while it holds, and not after', async () => {
      const mine = await acquireOne(context().journal, 5)
      const neighbour = await acquireOne(context().journal, 6)
      expect(
        await Promise.all([context().journal.proveOwnership(mine), context().journal.proveOwnership(neighbour)]),
      ).toEqual([true, true])
      await acquireOne(context().journal, 5)
      expect(
        await Promise.all([context().journal.proveOwnership(mine), context().journal.proveOwnership(neighbour)]),
      ).toEqual([false, true])
    })
  })

  describe('release', () => {
    test('what is queued is written first, what comes after is fenced, and a living node takes the shard at once', async () => {
      const { journal, harness } = context()
      const [mine, kept] = await journal.acquire([5, 6])
      if (mine === undefined || kept === undefined) throw new Error('two shards were acquired')
      const queued = appendAll(journal, mine, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
      const releasing = journal.release([mine])
      const late = appendAll(journal, [mine, kept], [recordOf(5, 1, 3), recordOf(6, 1, 1)])
      expect(await releasing).toEqual([{ ...mine, releasedAt: 3 }])
      expect(kindsOf(await queued)).toEqual(['durable', 'durable'])
      expect(kindsOf(await late)).toEqual(['fenced', 'durable'])
      expect(kindsOf(await appendAll(journal, mine, [recordOf(5, 1, 3)]))).toEqual(['fenced'])
      const other = await harness.start('node-2')
      expect(await other.journal.acquire([5, 6])).toEqual([{ shard: 5, epoch: 2, openedAt: 4 }])
      expect(await context().typesOf(5)).toEqual(['epoch', 'payment.create', 'payment.create', 'epoch'])
    })

    test('what is in flight is waited for', async () => {
      const { journal, node } = context()
      const mine = await acquireOne(journal, 5)
      const stopped = node.stopNextFlush()
      const outcomes = appendAll(journal, mine, [recordOf(5, 1, 1)])
      await stopped.reached
      const releasing = journal.release([mine])
      stopped.release()
      expect(kindsOf(await outcomes)).toEqual(['durable'])
      expect(await releasing).toEqual([{ ...mine, releasedAt: 2 }])
    })

    test('ownership of a released shard is not proved, and who released it may take it again', async () => {
      const { journal } = context()
      const mine = await acquireOne(journal, 5)
      await journal.release([mine])
      expect(await journal.proveOwnership(mine)).toBe(false)
      expect(await journal.acquire([5])).toEqual([{ shard: 5, epoch: 2, openedAt: 2 }])
      expect(await journal.proveOwnership({ shard: 5, epoch: 2, openedAt: 2 })).toBe(true)
    })

    test('a shard that another owner took is left out, and so is one that is not held', async () => {
      const { journal } = context()
      const [five, six] = await journal.acquire([5, 6])
      if (five === undefined || six === undefined) throw new Error('two shards were acquired')
      await context().harness.raiseEpoch(5)
      expect(await journal.release([six, five, { shard: 7, epoch: 1, openedAt: 1 }])).toEqual([
        { ...six, releasedAt: 1 },
      ])
      expect(kindsOf(await appendAll(journal, five, [recordOf(5, 1, 1)]))).toEqual(['fenced'])
    })

    test('a shard whose last flush has an unknown outcome is released by nobody', async () => {
      const { journal, node, harness } = context()
      const mine = await acquireOne(journal, 5)
      node.breakNextFlush('request')
      const outcomes = appendAll(journal, mine, [recordOf(5, 1, 1)])
      expect(await journal.release([mine])).toEqual([])
      expect(kindsOf(await outcomes)).toEqual(['unknown'])
      const other = await harness.start('node-2')
      expect(await other.journal.acquire([5])).toEqual([])
      expect(await acquireEventually(node, [5])).toMatchObject([{ shard: 5, epoch: 2 }])
    })

    test('a shard whose rows are not there any more is not released', async () => {
      const { journal, harness } = context()
      const mine = await acquireOne(journal, 5)
      await appendAll(journal, mine, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
      await harness.loseRowsAfter(5, 2)
      expect(await journal.release([mine])).toEqual([])
      const other = await harness.start('node-2')
      expect(await other.journal.acquire([5])).toEqual([])
    })
  })

  describe('fences', () => {
    test('a stale owner with 4 rows queued behind an epoch record writes none', async () => {
      const mine = await acquireOne(context().journal, 5)
      const stopped = context().node.stopNextFlush()
      const rows = [1, 2, 3, 4].map((seq) => recordOf(5, 1, seq))
      const outcomes = appendAll(context().journal, mine, rows)
      await stopped.reached
      await context().takeOver([5])
      stopped.release()
      expect(kindsOf(await outcomes)).not.toContain('durable')
      expect(await context().typesOf(5)).toEqual(['epoch', 'epoch'])
    })

    test('an owner that was deposed while idle writes none, and is told so', async () => {
      const mine = await acquireOne(context().journal, 5)
      await context().takeOver([5])
      const outcomes = await appendEventually(context().node, mine, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
      expect(kindsOf(outcomes)).toEqual(['fenced', 'fenced'])
      expect(await context().typesOf(5)).toEqual(['epoch', 'epoch'])
    })

    test('a fenced shard in a batch of many harms no neighbour', async () => {
      const shards = Array.from({ length: 30 }, (_, index) => index * 5)
      const owned = await context().journal.acquire(shards)
      const stopped = context().node.stopNextFlush()
      const records = shards.flatMap((shard) => [recordOf(shard, 1, 1), recordOf(shard, 1, 2)])
      const outcomes = appendAll(context().journal, owned, records)
      await stopped.reached
      await context().harness.raiseEpoch(50)
      stopped.release()
      for (const [index, outcome] of (await outcomes).entries()) {
        expect(outcome.kind, `shard ${records[index]?.shard}`).toBe(records[index]?.shard === 50 ? 'fenced' : 'durable')
      }
      expect(await context().typesOf(50)).toEqual(['epoch'])
      expect(await context().typesOf(45)).toEqual(['epoch', 'payment.create', 'payment.create'])
      expect(kindsOf(await appendAll(context().journal, owned, [recordOf(50, 2, 1), recordOf(45, 1, 3)]))).toEqual([
        'fenced',
        'durable',
      ])
    })

    test('a node ahead of the server is refused, and stops when it acquires anew', async () => {
      const own = await acquireOne(context().journal, 5)
      const neighbour = await acquireOne(context().journal, 6)
      await appendAll(context().journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2), recordOf(5, 1, 3)])
      expect(await context().journal.proveOwnership(own)).toBe(true)
      await context().harness.loseRowsAfter(5, 2)
      // what it would answer from is not in the journal any more
      expect(await context().journal.proveOwnership(own)).toBe(false)
      expect(await context().journal.proveOwnership(neighbour)).toBe(true)
      const outcomes = await appendAll(context().journal, [own, neighbour], [recordOf(5, 1, 4), recordOf(6, 1, 1)])
      expect(outcomes).toMatchObject([
        { kind: 'fenced', error: { code: 'journal_lost_acknowledged_rows', shards: [5] } },
        { kind: 'durable' },
      ])
      expect(await context().harness.rows(5)).toHaveLength(2)
      await expect(context().journal.acquire([5, 6])).rejects.toMatchObject({
        code: 'journal_lost_acknowledged_rows',
        shards: [5],
      })
      expect(await context().harness.rows(5)).toHaveLength(2)
    })
  })
}
