/**
 * Adyen's refusal reasons in our classes. Answers of its API name them by number, webhooks by text. An open set: what is not
 * listed is soft and shown as `generic_decline`; a text that is no reason's name is free text and goes no further.
 */
import type { Decline, DeclineClass } from '../../domain/payment/operations.ts'

type Row = readonly [pspCode: number, name: string, className: DeclineClass, code: string]

const rows: readonly Row[] = [
  [0, 'Unknown', 'soft', 'generic_decline'],
  [2, 'Refused', 'soft', 'generic_decline'],
  [3, 'Referral', 'shopper', 'call_issuer'],
  // The way to the issuer failed, not the card: another PSP may have another way.
  [4, 'Acquirer Error', 'retry_elsewhere', 'processing_error'],
  [5, 'Blocked Card', 'hard', 'restricted_card'],
  [6, 'Expired Card', 'hard', 'expired_card'],
  [7, 'Invalid Amount', 'hard', 'invalid_amount'],
  [8, 'Invalid Card Number', 'hard', 'incorrect_number'],
  [9, 'Issuer Unavailable', 'retry_elsewhere', 'issuer_not_available'],
  [10, 'Not supported', 'hard', 'card_not_supported'],
  [11, '3D Not Authenticated', 'shopper', 'authentication_failed'],
  [12, 'Not enough balance', 'soft', 'insufficient_funds'],
  [14, 'Acquirer Fraud', 'hard', 'fraudulent'],
  [15, 'Cancelled', 'shopper', 'authorization_canceled'],
  [16, 'Shopper Cancelled', 'shopper', 'authorization_canceled'],
  [17, 'Invalid Pin', 'shopper', 'incorrect_pin'],
  [18, 'Pin tries exceeded', 'shopper', 'pin_try_exceeded'],
  [19, 'Pin validation not possible', 'soft', 'pin_validation_not_possible'],
  [20, 'FRAUD', 'hard', 'fraudulent'],
  [21, 'Not Submitted', 'retry_elsewhere', 'processing_error'],
  [22, 'FRAUD-CANCELLED', 'hard', 'fraudulent'],
  [23, 'Transaction Not Permitted', 'hard', 'transaction_not_allowed'],
  [24, 'CVC Declined', 'shopper', 'incorrect_cvc'],
  [25, 'Restricted Card', 'hard', 'restricted_card'],
  [26, 'Revocation Of Auth', 'hard', 'revocation_of_authorization'],
  [27, 'Declined Non Generic', 'soft', 'generic_decline'],
  [28, 'Withdrawal amount exceeded', 'soft', 'card_velocity_exceeded'],
  [29, 'Withdrawal count exceeded', 'soft', 'withdrawal_count_limit_exceeded'],
  [31, 'Issuer Suspected Fraud', 'hard', 'fraudulent'],
  [32, 'AVS Declined', 'shopper', 'incorrect_address'],
  [33, 'Card requires online pin', 'shopper', 'online_or_offline_pin_required'],
  [34, 'No checking account available on Card', 'hard', 'invalid_account'],
  [35, 'No savings account available on Card', 'hard', 'invalid_account'],
  [36, 'Mobile pin required', 'shopper', 'online_or_offline_pin_required'],
  // 37, 40, 41, 44 and 45 are of terminals: the card has to be presented in another way.
  [37, 'Contactless fallback', 'shopper', 'terminal_action_required'],
  [38, 'Authentication required', 'shopper', 'authentication_required'],
  [39, 'RReq not received from DS', 'shopper', 'authentication_failed'],
  [40, 'Current AID is in Penalty Box', 'shopper', 'terminal_action_required'],
  [41, 'CVM Required Restart Payment', 'shopper', 'terminal_action_required'],
  [42, '3DS Authentication Error', 'shopper', 'authentication_failed'],
  [43, 'Online PIN required', 'shopper', 'online_or_offline_pin_required'],
  [44, 'Try another interface', 'shopper', 'terminal_action_required'],
  [45, 'Chip downgrade mode', 'shopper', 'terminal_action_required'],
  [46, 'Transaction blocked by Adyen to prevent excessive retry fees', 'hard', 'do_not_try_again'],
]

/** Every reason with a class of its own, by Adyen's number. */
export const knownRefusals: ReadonlyMap<string, Decline> = new Map(
  rows.map(([pspCode, , className, code]) => [String(pspCode), { class: className, code, pspCode: String(pspCode) }]),
)
const byName: ReadonlyMap<string, Decline | undefined> = new Map(
  rows.map(([pspCode, name]) => [name.toLowerCase(), knownRefusals.get(String(pspCode))]),
)

/** The decline that a `refusalReasonCode` stands for. */
export function refusalOfCode(pspCode: string | undefined): Decline {
  if (pspCode === undefined) return { class: 'soft', code: 'generic_decline' }
  return knownRefusals.get(pspCode) ?? { class: 'soft', code: 'generic_decline', pspCode }
}

/** The decline that the `reason` of a webhook stands for. */
export function refusalOfReason(reason: string): Decline {
  return byName.get(reason.toLowerCase()) ?? { class: 'soft', code: 'generic_decline' }
}
