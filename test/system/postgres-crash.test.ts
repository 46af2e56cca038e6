/** Postgres killed and started again under load: 503 with Retry-After meanwhile, nothing lost, service returns by itself. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scaled } from '../support/scale.ts'
import { Client } from './support/client.ts'
import { describeVerdict, judge, settle } from './support/judge.ts'
import { Stack } from './support/stack.ts'
import { Workload } from './support/workload.ts'

const rounds = Math.max(1, Math.ceil(scaled('faultRounds') / 5))

let stack: Stack
let client: Client

beforeAll(async () => {
  stack = await Stack.start()
  client = new Client(stack.merchantUrl, stack.apiKeys[0] as string)
})

afterAll(async () => {
  await client.close()
  await stack.stop()
})

test(`Postgres killed under load answers 503 with Retry-After, loses nothing and service returns by itself (${rounds} rounds)`, async () => {
  const load = new Workload([client], 7)
  load.start(16)
  const pid = stack.server?.pid
  for (let round = 0; round < rounds; round += 1) {
    await pause(1000)
    await stack.postgres.kill('SIGKILL')
    await pause(800)
    const refused = await client.send('POST', '/v1/payments', `refused-${round}`, {
      amount: 100,
      currency: 'eur',
      payment_method: 'pm_card_visa',
    })
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    await stack.postgres.restart()
    // The same key again, by itself, without anyone restarting the server.
    const accepted = await client.insist('POST', '/v1/payments', `refused-${round}`, {
      amount: 100,
      currency: 'eur',
      payment_method: 'pm_card_visa',
    })
    expect(accepted.status).toBe(201)
  }
  await pause(500)
  await load.stop()
  expect(stack.server?.pid).toBe(pid)
  const settled = await settle(client, client.payments, 60_000)
  const verdict = await judge(stack, client.told, settled)
  process.stdout.write(`${describeVerdict(verdict)}, ${rounds} rounds\n`)
  expect(client.unavailable).toBeGreaterThan(0)
  expect(verdict.problems).toEqual([])
})
