/**
 * Webhooks over a whole node: real receivers, inboxes and payments. Numbers are those of docs/bad-input.md; what a PSP's
 * scheme lacks (Adyen's has no timestamp and signs no bytes) is left out.
 */
import type { LightMyRequestResponse } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operationIdOf, paymentIdOf } from '../../domain/ids.ts'
import { addressOfNotice, type InboxAnswer, type InboxNotice, inboxKindName } from '../../domain/inbox/commands.ts'
import type { OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { webhookBytesMax } from '../../psp/webhook.ts'
import { createMetrics, type Metrics } from '../../runtime/metrics.ts'
import { answerByToken, type EdgeOverHost, edgeOverHost, methods } from '../support/edge-over-host.ts'
import { adyen, type Hold, type Message, type Scheme, stripe, stripeSignature } from './webhook-schemes.ts'

/** A payment method that the PSP authorizes under the scheme's reference. */
const held = 'pm_held'
/** What the payments' connector is called, so that notices over it are about them. */
const connection = 'scripted'
const secret = 'ab'.repeat(32)
const retired = 'cd'.repeat(32)
const stranger = operationIdOf('att', paymentIdOf(Buffer.alloc(32, 9), 'mer_x', 'test', 'k'), 1)

let edge: EdgeOverHost
let metrics: Metrics
let scheme: Scheme
let secrets: readonly string[]

async function begin(of: Scheme, latencyMs = 0): Promise<void> {
  scheme = of
  secrets = [secret]
  metrics = createMetrics()
  const webhooks = {
    receiver: (name: string) => (name === connection ? scheme.receiver(connection, () => secrets) : undefined),
  }
  const answer = (call: PspCall): OperationOutcome =>
    call.kind === 'authorize' && call.paymentMethod.token === held
      ? { kind: 'succeeded', pspReference: of.reference, amountMinor: 1_000, currency: 'EUR', captured: false }
      : answerByToken(call)
  edge = await edgeOverHost({ gateway: { webhooks, metrics }, psp: { answer, latencyMs } })
}

afterEach(() => edge.close())

function send({ payload, headers }: Message): Promise<LightMyRequestResponse> {
  return edge.app.inject({ method: 'POST', url: `/webhooks/${scheme.psp}/${connection}`, payload, headers })
}

function genuine(hold: Hold, by = secret): Message {
  return signedBody(scheme.body(hold), by)
}

function signedBody(body: object, by = secret): Message {
  return scheme.sign(Buffer.from(JSON.stringify(body)), edge.clock.now(), by)
}

/** Rows of notices in the journal. */
function rows(): number {
  let count = 0
  for (let shard = 0; shard < 1_024; shard += 1) {
    count += edge.database.shard(shard).rows.filter(({ type }) => type.startsWith(`${inboxKindName}.receive`)).length
  }
  return count
}

async function noticeOf(message: Message): Promise<InboxNotice> {
  const { payload: body, headers } = message
  const verdict = scheme.receiver(connection, () => [secret]).receive({ body, headers, receivedAt: edge.clock.now() })
  if (verdict.kind === 'refused') throw new Error(verdict.refusal)
  const deadline = edge.clock.monotonic() + 1_000
  const routed = await edge.host.route<InboxAnswer>({
    ...addressOfNotice(connection, verdict.notices[0]?.id ?? ''),
    ...{ id: 'ef'.repeat(16), kind: inboxKindName, class: 'read', bytes: 0, payload: { type: 'ReadNotice' } },
    ...{ deadline, waitUntil: deadline, attach: true },
  })
  const state = routed.kind === 'answered' && routed.answer.kind === 'notice' ? routed.answer.state : undefined
  if (state === undefined) throw new Error('the notice is stored')
  return state
}

interface Paid {
  readonly id: string
  readonly attempt: string
}

interface PaymentBody {
  readonly id: string
  readonly status: string
  readonly amount_authorized: number
  readonly amount_captured: number
}

/** A payment whose PSP gave no answer. */
function unanswered(): Promise<Paid> {
  return pay(methods.unknown)
}

async function pay(method: string): Promise<Paid> {
  const body = { amount: 1_000, currency: 'eur', payment_method: method, capture_method: 'manual' }
  const asked = edge.send('/v1/payments', { key: 'k1', body })
  await edge.pass(15_000)
  const { id } = (await asked).json<PaymentBody>()
  return { id, attempt: operationIdOf('att', id, 1) }
}

async function payment({ id }: Paid): Promise<PaymentBody> {
  return (await edge.send(`/v1/payments/${id}`)).json<PaymentBody>()
}

async function counted(name: string): Promise<number> {
  const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`${name}{`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

async function refused(message: Message): Promise<string> {
  const response = await send(message)
  const { code, ...rest } = response.json<{ code: string }>()
  expect(Object.keys(rest).sort()).toEqual(['status', 'title'])
  return `${response.statusCode} ${code}`
}

describe.each([stripe, adyen])('$psp pushes', (each) => {
  beforeEach(() => begin(each))

  it('the outcome that nobody knew: the payment has it, and the notice says which payment took it', async () => {
    const paid = await unanswered()
    expect((await payment(paid)).status).toBe('pending')
    const message = genuine({ attempt: paid.attempt, amount: 1_000 })
    expect((await send(message)).statusCode).toBe(200)
    await edge.settle()
    expect(await payment(paid)).toMatchObject({ status: 'authorized', amount_authorized: 1_000 })
    expect((await noticeOf(message)).standing).toEqual({ status: 'delivered', payment: paid.id })
  })

  it('an outcome before its call has been answered: one authorization, whichever word came first', async () => {
    await edge.close()
    await begin(each, 8_000)
    const body = { amount: 1_000, currency: 'eur', payment_method: held, capture_method: 'manual' }
    const asked = edge.send('/v1/payments', { key: 'k1', body })
    await edge.pass(1_000)
    const [call] = edge.psp.calls
    const attempt = call?.call.operationId ?? ''
    expect((await send(genuine({ attempt, amount: 1_000 }))).statusCode).toBe(200)
    await edge.pass(20_000)
    const paid = (await asked).json<PaymentBody>()
    expect((await asked).statusCode).toBe(201)
    expect(await payment({ id: paid.id, attempt })).toMatchObject({ status: 'authorized', review: false })
    expect(edge.psp.calls).toHaveLength(1)
  })

  it('what names nothing of ours: the payment is found by the PSP’s reference', async () => {
    const paid = await pay(held)
    await edge.send(`/v1/payments/${paid.id}/capture`, { key: 'capture' })
    const message = signedBody(scheme.dispute(1_000))
    expect((await send(message)).statusCode).toBe(200)
    await edge.pass(1_000)
    expect((await noticeOf(message)).standing).toEqual({ status: 'delivered', payment: paid.id })
    expect(await payment(paid)).toMatchObject({ dispute_status: 'open' })
  })

  it('B65 the same 50 times at once: each is answered 200, one is stored, and it counts once', async () => {
    const paid = await unanswered()
    const message = genuine({ attempt: paid.attempt, amount: 1_000 })
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(message)))
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    await edge.settle()
    expect(rows()).toBe(1)
    expect(await payment(paid)).toMatchObject({ status: 'authorized', amount_authorized: 1_000 })
    // days later, signed anew
    await edge.pass(3 * 24 * 3_600_000)
    expect((await send(genuine({ attempt: paid.attempt, amount: 1_000 }))).statusCode).toBe(200)
    expect(rows()).toBe(1)
  })

  it('B65 another body under the same identity: 200, the alarm, and nothing follows', async () => {
    const paid = await unanswered()
    const hold = { attempt: paid.attempt, amount: 1_000 }
    await send(genuine(hold))
    await edge.settle()
    const before = await payment(paid)
    expect((await send(signedBody(scheme.otherBody(hold)))).statusCode).toBe(200)
    await edge.settle()
    expect(await counted('pay_webhook_altered_total')).toBe(1)
    expect(await payment(paid)).toEqual(before)
  })

  it('B64 by a retired secret: 200 within its time, 401 after', async () => {
    secrets = [secret, retired]
    expect((await send(genuine({ attempt: stranger, amount: 1 }, retired))).statusCode).toBe(200)
    secrets = [secret]
    expect(await refused(genuine({ nth: 2, attempt: stranger, amount: 1 }, retired))).toBe('401 signature')
    expect(rows()).toBe(1)
  })

  it('B66 a type that nobody knows: 200 and kept', async () => {
    const message = genuine({ attempt: stranger, amount: 1, type: 'SOMETHING_NEW' })
    expect((await send(message)).statusCode).toBe(200)
    expect((await noticeOf(message)).standing).toEqual({ status: 'kept' })
  })

  it('B66 of a payment that nobody knows: 200, looked for, an orphan once all has been looked at', async () => {
    const message = genuine({ attempt: stranger, amount: 1 })
    expect((await send(message)).statusCode).toBe(200)
    await edge.settle()
    expect((await noticeOf(message)).standing).toMatchObject({ status: 'received' })
    await edge.pass(40_000)
    expect((await noticeOf(message)).standing).toMatchObject({ status: 'orphaned', reason: 'payment_unknown' })
  })

  it('B66 of the other environment: 200, the alarm, and no payment hears of it', async () => {
    const paid = await unanswered()
    const message = genuine({ attempt: paid.attempt, amount: 1_000, live: true })
    expect((await send(message)).statusCode).toBe(200)
    await edge.pass(1_000)
    expect((await noticeOf(message)).standing).toEqual({ status: 'orphaned', reason: 'other_environment' })
    expect(await counted('pay_webhook_other_environment_total')).toBe(1)
    expect((await payment(paid)).status).toBe('pending')
  })

  it('B67 an older state after a newer one: 200, delivered, and the payment does not go back', async () => {
    const paid = await pay(held)
    await edge.send(`/v1/payments/${paid.id}/capture`, { key: 'capture' })
    const message = genuine({ attempt: paid.attempt, amount: 1_000 })
    expect((await send(message)).statusCode).toBe(200)
    await edge.settle()
    expect((await noticeOf(message)).standing).toEqual({ status: 'delivered', payment: paid.id })
    expect(await payment(paid)).toMatchObject({ status: 'captured', review: false, amount_captured: 1_000 })
  })

  it('B68 another amount than ours: 200, parked for a person, nothing booked', async () => {
    const paid = await unanswered()
    const message = genuine({ attempt: paid.attempt, amount: 5_000 })
    expect((await send(message)).statusCode).toBe(200)
    await edge.settle()
    expect((await noticeOf(message)).standing).toEqual({ status: 'delivered', payment: paid.id })
    expect(await payment(paid)).toMatchObject({ status: 'pending', review: true, amount_authorized: 0 })
  })

  it('B69 too much: 413, unread', async () => {
    const { headers } = genuine({ attempt: stranger, amount: 1 })
    const response = await send({ payload: Buffer.alloc(5 * 1_024 * 1_024, 0x20), headers })
    expect(response.statusCode).toBe(413)
    expect(rows()).toBe(0)
  })

  it('B70 while the journal is away: 503 with Retry-After; sent again when it is back, it is stored', async () => {
    const message = genuine({ attempt: stranger, amount: 1 })
    edge.database.available = false
    const asked = send(message)
    await edge.pass(9_000)
    const away = await asked
    expect(away.statusCode).toBe(503)
    expect(Number(away.headers['retry-after'])).toBeGreaterThan(0)
    edge.database.available = true
    await edge.pass(2_000)
    expect((await send(message)).statusCode).toBe(200)
    expect(rows()).toBe(1)
    edge.troubles.splice(0)
  })

  it('B59 forgeries: 401, and nothing is stored', async () => {
    const { payload } = genuine({ attempt: stranger, amount: 1 })
    expect((await send({ payload, headers: {} })).statusCode).toBe(401)
    expect(await refused(genuine({ attempt: stranger, amount: 1 }, retired))).toBe('401 signature')
    expect(rows()).toBe(0)
  })
})

describe('stripe refuses', () => {
  beforeEach(() => begin(stripe))

  const now = (): number => Math.floor(edge.clock.now() / 1_000)
  const body = (): Buffer => Buffer.from(JSON.stringify(stripe.body({ attempt: stranger, amount: 1 })))
  const withHeader = (header: string, payload = body()): Message => ({
    payload,
    headers: { 'content-type': 'application/json', 'stripe-signature': header },
  })
  const v1 = (payload = body(), at: string | number = now()): string => stripeSignature(payload, at, secret)

  it.each([
    ['B59 a signature that was cut off', () => `t=${now()},v1=${v1().slice(0, 63)}`],
    ['B59 base64 instead of hexadecimal', () => `t=${now()},v1=${Buffer.from(v1(), 'hex').toString('base64')}`],
    ['B59 an empty signature', () => `t=${now()},v1=`],
    ['B59 another scheme alone', () => `t=${now()},v0=${v1()},v2=${v1()}`],
  ])('%s: 401 signature', async (_what, header) => {
    expect(await refused(withHeader(header()))).toBe('401 signature')
    expect(rows()).toBe(0)
  })

  it.each([
    ['B60 one byte changed', (text: string) => text.replace('"amount":1,', '"amount":9,')],
    ['B60 written anew', (text: string) => JSON.stringify(JSON.parse(text), undefined, 1)],
    ['B60 a blank more', (text: string) => `${text} `],
  ])('%s: 401 signature', async (_what, change) => {
    const changed = Buffer.from(change(body().toString()))
    expect(changed.equals(body())).toBe(false)
    expect(await refused(withHeader(`t=${now()},v1=${v1()}`, changed))).toBe('401 signature')
  })

  it.each([
    ['B61 none', () => undefined],
    ['B61 no integer', () => `${now()}.5`],
    ['B61 six minutes old', () => now() - 360],
    ['B61 six minutes ahead', () => now() + 360],
    ['B61 far beyond', () => '1e20'],
  ])('a timestamp, %s: 401 timestamp', async (_what, at) => {
    const timestamp = at()
    const signature = v1(body(), timestamp ?? '')
    const header = timestamp === undefined ? `v1=${signature}` : `t=${timestamp},v1=${signature}`
    expect(await refused(withHeader(header))).toBe('401 timestamp')
  })

  it('B63 50 signatures: 400', async () => {
    const header = `t=${now()},${Array.from({ length: 50 }, () => `v1=${v1()}`).join(',')}`
    expect(await refused(withHeader(header))).toBe('400 too_many_signatures')
  })

  it.each([
    ['B62 an id with a dot', JSON.stringify({ ...stripe.body({ attempt: stranger, amount: 1 }), id: 'evt_1.2' })],
    [
      'B62 an id of 10 kB',
      JSON.stringify({ ...stripe.body({ attempt: stranger, amount: 1 }), id: `evt_${'1'.repeat(10_000)}` }),
    ],
  ])('%s: 400 id_invalid', async (_what, text) => {
    expect(await refused(stripe.sign(Buffer.from(text), edge.clock.now(), secret))).toBe('400 id_invalid')
    expect(rows()).toBe(0)
  })

  it.each([
    ['B69 no JSON', '{"id":"evt_1"'],
    ['B69 a depth of 1,000', `{"id":"evt_1","data":${'['.repeat(1_000)}${']'.repeat(1_000)}}`],
    ['B69 nothing', ''],
    [
      'a thin event',
      '{"id":"evt_1","object":"v2.core.event","type":"v1.charge.succeeded","livemode":false,"created":"x"}',
    ],
  ])('%s, though it is signed: 400 body_invalid', async (_what, text) => {
    expect(await refused(stripe.sign(Buffer.from(text), edge.clock.now(), secret))).toBe('400 body_invalid')
    expect(rows()).toBe(0)
  })
})

describe('adyen refuses', () => {
  beforeEach(() => begin(adyen))

  it('B59 a login that is none: 401 login, before anything is read', async () => {
    const { payload, headers } = genuine({ attempt: stranger, amount: 1 })
    const wrong = `Basic ${Buffer.from('webhooks:wrong').toString('base64')}`
    expect(await refused({ payload, headers: { ...headers, authorization: wrong } })).toBe('401 login')
    const response = await send({ payload: Buffer.from('{'), headers: { authorization: wrong } })
    expect(response.headers['www-authenticate']).toBe('Basic realm="webhooks"')
  })

  it.each([
    ['B60 another amount', (text: string) => text.replace('"value":1,', '"value":9,')],
    ['B60 another payment', (text: string) => text.replace(stranger, 'somebody-else')],
    ['B59 a signature that was cut off', (text: string) => text.replace(/("hmacSignature":"[^"]+)="/, '$1"')],
  ])('%s: 401 signature', async (_what, change) => {
    const { payload, headers } = genuine({ attempt: stranger, amount: 1 })
    const changed = change(payload.toString())
    expect(changed).not.toBe(payload.toString())
    expect(await refused({ payload: Buffer.from(changed), headers })).toBe('401 signature')
    expect(rows()).toBe(0)
  })

  it.each([
    ['B69 no JSON', '{"live":"false"'],
    ['B69 a depth of 1,000', `{"live":"false","notificationItems":${'['.repeat(1_000)}${']'.repeat(1_000)}}`],
  ])('%s: 400 body_invalid', async (_what, text) => {
    const { headers } = genuine({ attempt: stranger, amount: 1 })
    expect(await refused({ payload: Buffer.from(text), headers })).toBe('400 body_invalid')
  })

  it('whatever is in a message that fits is no reason for a 500', async () => {
    const { headers } = genuine({ attempt: stranger, amount: 1 })
    for (const text of ['null', '[]', '"x"', '{"__proto__":{}}', '\0', ' '.repeat(webhookBytesMax)]) {
      expect((await send({ payload: Buffer.from(text), headers })).statusCode).toBe(400)
    }
  })
})
