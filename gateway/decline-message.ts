/**
 * A sentence for each normalised decline code that has more to say than "declined". What a PSP wrote itself is never
 * shown: it is free text of another company. Codes that mean theft or fraud have no sentence of their own, because
 * messages end up before shoppers.
 */
const messages: ReadonlyMap<string, string> = new Map([
  ['insufficient_funds', 'Insufficient funds.'],
  ['expired_card', 'The card has expired.'],
  ['incorrect_cvc', 'The card’s security code is wrong.'],
  ['incorrect_number', 'The card number is wrong.'],
  ['incorrect_pin', 'The PIN is wrong.'],
  ['pin_validation_not_possible', 'The PIN could not be checked.'],
  ['incorrect_zip', 'The postal code is wrong.'],
  ['incorrect_address', 'The billing address is wrong.'],
  ['invalid_account', 'The card or its account is invalid.'],
  ['authentication_required', 'The card’s bank wants the shopper to authenticate.'],
  ['authentication_failed', 'The shopper could not be authenticated.'],
  ['card_velocity_exceeded', 'The card’s limit was exceeded.'],
  ['withdrawal_count_limit_exceeded', 'The card’s limit was exceeded.'],
  ['currency_not_supported', 'The card does not take this currency.'],
  ['card_not_supported', 'The card does not take this kind of payment.'],
  ['terminal_action_required', 'The card has to be presented to a terminal in another way.'],
  ['payment_method_invalid', 'The PSP does not know this payment method.'],
  ['payment_method_not_supported', 'The PSP cannot read what the wallet gave.'],
  ['customer_required', 'The payment names no customer, and its stored payment method needs one.'],
  ['invalid_amount', 'The PSP or the card’s bank does not take this amount.'],
  ['amount_not_supported', 'The PSP cannot take this amount in this currency.'],
  ['not_captured', 'The PSP has not captured the payment yet.'],
  ['capture_refused', 'The PSP refused the capture without giving a reason.'],
  ['void_refused', 'The PSP refused to cancel the authorization without giving a reason.'],
  ['issuer_not_available', 'The card’s bank could not be reached.'],
  ['processing_error', 'The PSP could not process the payment.'],
  ['do_not_honor', 'The card’s bank declined without giving a reason.'],
])

export function declineMessage(declineCode: string, otherwise: string): string {
  return messages.get(declineCode) ?? otherwise
}
