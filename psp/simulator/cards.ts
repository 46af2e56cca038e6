/** Stripe's test payment methods, and what each does. A token that is not listed does not exist. */
import type { CardError } from './records.ts'

export interface TestCard {
  readonly last4: string
  readonly authorization: 'succeeds' | 'declines' | 'needs_action'
  readonly decline?: Pick<CardError, 'code' | 'declineCode' | 'message'>
  readonly refund?: 'pending_then_succeeds' | 'succeeds_then_fails'
  /** Reason of the dispute that follows a capture. */
  readonly dispute?: 'fraudulent' | 'product_not_received'
  readonly disputeIsInquiry?: boolean
}

function declines(last4: string, code: string, declineCode: string | null, message: string): TestCard {
  return { last4, authorization: 'declines', decline: { code, declineCode, message } }
}

const declined = 'Your card was declined.'
const genericDecline = declines('0002', 'card_declined', 'generic_decline', declined)
const insufficientFunds = declines('9995', 'card_declined', 'insufficient_funds', 'Your card has insufficient funds.')
const lostCard = declines('9987', 'card_declined', 'lost_card', declined)
const stolenCard = declines('9979', 'card_declined', 'stolen_card', declined)
const velocity = declines(
  '6975',
  'card_declined',
  'card_velocity_exceeded',
  'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
)
const expired = declines('0069', 'expired_card', null, 'Your card has expired.')
const wrongCvc = declines('0127', 'incorrect_cvc', null, "Your card's security code is incorrect.")
const processing = declines(
  '0119',
  'processing_error',
  null,
  'An error occurred while processing your card. Try again in a little bit.',
)

const cards: ReadonlyMap<string, TestCard> = new Map<string, TestCard>([
  ['pm_card_visa', { last4: '4242', authorization: 'succeeds' }],
  ['pm_card_mastercard', { last4: '4444', authorization: 'succeeds' }],
  ['pm_card_visa_debit', { last4: '5556', authorization: 'succeeds' }],
  ...withAlias('chargeDeclined', genericDecline),
  ...withAlias('chargeDeclinedInsufficientFunds', insufficientFunds),
  ...withAlias('chargeDeclinedLostCard', lostCard),
  ...withAlias('chargeDeclinedStolenCard', stolenCard),
  ...withAlias('chargeDeclinedVelocityLimitExceeded', velocity),
  ...withAlias('chargeDeclinedExpiredCard', expired),
  ...withAlias('chargeDeclinedIncorrectCvc', wrongCvc),
  ...withAlias('chargeDeclinedProcessingError', processing),
  ['pm_card_chargeCustomerFail', declines('0341', 'card_declined', 'generic_decline', declined)],
  ['pm_card_authenticationRequired', { last4: '3184', authorization: 'needs_action' }],
  ['pm_card_createDispute', { last4: '0259', authorization: 'succeeds', dispute: 'fraudulent' }],
  [
    'pm_card_createDisputeProductNotReceived',
    { last4: '2685', authorization: 'succeeds', dispute: 'product_not_received' },
  ],
  [
    'pm_card_createDisputeInquiry',
    { last4: '1976', authorization: 'succeeds', dispute: 'fraudulent', disputeIsInquiry: true },
  ],
  ['pm_card_pendingRefund', { last4: '7726', authorization: 'succeeds', refund: 'pending_then_succeeds' }],
  ['pm_card_refundFail', { last4: '5126', authorization: 'succeeds', refund: 'succeeds_then_fails' }],
])

/** Stripe has each declining method under its newer name and its older one. */
function withAlias(name: string, card: TestCard): [string, TestCard][] {
  return [
    [`pm_card_${name}`, card],
    [`pm_card_visa_${name}`, card],
  ]
}

export function testCard(token: string): TestCard | undefined {
  return cards.get(token)
}

export const testCardTokens: readonly string[] = [...cards.keys()]

/** Stripe's test tokens are named like its test payment methods: `tok_visa` is `pm_card_visa`. */
export function paymentMethodOfToken(token: string): string | undefined {
  if (!token.startsWith('tok_')) return undefined
  const paymentMethod = `pm_card_${token.slice('tok_'.length)}`
  return cards.has(paymentMethod) ? paymentMethod : undefined
}
