/** Limits of a merchant over Postgres: what was accepted within the window is found again by a process that begins. */
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createEffectRunner } from '../../actors/effect-runner.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import { paymentKind } from '../../actors/payment-kind.ts'
import { VelocityAgent } from '../../actors/velocity-agent.ts'
import type { AcceptedCount } from '../../actors/velocity-wire.ts'
import { Velocity } from '../../actors/velocity.ts'
import { shardCount } from '../../domain/ids.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import { buildApp } from '../../gateway/app.ts'
import { FakeDirectory, idKey, keySecret, merchantId, merchantWith, testSecret } from '../../gateway/testing.ts'
import { AcceptedReads } from '../../persistence/accepted-reads.ts'
import { scriptedConnector } from '../../psp/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { velocityLimits } from '../../runtime/limits.ts'
import { silentLog } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import { answerByToken } from '../support/edge-over-host.ts'
import { startJournal } from '../support/started-journal.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(() => database.drop())

interface Running {
  readonly app: FastifyInstance
  readonly velocity: Velocity
  stop(): Promise<void>
}

/** A node and gateway in their own incarnation, with a limit of 5 payments a day. */
async function start(incarnation: string): Promise<Running> {
  const self = { node: 'node-1', incarnation }
  const troubles: unknown[] = []
  const started = await startJournal({ databaseUrl: database.url, ...self })
  const psp = scriptedConnector({ connection: 'scripted', clock: systemClock, answer: answerByToken })
  const routes = [{ connection: 'scripted', mode: 'test' }] as const
  const limits = [{ mode: 'test', currency: 'EUR', values: { daily_count: 5 } }] as const
  const directory = new FakeDirectory()
  directory.merchants.push(merchantWith([testSecret], { routes, limits, rateTier: 'development' }))
  const velocity = new Velocity({ directory, clock: systemClock })
  const runEffect = createEffectRunner(new Map([['scripted', psp]]), systemClock, {
    called: () => undefined,
    broken: (_connection, error) => troubles.push(error),
  })
  const host = new Host({
    name: `limitspg-${incarnation}`,
    kinds: [
      paymentKind({
        directory,
        connections: new Map([['scripted', psp.profile]]),
        random: systemRandom,
        velocity,
        returnUrlBase: () => 'https://pay.example/v1/return',
      }),
    ],
    journal: started.journal,
    clock: systemClock,
    random: systemRandom,
    limits: defaultHostLimits,
    observer: {
      // what is not stored, or cannot be read, in a busy moment is tried again
      trouble: (what, error) => what !== 'read_failed' && troubles.push(what, error),
      shardLost: () => undefined,
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
  await host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
  const reader = new AcceptedReads([{ first: 0, last: shardCount - 1, url: database.url }], self, systemClock)
  const agent = new VelocityAgent({
    velocity,
    limited: () => directory.merchants,
    peers: { all: [], tell: () => undefined },
    reader,
    clock: systemClock,
    observer: { read: () => undefined, failed: () => undefined },
  })
  agent.start()
  const app = buildApp({
    ...{ router: host, directory, idKey, keySecret, clock: systemClock, random: systemRandom, log: silentLog },
    readiness: () => ({ ready: true, reasons: [] }),
  })
  return {
    app,
    velocity,
    async stop() {
      agent.stop()
      await app.close()
      await host.stop()
      await reader.close()
      await started.leases.close()
      expect(troubles).toEqual([])
    },
  }
}

async function pay({ app }: Running, key: string, more: object = {}): Promise<number> {
  const headers = { authorization: `Bearer ${testSecret}`, 'idempotency-key': key }
  const payload = { amount: 700, currency: 'eur', payment_method: 'pm_card_visa', ...more }
  return (await app.inject({ method: 'POST', url: '/v1/payments', headers, payload })).statusCode
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 500 && !(await isSo()); n += 1) await pause(50)
}

/** Payments that the read side shows as accepted. */
async function shown(): Promise<number> {
  const client = new Client(database.url)
  await client.connect()
  const { rows } = await client.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM read.payment WHERE attempted_at IS NOT NULL',
  )
  await client.end()
  return rows[0]?.count ?? 0
}

function acceptedBy({ velocity }: Running): readonly (number | undefined)[] {
  const accepted = velocity.acceptedOf(merchantId, 'test').get('EUR')
  return (['count', 'amountMinor'] as const).map((of) => accepted?.sum('day', of, systemClock.now()))
}

it('a restart keeps the window: what was accepted before counts, what was not confirmed does not', async () => {
  const first = await start('i1')
  for (const key of ['k1', 'k2', 'k3']) expect(await pay(first, key)).toBe(201)
  expect(await pay(first, 'declined', { payment_method: 'pm_declined' })).toBe(402)
  expect(await pay(first, 'open', { confirm: false })).toBe(201)
  expect(await pay(first, 'other', { currency: 'usd' })).toBe(201)
  expect(acceptedBy(first)).toEqual([4, 2_800])
  await until(async () => (await shown()) === 5)
  await first.stop()

  const second = await start('i2')
  await until(() => acceptedBy(second)[0] !== undefined)
  expect(acceptedBy(second)).toEqual([4, 2_800])
  expect(await pay(second, 'k4')).toBe(201)
  expect(await pay(second, 'k5')).toBe(429)
  // what was read and what is counted since have become one
  await pause(velocityLimits.settleMs + 500)
  expect(acceptedBy(second)).toEqual([5, 3_500])
  expect(await pay(second, 'k5')).toBe(429)
  expect(await pay(second, 'k1')).toBe(201)
  await second.stop()
})

it('the read side is asked for one merchant’s window alone, by minute and mode', async () => {
  const reader = new AcceptedReads(
    [{ first: 0, last: shardCount - 1, url: database.url }],
    { node: 'node-1', incarnation: 'i3' },
    systemClock,
  )
  const now = systemClock.now()
  const counts: AcceptedCount[] = []
  await reader.read([merchantId], now - 3_600_000, (part) => counts.push(...part))
  expect(counts.every(({ merchant, mode }) => merchant === merchantId && mode === 'test')).toBe(true)
  const euros = counts.filter(({ currency }) => currency === 'EUR')
  expect(euros.reduce((sum, { count }) => sum + count, 0)).toBe(5)
  expect(euros.every(({ minute }) => Math.abs(minute - now / 60_000) < 5)).toBe(true)
  await reader.read(['mer_other'], now - 3_600_000, (part) => {
    expect(part).toEqual([])
  })
  await reader.close()
})
