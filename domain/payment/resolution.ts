/**
 * Row 26, and the end of row 23: what the machine must not decide by itself, two people do. One proposes what became of an
 * operation and shows evidence, another approves; or one wants to give back what was captured when nobody wanted it any more,
 * and another agrees.
 *
 * A proposal changes nothing before it is approved, and then it is checked anew: facts that came between the two words win.
 */
import { accepted, type PaymentDecision, rejected } from './answering.ts'
import type { DecideCompensation, DecideResolution, ProposeCompensation, ProposeResolution } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { absentFrom, compensableMinor, findOperation, inDoubt } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import type { RuledOutcome } from './operations.ts'
import { planRefund } from './planning.ts'
import { refundsMax } from './policy.ts'
import type { Capture, Operation, Payment, Proposal } from './state.ts'
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
  if (!mayDecide(command, proposal)) return rejected({ code: 'second_approver_required' })
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

/** What there is to give back is looked at anew when it is approved: it is that which goes. */
export function proposeCompensation(state: Payment, command: ProposeCompensation): PaymentDecision {
  const { operationId, operator, reason } = command
  const capture = takenCapture(state, operationId)
  if (capture === undefined) return rejected({ code: 'operation_unknown' })
  if (operator === '') return rejected({ code: 'second_approver_required' })
  if (capture.compensation !== undefined) return rejected({ code: 'proposal_exists' })
  if (compensableMinor(state, capture) === 0) return rejected({ code: 'nothing_to_compensate' })
  return accepted({ type: 'CompensationProposed', operationId, operator, reason })
}

export function decideCompensation(
  state: Payment,
  command: DecideCompensation,
  context: PaymentContext,
): PaymentDecision {
  const { operationId, approver, approve } = command
  const capture = takenCapture(state, operationId)
  const attempt = state.attempts.find(({ id }) => id === capture?.attemptId)
  if (capture === undefined || attempt === undefined) return rejected({ code: 'operation_unknown' })
  const proposal = capture.compensation
  if (proposal === undefined) return rejected({ code: 'no_proposal' })
  if (!mayDecide(command, proposal)) return rejected({ code: 'second_approver_required' })
  const decided = { type: 'CompensationDecided', operationId, approver, approved: approve } as const
  if (!approve) return accepted(decided)
  const amountMinor = compensableMinor(state, capture)
  if (amountMinor === 0) return rejected({ code: 'nothing_to_compensate' })
  if (state.refunds.length >= refundsMax) return rejected({ code: 'refund_limit_reached', limit: refundsMax })
  const plan = planRefund(state, attempt, amountMinor, 'compensation', context)
  return accepted(decided, { ...plan, captureId: operationId })
}

function takenCapture({ captures }: Payment, operationId: string): Capture | undefined {
  return captures.find(({ id, status }) => id === operationId && status === 'succeeded')
}

/** Whoever proposed may withdraw it, but not approve it. */
function mayDecide(
  { approver, approve }: Pick<DecideResolution, 'approver' | 'approve'>,
  { operator }: Pick<Proposal, 'operator'>,
): boolean {
  return approver !== '' && !(approve && approver === operator)
}
