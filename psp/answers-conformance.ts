/** What PSPs say, and what those say who stand before them or pretend to be them. */
import { expect, test } from 'vitest'
import { operationIdOf } from '../domain/ids.ts'
import type { OperationOutcome, PspCall } from '../domain/payment/operations.ts'
import { captureCall, refundCall, samplePayment, voidCall } from '../test/support/psp-calls.ts'
import type { ProxiedAnswer } from '../test/support/answer-proxy.ts'
import {
  authenticated,
  authorization,
  type Bench,
  type CardDecline,
  done,
  effectsOfSuccess,
  inTime,
  isRepeatable,
  nothingToAsk,
  operationOf,
  type PspTraits,
  type Scenario,
  success,
} from './scenarios-conformance.ts'

const repeat = { repeatAllowed: true }
const lookUp = { repeatAllowed: false }

/** An answer that is not about what was asked. */
interface Lie {
  readonly name: string
  readonly tell: (answer: ProxiedAnswer, call: PspCall, traits: PspTraits) => ProxiedAnswer
  /** A cancellation names no amount: there is nothing to be wrong about. */
  readonly ofAmounts?: true
}

const lies: readonly Lie[] = [
  {
    name: 'another payment’s data',
    tell: (answer, call) => replaced(answer, call.paymentId.slice('pay_'.length), samplePayment.slice('pay_'.length)),
  },
  {
    name: 'a smaller amount',
    ofAmounts: true,
    tell: (answer, call) => replaced(answer, new RegExp(`:${call.amountMinor}\\b`, 'g'), `:${call.amountMinor - 1}`),
  },
  {
    name: 'another currency',
    ofAmounts: true,
    tell: (answer) => replaced(replaced(answer, '"EUR"', '"USD"'), '"eur"', '"usd"'),
  },
  { name: 'an error with a status of success', tell: (answer, _call, { error }) => ({ ...answer, body: json(error) }) },
  { name: 'an empty object', tell: (answer) => ({ ...answer, body: '{}' }) },
  { name: 'a list', tell: (answer) => ({ ...answer, body: `[${answer.body}]` }) },
  { name: 'no body', tell: (answer) => ({ ...answer, body: '' }) },
  { name: 'a body of 2 MB', tell: (answer) => ({ ...answer, body: answer.body + ' '.repeat(2 * 1024 * 1024) }) },
  { name: 'a redirect', tell: (answer) => ({ ...answer, status: 307, headers: { location: 'http://127.0.0.1:1/' } }) },
  { name: 'a status nobody knows', tell: (answer) => ({ ...answer, status: 299 }) },
]

const json = (value: object): string => JSON.stringify(value)

function replaced(answer: ProxiedAnswer, what: string | RegExp, by: string): ProxiedAnswer {
  return { ...answer, body: answer.body.replaceAll(what, by) }
}

export function describeAnswers(scenario: Scenario, traits: PspTraits, bench: Bench): void {
  const effected = effectsOfSuccess(scenario, traits)
  const repeatable = isRepeatable(scenario, traits)
  const isSecondStep = scenario.kind === 'complete'
  const prepare = (): Promise<PspCall> => scenario.prepare(bench.at(), traits, bench.newPayment())
  const truthOf = (call: PspCall): Partial<OperationOutcome> => success(scenario, traits, call)

  test.each(lies.filter(({ ofAmounts }) => scenario.kind !== 'void' || ofAmounts !== true))(
    '$name is never taken for its success',
    async ({ tell }) => {
      const at = bench.at()
      const call = await prepare()
      at.proxy.answering = async (forward) => tell(await forward(), call, traits)
      const inquiries = [repeat, lookUp]
      const outcomes = [await at.proxied.send(call, inTime(at))]
      for (const options of inquiries) outcomes.push(await at.proxied.inquire(call, options))
      const [first, ...found] = outcomes as [OperationOutcome, ...OperationOutcome[]]
      bench.remember(call, first)
      for (const outcome of outcomes) expectNoFalseSuccess(outcome, call)
      expect(first.kind).not.toBe('absent')
      for (const { kind } of found) expect(kind).not.toBe('not_sent')
      if (first.kind !== 'not_sent') {
        expect(await at.connector.inquire(call, repeat)).toMatchObject(truthOf(call))
        expect(await bench.effects(call)).toEqual(effected)
      }
    },
  )

  test.each(traits.refusals)(
    '$name is believed of the first send alone',
    async ({ status, headers = {}, body, first }) => {
      const at = bench.at()
      const call = await prepare()
      const before = await bench.effects(call)
      at.proxy.answering = async () => ({ status, headers, body: json(body) })
      const outcome = await at.proxied.send(call, inTime(at))
      bench.remember(call, outcome)
      if (isSecondStep) expect(outcome.kind).toBe('unknown')
      // where its authorization has to be found first, that was refused, and nothing was sent
      else expect(outcome.kind).toBe(repeatable ? first : 'not_sent')
      if (outcome.kind === 'declined') expect(outcome.decline.class).toBe('configuration')
      for (const options of [repeat, lookUp]) expect((await at.proxied.inquire(call, options)).kind).toBe('unknown')
      expect(await bench.effects(call)).toEqual(before)
    },
  )

  test('is not sent where nobody listens, or too late; asking says nothing then', async () => {
    const at = bench.at()
    const call = await prepare()
    const before = await bench.effects(call)
    const late = { notAfter: at.clock.now() - 1 }
    for (const outcome of [await at.nowhere.send(call, inTime(at)), await at.connector.send(call, late)]) {
      bench.remember(call, outcome)
      expect(outcome.kind).toBe(isSecondStep ? 'unknown' : 'not_sent')
    }
    const inquiries = [
      await at.nowhere.inquire(call, repeat),
      await at.nowhere.inquire(call, lookUp),
      await at.nowhere.inquire(call, { ...lookUp, pspReference: 'unheard' }),
      ...(repeatable ? [await at.connector.inquire(call, { ...repeat, ...late })] : []),
    ]
    expect(inquiries.map(({ kind }) => kind)).toEqual(inquiries.map(() => 'unknown'))
    expect(await bench.effects(call)).toEqual(before)
  })

  test('is in progress while the first request is worked on, and then has its one outcome', async () => {
    const at = bench.at()
    const call = await prepare()
    const match = { operation: operationOf(call.kind, traits) }
    await at.behave([{ action: 'latency', latency_ms: 1_000, times: 1, match }])
    const waiting = at.pspClock.pending
    const sending = at.connector.send(call, inTime(at))
    await expect.poll(() => at.pspClock.pending).toBe(waiting + 1)
    const inProgress = repeatable
      ? { kind: 'unknown', reason: 'in_progress' }
      : isSecondStep
        ? truthOf(call)
        : { kind: 'absent' }
    expect(await at.connector.inquire(call, repeat)).toMatchObject(inProgress)
    at.pspClock.advance(1_000)
    const outcome = await sending
    expect(outcome).toMatchObject(truthOf(call))
    expect(await at.connector.inquire(call, repeat)).toEqual(outcome)
    expect(await bench.effects(call)).toEqual(effected)
  })
}

/** Whoever compares amounts and ids with what was planned must see that they differ. */
function expectNoFalseSuccess(outcome: OperationOutcome, call: PspCall): void {
  if (outcome.kind !== 'succeeded') expect(['unknown', 'not_sent', 'absent']).toContain(outcome.kind)
  else expect([outcome.amountMinor, outcome.currency]).not.toEqual([call.amountMinor, call.currency])
}

/** What the issuer or the shopper has a word in. */
export function describeAuthorizations(traits: PspTraits, bench: Bench): void {
  const classes = Object.keys(traits.methods.declined) as CardDecline[]
  test.each(classes)('an authorization declined as %s stays declined, without effect', async (className) => {
    const at = bench.at()
    const paymentMethod = { type: 'card', token: traits.methods.declined[className] } as const
    const call = authorization(traits, bench.newPayment(), { paymentMethod })
    const outcome = await at.connector.send(call, inTime(at))
    expect(outcome).toMatchObject({ kind: 'declined', decline: { class: className } })
    expect(await at.connector.inquire(call, repeat)).toEqual(outcome)
    const found = await at.connector.inquire(call, lookUp)
    expect(found).toMatchObject(traits.reads ? { kind: 'declined', decline: { class: className } } : nothingToAsk)
    expect(await bench.effects(call)).toEqual([])
  })

  test('an authorization that waits for its shopper says where to go, as often as it is asked, without effect', async () => {
    const at = bench.at()
    const call = authenticated(traits, bench.newPayment())
    const outcome = await at.connector.send(call, inTime(at))
    expect(outcome).toMatchObject({ kind: 'requires_action', action: { type: 'redirect' } })
    expect(await at.connector.inquire(call, repeat)).toEqual(outcome)
    expect(await at.connector.inquire(call, lookUp)).toEqual(traits.reads ? outcome : nothingToAsk)
    expect(await bench.effects(call)).toEqual([])
  })
}

/** What the state of a payment forbids, and what takes its time. */
export function describeModifications(traits: PspTraits, bench: Bench): void {
  const tooMuch = { amountMinor: 9999 }
  const forbidden: readonly (readonly [name: string, (authorized: string, paymentId: string) => PspCall, Before])[] = [
    ['a capture of too much', (to, paymentId) => captureCall(to, { paymentId, ...tooMuch }), 'authorized'],
    ['a capture after the void', (to, paymentId) => captureCall(to, { paymentId }), 'voided'],
    ['a void after the void', (to, paymentId) => voidCall(to, { paymentId, ...second('void', paymentId) }), 'voided'],
    ['a void after the capture', (to, paymentId) => voidCall(to, { paymentId }), 'captured'],
    ['a refund before the capture', (to, paymentId) => refundCall(to, { paymentId }), 'authorized'],
    ['a refund of too much', (to, paymentId) => refundCall(to, { paymentId, ...tooMuch }), 'captured'],
  ]

  test.each(forbidden)('%s has no effect, and is no success whoever asks', async (_name, callFor, before) => {
    const at = bench.at()
    const paymentId = bench.newPayment()
    const authorized = await done(at, authorization(traits, paymentId))
    if (before === 'captured') await done(at, captureCall(authorized, { paymentId }))
    if (before === 'voided') await done(at, voidCall(authorized, { paymentId }))
    const call = callFor(authorized, paymentId)
    const outcome = await at.connector.send(call, inTime(at))
    expect(outcome.kind).toBe(traits.tellsModifications === 'later' ? 'accepted' : 'declined')
    expect(await bench.effects(call)).toEqual([])
    // its state may be what the operation would have made of it: of a void that came twice, that is all that is asked
    if (call.kind === 'void' && before === 'voided') return
    for (const options of [repeat, lookUp]) {
      expect((await at.connector.inquire(call, options)).kind).not.toBe('succeeded')
    }
    expect(await bench.effects(call)).toEqual([])
  })

  const end = traits.reads ? 'is found once it has one' : 'is told by webhook alone'
  test(`a refund that has no outcome yet is accepted under its reference; its outcome ${end}`, async () => {
    const at = bench.at()
    const paymentId = bench.newPayment()
    const paymentMethod = { type: 'card', token: traits.methods.refundedSlowly } as const
    const authorized = await done(at, authorization(traits, paymentId, { paymentMethod }))
    await done(at, captureCall(authorized, { paymentId }))
    const call = refundCall(authorized, { paymentId })
    const outcome = await at.connector.send(call, inTime(at))
    expect(outcome.kind).toBe('accepted')
    const { pspReference } = outcome as { readonly pspReference: string }
    const ask = (): Promise<OperationOutcome> => at.connector.inquire(call, { pspReference, ...lookUp })
    expect(await ask()).toEqual(traits.reads ? outcome : nothingToAsk)
    at.pspClock.advance(10_000)
    expect(await ask()).toMatchObject(traits.reads ? { kind: 'succeeded', amountMinor: 1234 } : nothingToAsk)
    expect(await bench.effects(call)).toEqual(['refund'])
  })
}

type Before = 'authorized' | 'captured' | 'voided'

function second(prefix: 'void', paymentId: string): { readonly operationId: string; readonly idempotencyKey: string } {
  const operationId = operationIdOf(prefix, paymentId, 2)
  return { operationId, idempotencyKey: operationId }
}
