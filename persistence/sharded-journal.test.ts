import { expect, test } from 'vitest'
import { acquireOne, appendAll, idOf, kindsOf, recordOf } from '../actors/journal-conformance.ts'
import { MemoryJournal } from '../actors/journal-memory.ts'
import { MemoryDatabase } from '../actors/memory-database.ts'
import { MemoryMembership } from '../cluster/lease-store-memory.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { ShardedJournal } from './sharded-journal.ts'

function cluster() {
  const membership = new MemoryMembership()
  const databases = [new MemoryDatabase(membership), new MemoryDatabase(membership)] as const
  const node = (name: string): ShardedJournal => {
    const self = { node: name, incarnation: 'i1', clock: new VirtualClock() }
    return new ShardedJournal([
      { first: 0, last: 511, journal: new MemoryJournal(databases[0], self) },
      { first: 512, last: 1023, journal: new MemoryJournal(databases[1], self) },
    ])
  }
  return { membership, databases, node }
}

test('a shard is where its range says, whatever is asked of it', async () => {
  const { databases, node } = cluster()
  const journal = node('node-1')
  const owned = await journal.acquire([700, 5, 511, 512])
  expect(owned.map(({ shard }) => shard)).toEqual([5, 511, 512, 700])
  expect(databases.map((database) => database.owners().map(({ shard }) => shard))).toEqual([
    [5, 511],
    [512, 700],
  ])
  expect(kindsOf(await appendAll(journal, owned, [recordOf(5, 1, 1), recordOf(700, 1, 1)]))).toEqual([
    'durable',
    'durable',
  ])
  expect(databases[1].shard(700).rows).toHaveLength(2)
  expect((await journal.load({ shard: 700, entity: idOf(2) })).rows).toHaveLength(1)
  expect((await journal.open(owned, 0, [])).map(({ ownership }) => ownership.shard)).toEqual([5, 511, 512, 700])
  expect((await journal.release(owned)).map(({ shard }) => shard)).toEqual([5, 511, 512, 700])
})

test('a database that is away disturbs no shard of the others', async () => {
  const { databases, node } = cluster()
  const journal = node('node-1')
  const [mine, theirs] = await journal.acquire([5, 700])
  if (mine === undefined || theirs === undefined) throw new Error('two shards were acquired')
  databases[1].available = false
  const outcomes = await appendAll(journal, [mine, theirs], [recordOf(5, 1, 1), recordOf(700, 1, 1)])
  expect(kindsOf(outcomes)).toEqual(['durable', 'journal_unavailable'])
  expect(await journal.proveOwnership(mine)).toBe(true)
  await expect(journal.proveOwnership(theirs)).rejects.toMatchObject({ code: 'journal_unavailable' })
  expect((await journal.load({ shard: 5, entity: idOf(2) })).rows).toHaveLength(1)
  expect(await journal.acquire([5])).toMatchObject([{ shard: 5, epoch: 2 }])
  expect(await journal.timersDue([5, 700], 1)).toEqual([])
  databases[0].available = false
  await expect(journal.timersDue([5, 700], 1)).rejects.toMatchObject({ code: 'journal_unavailable' })
})

test('what is asked of several databases rejects where one is away, after the others have done it', async () => {
  const { databases, node } = cluster()
  const journal = node('node-1')
  databases[1].available = false
  await expect(journal.acquire([5, 700])).rejects.toMatchObject({ code: 'journal_unavailable' })
  expect(databases[0].owners()).toMatchObject([{ shard: 5, epoch: 1 }])
  databases[1].available = true
  expect(await journal.acquire([5, 700])).toMatchObject([
    { shard: 5, epoch: 2 },
    { shard: 700, epoch: 1 },
  ])
})

test('rows that one database has lost are told before another’s absence', async () => {
  const { databases, node } = cluster()
  const journal = node('node-1')
  const own = await acquireOne(journal, 700)
  await appendAll(journal, own, [recordOf(700, 1, 1)])
  databases[1].loseRowsAfter(700, 1)
  databases[0].available = false
  await expect(journal.acquire([5, 700])).rejects.toMatchObject({
    code: 'journal_lost_acknowledged_rows',
    shards: [700],
  })
})

test('shards of a dead node are taken from all databases', async () => {
  const { membership, node } = cluster()
  await node('node-1').acquire([5, 700])
  const other = node('node-2')
  expect(await other.acquire([5, 700])).toEqual([])
  membership.declareDead({ node: 'node-1', incarnation: 'i1' }, undefined)
  expect(await other.acquire([5, 700])).toMatchObject([
    { shard: 5, epoch: 2 },
    { shard: 700, epoch: 2 },
  ])
})

test('parts that leave a gap or overlap are not put together', () => {
  const part = (first: number, last: number) => ({
    first,
    last,
    journal: new MemoryJournal(new MemoryDatabase(), { node: 'node-1', incarnation: 'i1', clock: new VirtualClock() }),
  })
  expect(() => new ShardedJournal([part(0, 10), part(12, 20)])).toThrow('one database each')
  expect(() => new ShardedJournal([part(0, 10), part(10, 20)])).toThrow('one database each')
  expect(() => new ShardedJournal([part(0, 10)]).databaseOf(11)).toThrow('one of the cluster')
})
