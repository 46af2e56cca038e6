import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { scaled } from '../../test/support/scale.ts'
import type { PaymentContext } from './context.ts'
import { connections, create, merchant, minute, multicaptureMerchant } from './testing/fixtures.ts'
import { compareWithBook } from './testing/book-check.ts'
import { type Step, Walk } from './testing/walk.ts'
import type { CreatePayment } from './commands.ts'

const verdict = fc.record({
  kind: fc.constantFrom('approve', 'approve', 'approve', 'decline', 'act', 'accept', 'partial'),
  declineClass: fc.constantFrom('hard', 'soft', 'shopper', 'retry_elsewhere', 'configuration'),
  captureAtOnce: fc.boolean(),
} as const)

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'merchant',
    'merchant',
    'effect',
    'effect',
    'effect',
    'fact',
    'fact',
    'fact',
    'arrive',
    'conclude',
    'wait',
    'timer',
    'timer',
    'stray timer',
    'new owner',
    'shopper',
    'psp people',
    'ruling',
  ),
  pick: fc.nat(15),
  amountMinor: fc.integer({ min: 1, max: 120 }),
  verdict,
  fate: fc.nat(9),
  again: fc.boolean(),
} as const)

const payment: fc.Arbitrary<CreatePayment> = fc
  .record({
    captureMethod: fc.constantFrom('automatic', 'manual'),
    confirm: fc.boolean(),
    returnUrl: fc.boolean(),
  } as const)
  .map(({ returnUrl, ...more }) => create({ ...more, ...(returnUrl && { returnUrl: 'https://shop.example/back' }) }))

/** PSPs that forget their keys soon: an inquiry is a look-up then, and may say that nothing is there. */
const forgetful = new Map(
  [...connections].map(([name, profile]) => [name, { ...profile, repeatWindowMs: 3 * minute, quietPeriodMs: minute }]),
)

/** The long form on a busy machine. */
const timeoutMs = 240_000

const configuration: fc.Arbitrary<Partial<PaymentContext>> = fc.record({
  merchant: fc.constantFrom(merchant, multicaptureMerchant),
  connections: fc.constantFrom(connections, forgetful),
})

test(
  'whatever merchants, PSPs, networks, timers and crashes do, every invariant of a payment holds and its end agrees with the PSP',
  () => {
    let eventful = 0
    fc.assert(
      fc.property(payment, configuration, fc.array(step, { maxLength: 60, size: 'max' }), (command, context, steps) => {
        const walk = new Walk(context, command)
        for (const each of steps) walk.step(each)
        walk.finish()
        compareWithBook(walk.state, walk.psp)
        if (walk.state.captures.length > 0) eventful += 1
      }),
      { numRuns: scaled('propertyRuns') },
    )
    expect(eventful, 'lives that came to a capture').toBeGreaterThan(scaled('propertyRuns') / 10)
  },
  timeoutMs,
)

test(
  'as long as the PSP keeps its promises and nobody works in its pages, no payment needs a person, whatever the network, the timers and the owners do',
  () => {
    const quiet = fc
      .array(step, { maxLength: 60, size: 'max' })
      .map((steps) =>
        steps
          .filter(({ kind, verdict }) => kind !== 'psp people' && kind !== 'ruling' && verdict.kind !== 'partial')
          .map((each) => (each.fate === 3 ? { ...each, fate: 0 } : each)),
      )
    fc.assert(
      fc.property(payment, configuration, quiet, (command, context, steps) => {
        const walk = new Walk(context, command)
        for (const each of steps) walk.step(each)
        walk.finish()
        expect(walk.state.review).toBe(false)
        compareWithBook(walk.state, walk.psp)
      }),
      { numRuns: scaled('propertyRuns') },
    )
  },
  timeoutMs,
)
