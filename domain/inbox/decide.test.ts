import { describe, expect, test } from 'vitest'
import type { Delivery, InboxCommand } from './commands.ts'
import { alterationsMax } from './decide.ts'
import { applyDecision, timersOf } from './evolve.ts'
import type { Notice } from './notice.ts'
import { deliveryPatienceMs, lookAgainMs } from './schedule.ts'
import { connection, eventsOf, given, type History, later, noticeWith, paymentId, receive, when } from './testing.ts'

const told = (delivery: Delivery): InboxCommand => ({ type: 'RecordDelivery', delivery })
const delivered = told({ kind: 'delivered', payment: paymentId })
const unavailable = told({ kind: 'unavailable', reason: 'overloaded' })
const notFound = told({ kind: 'not_found', complete: true })
const notFoundYet = told({ kind: 'not_found', complete: false })
const refused = told({ kind: 'refused', reason: 'notice_not_ours' })
const again: InboxCommand = { type: 'DeliverAgain', atOnce: false }
const byNewOwner: InboxCommand = { type: 'DeliverAgain', atOnce: true }
const altered = (n: number): Notice => noticeWith({ digest: n.toString(16).padStart(64, '0') })

const statusOf = ({ state }: History): string | undefined => state?.standing.status
const dueOf = ({ state }: History): (readonly [string, number])[] =>
  state === undefined ? [] : timersOf(state).map(({ kind, due }) => [kind, due - (state.updatedAt ?? 0)] as const)

describe('a notice that comes', () => {
  test('is kept as it came and handed over in the same decision', () => {
    const history = given(receive())
    expect(eventsOf(history)).toEqual([
      { type: 'NoticeReceived', connection, mode: 'test', notice: noticeWith() },
      { type: 'NoticeDeliveryBegun', patienceMs: deliveryPatienceMs },
    ])
    expect(history.effects).toEqual([{ kind: 'deliver', connection, receivedAt: history.now, notice: noticeWith() }])
    expect(dueOf(history)).toEqual([['deliver', deliveryPatienceMs]])
  })

  test.each([
    ['that changes nothing of a payment', { kind: 'none', reason: 'unknown_type' }],
    ['that tells of a report', { kind: 'report', name: 'settlement', url: 'https://reports.example/1' }],
  ] as const)('%s is kept, and handed to nobody', (_what, fact) => {
    const history = given(receive(noticeWith({ fact })))
    expect(eventsOf(history)).toMatchObject([{ type: 'NoticeReceived' }, { type: 'NoticeKept' }])
    expect(history.effects).toEqual([])
    expect(dueOf(history)).toEqual([])
  })

  test.each([
    noticeWith({ mode: 'live' }),
    noticeWith({ mode: 'live', fact: { kind: 'none', reason: 'informative' } }),
  ])('B66 of the other environment is an orphan for good, whatever it tells', (notice) => {
    const history = given(receive(notice))
    expect(eventsOf(history)).toMatchObject([
      { type: 'NoticeReceived' },
      { type: 'NoticeOrphaned', reason: 'other_environment' },
    ])
    expect(history.effects).toEqual([])
    expect(dueOf(history)).toEqual([])
    expect(eventsOf(when(later(history, 1e12), byNewOwner))).toEqual([])
  })
})

describe('a notice that comes again', () => {
  test.each([[[]], [[delivered]], [[notFound]]])('as it was changes nothing: it is the first one repeated', (since) => {
    const history = given(receive(), ...since)
    const repeated = when(history, receive())
    expect(repeated.decision).toMatchObject({
      kind: 'replayed',
      request: { fingerprint: noticeWith().digest, concludedSeq: history.state?.seq },
    })
    expect(repeated.effects).toEqual([])
  })

  test('with another body is remembered by its digest, once, and never handed over', () => {
    const history = given(receive(), delivered)
    const once = when(history, receive(altered(1)))
    expect(eventsOf(once)).toEqual([{ type: 'NoticeAltered', digest: altered(1).digest }])
    expect(once.effects).toEqual([])
    expect(once.state?.notice).toEqual(noticeWith())
    expect(once.state?.standing).toEqual(history.state?.standing)
    expect(when(once, receive(altered(1))).decision).toMatchObject({
      kind: 'replayed',
      request: { fingerprint: altered(1).digest },
    })
  })

  test('with ever other bodies is remembered a bounded number of times', () => {
    const others = Array.from({ length: alterationsMax + 3 }, (_, n) => receive(altered(n)))
    const history = given(receive(), ...others)
    expect(history.state?.alterations).toHaveLength(alterationsMax)
    expect(history.decision).toMatchObject({ kind: 'replayed', request: { fingerprint: altered(10).digest } })
  })

  test('under the identity of another one is a defect, not a repeat', () => {
    expect(() => given(receive(), receive(noticeWith({ id: 'evt_2' })))).toThrow('its own inbox')
  })
})

describe('what came of handing it over', () => {
  test('a payment took it: done, whatever else is told later', () => {
    const history = given(receive(), delivered)
    expect(eventsOf(history)).toEqual([{ type: 'NoticeDelivered', payment: paymentId }])
    expect(dueOf(history)).toEqual([])
    for (const command of [delivered, notFound, notFoundYet, refused, unavailable, again, byNewOwner]) {
      expect(when(later(history, 1e12), command).decision?.kind).toBe('ignored')
    }
  })

  test('nobody could be asked: it is handed over again after longer and longer pauses, hourly in the end, for ever', () => {
    const pauses: unknown[] = []
    let history = given(receive())
    for (let n = 0; n < 30; n += 1) {
      history = when(history, unavailable)
      const [event] = eventsOf(history)
      pauses.push(event?.type === 'NoticePostponed' && event.pauseMs / 1_000)
      const [due] = dueOf(history)
      expect(due).toEqual(['deliver', Number(pauses.at(-1)) * 1_000])
      expect(when(later(history, (due?.[1] ?? 0) - 1), again).decision?.kind).toBe('ignored')
      history = when(later(history, due?.[1] ?? 0), again)
      expect(history.effects).toHaveLength(1)
    }
    expect(pauses).toEqual([1, 2, 4, 15, 60, 300, 1_800, ...Array.from({ length: 23 }, () => 3_600)])
  })

  test('nobody told: it is handed over once more when patience is over', () => {
    const history = later(given(receive()), deliveryPatienceMs)
    expect(eventsOf(when(history, again))).toEqual([{ type: 'NoticeDeliveryBegun', patienceMs: deliveryPatienceMs }])
  })

  test('no payment is known, but not all has been looked at: it is looked for after 1 s, when all can be, and rarely then', () => {
    const pauses: unknown[] = []
    let history = given(receive())
    for (let n = 0; n < 8; n += 1) {
      history = when(history, notFoundYet)
      const [event] = eventsOf(history)
      expect(event).toMatchObject({ type: 'NoticePostponed', reason: 'payment_not_found_yet' })
      pauses.push(event?.type === 'NoticePostponed' && event.pauseMs / 1_000)
      history = when(later(history, Number(pauses.at(-1)) * 1_000), again)
    }
    expect(pauses).toEqual([1, 10, 15, 60, 300, 1_800, 3_600, 3_600])
  })

  test('no payment is known: an orphan, looked at again rarely, in the end no more', () => {
    const pauses: unknown[] = []
    let history = given(receive())
    for (;;) {
      history = when(history, notFound)
      expect(statusOf(history)).toBe('orphaned')
      const [due] = dueOf(history)
      if (due === undefined) break
      expect(due[0]).toBe('look_again')
      pauses.push(due[1])
      expect(when(history, byNewOwner).decision?.kind).toBe('ignored')
      history = when(later(history, due[1]), again)
      expect(statusOf(history)).toBe('received')
      expect(history.effects).toHaveLength(1)
    }
    expect(pauses).toEqual(Array.from({ length: 5 }, (_, n) => lookAgainMs(n)))
    expect(lookAgainMs(5)).toBeUndefined()
  })

  test('an orphan that a payment takes after all is delivered', () => {
    const found = when(given(receive(), notFound), delivered)
    expect(statusOf(found)).toBe('delivered')
    expect(dueOf(found)).toEqual([])
  })

  test('the payment says that it is none of its own: an orphan for good', () => {
    const history = given(receive(), refused)
    expect(eventsOf(history)).toEqual([{ type: 'NoticeOrphaned', reason: 'refused' }])
    expect(dueOf(history)).toEqual([])
    expect(when(later(history, 1e12), again).decision?.kind).toBe('ignored')
  })

  test('a new owner hands over at once what it finds received', () => {
    const history = when(given(receive(), unavailable), byNewOwner)
    expect(history.effects).toHaveLength(1)
  })

  test('for an inbox without a notice nothing is told', () => {
    for (const command of [delivered, again, byNewOwner]) expect(given(command).decision?.kind).toBe('ignored')
  })
})

test('a fold refuses rows out of order, and rows without a notice', () => {
  const { rows } = given(receive())
  const [first] = rows
  expect(() => applyDecision(undefined, first?.events ?? [], { seq: 2, at: 0, epoch: 1 })).toThrow('in order')
  expect(() => applyDecision(undefined, [{ type: 'NoticeKept' }], { seq: 1, at: 0, epoch: 1 })).toThrow('first event')
})
