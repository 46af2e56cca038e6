import { expect, test } from 'vitest'
import { archivedOf, restoreArchived, sayTheSame } from './archived.ts'
import type { StatesOf } from './entity-kind.ts'
import { fold, foldHistory } from './fold.ts'
import type { ArchivedRecord, JournalRow } from './journal.ts'
import { paymentStates } from './payment-kind.ts'
import { decisions } from './read-side-testing.ts'
import type { Payment } from '../domain/payment/state.ts'
import { seededRandom } from '../runtime/random.ts'

const states = paymentStates as StatesOf
const none = { archived: undefined, snapshot: undefined }

/** Whole lives of payments, by entity. */
function lives(seed: number): readonly (readonly JournalRow[])[] {
  const rows: JournalRow[] = []
  for (const record of decisions(5, seededRandom(seed))) {
    rows.push({ ...record, epoch: 1, position: rows.length + 1 })
    if (rows.length === 400) break
  }
  return [...Map.groupBy(rows, ({ entity }) => entity).values()]
}

test('of every life, at every point where it may be archived, what stands in is the state, and folds on as the rows do', () => {
  let archived = 0
  let answers = 0
  for (let seed = 1; seed <= 25; seed += 1) {
    for (const rows of lives(seed)) {
      for (let count = 1; count <= rows.length; count += 1) {
        const history = foldHistory(states, { ...none, rows: rows.slice(0, count) }, count)
        const last = history.at(-1)?.after as Payment
        const parts = archivedOf(states, history, last.updatedAt)
        if (parts === undefined) continue
        archived += 1
        const record: ArchivedRecord = { shard: 5, entity: rows[0]?.entity ?? '', ...parts }
        expect(restoreArchived(states, record)).toEqual(last)
        expect(fold(states, { archived: record, snapshot: undefined, rows: rows.slice(count) })).toEqual(
          fold(states, { ...none, rows }),
        )
        for (const { concludedSeq = 0 } of last.requests) {
          answers += 1
          expect(restoreArchived(states, record, concludedSeq)).toEqual(history[concludedSeq - 1]?.after)
        }
      }
    }
  }
  expect(archived).toBeGreaterThan(100)
  expect(answers).toBeGreaterThan(archived)
})

test('states of requests that can no longer be repeated are not kept, and nothing personal is among what is', () => {
  const rows = lives(1).find(
    (life) => archivedOf(states, foldHistory(states, { ...none, rows: life }, 1e9), 0) !== undefined,
  )
  expect(rows).toBeDefined()
  const history = foldHistory(states, { ...none, rows: rows ?? [] }, 1e9)
  const last = history.at(-1)?.after as Payment
  const young = archivedOf(states, history, last.updatedAt)
  const old = archivedOf(states, history, last.updatedAt + 400 * 86_400_000)
  if (young === undefined || old === undefined) throw new Error('it is archivable')
  expect(old.data.length).toBeLessThanOrEqual(young.data.length)
  const record = { shard: 5, entity: '', ...old, private: null }
  const { paymentMethod, customer, description, returnUrl, redirectResult, ...open } = last
  expect([paymentMethod, customer, description, returnUrl, redirectResult].some((each) => each !== undefined)).toBe(
    true,
  )
  expect(restoreArchived(states, record)).toEqual(open)
  expect(sayTheSame(young.data, young.data)).toBe(true)
})

test('a sequence whose state is not kept is said to be so, and never made up', () => {
  for (const rows of lives(2)) {
    const history = foldHistory(states, { ...none, rows }, 1e9)
    const last = history.at(-1)?.after as Payment
    const parts = archivedOf(states, history, last.updatedAt + 400 * 86_400_000)
    if (parts === undefined || parts.seq === 1) continue
    const record = { shard: 5, entity: '', ...parts }
    expect(() => restoreArchived(states, record, 1)).toThrow('the decision was archived, and its state is not kept')
    return
  }
  throw new Error('no life of several decisions was archivable')
})

test('what is open is not archived', () => {
  const open = lives(3).flatMap((rows) => {
    const history = foldHistory(states, { ...none, rows }, 1e9)
    const last = history.at(-1)?.after as Payment
    const { attempts, captures, refunds, voids, disputes } = last
    const isOpen =
      [...attempts, ...captures, ...refunds, ...voids].some(({ status }) => status === 'planned') ||
      disputes.some(({ status }) => status === 'open')
    return isOpen ? [archivedOf(states, history, 0)] : []
  })
  expect(open.length).toBeGreaterThan(0)
  expect(open.every((parts) => parts === undefined)).toBe(true)
})
