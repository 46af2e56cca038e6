import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LinkError, type LinkErrorCode } from './link.ts'
import { LinkRig, type TestProcess } from './links-testing.ts'

let rig: LinkRig

beforeEach(() => {
  rig = new LinkRig()
})

afterEach(() => rig.close())

const wanted = ({ peer, address }: TestProcess) => ({ node: peer.node, incarnation: peer.incarnation, address })

async function pair(options = {}): Promise<[TestProcess, TestProcess]> {
  const [a, b] = [await rig.start('node-1', options), await rig.start('node-2', options)]
  a.links.connectTo([wanted(b)])
  await rig.run(10)
  return [a, b]
}

function linkTo(from: TestProcess, to: TestProcess) {
  const link = from.links.to(to.peer)
  if (link === undefined) throw new Error(`${from.peer.node} has no link to ${to.peer.node}`)
  return link
}

/** The code that a call was refused with. */
async function codeOf(call: Promise<unknown>): Promise<LinkErrorCode | 'answered'> {
  try {
    await call
    return 'answered'
  } catch (error) {
    if (error instanceof LinkError) return error.code
    throw error
  }
}

describe('two processes that dial each other', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('keep one link, dialled by the smaller name (seed %i)', async (seed) => {
    rig = new LinkRig(seed)
    const [a, b] = [await rig.start('node-1'), await rig.start('node-2')]
    b.links.onCall('echo', (_from, body) => Promise.resolve(body))
    a.links.onCall('echo', (_from, body) => Promise.resolve(body))
    a.links.connectTo([wanted(b)])
    b.links.connectTo([wanted(a)])
    await rig.run(5)
    const calls = [linkTo(a, b), linkTo(b, a)].map((link) => link.call('echo', 'x', { timeoutMs: 1_000 }))
    await rig.run(200)
    expect(await Promise.all(calls)).toEqual(['x', 'x'])
    expect(a.links.all).toHaveLength(1)
    expect(b.links.all).toHaveLength(1)
    expect([a, b].map(({ saw }) => saw.filter((each) => !/^up|replaced$/.test(each)))).toEqual([[], []])
    // the survivor was dialled by node-1: when node-2 is not wanted any more, node-1 ends it
    a.links.connectTo([])
    await rig.run(5)
    expect(b.saw.at(-1)).toBe('down node-1/a closed')
  })

  test('hear of the peer only after its hello', async () => {
    const [a, b] = [await rig.start('node-1'), await rig.start('node-2')]
    // the dial and our hello arrive, their hello does not
    a.links.connectTo([wanted(b)])
    rig.clock.advance(3)
    rig.network.cut('node-2', 'node-1')
    await rig.run(1_500)
    expect(a.saw).toEqual([])
    expect(a.links.to(b.peer)).toBeUndefined()
    rig.network.healAll()
    await rig.run(5_000)
    expect(a.saw.at(-1)).toBe('up node-2/a')
  })
})

describe('calls', () => {
  test('are answered, each by its own answer', async () => {
    const [a, b] = await pair()
    b.links.onCall('double', (from, body) => Promise.resolve({ from: from.node, twice: Number(body) * 2 }))
    const calls = Array.from({ length: 1_000 }, (_, index) => linkTo(a, b).call('double', index, { timeoutMs: 1_000 }))
    await rig.run(20)
    const answers = await Promise.all(calls)
    expect(answers).toEqual(calls.map((_, index) => ({ from: 'node-1', twice: index * 2 })))
  })

  test('queued within a turn leave as one frame', async () => {
    const [a, b] = await pair()
    b.links.onCall('echo', (_from, body) => Promise.resolve(body))
    const before = a.counts.sent
    const calls = Array.from({ length: 100 }, (_, index) => linkTo(a, b).call('echo', index, { timeoutMs: 1_000 }))
    await rig.run(10)
    await Promise.all(calls)
    expect(a.counts.sent - before).toBe(1)
  })

  test('too large for one frame together are split, in order', async () => {
    const [a, b] = await pair({ limits: { frameBytesTarget: 1_000 } })
    const seen: unknown[] = []
    b.links.onCall('take', (_from, body) => {
      seen.push((body as { index: number }).index)
      return Promise.resolve(undefined)
    })
    const text = 'x'.repeat(400)
    const calls = Array.from({ length: 20 }, (_, index) =>
      linkTo(a, b).call('take', { index, text }, { timeoutMs: 1_000 }),
    )
    await rig.run(20)
    expect(await Promise.all(calls)).toEqual(calls.map(() => undefined))
    expect(seen).toEqual(calls.map((_, index) => index))
    expect(a.counts.sent).toBeGreaterThan(10)
  })

  test('that cannot be carried are refused alone', async () => {
    const [a, b] = await pair({ limits: { frameBytesMax: 200_000 } })
    b.links.onCall('echo', (_from, body) => Promise.resolve(body))
    const circle: unknown[] = []
    circle.push(circle)
    let deep: unknown = 'x'
    for (let level = 0; level < 100; level += 1) deep = [deep]
    const bodies = ['a', circle, 'b', deep, 2n ** 70n, 'x'.repeat(300_000), new Date(0), 'c']
    const codes = bodies.map((body) => codeOf(linkTo(a, b).call('echo', body, { timeoutMs: 1_000 })))
    await rig.run(20)
    const no = 'call_unsendable'
    expect(await Promise.all(codes)).toEqual(['answered', no, 'answered', no, no, no, no, 'answered'])
    expect(linkTo(a, b).isOpen).toBe(true)
  })

  test('whose answer cannot be carried fail, and the link goes on', async () => {
    const [a, b] = await pair()
    b.links.onCall('bad', () => Promise.resolve(2n ** 70n))
    b.links.onCall('good', () => Promise.resolve(2n ** 60n))
    const [bad, good] = ['bad', 'good'].map((method) => linkTo(a, b).call(method, null, { timeoutMs: 1_000 }))
    const code = codeOf(bad as Promise<unknown>)
    await rig.run(10)
    expect(await code).toBe('call_failed')
    expect(await good).toBe(2n ** 60n)
  })

  test('to a method nobody has, or whose handler rejects, say so without its text', async () => {
    const [a, b] = await pair()
    b.links.onCall('broken', () => Promise.reject(new Error('4242424242424242')))
    const unknown = linkTo(a, b).call('missing', null, { timeoutMs: 1_000 })
    const broken = linkTo(a, b).call('broken', null, { timeoutMs: 1_000 })
    const settled = Promise.allSettled([unknown, broken])
    await rig.run(10)
    const errors = (await settled).map((each) => (each.status === 'rejected' ? (each.reason as LinkError) : undefined))
    expect(errors.map((error) => error?.code)).toEqual(['call_unknown', 'call_failed'])
    expect(errors.map((error) => error?.message).join()).not.toContain('4242')
    expect(b.saw).toContain('failed broken')
  })

  test('not answered in time end, the other end is told, and the late answer is dropped and counted', async () => {
    const [a, b] = await pair()
    let cancelled = false
    let remaining = 0
    let answer = (_body: string): void => {}
    b.links.onCall('slow', (_from, _body, deadlineMs, call) => {
      remaining = deadlineMs
      call.onCancel(() => {
        cancelled = true
      })
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    const code = codeOf(linkTo(a, b).call('slow', null, { timeoutMs: 100 }))
    await rig.run(110)
    expect(await code).toBe('call_timeout')
    expect(remaining).toBe(100)
    expect(cancelled).toBe(true)
    answer('late')
    await rig.run(10)
    expect(a.dropped).toEqual(['answer'])
  })

  test('beyond the credit wait, beyond the queue are refused, and nothing of them was sent', async () => {
    const [a, b] = await pair({ limits: { callsMax: 4, queuedCallsMax: 2, outboxMax: 100 } })
    const answers: (() => void)[] = []
    b.links.onCall('hold', () => new Promise<undefined>((resolve) => void answers.push(() => resolve(undefined))))
    const call = () => codeOf(linkTo(a, b).call('hold', null, { timeoutMs: 10_000 }))
    const first = Array.from({ length: 2 }, call)
    await rig.run(5)
    const second = Array.from({ length: 2 }, call)
    await rig.run(5)
    const rest = Array.from({ length: 4 }, call)
    await rig.run(5)
    expect(answers).toHaveLength(4)
    expect(await Promise.all(rest.slice(2))).toEqual(['link_overloaded', 'link_overloaded'])
    for (const answer of answers.splice(0)) answer()
    await rig.run(5)
    expect(answers).toHaveLength(2)
    for (const answer of answers.splice(0)) answer()
    await rig.run(5)
    expect(await Promise.all([...first, ...second, ...rest.slice(0, 2)])).toEqual(Array(6).fill('answered'))
  })

  test('that handlers never settle give their credit back', async () => {
    const [a, b] = await pair({ limits: { callsMax: 1, answerGraceMs: 1_000 } })
    b.links.onCall('never', () => new Promise(() => {}))
    b.links.onCall('echo', (_from, body) => Promise.resolve(body))
    const never = codeOf(linkTo(a, b).call('never', null, { timeoutMs: 100 }))
    await rig.run(2_000)
    expect(await never).toBe('call_timeout')
    const next = linkTo(a, b).call('echo', 1, { timeoutMs: 100 })
    await rig.run(10)
    expect(await next).toBe(1)
  })

  test('wait while the pipe has too much in hand, and go on when it has drained', async () => {
    const [a, b] = await pair({ limits: { pipeHighBytes: 1_000, frameBytesTarget: 500 } })
    b.links.onCall('take', () => Promise.resolve(undefined))
    rig.network.cut('node-1', 'node-2')
    const before = a.counts.sent
    const calls: Promise<unknown>[] = []
    for (let round = 0; round < 10; round += 1) {
      calls.push(linkTo(a, b).call('take', 'x'.repeat(600), { timeoutMs: 10_000 }))
      await rig.run(2)
    }
    expect(a.counts.sent - before).toBe(2)
    linkTo(a, b).tell('hint', 1)
    expect(a.dropped).toEqual(['tell'])
    rig.network.healAll()
    await rig.run(50)
    expect(await Promise.all(calls)).toEqual(calls.map(() => undefined))
  })
})
