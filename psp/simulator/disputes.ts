/**
 * Disputes: how one is opened, what can become of it, and how Stripe shows it. An inquiry (`warning_…`) takes no money; a
 * dispute takes the amount and a fee at once, and a dispute won gives the amount back, not the fee.
 * Evidence is not simulated: what the bank decides is decided in the PSP's own pages (`stripe-admin.ts`).
 */
import { testCard } from './cards.ts'
import type { Call } from './execution.ts'
import type { ChargeRecord, DisputeReason, DisputeRecord, DisputeStatus, Movement } from './records.ts'
import type { Json, JsonObject, RenderContext } from './render.ts'
import type { World } from './world.ts'

const answerWithinSeconds = 7 * 24 * 3600
/** What a dispute costs, in minor units of whatever currency it is in. */
export const disputeFee = 1500

export interface DisputeFacts {
  readonly reason: DisputeReason
  readonly inquiry: boolean
  readonly amount: number
}

export function openedDispute(
  charge: ChargeRecord,
  facts: DisputeFacts,
  { ids, now }: Pick<Call, 'ids' | 'now'>,
): DisputeRecord {
  const { reason, inquiry, amount } = facts
  return {
    kind: 'dispute',
    id: ids.next('dp'),
    created: now,
    intent: charge.intent,
    charge: charge.id,
    amount,
    currency: charge.currency,
    reason,
    status: inquiry ? 'warning_needs_response' : 'needs_response',
    withdrawn: inquiry ? null : { balanceTransaction: ids.next('txn'), at: now },
    reinstated: null,
  }
}

/** A charge, with the dispute that its test payment method draws upon it once it is captured. */
export function withDisputeOfCard(
  charge: ChargeRecord,
  call: Pick<Call, 'ids' | 'now'>,
): readonly (ChargeRecord | DisputeRecord)[] {
  const card = testCard(charge.paymentMethod)
  if (card?.dispute === undefined || !charge.captured || charge.disputed !== null) return [charge]
  const facts = { reason: card.dispute, inquiry: card.disputeIsInquiry === true, amount: charge.amountCaptured }
  const dispute = openedDispute(charge, facts, call)
  return [{ ...charge, disputed: dispute.id }, dispute]
}

export const disputeDecisions = ['under_review', 'escalated', 'closed', 'won', 'lost'] as const
/** `under_review`: evidence is with the bank. `escalated`: an inquiry becomes a dispute. `closed`: it does not. */
export type DisputeDecision = (typeof disputeDecisions)[number]

const courses: Readonly<Record<DisputeStatus, Readonly<Partial<Record<DisputeDecision, DisputeStatus>>>>> = {
  warning_needs_response: {
    under_review: 'warning_under_review',
    escalated: 'needs_response',
    closed: 'warning_closed',
  },
  warning_under_review: { escalated: 'needs_response', closed: 'warning_closed' },
  warning_closed: {},
  needs_response: { under_review: 'under_review', won: 'won', lost: 'lost' },
  under_review: { won: 'won', lost: 'lost' },
  won: {},
  lost: {},
}

/** The dispute after a decision, or undefined where its status does not allow it. */
export function decidedDispute(
  dispute: DisputeRecord,
  decision: DisputeDecision,
  { ids, now }: Pick<Call, 'ids' | 'now'>,
): DisputeRecord | undefined {
  const status = courses[dispute.status][decision]
  if (status === undefined) return undefined
  const movement = (): Movement => ({ balanceTransaction: ids.next('txn'), at: now })
  return {
    ...dispute,
    status,
    withdrawn: decision === 'escalated' ? movement() : dispute.withdrawn,
    reinstated: decision === 'won' ? movement() : dispute.reinstated,
  }
}

/** Whether its money was taken back and not returned: then the charge cannot be refunded any more. */
export function isChargedBack(charge: ChargeRecord, world: World): boolean {
  const dispute = world.dispute(charge.disputed ?? '')
  return dispute !== undefined && dispute.withdrawn !== null && dispute.reinstated === null
}

export function renderDispute(dispute: DisputeRecord, context: Pick<RenderContext, 'at'>): JsonObject {
  const { id, amount, charge, created, currency, intent, reason, status } = dispute
  const inquiry = dispute.withdrawn === null
  const answered = status === 'warning_under_review' || status === 'under_review' || status === 'won'
  const networkReason = reason === 'fraudulent' ? '10.4' : '13.1'
  const dueBy = created + answerWithinSeconds
  return {
    id,
    object: 'dispute',
    amount,
    balance_transactions: renderMovements(dispute),
    charge,
    created,
    currency,
    enhanced_eligibility_types: [],
    evidence: Object.fromEntries([...evidenceTexts.map((name) => [name, null] as const), ['enhanced_evidence', {}]]),
    evidence_details: {
      due_by: dueBy,
      enhanced_eligibility: {},
      has_evidence: answered,
      past_due: context.at > dueBy,
      submission_count: answered ? 1 : 0,
      submission_method: answered ? 'manual' : 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    network_reason_code: networkReason,
    payment_intent: intent,
    payment_method_details: {
      card: {
        brand: 'visa',
        case_type: inquiry ? 'inquiry' : 'chargeback',
        network: 'visa',
        network_reason_code: networkReason,
      },
      type: 'card',
    },
    reason,
    status,
  }
}

function renderMovements({ id, amount, currency, withdrawn, reinstated }: DisputeRecord): Json[] {
  const rendered = (movement: Movement, gross: number, fee: number, category: string, description: string): Json => ({
    id: movement.balanceTransaction,
    object: 'balance_transaction',
    amount: gross,
    available_on: movement.at,
    balance_type: 'payments',
    created: movement.at,
    currency,
    description,
    exchange_rate: null,
    fee,
    fee_details:
      fee === 0 ? [] : [{ amount: fee, application: null, currency, description: 'Dispute fee', type: 'stripe_fee' }],
    net: gross - fee,
    reporting_category: category,
    source: id,
    status: 'available',
    type: 'adjustment',
  })
  return [
    ...(withdrawn === null ? [] : [rendered(withdrawn, -amount, disputeFee, 'dispute', 'Chargeback withdrawal')]),
    ...(reinstated === null ? [] : [rendered(reinstated, amount, 0, 'dispute_reversal', 'Chargeback reversal')]),
  ]
}

const evidenceTexts: readonly string[] = `access_activity_log billing_address cancellation_policy
  cancellation_policy_disclosure cancellation_rebuttal customer_communication customer_email_address customer_name
  customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
  product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date
  service_documentation shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number
  uncategorized_file uncategorized_text`.split(/\s+/)
