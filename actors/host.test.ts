import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { addressOfName } from '../domain/ids.ts'
import { counterTimerMs } from './counter-kind.ts'
import { defaultHostLimits } from './host-options.ts'
import { settle, stopHosts, stops, TestHost } from './host-testing.ts'
import { JournalError } from './journal.ts'
import { MemoryDatabase } from './memory-database.ts'

afterEach(stopHosts)

const value = (n: number) => ({
  kind: 'answered',
  answer: expect.objectContaining({ kind: 'counter', value: n }),
})
const rejected = { kind: 'answered', answer: { kind: 'rejected', code: 'too_much' } }
const unavailable = (certainty: string, reason: string) => ({
  kind: 'unavailable',
  certainty,
  reason,
  retryAfterMs: expect.any(Number),
})

describe('the output gate (I4)', () => {
  test('an answer leaves only after its decision is durable', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const hung = node.journal.hangNextFlush()
    const added = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    expect(added.answer).toBeUndefined()
    hung.release()
    await settle()
    expect(added.answer).toEqual(value(5))
  })

  test('a read waits for the decisions of the state it saw', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const hung = node.journal.hangNextFlush()
    node.send('a', { type: 'Add', amount: 5 })
    const read = node.send('a', { type: 'Read' }, { class: 'read' })
    await settle()
    expect(read.answer).toBeUndefined()
    hung.release()
    await settle()
    expect(read.answer).toEqual(value(5))
  })

  test('a refusal decided on a speculative state whose commit then fails is never sent', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.journal.failNextFlush('refused')
    const large = node.send('a', { type: 'Add', amount: 90 })
    const refusedOnSpeculation = node.send('a', { type: 'Add', amount: 20 })
    await settle()
    // The first was decided again and took its place; the refusal was decided again on what is really there.
    expect(large.answer).toEqual(value(90))
    expect(refusedOnSpeculation.answer).toEqual(rejected)
  })

  test('a refusal on a speculative state is decided anew when that state never became durable', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    // The large addition is refused by the journal twice, so that it is gone for good; the small one then fits.
    node.journal.failNextFlush('refused')
    const large = node.send('a', { type: 'Add', amount: 90 })
    const small = node.send('a', { type: 'Add', amount: 20 })
    for (let n = 0; n < 40 && node.troubles.length === 0; n += 1) await turn()
    node.journal.failNextFlush('refused')
    await settle()
    expect(large.answer).toEqual(unavailable('not_accepted', 'journal_unavailable'))
    expect(small.answer).not.toEqual(rejected)
  })

  test('an effect leaves only after its decision is durable', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const hung = node.journal.hangNextFlush()
    node.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(node.effects).toEqual([])
    hung.release()
    await settle()
    expect(node.effects.map(({ effect }) => effect)).toEqual([{ kind: 'send', key: 'k' }])
  })

  test('a node whose shard was taken over answers no read from its old state', async () => {
    const database = new MemoryDatabase()
    const old = await TestHost.start(database)
    old.send('a', { type: 'Add', amount: 5 })
    await settle()
    const young = await TestHost.start(database)
    young.send('a', { type: 'Add', amount: 7 })
    await settle()
    expect(await old.read('a')).toEqual(unavailable('not_accepted', 'shard_moved'))
    expect(await young.read('a')).toEqual(value(12))
  })
})

describe('commits that fail', () => {
  test('a refused commit is decided once more, then told as not accepted', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.journal.failNextFlush('refused')
    const first = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    expect(first.answer).toEqual(value(5))
    expect(await node.read('a')).toEqual(value(5))
  })

  test('an unknown commit that did commit is answered once, and its effect runs once', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.journal.failNextFlush('unknown_committed')
    const called = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    node.clock.advance(1)
    await settle()
    expect(node.effects.map(({ effect }) => effect)).toEqual([{ kind: 'send', key: 'k' }])
    node.effects[0]?.end('done')
    await settle()
    expect(called.answer).toEqual({
      kind: 'answered',
      answer: { kind: 'counter', value: 0, results: { k: 'done' }, replayed: false },
    })
  })

  test('an unknown commit that was lost is decided again, once', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.journal.failNextFlush('unknown_lost')
    const added = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    node.clock.advance(1)
    await settle()
    expect(added.answer).toEqual(value(5))
    expect(await node.read('a')).toEqual(value(5))
  })

  test('while the journal is away commands are refused as not accepted, and served again by itself afterwards', async () => {
    const database = new MemoryDatabase()
    const node = await TestHost.start(database)
    await node.read('a')
    database.available = false
    const during = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    for (let n = 0; n < 20; n += 1) {
      node.clock.advance(100)
      await settle()
    }
    expect(during.answer).toEqual(unavailable('not_accepted', 'journal_unavailable'))
    const later = node.send('a', { type: 'Add', amount: 6 })
    await settle()
    expect(later.answer).toEqual(unavailable('not_accepted', 'journal_unavailable'))
    database.available = true
    for (let n = 0; n < 20; n += 1) {
      node.clock.advance(100)
      await settle()
    }
    const after = node.send('a', { type: 'Add', amount: 7 })
    await settle()
    expect(after.answer).toEqual(value(7))
  })

  test('a database that does not answer once costs time, and no answer: entities are read again, ownership is proved again', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const { journal } = node
    const [load, prove] = [journal.load.bind(journal), journal.proveOwnership.bind(journal)]
    let failures = 2
    const failing = <Result>(work: () => Promise<Result>): Promise<Result> => {
      failures -= 1
      return failures >= 0 ? Promise.reject(new JournalError('journal_unavailable', 'no connection in time')) : work()
    }
    journal.load = (key) => (failures === 2 ? failing(() => load(key)) : load(key))
    journal.proveOwnership = (ownership) => failing(() => prove(ownership))
    const read = node.send('a', { type: 'Read' })
    await settle()
    expect(read.answer).toBeUndefined()
    node.clock.advance(defaultHostLimits.loadRetryMs)
    await settle()
    expect(failures).toBe(-1)
    expect(read.answer).toEqual(value(0))
  })

  test('a read whose ownership cannot be proved twice in a row is refused', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    await node.read('a')
    let proofs = 0
    node.journal.proveOwnership = () => {
      proofs += 1
      return Promise.reject(new JournalError('journal_unavailable', 'no connection in time'))
    }
    expect(await node.read('a')).toEqual(unavailable('not_accepted', 'journal_unavailable'))
    expect(proofs).toBe(2)
  })

  test('an entity that cannot be read twice in a row refuses who waits for it, and is read again by itself', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const load = node.journal.load.bind(node.journal)
    node.journal.load = () => Promise.reject(new JournalError('journal_unavailable', 'no connection in time'))
    const added = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    expect(added.answer).toBeUndefined()
    node.clock.advance(defaultHostLimits.loadRetryMs)
    await settle()
    expect(added.answer).toEqual(unavailable('not_accepted', 'journal_unavailable'))
    node.journal.load = load
    const again = node.send('a', { type: 'Add', amount: 5 })
    await settle()
    expect(again.answer).toEqual(value(5))
  })

  test('an outcome that came back while the journal was away is not lost', async () => {
    const database = new MemoryDatabase()
    const node = await TestHost.start(database)
    const called = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    database.available = false
    node.effects[0]?.end('done')
    for (let n = 0; n < 20; n += 1) {
      node.clock.advance(100)
      await settle()
    }
    database.available = true
    for (let n = 0; n < 40; n += 1) {
      node.clock.advance(100)
      await settle()
    }
    expect(called.answer).toEqual({
      kind: 'answered',
      answer: { kind: 'counter', value: 0, results: { k: 'done' }, replayed: false },
    })
    expect(node.effects).toHaveLength(1)
  })

  test('a node that lost its shards drops their entities and says so', async () => {
    const database = new MemoryDatabase()
    const old = await TestHost.start(database)
    await old.read('a')
    await TestHost.start(database)
    const late = old.send('a', { type: 'Add', amount: 5 })
    await settle()
    expect(late.answer?.kind).toBe('unavailable')
    expect(old.lost).toContain(addressOfName('a').shard)
    expect(old.host.stats().entities).toBe(0)
  })
})

describe('requests that wait', () => {
  test('a second request with the same key is told that the key is in use', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.send('a', { type: 'Call', key: 'k' })
    const second = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(second.answer).toEqual({ kind: 'answered', answer: { kind: 'in_use' } })
    expect(node.effects).toHaveLength(1)
  })

  test('one that asks to wait gets the same outcome, marked as a replay', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const first = node.send('a', { type: 'Call', key: 'k' })
    const second = node.send('a', { type: 'Call', key: 'k' }, { attach: true })
    await settle()
    node.effects[0]?.end('done')
    await settle()
    expect(first.answer).toMatchObject({ answer: { results: { k: 'done' }, replayed: false } })
    expect(second.answer).toMatchObject({ answer: { results: { k: 'done' }, replayed: true } })
  })

  test('after the wait the answer is the state as it is, and a repeat takes its place', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const first = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    node.clock.advance(10_050)
    await settle()
    expect(first.answer).toMatchObject({ answer: { kind: 'counter', results: {} } })
    const repeat = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(repeat.answer).toBeUndefined()
    for (const { end } of node.effects) end('done')
    await settle()
    expect(repeat.answer).toMatchObject({ answer: { results: { k: 'done' }, replayed: true } })
  })

  test('a replay shows the state of the concluding decision, not the present one', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.send('a', { type: 'Call', key: 'k' })
    await settle()
    node.effects[0]?.end('done')
    await settle()
    node.send('a', { type: 'Add', amount: 9 })
    await settle()
    const replay = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(replay.answer).toEqual({
      kind: 'answered',
      answer: { kind: 'counter', value: 0, results: { k: 'done' }, replayed: true },
    })
    expect(await node.read('a')).toEqual(value(9))
  })
})

describe('crashes', () => {
  test('a call without outcome is found when the shard opens, and asked about', async () => {
    const database = new MemoryDatabase()
    const first = await TestHost.start(database)
    first.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(first.effects).toHaveLength(1)
    // Never flushed its cursor, never answered: as after a kill -9.
    const second = await TestHost.start(database, first.clock)
    await settle()
    expect(second.effects.map(({ effect }) => effect)).toEqual([{ kind: 'inquire', key: 'k' }])
  })

  test('a call whose timer row was stored is found by that row', async () => {
    const database = new MemoryDatabase()
    const first = await TestHost.start(database)
    first.send('a', { type: 'Call', key: 'k' })
    await settle()
    first.clock.advance(600)
    await settle()
    const rows = await first.journal.timersDue([addressOfName('a').shard], Number.MAX_SAFE_INTEGER)
    expect(rows).toMatchObject([{ kind: 'counter.call', operation: 'k' }])
    const second = await TestHost.start(database, first.clock)
    await settle()
    expect(second.effects.map(({ effect }) => effect)).toEqual([{ kind: 'inquire', key: 'k' }])
  })

  test('a timer fires once when it is due, and not for what has ended', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.send('a', { type: 'Call', key: 'open' })
    node.send('b', { type: 'Call', key: 'ended' })
    await settle()
    node.effects.find(({ effect }) => effect.key === 'ended')?.end('done')
    await settle()
    node.clock.advance(600)
    await settle()
    node.clock.advance(counterTimerMs)
    await settle()
    expect(node.effects.map(({ effect }) => `${effect.kind} ${effect.key}`).sort()).toEqual([
      'inquire open',
      'send ended',
      'send open',
    ])
  })

  test('a failed assertion rebuilds the entity from the journal; the command is refused after the second time', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    node.send('a', { type: 'Add', amount: 5 })
    const broken = node.send('a', { type: 'Break' })
    const after = node.send('a', { type: 'Add', amount: 6 })
    await settle()
    await settle()
    expect(broken.answer).toEqual(unavailable('not_accepted', 'command_failed'))
    expect(after.answer).toEqual(value(11))
    expect(node.troubles).toEqual(['entity_crashed', 'entity_crashed'])
  })

  test('an entity whose rows cannot be folded is quarantined; its shard goes on', async () => {
    const database = new MemoryDatabase()
    const first = await TestHost.start(database)
    first.send('a', { type: 'Add', amount: 5 })
    first.send('b', { type: 'Add', amount: 6 })
    await settle()
    const { shard, entity } = addressOfName('a')
    const stored = database.shard(shard)
    stored.rows = stored.rows.map((row) => (row.entity === entity ? { ...row, data: Buffer.from([0xc1]) } : row))
    const second = await TestHost.start(database, first.clock)
    expect(await second.read('a')).toEqual(unavailable('not_accepted', 'entity_quarantined'))
    expect(await second.read('b')).toEqual(value(6))
    expect(second.troubles).toContain('entity_quarantined')
  })
})

describe('bounds', () => {
  test('an inbox is bounded: beyond it commands are refused as overloaded, facts are not', async () => {
    const node = await TestHost.start(new MemoryDatabase(), undefined, { inboxMax: 4, pipelineMax: 1 })
    const hung = node.journal.hangNextFlush()
    const sent = Array.from({ length: 10 }, () => node.send('a', { type: 'Add', amount: 1 }))
    await settle()
    expect(sent.filter(({ answer }) => answer?.kind === 'unavailable').length).toBeGreaterThan(0)
    hung.release()
    await settle()
    await settle()
    const taken = sent.filter(({ answer }) => answer?.kind === 'answered').length
    expect(await node.read('a')).toEqual(value(taken))
  })

  test('memory is bounded: idle entities leave, and come back as they were', async () => {
    const node = await TestHost.start(new MemoryDatabase(), undefined, { residentBytesMax: 50_000, snapshotEvery: 2 })
    for (let n = 0; n < 200; n += 1) node.send(`counter-${n}`, { type: 'Add', amount: 3 })
    await settle()
    for (let n = 0; n < 200; n += 1) node.send(`counter-${n}`, { type: 'Add', amount: 4 })
    await settle()
    node.clock.advance(600)
    await settle()
    expect(node.host.stats().residentBytes).toBeLessThanOrEqual(50_000)
    expect(node.host.stats().entities).toBeLessThan(200)
    for (const n of [0, 57, 199]) expect(await node.read(`counter-${n}`)).toEqual(value(7))
  })

  test('a read is answered before its entity leaves, however little memory there is', async () => {
    const node = await TestHost.start(new MemoryDatabase(), undefined, { residentBytesMax: 1 })
    for (const counter of ['a', 'b']) node.send(counter, { type: 'Add', amount: 3 })
    await settle()
    node.clock.advance(600)
    await settle()
    expect(await node.read('a')).toEqual(value(3))
    expect(await node.read('a')).toEqual(value(3))
    expect(node.host.stats().entities).toBe(0)
  })

  test('new payments are refused before anything else when the node has too much in hand', async () => {
    const node = await TestHost.start(new MemoryDatabase(), undefined, { pendingMax: 10 })
    const hung = node.journal.hangNextFlush()
    for (let n = 0; n < 8; n += 1) node.send(`c${n}`, { type: 'Add', amount: 1 })
    const begin = node.send('x', { type: 'Add', amount: 1 }, { class: 'begin' })
    const settleClass = node.send('y', { type: 'Add', amount: 1 }, { class: 'settle' })
    await settle()
    expect(begin.answer).toEqual(unavailable('not_accepted', 'overloaded'))
    hung.release()
    await settle()
    expect(settleClass.answer).toEqual(value(1))
  })

  test('a host that stops answers what it accepted and takes nothing new', async () => {
    const node = await TestHost.start(new MemoryDatabase())
    const called = node.send('a', { type: 'Call', key: 'k' })
    await settle()
    const stopping = node.host.stop()
    const late = node.send('b', { type: 'Add', amount: 1 })
    await settle()
    expect(late.answer).toEqual(unavailable('not_accepted', 'stopping'))
    node.effects[0]?.end('done')
    await settle()
    node.clock.advance(20)
    await settle()
    await stopping
    expect(called.answer).toMatchObject({ answer: { results: { k: 'done' } } })
    stops.length = 0
  })
})
