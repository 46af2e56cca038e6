/**
 * Timers that fell due, and what a new owner does first (rows 2b, 6, 13, 18; PAYMENTS 1.3). A timer that no longer applies,
 * or comes early, is ignored.
 */
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { FireTimer } from './commands.ts'
import type { PaymentContext } from './context.ts'
import {
  carryingAttempt,
  compensationDue,
  findOperation,
  heldMinor,
  openCaptures,
  openVoid,
  operationsOf,
  voidRetry,
} from './derive.ts'
import type { PaymentEvent } from './events.ts'
import { planCapture, planVoid } from './planning.ts'
import { callMarginMs, inquiriesMax } from './policy.ts'
import type { Operation, Payment } from './state.ts'
import { expiryTried } from './timers.ts'

export function fireTimer(state: Payment, command: FireTimer, context: PaymentContext): PaymentDecision {
  const { now } = context
  const { lifecycle } = state
  const early = ignored('the timer does not apply')
  switch (command.timer) {
    case 'confirm_deadline':
      if (lifecycle.status !== 'created' || now < lifecycle.confirmBy) return early
      return accepted({ type: 'PaymentExpired' })
    case 'action_deadline': {
      if (lifecycle.status !== 'requires_action' || now < lifecycle.actionBy) return early
      const attempt = state.attempts.find(({ id }) => id === lifecycle.attemptId)
      return attempt === undefined ? early : accepted(planVoid(state, attempt, 'action_expired', context))
    }
    case 'capture_deadline': {
      const isHeld = lifecycle.status === 'authorized' || lifecycle.status === 'partially_captured'
      if (!isHeld || now < lifecycle.captureBefore || expiryTried(state)) return early
      const attempt = carryingAttempt(state)
      if (attempt === undefined || openVoid(state) !== undefined || openCaptures(state).length > 0) return early
      // The void is the inquiry: a PSP that let the authorization go says so, one that still holds it lets go now.
      return accepted(planVoid(state, attempt, 'expiry', context))
    }
    case 'capture_retry': {
      const isDue = state.captureRetryAt !== undefined && now >= state.captureRetryAt
      if (!isDue || lifecycle.status !== 'authorized') return early
      const attempt = carryingAttempt(state)
      if (attempt === undefined || openVoid(state) !== undefined || openCaptures(state).length > 0) return early
      return accepted(planCapture(state, attempt, heldMinor(state, attempt), true, 'automatic', context))
    }
    case 'void_retry': {
      const retry = voidRetry(state)
      if (retry === undefined || now < retry.due || retry.model.id !== command.operationId) return early
      const attempt = state.attempts.find(({ id }) => id === retry.model.attemptId)
      if (attempt === undefined) return early
      const { cause, authorizationReference } = retry.model
      return accepted({
        ...planVoid(state, attempt, cause, context),
        ...(authorizationReference !== undefined && { authorizationReference }),
      })
    }
    case 'evidence_deadline': {
      const dispute = state.disputes.find(({ id }) => id === command.operationId)
      if (dispute?.evidenceBy === undefined || now < dispute.evidenceBy) return early
      return accepted({ type: 'DisputeEvidenceDue', disputeId: dispute.id })
    }
    case 'compensation': {
      const capture = state.captures.find(({ id }) => id === command.operationId)
      const due = capture && compensationDue(state, capture)
      if (capture === undefined || due === undefined || now < due) return early
      return accepted(
        { type: 'CompensationDue', operationId: capture.id },
        { type: 'ReviewOpened', reason: 'late_success' },
      )
    }
    case 'inquiry':
    case 'accepted_deadline':
    case 'manual':
    case 'call_deadline': {
      const operation = command.operationId === undefined ? undefined : findOperation(state, command.operationId)
      return operation === undefined ? early : askAbout(operation, now)
    }
  }
}

function askAbout(operation: Operation, now: number): PaymentDecision {
  const operationId = operation.id
  const early = ignored('the timer does not apply')
  const ask: PaymentEvent = { type: 'InquiryPlanned', operationId }
  switch (operation.status) {
    case 'planned':
      // Nobody reported an outcome, and none can come from a send that was not begun in time.
      if (now < operation.notAfter + callMarginMs) return early
      return accepted({ type: 'OutcomeUnknown', operationId, reason: 'deadline_passed' }, ask)
    case 'accepted':
      if (operation.acceptedUntil === undefined || now < operation.acceptedUntil) return early
      return accepted({ type: 'OutcomeUnknown', operationId, reason: 'deadline_passed' }, ask)
    case 'unknown':
    case 'inquiring':
      if (operation.doubt === undefined || now < operation.doubt.nextInquiryAt) return early
      if (operation.doubt.inquiries >= inquiriesMax) {
        return accepted({ type: 'ManualNeeded', operationId }, { type: 'ReviewOpened', reason: 'outcome_unknown' })
      }
      return accepted(ask)
    case 'manual':
      // Still unresolved: it is put before people again.
      if (operation.doubt === undefined || now < operation.doubt.nextInquiryAt) return early
      return accepted({ type: 'ManualNeeded', operationId }, { type: 'ReviewOpened', reason: 'outcome_unknown' })
    default:
      return early
  }
}

/** An operation read from the journal without outcome counts as sent: it is asked about at once. */
export function recover(state: Payment): PaymentDecision {
  const events = operationsOf(state).flatMap(({ id: operationId, status, doubt }): PaymentEvent[] => {
    const ask: PaymentEvent = { type: 'InquiryPlanned', operationId }
    if (status === 'planned') return [{ type: 'OutcomeUnknown', operationId, reason: 'recovered' }, ask]
    if (status === 'inquiring') return [ask]
    if (status === 'unknown' && (doubt?.inquiries ?? 0) < inquiriesMax) return [ask]
    return []
  })
  return events.length === 0 ? ignored('nothing is open') : accepted(...events)
}
