/** Part of the journals' suite (journal-conformance.ts): entities, tails, snapshots and what is kept under cursors. */
import { describe, expect, test } from 'vitest'
import type { NoticeRow, Ownership, PspReferenceRow } from './journal.ts'
import {
  acquireOne,
  advanceEventually,
  appendAll,
  farFuture,
  idOf,
  nothingKept,
  recordOf,
  type JournalContext,
} from './journal-testing.ts'

export function describeReads(context: () => JournalContext): void {
  describe('reads', () => {
    test('an entity that nobody has written is empty', async () => {
      expect(await context().journal.load({ shard: 5, entity: idOf(9) })).toEqual({ snapshot: undefined, rows: [] })
    })

    test('entities asked for together each get their own rows, in order of sequence', async () => {
      const owned = await context().journal.acquire([5, 900])
      await appendAll(
        context().journal,
        owned,
        [1, 2, 3].flatMap((seq) => [recordOf(5, 1, seq), recordOf(5, 2, seq), recordOf(900, 1, seq)]),
      )
      const keys = [
        { shard: 900, entity: idOf(2) },
        { shard: 5, entity: idOf(3) },
        { shard: 5, entity: idOf(99) },
        { shard: 5, entity: idOf(2) },
      ]
      const loaded = await Promise.all(keys.map((key) => context().journal.load(key)))
      expect(loaded.map(({ rows }) => rows.map(({ seq }) => seq))).toEqual([[1, 2, 3], [1, 2, 3], [], [1, 2, 3]])
      for (const [index, { rows }] of loaded.entries()) {
        expect(rows.every((row) => row.entity === keys[index]?.entity && row.shard === keys[index].shard)).toBe(true)
      }
    })

    test('a tail is in order of position, epoch records included, and no longer than asked for', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(
        context().journal,
        own,
        [1, 2, 3, 4].map((seq) => recordOf(5, 1, seq)),
      )
      expect((await context().journal.readTail(5, 0, 3)).map(({ position, type }) => [position, type])).toEqual([
        [1, 'epoch'],
        [2, 'payment.create'],
        [3, 'payment.create'],
      ])
      expect((await context().journal.readTail(5, 4, 10)).map(({ position }) => position)).toEqual([5])
      expect(await context().journal.readTail(5, 5, 10)).toEqual([])
    })

    test('the newest snapshot is used, with the rows after it', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(
        context().journal,
        own,
        [1, 2, 3, 4].map((seq) => recordOf(5, 1, seq)),
      )
      const snapshotAt = (seq: number) => ({
        shard: 5,
        entity: idOf(2),
        seq,
        epoch: 1,
        data: Buffer.from([seq]),
        private: seq === 3 ? Buffer.from([9]) : null,
      })
      await context().journal.saveSnapshots([snapshotAt(3), snapshotAt(2)])
      const key = { shard: 5, entity: idOf(2) }
      const { snapshot, rows } = await context().journal.load(key)
      expect(snapshot).toEqual(snapshotAt(3))
      expect(rows.map(({ seq }) => seq)).toEqual([4])
      const earlier = await context().journal.load(key, 2)
      expect(earlier.snapshot).toEqual(snapshotAt(2))
      expect(earlier.rows.map(({ seq }) => seq)).toEqual([3, 4])
      const all = await context().journal.load(key, 0)
      expect(all.snapshot).toBeUndefined()
      expect(all.rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    })

    test('an invalid snapshot (other epoch, or of a row that is not there) is not used', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
      const base = { shard: 5, entity: idOf(2), data: Buffer.from([1]), private: null }
      await context().journal.saveSnapshots([
        { ...base, seq: 1, epoch: 1 },
        { ...base, seq: 2, epoch: 2 },
        { ...base, seq: 3, epoch: 1 },
      ])
      const { snapshot, rows } = await context().journal.load({ shard: 5, entity: idOf(2) })
      expect(snapshot?.seq).toBe(1)
      expect(rows.map(({ seq }) => seq)).toEqual([2])
    })

    test('a snapshot that exists already stays', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1)])
      const snapshot = { shard: 5, entity: idOf(2), seq: 1, epoch: 1, data: Buffer.from([1]), private: null }
      await context().journal.saveSnapshots([snapshot])
      await context().journal.saveSnapshots([{ ...snapshot, data: Buffer.from([2]) }])
      expect((await context().journal.load({ shard: 5, entity: idOf(2) })).snapshot).toEqual(snapshot)
    })
  })

  describe('cursors', () => {
    const timer = (entity: number, kind: string, due: number, operation = '') => ({
      shard: 5,
      entity: idOf(entity),
      operation,
      kind,
      due,
    })
    const advanceOf = (own: Ownership, from: number, to: number) => ({
      shard: own.shard,
      epoch: own.epoch,
      from,
      to,
      ...nothingKept,
      entities: [idOf(1)],
      timers: [timer(1, 'payment.expiry', 100)],
      merchants: [{ shard: 5, entity: idOf(1), merchant: 'mer_1', version: to, data: Buffer.from([to]) }],
      pspReferences: [reference(1, `pi_${to}`)],
      notices: [noticeOf(1, to === 1 ? {} : { status: 'delivered', payment: idOf(to) })],
    })
    const reference = (entity: number, text: string, connection = 'stripe-test'): PspReferenceRow => {
      return { shard: 5, entity: idOf(entity), connection, reference: text }
    }
    const references = async (): Promise<readonly PspReferenceRow[]> =>
      (await context().harness.pspReferences()).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    const notices = async (): Promise<readonly NoticeRow[]> =>
      (await context().harness.notices()).toSorted((a, b) => (a.entity < b.entity ? -1 : 1))
    const noticeOf = (entity: number, changes: Partial<NoticeRow> = {}): NoticeRow => ({
      ...{
        shard: 5,
        entity: idOf(entity),
        connection: 'stripe-test',
        notice: `evt_${entity}`,
        type: 'charge.refunded',
      },
      ...{ status: 'received', reason: null, payment: null, receivedAt: 1_767_225_600_000 },
      ...changes,
    })

    test('opening gives cursor, tail, timers that are due and timers of open kinds', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1), recordOf(5, 2, 1)])
      const timers = [
        timer(2, 'payment.expiry', 100),
        timer(2, 'payment.expiry', 900, 'cap_1'),
        timer(3, 'payment.call', 900),
        timer(3, 'payment.other', 900),
      ]
      const advance = { shard: 5, epoch: 1, from: 0, to: 2, ...nothingKept, entities: [idOf(2), idOf(3)], timers }
      expect(await context().journal.advance([advance])).toEqual([])
      const [opened] = await context().journal.open([own], 500, ['payment.call'])
      expect(opened?.ownership).toEqual(own)
      expect(opened?.cursor).toBe(2)
      expect(opened?.tail.map(({ position }) => position)).toEqual([3])
      expect(opened?.timers).toHaveLength(2)
      expect(opened?.timers).toEqual(expect.arrayContaining([timers[0], timers[2]]))
      expect(await context().journal.timersDue([5, 6], 500)).toEqual([timers[0]])
      expect((await context().journal.timersDue([5], farFuture)).map(({ due }) => due)).toEqual([100, 900, 900, 900])
    })

    test('an entity in an advance has all its timers replaced, the others keep theirs', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1)])
      const base = { shard: 5, epoch: 1, ...nothingKept }
      const first = [timer(1, 'a', 1), timer(1, 'b', 2, 'x'), timer(2, 'a', 3), timer(3, 'a', 4)]
      await context().journal.advance([
        { ...base, from: 0, to: 1, entities: [idOf(1), idOf(2), idOf(3)], timers: first },
      ])
      const second = [timer(1, 'a', 10), timer(1, 'c', 11)]
      await context().journal.advance([{ ...base, from: 1, to: 2, entities: [idOf(1), idOf(2)], timers: second }])
      const stored = await context().journal.timersDue([own.shard], farFuture)
      expect(stored).toHaveLength(3)
      expect(stored).toEqual(expect.arrayContaining([...second, timer(3, 'a', 4)]))
    })

    test('a cursor elsewhere fails its shard alone: nothing of it is written', async () => {
      const owned = await context().journal.acquire([5, 6])
      const [five, six] = owned as [Ownership, Ownership]
      const refused = await context().journal.advance([
        advanceOf(five, 1, 3),
        { shard: 6, epoch: six.epoch, from: 0, to: 1, ...nothingKept },
      ])
      expect(refused).toEqual([5])
      expect(await context().journal.timersDue([5], farFuture)).toEqual([])
      expect(await context().harness.merchants()).toEqual(new Map())
      expect(await references()).toEqual([])
      expect(await notices()).toEqual([])
      const opened = await context().journal.open(owned, 0, [])
      expect(opened.map(({ cursor }) => cursor)).toEqual([0, 1])
    })

    test('a cursor moved by a twin changes nothing', async () => {
      const mine = await acquireOne(context().journal, 5)
      await context().journal.open([mine], 0, [])
      expect(await context().journal.advance([advanceOf(mine, 0, 1)])).toEqual([])
      const { other, taken } = await context().takeOver([5])
      expect(await advanceEventually(context().node, advanceOf(mine, 1, 2))).toEqual([5])
      expect(await context().harness.merchants()).toEqual(new Map([['mer_1', 1]]))
      const [opened] = await other.journal.open(taken, 0, [])
      expect(opened?.cursor).toBe(1)
      const [own] = taken as [Ownership]
      const moved = { ...advanceOf(own, 1, 2), timers: [timer(1, 'payment.expiry', 200)] }
      expect(await other.journal.advance([moved])).toEqual([])
      expect(await advanceEventually(context().node, advanceOf(mine, 2, 3))).toEqual([5])
      expect(await other.journal.timersDue([5], farFuture)).toEqual([timer(1, 'payment.expiry', 200)])
      expect(await context().harness.merchants()).toEqual(new Map([['mer_1', 2]]))
      expect(await references()).toEqual([reference(1, 'pi_1'), reference(1, 'pi_2')])
      expect(await notices()).toEqual([noticeOf(1, { status: 'delivered', payment: idOf(2) })])
    })

    test('a move that was made already counts as done when it is repeated', async () => {
      const own = await acquireOne(context().journal, 5)
      expect(await context().journal.advance([advanceOf(own, 0, 1)])).toEqual([])
      expect(await context().journal.advance([advanceOf(own, 0, 1)])).toEqual([])
      expect(await context().journal.advance([advanceOf(own, 0, 2)])).toEqual([5])
    })

    test('a cursor never passes the last row: the next owner of a shard that lost rows reads what is written anew', async () => {
      const own = await acquireOne(context().journal, 5)
      expect(await context().journal.advance([advanceOf(own, 0, 2)])).toEqual([5])
      expect(await context().journal.timersDue([5], farFuture)).toEqual([])
      expect(await context().journal.open([own], 0, [])).toMatchObject([{ cursor: 0, tail: [{ position: 1 }] }])
    })

    test('the directory keeps the newest version of a merchant', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1)])
      const merchant = (version: number) => ({
        shard: 5,
        entity: idOf(1),
        merchant: 'mer_1',
        version,
        data: Buffer.from([version]),
      })
      const base = { shard: 5, epoch: own.epoch, ...nothingKept }
      await context().journal.advance([{ ...base, from: 0, to: 1, merchants: [merchant(2), merchant(4), merchant(3)] }])
      expect(await context().harness.merchants()).toEqual(new Map([['mer_1', 4]]))
      await context().journal.advance([{ ...base, from: 1, to: 2, merchants: [merchant(3)] }])
      expect(await context().harness.merchants()).toEqual(new Map([['mer_1', 4]]))
    })

    test('a PSP’s reference belongs to the first entity that has it, and to another one at another connection', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1)])
      const base = { shard: 5, epoch: own.epoch, ...nothingKept }
      const first = [
        reference(1, 'pi_1'),
        reference(1, 'ch_1'),
        reference(2, 'pi_1'),
        reference(2, 'pi_1', 'stripe-2-test'),
      ]
      expect(await context().journal.advance([{ ...base, from: 0, to: 1, pspReferences: first }])).toEqual([])
      const second = [reference(3, 'ch_1'), reference(3, 're_1')]
      expect(await context().journal.advance([{ ...base, from: 1, to: 2, pspReferences: second }])).toEqual([])
      expect(await references()).toEqual([
        reference(2, 'pi_1', 'stripe-2-test'),
        reference(1, 'ch_1'),
        reference(1, 'pi_1'),
        reference(3, 're_1'),
      ])
    })

    test('a notice has one row, which says what became of it last', async () => {
      const own = await acquireOne(context().journal, 5)
      await appendAll(context().journal, own, [recordOf(5, 1, 1), recordOf(5, 2, 1)])
      const base = { shard: 5, epoch: own.epoch, ...nothingKept }
      const received = [noticeOf(1), noticeOf(2)]
      expect(await context().journal.advance([{ ...base, from: 0, to: 1, notices: received }])).toEqual([])
      expect(await notices()).toEqual(received)
      const delivered = noticeOf(1, { status: 'delivered', payment: idOf(77) })
      const orphaned = noticeOf(2, { status: 'orphaned', reason: 'payment_unknown' })
      expect(await context().journal.advance([{ ...base, from: 1, to: 2, notices: [delivered] }])).toEqual([])
      expect(await context().journal.advance([{ ...base, from: 2, to: 3, notices: [orphaned] }])).toEqual([])
      expect(await notices()).toEqual([delivered, orphaned])
    })

    test('opening leaves out a shard that was taken again meanwhile', async () => {
      const before = await acquireOne(context().journal, 5)
      const after = await acquireOne(context().journal, 5)
      expect(await context().journal.open([before], 0, [])).toEqual([])
      expect(await context().journal.open([after], 0, [])).toMatchObject([
        { cursor: 0, tail: [{ position: 1 }, { position: 2 }] },
      ])
    })
  })
}

function nameOf({ connection, reference }: PspReferenceRow): string {
  return `${connection} ${reference}`
}
