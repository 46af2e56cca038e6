/** A capture that nobody wanted any more, and what becomes of its money, as operators see it. */
import { compensableMinor } from '../../domain/payment/derive.ts'
import type { Capture, Payment } from '../../domain/payment/state.ts'
import { iso } from './views.ts'

export interface CompensationView {
  readonly payment: string
  readonly payment_status: string
  readonly merchant: string
  readonly mode: string
  readonly capture: string
  /** Minor units that approving gives back; 0 once they are on their way. */
  readonly amount: number
  readonly currency: string
  readonly connection: string
  readonly psp_reference: string | null
  readonly captured_at: string | null
  readonly proposal: CompensationProposalView | null
  /** The newest refund that gives it back. */
  readonly refund: { readonly id: string; readonly status: string } | null
}

export interface CompensationProposalView {
  readonly operator: string
  readonly reason: string
  readonly proposed_at: string
}

export function compensationView(payment: Payment, capture: Capture): CompensationView {
  const { id, connection, pspReference, endedAt, compensation } = capture
  const refund = payment.refunds.findLast(({ captureId }) => captureId === id)
  return {
    ...{
      payment: payment.id,
      payment_status: payment.lifecycle.status,
      merchant: payment.merchant,
      mode: payment.mode,
    },
    ...{ capture: id, amount: compensableMinor(payment, capture), currency: payment.currency, connection },
    psp_reference: pspReference ?? null,
    captured_at: endedAt === undefined ? null : iso(endedAt),
    proposal:
      compensation === undefined
        ? null
        : {
            ...{ operator: compensation.operator, reason: compensation.reason },
            proposed_at: iso(compensation.proposedAt),
          },
    refund: refund === undefined ? null : { id: refund.id, status: refund.status },
  }
}
