/**
 * Clocks that jump. Leases are judged on monotonic clocks, and no database clock is compared with anything: a jump is seen in
 * what people read, and nowhere else.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'
import { Database } from './support/database.ts'
import { hindrance, whySkipped } from './support/tools.ts'
import { Trial } from './support/trial.ts'
import { MovableWallClock } from './support/wall-clock.ts'

const cannot = hindrance('faketime')
/** Longer than a lease and its judgement. */
const watchedMs = 4_000
const hour = 3_600

describe.skipIf(cannot !== undefined)(`clocks that jump${whySkipped(cannot)}`, () => {
  let directory: string
  let cluster: Cluster
  let database: Database
  let databaseClock: MovableWallClock
  let nodeClock: MovableWallClock

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'shardpay-chaos-'))
    await chmod(directory, 0o711)
    databaseClock = await MovableWallClock.create(join(directory, 'database-clock'))
    nodeClock = await MovableWallClock.create(join(directory, 'node-clock'))
    database = await Database.start({ directory: join(directory, 'postgres'), environment: databaseClock.env })
    cluster = await Cluster.start({
      ownDatabases: [database],
      memberEnv: (node) => Promise.resolve(node === 'node-2' ? nodeClock.env : {}),
    })
  })

  afterAll(async () => {
    await cluster?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const incarnations = (): string[] => cluster.nodes.map(({ incarnation, isRunning }) => `${incarnation} ${isRunning}`)

  test('the database’s clock an hour ahead, then an hour behind, kills no living node', async () => {
    const trial = await Trial.start(cluster)
    const before = incarnations()
    for (const seconds of [hour, -hour]) {
      await trial.fault(`database clock ${seconds} s`, 1, async () => {
        await databaseClock.shift(seconds)
        const [now] = await database.query<{ ms: number }>(
          'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
        )
        expect(Math.abs((now?.ms ?? 0) - Date.now() - seconds * 1_000), 'the clock has jumped').toBeLessThan(60_000)
        await pause(watchedMs)
        await trial.progress(20)
      })
    }
    await databaseClock.shift(0)
    expect(incarnations()).toEqual(before)
    await trial.judge()
  })

  test('F15: one node’s clock an hour ahead, then an hour behind: it lives, keeps its shards, and answers right', async () => {
    // its decisions carry its clock's time, the PSP's book does not
    const trial = await Trial.start(cluster, { clockToleranceMs: 2 * hour * 1_000 })
    const before = incarnations()
    const epochs = await cluster.epochs()
    for (const seconds of [hour, -hour]) {
      await trial.fault(`F15 ${seconds} s`, 1, async () => {
        await nodeClock.shift(seconds)
        await pause(watchedMs)
        await trial.progress(20)
      })
    }
    await nodeClock.shift(0)
    expect(incarnations()).toEqual(before)
    expect(await cluster.epochs(), 'no shard has moved').toBe(epochs)
    await trial.judge()
  })
})
