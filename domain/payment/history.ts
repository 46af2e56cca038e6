/**
 * A payment's past as merchants may read it: its public events, newest first, a page at a time.
 *
 * Nothing private is in it beyond what a read of the payment shows: the journal's own events stay inside.
 */
import { type PublicEvent, publicEventsOf } from './public-events.ts'
import type { PaymentEvent } from './events.ts'
import type { Payment } from './state.ts'

/** A decision as the journal holds it, with the states around it. */
export interface PastDecision {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly events: readonly PaymentEvent[]
  readonly before: Payment | undefined
  readonly after: Payment
}

/** A public event with all that is needed to show it. */
export interface PublishedEvent extends PublicEvent {
  readonly id: string
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  /** The merchant's request that was accepted with the decision, where one was. */
  readonly request?: { readonly id: string; readonly idempotencyKey: string }
  readonly before: Payment | undefined
  readonly after: Payment
}

export interface PageRequest {
  readonly limit: number
  /** Id of an event: only those after it in the list, which are the older ones. */
  readonly startingAfter?: string
  /** Id of an event: only those before it in the list, the nearest ones first to be taken. */
  readonly endingBefore?: string
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** More follow in the direction that was asked for. */
  readonly hasMore: boolean
}

export function publishedEvents(decisions: readonly PastDecision[]): readonly PublishedEvent[] {
  return decisions.flatMap(({ seq, at, events, before, after }) => {
    const request = requestOf(events)
    return publicEventsOf(before, events, after).map((event) => ({
      ...event,
      id: publicEventIdOf(after.id, seq, event.index),
      seq,
      at,
      ...(request !== undefined && { request }),
      before,
      after,
    }))
  })
}

/**
 * A page of things that have ids, newest first.
 * @returns undefined where a cursor names none of them.
 */
export function pageOf<Item extends { readonly id: string }>(
  newestFirst: readonly Item[],
  { limit, startingAfter, endingBefore }: PageRequest,
): Page<Item> | undefined {
  const after = startingAfter === undefined ? -1 : newestFirst.findIndex(({ id }) => id === startingAfter)
  const before =
    endingBefore === undefined ? newestFirst.length : newestFirst.findIndex(({ id }) => id === endingBefore)
  if ((startingAfter !== undefined && after < 0) || before < 0) return undefined
  const between = newestFirst.slice(after + 1, Math.max(after + 1, before))
  const isBackward = endingBefore !== undefined && startingAfter === undefined
  return {
    items: isBackward ? between.slice(-limit) : between.slice(0, limit),
    hasMore: between.length > limit,
  }
}

/** `evt_<payment>_<sequence>_<index>`. Permanent. */
export function publicEventIdOf(paymentId: string, seq: number, index: number): string {
  return `evt_${paymentId.slice(4)}_${seq}_${index}`
}

function requestOf(events: readonly PaymentEvent[]): { id: string; idempotencyKey: string } | undefined {
  for (const event of events) {
    if (event.type === 'PaymentCreated' || event.type === 'RequestAccepted') {
      return { id: event.request.requestId, idempotencyKey: event.request.key }
    }
  }
  return undefined
}
