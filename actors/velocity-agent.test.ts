import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { velocityLimits } from '../runtime/limits.ts'
import { CountingCluster, type CountingNode } from './velocity-testing.ts'

const minute = 60_000
const { exchangeMs, settleMs, rereadMs } = velocityLimits

function clusterOf(names: readonly string[], limits = { hourly_count: 1_000, daily_count: 5_000 }) {
  const cluster = new CountingCluster(limits)
  return { cluster, nodes: names.map((name) => cluster.start(name)) }
}

function payMany(cluster: CountingCluster, node: CountingNode | undefined, count: number): void {
  for (let n = 0; n < count; n += 1) if (node !== undefined) cluster.pay(node)
}

describe('a node', () => {
  it('counts its own at once, and those of others when they were told', async () => {
    const { cluster, nodes } = clusterOf(['a', 'b', 'c'])
    await cluster.pass(10_000)
    payMany(cluster, nodes[0], 5)
    payMany(cluster, nodes[1], 3)
    expect(nodes.map((node) => cluster.believedBy(node, 'hour'))).toEqual([5, 3, 0])
    await cluster.pass(exchangeMs + 100)
    expect(nodes.map((node) => cluster.believedBy(node, 'day'))).toEqual([8, 8, 8])
  })

  it('takes a limit exactly, alone and in one turn', () => {
    const { cluster, nodes } = clusterOf(['a'], { hourly_count: 7, daily_count: 9 })
    payMany(cluster, nodes[0], 20)
    expect(cluster.truth).toHaveLength(7)
  })

  it('that starts reads the whole windows, and does not count twice what it is told meanwhile', async () => {
    const { cluster, nodes } = clusterOf(['a'])
    await cluster.pass(30 * minute)
    payMany(cluster, nodes[0], 100)
    await cluster.pass(minute)
    const late = cluster.start('b')
    for (let n = 0; n < 100; n += 1) {
      payMany(cluster, nodes[0], 1)
      await cluster.pass(100)
      expect(cluster.believedBy(late, 'hour')).toBeLessThanOrEqual(cluster.truly('hour'))
    }
    expect(cluster.believedBy(late, 'hour')).toBeGreaterThanOrEqual(
      cluster.truly('hour') - (settleMs + 2 * exchangeMs) / 100,
    )
  })

  it('counts once what it has read and is told afterwards', async () => {
    const { cluster, nodes } = clusterOf(['a'])
    await cluster.pass(minute + 300)
    payMany(cluster, nodes[0], 10)
    await cluster.pass(300)
    const late = cluster.start('b')
    for (let n = 0; n < 8; n += 1) {
      await cluster.pass(1_000)
      expect(cluster.believedBy(late, 'hour')).toBe(10)
    }
  })

  it('after all were gone finds what they had accepted', async () => {
    const { cluster, nodes } = clusterOf(['a', 'b'], { hourly_count: 50, daily_count: 500 })
    payMany(cluster, nodes[0], 30)
    await cluster.pass(2_000)
    payMany(cluster, nodes[1], 20)
    await cluster.pass(2_000)
    for (const node of [...cluster.nodes]) cluster.kill(node)
    const again = cluster.start('a')
    await cluster.pass(100)
    expect(cluster.pay(again)).toBe(false)
    await cluster.pass(settleMs + 1_000)
    expect(cluster.believedBy(again, 'day')).toBe(50)
  })

  it('reads what a node that died had told nobody', async () => {
    const { cluster, nodes } = clusterOf(['a', 'b'])
    await cluster.pass(10_000)
    payMany(cluster, nodes[0], 1)
    await cluster.pass(exchangeMs)
    payMany(cluster, nodes[0], 9)
    cluster.kill(nodes[0] as CountingNode)
    await cluster.pass(settleMs + 3 * exchangeMs)
    expect(cluster.believedBy(nodes[1] as CountingNode, 'hour')).toBe(10)
  })

  it('reads what a message had that did not come', async () => {
    const { cluster, nodes } = clusterOf(['a', 'b'])
    await cluster.pass(10_000)
    payMany(cluster, nodes[0], 1)
    await cluster.pass(exchangeMs)
    cluster.loses = () => true
    payMany(cluster, nodes[0], 6)
    await cluster.pass(exchangeMs)
    cluster.loses = () => false
    payMany(cluster, nodes[0], 1)
    await cluster.pass(settleMs + 3 * exchangeMs)
    expect(cluster.believedBy(nodes[1] as CountingNode, 'hour')).toBe(8)
  })

  it('hears of those whom it cannot hear through the read side', async () => {
    const { cluster, nodes } = clusterOf(['a', 'b'])
    await cluster.pass(10_000)
    cluster.cuts.add('a b')
    payMany(cluster, nodes[0], 40)
    await cluster.pass(rereadMs + settleMs + 2 * exchangeMs)
    expect(cluster.believedBy(nodes[1] as CountingNode, 'hour')).toBe(40)
  })

  it('goes on with what it knows where nothing can be read, and reads once it can', async () => {
    const { cluster, nodes } = clusterOf(['a'])
    payMany(cluster, nodes[0], 10)
    await cluster.pass(1_000)
    cluster.readsFail = true
    const late = cluster.start('b')
    await cluster.pass(10_000)
    expect(cluster.failures).toBeGreaterThan(2)
    expect(cluster.pay(late)).toBe(true)
    cluster.readsFail = false
    await cluster.pass(velocityLimits.readRetryMs + settleMs + 1_000)
    // each once, though a part had been read every time
    expect(cluster.believedBy(late, 'hour')).toBe(11)
  })

  it('finds within a quarter of an hour what was accepted between reading and adding up', async () => {
    const { cluster, nodes } = clusterOf(['a'])
    await cluster.pass(minute)
    payMany(cluster, nodes[0], 30)
    await cluster.pass(2 * exchangeMs)
    const late = cluster.start('b')
    for (let n = 0; n < 80; n += 1) {
      payMany(cluster, nodes[0], 1)
      await cluster.pass(100)
    }
    expect(cluster.believedBy(late, 'hour')).toBeLessThan(110)
    await cluster.pass(15 * minute + 2 * settleMs)
    expect([cluster.believedBy(late, 'hour'), cluster.believedBy(late, 'day')]).toEqual([110, 110])
  })

  it('reads for limits that are new, or look back further, and for nothing else', async () => {
    const { cluster, nodes } = clusterOf(['a'], {} as { hourly_count: number; daily_count: number })
    payMany(cluster, nodes[0], 5)
    await cluster.pass(70 * minute)
    expect(cluster.reads).toEqual([])
    payMany(cluster, nodes[0], 5)
    cluster.limits = { hourly_count: 20 }
    await cluster.pass(settleMs + 2 * exchangeMs)
    expect(cluster.believedBy(nodes[0] as CountingNode, 'hour')).toBe(5)
    cluster.limits = { hourly_count: 20, daily_count: 20 }
    await cluster.pass(settleMs + 2 * exchangeMs)
    expect(cluster.believedBy(nodes[0] as CountingNode, 'day')).toBe(10)
    const before = cluster.reads.length
    // once more when the quarter of an hour is over, and never again
    await cluster.pass(120 * minute)
    expect(cluster.reads.length - before).toBeLessThanOrEqual(2)
  })
})

describe('messages', () => {
  it('that come twice count once, and what is no message is none', async () => {
    const { cluster, nodes } = clusterOf(['a'])
    const [node] = nodes as [CountingNode]
    const from = { node: 'b', incarnation: 'i9' }
    const counts = [['mer_1', true, 'EUR', Math.floor(cluster.clock.now() / minute), 2, 50]]
    for (let n = 0; n < 2; n += 1) expect(node.agent.hear(from, { n: 1, counts })).toBe(true)
    expect(cluster.believedBy(node, 'hour')).toBe(2)
    for (const body of [
      ...[undefined, null, 7, [], {}, { n: 0, counts }, { n: 2 }, { n: 2, counts: [7] }, { n: 1.5, counts }],
      { n: 2, counts: [['mer_1', true, 'EUR', -1, 1, 1]] },
      { n: 2, counts: [['mer_1', 1, 'EUR', 1, 1, 1]] },
      { n: 2, counts: [['mer_1', true, 'EUR', 1, 1.5, 1]] },
      { n: 2, counts: Array.from({ length: 5_001 }, () => counts[0]) },
    ]) {
      expect(node.agent.hear(from, body)).toBe(false)
    }
    expect(cluster.believedBy(node, 'hour')).toBe(2)
  })

  it('about merchants without such limits, or minutes to come, make no counters', () => {
    const { cluster, nodes } = clusterOf(['a'], { max_amount: 5 } as never)
    const [node] = nodes as [CountingNode]
    const now = Math.floor(cluster.clock.now() / minute)
    expect(
      node.agent.hear({ node: 'b', incarnation: 'i9' }, { n: 1, counts: [['mer_1', true, 'EUR', now, 1, 1]] }),
    ).toBe(true)
    cluster.limits = { hourly_count: 5 }
    expect(
      node.agent.hear({ node: 'b', incarnation: 'i9' }, { n: 2, counts: [['mer_1', true, 'EUR', now + 60, 1, 1]] }),
    ).toBe(true)
    expect(node.velocity.counters).toBe(0)
  })
})

/** What happens in one step of a history: payments at a node, or a fault, then time. */
const step = fc.record({
  node: fc.nat({ max: 3 }),
  payments: fc.integer({ min: 0, max: 12 }),
  pauseMs: fc.constantFrom(10, 50, 200, 700, 1_500),
})

interface Judged {
  /** Payments that the limit would have allowed. */
  readonly refusedBelow: number
  /** Payments beyond the limit by more than what was accepted within `staleMs` before. */
  readonly beyondBound: number
  /** Times that a node believed in more than was accepted. */
  readonly overcounted: number
}

/** Plays the history, and holds each payment to what was truly accepted. */
async function judge(
  cluster: CountingCluster,
  max: number,
  steps: readonly { node: number; payments: number; pauseMs: number }[],
  staleMs: number,
  fault: (at: number) => void = () => undefined,
): Promise<Judged> {
  let refusedBelow = 0
  let beyondBound = 0
  let overcounted = 0
  for (const [index, { node: wanted, payments, pauseMs }] of steps.entries()) {
    fault(index)
    const node = cluster.nodes[wanted % cluster.nodes.length] as CountingNode
    for (let n = 0; n < payments; n += 1) {
      const before = cluster.truly('hour')
      const isAccepted = cluster.pay(node)
      if (!isAccepted && before < max) refusedBelow += 1
      if (isAccepted && before + 1 - max > cluster.acceptedSince(cluster.clock.now() - staleMs)) beyondBound += 1
    }
    await cluster.pass(pauseMs)
    const counts = cluster.nodes.map((each) => cluster.believedBy(each, 'hour'))
    if (Math.max(...counts) > cluster.truly('hour')) overcounted += 1
  }
  return { refusedBelow, beyondBound, overcounted }
}

describe('whatever comes to which node when', () => {
  it('nothing is refused below the limit, and beyond it goes no more than was accepted in one exchange', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 0, max: 300 }),
        fc.array(step, { minLength: 5, maxLength: 60 }),
        async (count, max, latencyMs, steps) => {
          const { cluster } = clusterOf(['a', 'b', 'c', 'd'].slice(0, count), {
            hourly_count: max,
            daily_count: 10_000,
          })
          cluster.latencyMs = () => latencyMs
          // the first second: nobody has read yet
          await cluster.pass(2 * settleMs)
          expect(await judge(cluster, max, steps, exchangeMs + latencyMs + 100)).toEqual({
            refusedBelow: 0,
            overcounted: 0,
            beyondBound: 0,
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('and whoever dies, starts, or cannot be heard: nothing is refused below the limit', async () => {
    const faults = fc.array(
      fc.record({
        at: fc.nat({ max: 60 }),
        kind: fc.constantFrom('restart', 'cut', 'heal', 'lose'),
        node: fc.nat({ max: 3 }),
      }),
      { maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 120 }),
        fc.array(step, { minLength: 5, maxLength: 60 }),
        faults,
        fc.integer({ min: 0, max: 3_000 }),
        async (max, steps, wrongs, latencyMs) => {
          const { cluster } = clusterOf(['a', 'b', 'c'], { hourly_count: max, daily_count: 10_000 })
          // as late as a link that lives may be
          cluster.latencyMs = () => latencyMs
          const { refusedBelow, overcounted } = await judge(cluster, max, steps, Number.POSITIVE_INFINITY, (index) => {
            for (const { kind, node } of wrongs.filter(({ at }) => at === index)) {
              const chosen = cluster.nodes[node % cluster.nodes.length] as CountingNode
              if (kind === 'heal') cluster.cuts.clear()
              if (kind === 'cut') cluster.cuts.add(`a ${chosen.self.node}`)
              if (kind === 'lose') cluster.loses = () => cluster.clock.now() % 3 === 0
              if (kind !== 'restart') continue
              cluster.kill(chosen)
              cluster.start(chosen.self.node)
            }
          })
          expect([refusedBelow, overcounted]).toEqual([0, 0])
        },
      ),
      { numRuns: 60 },
    )
  })
})
