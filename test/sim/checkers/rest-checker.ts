/**
 * The judge of what is left when everything has settled: no payment is forgotten. Each open operation has a timer row that
 * will wake its payment, or a decision behind the shard's cursor from which the next owner will find it, or a person is
 * asked.
 */
import type { MemoryDatabase } from '../../../actors/memory-database.ts'
import type { JournalChecker } from './journal-checker.ts'
import type { PaymentHistories } from './payment-histories.ts'
import { claim } from './violation.ts'

const ended = ['succeeded', 'declined', 'not_sent', 'absent']

export function checkRest(histories: PaymentHistories, database: MemoryDatabase, journal: JournalChecker): void {
  for (const number of journal.shards) {
    const { timers, cursor, rows } = database.shard(number)
    const behind = new Set(rows.slice(cursor.position).map(({ entity }) => entity))
    for (const entity of new Set(rows.map((row) => row.entity))) {
      const state = histories.stateOf(entity)
      if (state === undefined || behind.has(entity)) continue
      const own = timers.get(entity) ?? []
      const operations = [...state.attempts, ...state.captures, ...state.voids, ...state.refunds]
      for (const { id, status } of operations) {
        if (ended.includes(status) || status === 'manual') continue
        const awaited = status === 'requires_action' ? own.length > 0 : own.some(({ operation }) => operation === id)
        claim(awaited, 'payment_forgotten', 'every open operation has a timer', () => ({
          shard: number,
          entity,
          id,
          status,
          timers: own,
        }))
      }
    }
  }
}
