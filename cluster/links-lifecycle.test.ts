import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultLinkLimits } from './links-limits.ts'
import { LinkRig, type TestProcess } from './links-testing.ts'

let rig: LinkRig

beforeEach(() => {
  rig = new LinkRig()
})

afterEach(() => rig.close())

const wanted = ({ peer, address }: TestProcess) => ({ node: peer.node, incarnation: peer.incarnation, address })

async function pair(settleMs = 50): Promise<[TestProcess, TestProcess]> {
  const [a, b] = [await rig.start('node-1'), await rig.start('node-2')]
  a.links.connectTo([wanted(b)])
  b.links.connectTo([wanted(a)])
  await rig.run(settleMs)
  for (const { saw } of [a, b]) saw.length = 0
  return [a, b]
}

describe('a process is gone', () => {
  test('where its established link was reset and the next dial is refused, once', async () => {
    const [a, b] = await pair()
    await rig.run(2_000)
    await rig.kill(b)
    await rig.run(10)
    expect(a.saw).toEqual(['down node-2/a reset', 'gone node-2/a'])
    await rig.run(10_000)
    expect(a.saw).toHaveLength(2)
  })

  test('which is said once, even where it turns out to live', async () => {
    const [a, b] = await pair()
    b.links.connectTo([])
    await rig.run(2_000)
    // it lives, and is not listening any more
    await rig.network.networkOf('node-2').close()
    rig.network.reset('node-1', 'node-2')
    await rig.run(100)
    b.links.connectTo([wanted(a)])
    await rig.run(2_000)
    rig.network.reset('node-1', 'node-2')
    b.links.connectTo([])
    await rig.run(2_000)
    expect(a.saw).toEqual(['down node-2/a reset', 'gone node-2/a', 'up node-2/a', 'down node-2/a reset'])
    expect(a.counts.failedDials).toBeGreaterThan(2)
  })

  test('but not for a reset alone: the link comes back', async () => {
    const [a, b] = await pair()
    await rig.run(2_000)
    rig.network.reset('node-1', 'node-2')
    await rig.run(500)
    expect(a.saw.slice(0, 2)).toEqual(['down node-2/a reset', 'up node-2/a'])
    expect(b.saw.filter((each) => each.startsWith('gone'))).toEqual([])
    expect(a.links.all).toHaveLength(1)
  })

  test('nor for refused dials without a link before', async () => {
    const a = await rig.start('node-1')
    a.links.connectTo([{ node: 'node-2', incarnation: 'a', address: 'node-2' }])
    await rig.run(10_000)
    expect(a.saw).toEqual([])
  })

  test('nor for silence: a paused process is dialled again and comes back', async () => {
    const [a, b] = await pair()
    rig.network.cutBoth('node-1', 'node-2')
    await rig.run(5_000)
    expect(a.saw).toEqual(['down node-2/a silent'])
    rig.network.healAll()
    await rig.run(5_000)
    expect(a.saw[1]).toBe('up node-2/a')
    expect([a, b].map(({ links }) => links.all.length)).toEqual([1, 1])
  })
})

describe('silence', () => {
  test('is noticed on the side that hears nothing, also where only one direction is cut', async () => {
    const [a, b] = await pair()
    rig.network.cut('node-2', 'node-1')
    await rig.run(6_000)
    expect(a.saw[0]).toBe('down node-2/a silent')
    expect(b.saw[0]).toBe('down node-1/a reset')
  })

  test('does not end an idle link', async () => {
    const [a, b] = await pair()
    await rig.run(20_000)
    expect([a.saw, b.saw]).toEqual([[], []])
  })

  test('of a process that stood still itself is no silence of its peers (restatedev/restate#5156)', async () => {
    const [a] = await pair()
    rig.network.pause('node-1')
    // its timers fire late, all at once, before anything is read
    rig.clock.advance(499)
    const { clock } = rig
    clock.advance(defaultLinkLimits.tickMs)
    rig.network.resume('node-1')
    await rig.run(2_000)
    expect(a.saw).toEqual([])
  })
})

describe('incarnations', () => {
  test('a newer one of a node replaces the link of the older, and a stale view of the members changes nothing', async () => {
    const [a, old] = await pair()
    rig.network.cutBoth('node-1', 'node-2')
    await rig.run(1)
    rig.network.stop('node-2')
    const fresh = await rig.start('node-2', { incarnation: 'b' })
    rig.network.healAll()
    fresh.links.connectTo([wanted(a)])
    await rig.run(100)
    expect(a.links.to(fresh.peer)?.isOpen).toBe(true)
    expect(a.links.to(old.peer)).toBeUndefined()
    a.links.connectTo([wanted(old)])
    await rig.run(100)
    expect(a.links.to(fresh.peer)?.isOpen).toBe(true)
    await old.links.close()
  })

  test('a process that woke up after its node had started anew is refused', async () => {
    const a = await rig.start('node-1')
    const zombie = await rig.start('node-2', { incarnation: 'a', network: rig.network.networkOf('zombie') })
    await rig.run(1)
    const fresh = await rig.start('node-2', { incarnation: 'b' })
    zombie.links.connectTo([wanted(a)])
    await rig.run(50)
    fresh.links.connectTo([wanted(a)])
    await rig.run(5_000)
    expect(a.links.to(fresh.peer)?.isOpen).toBe(true)
    expect(a.saw).toEqual([
      'up node-2/a',
      'down node-2/a replaced',
      'up node-2/b',
      ...a.saw.slice(3).map(() => 'refused node-2/a older_incarnation'),
    ])
    expect(a.saw.length).toBeGreaterThan(3)
  })

  test('another process at the address that was dialled is refused by both', async () => {
    const a = await rig.start('node-1')
    const other = await rig.start('node-2', { incarnation: 'b' })
    a.links.connectTo([{ node: 'node-2', incarnation: 'a', address: 'node-2' }])
    await rig.run(20)
    expect(other.saw).toEqual(['refused node-1/a not_me'])
    expect(a.saw).toEqual(['refused by not_me'])
  })
})

describe('a goodbye', () => {
  test('ends the link in order, and the peer is left alone until another incarnation is wanted', async () => {
    const [a, b] = await pair()
    await b.links.close()
    await rig.run(5)
    rig.network.stop('node-2')
    await rig.run(5_000)
    expect(a.saw).toEqual(['down node-2/a closed'])
    expect(a.counts.failedDials).toBe(0)
    const fresh = await rig.start('node-2', { incarnation: 'b' })
    a.links.connectTo([wanted(fresh)])
    await rig.run(10)
    expect(a.saw).toEqual(['down node-2/a closed', 'up node-2/b'])
  })

  test('leaves calls that were sent with an unknown outcome, and those that were not as not sent', async () => {
    const [a, b] = await pair()
    b.links.onCall('hold', () => new Promise(() => {}))
    const link = a.links.to(b.peer)
    const sent = link?.call('hold', 1, { timeoutMs: 5_000 })
    const failures = Promise.allSettled([sent])
    await rig.run(5)
    await b.links.close()
    const unsent = link?.call('hold', 2, { timeoutMs: 5_000 })
    const more = Promise.allSettled([unsent])
    await rig.run(5)
    const codes = [...(await failures), ...(await more)].map((each) =>
      each.status === 'rejected' ? (each.reason as { code: string; maybeDelivered: boolean }) : undefined,
    )
    expect(codes.map((error) => error?.code)).toEqual(['link_lost', 'link_lost'])
    const late = await link?.call('hold', 3, { timeoutMs: 10 }).catch((error: unknown) => error)
    expect(late).toMatchObject({ code: 'link_closed', maybeDelivered: false })
  })
})

describe('recycling', () => {
  test.each([
    ['both ends', 1],
    ['both ends', 2],
    ['node-1', 3],
    ['node-1', 4],
    ['node-2', 5],
    ['node-2', 6],
  ])('replaces every link without failing a call of %s (seed %i)', async (caller, seed) => {
    // slow enough that calls on the old link cross the news of the new one
    rig = new LinkRig(seed, { min: 1, max: 30 })
    const [a, b] = await pair(500)
    for (const { links } of [a, b]) links.onCall('echo', (_from, body) => Promise.resolve(body))
    const ways = [[a, b] as const, [b, a] as const]
    const callers = ways.filter(([{ peer }]) => caller === 'both ends' || caller === peer.node)
    const first = a.links.to(b.peer)
    const answers: Promise<unknown>[] = []
    a.links.recycle(500)
    b.links.recycle(500)
    for (let round = 0; round < 1_500; round += 1) {
      for (const [from, to] of callers) {
        const link = from.links.to(to.peer)
        if (link === undefined) throw new Error('there is always a link')
        answers.push(link.call('echo', round, { timeoutMs: 1_000 }))
      }
      await rig.run(1)
    }
    await rig.run(500)
    expect(await Promise.all(answers)).toHaveLength(1_500 * callers.length)
    expect(a.links.to(b.peer)).not.toBe(first)
    expect(first?.isOpen).toBe(false)
    expect(new Set(a.saw)).toEqual(new Set(['up node-2/a', 'down node-2/a replaced']))
  })
})

describe('a certificate', () => {
  test.each([
    ['of another node', { node: 'node-8', roles: ['gateway'] as const }, 'certificate_node'],
    ['of another role', { node: 'gateway-1', roles: ['operator'] as const }, 'certificate_role'],
  ])('%s than the hello says is refused', async (_, identity, reason) => {
    rig.network.certify('gateway-1', identity)
    const [node, gateway] = [await rig.start('node-1'), await rig.start('gateway-1', { roles: ['gateway'] })]
    gateway.links.connectTo([wanted(node)])
    await rig.run(10)
    expect(node.saw).toEqual([`refused gateway-1/a ${reason}`])
    expect(gateway.saw).toEqual([`refused by ${reason}`])
  })

  test('or hello of a gateway is refused where a node was dialled', async () => {
    const [node, gateway] = [await rig.start('node-1'), await rig.start('gateway-1', { roles: ['gateway'] })]
    node.links.connectTo([wanted(gateway)])
    await rig.run(10)
    expect(node.saw[0]).toBe('refused gateway-1/a role')
    expect(node.links.all).toEqual([])
  })
})
