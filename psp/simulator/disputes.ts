/**
 * The disputes that some test payment methods draw upon themselves once they are captured. Derived from the charge: a
 * dispute has no life of its own here, evidence and outcome are not simulated.
 */
import { testCard } from './cards.ts'
import type { ChargeRecord } from './records.ts'
import type { JsonObject, RenderContext } from './render.ts'

const answerWithinSeconds = 7 * 24 * 3600

/** The dispute of a charge that has one. */
export function renderDispute(charge: ChargeRecord, context: RenderContext): JsonObject {
  const card = testCard(charge.paymentMethod)
  const inquiry = card?.disputeIsInquiry === true
  return {
    id: charge.disputed,
    object: 'dispute',
    amount: charge.amountCaptured,
    balance_transactions: [],
    charge: charge.id,
    created: charge.created,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: Object.fromEntries([...evidenceTexts.map((name) => [name, null] as const), ['enhanced_evidence', {}]]),
    evidence_details: {
      due_by: charge.created + answerWithinSeconds,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: context.at > charge.created + answerWithinSeconds,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    network_reason_code: card?.dispute === 'fraudulent' ? '10.4' : '13.1',
    payment_intent: charge.intent,
    payment_method_details: {
      card: {
        brand: 'visa',
        case_type: inquiry ? 'inquiry' : 'chargeback',
        network: 'visa',
        network_reason_code: card?.dispute === 'fraudulent' ? '10.4' : '13.1',
      },
      type: 'card',
    },
    reason: card?.dispute ?? 'general',
    status: inquiry ? 'warning_needs_response' : 'needs_response',
  }
}

/** Whether money was taken back: then the charge cannot be refunded any more. */
export function isChargedBack(charge: ChargeRecord): boolean {
  return charge.disputed !== null && testCard(charge.paymentMethod)?.disputeIsInquiry !== true
}

const evidenceTexts: readonly string[] = `access_activity_log billing_address cancellation_policy
  cancellation_policy_disclosure cancellation_rebuttal customer_communication customer_email_address customer_name
  customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
  product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date
  service_documentation shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number
  uncategorized_file uncategorized_text`.split(/\s+/)
