import { describe, expect, test } from 'vitest'
import { amounts, pendingReason } from './derive.ts'
import {
  actionRequired,
  cancel,
  confirm,
  connections,
  create,
  day,
  declined,
  hour,
  merchant,
  notSent,
  primary,
  request,
  says,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import {
  effects,
  events,
  eventTypes,
  fire,
  given,
  idOf,
  later,
  newOwner,
  nothing,
  payment,
  rejection,
  type Scenario,
  status,
  timers,
  when,
} from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const awaiting = given(pending, says(attempt, actionRequired))

describe('row 1: create', () => {
  test('journals the intent before the PSP is called, under the operation’s own id as key', () => {
    expect(eventTypes(pending)).toEqual(['PaymentCreated', 'RouteChosen', 'AttemptPlanned'])
    expect(effects(pending)).toMatchObject([
      {
        kind: 'send',
        notAfter: pending.now + primary.sendWithinMs,
        call: { kind: 'authorize', idempotencyKey: attempt },
      },
    ])
    expect(payment(pending)).toMatchObject({ merchantVersion: merchant.version, lifecycle: { status: 'pending' } })
    expect(pendingReason(payment(pending))).toBe('awaiting_psp')
  })

  test.each([
    ['nothing', { amountMinor: 0 }, 'amount_invalid'],
    ['less than nothing', { amountMinor: -100 }, 'amount_invalid'],
    ['a fraction of a minor unit', { amountMinor: 1.5 }, 'amount_invalid'],
    ['more than a card message holds', { amountMinor: 10 ** 12 }, 'amount_invalid'],
    ['no number', { amountMinor: Number.NaN }, 'amount_invalid'],
    ['an unknown currency', { currency: 'XXX' }, 'currency_unsupported'],
    ['a lower-case currency', { currency: 'eur' }, 'currency_unsupported'],
    [
      'a card number for a token',
      { paymentMethod: { type: 'card', token: '4242424242424242' } },
      'card_number_not_allowed',
    ],
  ] as const)('refuses %s', (_what, more, code) => {
    const refused = when(nothing(), create(more))
    expect(rejection(refused)).toMatchObject({ code })
    expect(refused.state).toBeUndefined()
  })

  test('needs a payment method to be confirmed at once, and none without', () => {
    const { paymentMethod: _none, ...without } = create()
    expect(rejection(when(nothing(), without))).toMatchObject({ code: 'payment_method_required' })
    expect(status(given(nothing(), { ...without, confirm: false }))).toBe('created')
  })

  test('is for active merchants with a route', () => {
    expect(rejection(when(nothing({ merchant: undefined }), create()))).toEqual({ code: 'merchant_unknown' })
    expect(rejection(when(nothing({ merchant: { ...merchant, status: 'suspended' } }), create()))).toEqual({
      code: 'merchant_suspended',
    })
    expect(rejection(when(nothing({ merchant: { ...merchant, routes: [] } }), create()))).toEqual({ code: 'no_route' })
    expect(rejection(when(nothing({ connections: new Map() }), create()))).toEqual({ code: 'no_route' })
  })

  test('takes the first route that fits and is available, else the first that fits', () => {
    const down = (...names: readonly string[]) =>
      nothing({
        connections: new Map(
          [...connections].map(([name, each]) => [name, { ...each, available: !names.includes(name) }]),
        ),
      })
    const chosen = (scenario: Scenario) => payment(given(scenario, create())).attempts[0]?.connection
    expect(chosen(nothing())).toBe('first')
    expect(chosen(down('first'))).toBe('second')
    expect(chosen(down('first', 'second'))).toBe('first')
  })

  test('a repeat under the same key is a replay, never a second payment', () => {
    const repeated = when(pending, create())
    expect(repeated.decision).toMatchObject({ kind: 'replayed', request: { requestId: 'req_create' } })
    expect(repeated.rows).toHaveLength(1)
  })

  test('the same key with other parameters is a misuse', () => {
    expect(rejection(when(pending, create({ request: request('create', { fingerprint: 'other' }) })))).toEqual({
      code: 'idempotency_key_reused',
    })
  })

  test('a key is refused, not silently replayed, 30 days later, and never charges again', () => {
    expect(when(later(pending, 30 * day), create()).decision?.kind).toBe('replayed')
    expect(rejection(when(later(pending, 30 * day + 1), create()))).toEqual({ code: 'idempotency_key_expired' })
  })

  test('another merchant, or the other mode, does not find the payment', () => {
    for (const more of [{ merchant: 'mer_2' }, { mode: 'live' }] as const) {
      expect(rejection(when(pending, create({ request: request('create', more) })))).toEqual({
        code: 'payment_not_found',
      })
      expect(rejection(when(pending, { ...cancel(), request: request('c', more) }))).toEqual({
        code: 'payment_not_found',
      })
    }
  })

  test('a key named like a member of every object is a key like any other', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const named = given(nothing(), create({ request: request(key) }))
      expect(when(named, create({ request: request(key) })).decision?.kind).toBe('replayed')
      expect(when(pending, { ...cancel(), request: request(key) }).decision?.kind).toBe('accepted')
    }
  })
})

describe('row 2: confirm', () => {
  const created = given(nothing(), create({ confirm: false }))

  test('plans the first attempt', () => {
    const confirmed = given(created, confirm())
    expect(eventTypes(confirmed)).toEqual(['RequestAccepted', 'PaymentConfirmed', 'RouteChosen', 'AttemptPlanned'])
    expect(status(confirmed)).toBe('pending')
    expect(effects(confirmed)).toHaveLength(1)
  })

  test('happens once', () => {
    const confirmed = given(created, confirm())
    expect(when(confirmed, confirm()).decision?.kind).toBe('replayed')
    expect(rejection(when(confirmed, confirm('another')))).toMatchObject({ code: 'payment_unexpected_state' })
  })

  test('row 2b: a payment never confirmed expires after 24 hours, not before', () => {
    expect(timers(created)).toEqual([{ kind: 'confirm_deadline', operationId: '', due: created.now + day }])
    expect(when(later(created, day - 1), { type: 'FireTimer', timer: 'confirm_deadline' }).decision?.kind).toBe(
      'ignored',
    )
    const expired = fire(created, 'confirm_deadline')
    expect(status(expired)).toBe('expired')
    expect(rejection(when(expired, confirm('late')))).toMatchObject({
      code: 'payment_unexpected_state',
      current: 'expired',
    })
  })
})

describe('row 3: an authorization succeeds', () => {
  test('manual capture: the payment is authorized until the PSP’s own deadline', () => {
    const captureBefore = pending.now + 5 * day
    const authorized = given(pending, says(attempt, succeeded(100, { captureBefore })))
    expect(payment(authorized).lifecycle).toEqual({ status: 'authorized', attemptId: attempt, captureBefore })
    expect(timers(authorized)).toEqual([{ kind: 'capture_deadline', operationId: '', due: captureBefore }])
    expect(amounts(payment(authorized))).toMatchObject({ authorized: 100, capturable: 100, captured: 0 })
  })

  test('automatic capture: a capture of all is planned in the same decision', () => {
    const automatic = given(nothing(), create({ captureMethod: 'automatic' }), says(attempt, succeeded()))
    expect(eventTypes(automatic)).toEqual(['Authorized', 'CapturePlanned'])
    expect(effects(automatic)).toMatchObject([{ call: { kind: 'capture', amountMinor: 100, final: true } }])
    expect(amounts(payment(automatic)).capturable).toBe(0)
  })

  test('the PSP captured in the same step: captured, and nothing more is sent', () => {
    const captured = given(
      nothing(),
      create({ captureMethod: 'automatic' }),
      says(attempt, succeeded(100, { captured: true })),
    )
    expect(status(captured)).toBe('captured')
    expect(effects(captured)).toEqual([])
    expect(timers(captured)).toEqual([])
  })

  test.each([
    ['another currency', { currency: 'USD' }],
    ['a larger amount', { amountMinor: 101 }],
    ['another operation', { echoedOperationId: 'att_other_1' }],
  ])('an echo of %s is held for a person: neither authorized nor failed', (_what, more) => {
    const held = given(pending, says(attempt, succeeded(100, more)))
    expect(status(held)).toBe('pending')
    expect(payment(held)).toMatchObject({ review: true, attempts: [{ status: 'manual' }] })
    expect(events(held)).toContainEqual({ type: 'BreakRaised', code: 'amount_mismatch', operationId: attempt })
    expect(effects(held)).toEqual([])
  })

  test('a smaller amount is never authorized: it is voided, and the payment fails', () => {
    const partial = given(pending, says(attempt, succeeded(60)))
    expect(payment(partial).lifecycle).toEqual({ status: 'failed', failure: { code: 'partial_authorization' } })
    expect(effects(partial)).toMatchObject([{ call: { kind: 'void', amountMinor: 60 } }])
    const voided = given(partial, says(idOf(partial, 'void'), succeeded(60)))
    expect(status(voided)).toBe('failed')
    expect(timers(voided)).toEqual([])
  })
})

describe('rows 4 to 6: the shopper must act', () => {
  test('row 4: the action is shown, and waited for', () => {
    expect(payment(awaiting).lifecycle).toMatchObject({ status: 'requires_action', action: actionRequired.action })
    expect(timers(awaiting)).toEqual([{ kind: 'action_deadline', operationId: '', due: awaiting.now + hour }])
  })

  test('row 5: the shopper’s return with the attempt’s nonce completes the same operation', () => {
    const { nonce } = payment(awaiting).attempts[0] ?? { nonce: '' }
    expect(rejection(when(awaiting, { type: 'CompleteAction', attemptId: attempt, nonce: 'guess' }))).toEqual({
      code: 'action_nonce_mismatch',
    })
    const back = given(awaiting, { type: 'CompleteAction', attemptId: attempt, nonce })
    expect(status(back)).toBe('pending')
    expect(effects(back)).toMatchObject([{ call: { kind: 'complete', idempotencyKey: `${attempt}:complete` } }])
    expect(when(back, { type: 'CompleteAction', attemptId: attempt, nonce }).decision?.kind).toBe('ignored')
    expect(status(given(back, says(attempt, succeeded(), { step: 'complete' })))).toBe('authorized')
    // A late answer to the first step sends nobody away again; one to the second does.
    expect(when(back, says(attempt, actionRequired, { source: 'inquiry' })).decision?.kind).toBe('ignored')
    expect(status(given(back, says(attempt, actionRequired, { step: 'complete' })))).toBe('requires_action')
  })

  test('row 5: a webhook completes it as well', () => {
    expect(status(given(awaiting, says(attempt, succeeded(), { source: 'webhook', factId: 'w' })))).toBe('authorized')
  })

  test('row 6: a shopper who does not act is aborted at the PSP first, and the payment fails once that is confirmed', () => {
    const aborting = fire(awaiting, 'action_deadline')
    expect(status(aborting)).toBe('pending')
    expect(effects(aborting)).toMatchObject([{ call: { kind: 'void', authorizationReference: 'psp_1' } }])
    const aborted = given(aborting, says(idOf(aborting, 'void'), succeeded()))
    expect(payment(aborted).lifecycle).toEqual({ status: 'failed', failure: { code: 'action_expired' } })
    expect(timers(aborted)).toEqual([])
  })

  test('row 6: a cancel is answered as pending, and the abort’s confirmation cancels', () => {
    const aborting = given(awaiting, cancel())
    expect(status(aborting)).toBe('pending')
    expect(pendingReason(payment(aborting))).toBe('cancel_requested')
    expect(status(given(aborting, says(idOf(aborting, 'void'), succeeded())))).toBe('canceled')
  })

  test('row 6: an abort refused because the shopper was faster: the PSP is asked, and the authorization voided', () => {
    const aborting = given(awaiting, cancel())
    const refused = given(aborting, says(idOf(aborting, 'void'), declined('hard', 'authorized_already')))
    expect(effects(refused)).toMatchObject([{ kind: 'inquire', call: { operationId: attempt } }])
    const found = given(refused, says(attempt, succeeded(), { source: 'inquiry' }))
    expect(status(found)).toBe('pending')
    expect(effects(found)).toMatchObject([{ call: { kind: 'void' } }])
    expect(status(given(found, says(idOf(found, 'void', 2), succeeded())))).toBe('canceled')
  })
})

describe('rows 7 and 8: an attempt comes to nothing', () => {
  test.each(['hard', 'soft', 'shopper', 'configuration'] as const)(
    'row 7: a %s decline fails the payment',
    (declineClass) => {
      const failed = given(pending, says(attempt, declined(declineClass)))
      expect(payment(failed).lifecycle).toMatchObject({
        status: 'failed',
        failure: {
          code: declineClass === 'configuration' ? 'psp_configuration' : 'card_declined',
          decline: { code: 'insufficient_funds' },
        },
      })
      expect(effects(failed)).toEqual([])
      expect(timers(failed)).toEqual([])
    },
  )

  test('row 7: a decline of the way there goes to the next PSP, under a new key, once', () => {
    const elsewhere = given(pending, says(attempt, declined('retry_elsewhere')))
    expect(status(elsewhere)).toBe('pending')
    expect(effects(elsewhere)).toMatchObject([
      { call: { connection: 'second', idempotencyKey: idOf(elsewhere, 'att', 2) } },
    ])
    const failed = given(elsewhere, says(idOf(elsewhere, 'att', 2), declined('retry_elsewhere')))
    expect(status(failed)).toBe('failed')
  })

  test.each([
    ['refused by the set-up there', declined('configuration')],
    ['certain not to have been sent', notSent],
  ])('row 7: what the issuer said is told, also where the way elsewhere was %s', (_how, outcome) => {
    let scenario = given(pending, says(attempt, declined('retry_elsewhere')))
    for (let last = payment(scenario).attempts.at(-1); status(scenario) === 'pending'; ) {
      scenario = given(scenario, says(last?.id ?? '', outcome))
      last = payment(scenario).attempts.at(-1)
    }
    expect(payment(scenario).lifecycle).toMatchObject({
      status: 'failed',
      failure: { code: 'card_declined', decline: { class: 'retry_elsewhere', code: 'insufficient_funds' } },
    })
  })

  test('row 7: a webhook’s decline counts like an answer’s', () => {
    expect(status(given(pending, says(attempt, declined(), { source: 'webhook', factId: 'w' })))).toBe('failed')
  })

  test('row 8: proof that nothing was sent goes to the next PSP, then to the same again, within the budget', () => {
    let scenario = pending
    const tried: (string | undefined)[] = []
    while (status(scenario) === 'pending') {
      const last = payment(scenario).attempts.at(-1)
      tried.push(last?.connection)
      scenario = given(scenario, says(last?.id ?? '', notSent))
    }
    expect(tried).toEqual(['first', 'second', 'first', 'first'])
    expect(payment(scenario).lifecycle).toEqual({ status: 'failed', failure: { code: 'psp_unavailable' } })
  })

  test.each([
    ['the answer to a repeat', { firstSend: false }, 0],
    ['an inquiry', { source: 'inquiry' }, 0],
    ['a webhook', { source: 'webhook', factId: 'w' }, 0],
    ['another owner than the one that planned it', {}, 1],
  ] as const)('row 8: %s never proves that nothing was sent: unknown, no fallback', (_who, more, owners) => {
    const scenario = owners === 0 ? pending : newOwner(pending)
    const unknown = given(scenario, says(attempt, notSent, more))
    expect(eventTypes(unknown)).toEqual(['OutcomeUnknown'])
    expect(status(unknown)).toBe('pending')
    expect(effects(unknown)).toEqual([])
  })

  test('row 8: once unknown, a sign of non-delivery changes nothing', () => {
    const unknown = given(pending, says(attempt, timedOut))
    expect(when(unknown, says(attempt, notSent)).decision?.kind).toBe('ignored')
  })
})
