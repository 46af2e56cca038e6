import { describe, expect, test } from 'vitest'
import { done, linked, n1, n2, Rig, unavailable } from './cluster-router-testing.ts'
import { nameOf, sameIncarnation } from './member.ts'
import type { Envelope, RouteAnswer, Router } from './router.ts'

describe('a shard with an owner', () => {
  test('is asked over the link to that incarnation, and nobody else', async () => {
    const rig = linked()
    rig.own(3, n2, 2)
    const [a, b] = [rig.send(0), rig.send(3)]
    expect(rig.calls.map(({ to, envelope }) => [to, envelope.shard])).toEqual([
      ['n1', 0],
      ['n2', 3],
    ])
    for (const call of rig.calls) call.answer(done)
    await rig.pass(1)
    expect([a.answer, b.answer]).toEqual([done, done])
    expect(rig.router.stats()).toMatchObject({ routed: 2, forwarded: 2, retried: 0, held: 0, underWay: 0 })
  })

  test('is asked here where this process is the owner', async () => {
    const seen: Envelope[] = []
    const local: Router = {
      route: (envelope) => {
        seen.push(envelope)
        return Promise.resolve(done as RouteAnswer<never>)
      },
    }
    const rig = linked({ self: n1, local })
    const sent = rig.send(0)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    expect(seen).toHaveLength(1)
    expect(rig.router.stats()).toMatchObject({ local: 1, forwarded: 0 })
  })

  test('a refusal that is the owner’s own reaches the caller as it is', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().answer(unavailable('journal_unavailable'))
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('journal_unavailable'))
    expect(rig.refused).toEqual([['settle', 'journal_unavailable']])
  })

  test('a refusal of the local owner is told with its reason', async () => {
    const local: Router = { route: () => Promise.resolve(unavailable('entity_quarantined')) }
    const rig = linked({ self: n1, local })
    const sent = rig.send(0)
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('entity_quarantined'))
    expect(rig.refused).toEqual([['settle', 'entity_quarantined']])
  })

  test('what the link cost beyond the owner’s own time is measured', async () => {
    const rig = linked()
    rig.send(0)
    await rig.pass(7)
    rig.last().answer(done, 5)
    await rig.pass(1)
    expect(rig.hops).toEqual([2])
  })
})

describe('a shard that is elsewhere', () => {
  test('is found by what the wrong owner says, at once and with the same command id', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().answer(unavailable('shard_not_owned', 'not_accepted', { ...n2, epoch: 2 }))
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n1', 'n2'])
    expect(rig.calls[1]?.envelope.id).toBe(rig.calls[0]?.envelope.id)
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    expect(rig.owners.get(0)).toEqual({ shard: 0, epoch: 2, owner: n2, released: false })
    expect(rig.router.stats()).toMatchObject({ moved: 1, retried: 1 })
  })

  test('a hint of an older epoch teaches nothing, and a wrong table never spins', async () => {
    const rig = linked()
    rig.own(0, n1, 5)
    const sent = rig.send(0, { withinMs: 3_000 })
    for (let ms = 0; ms < 3_000; ms += 1) {
      for (const call of rig.calls) call.answer(unavailable('shard_moved', 'not_accepted', { ...n2, epoch: 4 }))
      await rig.pass(1)
    }
    expect(rig.calls.every(({ to }) => to === 'n1')).toBe(true)
    // Pauses of 5, 20, 50, 100, 200, 200 … ms, half of each left to chance.
    expect(rig.calls.length).toBeGreaterThan(10)
    expect(rig.calls.length).toBeLessThan(40)
    expect(sent.answer).toMatchObject({ kind: 'unavailable', certainty: 'not_accepted' })
    expect(rig.refreshes).toBeGreaterThan(5)
  })

  test('while its owner refuses, one envelope goes ahead and the others wait for its answer', async () => {
    const rig = linked()
    const first = rig.send(0)
    rig.last().answer(unavailable('shard_moved'))
    await rig.pass(1)
    const others = Array.from({ length: 20 }, () => rig.send(0))
    await rig.pass(6)
    expect(rig.calls).toHaveLength(2)
    rig.last().answer(unavailable('shard_moved'))
    await rig.pass(25)
    expect(rig.calls).toHaveLength(3)
    rig.last().answer(done)
    await rig.pass(10)
    expect(first.answer).toEqual(done)
    expect(rig.calls).toHaveLength(23)
    // In the order in which they came.
    const ids = rig.calls.slice(3).map(({ envelope }) => Number.parseInt(envelope.id, 16))
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    for (const call of rig.calls) call.answer(done)
    await rig.pass(1)
    expect(others.map(({ answer }) => answer)).toEqual(others.map(() => done))
  })

  test('an envelope that came back leaves before those that came after it', async () => {
    const rig = linked()
    rig.send(0)
    rig.send(0)
    const [early, late] = rig.calls
    rig.own(0, n1, 2, true)
    rig.send(0)
    late?.answer(unavailable('shard_moved'))
    await rig.pass(2)
    early?.answer(unavailable('shard_moved'))
    await rig.pass(2)
    rig.own(0, n2, 3)
    await rig.pass(5)
    expect(rig.calls.slice(2).map(({ to, envelope }) => [to, Number.parseInt(envelope.id, 16)])).toEqual([
      ['n2', 1],
      ['n2', 2],
      ['n2', 3],
    ])
  })

  test('a hand-off is waited for, and its end is noticed at once', async () => {
    const rig = linked()
    rig.own(0, n1, 2, true)
    const sent = rig.send(0)
    await rig.pass(40)
    expect(rig.calls).toEqual([])
    expect(rig.router.stats().held).toBe(1)
    rig.own(0, n2, 3)
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
  })

  test('what the local host no longer has goes over a link', async () => {
    const local: Router = { route: () => Promise.resolve(unavailable('shard_moved', 'acceptance_unknown')) }
    const rig = linked({ self: n1, local })
    const sent = rig.send(0, { withinMs: 500 })
    await rig.pass(2)
    rig.own(0, n2, 2)
    await rig.pass(2)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
    rig.last().answer(unavailable('overloaded'))
    await rig.pass(1)
    // The first attempt may have been accepted, whatever the second one says of itself.
    expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
  })
})

describe('links and owners that fail', () => {
  test('a link lost after sending: the same command again, and if that never works nobody knows', async () => {
    const rig = linked()
    const sent = rig.send(0, { withinMs: 1_000 })
    rig.links.down(n1)
    rig.last().fail('link_lost')
    await rig.pass(999)
    expect(sent.answer).toBeUndefined()
    await rig.pass(2)
    expect(sent.answer).toEqual(unavailable('no_owner', 'acceptance_unknown'))
  })

  test('a link that was never up leaves no doubt', async () => {
    const rig = new Rig()
    rig.own(0, n1, 1)
    const sent = rig.send(0, { withinMs: 100 })
    await rig.pass(101)
    expect(sent.answer).toEqual(unavailable('no_owner'))
    expect(rig.refreshes).toBeGreaterThan(0)
  })

  test('a link that comes up is used at once', async () => {
    const rig = new Rig()
    rig.own(0, n1, 1)
    rig.send(0)
    await rig.pass(20)
    rig.links.up(n1)
    await rig.pass(1)
    expect(rig.calls).toHaveLength(1)
  })

  test('an owner that is known to be dead is not asked, however open its link is', async () => {
    const rig = linked()
    rig.dead.add(nameOf(n1))
    rig.send(0)
    await rig.pass(60)
    expect(rig.calls).toEqual([])
    rig.own(0, n2, 2)
    await rig.pass(1)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n2'])
  })

  test('an owner that stands still loses its commands to the next one, before its link ends', async () => {
    const rig = linked()
    const sent = rig.send(0)
    const frozen = rig.last()
    await rig.pass(100)
    rig.own(0, n2, 2)
    await rig.pass(200)
    expect(rig.calls.map(({ to }) => to)).toEqual(['n1', 'n2'])
    rig.last().answer(done)
    await rig.pass(1)
    expect(sent.answer).toEqual(done)
    frozen.answer(unavailable('shard_moved'))
    await rig.pass(1)
    expect(rig.calls).toHaveLength(2)
  })

  test('an answer of the former owner is an answer; its refusals say nothing any more', async () => {
    const rig = linked()
    const [a, b] = [rig.send(0), rig.send(0)]
    const [first, second] = rig.calls
    rig.own(0, n2, 2)
    await rig.pass(200)
    first?.answer(done)
    second?.answer(unavailable('overloaded'))
    await rig.pass(1)
    expect(a.answer).toEqual(done)
    expect(b.answer).toBeUndefined()
    rig.last().answer(done)
    await rig.pass(1)
    expect(b.answer).toEqual(done)
  })

  test('a former owner that answers in time is not overtaken', async () => {
    const rig = linked()
    const sent = rig.send(0)
    rig.own(0, n2, 2)
    await rig.pass(50)
    rig.last().answer(done)
    await rig.pass(200)
    expect(sent.answer).toEqual(done)
    expect(rig.calls).toHaveLength(1)
  })

  test.each(['call_failed', 'call_unknown', 'link_lost'] as const)('after %s nobody knows', async (code) => {
    const rig = linked()
    const sent = rig.send(0)
    rig.last().fail(code)
    await rig.pass(6)
    rig.last().answer(unavailable('overloaded'))
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
  })

  test.each(['link_closed', 'link_overloaded'] as const)(
    '%s is certain, and comes again after a pause',
    async (code) => {
      const rig = linked()
      const sent = rig.send(0)
      rig.last().fail(code)
      await rig.pass(6)
      expect(rig.calls).toHaveLength(2)
      rig.last().answer(unavailable('overloaded'))
      await rig.pass(1)
      expect(sent.answer).toEqual(unavailable('overloaded'))
    },
  )

  test.each([undefined, null, 'text', [], { kind: 'answered' }, { kind: 'unavailable', tookMs: 1 }])(
    'an answer that is none (%j) leaves nobody with a guess',
    async (body) => {
      const rig = linked()
      const sent = rig.send(0)
      rig.last().answerWith(body)
      await rig.pass(6)
      expect(sent.answer).toBeUndefined()
      rig.last().answer(unavailable('overloaded'))
      await rig.pass(1)
      expect(sent.answer).toEqual(unavailable('overloaded', 'acceptance_unknown'))
    },
  )

  test('an envelope that links cannot carry is refused at once', async () => {
    const rig = linked()
    const sent = rig.send(0, { payload: { amount: 1n } })
    await rig.pass(1)
    expect(sent.answer).toEqual(unavailable('envelope_unsendable'))
    const large = rig.send(0)
    rig.last().fail('call_unsendable')
    await rig.pass(1)
    expect(large.answer).toEqual(unavailable('envelope_unsendable'))
  })
})

test('two incarnations of one node are two owners', () => {
  expect(sameIncarnation(n1, { ...n1, incarnation: 'z' })).toBe(false)
  const rig = linked()
  rig.own(0, { ...n1, incarnation: 'z' }, 2)
  rig.send(0)
  expect(rig.calls).toEqual([])
})
