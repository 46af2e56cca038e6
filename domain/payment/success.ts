/** Rows 3, 10, 12, 15-18, 20: what an operation that succeeded does to its payment. */
import type { PaymentContext } from './context.ts'
import { amounts, disputedMinor, hasEnded, heldMinor } from './derive.ts'
import type { PaymentEvent } from './events.ts'
import type { OperationOutcome } from './operations.ts'
import { planCapture, planRefund, planVoid, remainderReleased } from './planning.ts'
import type { Attempt, Capture, Operation, Payment, Refund, Void } from './state.ts'

type Success = Extract<OperationOutcome, { kind: 'succeeded' }>

/** Whoever calls it has seen that the success is about what was asked: {@link echoes}. */
export function succeeded(
  state: Payment,
  operation: Operation,
  success: Success,
  context: PaymentContext,
): readonly PaymentEvent[] {
  switch (operation.kind) {
    case 'authorize':
      return authorized(state, operation, success, context)
    case 'capture':
      return captureSucceeded(state, operation, success)
    case 'void':
      return voidSucceeded(state, operation, success.pspReference)
    case 'refund':
      return refundSucceeded(operation, success)
  }
}

/** Currency and operation id must be ours; amounts too, but an authorization may be smaller, and a void names none of its own. */
export function echoes(state: Payment, operation: Operation, success: Success): boolean {
  if (success.currency.toUpperCase() !== state.currency) return false
  if (success.echoedOperationId !== undefined && success.echoedOperationId !== operation.id) return false
  switch (operation.kind) {
    case 'authorize':
      return success.amountMinor > 0 && success.amountMinor <= operation.amountMinor
    case 'capture':
    case 'refund':
      return success.amountMinor === operation.amountMinor
    case 'void':
      return true
  }
}

/** Row 3, and 17 where a cancel had come first. */
function authorized(
  state: Payment,
  attempt: Attempt,
  success: Success,
  context: PaymentContext,
): readonly PaymentEvent[] {
  const operationId = attempt.id
  const { pspReference, amountMinor } = success
  if (amountMinor < attempt.amountMinor) {
    const events: PaymentEvent[] = [
      { type: 'PartiallyAuthorized', operationId, pspReference, amountMinor },
      // Taken already: giving it back needs approval.
      success.captured === true
        ? { type: 'ReviewOpened', reason: 'partial_authorization' }
        : planVoid(state, attempt, 'compensation', context),
    ]
    if (success.captured === true) events.push(...capturedAtOnce(state, attempt, success, context))
    events.push(
      state.cancelRequestedAt === undefined
        ? { type: 'PaymentFailed', failure: { code: 'partial_authorization' } }
        : { type: 'PaymentCanceled' },
    )
    return events
  }
  const captureBefore =
    success.captureBefore ??
    context.now + (context.connections.get(attempt.connection)?.authorizationValidityMs ?? 7 * 86_400_000)
  const events: PaymentEvent[] = [{ type: 'Authorized', operationId, pspReference, amountMinor, captureBefore }]
  if (success.captured === true) {
    events.push(...capturedAtOnce(state, attempt, success, context))
    // The money was taken before the cancel could reach the PSP: it goes back whole, without approval, but for what a
    // dispute (whose fact came first) has taken back already.
    const backMinor = amountMinor - disputedMinor(state, attempt)
    if (state.cancelRequestedAt !== undefined && backMinor > 0) {
      events.push(planRefund(state, attempt, backMinor, 'cancel', context))
    }
    return events
  }
  const isAborting = state.voids.some(({ attemptId, status }) => attemptId === attempt.id && !hasEnded({ status }))
  if (isAborting) return events
  if (state.cancelRequestedAt !== undefined) events.push(planVoid(state, attempt, 'cancel', context))
  else if (attempt.captureMethod === 'automatic') {
    events.push(planCapture(state, attempt, amountMinor, true, 'automatic', context))
  }
  return events
}

/** The PSP captured in the step that authorized: planned and succeeded in one decision. */
export function capturedAtOnce(
  state: Payment,
  attempt: Attempt,
  success: Success,
  context: PaymentContext,
): readonly PaymentEvent[] {
  const plan = planCapture(state, attempt, success.amountMinor, true, 'automatic', context)
  return [plan, { type: 'CaptureSucceeded', operationId: plan.operationId, pspReference: success.pspReference }]
}

/** Row 12. */
function captureSucceeded(state: Payment, capture: Capture, success: Success): readonly PaymentEvent[] {
  const events: PaymentEvent[] = [
    { type: 'CaptureSucceeded', operationId: capture.id, pspReference: success.pspReference },
  ]
  const attempt = state.attempts.find(({ id }) => id === capture.attemptId)
  if (attempt === undefined) return events
  const restMinor = heldMinor(state, attempt) - capture.amountMinor
  if (capture.final && restMinor > 0) events.push(remainderReleased(state, attempt, restMinor))
  const { status } = state.lifecycle
  if (status === 'canceled' || status === 'expired' || status === 'failed') {
    events.push({ type: 'BreakRaised', code: 'status_conflict', operationId: capture.id })
    events.push({ type: 'ReviewOpened', reason: 'captured_after_close' })
  }
  return events
}

/** Rows 6, 15 to 18: the authorization is gone; what the payment becomes depends on why it was voided. */
export function voidSucceeded(state: Payment, operation: Void, pspReference?: string): readonly PaymentEvent[] {
  const done: PaymentEvent = {
    type: 'VoidSucceeded',
    operationId: operation.id,
    ...(pspReference !== undefined && { pspReference }),
  }
  const attempt = state.attempts.find(({ id }) => id === operation.attemptId)
  if (attempt === undefined || attempt.unwanted || operation.cause === 'compensation') return [done]
  switch (state.lifecycle.status) {
    case 'partially_captured':
      return [remainderReleased(state, attempt), done]
    case 'authorized':
    case 'pending':
    case 'requires_action':
      return [done, ending(operation)]
    default:
      return [done]
  }
}

function ending(operation: Void): PaymentEvent {
  switch (operation.cause) {
    case 'expiry':
      return { type: 'PaymentExpired' }
    case 'capture_failed':
    case 'action_expired':
      return {
        type: 'PaymentFailed',
        failure: { code: operation.cause === 'capture_failed' ? 'capture_failed' : 'action_expired' },
      }
    default:
      return { type: 'PaymentCanceled' }
  }
}

function refundSucceeded(refund: Refund, success: Success): readonly PaymentEvent[] {
  return [{ type: 'RefundSucceeded', operationId: refund.id, pspReference: success.pspReference }]
}

/** Facts, not our plans, may exceed what was captured: that is a break, never a refusal. */
export function overRefunded(state: Payment, moreMinor: number, operationId?: string): readonly PaymentEvent[] {
  const { captured, refunded, disputed } = amounts(state)
  if (refunded + disputed + moreMinor <= captured) return []
  return [
    { type: 'BreakRaised', code: 'over_refunded', ...(operationId !== undefined && { operationId }) },
    { type: 'ReviewOpened', reason: 'over_refunded' },
  ]
}
