/**
 * Inboxes as the host knows them: one entity keeps one notice of a PSP, by the pure rules of domain/inbox. A notice holds no
 * personal data, so nothing of it is private.
 */
import {
  type DeliverNotice,
  type InboxAnswer,
  type InboxCommand,
  type InboxEvent,
  inboxKindName,
  type InboxNotice,
  type InboxTimerKind,
} from '../domain/inbox/commands.ts'
import { decide, isKnown, requestOf } from '../domain/inbox/decide.ts'
import { applyDecision, effectsOf, timersOf } from '../domain/inbox/evolve.ts'
import { type EntityKind, snakeCase } from './entity-kind.ts'

export const inboxKind: EntityKind<InboxNotice, InboxCommand, InboxEvent, never, DeliverNotice, InboxAnswer> = {
  name: inboxKindName,
  // orphans that are looked at again some day need not be in memory until then
  openTimerKinds: ['deliver'] satisfies InboxTimerKind[],
  commandType: (command) => snakeCase(command.type),
  decide: (state, command, { now }) => decide(state, command, now),
  apply: applyDecision,
  transfers: () => [],
  effects: effectsOf,
  timers: (state) => timersOf(state).map((timer) => ({ ...timer, operationId: '' })),
  timerCommand: () => ({ type: 'DeliverAgain', atOnce: false }),
  projection({ connection, notice, receivedAt, standing }) {
    const { id, type, subject } = notice
    const { operationId } = subject
    return {
      notice: { connection, id, type, receivedAt, standing, ...(operationId !== undefined && { operationId }) },
    }
  },
  recovery: ({ standing }, newOwner) =>
    newOwner && standing.status === 'received' ? { type: 'DeliverAgain', atOnce: true } : undefined,
  sequence: (state) => state.seq,
  updatedAt: (state) => state.updatedAt,
  isClosed: ({ standing }) => standing.status !== 'received',
  read: (state, command) => (command.type === 'ReadNotice' ? { kind: 'notice', state } : undefined),
  requestKey: (command) => (command.type === 'ReceiveNotice' ? command.notice.digest : undefined),
  request: (state, digest) => (isKnown(state, digest) ? requestOf(state, digest) : undefined),
  answer(state, request, replayed) {
    if (state === undefined || request === undefined) return { kind: 'notice', state }
    return { kind: 'stored', repeated: replayed, altered: request.fingerprint !== state.notice.digest }
  },
  reject: (rejection) => rejection,
  inUse: () => {
    throw new Error('whoever sends a notice again is answered like the first')
  },
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as InboxNotice,
}
