/** What every implementation of {@link PspReferences} does, over a journal that writes what it reads. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { paymentIdOfEntity } from '../domain/ids.ts'
import { VirtualClock } from '../runtime/clock.ts'
import type { Journal, Ownership, PspReferenceRow } from './journal.ts'
import { appendAll, idOf, nothingKept, recordOf, type TestNode } from './journal-testing.ts'
import { decisionArrivesWithinMs, type PspReferences } from './psp-references.ts'

export interface PspReferencesHarness {
  start(node: string): Promise<Pick<TestNode, 'journal'>>
  close(): Promise<void>
  /** Over all databases of the harness. */
  references(clock: VirtualClock): PspReferences
}

export function describePspReferences(name: string, makeHarness: () => Promise<PspReferencesHarness>): void {
  describe(name, () => {
    const decidedAt = recordOf(5, 1, 1).at
    const clock = new VirtualClock(decidedAt)
    let harness: PspReferencesHarness
    let references: PspReferences
    let journal: Journal
    let owned: readonly Ownership[]

    beforeEach(async () => {
      harness = await makeHarness()
      references = harness.references(clock)
      ;({ journal } = await harness.start('node-1'))
      // in two databases, where there are two
      owned = await journal.acquire([5, 6])
    })

    afterEach(() => harness.close())

    /** A decision in each of the shards, in the journal and beyond the cursors. */
    async function decided(): Promise<void> {
      await appendAll(journal, owned, [recordOf(5, 1, 1), recordOf(6, 2, 1)])
    }

    async function keep(rows: readonly PspReferenceRow[]): Promise<void> {
      const advances = owned.map(({ shard, epoch }) => {
        const pspReferences = rows.filter((row) => row.shard === shard)
        return { ...nothingKept, shard, epoch, from: 0, to: 2, pspReferences }
      })
      expect(await journal.advance(advances)).toEqual([])
    }

    const row = (shard: number, entity: number, reference: string, connection = 'stripe-test'): PspReferenceRow => {
      return { shard, entity: idOf(entity), connection, reference }
    }

    test('a payment is found by its references, the first one that is known, at its connection', async () => {
      await decided()
      await keep([row(5, 1, 'pi_1'), row(5, 1, 'ch_1'), row(6, 2, 'pi_2'), row(6, 3, 'pi_1', 'adyen-test')])
      const find = (...names: readonly string[]) => references.find('stripe-test', names)
      expect(await find('pi_1')).toBe(paymentIdOfEntity(idOf(1)))
      expect(await find('pi_2')).toBe(paymentIdOfEntity(idOf(2)))
      expect(await find('re_9', 'ch_1', 'pi_2')).toBe(paymentIdOfEntity(idOf(1)))
      expect(await find('pi_2', 'ch_1')).toBe(paymentIdOfEntity(idOf(2)))
      expect(await references.find('adyen-test', ['ch_1', 'pi_1'])).toBe(paymentIdOfEntity(idOf(3)))
    })

    test('nothing is found by what nobody has, whatever it is', async () => {
      await decided()
      await keep([row(5, 1, 'pi_1')])
      for (const names of [[], ['pi_2'], [''], ['pi\0_1'], ['x'.repeat(10_000)], ['{pi_1}'], ['PI_1']]) {
        expect(await references.find('stripe-test', names)).toBeUndefined()
      }
      expect(await references.find('adyen-test', ['pi_1'])).toBeUndefined()
    })

    test('it is complete where no decision made until then is beyond its shard’s cursor', async () => {
      clock.advance(60_000)
      expect(await references.isCompleteUpTo(decidedAt)).toBe(true)
      await decided()
      expect(await references.isCompleteUpTo(decidedAt - 1)).toBe(true)
      expect(await references.isCompleteUpTo(decidedAt)).toBe(false)
      await keep([])
      expect(await references.isCompleteUpTo(decidedAt)).toBe(true)
    })

    test('it is not complete as long as a decision may be on its way', async () => {
      const at = clock.now()
      expect(await references.isCompleteUpTo(at)).toBe(false)
      clock.advance(decisionArrivesWithinMs - 1)
      expect(await references.isCompleteUpTo(at)).toBe(false)
      clock.advance(1)
      expect(await references.isCompleteUpTo(at)).toBe(true)
    })
  })
}
