/**
 * The payment methods that the simulated Adyen knows, and what each leads to: stored ids (`tok_…`), Adyen's test triggers
 * in the card holder's name and in `additionalData`, wallets and encrypted cards, which are always approved.
 */
import { AdyenFailure, invalid } from './failure.ts'
import type { Course } from './records.ts'
import { authenticationRequired, refusalReason } from './refusals.ts'
import type { PaymentBody } from './requests.ts'

export type Verdict =
  | { readonly kind: 'approved'; readonly course: Course }
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'redirected' }
  /** Nobody knows. `approved`: the issuer had said yes, which the notification tells. */
  | { readonly kind: 'error'; readonly code: number; readonly approved: boolean }

export interface UsedMethod {
  /** The stored id, else the type. */
  readonly name: string
  readonly type: string
  readonly brand: string
  readonly verdict: Verdict
}

const wallets: ReadonlySet<string> = new Set(['applepay', 'googlepay', 'paywithgoogle'])
const unauthenticated: Verdict = { kind: 'refused', code: authenticationRequired }
const approved: Verdict = { kind: 'approved', course: 'plain' }

/** Test triggers by name, as refusal codes; 1 is approval. */
const triggers: ReadonlyMap<string, number> = new Map([
  ['APPROVED', 1],
  ['DECLINED', 2],
  ['REFERRAL', 3],
  ['ERROR', 4],
  ['BLOCK_CARD', 5],
  ['CARD_EXPIRED', 6],
  ['INVALID_AMOUNT', 7],
  ['NOT_ENOUGH_BALANCE', 12],
  ['UNKNOWN', 0],
])

const stored: ReadonlyMap<string, Verdict> = new Map<string, Verdict>([
  ['tok_visa', approved],
  ['tok_3ds', { kind: 'redirected' }],
  ['tok_dispute', { kind: 'approved', course: 'charged_back' }],
  ['tok_capture_fail', { kind: 'approved', course: 'capture_fails' }],
  ['tok_refund_fail', { kind: 'approved', course: 'refund_fails' }],
  ['tok_error_approved', { kind: 'error', code: 4, approved: true }],
])

/** @throws AdyenFailure where there is no such payment method, or something of it is missing */
export function methodOf(body: PaymentBody): UsedMethod {
  const { paymentMethod, additionalData, shopperReference } = body
  const { type = 'scheme', storedPaymentMethodId: id, holderName } = paymentMethod
  const requested = additionalData?.['RequestedTestAcquirerResponseCode']
  const byCode = requested === undefined ? undefined : verdictOfCode(Number(requested))
  if (requested !== undefined && byCode === undefined) throw invalid('000', 'No such RequestedTestAcquirerResponseCode')
  if (wallets.has(type)) {
    const token = type === 'applepay' ? paymentMethod.applePayToken : paymentMethod.googlePayToken
    if (token === undefined) throw unsupported()
    return {
      name: type,
      type,
      brand: type === 'applepay' ? 'visa_applepay' : 'visa_googlepay',
      verdict: byCode ?? approved,
    }
  }
  if (id !== undefined) {
    if (shopperReference === undefined) throw invalid('000', 'Recurring payments require a shopperReference')
    const known = verdictOfStored(id)
    if (known === undefined) throw invalid('800', 'Contract not found')
    const mayRedirect = body.authenticationData?.attemptAuthentication !== 'never'
    const verdict = known.kind === 'redirected' && !mayRedirect ? unauthenticated : known
    return { name: id, type, brand: 'visa', verdict: byCode ?? verdict }
  }
  if (paymentMethod.encryptedCardNumber === undefined && paymentMethod.encryptedCard === undefined) throw unsupported()
  const trigger = triggers.get(holderName ?? '')
  const byName = trigger === undefined ? undefined : verdictOfCode(trigger)
  return { name: type, type, brand: 'visa', verdict: byCode ?? byName ?? approved }
}

function verdictOfStored(id: string): Verdict | undefined {
  const known = stored.get(id)
  if (known !== undefined || !id.startsWith('tok_visa_')) return known
  const trigger = id.slice('tok_visa_'.length)
  const code = /^R\d{1,2}$/.test(trigger) ? Number(trigger.slice(1)) : triggers.get(trigger)
  return code === undefined ? undefined : verdictOfCode(code)
}

function verdictOfCode(code: number): Verdict | undefined {
  if (code === 1) return approved
  if (refusalReason(code) === undefined) return undefined
  return code === 0 || code === 4 ? { kind: 'error', code, approved: false } : { kind: 'refused', code }
}

function unsupported(): AdyenFailure {
  return new AdyenFailure({
    status: 500,
    errorCode: '905',
    message: 'Payment details are not supported',
    errorType: 'configuration',
  })
}
