/** A node over a real database with captured payments in one shard, followed by all cursors and sealed: ready to be archived. */
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { send } from '../../bench/support/host-rig.ts'
import { type BenchPayment, benchPayment, captureCommand, paymentCommand } from '../../bench/support/payments.ts'
import { answeringConnector, type PostgresHost, startPostgresHost } from '../../bench/support/postgres-host.ts'
import type { RouteAnswer } from '../../cluster/router.ts'
import { shardCount } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { PaymentCommand, PaymentQuery } from '../../domain/payment/commands.ts'
import type { CaptureMethod } from '../../domain/payment/state.ts'
import { safeIntegerTypes } from '../../persistence/int8.ts'
import { sealDatabase } from '../../persistence/journal-chain-sealer.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { checkJournalDatabases } from '../../persistence/migrate.ts'
import { ReadingPools } from '../../persistence/reading-pools.ts'
import type { ScriptedConnector } from '../../psp/testing.ts'
import { createTestDatabase, type TestDatabase } from './test-database.ts'

export const archivedShard = 5

/** Numbers of benchmark payments of that shard, in order. */
export function paymentsOfShard(count: number, shard = archivedShard, after = -1): readonly number[] {
  const found: number[] = []
  for (let index = after + 1; found.length < count; index += 1) {
    if (benchPayment(index).address.shard === shard) found.push(index)
  }
  return found
}

export interface ArchiveRig {
  readonly database: TestDatabase
  readonly databases: readonly JournalDatabase[]
  readonly admin: Client
  readonly psp: ScriptedConnector
  /** The present node; {@link restartNode} replaces it. */
  node(): PostgresHost
  /** What is not in memory is read from the database then. */
  restartNode(): Promise<void>
  pay(index: number, method: CaptureMethod): Promise<RouteAnswer<PaymentAnswer>>
  tell(payment: BenchPayment, command: PaymentCommand | PaymentQuery): Promise<RouteAnswer<PaymentAnswer>>
  capture(payment: BenchPayment): Promise<RouteAnswer<PaymentAnswer>>
  /** As a merchant reads it. */
  read(payment: BenchPayment): Promise<RouteAnswer<PaymentAnswer>>
  /** Waits until all cursors are at the end, and seals everything. */
  settle(): Promise<void>
  /** Every row of the journal with all its columns, as text. */
  journal(): Promise<readonly object[]>
  close(): Promise<void>
}

export async function startArchiveRig(): Promise<ArchiveRig> {
  const database = await createTestDatabase()
  const databases = [{ url: database.url, first: 0, last: shardCount - 1 }]
  await checkJournalDatabases(databases, Buffer.alloc(32, 7))
  const admin = new Client({ connectionString: database.url, types: safeIntegerTypes })
  await admin.connect()
  const pools = new ReadingPools(databases, { node: 'sealer', incarnation: 'i1' }, 'seal')
  const psp = answeringConnector()
  const start = async (): Promise<PostgresHost> => {
    const started = await startPostgresHost(database.url, psp)
    await started.host.openShards([archivedShard])
    return started
  }
  let node = await start()
  const tell: ArchiveRig['tell'] = ({ address }, payload) =>
    send<PaymentAnswer>(node.host, { ...address, kind: 'payment', class: 'settle', payload })
  return {
    ...{ database, databases, admin, psp, tell },
    node: () => node,
    async restartNode() {
      await node.declareDead()
      await node.stop()
      node = await start()
    },
    pay: (index, method) => send<PaymentAnswer>(node.host, paymentCommand(index, method)),
    capture: (payment) => tell(payment, captureCommand(payment)),
    read: (payment) => tell(payment, { type: 'ReadPayment', merchant: payment.merchant, mode: 'test' }),
    async settle() {
      for (;;) {
        await node.host.flush()
        const { rows } = await admin.query<{ behind: boolean }>(
          `SELECT bool_or(c.position < (SELECT max(j.position) FROM journal j WHERE j.shard = c.shard AND j.type <> 'epoch')) AS behind
            FROM shard_cursor c WHERE c.shard = $1`,
          [archivedShard],
        )
        if (rows[0]?.behind !== true) break
        await pause(20)
      }
      for (const reading of pools.all) {
        await sealDatabase({ ...reading, first: archivedShard, last: archivedShard }, Number.MAX_SAFE_INTEGER)
      }
    },
    async journal() {
      const { rows } = await admin.query<object>(
        `SELECT shard, position, encode(entity, 'hex') AS entity, seq, epoch, encode(command, 'hex') AS command, type, at,
          encode(data, 'hex') AS data, encode(private, 'hex') AS private, key_id FROM journal ORDER BY shard, position`,
      )
      return rows
    },
    async close() {
      await node.stop()
      await pools.close()
      await admin.end()
      await database.drop()
    },
  }
}
