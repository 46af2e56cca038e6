/**
 * kill -9 of the whole Shardpay process at random moments under load. Merchants repeat what got no answer with the same
 * key. Rounds: `SHARDPAY_FAULT_ROUNDS`; the seed is printed and `SHARDPAY_SEED` repeats it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../runtime/random.ts'
import { scaled } from '../support/scale.ts'
import { Client } from './support/client.ts'
import { describeVerdict, judge, settle } from './support/judge.ts'
import { Stack } from './support/stack.ts'
import { Workload } from './support/workload.ts'

const seed = Number(process.env['SHARDPAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const rounds = scaled('faultRounds')

let stack: Stack
let clients: Client[]

beforeAll(async () => {
  stack = await Stack.start()
  clients = stack.apiKeys.map((key) => new Client(stack.merchantUrl, key))
  // Calls take a while, so that kills find them on the wire.
  await stack.behave([{ probability: 1, action: 'latency', latency_ms: { kind: 'uniform', min: 5, max: 60 } }])
})

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await stack.stop()
})

test(`kill -9 at random moments under load loses no acknowledged payment and charges nobody twice (${rounds} rounds)`, async () => {
  process.stdout.write(`seed ${seed}\n`)
  const random = seededRandom(seed)
  const load = new Workload(clients, seed)
  load.start(16)
  for (let round = 0; round < rounds; round += 1) {
    await pause(300 + random.float() * 1500)
    await stack.server?.end('SIGKILL')
    await stack.startServer()
  }
  await pause(1000)
  await load.stop()

  const told = clients.flatMap((client) => client.told)
  const settled = new Map(
    (await Promise.all(clients.map((client) => settle(client, client.payments, 60_000)))).flatMap((map) => [...map]),
  )
  const verdict = await judge(stack, told, settled)
  process.stdout.write(`${describeVerdict(verdict)}, ${rounds} rounds, seed ${seed}\n`)
  expect(verdict.problems).toEqual([])
  // A fault that hit nothing proves nothing.
  expect(verdict.retriedAnswers).toBeGreaterThan(0)
  expect(verdict.payments).toBeGreaterThan(rounds)
})
