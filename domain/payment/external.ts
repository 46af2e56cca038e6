/**
 * Rows 18 (told by the PSP) and 27: what was done to an authorization of ours without our asking: in the PSP's own pages, or
 * by its clock. It is real, so it is recorded and the amounts follow; what cannot be placed is for a person. Never refused,
 * each taken once.
 */
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { RecordExternalOperation } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { carryingAttempt, heldMinor, keptMinor, openCaptures, operationsOf } from './derive.ts'
import type { PaymentEvent } from './events.ts'
import { isTakenBack } from './late.ts'
import { planCapture, planRefund, remainderReleased } from './planning.ts'
import type { Attempt, Payment } from './state.ts'
import { overRefunded } from './success.ts'

type Done = Omit<RecordExternalOperation, 'type'>

const raised: PaymentEvent = { type: 'BreakRaised', code: 'external_operation' }
const review: PaymentEvent = { type: 'ReviewOpened', reason: 'external_operation' }

/** @param attempt whose authorization it was made on; undefined where the payment has none. */
export function externalOperation(
  state: Payment,
  done: Done,
  attempt: Attempt | undefined,
  context: PaymentContext,
): PaymentDecision {
  const { kind, pspReference, amountMinor, factId } = done
  if (state.seenFacts.includes(factId)) return ignored('the fact is known')
  const isKnown = operationsOf(state).some(
    (operation) => operation.kind === kind && operation.pspReference === pspReference,
  )
  if (isKnown) return ignored('the operation is one of ours')
  if (isTakenBack(state, done)) return ignored('it was taken back')
  const recorded: PaymentEvent = {
    type: 'ExternalOperationRecorded',
    kind,
    ...(attempt !== undefined && { attemptId: attempt.id }),
    pspReference,
    amountMinor,
    factId,
  }
  if (attempt === undefined) return accepted(recorded, raised, review)
  if (done.currency.toUpperCase() !== state.currency) {
    return accepted(
      { type: 'FactConflict', operationId: attempt.id, fact: kind, factId },
      { type: 'BreakRaised', code: 'amount_mismatch' },
    )
  }
  if (attempt.status !== 'succeeded' || amountMinor <= 0) return accepted(recorded, raised, review)
  switch (kind) {
    case 'refund':
      return refunded(state, attempt, done, recorded, context)
    case 'capture':
      return captured(state, attempt, done, recorded, context)
    case 'void':
    case 'authorization_expired':
      return givenBack(state, attempt, kind, recorded)
  }
}

function refunded(
  state: Payment,
  attempt: Attempt,
  { amountMinor, pspReference }: Done,
  recorded: PaymentEvent,
  context: PaymentContext,
): PaymentDecision {
  const plan = planRefund(state, attempt, amountMinor, 'external', context)
  const { operationId } = plan
  const isCarrying = carryingAttempt(state)?.id === attempt.id
  const isMoreThanKept = !isCarrying && amountMinor > keptMinor(state, attempt)
  return accepted(
    recorded,
    plan,
    { type: 'RefundSucceeded', operationId, pspReference },
    raised,
    ...(isCarrying ? overRefunded(state, amountMinor, operationId) : []),
    ...(isMoreThanKept ? [review] : []),
  )
}

function captured(
  state: Payment,
  attempt: Attempt,
  { amountMinor, pspReference }: Done,
  recorded: PaymentEvent,
  context: PaymentContext,
): PaymentDecision {
  const reservedMinor = openCaptures(state)
    .filter(({ attemptId }) => attemptId === attempt.id)
    .reduce((total, capture) => total + capture.amountMinor, 0)
  if (amountMinor > heldMinor(state, attempt) - reservedMinor) return accepted(recorded, raised, review)
  const plan = planCapture(state, attempt, amountMinor, false, 'external', context)
  return accepted(
    recorded,
    plan,
    { type: 'CaptureSucceeded', operationId: plan.operationId, pspReference },
    raised,
    // Nobody wanted that money: giving it back needs approval.
    ...(attempt.unwanted ? [review] : []),
  )
}

/** An expiry is the field's normal course; a void that we did not ask for is not. */
function givenBack(
  state: Payment,
  attempt: Attempt,
  kind: 'void' | 'authorization_expired',
  recorded: PaymentEvent,
): PaymentDecision {
  if (heldMinor(state, attempt) === 0 && attempt.releasedMinor > 0) return ignored('it was given back before')
  const asBreak = kind === 'void' ? [raised] : []
  if (carryingAttempt(state)?.id !== attempt.id) return accepted(recorded, ...asBreak)
  if (openCaptures(state).length > 0) return accepted(recorded, ...asBreak, review)
  const { status } = state.lifecycle
  if (status === 'partially_captured') return accepted(remainderReleased(state, attempt), recorded, ...asBreak)
  if (status !== 'authorized') return accepted(recorded, ...asBreak)
  return accepted(recorded, { type: kind === 'void' ? 'PaymentCanceled' : 'PaymentExpired' }, ...asBreak)
}
