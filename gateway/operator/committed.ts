/** What committed rows say: folded here, so that it can be looked at also while a shard serves nobody. */
import type { PaymentEvent } from '../../domain/payment/events.ts'
import { applyDecision } from '../../domain/payment/evolve.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { RefusalError } from '../problem.ts'
import type { JournalEntry, OperatorEdge } from './deps.ts'

/** Decisions of one payment that are folded at most; no payment comes near. */
export const paymentDecisionsMax = 10_000

/** @throws {RefusalError} where a database cannot be asked. */
export async function readable<Rows>(edge: OperatorEdge, rows: Promise<Rows>): Promise<Rows> {
  try {
    return await rows
  } catch (error) {
    edge.log.warn({ component: 'operator', error }, 'the journal could not be read')
    throw new RefusalError({ code: 'service_unavailable' })
  }
}

/** @param rows of one payment, the first ones, in order. */
export function foldPayment(rows: readonly JournalEntry[]): Payment | undefined {
  return rows.reduce<Payment | undefined>(
    (state, { events, seq, at, epoch }) => applyDecision(state, events as readonly PaymentEvent[], { seq, at, epoch }),
    undefined,
  )
}
