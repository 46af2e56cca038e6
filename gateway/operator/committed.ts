/** What committed rows say: folded here, so that it can be looked at also while a shard serves nobody. */
import type { PaymentEvent } from '../../domain/payment/events.ts'
import { applyDecision } from '../../domain/payment/evolve.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { RefusalError } from '../problem.ts'
import type { ArchivedPayment, EntityKey, JournalEntry, OperatorEdge } from './deps.ts'

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

/**
 * @param rows of one payment, the first ones that are in the journal, in order.
 * @param archived where its decisions before them are in a file.
 */
export function foldPayment(rows: readonly JournalEntry[], archived?: ArchivedPayment): Payment | undefined {
  return rows.reduce<Payment | undefined>(
    (state, { events, seq, at, epoch }) =>
      seq <= (archived?.seq ?? 0) ? state : applyDecision(state, events as readonly PaymentEvent[], { seq, at, epoch }),
    archived?.state,
  )
}

/** One payment as committed; undefined where there is none. @throws {RefusalError} where a database cannot be asked. */
export async function committedPayment(
  edge: OperatorEdge,
  key: EntityKey,
): Promise<
  | {
      readonly payment: Payment
      readonly rows: readonly JournalEntry[]
      readonly archived: ArchivedPayment | undefined
    }
  | undefined
> {
  const rows = await readable(edge, edge.journal.entity(key, 0, paymentDecisionsMax))
  const [archived] = await readable(edge, edge.journal.archived([key]))
  const payment = foldPayment(rows, archived)
  return payment && { payment, rows, archived }
}
