/**
 * kill -9 of the whole Shardpay process at random moments under load. Merchants repeat what got no answer with the same
 * key. Rounds: `SHARDPAY_FAULT_ROUNDS`; the seed is printed and `SHARDPAY_SEED` repeats it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeReport } from '../../loadtest/auditor/report.ts'
import { seededRandom } from '../../runtime/random.ts'
import { scaled } from '../support/scale.ts'
import { AuditedLoad } from './support/audited-load.ts'
import { Stack } from './support/stack.ts'

const seed = Number(process.env['SHARDPAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const rounds = scaled('faultRounds')

let stack: Stack
let audited: AuditedLoad

beforeAll(async () => {
  stack = await Stack.start()
  // Calls take a while, so that kills find them on the wire.
  await stack.behave([{ probability: 1, action: 'latency', latency_ms: { kind: 'uniform', min: 20, max: 200 } }])
})

afterAll(async () => {
  await audited.close()
  await stack.stop()
})

test(`kill -9 at random moments under load loses no acknowledged payment and charges nobody twice (${rounds} rounds)`, async () => {
  process.stdout.write(`seed ${seed}\n`)
  const random = seededRandom(seed)
  audited = new AuditedLoad(stack.target, { seed, rate: 80 })
  for (let round = 0; round < rounds; round += 1) {
    await pause(300 + random.float() * 1500)
    // A fault that hit nothing proves nothing.
    await audited.fault(`kill ${round + 1}`, 1, async () => stack.server?.end('SIGKILL'))
    await stack.startServer()
  }
  await pause(1000)
  const report = await audited.verdict()
  process.stdout.write(`${describeReport(report)}\n${rounds} rounds, seed ${seed}\n`)
  expect(report.findings).toEqual([])
  expect(report.unknowns).toEqual([])
  expect(report.result).toBe('pass')
  expect(audited.client.troubles.size).toBeGreaterThan(0)
  expect(report.seen.payments).toBeGreaterThan(rounds)
})
