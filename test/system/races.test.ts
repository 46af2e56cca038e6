/** Races of merchants' requests against each other, over the whole stack. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scaled } from '../support/scale.ts'
import { Client, errorCode, paymentIn } from './support/client.ts'
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

const card = { currency: 'eur', payment_method: 'pm_card_visa' }

test(`two refunds of 60 on a capture of 100 at once: exactly one succeeds (${scaled('raceRounds')} times)`, async () => {
  for (let round = 0; round < scaled('raceRounds'); round += 1) {
    const created = await client.insist('POST', '/v1/payments', `refunds-${round}`, { ...card, amount: 100 })
    const payment = paymentIn(created)
    expect(payment?.status).toBe('captured')
    const path = `/v1/payments/${payment?.id}/refunds`
    const answers = await Promise.all(
      ['a', 'b'].map((name) => client.send('POST', path, `refunds-${round}-${name}`, { amount: 60 })),
    )
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([201, 409])
    expect(answers.map(errorCode)).toContain('refund_exceeds_capture')
    const effects = (await stack.book(payment?.id)).filter((line) => line.operation === 'refund' && line.effect)
    expect(effects.map((line) => line.amount)).toEqual([60])
    expect((await client.get(payment?.id as string)).amount_refunded).toBe(60)
  }
})

test(`one create sent ${scaled('duplicateSends')} times at once: exactly one authorize effect in the book`, async () => {
  await stack.behave([{ probability: 1, action: 'latency', latency_ms: 200 }])
  const body = { ...card, amount: 4200 }
  const answers = await Promise.all(
    Array.from({ length: scaled('duplicateSends') }, () => client.send('POST', '/v1/payments', 'at-once', body)),
  )
  const statuses = new Set(answers.map((answer) => answer.status))
  expect([...statuses].filter((status) => status !== 201 && status !== 409)).toEqual([])
  for (const answer of answers) if (answer.status === 409) expect(errorCode(answer)).toBe('idempotency_key_in_use')
  const final = await client.insist('POST', '/v1/payments', 'at-once', body)
  expect(final.status).toBe(201)
  const bodies = new Set([final, ...answers].filter((answer) => answer.status === 201).map((answer) => answer.text))
  expect(bodies.size).toBe(1)
  const payment = paymentIn(final)
  const effects = (await stack.book(payment?.id)).filter((line) => line.operation === 'authorize' && line.effect)
  expect(effects).toHaveLength(1)
  await stack.behave([])
})
