/**
 * What every connector does, over HTTP against its simulated PSP: each operation with everything that can become of it, at
 * the first send, at the repeat and at the look-up. The book judges: one effect per operation, none of what was not sent.
 *
 * A PSP that lacks something says so in its traits; then the claim is that nothing is asked and nothing guessed.
 * Clocks are virtual, so that no claim depends on how fast the machine is.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import type { PspCall } from '../domain/payment/operations.ts'
import { describeAnswers, describeAuthorizations, describeModifications } from './answers-conformance.ts'
import { describeFaults } from './faults-conformance.ts'
import { type Bench, type PspAtWork, type PspTraits, scenarios, settle } from './scenarios-conformance.ts'

export function describeConnector(traits: PspTraits, start: () => Promise<PspAtWork>): void {
  describe(`the connector to ${traits.name}`, () => {
    let at: PspAtWork
    let payments = 0
    const notSent = new Set<string>()
    const bench: Bench = {
      at: () => at,
      newPayment: () => paymentIdOf('conformance', traits.name, 'test', String((payments += 1))),
      async effects({ paymentId, operationId }: PspCall) {
        settle(at)
        const book = await at.book(paymentId)
        return book.filter((each) => each.effect && each.operation_id === operationId).map(({ operation }) => operation)
      },
      remember({ operationId }, { kind }) {
        if (kind === 'not_sent') notSent.add(operationId)
      },
    }

    beforeAll(async () => {
      at = await start()
    })

    afterEach(async () => {
      at.proxy.answering = undefined
      await at.behave([])
    })

    afterAll(() => at.close())

    for (const scenario of scenarios) {
      describe(scenario.name, () => {
        describeFaults(scenario, traits, bench)
        describeAnswers(scenario, traits, bench)
      })
    }

    describeAuthorizations(traits, bench)
    describeModifications(traits, bench)

    // of all that was asked above, hours later
    test('an operation has one effect at most, and none where it was not sent', async () => {
      at.pspClock.advance(3 * 3_600_000)
      const effects = (await at.book()).filter(({ effect }) => effect)
      expect(effects.length).toBeGreaterThan(100)
      const once = Map.groupBy(effects, ({ operation, operation_id }) => `${operation} ${operation_id}`)
      expect([...once].filter(([, each]) => each.length > 1)).toEqual([])
      expect(notSent.size).toBeGreaterThan(10)
      expect(effects.filter(({ operation_id }) => notSent.has(operation_id ?? ''))).toEqual([])
    })
  })
}
