/** Events that plan operations: attempts along the merchant's routes, captures, voids, refunds. */
import { assert } from '../../runtime/assert.ts'
import { operationIdOf } from '../ids.ts'
import type { PaymentContext } from './context.ts'
import { heldMinor } from './derive.ts'
import type { CallTerms, PaymentEvent } from './events.ts'
import type { RefundReason } from './operations.ts'
import { termsOf } from './plan.ts'
import { attemptsMax } from './policy.ts'
import { chooseRoute, type Routed } from './routing.ts'
import type { Attempt, OperationCause, Payment } from './state.ts'

/**
 * The next attempt along the merchant's routes (routing.ts).
 * @returns undefined where no rule is left or the budget of attempts is spent.
 */
export function planAttempt(payment: Routed, context: PaymentContext): readonly PaymentEvent[] | undefined {
  if (payment.attempts.length >= attemptsMax) return undefined
  const chosen = chooseRoute(payment, context)
  if (chosen === undefined) return undefined
  const operationId = operationIdOf('att', payment.id, payment.attempts.length + 1)
  return [
    { type: 'RouteChosen', connection: chosen.profile.connection, rule: chosen.rule },
    {
      type: 'AttemptPlanned',
      operationId,
      nonce: context.nonce,
      ...(payment.returnUrl !== undefined && {
        returnUrl: `${context.returnUrlBase}/${operationId}/${context.nonce}`,
      }),
      terms: termsOf(chosen.profile),
    },
  ]
}

export function planCapture(
  state: Payment,
  attempt: Attempt,
  amountMinor: number,
  final: boolean,
  cause: OperationCause,
  context: PaymentContext,
): Extract<PaymentEvent, { type: 'CapturePlanned' }> {
  assert(amountMinor > 0, 'a capture takes something')
  return {
    type: 'CapturePlanned',
    operationId: operationIdOf('cap', state.id, state.captures.length + 1),
    attemptId: attempt.id,
    amountMinor,
    final,
    cause,
    terms: termsFor(attempt, context),
  }
}

export function planVoid(
  state: Payment,
  attempt: Attempt,
  cause: OperationCause,
  context: PaymentContext,
): Extract<PaymentEvent, { type: 'VoidPlanned' }> {
  return {
    type: 'VoidPlanned',
    operationId: operationIdOf('void', state.id, state.voids.length + 1),
    attemptId: attempt.id,
    cause,
    terms: termsFor(attempt, context),
  }
}

export function planRefund(
  state: Payment,
  attempt: Attempt,
  amountMinor: number,
  cause: OperationCause,
  context: PaymentContext,
  reason?: RefundReason,
): Extract<PaymentEvent, { type: 'RefundPlanned' }> {
  assert(amountMinor > 0, 'a refund gives something back')
  return {
    type: 'RefundPlanned',
    operationId: operationIdOf('re', state.id, state.refunds.length + 1),
    attemptId: attempt.id,
    amountMinor,
    cause,
    ...(reason !== undefined && { reason }),
    terms: termsFor(attempt, context),
  }
}

/** The uncaptured rest of an authorization is given back. */
export function remainderReleased(
  state: Payment,
  attempt: Attempt,
  amountMinor = heldMinor(state, attempt),
): PaymentEvent {
  return { type: 'RemainderReleased', attemptId: attempt.id, amountMinor }
}

/** Terms of the attempt's connection; where it is not configured any more, those that its attempt was planned with. */
function termsFor(attempt: Attempt, context: PaymentContext): CallTerms {
  const profile = context.connections.get(attempt.connection)
  if (profile !== undefined) return termsOf(profile)
  return {
    connection: attempt.connection,
    psp: attempt.psp,
    requestVersion: attempt.requestVersion,
    sendWithin: attempt.notAfter - attempt.plannedAt,
    repeatWithin: attempt.repeatUntil - attempt.plannedAt,
    quiet: Math.max(0, attempt.quietUntil - attempt.plannedAt),
    acceptWithin: attempt.acceptedWithinMs,
    ...(attempt.inquiryPauseMsMax !== undefined && { askWithin: attempt.inquiryPauseMsMax }),
  }
}
