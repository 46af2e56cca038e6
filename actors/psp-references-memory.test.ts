import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { MemoryJournal } from './journal-memory.ts'
import { MemoryDatabase } from './memory-database.ts'
import { describePspReferences } from './psp-references-conformance.ts'
import { MemoryPspReferences } from './psp-references-memory.ts'

describePspReferences('PSP references in memory', async () => {
  const database = new MemoryDatabase()
  return {
    async start(node) {
      const journal = new MemoryJournal(database, { node, incarnation: 'i1', clock: new VirtualClock() })
      return { journal }
    },
    references: (clock) => new MemoryPspReferences([database], clock),
    async close() {},
  }
})

test('where a database is away, nobody is told that there is no such payment', async () => {
  const away = new MemoryDatabase()
  away.available = false
  const references = new MemoryPspReferences([new MemoryDatabase(), away], new VirtualClock())
  await expect(references.find('stripe-test', ['pi_1'])).rejects.toMatchObject({ code: 'journal_unavailable' })
  await expect(references.isCompleteUpTo(0)).rejects.toMatchObject({ code: 'journal_unavailable' })
})
