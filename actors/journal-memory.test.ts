import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { shardCount } from '../domain/ids.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { appendAll, describeJournal, idOf, type JournalHarness, recordOf } from './journal-conformance.ts'
import { MemoryJournal } from './journal-memory.ts'
import { MemoryDatabase } from './memory-database.ts'

function memoryHarness(): JournalHarness {
  const database = new MemoryDatabase()
  const clock = new VirtualClock()
  let incarnations = 0
  return {
    async start(node) {
      incarnations += 1
      const incarnation = `i${incarnations}`
      const journal = new MemoryJournal(database, { node, incarnation, clock })
      return {
        journal,
        async declareDead() {
          database.membership.declareDead({ node, incarnation }, undefined)
        },
        breakNextFlush: (lost) => journal.failNextFlush(lost === 'answer' ? 'unknown_committed' : 'unknown_lost'),
        stopNextFlush() {
          const hung = journal.hangNextFlush()
          return {
            reached: nextTurn(),
            release: () => hung.release(),
            async giveUp() {
              hung.giveUp()
              await nextTurn()
            },
          }
        },
      }
    },
    async rows(shard) {
      return database.tail(shard, 0)
    },
    async merchants() {
      return new Map([...database.merchants].map(([merchant, { version }]) => [merchant, version]))
    },
    async pspReferences() {
      return database.pspReferences
    },
    async notices() {
      return database.notices
    },
    async readTables(shard) {
      const { read, readCursor } = database.shard(shard)
      return {
        cursor: readCursor.position,
        payments: [...read.payments.values()],
        refunds: [...read.refunds.values()],
        disputes: [...read.disputes.values()],
        transfers: [...read.transfers.values()],
      }
    },
    async balances() {
      return Array.from({ length: shardCount }, (_, shard) => [...database.shard(shard).read.balances.values()]).flat()
    },
    async archive(record) {
      return database.archive(record)
    },
    async restore(key) {
      database.restoreArchived(key)
    },
    async loseRowsAfter(shard, position) {
      database.loseRowsAfter(shard, position)
    },
    async raiseEpoch(shard) {
      database.shard(shard).epoch += 1
    },
    async close() {},
  }
}

describeJournal('the journal in memory', async () => memoryHarness(), { kills: 1_000 })

describe('faults of the journal in memory', () => {
  async function started(): Promise<{ database: MemoryDatabase; journal: MemoryJournal }> {
    const database = new MemoryDatabase()
    const journal = new MemoryJournal(database, { node: 'node-1', incarnation: 'i1', clock: new VirtualClock() })
    return { database, journal }
  }

  test('a database that is away refuses appends, and rejects everything else', async () => {
    const { database, journal } = await started()
    const owned = await journal.acquire([5])
    database.available = false
    const [outcome] = await appendAll(journal, owned, [recordOf(5, 1, 1)])
    expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'journal_unavailable', canRetry: true } })
    await expect(journal.load({ shard: 5, entity: idOf(2) })).rejects.toMatchObject({ code: 'journal_unavailable' })
    await expect(journal.acquire([5])).rejects.toMatchObject({ code: 'journal_unavailable' })
    database.available = true
    const anew = await journal.acquire([5])
    expect(await appendAll(journal, anew, [recordOf(5, 1, 1)])).toEqual([{ kind: 'durable', position: 3 }])
  })

  test('a fail-over to an earlier image loses what came after, and the owner finds out', async () => {
    const { database, journal } = await started()
    const owned = await journal.acquire([5, 6])
    await appendAll(journal, owned, [recordOf(5, 1, 1)])
    const image = database.image()
    await appendAll(journal, owned, [recordOf(5, 1, 2)])
    database.restore(image)
    expect(database.shard(5).rows).toHaveLength(2)
    const outcomes = await appendAll(journal, owned, [recordOf(5, 1, 3), recordOf(6, 1, 1)])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['fenced', 'durable'])
  })

  test('one flush is refused when it is told to be, the next is written', async () => {
    const { journal } = await started()
    const owned = await journal.acquire([5])
    journal.failNextFlush('refused')
    const [refused] = await appendAll(journal, owned, [recordOf(5, 1, 1)])
    expect(refused).toMatchObject({ kind: 'refused', error: { code: 'journal_refused' } })
    expect(await appendAll(journal, owned, [recordOf(5, 1, 1)])).toEqual([{ kind: 'durable', position: 2 }])
  })

  test('nothing happens but by the tasks that are handed out', async () => {
    const tasks: (() => void)[] = []
    const database = new MemoryDatabase()
    const journal = new MemoryJournal(database, {
      node: 'node-1',
      incarnation: 'i1',
      clock: new VirtualClock(),
      defer: (task) => tasks.push(task),
    })
    const acquiring = journal.acquire([5])
    await nextTurn()
    expect(database.shard(5).rows).toHaveLength(0)
    while (tasks.length > 0) {
      tasks.shift()?.()
      await nextTurn()
    }
    expect(await acquiring).toHaveLength(1)
  })
})
