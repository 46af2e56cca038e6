/**
 * The wake-ups a payment wants. They are also the list of its open operations: every operation that has not ended has one,
 * those that wait for the shopper aside, whose deadline is the payment's. Firing one always changes the state, so that none
 * fires for ever; one of what waits for people fires every 30 days.
 */
import { compensationDue, isClosed, openCaptures, openVoid, operationsOf, voidRetry } from './derive.ts'
import type { PaymentTimer } from './effects.ts'
import { callMarginMs } from './policy.ts'
import type { Operation, Payment } from './state.ts'

export function timersOf(state: Payment): readonly PaymentTimer[] {
  const timers: PaymentTimer[] = []
  for (const operation of operationsOf(state)) {
    const timer = timerOfOperation(operation)
    if (timer !== undefined) timers.push(timer)
  }
  for (const { id, evidenceBy } of state.disputes) {
    if (evidenceBy !== undefined) timers.push({ kind: 'evidence_deadline', operationId: id, due: evidenceBy })
  }
  for (const capture of state.captures) {
    const due = compensationDue(state, capture)
    if (due !== undefined) timers.push({ kind: 'compensation', operationId: capture.id, due })
  }
  const retry = voidRetry(state)
  if (retry !== undefined) timers.push({ kind: 'void_retry', operationId: retry.model.id, due: retry.due })
  if (isClosed(state)) return timers
  const { lifecycle } = state
  switch (lifecycle.status) {
    case 'created':
      timers.push({ kind: 'confirm_deadline', operationId: '', due: lifecycle.confirmBy })
      break
    case 'requires_action':
      timers.push({ kind: 'action_deadline', operationId: '', due: lifecycle.actionBy })
      break
    case 'authorized':
    case 'partially_captured':
      // One whose expiry was tried waits for that or for a person; one with an open operation waits for that.
      if (!expiryTried(state) && openVoid(state) === undefined && openCaptures(state).length === 0) {
        timers.push({ kind: 'capture_deadline', operationId: '', due: lifecycle.captureBefore })
      }
      break
    default:
  }
  if (state.captureRetryAt !== undefined && lifecycle.status === 'authorized' && openVoid(state) === undefined) {
    timers.push({ kind: 'capture_retry', operationId: '', due: state.captureRetryAt })
  }
  return timers
}

/** An expiry was tried already: it is tried again as a void, or the PSP would not let go and a person looks. */
export function expiryTried(state: Payment): boolean {
  return state.voids.some(({ cause }) => cause === 'expiry')
}

function timerOfOperation(operation: Operation): PaymentTimer | undefined {
  const operationId = operation.id
  switch (operation.status) {
    case 'planned':
      return { kind: 'call_deadline', operationId, due: operation.notAfter + callMarginMs }
    case 'unknown':
    case 'inquiring':
      return operation.doubt && { kind: 'inquiry', operationId, due: operation.doubt.nextInquiryAt }
    case 'manual':
      return operation.doubt && { kind: 'manual', operationId, due: operation.doubt.nextInquiryAt }
    case 'accepted':
      return operation.acceptedUntil === undefined
        ? undefined
        : { kind: 'accepted_deadline', operationId, due: operation.acceptedUntil }
    default:
      return undefined
  }
}
