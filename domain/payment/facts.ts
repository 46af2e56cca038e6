/**
 * Facts that answer no call of ours (rows 13b, 20-22, 26, 27): reversals, disputes, settlement lines, operations made in the
 * PSP's own pages, and a person's ruling. All but the last are never refused; each is taken once.
 */
import { operationIdOf } from '../ids.ts'
import { accepted, ignored, type PaymentDecision, rejected } from './answering.ts'
import type {
  RecordDispute,
  RecordExternalOperation,
  RecordReversal,
  RecordSettlementLine,
  ResolveManually,
} from './commands.ts'
import type { PaymentContext } from './context.ts'
import { carryingAttempt, findOperation, hasEnded, heldMinor, inDoubt, openCaptures, operationsOf } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import type { PaymentEvent } from './events.ts'
import { planCapture, planRefund, remainderReleased } from './planning.ts'
import { reversedBeforeKnown } from './late.ts'
import type { Dispute, Payment } from './state.ts'
import { overRefunded, succeeded } from './success.ts'

/** Rows 13b and 20. A reversal of what we still wait for is its refusal. */
export function reversal(state: Payment, command: RecordReversal, context: PaymentContext): PaymentDecision {
  const { operationId, factId } = command
  if (state.seenFacts.includes(factId)) return ignored('the fact is known')
  const operation = findOperation(state, operationId)
  if (operation === undefined) return ignored('no such operation')
  if (operation.kind === 'authorize' || operation.kind === 'void') {
    return accepted({ type: 'FactConflict', operationId, fact: 'reversed', factId })
  }
  if (!hasEnded(operation)) {
    if (command.amountMinor !== operation.amountMinor) {
      return accepted({ type: 'FactConflict', operationId, fact: 'reversed', factId })
    }
    const decline = { class: 'soft', code: reversedBeforeKnown } as const
    return accepted(...endedOtherwise(state, operation, { kind: 'declined', decline }, context))
  }
  if (operation.status !== 'succeeded') return ignored('the operation had ended without success')
  if (operation.kind === 'refund') {
    if (operation.reversed) return ignored('the reversal is known')
    return accepted(
      { type: 'RefundReversed', operationId, factId },
      { type: 'BreakRaised', code: 'refund_failed_after_success', operationId },
    )
  }
  const leftMinor = operation.amountMinor - operation.reversedMinor
  if (
    command.amountMinor <= 0 ||
    command.amountMinor > leftMinor ||
    command.currency.toUpperCase() !== state.currency
  ) {
    return accepted({ type: 'FactConflict', operationId, fact: 'reversed', factId })
  }
  return accepted(
    { type: 'CaptureReversed', operationId, amountMinor: command.amountMinor, factId },
    { type: 'BreakRaised', code: 'capture_reversed', operationId },
  )
}

/** Rows 18 (told by the PSP) and 27. */
export function externalOperation(
  state: Payment,
  command: RecordExternalOperation,
  context: PaymentContext,
): PaymentDecision {
  const { kind, pspReference, amountMinor, factId } = command
  if (state.seenFacts.includes(factId)) return ignored('the fact is known')
  const isKnown = operationsOf(state).some(
    (operation) => operation.kind === kind && operation.pspReference === pspReference,
  )
  if (isKnown) return ignored('the operation is one of ours')
  const recorded: PaymentEvent = { type: 'ExternalOperationRecorded', kind, pspReference, amountMinor, factId }
  const raised: PaymentEvent = { type: 'BreakRaised', code: 'external_operation' }
  const review: PaymentEvent = { type: 'ReviewOpened', reason: 'external_operation' }
  const attempt = carryingAttempt(state)
  const isOurCurrency = command.currency.toUpperCase() === state.currency
  if (attempt === undefined || !isOurCurrency) return accepted(recorded, raised, review)
  switch (kind) {
    case 'refund': {
      if (amountMinor <= 0) return accepted(recorded, raised, review)
      const plan = planRefund(state, attempt, amountMinor, 'external', context)
      const { operationId } = plan
      return accepted(
        recorded,
        plan,
        { type: 'RefundSucceeded', operationId, pspReference },
        raised,
        ...overRefunded(state, amountMinor, operationId),
      )
    }
    case 'capture': {
      const reservedMinor = openCaptures(state).reduce((total, capture) => total + capture.amountMinor, 0)
      if (amountMinor <= 0 || amountMinor > heldMinor(state, attempt) - reservedMinor) {
        return accepted(recorded, raised, review)
      }
      const plan = planCapture(state, attempt, amountMinor, false, 'external', context)
      return accepted(recorded, plan, { type: 'CaptureSucceeded', operationId: plan.operationId, pspReference }, raised)
    }
    case 'void':
    case 'authorization_expired': {
      // An expiry is the field's normal course; a void that we did not ask for is not.
      const asBreak = kind === 'void' ? [raised] : []
      const { status } = state.lifecycle
      if (openCaptures(state).length > 0) return accepted(recorded, ...asBreak, review)
      if (status === 'partially_captured') return accepted(remainderReleased(state, attempt), recorded, ...asBreak)
      if (status !== 'authorized') return accepted(recorded, ...asBreak)
      const end: PaymentEvent = { type: kind === 'void' ? 'PaymentCanceled' : 'PaymentExpired' }
      return accepted(recorded, end, ...asBreak)
    }
  }
}

/** Row 21. Known by the PSP's dispute id and stage; a decided stage does not open again by an old fact. */
export function dispute(state: Payment, command: RecordDispute): PaymentDecision {
  if (state.seenFacts.includes(command.factId)) return ignored('the fact is known')
  const before = state.disputes.find(({ pspReference }) => pspReference === command.pspReference)
  const isDecided = before?.status === 'won' || before?.status === 'lost'
  const isUndecided = command.status === 'open' || command.status === 'inquiry'
  if (before !== undefined && isDecided && isUndecided && before.stage === command.stage) {
    return ignored('the dispute is decided')
  }
  const next: Dispute = {
    id: before?.id ?? operationIdOf('dp', state.id, state.disputes.length + 1),
    pspReference: command.pspReference,
    stage: command.stage,
    status: command.status,
    amountMinor: command.amountMinor,
    feeMinor: command.feeMinor,
    // Funds once withdrawn come back by winning alone, whatever order the facts come in.
    fundsWithdrawn: command.fundsWithdrawn || ((before?.fundsWithdrawn ?? false) && command.status !== 'won'),
    ...(command.evidenceBy !== undefined && isUndecided && { evidenceBy: command.evidenceBy }),
  }
  const recorded: PaymentEvent = { type: 'DisputeRecorded', dispute: next, factId: command.factId }
  const counts = command.status === 'open' || command.status === 'lost'
  const countedBefore = before?.status === 'open' || before?.status === 'lost' ? before.amountMinor : 0
  return accepted(recorded, ...(counts ? overRefunded(state, command.amountMinor - countedBefore) : []))
}

/** Row 22. */
export function settlementLine(state: Payment, command: RecordSettlementLine): PaymentDecision {
  const { lineKey, lineType, grossMinor, feeMinor, netMinor, batch } = command
  if (state.settlement.lines.includes(lineKey)) return ignored('the line is known')
  if (command.currency.toUpperCase() !== state.currency) {
    // A conversion at the PSP is posted by reconciliation; the payment only keeps that somebody must look.
    return accepted(
      { type: 'BreakRaised', code: 'amount_mismatch' },
      { type: 'ReviewOpened', reason: 'settled_in_other_currency' },
    )
  }
  return accepted({ type: 'SettlementLineRecorded', lineKey, lineType, grossMinor, feeMinor, netMinor, batch })
}

/** Row 26. Two people, and something to show. */
export function resolve(state: Payment, command: ResolveManually, context: PaymentContext): PaymentDecision {
  const operation = findOperation(state, command.operationId)
  if (operation === undefined || !inDoubt(operation)) return rejected({ code: 'operation_unknown' })
  if (command.operator === '' || command.approver === '' || command.operator === command.approver) {
    return rejected({ code: 'second_approver_required' })
  }
  if (command.evidence.trim() === '') return rejected({ code: 'evidence_required' })
  const { operator, approver, evidence, outcome } = command
  const ruling: PaymentEvent = { type: 'ManuallyResolved', operationId: operation.id, operator, approver, evidence }
  const events =
    outcome.kind === 'succeeded'
      ? succeeded(state, operation, outcome, context)
      : endedOtherwise(state, operation, outcome, context)
  return accepted(ruling, ...events)
}
