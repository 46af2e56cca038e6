import { describe, expect, test } from 'vitest'
import type { Envelope, RouteAnswer } from '../cluster/router.ts'
import { addressOfPayment, paymentIdOf } from '../domain/ids.ts'
import type { Delivery, DeliverNotice } from '../domain/inbox/commands.ts'
import type { Notice } from '../domain/inbox/notice.ts'
import { connection, noticeWith, paymentId, receivedAt } from '../domain/inbox/testing.ts'
import type { PaymentAnswer } from '../domain/payment/answers.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { createNoticeDelivery, deliveryTimeMs } from './notice-delivery.ts'
import type { PspReferences } from './psp-references.ts'

const other = paymentIdOf(Buffer.alloc(32, 1), 'mer_a', 'test', 'k2')
const unnamed: Partial<Notice> = { subject: { references: ['ch_1', 'pi_1'] } }

const taken = {
  kind: 'answered',
  answer: { kind: 'payment', state: {}, replayed: false },
} as RouteAnswer<PaymentAnswer>
const rejected = (code: string): RouteAnswer<PaymentAnswer> => ({
  kind: 'answered',
  answer: { kind: 'rejected', rejection: { code } as PaymentRejection },
})
const away: RouteAnswer<PaymentAnswer> = {
  ...{ kind: 'unavailable', certainty: 'acceptance_unknown' },
  ...{ reason: 'deadline_passed', retryAfterMs: 1_000 },
}

interface Scene {
  readonly notice?: Notice
  readonly answers?: Readonly<Record<string, RouteAnswer<PaymentAnswer>>>
  readonly references?: Partial<PspReferences>
  readonly route?: () => Promise<RouteAnswer<PaymentAnswer>>
}

interface Seen {
  readonly delivery: Delivery
  readonly envelopes: readonly Envelope[]
  readonly observed: readonly Delivery[]
  readonly broken: readonly unknown[]
}

/** Hands one notice over. A payment that has no answer here must not be asked. */
async function handOver({ notice = noticeWith(), answers = {}, references = {}, route }: Scene): Promise<Seen> {
  const envelopes: Envelope[] = []
  const observed: Delivery[] = []
  const broken: unknown[] = []
  const deliver = createNoticeDelivery({
    router: {
      async route<Answer>(envelope: Envelope) {
        envelopes.push(envelope)
        const [, answer] =
          Object.entries(answers).find(([id]) => addressOfPayment(id)?.entity === envelope.entity) ?? []
        if (answer === undefined && route === undefined) throw new Error('nobody should have been asked')
        return (answer ?? (await route?.())) as RouteAnswer<Answer>
      },
    },
    references: {
      find: () => Promise.resolve(undefined),
      isCompleteUpTo: () => Promise.resolve(true),
      ...references,
    },
    clock: new VirtualClock(),
    random: seededRandom(1),
    observer: {
      handedOver: (_effect, delivery) => observed.push(delivery),
      broken: (_connection, error) => broken.push(error),
    },
  })
  const effect: DeliverNotice = { kind: 'deliver', connection, receivedAt, notice }
  const { type, delivery } = await deliver(effect)
  expect(type).toBe('RecordDelivery')
  expect(observed).toEqual([delivery])
  return { delivery, envelopes, observed, broken }
}

describe('a notice that names an operation of ours', () => {
  test('is handed to its payment, as what settles, with a deadline, without what only the inbox needs', async () => {
    const { delivery, envelopes } = await handOver({ answers: { [paymentId]: taken } })
    expect(delivery).toEqual({ kind: 'delivered', payment: paymentId })
    const { id, type, subject, fact } = noticeWith()
    expect(envelopes).toMatchObject([
      {
        ...addressOfPayment(paymentId),
        ...{ kind: 'payment', class: 'settle', deadline: deliveryTimeMs, waitUntil: deliveryTimeMs },
        payload: { type: 'RecordNotice', connection, notice: { id, type, subject, fact } },
      },
    ])
    expect(envelopes[0]?.payload).not.toHaveProperty('notice.digest')
  })

  test.each([
    ['payment_not_found', { kind: 'not_found', complete: true }],
    ['notice_not_ours', { kind: 'refused', reason: 'notice_not_ours' }],
  ] as const)('where that payment answers %s, the one known by a reference is asked', async (code, otherwise) => {
    const answers = { [paymentId]: rejected(code), [other]: taken }
    const known = await handOver({ answers, references: { find: () => Promise.resolve(other) } })
    expect(known.delivery).toEqual({ kind: 'delivered', payment: other })
    for (const find of [() => Promise.resolve(undefined), () => Promise.resolve(paymentId)]) {
      const unknown = await handOver({ answers: { [paymentId]: rejected(code) }, references: { find } })
      expect(unknown.delivery).toEqual(otherwise)
      expect(unknown.envelopes).toHaveLength(1)
    }
  })

  test.each([
    ['nobody answers', away, 'deadline_passed'],
    ['the payment refuses for no reason that it has', rejected('merchant_suspended'), 'merchant_suspended'],
    ['the payment is asked the same', { kind: 'answered', answer: { kind: 'in_use' } } as const, 'in_use'],
  ])('where %s it is handed over again, and nobody else is asked', async (_what, answer, reason) => {
    const { delivery, envelopes } = await handOver({ answers: { [paymentId]: answer } })
    expect(delivery).toEqual({ kind: 'unavailable', reason })
    expect(envelopes).toHaveLength(1)
  })
})

describe('a notice that names none', () => {
  const notice = noticeWith(unnamed)

  test.each([
    ['no name', unnamed],
    ['a name of somebody else’s', { subject: { operationId: 'order-7', references: ['ch_1', 'pi_1'] } }],
    ['a name that is nearly one', { subject: { operationId: 'att_x_1', references: ['ch_1', 'pi_1'] } }],
  ])('(%s) is handed to the payment known by a reference', async (_what, more) => {
    const asked: unknown[] = []
    const find: PspReferences['find'] = (...names) => {
      asked.push(names)
      return Promise.resolve(paymentId)
    }
    const { delivery } = await handOver({
      notice: noticeWith(more),
      answers: { [paymentId]: taken },
      references: { find },
    })
    expect(delivery).toEqual({ kind: 'delivered', payment: paymentId })
    expect(asked).toEqual([[connection, ['ch_1', 'pi_1']]])
  })

  test('is not found before all that may have been journaled before it has been looked at', async () => {
    const asked: number[] = []
    const isCompleteUpTo = (complete: boolean) => (at: number) => {
      asked.push(at)
      return Promise.resolve(complete)
    }
    const early = await handOver({ notice, references: { isCompleteUpTo: isCompleteUpTo(false) } })
    expect(early.delivery).toEqual({ kind: 'not_found', complete: false })
    const late = await handOver({ notice, references: { isCompleteUpTo: isCompleteUpTo(true) } })
    expect(late.delivery).toEqual({ kind: 'not_found', complete: true })
    for (const at of asked) expect(at).toBeGreaterThan(receivedAt)
  })

  test('is found where its reference came between the first look and the word that all is there', async () => {
    let looks = 0
    const find = () => Promise.resolve(++looks === 1 ? undefined : paymentId)
    const { delivery } = await handOver({ notice, answers: { [paymentId]: taken }, references: { find } })
    expect(delivery).toEqual({ kind: 'delivered', payment: paymentId })
  })

  test('nor a reference is not found, and no database is asked', async () => {
    const references: PspReferences = {
      find: () => Promise.reject(new Error('asked')),
      isCompleteUpTo: () => Promise.reject(new Error('asked')),
    }
    const { delivery } = await handOver({ notice: noticeWith({ subject: { references: [] } }), references })
    expect(delivery).toEqual({ kind: 'not_found', complete: true })
  })

  test.each([
    ['the references', { references: { find: () => Promise.reject(new Error('away')) } }],
    ['the cursors', { references: { isCompleteUpTo: () => Promise.reject(new Error('away')) } }],
    ['the router', { notice: noticeWith(), route: () => Promise.reject(new Error('away')) }],
    ['a reference that names no payment', { references: { find: () => Promise.resolve('mer_a') } }],
  ])('is handed over again where it fails at %s, which is told', async (_what, scene) => {
    const { delivery, broken } = await handOver({ notice, ...scene })
    expect(delivery).toEqual({ kind: 'unavailable', reason: 'delivery_failed' })
    expect(broken).toHaveLength(1)
  })
})
