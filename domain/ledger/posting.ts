/**
 * Ledger transfers of one decision: what the payment was worth in the books after it, less what it was worth before.
 *
 * Every attempt, capture, refund and dispute has a position in the books that its own state alone tells (a hold still
 * open, an amount reserved, an amount posted). A decision's transfers are the differences, so the transfers of a whole
 * journal always add up to the positions of the present state, whatever order facts came in, and a correction is a
 * reversal of exactly what stands. What begins and ends within one decision was never in the books at any durable
 * moment and leaves no transfer. Operations that a decision did not touch are the same objects before and after: they
 * cost one comparison.
 *
 * Guarantees: pure; every transfer has a positive amount; their order is fixed by the state. Leaves to others: storing
 * them with the decision, folding balances, and judging settlement lines (reconciliation).
 */
import { hasEnded, heldMinor } from '../payment/derive.ts'
import type { PaymentEvent } from '../payment/events.ts'
import type { Attempt, Capture, Dispute, Payment, Refund } from '../payment/state.ts'
import type { Account, Transfer } from './transfer.ts'

export function transfersOf(before: Payment | undefined, events: readonly PaymentEvent[], after: Payment): Transfer[] {
  const transfers: Transfer[] = []
  for (const [index, attempt] of after.attempts.entries()) postHold(transfers, before, index, attempt, after)
  for (const [index, capture] of after.captures.entries()) postCapture(transfers, before?.captures[index], capture)
  for (const [index, refund] of after.refunds.entries()) postRefund(transfers, before?.refunds[index], refund)
  for (const [index, dispute] of after.disputes.entries()) {
    const earlier = before?.disputes[index]
    if (earlier !== dispute) postDispute(transfers, earlier, dispute, connectionOf(after, dispute.attemptId))
  }
  for (const event of events) {
    if (event.type === 'SettlementLineRecorded') postSettlementLine(transfers, event, connectionOf(after))
  }
  return transfers
}

interface Leg {
  readonly debit: Account
  readonly credit: Account
  readonly connection: string
  readonly operationId: string
}

/** Posts a signed change: a negative one is the same transfer the other way round. */
function post(transfers: Transfer[], leg: Leg, changeMinor: number): void {
  if (changeMinor > 0) transfers.push({ ...leg, amountMinor: changeMinor, phase: 'posted' })
  if (changeMinor < 0) {
    transfers.push({ ...leg, debit: leg.credit, credit: leg.debit, amountMinor: -changeMinor, phase: 'posted' })
  }
}

function reserve(transfers: Transfer[], leg: Leg, beforeMinor: number, afterMinor: number): void {
  if (beforeMinor === afterMinor) return
  if (beforeMinor > 0) transfers.push({ ...leg, amountMinor: beforeMinor, phase: 'released' })
  if (afterMinor > 0) transfers.push({ ...leg, amountMinor: afterMinor, phase: 'pending' })
}

/** Memo: what the shopper's bank holds for us. A capture that the PSP takes back does not bring its hold back. */
function postHold(
  transfers: Transfer[],
  before: Payment | undefined,
  index: number,
  attempt: Attempt,
  after: Payment,
): void {
  const earlier = before?.attempts[index]
  if (earlier === attempt && before?.captures === after.captures) return
  const earlierMinor = earlier === undefined || before === undefined ? 0 : heldMinor(before, earlier)
  post(
    transfers,
    {
      debit: 'auth_hold',
      credit: 'auth_hold_contra',
      connection: attempt.connection,
      operationId: attempt.id,
    },
    heldMinor(after, attempt) - earlierMinor,
  )
}

function reservedMinor(operation: Capture | Refund | undefined): number {
  return operation === undefined || hasEnded(operation) ? 0 : operation.amountMinor
}

function capturedMinor(capture: Capture | undefined): number {
  return capture?.status === 'succeeded' ? capture.amountMinor - capture.reversedMinor : 0
}

function postCapture(transfers: Transfer[], earlier: Capture | undefined, capture: Capture): void {
  if (earlier === capture) return
  const leg: Leg = {
    debit: 'psp_receivable',
    credit: 'merchant_payable',
    connection: capture.connection,
    operationId: capture.id,
  }
  reserve(transfers, leg, reservedMinor(earlier), reservedMinor(capture))
  post(transfers, leg, capturedMinor(capture) - capturedMinor(earlier))
}

function refundedMinor(refund: Refund | undefined): number {
  return refund?.status === 'succeeded' && !refund.reversed ? refund.amountMinor : 0
}

function postRefund(transfers: Transfer[], earlier: Refund | undefined, refund: Refund): void {
  if (earlier === refund) return
  const leg: Leg = {
    debit: 'merchant_payable',
    credit: 'psp_receivable',
    connection: refund.connection,
    operationId: refund.id,
  }
  reserve(transfers, leg, reservedMinor(earlier), reservedMinor(refund))
  post(transfers, leg, refundedMinor(refund) - refundedMinor(earlier))
}

/**
 * Money the PSP withdrew for a dispute stands in dispute_receivable while it is open and is the merchant's loss once it
 * is lost; won, it is back at the PSP. A fee is not returned: another stage may charge it again.
 */
function postDispute(transfers: Transfer[], earlier: Dispute | undefined, dispute: Dispute, connection: string): void {
  const about = { connection, operationId: dispute.id }
  const lostMinor = lost(dispute) - lost(earlier)
  const heldMinor = held(dispute) - held(earlier)
  post(
    transfers,
    { debit: 'dispute_receivable', credit: 'psp_receivable', ...about },
    // what the PSP withdrew in this step: all that is now held or lost and was not before
    heldMinor + lostMinor,
  )
  post(transfers, { debit: 'merchant_payable', credit: 'dispute_receivable', ...about }, lostMinor)
  const feeMinor = Math.max(0, fee(dispute) - fee(earlier))
  post(transfers, { debit: 'dispute_fees', credit: 'psp_receivable', ...about }, feeMinor)
}

function held(dispute: Dispute | undefined): number {
  if (dispute === undefined || !dispute.fundsWithdrawn) return 0
  return dispute.status === 'open' || dispute.status === 'inquiry' ? dispute.amountMinor : 0
}

function lost(dispute: Dispute | undefined): number {
  return dispute?.fundsWithdrawn === true && dispute.status === 'lost' ? dispute.amountMinor : 0
}

function fee(dispute: Dispute | undefined): number {
  return dispute?.fundsWithdrawn === true ? dispute.feeMinor : 0
}

/**
 * What the PSP kept goes to fees, what it pays out is on its way to the bank. Where gross is not fee plus net, the rest
 * stays in psp_receivable, a clearing account, and is seen there.
 */
function postSettlementLine(
  transfers: Transfer[],
  line: Extract<PaymentEvent, { type: 'SettlementLineRecorded' }>,
  connection: string,
): void {
  const about = { connection, operationId: line.lineKey }
  post(transfers, { debit: 'psp_fees', credit: 'psp_receivable', ...about }, line.feeMinor)
  post(transfers, { debit: 'settlement_in_transit', credit: 'psp_receivable', ...about }, line.netMinor)
}

/** The connection of the attempt; where none is named, that which carries the payment's money: of its last authorization. */
function connectionOf(payment: Payment, attemptId?: string): string {
  const named = payment.attempts.find(({ id }) => id === attemptId)
  if (named !== undefined) return named.connection
  const carrying = payment.attempts.findLast((attempt) => attempt.authorizedMinor > 0 && !attempt.unwanted)
  return (carrying ?? payment.attempts.at(-1))?.connection ?? ''
}
