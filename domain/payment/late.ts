/** Rows 23 and 25: what a PSP says about an operation after it has ended: late successes and contradictions. */
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { PaymentContext } from './context.ts'
import { heldMinor, openCaptures } from './derive.ts'
import type { PaymentEvent } from './events.ts'
import type { OperationOutcome } from './operations.ts'
import { planVoid } from './planning.ts'
import type { Operation, Payment } from './state.ts'
import { capturedAtOnce, overRefunded, voidSucceeded } from './success.ts'

type Success = Extract<OperationOutcome, { kind: 'succeeded' }>

/** Code of an operation whose reversal came before its success was known. */
export const reversedBeforeKnown = 'reversed'

/** Under this name the payment remembers a reversal whose success nobody knows: told of later, that is not believed any more. */
export function reversalOf(pspReference: string, amountMinor: number): string {
  return `reversed ${pspReference} ${amountMinor}`
}

export function isTakenBack({ seenFacts }: Payment, success: Pick<Success, 'pspReference' | 'amountMinor'>): boolean {
  return seenFacts.includes(reversalOf(success.pspReference, success.amountMinor))
}

/**
 * Row 23: it succeeded after it had ended otherwise. The money is real, so it is recorded; the status stays. A hold is voided
 * at once; what was captured goes back only after approval.
 */
export function late(
  state: Payment,
  operation: Operation,
  success: Success,
  factId: string | undefined,
  context: PaymentContext,
): readonly PaymentEvent[] {
  const operationId = operation.id
  const { pspReference, amountMinor } = success
  const conflict: PaymentEvent = {
    type: 'FactConflict',
    operationId,
    fact: 'succeeded',
    ...(factId !== undefined && { factId }),
  }
  const raised: PaymentEvent = { type: 'BreakRaised', code: 'late_success', operationId }
  const review: PaymentEvent = { type: 'ReviewOpened', reason: 'late_success' }
  const recorded: PaymentEvent = { type: 'LateSuccess', operationId, pspReference, amountMinor }
  switch (operation.kind) {
    case 'authorize':
      if (success.captured === true) {
        return [recorded, ...capturedAtOnce(state, operation, success, context), raised, review]
      }
      return [recorded, planVoid(state, operation, 'compensation', context), raised]
    case 'capture': {
      const attempt = state.attempts.find(({ id }) => id === operation.attemptId)
      const room = attempt === undefined ? 0 : heldMinor(state, attempt)
      // More than the authorization holds cannot be booked as captured: a person finds out which of the two is true.
      if (amountMinor > room) return [conflict, raised]
      return [recorded, raised, review]
    }
    case 'void': {
      const attempt = state.attempts.find(({ id }) => id === operation.attemptId)
      // Captured whole, there was nothing to void. Captured in part, the rest was given back, and that is what it says.
      const isTakenWhole =
        attempt !== undefined &&
        attempt.releasedMinor === 0 &&
        heldMinor(state, attempt) === 0 &&
        state.captures.some(({ attemptId, status }) => attemptId === attempt.id && status === 'succeeded')
      if (isTakenWhole || openCaptures(state).length > 0) {
        return [conflict, raised]
      }
      return [...voidSucceeded(state, operation, pspReference), raised]
    }
    case 'refund':
      return [
        { type: 'RefundSucceeded', operationId, pspReference, amountMinor },
        raised,
        ...overRefunded(state, amountMinor, operationId),
      ]
  }
}

/** Rows 24 and 25: the operation had succeeded. The same again is nothing; anything else is a conflict for a person. */
export function contradicted(
  state: Payment,
  operation: Operation,
  said: OperationOutcome,
  factId: string | undefined,
): PaymentDecision {
  const operationId = operation.id
  if (said.kind === 'succeeded') {
    const amountMinor = operation.kind === 'authorize' ? operation.authorizedMinor : operation.amountMinor
    const isEqual =
      said.currency.toUpperCase() === state.currency &&
      (operation.kind === 'void' || said.amountMinor === amountMinor) &&
      (operation.pspReference === undefined || said.pspReference === operation.pspReference)
    if (isEqual) return ignored('the success is known')
  } else if (operation.kind === 'void' && said.kind === 'declined' && said.decline.code === 'already_voided') {
    return ignored('it says the same in other words')
  } else if (operation.kind === 'refund') {
    // Row 20: a refund may fail after it had succeeded.
    if (operation.reversed) return ignored('the reversal is known')
    return accepted(
      { type: 'RefundReversed', operationId, factId: factId ?? `${operationId}:declined` },
      { type: 'BreakRaised', code: 'refund_failed_after_success', operationId },
    )
  }
  const known = factId ?? `${operationId}:${said.kind}`
  if (state.seenFacts.includes(known)) return ignored('the conflict is known')
  return accepted(
    { type: 'FactConflict', operationId, fact: said.kind, factId: known },
    { type: 'BreakRaised', code: 'status_conflict', operationId },
  )
}
