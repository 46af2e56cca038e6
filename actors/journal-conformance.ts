/**
 * What every journal must do, as one suite: run by journal-memory.test.ts and by persistence/postgres-journal.pg.test.ts.
 * A harness is one fresh database; its nodes are journals over it, whose connection the suite can trouble.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AppendOutcome, DecisionRecord, Journal, JournalRow, Ownership } from './journal.ts'

/** The next flush's statement, stopped on its way. */
export interface StoppedFlush {
  /** Resolves when it has been sent. */
  readonly reached: Promise<void>
  /** It arrives. */
  release(): void
  /** Its node stops waiting for it; resolves when it has. It may still arrive. */
  giveUp(): Promise<void>
}

export interface TestNode {
  readonly journal: Journal
  /** The others declare this incarnation dead; it notices nothing. */
  declareDead(): Promise<void>
  /** The next flush is committed, but its answer is lost; or it is never executed. The node cannot tell which. */
  breakNextFlush(lost: 'answer' | 'request'): void
  /** Stops the next flush before anything of it is executed. */
  stopNextFlush(): StoppedFlush
}

export interface JournalHarness {
  /** A new incarnation of this node; it ends the earlier ones. */
  start(node: string): Promise<TestNode>
  /** What is stored, looked at from outside. */
  rows(shard: number): Promise<readonly JournalRow[]>
  merchants(): Promise<ReadonlyMap<string, number>>
  /** The database fails over to a state without these rows. */
  loseRowsAfter(shard: number, position: number): Promise<void>
  /** Somebody takes the shard at this instant and writes nothing yet. */
  raiseEpoch(shard: number): Promise<void>
  close(): Promise<void>
}

const farFuture = Number.MAX_SAFE_INTEGER

export function idOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

export function recordOf(
  shard: number,
  entity: number,
  seq: number,
  changes: Partial<DecisionRecord> = {},
): DecisionRecord {
  return {
    shard,
    entity: idOf(entity + 1),
    seq,
    command: idOf(entity * 1_000_000 + seq),
    type: 'payment.create',
    at: 1_767_225_600_000,
    data: Buffer.from([0x81, 0xa1, 0x76, 1]),
    private: null,
    keyId: null,
    ...changes,
  }
}

/** A decision that the storage refuses. */
export function poisonOf(shard: number, entity: number, seq: number): DecisionRecord {
  return recordOf(shard, entity, seq, { type: '' })
}

/** Appends in one turn; resolves when all have settled. */
export function appendAll(
  journal: Journal,
  ownership: Ownership | readonly Ownership[],
  records: readonly DecisionRecord[],
): Promise<AppendOutcome[]> {
  return Promise.all(
    records.map((record) => {
      const own = [ownership].flat().find(({ shard }) => shard === record.shard)
      if (own === undefined) throw new Error(`no ownership of shard ${record.shard}`)
      return new Promise<AppendOutcome>((settle) => journal.append(own, { record, settle }))
    }),
  )
}

function kindsOf(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.error.code : outcome.kind))
}

async function acquireOne(journal: Journal, shard: number): Promise<Ownership> {
  const [ownership] = await journal.acquire([shard])
  if (ownership === undefined) throw new Error(`shard ${shard} was not acquired`)
  return ownership
}

export function describeJournal(name: string, makeHarness: () => Promise<JournalHarness>): void {
  describe(name, () => {
    let harness: JournalHarness
    let node: TestNode
    let journal: Journal

    beforeEach(async () => {
      harness = await makeHarness()
      node = await harness.start('node-1')
      journal = node.journal
    })

    afterEach(async () => {
      await harness.close()
    })

    /** Another node takes the shards of `node`, which knows nothing of it. */
    async function takeOver(shards: readonly number[]): Promise<{ other: TestNode; taken: readonly Ownership[] }> {
      const other = await harness.start('node-2')
      await node.declareDead()
      return { other, taken: await other.journal.acquire(shards) }
    }

    async function typesOf(shard: number): Promise<string[]> {
      return (await harness.rows(shard)).map(({ type }) => type)
    }

    describe('ownership', () => {
      test('acquiring opens each shard with an epoch record, in order of shard', async () => {
        const ownerships = await journal.acquire([900, 3, 70])
        expect(ownerships).toEqual([
          { shard: 3, epoch: 1, openedAt: 1 },
          { shard: 70, epoch: 1, openedAt: 1 },
          { shard: 900, epoch: 1, openedAt: 1 },
        ])
        expect(await harness.rows(70)).toMatchObject([
          { position: 1, epoch: 1, seq: 1, type: 'epoch', entity: idOf(0) },
        ])
      })

      test('acquiring anew raises the epoch, and the ownership before is fenced', async () => {
        const before = await acquireOne(journal, 5)
        expect(kindsOf(await appendAll(journal, before, [recordOf(5, 1, 1)]))).toEqual(['durable'])
        const after = await acquireOne(journal, 5)
        expect(after).toEqual({ shard: 5, epoch: 2, openedAt: 3 })
        expect(kindsOf(await appendAll(journal, before, [recordOf(5, 1, 2)]))).toEqual(['fenced'])
        expect(kindsOf(await appendAll(journal, after, [recordOf(5, 1, 2)]))).toEqual(['durable'])
        expect(await typesOf(5)).toEqual(['epoch', 'payment.create', 'epoch', 'payment.create'])
      })

      test('a shard of a living owner is not taken', async () => {
        await acquireOne(journal, 5)
        const other = await harness.start('node-2')
        expect(await other.journal.acquire([5, 6])).toEqual([{ shard: 6, epoch: 1, openedAt: 1 }])
      })

      test('acquire by two nodes: one wins', async () => {
        const shards = Array.from({ length: 64 }, (_, shard) => shard * 7)
        await journal.acquire(shards)
        const [second, third] = [await harness.start('node-2'), await harness.start('node-3')]
        await node.declareDead()
        const taken = await Promise.all([second.journal.acquire(shards), third.journal.acquire(shards)])
        const all = taken.flat().map(({ shard }) => shard)
        expect(all.toSorted((a, b) => a - b)).toEqual(shards)
        expect(taken.flat().every(({ epoch }) => epoch === 2)).toBe(true)
      })

      test('a new incarnation of a node ends the earlier one and takes its shards', async () => {
        const before = await acquireOne(journal, 5)
        const again = await harness.start('node-1')
        expect(await again.journal.acquire([5])).toEqual([{ shard: 5, epoch: 2, openedAt: 2 }])
        expect(kindsOf(await appendAll(journal, before, [recordOf(5, 1, 1)]))).not.toContain('durable')
        expect(await typesOf(5)).toEqual(['epoch', 'epoch'])
      })

      test('an incarnation that was declared dead acquires nothing', async () => {
        const other = await harness.start('node-2')
        await node.declareDead()
        expect(await acquireEventually(node, [5])).toEqual([])
        expect(await other.journal.acquire([5])).toHaveLength(1)
      })

      test('ownership is proved while it holds, and not after', async () => {
        const mine = await acquireOne(journal, 5)
        const neighbour = await acquireOne(journal, 6)
        expect(await Promise.all([journal.proveOwnership(mine), journal.proveOwnership(neighbour)])).toEqual([
          true,
          true,
        ])
        await acquireOne(journal, 5)
        expect(await Promise.all([journal.proveOwnership(mine), journal.proveOwnership(neighbour)])).toEqual([
          false,
          true,
        ])
      })
    })

    describe('appends', () => {
      test('decisions are durable at gapless positions, in the order they were queued', async () => {
        const [a, b] = await journal.acquire([5, 6])
        if (a === undefined || b === undefined) throw new Error('not acquired')
        const records = Array.from({ length: 40 }, (_, index) =>
          recordOf(index % 2 === 0 ? 5 : 6, index % 3, 1 + Math.floor(index / 6)),
        )
        const outcomes = await appendAll(journal, [a, b], unique(records))
        expect(new Set(kindsOf(outcomes))).toEqual(new Set(['durable']))
        for (const shard of [5, 6]) {
          const rows = await harness.rows(shard)
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
        const own = await acquireOne(journal, 5)
        const given = recordOf(5, 7, 1, {
          command: 'fedcba9876543210fedcba9876543210',
          type: 'merchant.add_key',
          data: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
          private: Buffer.from([0, 255, 92, 34]),
          keyId: 'key-1',
        })
        const [outcome] = await appendAll(journal, own, [given])
        expect(outcome).toEqual({ kind: 'durable', position: 2 })
        const { rows } = await journal.load({ shard: 5, entity: given.entity })
        expect(rows).toEqual([{ ...given, position: 2, epoch: 1 }])
      })

      test('an append settles in a turn of its own, never within the call', async () => {
        const own = await acquireOne(journal, 5)
        const events: string[] = []
        const settled = [own, { ...own, epoch: 99 }].map(
          (ownership, index) =>
            new Promise<void>((resolve) => {
              journal.append(ownership, {
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
        const outcomes = await appendAll(journal, { shard: 5, epoch: 1, openedAt: 1 }, [recordOf(5, 1, 1)])
        expect(kindsOf(outcomes)).toEqual(['fenced'])
      })

      test('a sequence that the entity has already is refused', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(journal, own, [recordOf(5, 1, 1)])
        const outcomes = await appendAll(journal, own, [
          recordOf(5, 2, 1),
          recordOf(5, 1, 1, { command: idOf(77) }),
          recordOf(5, 3, 1),
        ])
        expect(kindsOf(outcomes)).toEqual(['durable', 'journal_refused', 'durable'])
        expect((await harness.rows(5)).map(({ position }) => position)).toEqual([1, 2, 3, 4])
      })

      test('a poisonous decision is refused alone; what follows it of its entity goes with it, nothing else does', async () => {
        const owned = await journal.acquire([5, 6, 7])
        const outcomes = await appendAll(journal, owned, [
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
        expect((await harness.rows(6)).map(({ position, entity, seq }) => [position, entity, seq])).toEqual([
          [1, idOf(0), 1],
          [2, idOf(2), 1],
          [3, idOf(4), 1],
          [4, idOf(2), 2],
        ])
        expect(kindsOf(await appendAll(journal, owned, [recordOf(6, 2, 1)]))).toEqual(['durable'])
      })

      test('what is queued behind a refused decision of its entity is refused, what is queued of others is not', async () => {
        const own = await acquireOne(journal, 5)
        const stopped = node.stopNextFlush()
        const first = appendAll(journal, own, [poisonOf(5, 1, 1), recordOf(5, 2, 1)])
        await stopped.reached
        const behind = appendAll(journal, own, [recordOf(5, 1, 2), recordOf(5, 2, 2), recordOf(5, 3, 1)])
        stopped.release()
        expect(kindsOf(await first)).toEqual(['journal_refused', 'durable'])
        expect(kindsOf(await behind)).toEqual(['journal_refused', 'durable', 'durable'])
      })

      test('positions are gapless and sequences contiguous, whatever is refused', async () => {
        const own = await acquireOne(journal, 11)
        let entity = 0
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 12 }),
            async (plan) => {
              entity += 10
              const seqs = new Map<number, number>()
              const records = plan.map(([which, poisonous]) => {
                const seq = (seqs.get(which) ?? 0) + 1
                seqs.set(which, seq)
                return poisonous && seq > 1 ? poisonOf(11, entity + which, seq) : recordOf(11, entity + which, seq)
              })
              const outcomes = await appendAll(journal, own, records)
              const rows = await harness.rows(11)
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
            },
          ),
          { numRuns: 15 },
        )
      })

      test('closing finishes what was queued, and refuses what comes after', async () => {
        const own = await acquireOne(journal, 5)
        const queued = appendAll(journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
        await journal.close()
        expect(kindsOf(await queued)).toEqual(['durable', 'durable'])
        expect(kindsOf(await appendAll(journal, own, [recordOf(5, 1, 3)]))).toEqual(['journal_closed'])
        await expect(journal.acquire([5])).rejects.toMatchObject({ code: 'journal_closed' })
        await expect(journal.load({ shard: 5, entity: idOf(2) })).rejects.toMatchObject({ code: 'journal_closed' })
      })
    })

    describe('fences', () => {
      test('a stale owner with 4 rows queued behind an epoch record writes none', async () => {
        const mine = await acquireOne(journal, 5)
        const stopped = node.stopNextFlush()
        const rows = [1, 2, 3, 4].map((seq) => recordOf(5, 1, seq))
        const outcomes = appendAll(journal, mine, rows)
        await stopped.reached
        await takeOver([5])
        stopped.release()
        expect(kindsOf(await outcomes)).not.toContain('durable')
        expect(await typesOf(5)).toEqual(['epoch', 'epoch'])
      })

      test('an owner that was deposed while idle writes none, and is told so', async () => {
        const mine = await acquireOne(journal, 5)
        await takeOver([5])
        const outcomes = await appendEventually(node, mine, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
        expect(kindsOf(outcomes)).toEqual(['fenced', 'fenced'])
        expect(await typesOf(5)).toEqual(['epoch', 'epoch'])
      })

      test('a fenced shard in a batch of many harms no neighbour', async () => {
        const shards = Array.from({ length: 30 }, (_, index) => index * 5)
        const owned = await journal.acquire(shards)
        const stopped = node.stopNextFlush()
        const records = shards.flatMap((shard) => [recordOf(shard, 1, 1), recordOf(shard, 1, 2)])
        const outcomes = appendAll(journal, owned, records)
        await stopped.reached
        await harness.raiseEpoch(50)
        stopped.release()
        for (const [index, outcome] of (await outcomes).entries()) {
          expect(outcome.kind, `shard ${records[index]?.shard}`).toBe(
            records[index]?.shard === 50 ? 'fenced' : 'durable',
          )
        }
        expect(await typesOf(50)).toEqual(['epoch'])
        expect(await typesOf(45)).toEqual(['epoch', 'payment.create', 'payment.create'])
        expect(kindsOf(await appendAll(journal, owned, [recordOf(50, 2, 1), recordOf(45, 1, 3)]))).toEqual([
          'fenced',
          'durable',
        ])
      })

      test('a node ahead of the server is refused, and stops when it acquires anew', async () => {
        const own = await acquireOne(journal, 5)
        const neighbour = await acquireOne(journal, 6)
        await appendAll(journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2), recordOf(5, 1, 3)])
        await harness.loseRowsAfter(5, 2)
        const outcomes = await appendAll(journal, [own, neighbour], [recordOf(5, 1, 4), recordOf(6, 1, 1)])
        expect(outcomes).toMatchObject([
          { kind: 'fenced', error: { code: 'journal_lost_acknowledged_rows', shards: [5] } },
          { kind: 'durable' },
        ])
        expect(await harness.rows(5)).toHaveLength(2)
        await expect(journal.acquire([5, 6])).rejects.toMatchObject({
          code: 'journal_lost_acknowledged_rows',
          shards: [5],
        })
        expect(await harness.rows(5)).toHaveLength(2)
      })
    })

    describe('unknown outcomes', () => {
      for (const lost of ['answer', 'request'] as const) {
        const executed = lost === 'answer'
        test(`an append whose ${lost} was lost is ${executed ? 'found by its command id' : 'known not to be executed'} once the shard is acquired anew`, async () => {
          const owned = await journal.acquire([5, 6])
          await appendAll(journal, owned, [recordOf(5, 1, 1)])
          node.breakNextFlush(lost)
          const record = recordOf(5, 1, 2, { command: idOf(4711) })
          expect(kindsOf(await appendAll(journal, owned, [record]))).toEqual(['unknown'])
          const anew = await acquireEventually(node, [5])
          const tail = await journal.readTail(5, 2, 10)
          expect(tail.some(({ command }) => command === idOf(4711))).toBe(executed)
          expect(anew).toEqual([{ shard: 5, epoch: 2, openedAt: executed ? 4 : 3 }])
          expect(tail.at(-1)).toMatchObject({ type: 'epoch', position: executed ? 4 : 3 })
          const next = recordOf(5, 1, executed ? 3 : 2)
          expect(kindsOf(await appendAll(journal, anew, [next]))).toEqual(['durable'])
        })
      }

      test('an uncertain shard takes nothing until it is acquired anew; what was queued behind was never written', async () => {
        const owned = await journal.acquire([5, 6])
        const stopped = node.stopNextFlush()
        const sent = appendAll(journal, owned, [recordOf(5, 1, 1)])
        await stopped.reached
        const behind = appendAll(journal, owned, [recordOf(5, 1, 2), recordOf(5, 2, 1)])
        await stopped.giveUp()
        expect(kindsOf(await sent)).toEqual(['unknown'])
        expect(kindsOf(await behind)).toEqual(['journal_unavailable', 'journal_unavailable'])
        expect(kindsOf(await appendAll(journal, owned, [recordOf(5, 3, 1)]))).toEqual(['journal_unavailable'])
        const anew = await acquireEventually(node, [5])
        stopped.release()
        await nextTurn()
        expect(kindsOf(await appendAll(journal, anew, [recordOf(5, 3, 1)]))).toEqual(['durable'])
        expect(await typesOf(5)).toEqual(['epoch', 'epoch', 'payment.create'])
      })

      test('a shard that had nothing in the lost flush stays certain', async () => {
        const owned = await journal.acquire([5, 6])
        node.breakNextFlush('answer')
        expect(kindsOf(await appendAll(journal, owned, [recordOf(5, 1, 1)]))).toEqual(['unknown'])
        const outcomes = await appendEventually(node, owned, [recordOf(6, 1, 1)])
        expect(kindsOf(outcomes)).toEqual(['durable'])
      })
    })

    describe('reads', () => {
      test('an entity that nobody has written is empty', async () => {
        expect(await journal.load({ shard: 5, entity: idOf(9) })).toEqual({ snapshot: undefined, rows: [] })
      })

      test('entities asked for together each get their own rows, in order of sequence', async () => {
        const owned = await journal.acquire([5, 900])
        await appendAll(
          journal,
          owned,
          [1, 2, 3].flatMap((seq) => [recordOf(5, 1, seq), recordOf(5, 2, seq), recordOf(900, 1, seq)]),
        )
        const keys = [
          { shard: 900, entity: idOf(2) },
          { shard: 5, entity: idOf(3) },
          { shard: 5, entity: idOf(99) },
          { shard: 5, entity: idOf(2) },
        ]
        const loaded = await Promise.all(keys.map((key) => journal.load(key)))
        expect(loaded.map(({ rows }) => rows.map(({ seq }) => seq))).toEqual([[1, 2, 3], [1, 2, 3], [], [1, 2, 3]])
        for (const [index, { rows }] of loaded.entries()) {
          expect(rows.every((row) => row.entity === keys[index]?.entity && row.shard === keys[index].shard)).toBe(true)
        }
      })

      test('a tail is in order of position, epoch records included, and no longer than asked for', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(
          journal,
          own,
          [1, 2, 3, 4].map((seq) => recordOf(5, 1, seq)),
        )
        expect((await journal.readTail(5, 0, 3)).map(({ position, type }) => [position, type])).toEqual([
          [1, 'epoch'],
          [2, 'payment.create'],
          [3, 'payment.create'],
        ])
        expect((await journal.readTail(5, 4, 10)).map(({ position }) => position)).toEqual([5])
        expect(await journal.readTail(5, 5, 10)).toEqual([])
      })

      test('the newest snapshot is used, with the rows after it', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(
          journal,
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
        await journal.saveSnapshots([snapshotAt(3), snapshotAt(2)])
        const key = { shard: 5, entity: idOf(2) }
        const { snapshot, rows } = await journal.load(key)
        expect(snapshot).toEqual(snapshotAt(3))
        expect(rows.map(({ seq }) => seq)).toEqual([4])
        const earlier = await journal.load(key, 2)
        expect(earlier.snapshot).toEqual(snapshotAt(2))
        expect(earlier.rows.map(({ seq }) => seq)).toEqual([3, 4])
        const all = await journal.load(key, 0)
        expect(all.snapshot).toBeUndefined()
        expect(all.rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
      })

      test('an invalid snapshot (other epoch, or of a row that is not there) is not used', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(journal, own, [recordOf(5, 1, 1), recordOf(5, 1, 2)])
        const base = { shard: 5, entity: idOf(2), data: Buffer.from([1]), private: null }
        await journal.saveSnapshots([
          { ...base, seq: 1, epoch: 1 },
          { ...base, seq: 2, epoch: 2 },
          { ...base, seq: 3, epoch: 1 },
        ])
        const { snapshot, rows } = await journal.load({ shard: 5, entity: idOf(2) })
        expect(snapshot?.seq).toBe(1)
        expect(rows.map(({ seq }) => seq)).toEqual([2])
      })

      test('a snapshot that exists already stays', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(journal, own, [recordOf(5, 1, 1)])
        const snapshot = { shard: 5, entity: idOf(2), seq: 1, epoch: 1, data: Buffer.from([1]), private: null }
        await journal.saveSnapshots([snapshot])
        await journal.saveSnapshots([{ ...snapshot, data: Buffer.from([2]) }])
        expect((await journal.load({ shard: 5, entity: idOf(2) })).snapshot).toEqual(snapshot)
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
        entities: [idOf(1)],
        timers: [timer(1, 'payment.expiry', 100)],
        merchants: [{ shard: 5, entity: idOf(1), merchant: 'mer_1', version: to, data: Buffer.from([to]) }],
      })

      test('opening gives cursor, tail, timers that are due and timers of open kinds', async () => {
        const own = await acquireOne(journal, 5)
        await appendAll(journal, own, [recordOf(5, 1, 1), recordOf(5, 2, 1)])
        const timers = [
          timer(2, 'payment.expiry', 100),
          timer(2, 'payment.expiry', 900, 'cap_1'),
          timer(3, 'payment.call', 900),
          timer(3, 'payment.other', 900),
        ]
        const advance = { shard: 5, epoch: 1, from: 0, to: 2, entities: [idOf(2), idOf(3)], timers, merchants: [] }
        expect(await journal.advance([advance])).toEqual([])
        const [opened] = await journal.open([own], 500, ['payment.call'])
        expect(opened?.ownership).toEqual(own)
        expect(opened?.cursor).toBe(2)
        expect(opened?.tail.map(({ position }) => position)).toEqual([3])
        expect(opened?.timers).toHaveLength(2)
        expect(opened?.timers).toEqual(expect.arrayContaining([timers[0], timers[2]]))
        expect(await journal.timersDue([5, 6], 500)).toEqual([timers[0]])
        expect((await journal.timersDue([5], farFuture)).map(({ due }) => due)).toEqual([100, 900, 900, 900])
      })

      test('an entity in an advance has all its timers replaced, the others keep theirs', async () => {
        const own = await acquireOne(journal, 5)
        const base = { shard: 5, epoch: 1, merchants: [] }
        const first = [timer(1, 'a', 1), timer(1, 'b', 2, 'x'), timer(2, 'a', 3), timer(3, 'a', 4)]
        await journal.advance([{ ...base, from: 0, to: 1, entities: [idOf(1), idOf(2), idOf(3)], timers: first }])
        const second = [timer(1, 'a', 10), timer(1, 'c', 11)]
        await journal.advance([{ ...base, from: 1, to: 2, entities: [idOf(1), idOf(2)], timers: second }])
        const stored = await journal.timersDue([own.shard], farFuture)
        expect(stored).toHaveLength(3)
        expect(stored).toEqual(expect.arrayContaining([...second, timer(3, 'a', 4)]))
      })

      test('a cursor elsewhere fails its shard alone: nothing of it is written', async () => {
        const owned = await journal.acquire([5, 6])
        const [five, six] = owned as [Ownership, Ownership]
        const refused = await journal.advance([
          advanceOf(five, 1, 3),
          { shard: 6, epoch: six.epoch, from: 0, to: 1, entities: [], timers: [], merchants: [] },
        ])
        expect(refused).toEqual([5])
        expect(await journal.timersDue([5], farFuture)).toEqual([])
        expect(await harness.merchants()).toEqual(new Map())
        const opened = await journal.open(owned, 0, [])
        expect(opened.map(({ cursor }) => cursor)).toEqual([0, 1])
      })

      test('a cursor moved by a twin changes nothing', async () => {
        const mine = await acquireOne(journal, 5)
        await journal.open([mine], 0, [])
        expect(await journal.advance([advanceOf(mine, 0, 1)])).toEqual([])
        const { other, taken } = await takeOver([5])
        expect(await advanceEventually(node, advanceOf(mine, 1, 2))).toEqual([5])
        expect(await harness.merchants()).toEqual(new Map([['mer_1', 1]]))
        const [opened] = await other.journal.open(taken, 0, [])
        expect(opened?.cursor).toBe(1)
        const [own] = taken as [Ownership]
        const moved = { ...advanceOf(own, 1, 2), timers: [timer(1, 'payment.expiry', 200)] }
        expect(await other.journal.advance([moved])).toEqual([])
        expect(await advanceEventually(node, advanceOf(mine, 2, 3))).toEqual([5])
        expect(await other.journal.timersDue([5], farFuture)).toEqual([timer(1, 'payment.expiry', 200)])
        expect(await harness.merchants()).toEqual(new Map([['mer_1', 2]]))
      })

      test('a move that was made already counts as done when it is repeated', async () => {
        const own = await acquireOne(journal, 5)
        expect(await journal.advance([advanceOf(own, 0, 1)])).toEqual([])
        expect(await journal.advance([advanceOf(own, 0, 1)])).toEqual([])
        expect(await journal.advance([advanceOf(own, 0, 2)])).toEqual([5])
      })

      test('the directory keeps the newest version of a merchant', async () => {
        const own = await acquireOne(journal, 5)
        const merchant = (version: number) => ({
          shard: 5,
          entity: idOf(1),
          merchant: 'mer_1',
          version,
          data: Buffer.from([version]),
        })
        const base = { shard: 5, epoch: own.epoch, entities: [], timers: [] }
        await journal.advance([{ ...base, from: 0, to: 1, merchants: [merchant(2), merchant(4), merchant(3)] }])
        expect(await harness.merchants()).toEqual(new Map([['mer_1', 4]]))
        await journal.advance([{ ...base, from: 1, to: 2, merchants: [merchant(3)] }])
        expect(await harness.merchants()).toEqual(new Map([['mer_1', 4]]))
      })

      test('opening leaves out a shard that was taken again meanwhile', async () => {
        const before = await acquireOne(journal, 5)
        const after = await acquireOne(journal, 5)
        expect(await journal.open([before], 0, [])).toEqual([])
        expect(await journal.open([after], 0, [])).toMatchObject([
          { cursor: 0, tail: [{ position: 1 }, { position: 2 }] },
        ])
      })
    })
  })
}

/** Records whose (entity, seq) repeats within a shard, left out. */
function unique(records: readonly DecisionRecord[]): DecisionRecord[] {
  const seen = new Set<string>()
  return records.filter(({ shard, entity, seq }) => {
    const key = `${shard}/${entity}/${seq}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** While a node has no connection it says so; it is asked again, as its host would. */
async function untilAvailable<Result>(ask: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + 10_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if ((error as { code?: string }).code !== 'journal_unavailable' || performance.now() > until) throw error
    }
    await nextTurn()
  }
}

function acquireEventually({ journal }: TestNode, shards: readonly number[]): Promise<readonly Ownership[]> {
  return untilAvailable(() => journal.acquire(shards))
}

function advanceEventually(
  { journal }: TestNode,
  advance: Parameters<Journal['advance']>[0][number],
): Promise<readonly number[]> {
  return untilAvailable(() => journal.advance([advance]))
}

/** Asks again while the answer is that there is no connection: nothing was written then. */
async function appendEventually(
  { journal }: TestNode,
  ownership: Ownership | readonly Ownership[],
  records: readonly DecisionRecord[],
): Promise<AppendOutcome[]> {
  const until = performance.now() + 10_000
  for (;;) {
    const outcomes = await appendAll(journal, ownership, records)
    if (!kindsOf(outcomes).includes('journal_unavailable') || performance.now() > until) return outcomes
    await nextTurn()
  }
}
