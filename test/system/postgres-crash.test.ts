/** Postgres killed and started again under load: 503 with Retry-After meanwhile, nothing lost, service returns by itself. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeReport } from '../../loadtest/auditor/report.ts'
import { scaled } from '../support/scale.ts'
import { AuditedLoad } from './support/audited-load.ts'
import { Client } from './support/client.ts'
import { Stack } from './support/stack.ts'

const rounds = Math.max(1, Math.ceil(scaled('faultRounds') / 5))

let stack: Stack
let client: Client
let audited: AuditedLoad

beforeAll(async () => {
  stack = await Stack.start()
  client = new Client(stack.merchantUrl, stack.apiKeys[0] as string)
})

afterAll(async () => {
  await audited.close()
  await client.close()
  await stack.stop()
})

test(`Postgres killed under load answers 503 with Retry-After, loses nothing and service returns by itself (${rounds} rounds)`, async () => {
  audited = new AuditedLoad(stack.target, { seed: 7, rate: 80 })
  const pid = stack.server?.pid
  for (let round = 0; round < rounds; round += 1) {
    await pause(1000)
    await audited.fault(`kill ${round + 1}`, 1, async () => {
      await stack.postgres.kill('SIGKILL')
      await pause(800)
    })
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
  expect(stack.server?.pid).toBe(pid)
  const report = await audited.verdict()
  process.stdout.write(`${describeReport(report)}\n${rounds} rounds\n`)
  expect([...audited.client.troubles.keys()].some((trouble) => trouble.startsWith('503'))).toBe(true)
  expect(report.findings).toEqual([])
  expect(report.unknowns).toEqual([])
  expect(report.result).toBe('pass')
})
