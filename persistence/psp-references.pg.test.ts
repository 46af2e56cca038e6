import { expect, inject, test } from 'vitest'
import { describePspReferences, type PspReferencesHarness } from '../actors/psp-references-conformance.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { postgresHarness } from '../test/support/journal-harness.ts'
import { shardedHarness } from '../test/support/sharded-harness.ts'
import { createTestDatabase } from '../test/support/test-database.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { PostgresPspReferences } from './psp-references.ts'

const self = { node: 'reader', incarnation: 'i1' }

function withReferences(
  harness: Pick<PspReferencesHarness, 'start' | 'close'>,
  databases: readonly JournalDatabase[],
): PspReferencesHarness {
  const opened: PostgresPspReferences[] = []
  return {
    start: (node) => harness.start(node),
    references(clock) {
      const references = new PostgresPspReferences(databases, self, clock)
      opened.push(references)
      return references
    },
    async close() {
      await Promise.all(opened.map((each) => each.close()))
      await harness.close()
    },
  }
}

describePspReferences('PSP references in Postgres', async () => {
  const harness = await postgresHarness()
  return withReferences(harness, [{ first: 0, last: 1023, url: harness.url }])
})

describePspReferences('PSP references over two databases', async () => {
  const harness = await shardedHarness([inject('postgresUrl'), inject('postgresUrl')])
  return withReferences(harness, harness.databases)
})

test('where a database is away, nobody is told that there is no such payment', async () => {
  const database = await createTestDatabase()
  const away = 'postgres://postgres@127.0.0.1:9/none'
  const databases = [
    { first: 0, last: 511, url: database.url },
    { first: 512, last: 1023, url: away },
  ]
  const references = new PostgresPspReferences(databases, self, new VirtualClock(1e12))
  await expect(references.find('stripe-test', ['pi_1'])).rejects.toMatchObject({ code: 'journal_unavailable' })
  await expect(references.isCompleteUpTo(0)).rejects.toMatchObject({ code: 'journal_unavailable' })
  await references.close()
  await database.drop()
})
