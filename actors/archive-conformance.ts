/** Part of the journals' suite (journal-conformance.ts): what stands in for archived rows, and what keeps its rows. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { ArchivedRecord, CursorAdvance, Journal, Ownership } from './journal.ts'
import { acquireOne, appendAll, idOf, type JournalContext, nothingKept, recordOf } from './journal-testing.ts'

const key = { shard: 5, entity: idOf(2) }
const standIn = (seq: number, epoch = 1): ArchivedRecord => {
  return { ...key, seq, epoch, data: Buffer.from([7]), private: Buffer.from([8]) }
}

async function advance(journal: Journal, { shard, epoch }: Ownership, to: number, more: Partial<CursorAdvance> = {}) {
  const move = { shard, epoch, from: 0, to }
  expect(await journal.advance([{ ...move, ...nothingKept, ...more }])).toEqual([])
  expect(await journal.advanceRead([{ ...move, payments: [], refunds: [], disputes: [], transfers: [] }])).toEqual([])
}

export function describeArchive(context: () => JournalContext): void {
  describe('archived entities', () => {
    /** Rows of entity 2 at positions 2, 4 and 5, of another one at 3 and 6. */
    async function written(): Promise<Ownership> {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [
        ...[recordOf(5, 1, 1), recordOf(5, 2, 1), recordOf(5, 1, 2), recordOf(5, 1, 3), recordOf(5, 2, 2)],
      ])
      return own
    }

    test('what stands in is loaded instead of the rows, whatever sequence is asked up to, and with what follows', async () => {
      const { journal, harness } = context()
      const own = await written()
      await advance(journal, own, 6)
      expect(await harness.archive(standIn(3))).toBe(true)
      const archived = { archived: standIn(3), snapshot: undefined, rows: [] }
      expect([await journal.load(key), await journal.load(key, 0), await journal.load(key, 2)]).toEqual([
        archived,
        archived,
        archived,
      ])
      await appendAll(journal, own, [recordOf(5, 1, 4)])
      const later = await journal.load(key)
      expect([later.archived, later.rows.map(({ seq }) => seq)]).toEqual([standIn(3), [4]])
      const other = await journal.load({ shard: 5, entity: idOf(3) })
      expect([other.archived, other.rows.map(({ seq }) => seq)]).toEqual([undefined, [1, 2]])
    })

    test('a snapshot of an archived row is none, one of a row after it is used', async () => {
      const { journal, harness } = context()
      const own = await written()
      await advance(journal, own, 6)
      const snapshot = { ...key, seq: 3, epoch: 1, data: Buffer.from([1]), private: null }
      await journal.saveSnapshots([snapshot])
      await harness.archive(standIn(3))
      await journal.saveSnapshots([snapshot])
      expect(await journal.load(key)).toEqual({ archived: standIn(3), snapshot: undefined, rows: [] })
      await appendAll(journal, own, [recordOf(5, 1, 4), recordOf(5, 1, 5)])
      await journal.saveSnapshots([{ ...snapshot, seq: 4 }])
      const loaded = await journal.load(key)
      expect([loaded.snapshot?.seq, loaded.rows.map(({ seq }) => seq)]).toEqual([4, [5]])
    })

    test('rows that are not below every cursor stay, as do those of an entity that has a timer or has gone on', async () => {
      const { journal, harness } = context()
      const own = await written()
      expect(await harness.archive(standIn(3))).toBe(false)
      expect(await journal.advance([{ shard: 5, epoch: own.epoch, from: 0, to: 6, ...nothingKept }])).toEqual([])
      expect(await harness.archive(standIn(3))).toBe(false)
      await advance(journal, { ...own }, 6, {
        from: 6,
        entities: [key.entity],
        timers: [{ ...key, operation: '', kind: 'payment.inquiry', due: 1 }],
      })
      expect(await harness.archive(standIn(3))).toBe(false)
      await journal.advance([{ shard: 5, epoch: own.epoch, from: 6, to: 6, ...nothingKept, entities: [key.entity] }])
      expect(await harness.archive(standIn(2))).toBe(false)
      expect(await harness.archive(standIn(3))).toBe(true)
      expect(await harness.archive(standIn(3))).toBe(false)
    })

    test('a shard’s last row stays, so that its owner and the next one go on', async () => {
      const { journal, harness } = context()
      const own = await written()
      await advance(journal, own, 6)
      expect(await harness.archive({ ...standIn(2), entity: idOf(3) })).toBe(false)
      expect(await harness.archive(standIn(3))).toBe(true)
      expect(await appendAll(journal, own, [recordOf(5, 3, 1)])).toMatchObject([{ kind: 'durable', position: 7 }])
      const { other, taken } = await context().takeOver([5])
      expect(taken).toMatchObject([{ shard: 5, epoch: 2, openedAt: 8 }])
      expect(await appendAll(other.journal, taken, [recordOf(5, 1, 4)])).toMatchObject([
        { kind: 'durable', position: 9 },
      ])
      expect((await other.journal.readTail(5, 6, 10)).map(({ position }) => position)).toEqual([7, 8, 9])
    })

    test('what was restored is loaded as if it had never been away', async () => {
      const { journal, harness } = context()
      const own = await written()
      await advance(journal, own, 6)
      const before = [await journal.load(key), await harness.rows(5)]
      await harness.archive(standIn(3))
      expect((await harness.rows(5)).map(({ position }) => position)).toEqual([1, 3, 6])
      await harness.restore(key)
      expect([await journal.load(key), await harness.rows(5)]).toEqual(before)
    })

    test('an entity that is archived and restored all the time is never found empty', async () => {
      const { journal, harness } = context()
      const own = await written()
      await advance(journal, own, 6)
      for (let n = 0; n < 10; n += 1) {
        const moving = n % 2 === 0 ? harness.archive(standIn(3)) : harness.restore(key)
        const loads = Array.from({ length: 20 }, async () => {
          await nextTurn()
          return journal.load(key)
        })
        for (const { archived, rows } of await Promise.all(loads)) {
          expect([archived?.seq ?? 0, rows.length]).toEqual(archived === undefined ? [0, 3] : [3, 0])
        }
        await moving
      }
    })
  })
}
