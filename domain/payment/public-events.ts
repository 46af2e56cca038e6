/**
 * What a payment's decisions look like from outside: the events that merchants are told, by query, webhook or stream.
 *
 * One decision gives none, one or several of them, derived from the state before, the events and the state after. An
 * event's id is the payment, the decision's sequence and the event's place among the decision's public events, so the
 * same journal always gives the same ids, and (sequence, index) orders them.
 *
 * Permanent: for a decision that is in the journal, types and order never change. A new type is put behind the others.
 *
 * A status that is passed through within one decision is not told: nobody could ever have read it.
 */
import type { PaymentEvent } from './events.ts'
import type { Payment, PaymentStatus, Refund } from './state.ts'

export type PublicEventType =
  | `payment.${PaymentStatus}`
  | 'payment.review'
  | 'refund.created'
  | 'refund.succeeded'
  | 'refund.failed'
  | 'refund.reversed'
  | 'dispute.opened'
  | 'dispute.updated'
  | 'dispute.won'
  | 'dispute.lost'

export interface PublicEvent {
  readonly type: PublicEventType
  /** Its place among the public events of its decision, from 0. */
  readonly index: number
  /** The refund or dispute that it is about; absent: the payment itself. */
  readonly subject?: string
}

/**
 * @param before the state that the decision was made on; undefined for the creation.
 * @param events the decision's.
 * @param after the state with the decision folded in.
 */
export function publicEventsOf(
  before: Payment | undefined,
  events: readonly PaymentEvent[],
  after: Payment,
): readonly PublicEvent[] {
  const told: Omit<PublicEvent, 'index'>[] = []
  if (before === undefined) told.push({ type: 'payment.created' })
  for (const refund of after.refunds) {
    const earlier = before?.refunds.find(({ id }) => id === refund.id)
    for (const type of refundEvents(earlier, refund)) told.push({ type, subject: refund.id })
  }
  const recorded = new Set(events.map((event) => (event.type === 'DisputeRecorded' ? event.dispute.id : undefined)))
  for (const dispute of after.disputes) {
    if (!recorded.has(dispute.id)) continue
    const earlier = before?.disputes.find(({ id }) => id === dispute.id)
    if (earlier === undefined) told.push({ type: 'dispute.opened', subject: dispute.id })
    const { status } = dispute
    if ((status === 'won' || status === 'lost') && earlier?.status !== status) {
      told.push({ type: `dispute.${status}`, subject: dispute.id })
    } else if (earlier !== undefined) {
      told.push({ type: 'dispute.updated', subject: dispute.id })
    }
  }
  const { status } = after.lifecycle
  if (status !== (before?.lifecycle.status ?? 'created')) told.push({ type: `payment.${status}` })
  if (after.review && before?.review !== true) told.push({ type: 'payment.review' })
  return told.map((event, index) => ({ ...event, index }))
}

function refundEvents(before: Refund | undefined, after: Refund): readonly PublicEventType[] {
  const types: PublicEventType[] = before === undefined ? ['refund.created'] : []
  if (after.status !== before?.status) {
    if (after.status === 'succeeded') types.push('refund.succeeded')
    else if (hasFailed(after) && (before === undefined || !hasFailed(before))) types.push('refund.failed')
  }
  if (after.reversed && before?.reversed !== true) types.push('refund.reversed')
  return types
}

function hasFailed({ status }: Refund): boolean {
  return status === 'declined' || status === 'not_sent' || status === 'absent'
}
