/** What a merchant’s limits do to its commands. */
import { describe, expect, test } from 'vitest'
import type { LimitValues } from '../merchant/limits.ts'
import { AcceptedPayments } from '../merchant/velocity.ts'
import type { PaymentCommand } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { decide } from './decide.ts'
import type { Payment } from './state.ts'
import { confirm, contextAt, create, merchant, minute, request, startedAt } from './testing/fixtures.ts'
import { given, nothing } from './testing/scenario.ts'

function limitedTo(values: LimitValues, taken: readonly number[] = [], currency = 'EUR'): PaymentContext {
  const accepted = new AcceptedPayments()
  for (const amountMinor of taken) accepted.add(startedAt, { count: 1, amountMinor })
  const limits = [{ mode: 'test' as const, currency, values }]
  return contextAt(startedAt, { merchant: { ...merchant, limits }, accepted: new Map([[currency, accepted]]) })
}

function answerOf(state: Payment | undefined, command: PaymentCommand, context: PaymentContext): unknown {
  const decision = decide(state, command, context)
  return decision.kind === 'rejected' ? decision.rejection : decision.kind
}

describe('a payment beyond a limit', () => {
  test('of one payment is refused before anything is planned, confirmed or not', () => {
    const context = limitedTo({ max_amount: 99 })
    const refusal = { code: 'amount_limit_exceeded', param: 'amount', limit: 'max_amount', max: 99, currency: 'EUR' }
    expect(answerOf(undefined, create(), context)).toEqual(refusal)
    expect(answerOf(undefined, create({ confirm: false }), context)).toEqual(refusal)
    expect(answerOf(undefined, create({ amountMinor: 99 }), context)).toBe('accepted')
  })

  test('within an hour is refused with when to come back', () => {
    const refusal = { code: 'velocity_exceeded', limit: 'hourly_count', max: 2, currency: 'EUR' }
    expect(answerOf(undefined, create(), limitedTo({ hourly_count: 2 }, [1, 1]))).toEqual({
      ...refusal,
      retryAt: startedAt + 60 * minute,
    })
    expect(answerOf(undefined, create(), limitedTo({ hourly_count: 2 }, [1]))).toBe('accepted')
  })

  test('counts when it is confirmed, not when it is created', () => {
    const full = limitedTo({ hourly_count: 1 }, [1])
    expect(answerOf(undefined, create({ confirm: false }), full)).toBe('accepted')
    const created = given(nothing(), create({ confirm: false })).state
    expect(answerOf(created, confirm(), full)).toMatchObject({ code: 'velocity_exceeded' })
    expect(answerOf(created, confirm(), limitedTo({ hourly_count: 1 }))).toBe('accepted')
    expect(answerOf(created, confirm(), limitedTo({ max_amount: 99 }))).toMatchObject({ code: 'amount_limit_exceeded' })
  })

  test('in another currency or mode is none', () => {
    const context = limitedTo({ max_amount: 1, hourly_count: 1 }, [1], 'JPY')
    expect(answerOf(undefined, create(), context)).toBe('accepted')
    const live = create({ request: request('create', { mode: 'live' }) })
    const routed = { ...merchant, routes: [{ connection: 'first', mode: 'live' as const }] }
    const limits = [{ mode: 'test' as const, currency: 'EUR', values: { max_amount: 1 } }]
    expect(answerOf(undefined, live, contextAt(startedAt, { merchant: { ...routed, limits } }))).toBe('accepted')
  })

  test('that was accepted before is answered as it was: its key is looked up first', () => {
    const accepted = given(nothing(), create()).state
    expect(answerOf(accepted, create(), limitedTo({ max_amount: 1, hourly_count: 1 }, [1]))).toBe('replayed')
  })
})
