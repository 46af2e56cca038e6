/** A notice's state as the fold of its journal rows, and what follows from it: timers and effects. Never refuses. */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { RowMeta } from '../decision.ts'
import type { DeliverNotice, InboxEvent, InboxNotice, InboxTimer } from './commands.ts'

export function applyDecision(
  state: InboxNotice | undefined,
  events: readonly InboxEvent[],
  meta: RowMeta,
): InboxNotice {
  assert(meta.seq === (state?.seq ?? 0) + 1, 'decisions are applied in order, each once', { seq: meta.seq })
  const next = events.reduce<InboxNotice | undefined>((before, event) => evolve(before, event, meta.at), state)
  assert(next !== undefined, 'a decision leaves a notice')
  return { ...next, seq: meta.seq, updatedAt: meta.at }
}

function evolve(state: InboxNotice | undefined, event: InboxEvent, at: number): InboxNotice {
  if (event.type === 'NoticeReceived') {
    assert(state === undefined, 'a notice is received once')
    const { connection, mode, notice } = event
    return {
      ...{ connection, mode, notice },
      receivedAt: at,
      standing: { status: 'received', deliverAt: at, tries: 0 },
      searches: 0,
      alterations: [],
      seq: 0,
      updatedAt: at,
    }
  }
  assert(state !== undefined, 'the first event of an inbox receives its notice', { type: event.type })
  const tries = state.standing.status === 'received' ? state.standing.tries : 0
  switch (event.type) {
    case 'NoticeDeliveryBegun':
      return { ...state, standing: { status: 'received', deliverAt: at + event.patienceMs, tries } }
    case 'NoticePostponed':
      return { ...state, standing: { status: 'received', deliverAt: at + event.pauseMs, tries: tries + 1 } }
    case 'NoticeDelivered':
      return { ...state, standing: { status: 'delivered', payment: event.payment } }
    case 'NoticeOrphaned': {
      const { reason, lookAgainMs } = event
      return {
        ...state,
        standing: {
          status: 'orphaned',
          reason,
          ...(lookAgainMs !== undefined && { lookAgainAt: at + lookAgainMs }),
        },
        searches: state.searches + (reason === 'payment_unknown' ? 1 : 0),
      }
    }
    case 'NoticeKept':
      return { ...state, standing: { status: 'kept' } }
    case 'NoticeAltered':
      return { ...state, alterations: [...state.alterations, event.digest] }
    default:
      return unreachable(event)
  }
}

export function timersOf({ standing }: InboxNotice): readonly InboxTimer[] {
  switch (standing.status) {
    case 'received':
      return [{ kind: 'deliver', due: standing.deliverAt }]
    case 'orphaned':
      return standing.lookAgainAt === undefined ? [] : [{ kind: 'look_again', due: standing.lookAgainAt }]
    case 'delivered':
    case 'kept':
      return []
    default:
      return unreachable(standing)
  }
}

export function effectsOf(state: InboxNotice, events: readonly InboxEvent[]): readonly DeliverNotice[] {
  if (!events.some(({ type }) => type === 'NoticeDeliveryBegun')) return []
  const { connection, receivedAt, notice } = state
  return [{ kind: 'deliver', connection, receivedAt, notice }]
}
