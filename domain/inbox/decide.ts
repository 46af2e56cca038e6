/**
 * The inbox's rules: what follows from a notice that came, and from what came of handing it over. Pure.
 *
 * Guarantees: the first notice under an identity is kept as it came and never changed; one that concerns a payment is
 * `received` until a payment has taken it, says that it is none of its own, or is known not to exist, and as long as it is
 * `received` a timer stands for it. Handing it over twice is possible and harmless: the payment knows its facts.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision, RequestRecord } from '../decision.ts'
import type { DeliverAgain, Delivery, InboxCommand, InboxEvent, InboxNotice, ReceiveNotice } from './commands.ts'
import { deliveryPatienceMs, lookAgainMs, pauseMs, searchPauseMs } from './schedule.ts'

/** Nothing that an inbox is told is refused. */
export type InboxDecision = Decision<InboxEvent, never>

/** Other bodies under one identity that are remembered; more are answered like them. */
export const alterationsMax = 8

export function decide(state: InboxNotice | undefined, command: InboxCommand, now: number): InboxDecision {
  switch (command.type) {
    case 'ReceiveNotice':
      return state === undefined ? receive(command) : receiveAgain(state, command)
    case 'RecordDelivery':
      return state === undefined ? ignored('no notice came') : record(state, command.delivery)
    case 'DeliverAgain':
      return state === undefined ? ignored('no notice came') : deliverAgain(state, command, now)
    case 'ReadNotice':
      return ignored('a query')
    default:
      return unreachable(command)
  }
}

/** A notice of the other environment is nothing to act on, whatever it tells. */
function receive({ connection, mode, notice }: ReceiveNotice): InboxDecision {
  const received: InboxEvent = { type: 'NoticeReceived', connection, mode, notice }
  if (notice.mode !== mode) return accepted(received, { type: 'NoticeOrphaned', reason: 'other_environment' })
  const { kind } = notice.fact
  return kind === 'none' || kind === 'report' ? accepted(received, { type: 'NoticeKept' }) : accepted(received, begun)
}

const begun: InboxEvent = { type: 'NoticeDeliveryBegun', patienceMs: deliveryPatienceMs }

function receiveAgain(state: InboxNotice, { connection, notice }: ReceiveNotice): InboxDecision {
  assert(state.connection === connection && state.notice.id === notice.id, 'a notice reaches its own inbox', {
    connection,
  })
  const { digest } = notice
  if (isKnown(state, digest) || state.alterations.length >= alterationsMax) {
    return { kind: 'replayed', request: requestOf(state, digest) }
  }
  return accepted({ type: 'NoticeAltered', digest })
}

/** Whether a body of this digest came before. */
export function isKnown({ notice, alterations }: InboxNotice, digest: string): boolean {
  return notice.digest === digest || alterations.includes(digest)
}

/** A notice as a request that its digest stands for: whoever sent it waits until it is durable, and for nothing else. */
export function requestOf(state: InboxNotice, digest: string): RequestRecord {
  return {
    idempotencyKey: digest,
    fingerprint: digest,
    operation: 'create',
    requestId: '',
    apiVersion: '',
    acceptedAt: state.receivedAt,
    concludedSeq: state.seq,
  }
}

function record(state: InboxNotice, delivery: Delivery): InboxDecision {
  const { standing, searches } = state
  if (delivery.kind === 'delivered') return delivered(state, delivery.payment)
  if (standing.status !== 'received') return ignored('nobody waits for it')
  switch (delivery.kind) {
    case 'not_found': {
      if (!delivery.complete) return postponed('payment_not_found_yet', searchPauseMs(standing.tries))
      const pause = lookAgainMs(searches)
      const reason = 'payment_unknown'
      return accepted({ type: 'NoticeOrphaned', reason, ...(pause !== undefined && { lookAgainMs: pause }) })
    }
    case 'refused':
      return accepted({ type: 'NoticeOrphaned', reason: 'refused' })
    case 'unavailable':
      return postponed(delivery.reason, pauseMs(standing.tries))
    default:
      return unreachable(delivery)
  }
}

/** Of two that handed it over the slower may have been the luckier. */
function delivered({ standing }: InboxNotice, payment: string): InboxDecision {
  switch (standing.status) {
    case 'received':
    case 'orphaned':
      return accepted({ type: 'NoticeDelivered', payment })
    case 'delivered':
    case 'kept':
      return ignored('nobody waits for it')
    default:
      return unreachable(standing)
  }
}

function postponed(reason: string, ms: number): InboxDecision {
  return accepted({ type: 'NoticePostponed', reason, pauseMs: ms })
}

function deliverAgain({ standing }: InboxNotice, { atOnce }: DeliverAgain, now: number): InboxDecision {
  switch (standing.status) {
    case 'received':
      return atOnce || now >= standing.deliverAt ? accepted(begun) : ignored('it is not due')
    case 'orphaned':
      return standing.lookAgainAt !== undefined && now >= standing.lookAgainAt
        ? accepted(begun)
        : ignored('it is not due')
    case 'delivered':
    case 'kept':
      return ignored('nothing is to be handed over')
    default:
      return unreachable(standing)
  }
}

function accepted(...events: readonly InboxEvent[]): InboxDecision {
  return { kind: 'accepted', events }
}

function ignored(reason: string): InboxDecision {
  return { kind: 'ignored', reason }
}
