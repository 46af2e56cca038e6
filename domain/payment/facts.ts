/**
 * Facts that answer no call of ours (rows 13b, 20, 22): reversals and settlement lines. They are never refused; each is taken
 * once. Disputes: disputes.ts.
 */
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { RecordReversal, RecordSettlementLine } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { findOperation, hasEnded } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import { reversalOf, reversedBeforeKnown } from './late.ts'
import type { Payment } from './state.ts'

/** Rows 13b and 20. A reversal of what we still wait for is its refusal; one of a success that nobody knows is remembered. */
export function reversal(state: Payment, command: RecordReversal, context: PaymentContext): PaymentDecision {
  const { operationId, pspReference, amountMinor } = command
  if (state.seenFacts.includes(command.factId)) return ignored('the fact is known')
  const operation = findOperation(state, operationId)
  if (operation === undefined) return ignored('no such operation')
  const isOurs = operation.kind === 'capture' || operation.kind === 'refund'
  const isUnknown = !isOurs || operation.status === 'absent' || operation.status === 'not_sent'
  const factId = isUnknown && pspReference !== undefined ? reversalOf(pspReference, amountMinor) : command.factId
  const conflict = accepted(
    { type: 'FactConflict', operationId, fact: 'reversed', factId },
    { type: 'BreakRaised', code: 'status_conflict', operationId },
  )
  if (isUnknown) return state.seenFacts.includes(factId) ? ignored('the reversal is known') : conflict
  const isOurCurrency = command.currency.toUpperCase() === state.currency
  const isWhole = isOurCurrency && command.amountMinor === operation.amountMinor
  if (!hasEnded(operation)) {
    if (!isWhole) return conflict
    const decline = { class: 'soft', code: reversedBeforeKnown } as const
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
