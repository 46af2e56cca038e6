/** Disks that are full, and a database that comes back with older data than it had: what cannot be kept is not promised. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'
import { Database } from './support/database.ts'
import { SmallDisk } from './support/disk-faults.ts'
import { Shopper } from './support/shopper.ts'
import { hindrance, whySkipped } from './support/tools.ts'
import { Trial } from './support/trial.ts'
import { until } from './support/until.ts'

const noTmpfs = hindrance('tmpfs')

test.skipIf(noTmpfs !== undefined)(
  `F14: a journal’s disk that is full stops payments, not processes; they go on once there is room${whySkipped(noTmpfs)}`,
  async () => {
    const disk = await SmallDisk.mount(join(tmpdir(), `shardpay-chaos-disk-${process.pid}`), 256)
    try {
      const database = await Database.start({
        directory: join(disk.directory, 'postgres'),
        settings: { max_wal_size: '64MB', min_wal_size: '32MB' },
      })
      const cluster = await Cluster.start({ ownDatabases: [database], nodes: 2, gateways: 1 })
      try {
        const trial = await Trial.start(cluster)
        await trial.fault('F14 disk full', 5, async () => {
          await disk.fill()
          await until(() => Object.keys(trial.troubles).some((name) => name.startsWith('503')), {
            what: 'a refusal to accept payments',
          })
          await pause(2_000)
          await disk.free()
          // a server that could not write its log ends, and whoever runs it starts it again
          await database.restart()
          await trial.progress(20)
        })
        expect(cluster.nodes.every(({ isRunning }) => isRunning)).toBe(true)
        await trial.judge()
        trial.gap('F14 disk full')
      } finally {
        await cluster.stop()
      }
    } finally {
      await disk.unmount()
    }
  },
)

test('a database that came back with an older copy of its data is detected: nothing is decided on it, denied or charged again', async () => {
  const cluster = await Cluster.start({ nodes: 2, gateways: 1 })
  try {
    const [database] = cluster.databases
    const [gateway] = cluster.gateways
    if (database === undefined || gateway === undefined) throw new Error('a database and a gateway')
    await database.keepCopy()
    const lost: Shopper[] = []
    for (const node of cluster.nodes) lost.push(...(await Shopper.authorizedOn(cluster, node, 5)))
    const effects = await effectsOf(cluster)
    expect(effects.length).toBe(lost.length)
    await database.swapForCopy()

    // what was acknowledged is not there any more: nobody may build on it, and nobody may say that it never was
    const asked = lost.map(async (shopper) => {
      const path = `/v1/payments/${shopper.paymentId}`
      const [capture, retry, read] = await Promise.all([
        shopper.ask(gateway, 'POST', `${path}/capture`, `${shopper.key}-capture`, {}),
        shopper.ask(gateway, 'POST', '/v1/payments', shopper.key, Shopper.request),
        shopper.ask(gateway, 'GET', path),
      ])
      expect(capture.status, 'a capture').toBe(503)
      expect([503, 201], 'a retry of the create').toContain(retry.status)
      expect([503, 200], 'a read').toContain(read.status)
      if (read.status === 200) expect(read.body['status']).toBe('authorized')
    })
    await Promise.all(asked)
    expect(await effectsOf(cluster), 'nothing more reached the PSP').toEqual(effects)
    for (const { name, program } of cluster.nodes) {
      const isSaid = (): boolean => program.log.some((line) => line.includes('journal_lost_acknowledged_rows'))
      await until(isSaid, { what: `the word of ${name} that acknowledged rows are gone` })
    }
  } finally {
    await cluster.stop()
  }
})

async function effectsOf(cluster: Cluster): Promise<readonly string[]> {
  const response = await fetch(`${cluster.simulatorUrl}/_admin/book`)
  return (await response.text())
    .split('\n')
    .filter((line) => line !== '' && (JSON.parse(line) as { effect: boolean }).effect)
}
