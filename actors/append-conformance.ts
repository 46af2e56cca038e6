/** Part of the journals' suite (journal-conformance.ts): what becomes of an append. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  acquireEventually,
  acquireOne,
  appendAll,
  appendEventually,
  idOf,
  kindsOf,
  poisonOf,
  recordOf,
  unique,
  type JournalContext,
} from './journal-testing.ts'

export function describeAppends(context: () => JournalContext): void {
  describe('appends', () => {
    test('decisions are durable at gapless positions, in the order they were queued', async () => {
      const [a, b] = await context().journal.acquire([5, 6])
      if (a === undefined || b === undefined) throw new Error('not acquired')
      const records = Array.from({ length: 40 }, (_, index) =>
        recordOf(index % 2 === 0 ? 5 : 6, index % 3, 1 + Math.floor(index / 6)),
      )
      const outcomes = await appendAll(context().journal, [a, b], unique(records))
      expect(new Set(kindsOf(outcomes))).toEqual(new Set(['durable']))
      for (const shard of [5, 6]) {
        const rows = await context().harness.rows(shard)
        expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
        const stored = rows.slice(1).map(({ entity, seq }) => ({ entity, seq }))
        expect(stored).toEqual(
          unique(records)
            .filter((record) => record.shard === shard)
            .map(({ entity, seq }) => ({ entity, seq })),
        )
      }
    })

    test('a decision is stored as it was given', async () => {
      const own = await acquireOne(context().journal, 5)
      const given = recordOf(5, 7, 1, {
        command: 'fedcba9876543210fedcba9876543210',
        type: 'merchant.add_key',
        data: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        private: Buffer.from([0, 255, 92, 34]),
        keyId: 'key-1',
      })
      const [outcome] = await appendAll(context().journal, own, [given])
      expect(outcome).toEqual({ kind: 'durable', position: 2 })
      const { rows } = await context().journal.load({ shard: 5, entity: given.entity })
      expect(rows).toEqual([{ ...given, position: 2, epoch: 1 }])
    })

    test('an append settles in a turn of its own, never within the call', async () => {
      const own = await acquireOne(context().journal, 5)
      const events: string[] = []
      const settled = [own, { ...own, epoch: 99 }].map(
        (ownership, index) =>
          new Promise<void>((resolve) => {
            context().journal.append(ownership, {
              record: recordOf(5, index, 1),
              settle: ({ kind }) => {
                events.push(kind)
                resolve()
              },
            })
          }),
      )
      events.push('returned')
      await Promise.all(settled)
      expect(events[0]).toBe('returned')
      expect(events.toSorted()).toEqual(['durable', 'fenced', 'returned'])
    })

    test('an append to a shard that was never acquired is fenced', async () => {
      const outcomes = await appendAll(context().journal, { shard: 5, epoch: 1, openedAt: 1 }, [recordOf(5, 1, 1)])
      expect(kindsOf(outcomes)).toEqual(['fenced'])
    })

    test('a sequence that the entity has already is refused', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1)])
      const outcomes = await appendAll(context().journal, own, [
        recordOf(5, 2, 1),
        recordOf(5, 1, 1, { command: idOf(77) }),
        recordOf(5, 3, 1),
      ])
      expect(kindsOf(outcomes)).toEqual(['durable', 'journal_refused', 'durable'])
      expect((await context().harness.rows(5)).map(({ position }) => position)).toEqual([1, 2, 3, 4])
    })

    test('a poisonous decision is refused alone; what follows it of its entity goes with it, nothing else does', async () => {
      const owned = await context().journal.acquire([5, 6, 7])
      const outcomes = await appendAll(context().journal, owned, [
        recordOf(5, 1, 1),
        recordOf(6, 1, 1),
        poisonOf(6, 2, 1),
        recordOf(6, 3, 1),
        recordOf(6, 2, 2),
        recordOf(6, 1, 2),
        recordOf(6, 2, 3),
        recordOf(7, 1, 1),
        poisonOf(7, 9, 1),
      ])
      expect(kindsOf(outcomes)).toEqual([
        'durable',
        'durable',
        'journal_refused',
        'durable',
        'journal_refused',
        'durable',
        'journal_refused',
        'durable',
        'journal_refused',
      ])
      expect((await context().harness.rows(6)).map(({ position, entity, seq }) => [position, entity, seq])).toEqual([
        [1, idOf(0), 1],
        [2, idOf(2), 1],
        [3, idOf(4), 1],
        [4, idOf(2), 2],
      ])
      expect(kindsOf(await appendAll(context().journal, owned, [recordOf(6, 2, 1)]))).toEqual(['durable'])
    })

    test('what is queued behind a refused decision of its entity is refused, what is queued of others is not', async () => {
      const own = await acquireOne(context().journal, 5)
      const stopped = context().node.stopNextFlush()
      const first = appendAll(context().journal, own, [poisonOf(5, 1, 1), recordOf(5, 2, 1)])
      await stopped.reached
      const behind = appendAll(context().journal, own, [recordOf(5, 1, 2), recordOf(5, 2, 2), recordOf(5, 3, 1)])
      stopped.release()
      expect(kindsOf(await first)).toEqual(['journal_refused', 'durable'])
      expect(kindsOf(await behind)).toEqual(['journal_refused', 'durable', 'durable'])
    })

    test('positions are gapless and sequences contiguous, whatever is refused', async () => {
      const own = await acquireOne(context().journal, 11)
      let entity = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 12 }), async (plan) => {
          entity += 10
          const seqs = new Map<number, number>()
          const records = plan.map(([which, poisonous]) => {
            const seq = (seqs.get(which) ?? 0) + 1
            seqs.set(which, seq)
            return poisonous && seq > 1 ? poisonOf(11, entity + which, seq) : recordOf(11, entity + which, seq)
          })
          const outcomes = await appendAll(context().journal, own, records)
          const rows = await context().harness.rows(11)
          expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
          for (const [index, outcome] of outcomes.entries()) {
            const record = records[index]
            const row = rows.find((stored) => stored.entity === record?.entity && stored.seq === record.seq)
            expect(row?.position).toBe(outcome.kind === 'durable' ? outcome.position : undefined)
          }
          for (const which of seqs.keys()) {
            const stored = rows.filter((row) => row.entity === idOf(entity + which + 1)).map(({ seq }) => seq)
            expect(stored).toEqual(stored.map((_, index) => index + 1))
          }
        }),
        { numRuns: 15 },
      )
    })

    test('closing finishes what was queued, and refuses what comes after', async () => {
      const own = await acquireOne(context().journal, 5)
      const queued = appendAll(context().journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
      await context().journal.close()
      expect(kindsOf(await queued)).toEqual(['durable', 'durable'])
      expect(kindsOf(await appendAll(context().journal, own, [recordOf(5, 1, 3)]))).toEqual(['journal_closed'])
      await expect(context().journal.acquire([5])).rejects.toMatchObject({ code: 'journal_closed' })
      await expect(context().journal.load({ shard: 5, entity: idOf(2) })).rejects.toMatchObject({
        code: 'journal_closed',
      })
    })
  })

  describe('unknown outcomes', () => {
    for (const lost of ['answer', 'request'] as const) {
      const executed = lost === 'answer'
      test(`an append whose ${lost} was lost is ${executed ? 'found by its command id' : 'known not to be executed'} once the shard is acquired anew`, async () => {
        const owned = await context().journal.acquire([5, 6])
        await appendAll(context().journal, owned, [recordOf(5, 1, 1)])
        context().node.breakNextFlush(lost)
        const record = recordOf(5, 1, 2, { command: idOf(4711) })
        expect(kindsOf(await appendAll(context().journal, owned, [record]))).toEqual(['unknown'])
        const anew = await acquireEventually(context().node, [5])
        const tail = await context().journal.readTail(5, 2, 10)
        expect(tail.some(({ command }) => command === idOf(4711))).toBe(executed)
        expect(anew).toEqual([{ shard: 5, epoch: 2, openedAt: executed ? 4 : 3 }])
        expect(tail.at(-1)).toMatchObject({ type: 'epoch', position: executed ? 4 : 3 })
        const next = recordOf(5, 1, executed ? 3 : 2)
        expect(kindsOf(await appendAll(context().journal, anew, [next]))).toEqual(['durable'])
      })
    }

    test('an uncertain shard takes nothing until it is acquired anew; what was queued behind was never written', async () => {
      const owned = await context().journal.acquire([5, 6])
      const stopped = context().node.stopNextFlush()
      const sent = appendAll(context().journal, owned, [recordOf(5, 1, 1)])
      await stopped.reached
      const behind = appendAll(context().journal, owned, [recordOf(5, 1, 2), recordOf(5, 2, 1)])
      await stopped.giveUp()
      expect(kindsOf(await sent)).toEqual(['unknown'])
      expect(kindsOf(await behind)).toEqual(['journal_unavailable', 'journal_unavailable'])
      expect(kindsOf(await appendAll(context().journal, owned, [recordOf(5, 3, 1)]))).toEqual(['journal_unavailable'])
      const anew = await acquireEventually(context().node, [5])
      stopped.release()
      await nextTurn()
      expect(kindsOf(await appendAll(context().journal, anew, [recordOf(5, 3, 1)]))).toEqual(['durable'])
      expect(await context().typesOf(5)).toEqual(['epoch', 'epoch', 'payment.create'])
    })

    test('a shard that had nothing in the lost flush stays certain', async () => {
      const owned = await context().journal.acquire([5, 6])
      context().node.breakNextFlush('answer')
      expect(kindsOf(await appendAll(context().journal, owned, [recordOf(5, 1, 1)]))).toEqual(['unknown'])
      const outcomes = await appendEventually(context().node, owned, [recordOf(6, 1, 1)])
      expect(kindsOf(outcomes)).toEqual(['durable'])
    })
  })
}
