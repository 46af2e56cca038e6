/**
 * Faults F21 to F24 over the whole product and both PSPs: whatever happens on the road of an authorization, the merchant is
 * told no guess, the PSP does it once, and one PSP's trouble is not the other's. F30 for authorizations: no webhook comes.
 *
 * The same faults for every operation, at the repeat and at the look-up, are in psp/connector-conformance.ts, with F26's
 * wrong answers; a drip is in psp/http/client.test.ts; a crash in the middle in unknown-outcome.test.ts.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../chaos/support/until.ts'
import { type Answer, errorCode, paymentIn } from './support/client.ts'
import { payments, type Psp, PspCluster, psps } from './support/psp-cluster.ts'

/** How long anything waits for a PSP, at most. */
const patienceMs = 4_000

let cluster: PspCluster

beforeAll(async () => {
  cluster = await PspCluster.start({ patienceMs })
})

afterAll(() => cluster.stop())

interface Fault {
  readonly name: string
  readonly rule: { readonly action: string; readonly status?: number }
}

const faults: readonly Fault[] = [
  { name: 'F21 silence, and it did charge', rule: { action: 'timeout_after' } },
  { name: 'F22 silence, and it did not charge', rule: { action: 'timeout_before' } },
  { name: 'F23 503, and it did charge', rule: { action: 'error_500_after', status: 503 } },
  { name: 'F23 503, and it did not charge', rule: { action: 'error_500_before', status: 503 } },
  { name: 'F23 a reset, and it did charge', rule: { action: 'reset_after' } },
  { name: 'F23 a reset, and it did not charge', rule: { action: 'reset_before' } },
  { name: 'F23 a reset in the middle of the answer', rule: { action: 'cut_answer' } },
  { name: 'F26 HTML with status 200', rule: { action: 'html_after' } },
]
const cells = psps.flatMap((psp) =>
  faults.map((fault) => ({ psp, ...fault, key: `${psp}-${fault.name.replaceAll(/\W+/g, '-')}` })),
)

/** Of authorizations; captures at Adyen have no other witness. */
const webhooksOfAuthorizationsLost = [
  { action: 'swallow', match: { psp: 'stripe' } },
  { action: 'swallow', match: { psp: 'adyen', type: 'AUTHORISATION' } },
]

/** The fault strikes the first send of the payment's authorization. */
function striking(key: string, rule: Fault['rule']): object {
  return { ...rule, times: 1, match: { idempotency_key: cluster.operationId('att', key) } }
}

function pay(psp: Psp, key: string): Promise<Answer> {
  return cluster.client.send('POST', '/v1/payments', key, payments[psp], { prefer: 'wait=1' })
}

/** Pays while the fault strikes. */
async function payThrough(psp: Psp, key: string, rule: Fault['rule']): Promise<Answer> {
  await cluster.behave([striking(key, rule)])
  return pay(psp, key)
}

/** By one attempt; and its merchant is told the same again. */
async function expectPaidOnce(psp: Psp, key: string): Promise<void> {
  const id = cluster.paymentId(key)
  await cluster.become(id, ({ status }) => status === 'captured')
  expect(await cluster.effects(id)).toEqual(['authorize', 'capture'])
  const asked = (await cluster.book(id)).filter(({ operation }) => operation === 'authorize')
  expect(new Set(asked.map((each) => each.idempotency_key))).toEqual(new Set([cluster.operationId('att', key)]))
  const again = await cluster.client.insist('POST', '/v1/payments', key, payments[psp])
  expect([again.status, paymentIn(again)?.id]).toEqual([201, id])
}

describe('each fault on its own payment, all at once', () => {
  const answers = new Map<string, Answer>()

  beforeAll(async () => {
    await cluster.webhooks(webhooksOfAuthorizationsLost)
    await cluster.behave(cells.map(({ key, rule }) => striking(key, rule)))
    await Promise.all(cells.map(async ({ psp, key }) => answers.set(key, await pay(psp, key))))
  })

  test.each(cells)('$psp, $name, F30 no webhook comes: told as pending, found by asking, done once', async (cell) => {
    const answer = answers.get(cell.key) as Answer
    expect([answer.status, paymentIn(answer)?.status]).toEqual([202, 'pending'])
    await expectPaidOnce(cell.psp, cell.key)
  })
})

describe('one after the other', () => {
  beforeEach(async () => {
    await cluster.behave([])
    await cluster.webhooks([])
    // faults of the last test may have opened breakers
    await Promise.all(psps.map((psp) => cluster.payWell(psp)))
  })

  test.each(psps)('F23 %s keeps a 500 and did charge: its webhook tells before anybody asks', async (psp) => {
    const key = `${psp}-500-after`
    await cluster.behave([striking(key, { action: 'error_500_after' })])
    expect((await cluster.client.send('POST', '/v1/payments', key, payments[psp])).status).toBe(201)
    await expectPaidOnce(psp, key)
  })

  test('F23 Stripe keeps a 500 and did not charge: nothing is found, and no second charge stands', async () => {
    const answer = await payThrough('stripe', 'stripe-500-before', { action: 'error_500_before' })
    expect([answer.status, paymentIn(answer)?.status]).toEqual([202, 'pending'])
    const id = cluster.paymentId('stripe-500-before')
    const { status } = await cluster.become(id, (view) => view.status !== 'pending')
    expect(await cluster.effects(id)).toEqual(status === 'captured' ? ['authorize', 'capture'] : [])
  })

  test('F23 Adyen keeps a 500 and did not charge: neither look-up nor repeat would tell, so it stays open', async () => {
    const answer = await payThrough('adyen', 'adyen-500-before', { action: 'error_500_before' })
    expect([answer.status, paymentIn(answer)?.status]).toEqual([202, 'pending'])
    const id = cluster.paymentId('adyen-500-before')
    await pause(2 * patienceMs)
    expect((await cluster.client.get(id)).pending_reason).toBe('psp_outcome_unknown')
    expect(await cluster.effects(id)).toEqual([])
  })

  test.each(psps)('F24 %s limits: refused in time, nothing charged, a new try pays', async (psp) => {
    await cluster.behave([{ action: 'rate_limit_429', match: { operation: 'authorize' } }])
    const key = `${psp}-limited`
    const answer = await cluster.client.insist('POST', '/v1/payments', key, payments[psp])
    expect([answer.status, errorCode(answer), paymentIn(answer)?.status]).toEqual([402, 'psp_unavailable', 'failed'])
    expect(await cluster.effects(cluster.paymentId(key))).toEqual([])
    await cluster.behave([])
    await cluster.payWell(psp)
  })

  test('F24 a PSP far slower than anybody waits: its breaker opens, the other PSP is not slowed, and it is called again when it is well', async () => {
    await cluster.behave([{ action: 'latency', latency_ms: 4 * patienceMs, match: { payment_method: 'pm_card_visa' } }])
    const slow = Array.from({ length: 30 }, (_, nth) => `slow-${nth}`)
    const answers = await Promise.all(slow.map((key) => pay('stripe', key)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))

    const tookMs: number[] = []
    for (let nth = 0; nth < 20; nth += 1) {
      const began = performance.now()
      expect((await cluster.client.insist('POST', '/v1/payments', `beside-${nth}`, payments.adyen)).status).toBe(201)
      tookMs.push(performance.now() - began)
    }
    expect(tookMs.toSorted((a, b) => a - b)[18]).toBeLessThan(patienceMs)

    // once so many sends in a row have failed, nothing leaves for Stripe any more, which is proof; one that finds the breaker
    // half open is sent, and opens it again
    const tries: string[] = []
    const isRefused = async (): Promise<boolean> => {
      tries.push(`tried-${tries.length}`)
      const refused = await pay('stripe', tries.at(-1) as string)
      return refused.status === 402 && errorCode(refused) === 'psp_unavailable'
    }
    await until(isRefused, { withinMs: 60_000, what: 'a refusal because the breaker is open' })
    expect(await cluster.book(cluster.paymentId(tries.pop() as string))).toEqual([])

    await cluster.behave([])
    for (const id of [...slow, ...tries].map((key) => cluster.paymentId(key))) {
      await cluster.become(id, ({ status }) => status !== 'pending', 120_000)
      const authorized = (await cluster.effects(id)).filter((operation) => operation === 'authorize')
      expect(authorized.length).toBeLessThanOrEqual(1)
    }
    await cluster.payWell('stripe')
  })
})

test('in the end the auditor finds nothing wrong', async () => {
  const { findings } = await cluster.audit()
  expect(findings).toEqual([])
})
