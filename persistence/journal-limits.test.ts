import { expect, test } from 'vitest'
import { defaultJournalLimits, journalLimits } from './journal-limits.ts'

test('the defaults agree with each other', () => {
  expect(journalLimits()).toEqual(defaultJournalLimits)
})

test('limits that contradict each other are refused', () => {
  expect(() => journalLimits({ flushTimeoutMs: 1_000 })).toThrow('stands still')
  expect(() => journalLimits({ statementTimeoutMs: 1_000 })).toThrow('given up before its statement')
  expect(() => journalLimits({ recordBytesMax: 10_000_000 })).toThrow('fits into a flush')
  expect(() => journalLimits({ lanesMax: 0 })).toThrow('positive')
})
