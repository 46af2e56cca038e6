/**
 * The steps that folding is made of: moving the lifecycle, adding and changing operations, giving authorizations back. Total and
 * pure like the fold that uses them (evolve.ts).
 */
import { assert } from '../../runtime/assert.ts'
import type { RowMeta } from '../decision.ts'
import { findOperation, heldMinor, inquiriesWith, isClosed } from './derive.ts'
import type { CallTerms, PaymentEvent } from './events.ts'
import type { NextAction, OperationStatus } from './operations.ts'
import { inquiryPauseMs, seenFactsMax } from './policy.ts'
import type { Attempt, Capture, Doubt, Lifecycle, Operation, OperationCause, Payment } from './state.ts'

/** A closed status is never left. */
export function moved(state: Payment, lifecycle: Lifecycle): Payment {
  return isClosed(state) ? state : { ...state, lifecycle }
}

export function requiresAction(attemptId: string, action: NextAction, actionBy: number): Lifecycle {
  return { status: 'requires_action', attemptId, action, actionBy }
}

export function planned(
  kind: Operation['kind'],
  event: { readonly operationId: string; readonly terms: CallTerms; readonly cause?: OperationCause },
  meta: RowMeta,
): Omit<Capture, 'kind' | 'amountMinor' | 'attemptId' | 'final' | 'reversedMinor'> {
  const { terms } = event
  return {
    id: event.operationId,
    status: 'planned',
    cause: event.cause ?? (kind === 'authorize' ? 'merchant' : 'automatic'),
    connection: terms.connection,
    psp: terms.psp,
    requestVersion: terms.requestVersion,
    plannedAt: meta.at,
    plannedEpoch: meta.epoch,
    notAfter: meta.at + terms.sendWithin,
    repeatUntil: meta.at + terms.repeatWithin,
    quietUntil: meta.at + terms.quiet,
    acceptedWithinMs: terms.acceptWithin,
    ...(terms.askWithin !== undefined && { inquiryPauseMsMax: terms.askWithin }),
  }
}

export function plannedAttempt(
  state: Payment,
  event: Extract<PaymentEvent, { type: 'AttemptPlanned' }>,
  meta: RowMeta,
): Attempt {
  return {
    ...planned('authorize', event, meta),
    kind: 'authorize',
    amountMinor: state.amountMinor,
    captureMethod: state.captureMethod,
    nonce: event.nonce,
    ...(event.returnUrl !== undefined && { returnUrl: event.returnUrl }),
    authorizedMinor: 0,
    step: 'authorize',
    releasedMinor: 0,
    unwanted: false,
  }
}

export function withAttempt(state: Payment, attempt: Attempt): Payment {
  return { ...state, attempts: [...state.attempts, attempt] }
}

interface OperationChange {
  readonly repeatedUntil?: number
  readonly status?: OperationStatus
  readonly amountMinor?: number
  readonly pspReference?: string
  readonly endedAt?: number
  readonly decline?: Operation['decline']
  readonly doubt?: Doubt | undefined
  readonly acceptedUntil?: number | undefined
}

export function ended(status: OperationStatus, meta: RowMeta): OperationChange {
  return { status, endedAt: meta.at, doubt: undefined, acceptedUntil: undefined }
}

/**
 * A member set to undefined is left out, so that a state holds no undefined and folds to the same bytes everywhere. It is
 * left out, not deleted: an object that lost a member becomes a hash table in V8, 1.4 kB larger and slower to read.
 */
export function changed<O extends object>(operation: O, change: object): O {
  const next = { ...operation } as Record<string, unknown>
  let loses = false
  for (const key of Object.keys(change)) {
    const value = (change as Readonly<Record<string, unknown>>)[key]
    if (value !== undefined) next[key] = value
    else if (key in next) loses = true
  }
  return (loses ? without(next, change as Readonly<Record<string, unknown>>) : next) as O
}

function without(members: Readonly<Record<string, unknown>>, change: Readonly<Record<string, unknown>>): object {
  const kept: Record<string, unknown> = {}
  for (const key of Object.keys(members)) {
    if (!(key in change) || change[key] !== undefined) kept[key] = members[key]
  }
  return kept
}

export function changeOperation(
  state: Payment,
  id: string,
  change: { [K in keyof OperationChange]?: OperationChange[K] | undefined },
): Payment {
  const { kind } = operationOf(state, id)
  const apply = <O extends Operation>(operations: readonly O[]): readonly O[] =>
    operations.map((operation) => (operation.id === id ? changed(operation, change) : operation))
  switch (kind) {
    case 'authorize':
      return { ...state, attempts: apply(state.attempts) }
    case 'capture':
      return { ...state, captures: apply(state.captures) }
    case 'void':
      return { ...state, voids: apply(state.voids) }
    case 'refund':
      return { ...state, refunds: apply(state.refunds) }
  }
}

export function changeAttempt(
  state: Payment,
  id: string,
  change: (attempt: Attempt) => { [K in keyof Attempt]?: Attempt[K] | undefined },
): Payment {
  return {
    ...state,
    attempts: state.attempts.map((attempt) => (attempt.id === id ? changed(attempt, change(attempt)) : attempt)),
  }
}

export function mapCaptures(state: Payment, id: string, change: (capture: Capture) => Capture): Payment {
  return { ...state, captures: state.captures.map((capture) => (capture.id === id ? change(capture) : capture)) }
}

export function operationOf(state: Payment, id: string): Operation {
  const operation = findOperation(state, id)
  assert(operation !== undefined, 'an event names an operation of its payment', { id })
  return operation
}

export function doubtOf(state: Payment, id: string): Doubt {
  const { doubt } = operationOf(state, id)
  assert(doubt !== undefined, 'an inquiry is about a doubt', { id })
  return doubt
}

export function doubted(
  operation: Operation,
  event: Extract<PaymentEvent, { type: 'OutcomeUnknown' }>,
  meta: RowMeta,
): Doubt {
  const before = operation.doubt
  const inquiries = inquiriesWith(operation, event.reason)
  return {
    since: before?.since ?? meta.at,
    reason: event.reason,
    inquiries,
    nextInquiryAt: meta.at + inquiryPauseMs(inquiries, operation.inquiryPauseMsMax),
    repeatIsUseless: (before?.repeatIsUseless ?? false) || event.repeatIsUseless === true,
    ...((before?.overdue === true || operation.status === 'accepted') && { overdue: true as const }),
    ...(before?.proposal !== undefined && { proposal: before.proposal }),
  }
}

export function authorizedAttempt(
  state: Payment,
  id: string,
  event: { readonly pspReference: string; readonly amountMinor: number; readonly captureBefore?: number },
  unwanted: boolean,
  meta: RowMeta,
): Payment {
  return changeAttempt(state, id, () => ({
    status: 'succeeded',
    endedAt: meta.at,
    pspReference: event.pspReference,
    authorizedMinor: event.amountMinor,
    ...(event.captureBefore !== undefined && { captureBefore: event.captureBefore }),
    unwanted,
    decline: undefined,
    doubt: undefined,
    acceptedUntil: undefined,
    action: undefined,
    actionBy: undefined,
  }))
}

/** Rows 12 and 27: what a capture that succeeded does to the status. */
export function captured(state: Payment, id: string): Payment {
  const capture = state.captures.find((candidate) => candidate.id === id)
  const { lifecycle } = state
  if (capture === undefined) return state
  const attempt = state.attempts.find((candidate) => candidate.id === capture.attemptId)
  if (attempt === undefined || attempt.unwanted) return state
  // Pending: the PSP had captured before a requested cancel could reach it (row 17).
  const open =
    lifecycle.status === 'authorized' || lifecycle.status === 'partially_captured' || lifecycle.status === 'pending'
  if (!open) return state
  if (capture.final || heldMinor(state, attempt) === 0)
    return moved(state, { status: 'captured', attemptId: attempt.id })
  return moved(state, {
    status: 'partially_captured',
    attemptId: attempt.id,
    captureBefore: attempt.captureBefore ?? capture.plannedAt,
  })
}

export function released(state: Payment, attemptId: string, amountMinor: number): Payment {
  return changeAttempt(state, attemptId, (attempt) => ({ releasedMinor: attempt.releasedMinor + amountMinor }))
}

/** A void that succeeded gives back what its authorization held; an attempt that was never authorized is none any more. */
export function voided(state: Payment, id: string, meta: RowMeta): Payment {
  const operation = state.voids.find((candidate) => candidate.id === id)
  const attempt = state.attempts.find((candidate) => candidate.id === operation?.attemptId)
  if (attempt === undefined) return state
  if (attempt.status === 'succeeded') return released(state, attempt.id, heldMinor(state, attempt))
  return changeAttempt(state, attempt.id, () => ({
    status: 'absent',
    endedAt: meta.at,
    doubt: undefined,
    acceptedUntil: undefined,
    action: undefined,
    actionBy: undefined,
  }))
}

/** Row 27: a void or an expiry in the PSP's own pages ends the authorization; captures and refunds follow as operations. */
export function external(state: Payment, event: Extract<PaymentEvent, { type: 'ExternalOperationRecorded' }>): Payment {
  if (event.kind !== 'void' && event.kind !== 'authorization_expired') return state
  const attempt = state.attempts.find(({ id }) => id === event.attemptId)
  return attempt === undefined ? state : released(state, attempt.id, heldMinor(state, attempt))
}

export function seen(state: Payment, factId: string): Payment {
  return { ...state, seenFacts: [...state.seenFacts, factId].slice(-seenFactsMax) }
}
