import { describe, expect, test } from 'vitest'
import type { MerchantConfiguration, RouteRule } from '../merchant/state.ts'
import type { ConnectionProfile, DeclineClass, OperationOutcome, PaymentMethod } from './operations.ts'
import { fallbackWithinMs } from './policy.ts'
import {
  absent,
  accepted,
  actionRequired,
  confirm,
  create,
  declined,
  fallback,
  merchant,
  minute,
  notSent,
  primary,
  says,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import {
  events,
  fire,
  given,
  idOf,
  later,
  nothing,
  payment,
  rejection,
  type Scenario,
  when,
} from './testing/scenario.ts'

const third: ConnectionProfile = { ...primary, connection: 'third', psp: 'adyen' }
const profiles = [primary, fallback, third]

function routed(routes: readonly RouteRule[], down: readonly string[] = []) {
  const configuration: MerchantConfiguration = { ...merchant, routes }
  const connections = new Map(
    profiles.map((profile) => [profile.connection, { ...profile, available: !down.includes(profile.connection) }]),
  )
  return { merchant: configuration, connections }
}

const to = (connection: string, more: Partial<RouteRule> = {}): RouteRule => ({ connection, mode: 'test', ...more })
const chosen = (scenario: Scenario) =>
  events(scenario).flatMap((event) => (event.type === 'RouteChosen' ? [event.connection] : []))[0]

describe('a rule', () => {
  const card: PaymentMethod = { type: 'card', token: 'pm_card_visa' }
  const wallet: PaymentMethod = { type: 'apple_pay', token: 'tok_visa' }
  test.each([
    [
      'of a payment method',
      { methods: ['apple_pay', 'google_pay'] },
      { paymentMethod: wallet },
      { paymentMethod: card },
    ],
    ['of a least amount', { amountMinorMin: 100 }, { amountMinor: 100 }, { amountMinor: 99 }],
    ['of a largest amount', { amountMinorMax: 100 }, { amountMinor: 100 }, { amountMinor: 101 }],
    ['of a currency', { currencies: ['EUR'] }, { currency: 'EUR' }, { currency: 'USD' }],
  ] as const)('%s takes what it says, the next one the rest', (_name, rule, fits, other) => {
    const context = routed([to('first', rule), to('second')])
    expect(chosen(given(nothing(context), create(fits)))).toBe('first')
    expect(chosen(given(nothing(context), create(other)))).toBe('second')
  })

  test('looks at the payment method that the confirmation names', () => {
    const context = routed([to('first', { methods: ['apple_pay'] }), to('second')])
    const created = given(nothing(context), create({ confirm: false }))
    expect(chosen(given(created, confirm('c', { paymentMethod: wallet })))).toBe('first')
    expect(chosen(given(created, confirm('c')))).toBe('second')
  })

  test('whose connection is not available is passed over, and taken where no other fits', () => {
    const routes = [to('first'), to('second')]
    expect(chosen(given(nothing(routed(routes, ['first'])), create()))).toBe('second')
    expect(chosen(given(nothing(routed(routes, ['first', 'second'])), create()))).toBe('first')
  })
})

describe('rules with weights', () => {
  const shares = (routes: readonly RouteRule[], down: readonly string[] = []): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (let n = 0; n < 1000; n += 1) {
      const nonce = (n * 4_294_967).toString(16).padStart(32, '0')
      const connection = chosen(given(nothing({ ...routed(routes, down), nonce }), create())) ?? 'none'
      counts[connection] = (counts[connection] ?? 0) + 1
    }
    return counts
  }

  test('share what comes to them by weight, the same attempt always in the same way', () => {
    const routes = [to('first', { weight: 70 }), to('second', { weight: 20 }), to('third', { weight: 10 })]
    const counts = shares(routes)
    expect(counts['first']).toBeGreaterThan(650)
    expect(counts['second']).toBeGreaterThan(150)
    expect(counts['third']).toBeGreaterThan(50)
    expect(shares(routes)).toEqual(counts)
  })

  test('that are not available leave their part to the others, by weight', () => {
    const counts = shares(
      [to('first', { weight: 50 }), to('second', { weight: 40 }), to('third', { weight: 10 })],
      ['first'],
    )
    expect(counts['first']).toBeUndefined()
    expect(counts['second']).toBeGreaterThan(700)
    expect(counts['third']).toBeGreaterThan(100)
  })

  test('share with their neighbours alone: a rule without weight comes before or after all of them', () => {
    expect(shares([to('first'), to('second', { weight: 50 }), to('third', { weight: 50 })])).toEqual({ first: 1000 })
    const apart = [to('first', { weight: 1 }), to('second', { currencies: ['USD'] }), to('third', { weight: 100 })]
    expect(shares(apart)).toEqual({ first: 1000 })
  })

  test('are each other’s fallbacks', () => {
    const context = routed([to('first', { weight: 100 }), to('second', { weight: 1 })])
    const begun = given(nothing({ ...context, nonce: '0'.repeat(32) }), create())
    expect(chosen(begun)).toBe('first')
    expect(chosen(given(begun, says(idOf(begun, 'att'), declined('retry_elsewhere'))))).toBe('second')
  })
})

describe('a connection that the merchant asks for', () => {
  const context = routed([to('first'), to('second')])

  test('is the only one that is asked, also after a decline that another might not have given', () => {
    const wanted = given(nothing(context), create({ routing: { connection: 'second' } }))
    expect(chosen(wanted)).toBe('second')
    expect(payment(wanted).routing).toEqual({ connection: 'second' })
    const refused = given(wanted, says(idOf(wanted, 'att'), declined('retry_elsewhere')))
    expect(payment(refused).lifecycle.status).toBe('failed')
  })

  test('is kept for a later confirmation', () => {
    const created = given(nothing(context), create({ confirm: false, routing: { connection: 'second' } }))
    expect(chosen(given(created, confirm()))).toBe('second')
  })

  test('and is not the merchant’s, or takes no such payment, is refused by name', () => {
    const refusal = { code: 'no_route', param: 'routing.connection' }
    for (const connection of ['third', 'unknown']) {
      expect(rejection(when(nothing(context), create({ routing: { connection } })))).toEqual(refusal)
      const created = given(nothing(context), create({ confirm: false, routing: { connection } }))
      expect(rejection(when(created, confirm()))).toEqual(refusal)
    }
    const narrow = routed([to('first', { currencies: ['USD'] }), to('second')])
    expect(rejection(when(nothing(narrow), create({ routing: { connection: 'first' } })))).toEqual(refusal)
  })
})

describe('another PSP is tried', () => {
  const classes: readonly DeclineClass[] = ['hard', 'soft', 'shopper', 'configuration']
  const never: readonly OperationOutcome[] = [
    succeeded(),
    succeeded(100, { captured: true }),
    succeeded(60),
    succeeded(100, { currency: 'USD' }),
    actionRequired,
    ...classes.map((each) => declined(each)),
    accepted,
    timedOut,
    { ...timedOut, repeatIsUseless: true, pspReference: 'psp_1' },
    absent,
  ]
  const begun = given(nothing(), create({ returnUrl: 'https://shop.example/back' }))
  const attempt = idOf(begun, 'att')
  const asked = fire(given(begun, says(attempt, timedOut)), 'inquiry', attempt)

  test.each([
    ['after a decline that another might not give', begun, says(attempt, declined('retry_elsewhere'))],
    ['after proof that nothing was sent', begun, says(attempt, notSent)],
    [
      'after an inquiry found nothing, once nothing can be on its way',
      later(asked, 10 * minute),
      says(attempt, absent, { source: 'inquiry' }),
    ],
  ])('%s', (_name, before, command) => {
    expect(chosen(when(before, command))).toBe('second')
  })

  test.each(never)('never after %j, from wherever it is known', (outcome) => {
    for (const source of ['response', 'webhook', 'report'] as const) {
      expect(chosen(when(begun, says(attempt, outcome, { source, factId: 'f' })))).toBeUndefined()
    }
    const soon = later(asked, minute)
    const early = when(soon, says(attempt, outcome, { source: 'inquiry', askedAt: soon.now }))
    expect(chosen(early)).toBeUndefined()
  })

  test('never once nobody waits for it any more, and the payment fails instead: 15 minutes after it was confirmed', () => {
    const at = (now: number) => ({ ...asked, now: begun.now + now })
    const gone = says(attempt, absent, { source: 'inquiry' })
    expect(chosen(when(at(fallbackWithinMs - 1), gone))).toBe('second')
    const refused = declined('retry_elsewhere')
    for (const [said, code] of [
      [gone, 'psp_unavailable'],
      [says(attempt, refused, { source: 'webhook', factId: 'f' }), 'card_declined'],
    ] as const) {
      const late = when(at(fallbackWithinMs), said)
      expect(chosen(late)).toBeUndefined()
      expect(payment(late).lifecycle).toMatchObject({ status: 'failed', failure: { code } })
    }
  })

  test('after its shopper came back the 15 minutes begin anew', () => {
    const awaiting = given(begun, says(attempt, actionRequired))
    const { nonce } = payment(awaiting).attempts[0] ?? { nonce: '' }
    const back = given(later(awaiting, 50 * minute), { type: 'CompleteAction', attemptId: attempt, nonce })
    const refused = says(attempt, declined('retry_elsewhere'), { step: 'complete' })
    expect(chosen(when(later(back, minute), refused))).toBe('second')
    expect(chosen(when(later(back, fallbackWithinMs), refused))).toBeUndefined()
  })

  test('never because a repeat, a webhook or an inquiry says that nothing was sent', () => {
    for (const more of [{ firstSend: false }, { source: 'webhook', factId: 'f' }, { source: 'inquiry' }] as const) {
      expect(chosen(when(asked, says(attempt, notSent, more)))).toBeUndefined()
    }
  })
})
