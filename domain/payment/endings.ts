/**
 * Rows 7, 8, 10, 13, 15, 20: what an operation that ended without success does to its payment. Declined, proved not sent and
 * proved absent release the reserve alike; they differ in what may be tried next.
 */
import type { PaymentContext } from './context.ts'
import { carryingAttempt, heldMinor, isVoidOurs, openCaptures, openVoid } from './derive.ts'
import type { PaymentEvent } from './events.ts'
import type { Decline } from './operations.ts'
import { planAttempt, planVoid, remainderReleased } from './planning.ts'
import { captureRetriesMax, captureRetryPausesMs, fallbackWithinMs, voidRetryPausesMs, voidsMax } from './policy.ts'
import type { Attempt, Capture, Operation, Payment, PaymentFailure, Void } from './state.ts'
import { voidSucceeded } from './success.ts'

export type End =
  | { readonly kind: 'declined'; readonly decline: Decline; readonly pspReference?: string }
  | { readonly kind: 'not_sent'; readonly reason: string }
  | { readonly kind: 'absent' }

export function endedOtherwise(
  state: Payment,
  operation: Operation,
  end: End,
  context: PaymentContext,
): readonly PaymentEvent[] {
  const ended = endEvent(operation, end)
  switch (operation.kind) {
    case 'authorize':
      return [ended, ...attemptEnded(state, operation, end, context)]
    case 'capture':
      return [ended, ...captureEnded(state, operation, end, context)]
    case 'void':
      return voidEnded(state, operation, end, ended)
    case 'refund':
      return [ended]
  }
}

function endEvent(operation: Operation, end: End): PaymentEvent {
  const operationId = operation.id
  switch (end.kind) {
    case 'declined':
      return {
        type: 'OperationDeclined',
        operationId,
        decline: end.decline,
        ...(end.pspReference !== undefined && { pspReference: end.pspReference }),
      }
    case 'not_sent':
      return { type: 'OperationNotSent', operationId, reason: end.reason }
    case 'absent':
      return { type: 'OperationAbsent', operationId }
  }
}

/** Rows 7, 8 and 10. A cancel that came first wins: nothing is tried any more; nor when it is too late for that. */
function attemptEnded(state: Payment, attempt: Attempt, end: End, context: PaymentContext): readonly PaymentEvent[] {
  const { status } = state.lifecycle
  if (status !== 'pending' && status !== 'requires_action') return []
  if (state.cancelRequestedAt !== undefined) return [{ type: 'PaymentCanceled' }]
  const abort = openVoid(state)
  if (abort?.attemptId === attempt.id && abort.cause === 'action_expired') {
    return [{ type: 'PaymentFailed', failure: { code: 'action_expired' } }]
  }
  const mayGoElsewhere = end.kind !== 'declined' || end.decline.class === 'retry_elsewhere'
  if (mayGoElsewhere && context.now < lastWantedAt(state) + fallbackWithinMs) {
    const attempts = state.attempts.map((candidate) =>
      candidate.id === attempt.id ? { ...candidate, status: end.kind } : candidate,
    )
    const plan = planAttempt({ ...state, attempts }, context)
    if (plan !== undefined) return plan
  }
  return [{ type: 'PaymentFailed', failure: failureOf(end, declineBefore(state, attempt)) }]
}

/** When somebody last asked for the payment: whoever confirmed it, or its shopper, whose return is a request of its own. */
function lastWantedAt({ attempts }: Payment): number {
  return Math.max(
    ...attempts.filter(({ step }, index) => index === 0 || step === 'complete').map(({ plannedAt }) => plannedAt),
  )
}

/** What an issuer said at an earlier attempt. */
function declineBefore({ attempts }: Payment, attempt: Attempt): Decline | undefined {
  const declines = attempts.flatMap(({ id, decline }) => (id === attempt.id || decline === undefined ? [] : [decline]))
  return declines.findLast(({ class: kind }) => kind !== 'configuration')
}

/** Merchants are told what an issuer said, rather than that trying elsewhere came to nothing: a card's token is often one PSP's own. */
function failureOf(end: End, before: Decline | undefined): PaymentFailure {
  if (end.kind === 'declined' && end.decline.class !== 'configuration') {
    return { code: 'card_declined', decline: end.decline }
  }
  if (before !== undefined) return { code: 'card_declined', decline: before }
  return end.kind === 'declined' ? { code: 'psp_configuration', decline: end.decline } : { code: 'psp_unavailable' }
}

/** Row 13. The merchant tries its own captures again; an automatic one is retried, then the payment fails. */
function captureEnded(state: Payment, capture: Capture, end: End, context: PaymentContext): readonly PaymentEvent[] {
  const attempt = carryingAttempt(state)
  if (attempt?.id === capture.attemptId && heldMinor(state, attempt) === 0) return nothingHeld(state, capture, attempt)
  if (capture.cause !== 'automatic' || state.lifecycle.status !== 'authorized') return []
  const retries = state.captures.filter(({ cause }) => cause === 'automatic').length - 1
  const mayRetry = end.kind !== 'declined' || end.decline.class === 'soft'
  if (mayRetry && retries < captureRetriesMax) {
    return [{ type: 'CaptureRetryScheduled', pause: captureRetryPausesMs[retries] ?? 0 }]
  }
  if (attempt === undefined || openVoid(state) !== undefined) return []
  return [planVoid(state, attempt, 'capture_failed', context)]
}

/** Row 18: while the capture was on its way, the PSP let the authorization go. There is nothing to capture any more. */
function nothingHeld(state: Payment, capture: Capture, attempt: Attempt): readonly PaymentEvent[] {
  if (openCaptures(state).some(({ id }) => id !== capture.id)) return []
  if (state.lifecycle.status === 'partially_captured') return [remainderReleased(state, attempt)]
  const isTaken = state.captures.some(({ attemptId, status }) => attemptId === attempt.id && status === 'succeeded')
  // Taken by a late success: the status stays until a person has looked (row 23).
  return state.lifecycle.status === 'authorized' && !isTaken ? [{ type: 'PaymentExpired' }] : []
}

/** Row 15. A PSP that had voided it already has done what was asked; one that had captured it contradicts us. */
function voidEnded(state: Payment, operation: Void, end: End, ended: PaymentEvent): readonly PaymentEvent[] {
  const code = end.kind === 'declined' ? end.decline.code : undefined
  if (code === 'already_voided') {
    return voidSucceeded(state, operation, end.kind === 'declined' ? end.pspReference : undefined)
  }
  const attempt = state.attempts.find(({ id }) => id === operation.attemptId)
  const voids = state.voids.filter(({ attemptId }) => attemptId === operation.attemptId)
  const events: PaymentEvent[] = [ended]
  // Row 6: the abort was refused, so the attempt may have become an authorization; the PSP is asked.
  if (attempt?.status === 'requires_action') {
    if (state.cancelRequestedAt === undefined) events.push({ type: 'CancelRequested' })
    events.push({ type: 'OutcomeUnknown', operationId: attempt.id, reason: 'in_progress' })
    if (voids.length >= voidsMax) {
      events.push({ type: 'ManualNeeded', operationId: attempt.id }, { type: 'ReviewOpened', reason: 'abort_failed' })
    } else if (end.kind === 'declined') events.push({ type: 'InquiryPlanned', operationId: attempt.id })
    // A void that was never done is tried again after the inquiry's pause, if the shopper is still awaited then.
    return events
  }
  const isKnownAsCaptured = state.captures.some(
    ({ attemptId, status }) => attemptId === operation.attemptId && status === 'succeeded',
  )
  if (code === 'already_captured') {
    // The capture overtook the void, and we have heard of it.
    if (isKnownAsCaptured) return events
    events.push({ type: 'FactConflict', operationId: operation.id, fact: 'already_captured' })
    events.push({ type: 'BreakRaised', code: 'status_conflict', operationId: operation.id })
  } else if (
    voids.some((each) => isVoidOurs(state, each)) &&
    (end.kind === 'declined' || voidRetryPausesMs[voids.length - 1] === undefined)
  ) {
    // Nobody else asks for this void again, and trying it again is of no use.
    events.push({ type: 'ReviewOpened', reason: `void_${operation.cause}_failed` })
  }
  const isCarrying = carryingAttempt(state)?.id === operation.attemptId
  if (isCarrying && state.lifecycle.status === 'pending' && state.cancelRequestedAt !== undefined) {
    events.push({ type: 'CancelFailed' })
  }
  return events
}
