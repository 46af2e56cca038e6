/** A database server is lost and its synchronous standby takes over; `npm run test:full`. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { Cluster } from './support/cluster.ts'
import { gapMsMax } from './support/form.ts'
import { Standby } from './support/standby.ts'
import { Trial } from './support/trial.ts'

test('F8: fail-over to a synchronous standby loses nothing that was acknowledged', async () => {
  const proxy = await startTcpProxy({ targetPort: 1 })
  const cluster = await Cluster.start({
    nodes: 2,
    memberEnv: (_, [primary]) => {
      if (primary === undefined) throw new Error('a cluster has a database')
      proxy.retarget(primary.port)
      return Promise.resolve({ JOURNAL_DATABASE_URLS: `0-1023=${proxy.through(primary.url)}` })
    },
  })
  let standby: Standby | undefined
  try {
    const [primary] = cluster.databases
    if (primary === undefined) throw new Error('a cluster has a database')
    standby = await Standby.of(primary, join(cluster.directory, 'standby'))
    const { port, url } = standby
    const trial = await Trial.start(cluster)
    await trial.fault('F8 fail-over', 1, async () => {
      await primary.kill('SIGKILL')
      await standby?.promote()
      proxy.retarget(port)
      proxy.cut()
      await trial.progress(20)
    })
    // the old primary comes back with what it had: nobody writes to it
    await primary.restart()
    const before = await primary.query('SELECT count(*) FROM journal')
    await pause(1_000)
    expect(await primary.query('SELECT count(*) FROM journal')).toEqual(before)
    await trial.judge([url])
    expect(trial.gap('F8 fail-over').ms).toBeLessThan(gapMsMax)
  } finally {
    await cluster.stop()
    await standby?.stop()
    await proxy.close()
  }
})
