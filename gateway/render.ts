/**
 * A payment's state as merchants see it, version 2026-11-01. Pure, and a function of the state and of what is expanded
 * alone: the state at a request's concluding decision always gives the same answer. What a merchant must not see (payment method tokens, PSP references, nonces,
 * our retries) is not taken over.
 */
import type { Mode } from '../domain/ids.ts'
import {
  amounts,
  disputeStatus,
  latestAttempt,
  pendingReason,
  refundStatus,
  settlementStatus,
} from '../domain/payment/derive.ts'
import type { Decline, OperationStatus } from '../domain/payment/operations.ts'
import type { Attempt, Capture, Dispute, Operation, Payment, Refund } from '../domain/payment/state.ts'
import { unreachable } from '../runtime/assert.ts'
import { declineMessage } from './decline-message.ts'
import { errorTable } from './errors.ts'
import type { Expansion } from './expand.ts'
import type {
  AttemptView,
  CaptureView,
  DisputeView,
  OperationStatusView,
  PaymentView,
  RefundInPaymentView,
  RefundView,
} from './payment-schema.ts'

export function renderPayment(state: Payment, expansion: Expansion): PaymentView {
  const sums = amounts(state)
  const { lifecycle } = state
  const attempt = latestAttempt(state)
  return {
    id: state.id,
    object: 'payment',
    status: lifecycle.status,
    amount: state.amountMinor,
    amount_authorized: sums.authorized,
    amount_capturable: sums.capturable,
    amount_captured: sums.captured,
    amount_refunded: sums.refunded,
    amount_disputed: sums.disputed,
    currency: state.currency.toLowerCase(),
    pending_reason: pendingReason(state) ?? null,
    refund_status: refundStatus(state),
    dispute_status: disputeStatus(state),
    settlement_status: settlementStatus(state),
    review: state.review,
    capture_method: state.captureMethod,
    capture_before: 'captureBefore' in lifecycle ? seconds(lifecycle.captureBefore) : null,
    payment_method: state.paymentMethod === undefined ? null : { type: state.paymentMethod.type },
    next_action:
      lifecycle.status === 'requires_action'
        ? { type: lifecycle.action.type, url: lifecycle.action.url, expires_at: seconds(lifecycle.actionBy) }
        : null,
    latest_attempt:
      attempt === undefined ? null : 'latest_attempt' in expansion ? renderAttempt(state, attempt) : attempt.id,
    last_error: lastErrorOf(state),
    captures:
      'captures' in expansion ? state.captures.map((capture) => renderCapture(state, capture)) : idsOf(state.captures),
    refunds:
      'refunds' in expansion
        ? state.refunds.map((refund) => renderRefundInPayment(state, refund))
        : idsOf(state.refunds),
    disputes:
      'disputes' in expansion ? state.disputes.map((dispute) => renderDispute(state, dispute)) : idsOf(state.disputes),
    merchant_reference: state.merchantReference ?? null,
    description: state.description ?? null,
    statement_descriptor: state.statementDescriptor ?? null,
    customer: state.customer ?? null,
    return_url: state.returnUrl ?? null,
    metadata: state.metadata,
    ...times(state.createdAt),
    livemode: isLive(state.mode),
  }
}

function idsOf(parts: readonly { readonly id: string }[]): string[] {
  return parts.map(({ id }) => id)
}

export function renderRefund(state: Payment, refund: Refund, expansion: Expansion): RefundView {
  const { payment } = expansion
  const view = renderRefundInPayment(state, refund)
  return payment === undefined ? view : { ...view, payment: renderPayment(state, payment) }
}

/** A refund inside its payment, or by itself with the payment not expanded. */
export function renderRefundInPayment(state: Payment, refund: Refund): RefundInPaymentView {
  return {
    id: refund.id,
    object: 'refund',
    payment: state.id,
    amount: refund.amountMinor,
    currency: state.currency.toLowerCase(),
    status: refund.reversed ? 'reversed' : operationStatusView(refund.status),
    reason: refund.reason ?? null,
    failure: failureOf(refund, 'refund_declined'),
    ...times(refund.plannedAt),
    livemode: isLive(state.mode),
  }
}

export function renderAttempt(state: Payment, attempt: Attempt): AttemptView {
  return {
    id: attempt.id,
    object: 'attempt',
    payment: state.id,
    psp: attempt.psp,
    status: operationStatusView(attempt.status),
    amount: attempt.amountMinor,
    amount_authorized: attempt.authorizedMinor,
    failure: failureOf(attempt, 'card_declined'),
    ...times(attempt.plannedAt),
    livemode: isLive(state.mode),
  }
}

function renderCapture(state: Payment, capture: Capture): CaptureView {
  return {
    id: capture.id,
    object: 'capture',
    payment: state.id,
    amount: capture.amountMinor,
    amount_reversed: capture.reversedMinor,
    final: capture.final,
    status: operationStatusView(capture.status),
    failure: failureOf(capture, 'capture_declined'),
    ...times(capture.plannedAt),
    livemode: isLive(state.mode),
  }
}

export function renderDispute(state: Payment, dispute: Dispute): DisputeView {
  return {
    id: dispute.id,
    object: 'dispute',
    payment: state.id,
    amount: dispute.amountMinor,
    currency: state.currency.toLowerCase(),
    status: dispute.status,
    evidence_by: dispute.evidenceBy === undefined ? null : seconds(dispute.evidenceBy),
    livemode: isLive(state.mode),
  }
}

function lastErrorOf(state: Payment): PaymentView['last_error'] {
  if (state.lifecycle.status !== 'failed') return null
  const { code, decline } = state.lifecycle.failure
  return {
    code,
    decline_code: decline?.code ?? null,
    message: decline === undefined ? errorTable[code].message : declineMessage(decline.code, errorTable[code].message),
  }
}

function failureOf(
  operation: Operation,
  declined: 'card_declined' | 'capture_declined' | 'refund_declined',
): { code: string; decline_code: string | null } | null {
  switch (operationStatusView(operation.status)) {
    case 'declined':
      return { code: codeOfDecline(operation.decline, declined), decline_code: operation.decline?.code ?? null }
    case 'failed':
      return { code: 'psp_unavailable', decline_code: null }
    default:
      return null
  }
}

/** A PSP that refuses our set-up says nothing about the card. */
export function codeOfDecline<Code extends string>(
  decline: Decline | undefined,
  otherwise: Code,
): Code | 'psp_configuration' {
  return decline?.class === 'configuration' ? 'psp_configuration' : otherwise
}

export function operationStatusView(status: OperationStatus): OperationStatusView {
  switch (status) {
    case 'planned':
    case 'accepted':
    case 'unknown':
    case 'inquiring':
    case 'manual':
      return 'pending'
    case 'requires_action':
      return 'requires_action'
    case 'succeeded':
      return 'succeeded'
    case 'declined':
      return 'declined'
    case 'not_sent':
    case 'absent':
      return 'failed'
    default:
      return unreachable(status)
  }
}

function times(milliseconds: number): { created: number; created_at: string } {
  return { created: seconds(milliseconds), created_at: timestamp(milliseconds) }
}

export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000)
}

/** RFC 3339 in UTC, to the second. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}

export function isLive(mode: Mode): boolean {
  return mode === 'live'
}
