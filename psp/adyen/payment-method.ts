/**
 * Payment methods at Adyen: a stored one by its id; a card that Adyen's own page components have encrypted; a wallet's token.
 *
 * Of an encrypted card only what Adyen's schema of cards knows is passed on, and nothing of a card in the clear: who sends a
 * number, a security code or an expiry date is refused. The members' order is fixed: the same token always gives the same bytes.
 */
import type { AuthorizeCall } from '../../domain/payment/operations.ts'
import type { Unrepresentable } from '../unrepresentable.ts'

/** The members of a payment request that say who pays, and how the shopper takes part. */
export interface PayerFields {
  readonly paymentMethod: Readonly<Record<string, string>>
  readonly shopperInteraction: 'Ecommerce' | 'ContAuth'
  readonly shopperReference?: string
  readonly recurringProcessingModel?: 'CardOnFile'
}

export function payerFields(call: AuthorizeCall): PayerFields | Unrepresentable {
  const { type, token } = call.paymentMethod
  switch (type) {
    case 'card':
      return token.startsWith('{')
        ? cardFields(parseFields(token), call)
        : storedFields({ type: 'scheme' }, token, call)
    case 'apple_pay':
      return walletFields('applepay', 'applePayToken', applePayToken(parseFields(token)))
    case 'google_pay':
      return walletFields('googlepay', 'googlePayToken', googlePayToken(parseFields(token), token))
  }
}

type Fields = Readonly<Record<string, unknown>>

const notRepresentable: Unrepresentable = { unrepresentable: 'payment_method' }

/** A payment method that Adyen keeps is found by the shopper's reference, and by that alone. */
function storedFields(
  others: Readonly<Record<string, string>>,
  storedPaymentMethodId: string,
  { customer }: AuthorizeCall,
): PayerFields | Unrepresentable {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(storedPaymentMethodId)) return notRepresentable
  if (customer === undefined || customer.length < shopperReferenceLength.min) return { unrepresentable: 'customer' }
  if (customer.length > shopperReferenceLength.max) return { unrepresentable: 'customer' }
  return {
    paymentMethod: { ...others, storedPaymentMethodId },
    shopperInteraction: 'ContAuth',
    shopperReference: customer,
    recurringProcessingModel: 'CardOnFile',
  }
}

function cardFields(card: Fields | undefined, call: AuthorizeCall): PayerFields | Unrepresentable {
  if (card === undefined || inTheClear.some((name) => Object.hasOwn(card, name))) return notRepresentable
  const paymentMethod: Record<string, string> = { type: 'scheme' }
  for (const [name, pattern] of cardMembers) {
    const value = Object.hasOwn(card, name) ? card[name] : undefined
    if (value === undefined || value === null) continue
    if (typeof value !== 'string' || !pattern.test(value)) return notRepresentable
    paymentMethod[name] = value
  }
  const { storedPaymentMethodId, ...others } = paymentMethod
  if (storedPaymentMethodId !== undefined) return storedFields(others, storedPaymentMethodId, call)
  if (others['encryptedCard'] === undefined && others['encryptedCardNumber'] === undefined) return notRepresentable
  return { paymentMethod: others, shopperInteraction: 'Ecommerce' }
}

const inTheClear = ['number', 'cvc', 'expiryMonth', 'expiryYear']
/** Anything but a number that is called encrypted. */
const encrypted = /^(?![\d\s-]*$)[^]{1,15000}$/
const short = /^[^]{1,255}$/
const cardMembers: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['type', /^(?:scheme|card|bcmc)$/],
  ['brand', short],
  ['checkoutAttemptId', short],
  ['encryptedCard', encrypted],
  ['encryptedCardNumber', encrypted],
  ['encryptedExpiryMonth', encrypted],
  ['encryptedExpiryYear', encrypted],
  ['encryptedPassword', encrypted],
  ['encryptedSecurityCode', encrypted],
  ['fundingSource', /^(?:credit|debit|prepaid)$/],
  ['holderName', short],
  ['sdkData', /^[^]{1,50000}$/],
  ['storedPaymentMethodId', short],
  ['threeDS2SdkVersion', /^[^]{1,12}$/],
]
/** As Adyen's schema has it. */
const shopperReferenceLength = { min: 3, max: 256 }
const walletTokenLengthMax = 10_000

function walletFields(type: string, member: string, token: string | undefined): PayerFields | Unrepresentable {
  if (token === undefined || token.length > walletTokenLengthMax) return notRepresentable
  return { paymentMethod: { type, [member]: token }, shopperInteraction: 'Ecommerce' }
}

/** The `paymentData` of Apple's token, as a text in base64. */
function applePayToken(token: Fields | undefined): string | undefined {
  const data: unknown = token?.['paymentData']
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined
  return Buffer.from(JSON.stringify(data)).toString('base64')
}

/** Google's token is a JSON text itself, signed: it is passed on as it came. */
function googlePayToken(token: Fields | undefined, text: string): string | undefined {
  return typeof token?.['signedMessage'] === 'string' ? text : undefined
}

function parseFields(text: string): Fields | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // said by the result
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}
