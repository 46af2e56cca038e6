/** Limits of a merchant whose payments two nodes take: each counts, and they tell each other over their link. */
import { afterEach, expect, test } from 'vitest'
import { VelocityAgent } from '../../actors/velocity-agent.ts'
import { testSecret } from '../../gateway/testing.ts'
import { velocityLimits } from '../../runtime/limits.ts'
import { methods } from '../support/edge-over-host.ts'
import { type ClusterNode, everyShard, type TwoNodes, twoNodes } from '../support/two-nodes.ts'

const ends: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** Each node has half of the shards, and a limit of 20 payments per hour. */
async function halves(): Promise<TwoNodes> {
  const nodes = await twoNodes()
  const { old, young, move, clock } = nodes
  await move(everyShard.slice(512), old, young)
  for (const [node, other] of [
    [old, young],
    [young, old],
  ] as const) {
    const { directory, velocity } = node.edge
    const limits = [{ mode: 'test' as const, currency: 'EUR', values: { hourly_count: 20 } }]
    directory.merchants = directory.merchants.map((each) => ({ ...each, limits }))
    const agent = new VelocityAgent({
      velocity,
      limited: () => directory.merchants,
      peers: {
        get all() {
          return [{ ...other.self, linked: node.links.to(other.self) !== undefined }]
        },
        tell: (body) => node.links.to(other.self)?.tell('velocity', body),
      },
      reader: { read: () => Promise.resolve() },
      clock,
      observer: { read: () => undefined, failed: () => undefined },
    })
    node.links.on({ told: (from, topic, body) => void (topic === 'velocity' && agent.hear(from, body)) })
    agent.start()
    ends.push(() => agent.stop())
  }
  ends.push(() => nodes.close())
  return nodes
}

async function pay({ until }: TwoNodes, { edge }: ClusterNode, from: number, count: number): Promise<number> {
  const body = { amount: 100, currency: 'eur', payment_method: methods.card }
  const sent = Array.from({ length: count }, (_, n) =>
    edge.send('/v1/payments', { key: `k${from + n}`, secret: testSecret, body }),
  )
  const responses = await until(Promise.all(sent))
  expect(responses.every(({ statusCode }) => statusCode === 201 || statusCode === 429)).toBe(true)
  return responses.filter(({ statusCode }) => statusCode === 201).length
}

test('what one node accepted counts at the other when it has been told', async () => {
  const nodes = await halves()
  const { old, young, until } = nodes
  expect(await pay(nodes, old, 0, 12)).toBe(12)
  await until(young.edge.pass(velocityLimits.exchangeMs + 100))
  // through either gateway, whichever node has the payment's shard
  const more = (await pay(nodes, young, 100, 6)) + (await pay(nodes, old, 200, 1))
  await until(old.edge.pass(velocityLimits.exchangeMs + 100))
  expect(more).toBe(7)
  expect(await pay(nodes, young, 300, 1)).toBe(1)
  await until(old.edge.pass(velocityLimits.exchangeMs + 100))
  expect(await pay(nodes, old, 400, 40)).toBe(0)
})

test('within one exchange both together take at most what each alone may, and then nothing', async () => {
  const nodes = await halves()
  const accepted = await pay(nodes, nodes.old, 0, 100)
  // the overshoot: the other node's part of what came before it was told of
  expect(accepted).toBeGreaterThanOrEqual(20)
  expect(accepted).toBeLessThanOrEqual(40)
  await nodes.until(nodes.old.edge.pass(velocityLimits.exchangeMs + 100))
  expect(await pay(nodes, nodes.young, 100, 40)).toBe(0)
})
