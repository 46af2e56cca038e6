/**
 * Facts that answer no call of ours (rows 13b, 20-22): reversals, disputes, settlement lines. They are never refused; each is
 * taken once.
 */
import { operationIdOf } from '../ids.ts'
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { RecordDispute, RecordReversal, RecordSettlementLine } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { carryingAttempt, findOperation, hasEnded, latestAttempt } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import type { PaymentEvent } from './events.ts'
import { reversedBeforeKnown } from './late.ts'
import type { Attempt, Dispute, Payment } from './state.ts'
import { overRefunded } from './success.ts'

/** Rows 13b and 20. A reversal of what we still wait for is its refusal. */
export function reversal(state: Payment, command: RecordReversal, context: PaymentContext): PaymentDecision {
  const { operationId, factId } = command
  if (state.seenFacts.includes(factId)) return ignored('the fact is known')
  const operation = findOperation(state, operationId)
  if (operation === undefined) return ignored('no such operation')
  const conflict = accepted(
    { type: 'FactConflict', operationId, fact: 'reversed', factId },
    { type: 'BreakRaised', code: 'status_conflict', operationId },
  )
  if (operation.kind === 'authorize' || operation.kind === 'void') return conflict
  const isOurCurrency = command.currency.toUpperCase() === state.currency
  const isWhole = isOurCurrency && command.amountMinor === operation.amountMinor
  if (!hasEnded(operation)) {
    if (!isWhole) return conflict
    const decline = { class: 'soft', code: reversedBeforeKnown } as const
    const { pspReference } = command
    const end = { kind: 'declined', decline, ...(pspReference !== undefined && { pspReference }) } as const
    return accepted(...endedOtherwise(state, operation, end, context))
  }
  if (operation.status !== 'succeeded') return ignored('the operation had ended without success')
  if (operation.kind === 'refund') {
    if (operation.reversed) return ignored('the reversal is known')
    if (!isWhole) return conflict
    return accepted(
      { type: 'RefundReversed', operationId, factId },
      { type: 'BreakRaised', code: 'refund_failed_after_success', operationId },
    )
  }
  const leftMinor = operation.amountMinor - operation.reversedMinor
  if (!isOurCurrency || command.amountMinor <= 0 || command.amountMinor > leftMinor) return conflict
  return accepted(
    { type: 'CaptureReversed', operationId, amountMinor: command.amountMinor, factId },
    { type: 'BreakRaised', code: 'capture_reversed', operationId },
  )
}

/**
 * Row 21. Known by the PSP's dispute id and stage; a decided stage does not open again by an old fact.
 * @param attempt whose money is disputed, where the fact tells; else the one that carries the payment.
 */
export function dispute(
  state: Payment,
  command: Omit<RecordDispute, 'type'>,
  attempt: Attempt | undefined = carryingAttempt(state) ?? latestAttempt(state),
): PaymentDecision {
  if (state.seenFacts.includes(command.factId)) return ignored('the fact is known')
  if (attempt === undefined) return ignored('no PSP was ever asked')
  if (command.currency.toUpperCase() !== state.currency) {
    return accepted(
      { type: 'FactConflict', operationId: attempt.id, fact: 'disputed', factId: command.factId },
      { type: 'BreakRaised', code: 'amount_mismatch' },
    )
  }
  const before = state.disputes.find(({ pspReference }) => pspReference === command.pspReference)
  const isUndecided = command.status === 'open' || command.status === 'inquiry'
  if (before !== undefined && isUndecided && isPast(before, command)) {
    // Which stage it is at is known better; that the PSP took the money may still be news.
    if (before.status !== 'lost' || before.fundsWithdrawn || !command.fundsWithdrawn) {
      return ignored('the dispute has gone on since')
    }
    const feeMinor = Math.max(before.feeMinor, command.feeMinor)
    const withdrawn: Dispute = { ...before, feeMinor, fundsWithdrawn: true }
    return accepted({ type: 'DisputeRecorded', dispute: withdrawn, factId: command.factId })
  }
  const next: Dispute = {
    id: before?.id ?? operationIdOf('dp', state.id, state.disputes.length + 1),
    attemptId: before?.attemptId ?? attempt.id,
    pspReference: command.pspReference,
    stage: command.stage,
    status: command.status,
    amountMinor: command.amountMinor,
    feeMinor: command.feeMinor,
    // Funds once withdrawn come back by winning alone, whatever order the facts come in.
    fundsWithdrawn: command.fundsWithdrawn || ((before?.fundsWithdrawn ?? false) && command.status !== 'won'),
    ...(command.evidenceBy !== undefined && isUndecided && { evidenceBy: command.evidenceBy }),
  }
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(next)) return ignored('nothing of it is new')
  const recorded: PaymentEvent = { type: 'DisputeRecorded', dispute: next, factId: command.factId }
  const counts = next.attemptId === carryingAttempt(state)?.id && isCounted(next)
  const countedBefore = before !== undefined && isCounted(before) ? before.amountMinor : 0
  return accepted(recorded, ...(counts ? overRefunded(state, command.amountMinor - countedBefore) : []))
}

/** A stage is decided once, and a chargeback does not become an inquiry again. */
function isPast(before: Dispute, { stage, status }: Pick<RecordDispute, 'stage' | 'status'>): boolean {
  if (before.status === 'won' || before.status === 'lost') return before.stage === stage
  return before.status === 'open' && status === 'inquiry'
}

function isCounted({ status }: Dispute): boolean {
  return status === 'open' || status === 'lost'
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
