/** A public event as merchants see it: what it is about as it was right after it, and what it changed. Pure. */
import type { PublishedEvent } from '../domain/payment/history.ts'
import type { Payment } from '../domain/payment/state.ts'
import { assert } from '../runtime/assert.ts'
import type { EventObject, EventView } from './event-schema.ts'
import { noExpansion } from './expand.ts'
import { isLive, renderDispute, renderPayment, renderRefundInPayment, seconds, timestamp } from './render.ts'

export function renderEvent(event: PublishedEvent): EventView {
  const { after, before, at, request } = event
  const object = subjectOf(event, after)
  assert(object !== undefined, 'an event is about something that is there', { event: event.id })
  const previous = before === undefined ? undefined : subjectOf(event, before)
  return {
    id: event.id,
    object: 'event',
    type: event.type,
    api_version: '2026-11-01',
    created: seconds(at),
    created_at: timestamp(at),
    livemode: isLive(after.mode),
    request: request === undefined ? null : { id: request.id, idempotency_key: request.idempotencyKey },
    payment: after.id,
    sequence: event.seq,
    data: { object, previous_attributes: previous === undefined ? {} : changedFrom(previous, object) },
  }
}

function subjectOf({ subject }: PublishedEvent, state: Payment): EventObject | undefined {
  if (subject === undefined) return renderPayment(state, noExpansion)
  const refund = state.refunds.find(({ id }) => id === subject)
  if (refund !== undefined) return renderRefundInPayment(state, refund)
  const dispute = state.disputes.find(({ id }) => id === subject)
  return dispute === undefined ? undefined : renderDispute(state, dispute)
}

/** Members whose value is another now, with what they were. Values are JSON, written with their members in one order. */
function changedFrom(previous: EventObject, object: EventObject): Record<string, unknown> {
  const now = object as unknown as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(previous).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name])),
  )
}
