/** Row 5: shoppers who come back more than once. */
import { describe, expect, test } from 'vitest'
import {
  accepted,
  actionRequired,
  cancel,
  create,
  declined,
  primary,
  says,
  succeeded,
  timedOut,
} from './testing/fixtures.ts'
import { effects, fire, given, idOf, nothing, payment, type Scenario, status, when } from './testing/scenario.ts'

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const awaiting = given(pending, says(attempt, actionRequired))

describe('a shopper who came back with nothing first', () => {
  const { nonce } = payment(awaiting).attempts[0] ?? { nonce: '' }
  const bare = { type: 'CompleteAction', attemptId: attempt, nonce } as const
  const returned = { ...bare, redirectResult: 'from the PSP’s page' }
  const unanswered: readonly (readonly [string, Scenario])[] = [
    ['on its way', given(awaiting, bare)],
    ['unknown', given(awaiting, bare, says(attempt, timedOut, { step: 'complete' }))],
    ['asked about', fire(given(awaiting, bare, says(attempt, timedOut, { step: 'complete' })), 'inquiry', attempt)],
  ]

  test.each(unanswered)(
    'and with the PSP’s result then is taken once more, as a request of its own: %s',
    (_what, before) => {
      const back = given(before, returned)
      expect(effects(back)).toMatchObject([
        {
          ...{ kind: 'send', notAfter: back.now + primary.sendWithinMs },
          call: { kind: 'complete', idempotencyKey: `${attempt}:complete2`, redirectResult: returned.redirectResult },
        },
      ])
      expect(payment(back).attempts).toMatchObject([{ status: 'planned', returns: 2 }])
      expect(payment(back).attempts[0]?.doubt).toBeUndefined()
      for (const again of [bare, returned, { ...returned, redirectResult: 'another' }]) {
        expect(when(back, again).decision?.kind).toBe('ignored')
      }
      // The answer to the first of the two may still come; it tells nothing of the second.
      const late = given(back, says(attempt, timedOut, { step: 'complete' }))
      expect(effects(fire(late, 'inquiry', attempt))).toMatchObject([{ kind: 'inquire', call: effects(back)[0]?.call }])
      expect(status(given(late, says(attempt, succeeded(), { step: 'complete' })))).toBe('authorized')
    },
  )

  test('is taken also where a cancel was asked for: that wins over what is found', () => {
    const [, [, unknown] = ['', awaiting]] = unanswered
    const found = given(unknown, cancel(), returned, says(attempt, succeeded(), { step: 'complete' }))
    expect(effects(found)).toMatchObject([{ call: { kind: 'void' } }])
  })

  test('is not, once the outcome is known, taken by the PSP, or a person decides', () => {
    const [, [, unknown] = ['', awaiting]] = unanswered
    for (const outcome of [succeeded(), declined(), accepted, succeeded(100, { currency: 'USD' })]) {
      const told = given(unknown, says(attempt, outcome, { source: 'webhook', factId: 'w' }))
      expect(when(told, returned).decision?.kind).toBe('ignored')
    }
  })
})
