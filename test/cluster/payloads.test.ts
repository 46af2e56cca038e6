/** Every kind of command and answer, through the frames that links send: what arrives is what was sent. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MerchantAnswer } from '../../actors/merchant-kind.ts'
import {
  type AnswerWire,
  decodeAnswer,
  decodeEnvelope,
  encodeAnswer,
  encodeEnvelope,
  envelopeLimits,
  type EnvelopeWire,
} from '../../cluster/envelope-wire.ts'
import { decodeFrame, encodeFrames, type Message, messageTypes } from '../../cluster/frame.ts'
import { defaultLinkLimits } from '../../cluster/links-limits.ts'
import type { Envelope, RouteAnswer } from '../../cluster/router.ts'
import type { MerchantCommand } from '../../domain/merchant/commands.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { PaymentAnswer, PaymentHistoryAnswer } from '../../domain/payment/answers.ts'
import type { PaymentCommand, PaymentQuery } from '../../domain/payment/commands.ts'
import { publishedEvents } from '../../domain/payment/history.ts'
import type { Payment } from '../../domain/payment/state.ts'
import {
  factsAbout,
  lifecycles,
  operationKinds,
  operationStatuses,
  outcomes,
  stateWith,
} from '../../domain/payment/testing/every-state.ts'
import { create, merchant, request } from '../../domain/payment/testing/fixtures.ts'

type AnyCommand = PaymentCommand | PaymentQuery | MerchantCommand

const audit = { operator: 'op_1', reason: 'why not', merchant: 'mer_1' }
const key = {
  id: 'key_1',
  hash: 'a'.repeat(64),
  prefix: 'sk_test_',
  mode: 'test',
  scopes: ['a:b'],
  apiVersion: 'v',
} as const
const money = { amountMinor: 1_099, currency: 'EUR' }

/** Merchants name these; each has broken some serialisation. */
const names = ['__proto__', 'constructor', '', '0', '10', '9', 'ключ', '\ud800', '\u0000', 'x'.repeat(255)]

const commands: { readonly [Type in AnyCommand['type']]: readonly Extract<AnyCommand, { readonly type: Type }>[] } = {
  CreatePayment: [
    create({ metadata: Object.fromEntries(names.map((name) => [name, `${name}!`])) }),
    ...names.filter((name) => name !== '').map((name) => create({ request: request(name) })),
    create({
      amountMinor: Number.MAX_SAFE_INTEGER,
      description: '“π”\n🏦',
      paymentMethod: { type: 'apple_pay', token: '{"a":1}' },
    }),
  ],
  ConfirmPayment: [{ type: 'ConfirmPayment', request: request('c') }],
  CapturePayment: [
    { type: 'CapturePayment', request: request('c'), final: true },
    { type: 'CapturePayment', request: request('c'), amountMinor: 1, final: false },
  ],
  CancelPayment: [{ type: 'CancelPayment', request: request('c'), reason: 'fraudulent' }],
  RefundPayment: [{ type: 'RefundPayment', request: request('c'), amountMinor: 5, reason: 'duplicate' }],
  CompleteAction: [{ type: 'CompleteAction', attemptId: 'att_1', nonce: 'ab', redirectResult: 'x' }],
  RecordOutcome: outcomes.map((outcome) => ({
    type: 'RecordOutcome',
    operationId: 'att_1',
    outcome,
    source: 'inquiry',
    firstSend: false,
    askedAt: 1_767_225_600_123,
    step: 'complete',
  })),
  RecordReversal: [{ type: 'RecordReversal', operationId: 'cap_1', ...money, factId: 'f' }],
  RecordExternalOperation: [
    { type: 'RecordExternalOperation', kind: 'void', pspReference: 'pi_1', ...money, factId: 'f' },
  ],
  RecordDispute: [
    {
      type: 'RecordDispute',
      pspReference: 'dp_1',
      stage: 'chargeback',
      status: 'open',
      ...money,
      feeMinor: -1_500,
      fundsWithdrawn: true,
      factId: 'f',
    },
  ],
  RecordSettlementLine: [
    {
      type: 'RecordSettlementLine',
      lineKey: 'l',
      lineType: 'fee',
      grossMinor: -1,
      feeMinor: 0,
      netMinor: Number.MIN_SAFE_INTEGER,
      currency: 'JPY',
      batch: 'b',
    },
  ],
  RecordNotice: [
    {
      type: 'RecordNotice',
      connection: 'stripe-test',
      notice: {
        id: 'evt_1',
        type: 'charge.dispute.created',
        subject: { operationId: 'att_1', references: ['ch_1', 'pi_1'] },
        fact: {
          kind: 'dispute',
          pspReference: 'dp_1',
          stage: 'chargeback',
          status: 'open',
          ...money,
          feeMinor: 0,
          fundsWithdrawn: false,
          evidenceBy: 1_767_225_600_123,
        },
      },
    },
  ],
  ProposeResolution: [
    {
      type: 'ProposeResolution',
      operationId: 'att_1',
      outcome: { kind: 'absent' },
      operator: 'a',
      evidence: 'e',
      reason: 'r',
    },
  ],
  DecideResolution: [{ type: 'DecideResolution', operationId: 'att_1', approver: 'b', approve: true }],
  ProposeCompensation: [{ type: 'ProposeCompensation', operationId: 'cap_1', operator: 'a', reason: 'r' }],
  DecideCompensation: [{ type: 'DecideCompensation', operationId: 'cap_1', approver: 'b', approve: false }],
  FireTimer: [
    { type: 'FireTimer', timer: 'inquiry', operationId: 'att_1' },
    { type: 'FireTimer', timer: 'confirm_deadline' },
  ],
  RecoverOperations: [{ type: 'RecoverOperations' }],
  ReadPayment: [{ type: 'ReadPayment', merchant: 'mer_1', mode: 'test' }],
  ReadPaymentHistory: [
    { type: 'ReadPaymentHistory', merchant: 'mer_1', mode: 'live', page: { limit: 10, startingAfter: 'evt_1' } },
  ],
  CreateMerchant: [{ type: 'CreateMerchant', ...audit, name: 'M', rateTier: 'high', routes: merchant.routes }],
  SuspendMerchant: [{ type: 'SuspendMerchant', ...audit }],
  ResumeMerchant: [{ type: 'ResumeMerchant', ...audit }],
  AddApiKey: [{ type: 'AddApiKey', ...audit, key }],
  RevokeApiKey: [{ type: 'RevokeApiKey', ...audit, keyId: 'key_1' }],
  ChangeRoutes: [
    {
      type: 'ChangeRoutes',
      ...audit,
      routes: [{ connection: 'c', mode: 'test', currencies: ['EUR'], amountMinorMax: 5 }],
    },
  ],
  ChangeRateTier: [{ type: 'ChangeRateTier', ...audit, rateTier: 'standard' }],
  ChangeLimits: [
    {
      ...{ type: 'ChangeLimits', ...audit, mode: 'live', currency: 'EUR' },
      ...{ set: { max_amount: 5, hourly_count: 2 }, clear: ['daily_amount'] },
    },
  ],
}

/** As it arrives at the other end of a link. */
function overLink<Body>(body: Body): unknown {
  const message: Message = [messageTypes.tell, 'test', body]
  const { frames, refused } = encodeFrames([message], defaultLinkLimits)
  expect(refused.length, 'bodies that no frame can carry').toBe(0)
  const decoded = decodeFrame(frames[0]?.bytes ?? new Uint8Array(), defaultLinkLimits)
  if (decoded.kind !== 'frame') throw new Error(`the frame was refused: ${decoded.problem}`)
  return decoded.messages[0]?.[2]
}

const envelope: Envelope = {
  id: 'a'.repeat(32),
  shard: 1_023,
  entity: 'b'.repeat(32),
  kind: 'payment',
  class: 'begin',
  bytes: 512,
  payload: null,
  deadline: 15_000,
  waitUntil: 10_000,
  attach: false,
}

function sendCommand(payload: unknown): Envelope | undefined {
  return decodeEnvelope(overLink<EnvelopeWire>(encodeEnvelope({ ...envelope, payload }, 0)), 60_000, 0)
}

function sendAnswer(answer: RouteAnswer<unknown>): RouteAnswer<unknown> | undefined {
  return decodeAnswer(overLink<AnswerWire>(encodeAnswer(answer, 1)))?.answer
}

/** Equal values, and members in the same order: whoever renders it writes the same bytes. */
function expectSame(arrived: unknown, sent: unknown): void {
  expect(arrived).toEqual(sent)
  expect(JSON.stringify(arrived)).toBe(JSON.stringify(sent))
}

describe('commands', () => {
  test.each(Object.entries(commands))('%s arrives as it was sent', (_type, each) => {
    expect(each.length).toBeGreaterThan(0)
    for (const command of each) {
      const arrived = sendCommand(command)?.payload
      expect(arrived).toStrictEqual(command)
      expectSame(arrived, command)
    }
  })

  test('every fact about every outcome arrives as it was sent', () => {
    const facts = factsAbout('att_1')
    expect(facts.length).toBeGreaterThan(outcomes.length)
    for (const fact of facts) expectSame(sendCommand(fact)?.payload, fact)
  })

  test('a member named __proto__ is a member, and no prototype', () => {
    const metadata = JSON.parse('{"__proto__": "a", "b": "c"}') as Record<string, string>
    const arrived = sendCommand(create({ metadata }))?.payload as { metadata: Record<string, string> }
    expect(Object.keys(arrived.metadata)).toEqual(['__proto__', 'b'])
    expect(Object.getPrototypeOf(arrived.metadata)).toBe(Object.prototype)
  })

  test('what is absent stays absent, and is never null', () => {
    const arrived = sendCommand({ type: 'ReadPayment', page: undefined })?.payload as object
    expect(Object.keys(arrived)).toEqual(['type'])
    expect(sendCommand(undefined)).toMatchObject({ payload: undefined })
    expect(sendCommand(null)).toMatchObject({ payload: null })
  })
})

describe('answers', () => {
  const states: readonly Payment[] = lifecycles.flatMap((lifecycle) =>
    operationKinds.flatMap((kind) => operationStatuses.map((status) => stateWith(lifecycle, kind, status, true))),
  )

  test('a payment in every state arrives as it was, with its requests and its metadata', () => {
    expect(states.length).toBeGreaterThan(300)
    for (const state of states) {
      const [first] = Object.values(state.requests)
      const answers: PaymentAnswer[] = [
        { kind: 'payment', state, replayed: false },
        { kind: 'payment', state, replayed: true, ...(first !== undefined && { request: first }) },
        { kind: 'rejected', rejection: { code: 'payment_unexpected_state', current: 'failed', allowed: [] }, state },
      ]
      for (const answer of answers) {
        const arrived = sendAnswer({ kind: 'answered', answer })
        expect(arrived).toStrictEqual({ kind: 'answered', answer })
        expectSame(arrived, { kind: 'answered', answer })
      }
    }
  })

  test('a payment with a thousand requests fits', () => {
    const [state] = states
    if (state === undefined) throw new Error('there are states')
    const [record] = Object.values(state.requests)
    const requests = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`key ${n}`, { ...record }]))
    const answer = { kind: 'payment', state: { ...state, requests }, replayed: false }
    const arrived = sendAnswer({ kind: 'answered', answer })
    expect(arrived?.kind).toBe('answered')
    expectSame(arrived, { kind: 'answered', answer })
  })

  test('history, refusals, merchants', () => {
    const [after] = states
    if (after === undefined) throw new Error('there are states')
    const decisions = states.slice(0, 20).map((state, index) => ({
      seq: index + 1,
      at: 5,
      events: [],
      before: undefined,
      after: state,
    }))
    const answers: readonly (PaymentAnswer | PaymentHistoryAnswer | MerchantAnswer)[] = [
      { kind: 'history', seq: 9, page: { items: publishedEvents(decisions), hasMore: true } },
      { kind: 'history', seq: 9, page: undefined },
      { kind: 'rejected', rejection: { code: 'refund_limit_reached', limit: 1 } },
      { kind: 'in_use' },
      { kind: 'merchant', configuration: merchant satisfies MerchantConfiguration },
      { kind: 'rejected', rejection: { code: 'parameter_invalid', param: 'name' } },
    ]
    expect(new Set(answers.map(({ kind }) => kind)).size).toBe(4)
    for (const answer of answers) expectSame(sendAnswer({ kind: 'answered', answer }), { kind: 'answered', answer })
  })

  test('what no plain value can stand for is refused by whoever sends it', () => {
    expect(() => encodeAnswer({ kind: 'answered', answer: { sum: 1n } }, 0)).toThrow(TypeError)
    expect(() => encodeEnvelope({ ...envelope, payload: { sum: 1n } }, 0)).toThrow(TypeError)
  })

  test('what no frame can carry is refused by whoever sends it', () => {
    const large = 'π'.repeat(envelopeLimits.textBytesMax / 2)
    expect(() => encodeAnswer({ kind: 'answered', answer: large }, 0)).toThrow(RangeError)
    const fits = 'π'.repeat(envelopeLimits.textBytesMax / 2 - 1)
    const arrived = sendAnswer({ kind: 'answered', answer: fits })
    expect(arrived?.kind === 'answered' && arrived.answer === fits).toBe(true)
  })

  test('an unavailable answer keeps its certainty and its hint', () => {
    const answer: RouteAnswer<never> = {
      kind: 'unavailable',
      certainty: 'acceptance_unknown',
      reason: 'shard_moved',
      retryAfterMs: 250,
      moved: { node: 'n2', incarnation: 'b', epoch: 7 },
    }
    expect(sendAnswer(answer)).toStrictEqual(answer)
  })
})

test('any plain value arrives as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const arrived = sendCommand(value)?.payload
      expect(JSON.stringify(arrived)).toBe(JSON.stringify(value))
    }),
    { numRuns: 300 },
  )
})
