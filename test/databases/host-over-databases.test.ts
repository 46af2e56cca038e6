/** The actor host over a journal of two databases: what one of them does is no trouble of the other's shards. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CounterAnswer, type CounterCommand, counterKind } from '../../actors/counter-kind.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import { MemoryJournal } from '../../actors/journal-memory.ts'
import { MemoryDatabase } from '../../actors/memory-database.ts'
import { MemoryMembership } from '../../cluster/lease-store-memory.ts'
import type { RouteAnswer } from '../../cluster/router.ts'
import { addressOfName, shardCount } from '../../domain/ids.ts'
import { ShardedJournal } from '../../persistence/sharded-journal.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { seededRandom } from '../../runtime/random.ts'

const lastOfLow = shardCount / 2 - 1
const everyShard = Array.from({ length: shardCount }, (_, shard) => shard)
const names = Array.from({ length: 100 }, (_, n) => `counter-${n}`)
const low = names.find((name) => addressOfName(name).shard <= lastOfLow) ?? ''
const high = names.find((name) => addressOfName(name).shard > lastOfLow) ?? ''

let clock: VirtualClock
let databases: readonly [MemoryDatabase, MemoryDatabase]
let journals: readonly [MemoryJournal, MemoryJournal]
let host: Host
let troubles: string[]
let lost: number[]
let commands = 0

beforeEach(() => {
  clock = new VirtualClock()
  const membership = new MemoryMembership()
  databases = [new MemoryDatabase(membership), new MemoryDatabase(membership)]
  const self = { node: 'node-1', incarnation: 'i1', clock }
  journals = [new MemoryJournal(databases[0], self), new MemoryJournal(databases[1], self)]
  troubles = []
  lost = []
  host = new Host({
    name: 'two-databases',
    kinds: [counterKind],
    journal: new ShardedJournal([
      { first: 0, last: lastOfLow, journal: journals[0] },
      { first: lastOfLow + 1, last: shardCount - 1, journal: journals[1] },
    ]),
    clock,
    random: seededRandom(1),
    limits: defaultHostLimits,
    observer: {
      trouble: (what) => troubles.push(what),
      shardLost: (shard) => lost.push(shard),
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    runEffect: () => Promise.resolve(undefined),
  })
})

afterEach(async () => {
  for (const database of databases) database.available = true
  const stopping = host.stop()
  await pass(20_000)
  await stopping
})

/** Time, in steps, with everything that it makes due. */
async function pass(ms: number): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += 100) {
    clock.advance(100)
    for (let n = 0; n < 4; n += 1) await turn()
  }
}

async function send(counter: string, command: CounterCommand): Promise<RouteAnswer<CounterAnswer> | undefined> {
  let answer: RouteAnswer<CounterAnswer> | undefined
  const until = clock.monotonic() + 10_000
  void host
    .route<CounterAnswer>({
      id: (++commands).toString(16).padStart(32, '0'),
      ...addressOfName(counter),
      kind: 'counter',
      class: 'settle',
      bytes: 0,
      payload: command,
      deadline: until,
      waitUntil: until,
      attach: false,
    })
    .then((each) => (answer = each))
  for (let n = 0; n < 20; n += 1) await turn()
  return answer
}

const value = (n: number) => ({ kind: 'answered', answer: { kind: 'counter', value: n } })

test('shards of the database that answers are opened and serve; the others are opened when theirs is back', async () => {
  databases[1].available = false
  const { opened } = await host.openShards(everyShard)
  expect(opened.map(({ shard }) => shard)).toEqual(everyShard.slice(0, lastOfLow + 1))
  expect(troubles).toContain('open_failed')
  expect(await send(low, { type: 'Add', amount: 5 })).toMatchObject(value(5))
  expect(await send(high, { type: 'Add', amount: 5 })).toMatchObject({ reason: 'shard_not_owned' })
  databases[1].available = true
  expect((await host.openShards(everyShard)).opened).toHaveLength(shardCount)
  expect(await send(high, { type: 'Add', amount: 5 })).toMatchObject(value(5))
})

test('where no database answers, opening fails', async () => {
  for (const database of databases) database.available = false
  await expect(host.openShards(everyShard)).rejects.toMatchObject({ code: 'journal_unavailable' })
})

test('an uncertain shard is certain again while the other database is away, whose shards are not lost', async () => {
  await host.openShards(everyShard)
  for (const journal of journals) journal.failNextFlush('unknown_lost')
  // The clock stands still, and so does recovery, until time passes.
  await Promise.all([send(low, { type: 'Add', amount: 1 }), send(high, { type: 'Add', amount: 1 })])
  expect(host.stats().uncertain).toBe(2)
  databases[1].available = false
  await pass(3_000)
  expect(await send(low, { type: 'Read' })).toMatchObject(value(1))
  expect(host.stats().uncertain).toBe(1)
  databases[1].available = true
  await pass(3_000)
  // what waited meanwhile was refused: it was never stored
  expect(await send(high, { type: 'Add', amount: 2 })).toMatchObject(value(2))
  expect(host.stats().uncertain).toBe(0)
  expect(lost).toEqual([])
})

test('cursors of one database move on while the other is away', async () => {
  await host.openShards(everyShard)
  const cursorOf = (index: 0 | 1, counter: string) =>
    databases[index].shard(addressOfName(counter).shard).cursor.position
  await send(high, { type: 'Add', amount: 1 })
  databases[1].available = false
  for (let n = 1; n <= 3; n += 1) {
    await send(low, { type: 'Add', amount: 1 })
    await pass(3_000)
    expect(cursorOf(0, low)).toBe(1 + n)
  }
  expect(cursorOf(1, high)).toBeLessThan(2)
  databases[1].available = true
  await pass(3_000)
  expect(cursorOf(1, high)).toBe(2)
})
