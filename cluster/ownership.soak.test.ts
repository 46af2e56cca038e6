/**
 * Whatever fails, in whatever order: when it has ended, every shard is served by one node, and no command was executed twice or
 * under an epoch that another node had. A small cousin of test/sim, for what membership, links and controllers do to each
 * other; a failing seed is printed and replays.
 */
import { expect, test } from 'vitest'
import { type Random, seededRandom } from '../runtime/random.ts'
import { ClusterRig, type RigNode } from '../test/support/cluster-rig.ts'

const seeds = Number(process.env['OWNERSHIP_SEEDS'] ?? 12)
const firstSeed = Number(process.env['OWNERSHIP_SEED'] ?? 1)
const steps = 12
const nodesMax = 5

async function history(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const rig = new ClusterRig({ seed, databases: 1 + (seed % 2), shards: 32, limits: { handOffBatch: 4 } })
  let names = 0
  const start = async (): Promise<void> => {
    if (!rig.members.available) return
    names += 1
    await rig.start(`node-${names}`)
  }
  const log: string[] = []
  for (let n = 0; n < 3; n += 1) await start()
  await rig.pass(random.float() * 2_000)
  const stopClients = clients(rig, random)
  for (let step = 0; step < steps; step += 1) {
    log.push(await disturb(rig, random, start))
    await rig.pass(random.float() ** 3 * 4_000)
  }
  rig.network.healAll()
  rig.members.available = true
  for (const database of rig.databases) database.available = true
  for (const node of rig.nodes) {
    node.leases.away = false
    node.ownerRows.away = false
    node.hints.deaf = false
    node.host.letOpen()
  }
  if (rig.nodes.every(({ membership }) => !membership.isMember)) await start()
  try {
    await rig.calm()
    await stopClients()
    const owners = new Map<string, string>()
    for (const { shard, epoch, by } of rig.executed) {
      const name = `${shard}/${epoch}`
      expect(owners.get(name) ?? by.node).toBe(by.node)
      owners.set(name, by.node)
    }
    const ids = rig.executed.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { controller } of rig.nodes) expect(controller.stuck).toEqual([])
  } catch (error) {
    throw new Error(`seed ${seed}: ${log.join(', ')}`, { cause: error })
  } finally {
    await rig.close()
  }
}

/** One thing goes wrong, or right again. */
async function disturb(rig: ClusterRig, random: Random, start: () => Promise<void>): Promise<string> {
  const pick = <Value>(values: readonly Value[]): Value => {
    const value = values[Math.floor(random.float() * values.length)]
    if (value === undefined) throw new RangeError('nothing to pick from')
    return value
  }
  const nodes = rig.nodes.filter(({ membership }) => membership.isMember)
  if (nodes.length < 2) {
    await start()
    return 'start'
  }
  const one = pick(nodes)
  const two = pick(nodes)
  const shard = pick([...one.host.ownedShards, 0])
  const tears: Readonly<Record<string, () => void | Promise<void>>> = {
    kill: () => rig.kill(one),
    silence: () => rig.silence(one),
    drain: () => void drainAndLeave(rig, one),
    start: () => (nodes.length < nodesMax ? start() : undefined),
    move: () => void one.controller.move(shard, two.self.node, 'operator').catch(() => undefined),
    pin: () => void one.leases.change({ kind: 'pin', shard, node: two.self.node }).catch(() => undefined),
    cut: () => rig.network.cut(one.self.node, two.self.node),
    heal: () => rig.network.healAll(),
    reset: () => rig.network.reset(one.self.node, two.self.node),
    'lose a release': () => void (one.host.releasesToLose += 1),
    'hold opening': () => (random.float() < 0.5 ? one.host.letOpen() : one.host.holdOpening()),
    deaf: () => void (one.hints.deaf = !one.hints.deaf),
    'leases away': () => void (one.leases.away = !one.leases.away),
    'owner rows away': () => void (one.ownerRows.away = !one.ownerRows.away),
    'members away': () => void (rig.members.available = !rig.members.available),
    'database away': () => {
      const database = pick(rig.databases)
      database.available = !database.available
    },
  }
  const name = pick(Object.keys(tears))
  await tears[name]?.()
  return `${name} ${one.self.node}`
}

async function drainAndLeave(rig: ClusterRig, node: RigNode): Promise<void> {
  await node.controller.drain()
  await node.membership.leave()
  if (rig.nodes.includes(node)) rig.kill(node)
}

/** Commands for any shard, each sent once to whoever the rows say owns it. */
function clients(rig: ClusterRig, random: Random): () => Promise<void> {
  let isStopped = false
  let count = 0
  const next = (): void => {
    if (isStopped) return
    count += 1
    const shard = Math.floor(random.float() * rig.shardCount)
    const owner = rig.nodes.find(({ self }) => self.node === rig.row(shard).owner?.node)
    const envelope = { id: `command-${count}`, shard, entity: '', kind: 'payment', class: 'begin', bytes: 0 } as const
    void owner?.host.route({ ...envelope, payload: undefined, deadline: 1e9, waitUntil: 1e9, attach: false })
    rig.clock.schedule(5, next)
  }
  next()
  return async () => {
    isStopped = true
    await rig.pass(20)
  }
}

test.each(Array.from({ length: seeds }, (_, index) => firstSeed + index))(
  'seed %i comes to rest, whole',
  async (seed) => {
    await expect(history(seed)).resolves.toBeUndefined()
  },
  60_000,
)
