/**
 * Operations whose outcome nobody knows after a crash. Whatever the PSP's address does on the repeat (refuses the
 * connection, answers 400 or 429), it says nothing about the first send: the operation stays unknown, nothing falls back,
 * no new key is used, until the PSP can be asked.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../chaos/support/until.ts'
import { Client, paymentIn } from './support/client.ts'
import { Stack } from './support/stack.ts'

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

const body = { amount: 700, currency: 'eur', payment_method: 'pm_card_visa' }

/** Sends a create whose authorization reaches the PSP, and kills the server before the PSP has answered. */
async function killedInFlight(key: string, effect: 'before' | 'after'): Promise<string> {
  await stack.behave([{ action: `timeout_${effect}`, match: { operation: 'authorize' } }])
  const id = stack.paymentId(key)
  const lost = client.send('POST', '/v1/payments', key, body).catch(() => undefined)
  await until(async () => (await stack.book(id)).some((line) => line.operation === 'authorize'), {
    what: 'an authorization at the simulator',
  })
  await stack.server?.end('SIGKILL')
  await lost
  return id
}

/** Longer than the first pause of the inquiries: it was asked about again. */
const askedAgainMs = 2_500

async function isUnknown(id: string): Promise<boolean> {
  const { status, pending_reason: reason } = await client.get(id)
  return status === 'pending' && reason === 'psp_outcome_unknown'
}

async function becomesUnknown(id: string): Promise<void> {
  await until(() => isUnknown(id), { what: `${id} as one whose outcome nobody knows` })
}

async function expectStillUnknown(id: string): Promise<void> {
  expect(await isUnknown(id)).toBe(true)
  const keys = new Set((await stack.book(id)).map((line) => line.idempotency_key))
  expect(keys.size).toBe(1)
}

async function expectCapturedOnce(id: string): Promise<void> {
  await until(async () => (await client.get(id)).status !== 'pending', {
    ...{ withinMs: 120_000, everyMs: 200, what: `an outcome of ${id}` },
  })
  expect((await client.get(id)).status).toBe('captured')
  const lines = await stack.book(id)
  expect(lines.filter((line) => line.operation === 'authorize' && line.effect)).toHaveLength(1)
  expect(new Set(lines.map((line) => line.idempotency_key)).size).toBe(1)
}

test('a recovered operation whose PSP refuses the connection stays unknown, and is settled when the PSP is back', async () => {
  const id = await killedInFlight('refused', 'after')
  await stack.simulator?.end('SIGKILL')
  await stack.startServer()
  await becomesUnknown(id)
  await pause(askedAgainMs)
  expect(await isUnknown(id)).toBe(true)
  await stack.startSimulator()
  await expectCapturedOnce(id)
})

for (const [status, action] of [
  [400, 'invalid_request_400'],
  [429, 'rate_limit_429'],
] as const) {
  test(`a recovered operation whose repeat answers ${status} stays unknown: no fallback, no new key`, async () => {
    const id = await killedInFlight(`repeat-${status}`, 'after')
    await stack.behave([{ action }])
    await stack.startServer()
    await becomesUnknown(id)
    await pause(askedAgainMs)
    await expectStillUnknown(id)
    await stack.behave([])
    await expectCapturedOnce(id)
    expect((await client.get(id)).amount_captured).toBe(body.amount)
  })
}

test('an authorization that never took effect before the crash takes effect once, by the identical request', async () => {
  const id = await killedInFlight('never', 'before')
  await stack.behave([])
  await stack.startServer()
  await expectCapturedOnce(id)
  const again = await client.insist('POST', '/v1/payments', 'never', body)
  expect(again.status).toBe(201)
  expect(paymentIn(again)?.id).toBe(id)
})
