import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../test/support/psp-calls.ts'
import { scriptedConnector } from './testing.ts'

describe('a scripted connector', () => {
  it('answers every kind of call with success for what was asked, and remembers the calls', async () => {
    const connector = scriptedConnector()
    const calls = [authorizeCall(), completeCall('pi_1'), captureCall('pi_1'), voidCall('pi_1'), refundCall('pi_1')]
    for (const call of calls) {
      expect(await connector.send(call, { notAfter: Number.POSITIVE_INFINITY })).toMatchObject({
        kind: 'succeeded',
        amountMinor: 1234,
        currency: 'EUR',
        echoedOperationId: call.operationId,
      })
    }
    expect(connector.calls.map(({ step, call }) => [step, call.kind])).toEqual(calls.map(({ kind }) => ['send', kind]))
  })

  it('takes its time, says what it was told to say, and sends nothing too late', async () => {
    const clock = new VirtualClock()
    const connector = scriptedConnector({
      clock,
      latencyMs: 50,
      answer: (_, step) => (step === 'send' ? { kind: 'unknown', reason: 'timeout' } : { kind: 'absent' }),
    })
    let answered = false
    const asked = connector.send(authorizeCall(), { notAfter: clock.now() }).then((outcome) => {
      answered = true
      return outcome
    })
    clock.advance(49)
    await Promise.resolve()
    expect(answered).toBe(false)
    clock.advance(1)
    expect(await asked).toEqual({ kind: 'unknown', reason: 'timeout' })
    expect(await connector.send(authorizeCall(), { notAfter: clock.now() - 1 })).toEqual({
      kind: 'not_sent',
      reason: 'too_late',
    })
    const inquiry = connector.inquire(authorizeCall(), { repeatAllowed: true })
    clock.advance(50)
    expect(await inquiry).toEqual({ kind: 'absent' })
  })
})
