/**
 * Row 26, and the end of row 23: what the machine must not decide by itself, two people do. One proposes what became of an
 * operation and shows evidence, another approves; or both give back what was captured when nobody wanted it any more.
 *
 * A ruling changes nothing before it is approved, and then it is checked anew: facts that came between the two words win.
 */
import { accepted, type PaymentDecision, rejected } from './answering.ts'
import type { ApproveCompensation, DecideResolution, ProposeResolution } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { absentFrom, findOperation, inDoubt, keptMinor } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import type { RuledOutcome } from './operations.ts'
import { planRefund } from './planning.ts'
import { refundsMax } from './policy.ts'
import type { Operation, Payment } from './state.ts'
import { echoes, succeeded } from './success.ts'

export function propose(state: Payment, command: ProposeResolution, context: PaymentContext): PaymentDecision {
  const { operationId, outcome, operator, evidence, reason } = command
  const operation = findOperation(state, operationId)
  if (operation?.doubt === undefined || !inDoubt(operation)) return rejected({ code: 'operation_unknown' })
  if (operator === '') return rejected({ code: 'second_approver_required' })
  if (evidence.trim() === '') return rejected({ code: 'evidence_required' })
  if (operation.doubt.proposal !== undefined) return rejected({ code: 'proposal_exists' })
  if (outcome.kind === 'succeeded' && !echoes(state, operation, outcome)) {
    return rejected({ code: 'amount_invalid', param: 'amount' })
  }
  if (isTooEarly(operation, outcome, context.now)) return rejected({ code: 'resolution_too_early' })
  return accepted({ type: 'ResolutionProposed', operationId, outcome, operator, evidence, reason })
}

export function decideResolution(state: Payment, command: DecideResolution, context: PaymentContext): PaymentDecision {
  const { operationId, approver, approve } = command
  const operation = findOperation(state, operationId)
  if (operation === undefined || !inDoubt(operation)) return rejected({ code: 'operation_unknown' })
  const proposal = operation.doubt?.proposal
  if (proposal === undefined) return rejected({ code: 'no_proposal' })
  // Whoever proposed may withdraw it, but not approve it.
  if (approver === '' || (approve && approver === proposal.operator)) {
    return rejected({ code: 'second_approver_required' })
  }
  if (!approve) return accepted({ type: 'ResolutionDecided', operationId, approver, approved: false })
  const { outcome } = proposal
  if (isTooEarly(operation, outcome, proposal.proposedAt)) return rejected({ code: 'resolution_too_early' })
  const events =
    outcome.kind === 'succeeded'
      ? succeeded(state, operation, outcome, context)
      : endedOtherwise(state, operation, outcome, context)
  return accepted({ type: 'ResolutionDecided', operationId, approver, approved: true }, ...events)
}

/** Whoever found nothing at the PSP has to have looked when nothing could be on its way any more: as inquiries do. */
function isTooEarly(operation: Operation, outcome: RuledOutcome, lookedAt: number): boolean {
  return outcome.kind === 'absent' && lookedAt < absentFrom(operation)
}

/** Only where no merchant can refund it: the capture's payment never was, or is no longer, a captured one. */
export function compensate(state: Payment, command: ApproveCompensation, context: PaymentContext): PaymentDecision {
  const { operationId, operator, approver } = command
  const capture = state.captures.find(({ id }) => id === operationId)
  const attempt = state.attempts.find(({ id }) => id === capture?.attemptId)
  if (capture?.status !== 'succeeded' || attempt === undefined) return rejected({ code: 'operation_unknown' })
  if (operator === '' || approver === '' || operator === approver) return rejected({ code: 'second_approver_required' })
  const { status } = state.lifecycle
  if (!attempt.unwanted && (status === 'captured' || status === 'partially_captured')) {
    return rejected({ code: 'payment_unexpected_state', current: status, allowed: ['canceled', 'expired', 'failed'] })
  }
  const amountMinor = Math.min(capture.amountMinor - capture.reversedMinor, keptMinor(state, attempt))
  if (amountMinor <= 0) return rejected({ code: 'refund_exceeds_capture', availableMinor: 0 })
  if (state.refunds.length >= refundsMax) return rejected({ code: 'refund_limit_reached', limit: refundsMax })
  return accepted(
    { type: 'CompensationApproved', operationId, operator, approver },
    planRefund(state, attempt, amountMinor, 'compensation', context),
  )
}
