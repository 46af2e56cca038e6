/** Shards given from node to node over Postgres, with real hosts, while commands come. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { counterKind, type CounterAnswer, type CounterCommand } from '../../actors/counter-kind.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import type { RouteAnswer } from '../../cluster/router.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import { startJournal } from '../support/started-journal.ts'
import { createTestDatabase } from '../support/test-database.ts'

const ends: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Node {
  readonly host: Host
  readonly troubles: unknown[]
}

async function startNode(databaseUrl: string, node: string): Promise<Node> {
  const started = await startJournal({ databaseUrl, node, incarnation: 'a', clock: systemClock, log: silentLog })
  const troubles: unknown[] = []
  const host = new Host({
    name: `handoffpg${node}${systemRandom.hex(4)}`,
    kinds: [counterKind],
    journal: started.journal,
    clock: systemClock,
    random: systemRandom,
    limits: { ...defaultHostLimits, drainMs: 100 },
    observer: {
      trouble: (what, error) => troubles.push(what, error),
      shardLost: (shard) => troubles.push('lost', shard),
      shardUncertain: (shard) => troubles.push('uncertain', shard),
      shardRecovered: () => undefined,
    },
    // A call that never ends.
    runEffect: () => new Promise(() => undefined),
  })
  ends.push(async () => {
    await host.stop()
    await started.leases.close()
  })
  return { host, troubles }
}

async function twoNodes(): Promise<readonly [Node, Node]> {
  const database = await createTestDatabase()
  ends.push(() => database.drop())
  return [await startNode(database.url, 'node-1'), await startNode(database.url, 'node-2')]
}

function send(
  { host }: Node,
  shard: number,
  entity: number,
  command: CounterCommand,
): Promise<RouteAnswer<CounterAnswer>> {
  const until = systemClock.monotonic() + 30_000
  return host.route<CounterAnswer>({
    id: systemRandom.hex(16),
    shard,
    entity: (entity + 1).toString(16).padStart(32, '0'),
    kind: 'counter',
    class: 'settle',
    bytes: 10,
    payload: command,
    deadline: until,
    waitUntil: until,
    attach: false,
  })
}

function total(values: ReadonlyMap<number, number>): number {
  return [...values.values()].reduce((sum, value) => sum + value, 0)
}

const shards = Array.from({ length: 340 }, (_, shard) => shard)

test('a third of all shards moves there and back under commands: what was accepted is there, nothing twice', async () => {
  const [a, b] = await twoNodes()
  const { opened } = await a.host.openShards(shards)
  expect(opened).toHaveLength(340)
  const accepted = new Map<number, number>()
  let refused = 0
  let owner = a
  const over = new AbortController()
  const load = Array.from({ length: 8 }, async (_, worker) => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      // A refusal comes at once: whoever asks again in the same turn stops the loop.
      await turn()
      const shard = (worker * 41 + n * 7) % 340
      const answer = await send(owner, shard, shard, { type: 'Add', amount: 1 })
      if (answer.kind === 'answered' && answer.answer.kind === 'counter')
        accepted.set(shard, (accepted.get(shard) ?? 0) + 1)
      // Refused as not accepted: it must not be there.
      else if (answer.kind === 'unavailable' && answer.certainty === 'not_accepted') refused += 1
      else if (answer.kind === 'unavailable') throw new Error(`in doubt: ${answer.reason}`)
    }
  })
  for (const next of [b, a, b]) {
    const released = await owner.host.releaseShards(shards)
    expect(released).toHaveLength(340)
    expect(owner.host.ownedShards).toEqual([])
    const taken = await next.host.openShards(shards)
    expect(taken.opened).toHaveLength(340)
    owner = next
    const before = total(accepted)
    await expect.poll(() => total(accepted), { timeout: 30_000 }).toBeGreaterThan(before + 200)
  }
  over.abort()
  await Promise.all(load)
  expect(accepted.size).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(0)
  for (const [shard, value] of accepted) {
    expect(await send(owner, shard, shard, { type: 'Read' })).toMatchObject({ answer: { value } })
  }
  expect([a.troubles, b.troubles]).toEqual([[], []])
})

test('a shard with a thousand open calls serves at once, and each is asked about by its new owner', async () => {
  const [a, b] = await twoNodes()
  await a.host.openShards([7])
  for (let entity = 0; entity < 1_000; entity += 1) void send(a, 7, entity, { type: 'Call', key: 'k' })
  await expect.poll(() => a.host.stats().calls, { timeout: 30_000 }).toBe(1_000)
  await a.host.releaseShards([7])
  await b.host.openShards([7])
  expect(await send(b, 7, 5_000, { type: 'Add', amount: 1 })).toMatchObject({ kind: 'answered' })
  await expect.poll(() => b.host.stats().calls, { timeout: 30_000 }).toBe(1_000)
  expect(b.host.stats().unread).toBe(0)
  expect(b.troubles).toEqual([])
})
