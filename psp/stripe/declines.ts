/**
 * Stripe's decline codes in our classes. An open set: a code that is not listed is soft and shown as `generic_decline`,
 * with Stripe's own code kept for support. The network's advice, where there is one, outranks our table.
 */
import type { Decline, DeclineClass } from '../../domain/payment/operations.ts'
import type { StripeError } from './answers.ts'

const codes: Readonly<Record<Exclude<DeclineClass, 'configuration'>, string>> = {
  // The card will not work again, or must not be tried again.
  hard: `lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist invalid_account
    card_not_supported currency_not_supported do_not_try_again revocation_of_authorization
    revocation_of_all_authorizations stop_payment_order transaction_not_allowed security_violation expired_card
    incorrect_number invalid_number testmode_decline`,
  // The shopper has to do or correct something.
  shopper: `authentication_required incorrect_cvc invalid_cvc incorrect_pin invalid_pin incorrect_zip
    invalid_expiry_month invalid_expiry_year online_or_offline_pin_required offline_pin_required pin_try_exceeded
    call_issuer authentication_failed`,
  soft: `insufficient_funds generic_decline do_not_honor try_again_later card_velocity_exceeded
    withdrawal_count_limit_exceeded no_action_taken not_permitted service_not_allowed approve_with_id
    duplicate_transaction new_account_information_available card_declined`,
  // The way to the issuer failed, not the card: another PSP may have another way.
  retry_elsewhere: 'issuer_not_available processing_error reenter_transaction',
}

const classOf: ReadonlyMap<string, DeclineClass> = new Map(
  (Object.entries(codes) as [DeclineClass, string][]).flatMap(([name, list]) =>
    list.split(/\s+/).map((code) => [code, name] as const),
  ),
)

/** Every code with a class of its own. */
export const knownDeclineCodes: ReadonlyMap<string, DeclineClass> = classOf

/** Different words of Stripe's for one thing. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['invalid_cvc', 'incorrect_cvc'],
  ['invalid_pin', 'incorrect_pin'],
  ['invalid_number', 'incorrect_number'],
  ['card_declined', 'generic_decline'],
  ['payment_intent_authentication_failure', 'authentication_failed'],
])

const classOfAdvice: ReadonlyMap<string, DeclineClass> = new Map([
  ['do_not_try_again', 'hard'],
  ['try_again_later', 'soft'],
  ['confirm_card_data', 'shopper'],
])

/** The decline that a card error (HTTP 402, or an intent's last payment error) stands for. */
export function declineOf(error: StripeError): Decline {
  const pspCode = error.declineCode ?? error.code
  const normal = pspCode === undefined ? 'generic_decline' : (synonyms.get(pspCode) ?? pspCode)
  const known = classOf.get(normal)
  return {
    class: classOfAdvice.get(error.adviceCode ?? '') ?? known ?? 'soft',
    code: known === undefined ? 'generic_decline' : normal,
    ...(pspCode === undefined ? {} : { pspCode }),
  }
}
