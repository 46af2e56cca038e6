/** When a payment's decisions may leave the database, and what must still be answered without them. */
import { hasEnded, operationsOf } from './derive.ts'
import { day, replayWithinMs } from './policy.ts'
import type { Payment, PaymentStatus } from './state.ts'
import { timersOf } from './timers.ts'

const finalStatuses: ReadonlySet<PaymentStatus> = new Set(['captured', 'canceled', 'expired', 'failed'])

/** Clocks of whoever archives and of the node that judges a key's age may differ by less. */
const clockMarginMs = day

/**
 * Whether nothing of it is open: no operation, timer, request or dispute, and no person should look at it. What may still
 * come is a fact that nobody waits for, or a merchant's new request.
 */
export function isArchivable(state: Payment): boolean {
  return (
    finalStatuses.has(state.lifecycle.status) &&
    !state.review &&
    timersOf(state).length === 0 &&
    operationsOf(state).every(hasEnded) &&
    state.disputes.every(({ status }) => status === 'won' || status === 'lost') &&
    state.requests.every(({ concludedSeq }) => concludedSeq !== undefined)
  )
}

/** Sequences, but for the last, whose states answer requests that may still be repeated at `now` (unix ms). */
export function answeredSequences(state: Payment, now: number): readonly number[] {
  const sequences = state.requests
    .filter(({ acceptedAt }) => now - acceptedAt <= replayWithinMs + clockMarginMs)
    .flatMap(({ concludedSeq }) => concludedSeq ?? [])
  return [...new Set(sequences)].filter((seq) => seq !== state.seq).sort((a, b) => a - b)
}
