/** An operation whose outcome is, or was, in doubt, as operators see it. */
import type { RuledOutcome } from '../../domain/payment/operations.ts'
import type { Operation, Payment, Proposal } from '../../domain/payment/state.ts'
import { iso } from './views.ts'

export interface OperationView {
  readonly payment: string
  readonly payment_status: string
  readonly merchant: string
  readonly mode: string
  readonly operation: string
  readonly kind: string
  readonly status: string
  /** Minor units. */
  readonly amount: number
  readonly currency: string
  readonly connection: string
  readonly psp_reference: string | null
  /** These four are null once the outcome is known. */
  readonly since: string | null
  readonly reason: string | null
  readonly inquiries: number | null
  readonly proposal: ProposalView | null
  /** Null where nobody asks any more: people decide. */
  readonly next_inquiry_at: string | null
}

export interface ProposalView {
  readonly outcome: RuledOutcome['kind']
  readonly psp_reference: string | null
  readonly amount: number | null
  readonly captured: boolean | null
  readonly evidence: string
  readonly reason: string
  readonly operator: string
  readonly proposed_at: string
}

export function operationView(payment: Payment, operation: Operation): OperationView {
  const { doubt, status } = operation
  const isAsked = status === 'unknown' || status === 'inquiring'
  return {
    ...{
      payment: payment.id,
      payment_status: payment.lifecycle.status,
      merchant: payment.merchant,
      mode: payment.mode,
    },
    ...{ operation: operation.id, kind: operation.kind, status, amount: operation.amountMinor },
    ...{ currency: payment.currency, connection: operation.connection, psp_reference: operation.pspReference ?? null },
    since: doubt === undefined ? null : iso(doubt.since),
    reason: doubt?.reason ?? null,
    inquiries: doubt?.inquiries ?? null,
    proposal: doubt?.proposal === undefined ? null : proposalView(doubt.proposal),
    next_inquiry_at: doubt !== undefined && isAsked ? iso(doubt.nextInquiryAt) : null,
  }
}

function proposalView({ outcome, evidence, reason, operator, proposedAt }: Proposal): ProposalView {
  const isSuccess = outcome.kind === 'succeeded'
  return {
    outcome: outcome.kind,
    psp_reference: outcome.kind === 'absent' ? null : (outcome.pspReference ?? null),
    amount: isSuccess ? outcome.amountMinor : null,
    captured: isSuccess ? (outcome.captured ?? null) : null,
    ...{ evidence, reason, operator, proposed_at: iso(proposedAt) },
  }
}
