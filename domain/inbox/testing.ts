/** Notices for tests, and a history of one inbox that is extended command by command. */
import { operationIdOf, paymentIdOf } from '../ids.ts'
import type { Decision } from '../decision.ts'
import type { DeliverNotice, InboxCommand, InboxEvent, InboxNotice, ReceiveNotice } from './commands.ts'
import { decide } from './decide.ts'
import { applyDecision, effectsOf } from './evolve.ts'
import type { Notice } from './notice.ts'

export const connection = 'stripe-test'
export const receivedAt = Date.UTC(2026, 10, 4, 12)
export const paymentId = paymentIdOf(Buffer.alloc(32, 1), 'mer_a', 'test', 'k1')

export function noticeWith(more: Partial<Notice> = {}): Notice {
  return {
    id: 'evt_1',
    type: 'payment_intent.succeeded',
    occurredAt: receivedAt - 1_000,
    digest: 'd1'.repeat(32),
    mode: 'test',
    subject: { operationId: operationIdOf('att', paymentId, 1), references: ['pi_1'] },
    fact: {
      kind: 'outcome',
      operation: 'authorize',
      outcome: { kind: 'succeeded', pspReference: 'pi_1', amountMinor: 1_000, currency: 'EUR', captured: true },
    },
    ...more,
  }
}

export function receive(notice: Notice = noticeWith()): ReceiveNotice {
  return { type: 'ReceiveNotice', connection, mode: 'test', notice }
}

export interface History {
  readonly now: number
  readonly state: InboxNotice | undefined
  readonly rows: readonly { readonly events: readonly InboxEvent[]; readonly at: number }[]
  /** Of the last command. */
  readonly decision: Decision<InboxEvent, never> | undefined
  /** Of the last command. */
  readonly effects: readonly DeliverNotice[]
}

export const nothing: History = { now: receivedAt, state: undefined, rows: [], decision: undefined, effects: [] }

export function when(history: History, command: InboxCommand): History {
  const { now, state, rows } = history
  const decision = decide(state, command, now)
  if (decision.kind !== 'accepted') return { ...history, decision, effects: [] }
  const { events } = decision
  const next = applyDecision(state, events, { seq: (state?.seq ?? 0) + 1, at: now, epoch: 1 })
  return { now, state: next, rows: [...rows, { events, at: now }], decision, effects: effectsOf(next, events) }
}

export function given(...commands: readonly InboxCommand[]): History {
  return commands.reduce(when, nothing)
}

export function later(history: History, ms: number): History {
  return { ...history, now: history.now + ms }
}

export function eventsOf({ decision }: History): readonly InboxEvent[] {
  return decision?.kind === 'accepted' ? decision.events : []
}
