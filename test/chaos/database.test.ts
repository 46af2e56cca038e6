/**
 * A database that restarts, crashes, stalls, loses its standby, refuses to write, or whose connections end around a COMMIT.
 * Nobody is declared dead for it: where no renewal commits, nobody judges.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTcpProxy, type SyncAction, type TcpProxy } from '../support/tcp-proxy.ts'
import { Cluster } from './support/cluster.ts'
import type { Database } from './support/database.ts'
import { SyncFaults } from './support/disk-faults.ts'
import { gapMsMax, rounds } from './support/form.ts'
import { hindrance, whySkipped } from './support/tools.ts'
import { Trial } from './support/trial.ts'
import { until } from './support/until.ts'

const noStrace = hindrance('strace')

describe('one database server', () => {
  let cluster: Cluster
  let database: Database
  let proxy: TcpProxy

  beforeAll(async () => {
    // the first node reaches the database through a proxy that knows where a commit is
    cluster = await Cluster.start({
      nodes: 2,
      gateways: 1,
      memberEnv: async (node, own) => {
        if (node !== 'node-1') return {}
        const [first] = own
        if (first === undefined) throw new Error('a cluster has a database')
        proxy = await startTcpProxy({ targetPort: first.port })
        return { JOURNAL_DATABASE_URLS: `0-1023=${proxy.through(first.url)}` }
      },
    })
    const [first] = cluster.databases
    if (first === undefined) throw new Error('a cluster has a database')
    database = first
  })

  afterAll(async () => {
    await cluster?.stop()
    await proxy?.close()
  })

  const incarnations = (): string[] => cluster.nodes.map(({ incarnation, isRunning }) => `${incarnation} ${isRunning}`)

  test('F7: a restart, an immediate stop and kill -9 of the server lose nothing and end no process', async () => {
    const trial = await Trial.start(cluster)
    const before = incarnations()
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      await trial.fault(`F7 ${signal}`, 1, async () => {
        await database.kill(signal)
        await database.restart()
        await trial.progress(20)
      })
      // what was held goes on before the next one, so that each is measured by itself
      await trial.progress(100)
    }
    expect(incarnations()).toEqual(before)
    await trial.judge()
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL']) expect(trial.gap(`F7 ${signal}`).ms).toBeLessThan(gapMsMax)
  })

  test('F9: a server that reads and refuses to write is not written to, and the first write after it succeeds', async () => {
    const trial = await Trial.start(cluster)
    const before = incarnations()
    await trial.fault('F9 read-only', 1, async () => {
      await database.set('default_transaction_read_only', 'on')
      await pause(4_000)
      await database.set('default_transaction_read_only', null)
      await trial.progress(20)
    })
    expect(incarnations(), 'nobody judges while nobody renews').toEqual(before)
    await trial.judge()
    trial.gap('F9 read-only')
  })

  test(`F10: connections that end around a commit, before and after it: found out, never sent again (${rounds} rounds)`, async () => {
    const trial = await Trial.start(cluster)
    const actions: readonly SyncAction[] = ['cut_before', 'cut_after', 'swallow_after', 'hold_sync']
    for (let round = 0; round < rounds; round += 1) {
      for (const action of actions) {
        await trial.fault(`F10 ${action}`, 1, async () => {
          await proxy.atNextSync(action)
          if (action === 'swallow_after' || action === 'hold_sync') {
            await pause(1_000)
            proxy.cut()
            proxy.resume()
          }
          await trial.progress(10)
        })
      }
    }
    await trial.judge()
    for (const action of actions) expect(trial.gap(`F10 ${action}`).ms).toBeLessThan(gapMsMax)
  })

  test('F11: a standby that is gone holds every commit: nothing is said to have succeeded, and nothing is lost', async () => {
    const trial = await Trial.start(cluster)
    const before = incarnations()
    await trial.fault('F11 no standby', 1, async () => {
      await database.set('synchronous_standby_names', 'gone')
      await pause(4_000)
      await database.set('synchronous_standby_names', null)
      await trial.progress(20)
    })
    expect(incarnations()).toEqual(before)
    await trial.judge()
    trial.gap('F11 no standby')
  })

  test.skipIf(noStrace !== undefined)(
    `F12: commits that take 300 ms, then 2 s, cost time and nobody’s lease${whySkipped(noStrace)}`,
    async () => {
      const trial = await Trial.start(cluster)
      const before = incarnations()
      for (const ms of [300, 2_000]) {
        await trial.fault(`F12 fsync ${ms} ms`, 1, async () => {
          const slow = await SyncFaults.inject(database.pid, { kind: 'slow', ms })
          await pause(4_000)
          await slow.end()
          expect(slow.hits).toBeGreaterThan(0)
          await trial.progress(20)
        })
      }
      expect(incarnations()).toEqual(before)
      await trial.judge()
      for (const ms of [300, 2_000]) trial.gap(`F12 fsync ${ms} ms`)
    },
  )

  test.skipIf(noStrace !== undefined)(
    `F13: a sync that fails is a crash of the server, and what it acknowledged before is there${whySkipped(noStrace)}`,
    async () => {
      const trial = await Trial.start(cluster)
      const before = incarnations()
      await trial.fault('F13 EIO', 1, async () => {
        const fails = await SyncFaults.inject(database.pid, { kind: 'fails' })
        await until(() => fails.hits > 0, { what: 'a sync that fails' })
        await fails.end()
        await trial.progress(20)
      })
      expect(incarnations()).toEqual(before)
      await trial.judge()
      expect(trial.gap('F13 EIO').ms).toBeLessThan(gapMsMax)
    },
  )
})
