/** The server's ends and beginnings: an orderly stop, and a second start under the same node's name. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../chaos/support/until.ts'
import { Client, paymentIn } from './support/client.ts'
import { Stack } from './support/stack.ts'

let stack: Stack
let client: Client

beforeEach(async () => {
  stack = await Stack.start()
  client = new Client(stack.merchantUrl, stack.apiKeys[0] as string)
})

afterEach(async () => {
  await client.close()
  await stack.stop()
})

const body = { amount: 500, currency: 'eur', payment_method: 'pm_card_visa' }

test('SIGTERM: requests that were accepted are answered, then the process exits with 0', async () => {
  await stack.behave([{ action: 'latency', latency_ms: 2_000 }])
  const accepted = Array.from({ length: 40 }, (_, n) => client.send('POST', '/v1/payments', `drain-${n}`, body))
  for (const n of accepted.keys()) {
    const path = `/v1/payments/${stack.paymentId(`drain-${n}`)}`
    await until(async () => (await client.send('GET', path)).status === 200, { what: 'an accepted payment' })
  }
  const exit = stack.server?.end('SIGTERM')
  const statuses = (await Promise.all(accepted)).map(({ status }) => status)
  expect(statuses).toEqual(statuses.map(() => 201))
  expect(await exit).toBe(0)
  await stack.startServer()
  const replay = await client.insist('POST', '/v1/payments', 'drain-0', body)
  expect(replay.headers['idempotent-replayed']).toBe('true')
})

test('a second start under the same name ends the first, which answers nothing from its old state', async () => {
  const created = await client.insist('POST', '/v1/payments', 'before', body)
  const first = stack.server
  const second = await stack.startSecondServer()
  // The first finds itself dead at its next renewal, and ends.
  const late = await client.send('GET', `/v1/payments/${paymentIn(created)?.id}`).catch(() => undefined)
  expect(late === undefined || late.status === 503).toBe(true)
  expect(await first?.exited).toBe(75)
  const other = new Client(second.url, stack.apiKeys[0] as string)
  const again = await other.insist('POST', '/v1/payments', 'before', body)
  expect(again.text).toBe(created.text)
  await other.close()
  await second.end()
})
