/**
 * The auditor's payment machine beside the product's: random lives of payments, encoded as the journal has them, decoded
 * and folded by the auditor. It must find nothing wrong in them, and agree on every version's status and amounts, and on whether a person should look. What it
 * does find in journals that are wrong is tested beside it.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeDecision } from '../../actors/codec.ts'
import { amounts, statusOf } from '../../domain/payment/derive.ts'
import { applyDecision } from '../../domain/payment/evolve.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { create, merchant, multicaptureMerchant } from '../../domain/payment/testing/fixtures.ts'
import { type Step, Walk } from '../../domain/payment/testing/walk.ts'
import { decodeDecision } from '../../loadtest/auditor/decode.ts'
import { PaymentLife } from '../../loadtest/auditor/payment-life.ts'
import { scaled } from '../support/scale.ts'

const merchants = ['merchant', 'merchant'] as const
const effects = ['effect', 'effect', 'effect'] as const
const facts = ['fact', 'fact', 'fact', 'arrive', 'conclude', 'psp people', 'shopper'] as const
const times = ['wait', 'timer', 'timer', 'stray timer', 'new owner'] as const

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...merchants, ...effects, ...facts, ...times),
  pick: fc.nat(15),
  amountMinor: fc.integer({ min: 1, max: 120 }),
  verdict: fc.record({
    kind: fc.constantFrom('approve', 'approve', 'approve', 'decline', 'act', 'accept', 'partial'),
    declineClass: fc.constantFrom('hard', 'soft', 'shopper', 'retry_elsewhere', 'configuration'),
    captureAtOnce: fc.boolean(),
  }),
  fate: fc.nat(9),
  again: fc.boolean(),
})

test('finds nothing wrong in what the payment machine decides, and agrees with it on every version', () => {
  let captures = 0
  fc.assert(
    fc.property(
      fc.constantFrom('automatic', 'manual'),
      fc.constantFrom(merchant, multicaptureMerchant),
      fc.array(step, { maxLength: 60, size: 'max' }),
      (captureMethod, of, steps) => {
        const walk = new Walk({ merchant: of }, create({ captureMethod }))
        for (const each of steps) walk.step(each)
        walk.finish()
        const problems: string[] = []
        const life = new PaymentLife((code, detail) => problems.push(`${code}: ${detail}`))
        let state: Payment | undefined
        for (const { events, meta, transfers } of walk.scenario.rows) {
          state = applyDecision(state, events, meta)
          life.decide(meta.seq, meta.at, decodeDecision(encodeDecision(events, transfers).data))
          const { authorized, captured, refunded } = amounts(state)
          const { review } = state
          const expected = { status: statusOf(state), authorized, captured, refunded, review }
          expect({ ...life.view(), review: life.review }).toEqual(expected)
        }
        life.operations.checkBooks((code, detail) => problems.push(`${code}: ${detail}`))
        expect(problems).toEqual([])
        captures += walk.state.captures.length
      },
    ),
    { numRuns: scaled('propertyRuns') },
  )
  expect(captures).toBeGreaterThan(scaled('propertyRuns') / 10)
}, 240_000)
