import { describe, expect, test } from 'vitest'
import { seededRandom } from '../runtime/random.ts'
import { done, linked, n1, n2, Rig, type Sent, unavailable } from './cluster-router-testing.ts'
import type { TrafficClass } from './router.ts'

describe('deadlines', () => {
  test('an attempt under way ends with its envelope’s deadline, to the millisecond', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 100 })
    expect(rig.last().timeoutMs).toBe(100)
    await rig.pass(99)
    expect(sent.answer).toBeUndefined()
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('deadline_passed', 'acceptance_unknown'))
    expect(rig.router.stats()).toMatchObject({ underWay: 0, held: 0 })
  })

  test('an envelope whose deadline has passed is sent to nobody', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 0 })
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('deadline_passed'))
    expect(rig.calls).toEqual([])
  })

  test('the time that is left travels, not the instant', async () => {
    const rig = linked()
    rig.own(0, n1, 2, true)
    const now = rig.clock.monotonic()
    rig.send(0, { deadline: now + 1_000, waitUntil: now + 600 })
    await rig.pass(300)
    rig.own(0, n2, 3)
    await rig.pass(1)
    expect(rig.last().envelope).toMatchObject({ graceMs: 400 })
    expect(rig.last().envelope.remainingMs).toBeLessThanOrEqual(700)
    expect(rig.last().envelope.remainingMs).toBeGreaterThan(690)
  })
})

describe('bounds', () => {
  const limits = { heldMax: 10, heldPerShardMax: 10, heldInternalMax: 3 }

  function fill(rig: Rig, count: number, trafficClass: TrafficClass): Sent[] {
    return Array.from({ length: count }, () => rig.send(0, { class: trafficClass }))
  }

  function refused(sent: readonly Sent[]): number {
    return sent.filter(({ answer }) => answer !== undefined).length
  }

  test('new payments are refused first, then reads, then what settles; internal ones have room of their own', async () => {
    const rig = new Rig({ limits })
    const begin = fill(rig, 9, 'begin')
    const read = fill(rig, 2, 'read')
    const settle = fill(rig, 2, 'settle')
    const internal = fill(rig, 4, 'internal')
    await rig.pass(1)
    expect([begin, read, settle, internal].map(refused)).toEqual([1, 1, 1, 1])
    expect(begin.at(-1)?.answer).toEqual(unavailable('overloaded'))
    expect(rig.refused).toEqual(['begin', 'read', 'settle', 'internal'].map((each) => [each, 'overloaded']))
    expect(rig.router.stats()).toMatchObject({ held: 13, shed: 4 })
  })

  test('one shard cannot take the room of all', async () => {
    const rig = new Rig({ limits: { ...limits, heldPerShardMax: 4 } })
    const hot = fill(rig, 6, 'settle')
    const other = rig.send(1)
    await rig.pass(1)
    expect(refused(hot)).toBe(2)
    expect(other.answer).toBeUndefined()
  })

  test('what is held is bounded in bytes', async () => {
    const rig = new Rig({ limits: { heldBytesMax: 1_000 } })
    const [fits, not] = [rig.send(0, { bytes: 900 }), rig.send(0, { bytes: 200 })]
    await rig.pass(1)
    expect(fits.answer).toBeUndefined()
    expect(not.answer).toEqual(unavailable('overloaded'))
  })

  test('nobody is held longer than the bound; internal ones are, until their deadline', async () => {
    const rig = new Rig({ limits: { holdMs: 200 } })
    const merchant = rig.send(0)
    const internal = rig.send(0, { class: 'internal', withinMs: 400 })
    const behind = rig.send(1, { class: 'internal', withinMs: 400 })
    await rig.pass(260)
    expect(merchant.answer).toEqual(unavailable('no_owner'))
    expect(internal.answer).toBeUndefined()
    await rig.pass(150)
    expect(internal.answer).toEqual(unavailable('no_owner'))
    expect(behind.answer).toEqual(unavailable('no_owner'))
  })

  test('many that were held leave a few at a time, shards in turn', async () => {
    const rig = new Rig({ limits: { releaseMax: 6, releasePerShardMax: 4, releaseEveryMs: 10 } })
    for (let n = 0; n < 20; n += 1) rig.send(n % 2)
    rig.links.up(n1)
    for (const shard of [0, 1]) rig.own(shard, n1, 1)
    await rig.pass(1)
    expect(rig.calls.map(({ envelope }) => envelope.shard)).toEqual([0, 0, 0, 0, 1, 1])
    await rig.pass(10)
    expect(rig.calls).toHaveLength(12)
    await rig.pass(30)
    expect(rig.calls).toHaveLength(20)
    expect(rig.router.stats().held).toBe(0)
  })

  test('internal ones go on where others are told to come back', async () => {
    const rig = linked()
    const fact = rig.send(0, { class: 'internal', withinMs: 60_000 })
    rig.last().answer(unavailable('journal_unavailable'))
    const merchant = rig.send(0)
    expect(rig.calls).toHaveLength(2)
    rig.last().answer(unavailable('journal_unavailable'))
    await rig.pass(1_001)
    expect(merchant.answer).toEqual(unavailable('journal_unavailable'))
    expect(rig.calls).toHaveLength(3)
    rig.last().answer(done)
    await rig.pass(1)
    expect(fact.answer).toEqual(done)
  })
})

test('a router that stops answers what it holds, and takes nothing more', async () => {
  const rig = linked()
  const away = rig.send(0)
  const call = rig.last()
  rig.own(1, n1, 2, true)
  const held = rig.send(1)
  rig.router.stop()
  const late = rig.send(0)
  await rig.pass(1)
  expect(held.answer).toEqual(unavailable('stopping'))
  expect(late.answer).toEqual(unavailable('stopping'))
  expect(away.answer).toBeUndefined()
  call.answer(done)
  await rig.pass(1)
  expect(away.answer).toEqual(done)
  expect(rig.clock.pending).toBe(0)
})

test('whatever owners, links and tables do, every envelope has one answer by its deadline, and no lane is left', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed)
    const rig = linked()
    const sent: { readonly sent: Sent; readonly deadline: number }[] = []
    let epoch = 1
    for (let step = 0; step < 300; step += 1) {
      const chance = random.float()
      const shard = Math.floor(random.float() * 3)
      if (chance < 0.4) {
        const withinMs = 20 + Math.floor(random.float() * 400)
        sent.push({ sent: rig.send(shard, { withinMs }), deadline: rig.clock.monotonic() + withinMs })
      } else if (chance < 0.5) rig.own(shard, random.float() < 0.5 ? n1 : n2, (epoch += 1), random.float() < 0.3)
      else if (chance < 0.55) rig.links.down(n1)
      else if (chance < 0.65) rig.links.up(n1)
      else {
        const call = rig.calls[Math.floor(random.float() * rig.calls.length)]
        const how = random.float()
        if (how < 0.4) call?.answer(done)
        else if (how < 0.6) call?.answer(unavailable('shard_moved', 'not_accepted', { ...n2, epoch: epoch - 1 || 1 }))
        else if (how < 0.8) call?.answer(unavailable('shard_not_owned'))
        else call?.fail('link_lost')
      }
      await rig.pass(Math.floor(random.float() * 6))
      for (const each of sent) {
        if (rig.clock.monotonic() > each.deadline) expect(each.sent.answer, `seed ${seed}`).toBeDefined()
      }
    }
    await rig.pass(800)
    expect(rig.router.stats(), `seed ${seed}`).toMatchObject({ held: 0, underWay: 0, routed: sent.length })
    expect(rig.clock.pending, `seed ${seed}`).toBe(0)
  }
})
