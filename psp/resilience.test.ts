import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CaptureCall, OperationOutcome } from '../domain/payment/operations.ts'
import { systemClock, VirtualClock } from '../runtime/clock.ts'
import { type BreakerState, type ResilienceLimits, withResilience } from './resilience.ts'
import { scriptedConnector } from './testing.ts'

const call: CaptureCall = {
  kind: 'capture',
  operationId: 'cap_1',
  idempotencyKey: 'cap_1',
  paymentId: 'pay_1',
  merchant: 'mer_1',
  connection: 'scripted',
  requestVersion: 1,
  authorizationReference: 'pi_1',
  amountMinor: 100,
  currency: 'EUR',
  final: true,
}
const success: OperationOutcome = { kind: 'succeeded', pspReference: 'ch_1', amountMinor: 100, currency: 'EUR' }
const timeout: OperationOutcome = { kind: 'unknown', reason: 'timeout' }
const openMs = 40
const noLimit = { notAfter: Number.MAX_SAFE_INTEGER }

// the breaker reads the clocks of the process
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

function resilient(limits: Partial<ResilienceLimits> = {}, clock = systemClock) {
  let answer = success
  const states: BreakerState[] = []
  const inner = scriptedConnector({ answer: () => answer, clock })
  const connector = withResilience(inner, {
    clock,
    limits: { failuresInARow: 3, openMs, ...limits },
    observer: { breaker: (_, state) => states.push(state) },
  })
  return {
    connector,
    states,
    sent: () => inner.calls.length,
    answers: (next: OperationOutcome) => {
      answer = next
    },
    async fail(times: number) {
      answer = timeout
      for (let n = 0; n < times; n += 1) await connector.send(call, noLimit)
    },
  }
}

describe('the breaker of a connection', () => {
  test('opens after failures in a row: nothing is sent any more, which proves that nothing was', async () => {
    const rig = resilient()
    await rig.fail(4)
    const before = rig.sent()
    expect(await rig.connector.send(call, noLimit)).toEqual({ kind: 'not_sent', reason: 'breaker_open' })
    expect(rig.sent()).toBe(before)
    expect([rig.connector.breaker, rig.connector.profile.available]).toEqual(['open', false])
  })

  test('lets inquiries through while it is open', async () => {
    const rig = resilient()
    await rig.fail(4)
    rig.answers(success)
    expect(await rig.connector.inquire(call, { repeatAllowed: true })).toEqual(success)
  })

  test('tries one send after its time, and closes where that comes through', async () => {
    const rig = resilient()
    await rig.fail(4)
    vi.advanceTimersByTime(openMs)
    expect(rig.connector.profile.available).toBe(true)
    rig.answers(success)
    expect(await rig.connector.send(call, noLimit)).toEqual(success)
    expect([rig.connector.breaker, rig.connector.profile.available]).toEqual(['closed', true])
    expect(rig.states).toEqual(['open', 'half_open', 'closed'])
  })

  test('opens again where the one that is tried fails, and lets no other one wait for it', async () => {
    const rig = resilient()
    await rig.fail(4)
    vi.advanceTimersByTime(openMs)
    const tried = rig.connector.send(call, noLimit)
    const other = rig.connector.send(call, noLimit)
    expect([await tried, await other]).toEqual([timeout, { kind: 'not_sent', reason: 'breaker_open' }])
    expect(rig.connector.breaker).toBe('open')
  })

  test.each<OperationOutcome>([
    { kind: 'declined', decline: { class: 'hard', code: 'lost_card' } },
    { kind: 'accepted', pspReference: 'ABC' },
    { kind: 'unknown', reason: 'in_progress' },
    { kind: 'not_sent', reason: 'too_late' },
  ])('stays closed for $kind ($reason): the road was not at fault', async (outcome) => {
    const rig = resilient()
    rig.answers(outcome)
    for (let n = 0; n < 20; n += 1) await rig.connector.send(call, noLimit)
    expect(rig.connector.breaker).toBe('closed')
  })

  test.each(['connection_refused', 'rate_limited', 'bulkhead_full'])('opens for %s', async (reason) => {
    const rig = resilient()
    rig.answers({ kind: 'not_sent', reason })
    for (let n = 0; n < 4; n += 1) await rig.connector.send(call, noLimit)
    expect(rig.connector.breaker).toBe('open')
  })
})

describe('the budget for inquiries', () => {
  const limits = { inquiriesBurst: 2, inquiriesPerSecond: 10, inquiryWaitMs: 250, inquiriesPerSend: 0.5 }
  const inquire = (rig: ReturnType<typeof resilient>) => rig.connector.inquire(call, { repeatAllowed: false })

  test('lets a burst through, then one at a time, and answers not_asked to whoever would wait too long', async () => {
    const clock = new VirtualClock()
    const rig = resilient(limits, clock)
    const asked = Array.from({ length: 6 }, () => inquire(rig))
    await Promise.resolve()
    expect(rig.sent()).toBe(2)
    expect(await asked[5]).toEqual({ kind: 'unknown', reason: 'not_asked' })
    clock.advance(100)
    expect(await asked[2]).toEqual(success)
    clock.advance(100)
    expect(await asked[3]).toEqual(success)
    expect(rig.sent()).toBe(4)
  })

  test('grows with what is sent and with time, up to the burst', async () => {
    const clock = new VirtualClock()
    const rig = resilient(limits, clock)
    await Promise.all([inquire(rig), inquire(rig)])
    await rig.connector.send(call, noLimit)
    await rig.connector.send(call, noLimit)
    const before = rig.sent()
    await inquire(rig)
    expect(rig.sent()).toBe(before + 1)
    clock.advance(10_000)
    await Promise.all([inquire(rig), inquire(rig)])
    void inquire(rig)
    expect(rig.sent()).toBe(before + 3)
  })
})
