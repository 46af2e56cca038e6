/** The books as a node's own projector writes them: proved whole, sealed, and proved again after somebody meddled. */
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../bench/support/host-rig.ts'
import { benchPayment, captureCommand, paymentCommand } from '../bench/support/payments.ts'
import { answeringConnector, type PostgresHost, startPostgresHost } from '../bench/support/postgres-host.ts'
import { shardCount } from '../domain/ids.ts'
import { sealerLimits } from '../persistence/journal-chain-sealer.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { proveJournal } from './cli/journal-proof.ts'
import { keeperLimits, LedgerKeeper } from './ledger-keeper.ts'
import { proveLedger } from './ledger-proof.ts'

const payments = 40
const { shard } = benchPayment(0).address

let database: TestDatabase
let admin: Client
let node: PostgresHost

beforeAll(async () => {
  database = await createTestDatabase()
  admin = new Client({ connectionString: database.url })
  await admin.connect()
  node = await startPostgresHost(database.url, answeringConnector())
  await node.host.openShards(Array.from({ length: shardCount }, (_, each) => each))
  for (let index = 0; index < payments; index += 1) {
    const isTwoSteps = index % 2 === 1
    await send(node.host, paymentCommand(index, isTwoSteps ? 'manual' : 'automatic'))
    const payment = benchPayment(index)
    const capture = { ...payment.address, kind: 'payment', class: 'begin', payload: captureCommand(payment) } as const
    if (isTwoSteps) await send(node.host, capture)
  }
  await untilFollowed()
})

afterAll(async () => {
  await node.stop()
  await admin.end()
  await database.drop()
  expect(node.troubles).toEqual([])
})

async function untilFollowed(): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ at: string | null }>('SELECT read.behind_since() AS at')
    if (rows[0]?.at === null) return
    await pause(20)
  }
}

const databases = () => [{ url: database.url, first: 0, last: shardCount - 1 }]

test('what the projector wrote is what the journal says', async () => {
  const { payments: proved, transfers, problems } = await proveLedger({ databases: databases() })
  expect([proved, problems]).toEqual([payments, []])
  expect(transfers).toBeGreaterThan(payments)
})

test('the keeper seals the journal, proves it all the time, and shows what differs until it does no more', async () => {
  const clock = new VirtualClock(Date.now() + 2 * sealerLimits.partialAfterMs)
  const drift: number[] = []
  let sealed = 0
  const keeper = new LedgerKeeper({
    databases: [{ url: database.url, first: shard, last: shard }],
    ...{ self: { node: 'keeper', incarnation: 'i1' }, clock, log: silentLog },
    metrics: {
      proved: (problems) => drift.push(problems),
      failed: () => drift.push(-1),
      sealed: (rows) => (sealed += rows),
    },
  })
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      clock.advance(keeperLimits.proveEveryMs)
      await pause(5)
    }
  }
  keeper.start()
  try {
    await until(() => sealed > 0 && drift.length > 0)
    expect(drift.every((problems) => problems === 0)).toBe(true)
    const proof = await proveJournal({ databases: databases(), shards: new Set([shard]) })
    expect([proof.sealed, proof.problems]).toEqual([proof.rows, []])
    await admin.query(`UPDATE read.transfer SET amount = amount + 1 WHERE shard = ${shard}`)
    await until(() => (drift.at(-1) ?? 0) > 0)
    await admin.query(`UPDATE read.transfer SET amount = amount - 1 WHERE shard = ${shard}`)
    await until(() => drift.at(-1) === 0)
    await admin.query(`UPDATE journal SET command = entity WHERE shard = ${shard} AND position = 2`)
    await until(() => drift.at(-1) === 1)
  } finally {
    await keeper.stop()
  }
})
