import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  actionRequired,
  cancel,
  connections,
  create,
  dispute,
  merchant,
  paymentId,
  refund,
  request,
  says,
  startedAt,
  succeeded,
} from '../domain/payment/testing/fixtures.ts'
import { addressOfPayment } from '../domain/ids.ts'
import { given, nothing, payment, when } from '../domain/payment/testing/scenario.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { decodeState, encodeState } from './codec.ts'
import { defaultHostLimits, Host } from './host.ts'
import { MemoryJournal } from './journal-memory.ts'
import { MemoryDatabase } from './memory-database.ts'
import { paymentKind } from './payment-kind.ts'
import { decisionArrivesWithinMs } from './psp-references.ts'
import { MemoryPspReferences } from './psp-references-memory.ts'

const kind = paymentKind({
  directory: { get: () => merchant },
  connections,
  random: seededRandom(1),
  returnUrlBase: () => 'https://pay.example/return',
})

const attempt = 'att_ajfxr8pmtxbmdn4akarq9c51gr_1'
const life = given(
  nothing(),
  create({
    captureMethod: 'automatic',
    customer: 'cus_1',
    description: 'two tickets',
    returnUrl: 'https://shop.example/back',
    metadata: { order: '7' },
  }),
  says(attempt, actionRequired),
  { type: 'CompleteAction', attemptId: attempt, nonce: 'ab'.repeat(16), redirectResult: 'from_the_psp' },
  says(attempt, succeeded(100, { captured: true })),
  refund(30, 'r1'),
  { ...refund(40), request: request('__proto__') },
)

function restored() {
  const parts = kind.snapshot(payment(life))
  const hidden = parts.private === undefined ? undefined : decodeState<object>(encodeState(parts.private))
  return kind.restore({ state: decodeState<object>(encodeState(parts.state)), private: hidden })
}

test('a payment read from its snapshot is the payment that was stored', () => {
  expect(restored()).toEqual(payment(life))
})

test('every idempotency key survives the snapshot, whatever it is called: its repeat does nothing twice', () => {
  const again = { ...life, state: restored() }
  for (const key of ['__proto__', 'r1']) {
    expect(when(again, { ...refund(40), request: request(key) }).decision?.kind).toBe('replayed')
  }
  expect(when(again, { ...cancel(), request: request('__proto__') }).decision).toMatchObject({
    rejection: { code: 'idempotency_key_reused' },
  })
})

test('personal data and tokens stand in the private part of a snapshot alone', () => {
  const { state, private: hidden } = kind.snapshot(payment(life))
  const open = JSON.stringify(state)
  for (const secret of ['pm_card_visa', 'cus_1', 'two tickets', 'shop.example', 'from_the_psp']) {
    expect(open).not.toContain(secret)
    expect(JSON.stringify(hidden)).toContain(secret)
  }
})

test('a payment is found by what each of its operations and disputes is called at its PSP, each name once', () => {
  const disputed = given(life, dispute('open', { pspReference: 'dp_1' }))
  const { connection = '', pspReference = '' } = payment(disputed).attempts[0] ?? {}
  expect(kind.projection(payment(disputed))).toEqual({
    pspReferences: [
      { connection, reference: pspReference },
      { connection, reference: 'dp_1' },
    ],
  })
})

/** A host of payments that succeed, with this directory. */
async function paymentHost(
  directory: Parameters<typeof paymentKind>[0]['directory'],
  database = new MemoryDatabase(),
  clock = new VirtualClock(startedAt),
): Promise<Host> {
  const host = new Host({
    name: `payment-kind-${seededRandom(2).hex(4)}`,
    kinds: [
      paymentKind({ directory, connections, random: seededRandom(1), returnUrlBase: () => 'https://pay.example' }),
    ],
    journal: new MemoryJournal(database, { node: 'n1', incarnation: 'i1', clock }),
    clock,
    random: seededRandom(3),
    limits: defaultHostLimits,
    observer: {
      trouble: (what, error) => expect.fail(`${what}: ${String(error)}`),
      shardLost: () => undefined,
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    runEffect: async () => says(attempt, succeeded(100, { captured: true })),
  })
  await host.openShards([addressOfPayment(paymentId)?.shard ?? 0])
  return host
}

function pay(host: Host, payload: object) {
  const address = addressOfPayment(paymentId)
  if (address === undefined) throw new Error('the fixture has the id of a payment')
  const times = { deadline: 10_000, waitUntil: 10_000, bytes: 0, attach: true }
  return host.route({ id: 'ab'.repeat(16), ...address, kind: 'payment', class: 'begin', payload, ...times })
}

test('a payment that was made is found by its PSP’s reference about a second later, and nobody else can have it then', async () => {
  const database = new MemoryDatabase()
  const clock = new VirtualClock(startedAt)
  const host = await paymentHost({ get: () => merchant }, database, clock)
  const references = new MemoryPspReferences([database], clock)
  const answer = await pay(host, create({ captureMethod: 'automatic' }))
  expect(answer).toMatchObject({ kind: 'answered', answer: { state: { lifecycle: { status: 'captured' } } } })
  const { connection = '', pspReference = '' } = payment(life).attempts[0] ?? {}
  expect(await references.find(connection, [pspReference])).toBeUndefined()
  clock.advance(defaultHostLimits.cursorFlushMs)
  await nextTurn()
  expect(await references.find(connection, ['nobody', pspReference])).toBe(paymentId)
  clock.advance(decisionArrivesWithinMs)
  await nextTurn()
  expect(await references.isCompleteUpTo(startedAt)).toBe(true)
  await host.stop()
})

test('a merchant that this node has not heard of is looked for before its first payment is decided', async () => {
  const known = new Map<string, typeof merchant>()
  let looks = 0
  const host = await paymentHost({
    get: (id) => known.get(id),
    refresh: async () => {
      looks += 1
      known.set(merchant.id, merchant)
    },
  })
  const command = create({ captureMethod: 'automatic' })
  for (let n = 0; n < 2; n += 1) {
    expect(await pay(host, command)).toMatchObject({ kind: 'answered', answer: { kind: 'payment' } })
  }
  expect(looks).toBe(1)
})

test('a merchant that nobody has heard of is refused after one look', async () => {
  let looks = 0
  const host = await paymentHost({
    get: () => undefined,
    refresh: async () => {
      looks += 1
    },
  })
  expect(await pay(host, create())).toMatchObject({ answer: { rejection: { code: 'merchant_unknown' } } })
  expect(looks).toBe(1)
})
