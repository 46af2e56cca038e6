/**
 * Records in Stripe's shapes (API version 2026-10-28.endive), complete: every field the API declares as always present is
 * there, null where this simulator has nothing to say. Pure: the same record at the same second gives the same bytes,
 * which is what an idempotent replay needs.
 */
import { testCard } from './cards.ts'
import type { ErrorFields } from './failure.ts'
import {
  type CardError,
  type ChargeRecord,
  type IntentRecord,
  intentAt,
  type RefundRecord,
  refundStatusAt,
} from './records.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

export interface RenderContext {
  /** Unix seconds of the answer. */
  readonly at: number
  readonly expand: readonly string[]
  /** Looks up what an id stands for, for `expand` and derived amounts. */
  charge(id: string): ChargeRecord | undefined
  intent(id: string): IntentRecord | undefined
  refundsOf(charge: string): readonly RefundRecord[]
}

export function renderIntent(record: IntentRecord, context: RenderContext, path = ''): JsonObject {
  const intent = intentAt(record, context.at)
  return {
    id: intent.id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: intent.amount,
    amount_capturable: intent.amountCapturable,
    amount_details: { tip: {} },
    amount_received: intent.amountReceived,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: { allow_redirects: intent.allowRedirects, enabled: true },
    canceled_at: intent.canceledAt,
    cancellation_reason: intent.cancellationReason,
    capture_method: intent.captureMethod,
    client_secret: intent.clientSecret,
    confirmation_method: 'automatic',
    created: intent.created,
    currency: intent.currency,
    customer: null,
    customer_account: null,
    description: intent.description,
    excluded_payment_method_types: null,
    last_payment_error: intent.lastError === null ? null : renderLastError(intent.lastError, intent.paymentMethod),
    latest_charge: expandable(intent.latestCharge, `${path}latest_charge`, context, (id) => {
      const charge = context.charge(id)
      return charge === undefined ? undefined : renderCharge(charge, context, `${path}latest_charge.`)
    }),
    livemode: false,
    managed_payments: null,
    metadata: intent.metadata,
    next_action:
      intent.actionUrl === null
        ? null
        : { redirect_to_url: { return_url: intent.returnUrl, url: intent.actionUrl }, type: 'redirect_to_url' },
    on_behalf_of: null,
    payment_method: intent.paymentMethod,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { installments: null, mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    },
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: null,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: intent.descriptorSuffix,
    status: intent.status,
    transfer_data: null,
    transfer_group: null,
  }
}

export function renderCharge(charge: ChargeRecord, context: RenderContext, path = ''): JsonObject {
  const refunds = context.refundsOf(charge.id).filter((refund) => refundStatusAt(refund, context.at) !== 'failed')
  const refundedAmount = refunds.reduce(
    (sum, refund) => sum + refund.amount,
    charge.released ? charge.amount - charge.amountCaptured : 0,
  )
  const failed = charge.status === 'failed'
  return {
    id: charge.id,
    object: 'charge',
    amount: charge.amount,
    amount_captured: charge.amountCaptured,
    amount_refunded: refundedAmount,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: charge.balanceTransaction,
    billing_details: {
      address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
      email: null,
      name: null,
      phone: null,
      tax_id: null,
    },
    calculated_statement_descriptor: failed ? null : 'SHARDPAY SIMULATOR',
    captured: charge.captured,
    created: charge.created,
    currency: charge.currency,
    customer: null,
    description: null,
    disputed: charge.disputed !== null,
    failure_balance_transaction: null,
    failure_code: charge.failure?.code ?? null,
    failure_message: charge.failure?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: context.intent(charge.intent)?.metadata ?? {},
    on_behalf_of: null,
    outcome: renderOutcome(charge),
    paid: !failed,
    payment_intent: expandable(charge.intent, `${path}payment_intent`, context, (id) => {
      const intent = context.intent(id)
      return intent === undefined ? undefined : renderIntent(intent, context, `${path}payment_intent.`)
    }),
    payment_method: charge.paymentMethod,
    payment_method_details: renderCard(charge),
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded:
      !failed && refundedAmount >= (charge.captured ? charge.amountCaptured : charge.amount) && refundedAmount > 0,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: charge.status,
    transfer_data: null,
    transfer_group: null,
  }
}

export function renderRefund(refund: RefundRecord, context: RenderContext): JsonObject {
  const status = refundStatusAt(refund, context.at)
  return {
    id: refund.id,
    object: 'refund',
    amount: refund.amount,
    balance_transaction: refund.balanceTransaction,
    charge: expandable(refund.charge, 'charge', context, (id) => {
      const charge = context.charge(id)
      return charge === undefined ? undefined : renderCharge(charge, context, 'charge.')
    }),
    created: refund.created,
    currency: refund.currency,
    customer: null,
    customer_account: null,
    destination_details: {
      card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' },
      type: 'card',
    },
    ...(status === 'failed' ? { failure_reason: 'unknown' } : {}),
    ...(status === 'pending' ? { pending_reason: 'processing' } : {}),
    metadata: refund.metadata,
    payment_intent: expandable(refund.intent, 'payment_intent', context, (id) => {
      const intent = context.intent(id)
      return intent === undefined ? undefined : renderIntent(intent, context, 'payment_intent.')
    }),
    payment_method: refund.paymentMethod,
    reason: refund.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status,
    transfer_reversal: null,
  }
}

export function renderError(fields: ErrorFields, intent: IntentRecord | undefined, context: RenderContext): JsonObject {
  const { type, code, decline_code, advice_code, param, charge, message } = fields
  return {
    error: {
      ...(advice_code === undefined ? {} : { advice_code }),
      ...(charge === undefined ? {} : { charge }),
      ...(code === undefined
        ? {}
        : { code, doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` }),
      ...(decline_code === undefined ? {} : { decline_code }),
      message,
      ...(param === undefined ? {} : { param }),
      ...(intent === undefined ? {} : { payment_intent: renderIntent(intent, context) }),
      ...(type === 'card_error' && intent?.paymentMethod ? { payment_method: renderMethod(intent.paymentMethod) } : {}),
      type,
    },
  }
}

function renderLastError(error: CardError, paymentMethod: string | null): JsonObject {
  return {
    ...(error.adviceCode === null ? {} : { advice_code: error.adviceCode }),
    ...(error.charge === null ? {} : { charge: error.charge }),
    code: error.code,
    ...(error.declineCode === null ? {} : { decline_code: error.declineCode }),
    message: error.message,
    ...(paymentMethod === null ? {} : { payment_method: renderMethod(paymentMethod) }),
    type: error.code === 'payment_intent_authentication_failure' ? 'invalid_request_error' : 'card_error',
  }
}

function renderMethod(token: string): JsonObject {
  return { id: token, object: 'payment_method', type: 'card' }
}

function renderOutcome(charge: ChargeRecord): JsonObject {
  const { failure } = charge
  return {
    advice_code: failure?.adviceCode ?? null,
    network_advice_code: null,
    network_decline_code: failure === null ? null : '05',
    network_status: failure === null ? 'approved_by_network' : 'declined_by_network',
    reason: failure === null ? null : (failure.declineCode ?? failure.code),
    risk_level: 'normal',
    risk_score: 12,
    seller_message:
      failure === null ? 'Payment complete.' : 'The bank did not return any further details with this decline.',
    type: failure === null ? 'authorized' : 'issuer_declined',
  }
}

function renderCard(charge: ChargeRecord): JsonObject {
  return {
    card: {
      amount_authorized: charge.status === 'failed' ? null : charge.amount,
      authorization_code: charge.status === 'failed' ? null : '123456',
      brand: 'visa',
      ...(charge.captureBefore === null || charge.captured ? {} : { capture_before: charge.captureBefore }),
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: null },
      country: 'US',
      electronic_commerce_indicator: null,
      exp_month: 12,
      exp_year: 2034,
      extended_authorization: { status: 'disabled' },
      fingerprint: 'simulator0000000',
      funding: 'credit',
      incremental_authorization: { status: 'unavailable' },
      installments: null,
      last4: testCard(charge.paymentMethod)?.last4 ?? '4242',
      mandate: null,
      multicapture: { status: 'unavailable' },
      network: 'visa',
      network_token: { used: false },
      network_transaction_id: null,
      overcapture: { maximum_amount_capturable: charge.amount, status: 'unavailable' },
      regulated_status: 'unregulated',
      three_d_secure: charge.threeDSecure
        ? {
            authentication_flow: 'challenge',
            electronic_commerce_indicator: '05',
            exemption_indicator: null,
            result: 'authenticated',
            result_reason: null,
            transaction_id: null,
            version: '2.2.0',
          }
        : null,
      transaction_link_id: null,
      wallet: null,
    },
    type: 'card',
  }
}

/** An id, or the object where `expand` asks for it at this path. */
function expandable(
  id: string | null,
  path: string,
  context: RenderContext,
  object: (id: string) => JsonObject | undefined,
): Json {
  if (id === null) return null
  const asked = context.expand.some((wanted) => wanted === path || wanted.startsWith(`${path}.`))
  return asked ? (object(id) ?? id) : id
}
