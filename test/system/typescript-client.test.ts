/** clients/typescript against the whole product: its example, repeats over a network that loses answers, the package as it is installed. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type Payment, ShardpayError } from '../../clients/typescript/index.ts'
import { commandOf, projectRoot } from '../../scripts/support/tools.ts'
import { until } from '../chaos/support/until.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { Stack } from './support/stack.ts'

const run = promisify(execFile)
const card = { amount: 1_999, currency: 'eur', payment_method: 'pm_card_visa' }

let stack: Stack
let apiKey: string

beforeAll(async () => {
  stack = await Stack.start()
  apiKey = stack.apiKeys[0] ?? ''
})

afterAll(() => stack.stop())

async function authorizations(payment: Payment): Promise<number> {
  return (await stack.book(payment.id)).filter(({ operation, effect }) => operation === 'authorize' && effect).length
}

test('the example runs as it is, and says what became of its payments', async () => {
  const example = join(projectRoot, 'clients', 'typescript', 'examples', 'pay.ts')
  const env = { ...process.env, SHARDPAY_URL: stack.merchantUrl, SHARDPAY_KEY: apiKey }
  const { stdout } = await run(process.execPath, [example], { env, cwd: temporaryDirectory() })
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^pay_\w{26} is captured: 1999 eur$/),
    expect.stringMatching(/^pay_\w{26} is failed: card_declined, generic_decline$/),
    expect.stringMatching(/^pay_\w{26} is captured: 3000 of 5000, 1000 refunded$/),
    'its past: payment.created, payment.pending, payment.authorized, payment.captured, refund.created, refund.succeeded',
  ])
})

test('an answer that is lost on its way is asked for again, and happens once', async () => {
  const proxy = await startTcpProxy({ targetPort: Number(new URL(stack.merchantUrl).port) })
  let sends = 0
  const fetch: typeof globalThis.fetch = (...request) => {
    sends += 1
    return globalThis.fetch(...request)
  }
  /** The API answers, the answer is thrown away, and the connection is reset. */
  const losing = async <Answer>(call: Promise<Answer>): Promise<Answer> => {
    const before = proxy.swallowedBytes
    proxy.swallow('to_client')
    await until(() => proxy.swallowedBytes > before, { what: 'an answer to throw away' })
    proxy.resume()
    proxy.cut()
    return call
  }
  try {
    const { payments } = createClient({ baseUrl: proxy.through(stack.merchantUrl), apiKey, fetch })
    const payment = await losing(payments.create(card))
    expect(payment.status).toBe('captured')
    const refund = await losing(payments.refund(payment.id, { amount: 500 }))
    expect(refund.status).toBe('succeeded')
    expect(sends).toBe(4)
    expect(await authorizations(payment)).toBe(1)
    expect(await payments.retrieve(payment.id)).toMatchObject({ amount_refunded: 500, refunds: [refund.id] })
  } finally {
    await proxy.close()
  }
})

test('a server that is killed and started again answers the call that was under way', async () => {
  const client = createClient({ baseUrl: stack.merchantUrl, apiKey, maxRetries: 100 })
  await stack.behave([{ action: 'latency', latency_ms: 1_500 }])
  const paying = client.payments.create(card, { idempotencyKey: 'over-a-crash' })
  const isAccepted = (): Promise<boolean> =>
    createClient({ baseUrl: stack.merchantUrl, apiKey })
      .payments.retrieve(stack.paymentId('over-a-crash'))
      .then(
        ({ status }) => status === 'pending',
        () => false,
      )
  await until(isAccepted, { what: 'an accepted payment' })
  await stack.server?.end('SIGKILL')
  await stack.behave([])
  await stack.startServer()
  let payment = await paying
  if (payment.status === 'pending') payment = await client.payments.wait(payment.id)
  expect(payment).toMatchObject({ id: stack.paymentId('over-a-crash'), status: 'captured' })
  expect(await authorizations(payment)).toBe(1)
})

test('a payment whose outcome is unknown is pending, and wait has it once the PSP has told', async () => {
  const client = createClient({ baseUrl: stack.merchantUrl, apiKey })
  await stack.behave([{ action: 'reset_after', times: 1, match: { operation: 'authorize' } }])
  const payment = await client.payments.create(card, { waitSeconds: 1 })
  expect(payment).toMatchObject({ status: 'pending', pending_reason: 'psp_outcome_unknown' })
  expect(await client.payments.wait(payment.id)).toMatchObject({ status: 'captured', pending_reason: null })
  expect(await authorizations(payment)).toBe(1)
})

test('every call is understood by the API', async () => {
  const { payments, refunds } = createClient({ baseUrl: stack.merchantUrl, apiKey, apiVersion: '2026-11-01' })
  const created = await payments.create({ amount: 900, currency: 'eur', confirm: false, metadata: { order: '7' } })
  expect(created.status).toBe('created')
  const confirmed = await payments.confirm(created.id, { payment_method: 'pm_card_visa' })
  expect(confirmed.status).toBe('captured')
  const refund = await refunds.create({ payment: created.id, amount: 400, expand: ['payment'] })
  expect(refund.payment).toMatchObject({ id: created.id, amount_refunded: 400 })
  expect(await refunds.retrieve(refund.id)).toMatchObject({ id: refund.id, payment: created.id })
  const read = await payments.retrieve(created.id, { expand: ['refunds', 'latest_attempt'] })
  expect(read).toMatchObject({
    metadata: { order: '7' },
    refunds: [{ id: refund.id }],
    latest_attempt: { psp: 'stripe' },
  })
  expect((await payments.attempts(created.id)).data).toMatchObject([{ object: 'attempt', status: 'succeeded' }])

  const first = await payments.events(created.id, { limit: 2 })
  const rest = await payments.events(created.id, { starting_after: first.data[1]?.id ?? '' })
  expect(first.has_more).toBe(true)
  expect([...first.data, ...rest.data].map(({ type }) => type).toReversed()).toEqual([
    'payment.created',
    'payment.pending',
    'payment.captured',
    'refund.created',
    'refund.succeeded',
  ])

  const held = await payments.create({ ...card, capture_method: 'manual' })
  expect(await payments.cancel(held.id, { reason: 'abandoned' })).toMatchObject({ status: 'canceled' })
})

test('refusals and declines are ShardpayErrors that say what is needed to go on', async () => {
  const { payments } = createClient({ baseUrl: stack.merchantUrl, apiKey })
  const thrown = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

  const declined = await thrown(payments.create({ ...card, payment_method: 'pm_card_chargeDeclinedInsufficientFunds' }))
  expect(declined).toBeInstanceOf(ShardpayError)
  expect(declined).toMatchObject({
    status: 402,
    type: 'card_error',
    code: 'card_declined',
    declineCode: 'insufficient_funds',
    retryable: false,
    requestId: expect.stringMatching(/^req_/),
    idempotencyKey: expect.stringMatching(/^[0-9a-f-]{36}$/),
    payment: { object: 'payment', status: 'failed' },
  })

  const payment = await payments.create(card, { idempotencyKey: 'once' })
  expect(await payments.create(card, { idempotencyKey: 'once' })).toEqual(payment)
  const reused = await thrown(payments.create({ ...card, amount: 5 }, { idempotencyKey: 'once' }))
  expect(reused).toMatchObject({ status: 422, code: 'idempotency_key_reused' })
  const tooMuch = await thrown(payments.refund(payment.id, { amount: 5_000 }))
  expect(tooMuch).toMatchObject({
    status: 409,
    code: 'refund_exceeds_capture',
    param: 'amount',
    details: { amount_available: 1_999 },
  })

  const stranger = createClient({ baseUrl: stack.merchantUrl, apiKey: stack.apiKeys[1] ?? '' })
  expect(await thrown(stranger.payments.retrieve(payment.id))).toMatchObject({ status: 404, code: 'payment_not_found' })
  const nobody = createClient({ baseUrl: stack.merchantUrl, apiKey: 'sk_test_0000000000000000' })
  expect(await thrown(nobody.payments.retrieve(payment.id))).toMatchObject({ status: 401, code: 'api_key_invalid' })
})

test('the package builds; a project that installs it type-checks and runs', async () => {
  const project = temporaryDirectory()
  const installed = join(project, 'node_modules', '@shardpay', 'client')
  mkdirSync(installed, { recursive: true })
  const source = join(projectRoot, 'clients', 'typescript')
  const tsc = commandOf('typescript', 'tsc')
  await run(process.execPath, [tsc, '-p', source, '--outDir', join(installed, 'dist')])
  writeFileSync(join(installed, 'package.json'), readFileSync(join(source, 'package.json')))
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(project, 'pay.ts'),
    `import { createClient, type Payment } from '@shardpay/client'
const client = createClient({ baseUrl: '${stack.merchantUrl}', apiKey: '${apiKey}' })
const payment: Payment = await client.payments.create({ amount: 700, currency: 'eur', payment_method: 'pm_card_visa' })
console.log(payment.status)
`,
  )
  const flags = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--strict',
    '--types',
    join(projectRoot, 'node_modules/@types/node'),
  ]
  await run(process.execPath, [tsc, ...flags, 'pay.ts'], { cwd: project })
  expect((await run(process.execPath, ['pay.js'], { cwd: project })).stdout).toBe('captured\n')
})
