import { afterEach, describe, expect, test } from 'vitest'
import type { Envelope } from '../cluster/router.ts'
import { addressOfName } from '../domain/ids.ts'
import { type HostLimits, defaultHostLimits } from './host.ts'
import { settle, stopHosts, TestHost } from './host-testing.ts'
import { MemoryDatabase } from './memory-database.ts'

const { shard, entity } = addressOfName('a')

afterEach(stopHosts)

const value = (n: number) => ({
  kind: 'answered',
  answer: expect.objectContaining({ kind: 'counter', value: n }),
})
const unavailable = (certainty: string, reason: string) => ({
  kind: 'unavailable',
  certainty,
  reason,
  retryAfterMs: expect.any(Number),
})

/** Two nodes over one journal: the first has every shard, the second none; what the first sends on goes to the second. */
async function twoNodes(limits: Partial<HostLimits> = {}) {
  const database = new MemoryDatabase()
  const forwarded: Envelope[] = []
  const old: TestHost = await TestHost.start(database, undefined, limits, {
    node: 'node-1',
    forward: (envelope) => {
      forwarded.push(envelope)
      return young.host.route(envelope)
    },
  })
  const young = await TestHost.start(database, old.clock, limits, { node: 'node-2', shards: [] })
  return { database, old, young, forwarded }
}

describe('a planned hand-off', () => {
  test('releases at the last position, drops the entities, and the next owner goes on from there', async () => {
    const { database, old, young } = await twoNodes()
    old.send('a', { type: 'Add', amount: 5 })
    await settle()
    const [released] = await old.host.releaseShards([shard])
    expect(released).toEqual({
      shard,
      epoch: database.shard(shard).epoch,
      position: database.shard(shard).rows.length,
      darkMs: expect.any(Number),
    })
    expect(old.host.ownedShards).not.toContain(shard)
    expect(old.host.stats()).toMatchObject({ entities: 0, timers: 0 })
    expect(old.lost).toEqual([])
    const { opened } = await young.host.openShards([shard])
    expect(opened).toEqual([{ shard, epoch: (released?.epoch ?? 0) + 1 }])
    expect(await young.read('a')).toEqual(value(5))
  })

  test('admits nothing from its first moment on, and loses nothing that was on its way to the journal', async () => {
    const { old, young } = await twoNodes()
    const hung = old.journal.hangNextFlush()
    const before = old.send('a', { type: 'Add', amount: 5 })
    await settle()
    const releasing = old.host.releaseShards([shard])
    await settle()
    const during = old.send('a', { type: 'Add', amount: 6 })
    await settle()
    expect(before.answer).toBeUndefined()
    expect(during.answer).toEqual(unavailable('not_accepted', 'shard_moved'))
    hung.release()
    expect(await releasing).toHaveLength(1)
    await settle()
    expect(before.answer).toEqual(value(5))
    await young.host.openShards([shard])
    expect(await young.read('a')).toEqual(value(5))
  })

  test('sends commands that were not decided yet to the next owner, as not accepted', async () => {
    const { database, old } = await twoNodes({ pipelineMax: 1 })
    const hung = old.journal.hangNextFlush()
    const decided = old.send('a', { type: 'Add', amount: 5 })
    const queued = old.send('a', { type: 'Add', amount: 6 })
    await settle()
    const releasing = old.host.releaseShards([shard])
    await settle()
    hung.release()
    await releasing
    await settle()
    expect(decided.answer).toEqual(value(5))
    expect(queued.answer).toEqual(unavailable('not_accepted', 'shard_moved'))
    expect(database.shard(shard).rows.filter((row) => row.entity === entity)).toHaveLength(1)
  })

  test('lets who waits for an outcome wait at the next owner, where the running call is answered once', async () => {
    const { old, young, forwarded } = await twoNodes()
    const first = old.send('a', { type: 'Call', key: 'k' })
    await settle()
    await old.host.releaseShards([shard])
    await settle()
    expect(first.answer).toEqual(unavailable('acceptance_unknown', 'shard_moved'))
    await young.host.openShards([shard])
    const again = young.send('a', { type: 'Call', key: 'k' })
    await settle()
    expect(again.answer).toBeUndefined()
    // The call that the old owner began ends there, and its outcome finds the payment where it is.
    old.effects[0]?.end('done')
    await settle()
    expect(forwarded).toMatchObject([{ shard, entity, kind: 'counter', class: 'internal' }])
    expect(again.answer).toMatchObject({ kind: 'answered', answer: { results: { k: 'done' } } })
    // The next owner had asked about it too: its answer changes nothing.
    expect(young.effects.map(({ effect }) => effect)).toEqual([{ kind: 'inquire', key: 'k' }])
    young.effects[0]?.end('done')
    await settle()
    expect(await young.read('a')).toMatchObject({ answer: { results: { k: 'done' } } })
    expect(old.troubles).toEqual([])
  })

  test('drops no outcome that waits in an inbox (akkadotnet/akka.net#8501)', async () => {
    const { old, young, forwarded } = await twoNodes({ pipelineMax: 1 })
    old.send('a', { type: 'Call', key: 'k' })
    await settle()
    const hung = old.journal.hangNextFlush()
    old.send('a', { type: 'Add', amount: 1 })
    await settle()
    old.effects[0]?.end('done')
    await settle()
    const releasing = old.host.releaseShards([shard])
    await settle()
    hung.release()
    await releasing
    await young.host.openShards([shard])
    await settle()
    expect(forwarded).toHaveLength(1)
    // It was sent on before anyone owned the shard: the road to the owner holds it (the cluster's router does).
    await young.host.route(forwarded[0] as Envelope)
    expect(await young.read('a')).toMatchObject({ answer: { value: 1, results: { k: 'done' } } })
  })

  test('says so where an outcome could not be sent on', async () => {
    const { old } = await twoNodes()
    old.send('a', { type: 'Call', key: 'k' })
    await settle()
    await old.host.releaseShards([shard])
    old.effects[0]?.end('done')
    await settle()
    expect(old.troubles).toEqual(['forward_failed'])
  })

  test('a shard whose last commit is of unknown outcome is not released: it is lost, and whoever takes it finds the row', async () => {
    const { database, old } = await twoNodes()
    const hung = old.journal.hangNextFlush()
    const added = old.send('a', { type: 'Add', amount: 5 })
    await settle()
    const releasing = old.host.releaseShards([shard])
    await settle()
    hung.giveUp()
    expect(await releasing).toEqual([])
    expect(added.answer).toEqual(unavailable('acceptance_unknown', 'shard_moved'))
    expect(old.lost).toEqual([shard])
    hung.release()
    const next = await TestHost.start(database, old.clock, {}, { node: 'node-1', shards: [shard] })
    expect(await next.read('a')).toEqual(value(5))
  })

  test('a release that takes too long is not waited for, and admits nothing afterwards', async () => {
    const { old } = await twoNodes()
    const hung = old.journal.hangNextFlush()
    const added = old.send('a', { type: 'Add', amount: 5 })
    await settle()
    const releasing = old.host.releaseShards([shard])
    await settle()
    old.clock.advance(defaultHostLimits.handOffMs)
    expect(await releasing).toEqual([])
    expect(added.answer).toEqual(unavailable('acceptance_unknown', 'shard_moved'))
    expect(old.lost).toEqual([shard])
    expect(old.troubles).toEqual(['release_failed'])
    const late = old.send('a', { type: 'Add', amount: 6 })
    await settle()
    expect(late.answer).toEqual(unavailable('not_accepted', 'shard_not_owned'))
    hung.release()
    await settle()
  })

  test('of many shards at once gives all away, and a shard taken back is served again', async () => {
    const { old } = await twoNodes()
    const all = old.host.ownedShards
    const released = await old.host.releaseShards(all)
    expect(released).toHaveLength(all.length)
    expect(old.host.ownedShards).toEqual([])
    const { opened } = await old.host.openShards([shard])
    expect(opened).toHaveLength(1)
    old.send('a', { type: 'Add', amount: 3 })
    await settle()
    expect(await old.read('a')).toEqual(value(3))
  })
})

describe('a command that comes again while it is under way', () => {
  test('waits with the first and gets the same answer', async () => {
    const { old } = await twoNodes()
    const id = 'f'.repeat(32)
    const first = old.send('a', { type: 'Call', key: 'k' }, { id })
    await settle()
    const repeat = old.send('a', { type: 'Call', key: 'k' }, { id })
    await settle()
    expect(repeat.answer).toBeUndefined()
    old.effects[0]?.end('done')
    await settle()
    expect(first.answer).toMatchObject({ kind: 'answered', answer: { results: { k: 'done' } } })
    expect(repeat.answer).toEqual(first.answer)
    expect(old.effects).toHaveLength(1)
  })

  test('is told at its own deadline that nobody knows', async () => {
    const { old } = await twoNodes()
    const id = 'f'.repeat(32)
    old.send('a', { type: 'Call', key: 'k' }, { id })
    const repeat = old.send('a', { type: 'Call', key: 'k' }, { id, deadline: old.clock.monotonic() + 50 })
    await settle()
    old.clock.advance(60)
    await settle()
    expect(repeat.answer).toEqual(unavailable('acceptance_unknown', 'deadline_passed'))
  })

  test('finds a bounded number of places beside the first', async () => {
    const { old } = await twoNodes()
    const id = 'f'.repeat(32)
    const sent = Array.from({ length: 20 }, () => old.send('a', { type: 'Call', key: 'k' }, { id }))
    await settle()
    const refused = sent.filter(({ answer }) => answer !== undefined)
    expect(refused.length).toBeGreaterThan(0)
    for (const { answer } of refused) expect(answer).toEqual(unavailable('acceptance_unknown', 'overloaded'))
    old.effects[0]?.end('done')
    await settle()
    expect(sent.every(({ answer }) => answer !== undefined)).toBe(true)
  })
})

describe('opening', () => {
  test('a shard with many open calls serves before they are all read, and asks about each once', async () => {
    const { database, old } = await twoNodes()
    // All in one shard: the counter's kind takes any entity of it.
    const entities = Array.from({ length: 300 }, (_, n) => (n + 1).toString(16).padStart(32, '0'))
    for (const [n, each] of entities.entries()) {
      old.send('a', { type: 'Call', key: `k${n}` }, { entity: each, shard })
    }
    await settle()
    expect(old.effects).toHaveLength(300)
    const young = await TestHost.start(database, old.clock, { warmUpMax: 8 }, { node: 'node-1', shards: [shard] })
    expect(young.host.stats().unread).toBeGreaterThan(200)
    expect(young.host.stats().entities).toBeLessThan(100)
    const read = young.send('a', { type: 'Read' }, { class: 'read' })
    for (let n = 0; n < 40; n += 1) await settle()
    expect(read.answer).toEqual(value(0))
    expect(young.host.stats().unread).toBe(0)
    expect(new Set(young.effects.map(({ effect }) => effect.key)).size).toBe(300)
    expect(young.effects).toHaveLength(300)
  })

  test('no cursor passes rows that nobody has looked at yet', async () => {
    const { database, old } = await twoNodes()
    for (let n = 1; n <= 50; n += 1) {
      old.send('a', { type: 'Call', key: 'k' }, { entity: n.toString(16).padStart(32, '0'), shard })
    }
    await settle()
    const young = await TestHost.start(database, old.clock, { warmUpMax: 1 }, { node: 'node-1', shards: [shard] })
    expect(young.host.stats().unread).toBeGreaterThan(0)
    await young.host.flush()
    // The timers of all fifty are found by whoever comes next, from the tail or from their rows.
    const third = await TestHost.start(database, old.clock, {}, { node: 'node-1', shards: [shard] })
    for (let n = 0; n < 10; n += 1) await settle()
    expect(third.effects).toHaveLength(50)
  })

  test('a command that comes while its shard is being taken is served as soon as it is', async () => {
    const { database, old } = await twoNodes()
    await old.host.releaseShards([shard])
    const opening = old.host.openShards([shard])
    const early = old.send('a', { type: 'Add', amount: 5 })
    await opening
    await settle()
    expect(early.answer).toEqual(value(5))
    // Where the shard cannot be taken, nobody waits for it.
    await old.host.releaseShards([shard])
    database.available = false
    const failing = old.host.openShards([shard])
    const vain = old.send('a', { type: 'Add', amount: 5 })
    await expect(failing).rejects.toMatchObject({ code: 'journal_unavailable' })
    await settle()
    expect(vain.answer).toEqual(unavailable('not_accepted', 'shard_not_owned'))
    database.available = true
  })

  test('shards that are open here already stay as they are', async () => {
    const { database, old } = await twoNodes()
    const { epoch } = database.shard(shard)
    expect(await old.host.openShards([shard])).toEqual({ opened: [{ shard, epoch }] })
    expect(database.shard(shard).epoch).toBe(epoch)
  })

  test('the load of a shard is the commands since it was last asked for', async () => {
    const { old } = await twoNodes()
    old.host.takeLoad()
    old.send('a', { type: 'Add', amount: 1 })
    old.send('a', { type: 'Read' }, { class: 'read' })
    await settle()
    expect(old.host.takeLoad().find((each) => each.shard === shard)).toEqual({ shard, commands: 2 })
    expect(old.host.takeLoad().find((each) => each.shard === shard)).toEqual({ shard, commands: 0 })
  })
})
