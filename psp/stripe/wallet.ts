/**
 * Wallets at Stripe. What Apple Pay and Google Pay give a merchant's page is Stripe's own token where Stripe made it: by
 * itself, or inside the JSON text that Google Pay hands on. It is passed on as a card by token, which is how Stripe takes
 * a wallet that was tokenized.
 *
 * Left out: a token that the wallet encrypted for the merchant. Stripe takes it from its own SDKs alone.
 */
import type { PaymentMethod } from '../../domain/payment/operations.ts'
import type { FormValue } from './form.ts'

/** The fields of the request that name the payment method; undefined where Stripe cannot be given it. */
export function paymentMethodFields({ type, token }: PaymentMethod): { readonly [key: string]: FormValue } | undefined {
  if (type === 'card') return { payment_method: token }
  const id = token.startsWith('{') ? idInside(token) : token
  if (id === undefined) return undefined
  return id.startsWith('tok_') ? { payment_method_data: { type: 'card', card: { token: id } } } : { payment_method: id }
}

/** Google Pay's text is Stripe's token object. */
function idInside(text: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const id = (value as { readonly id?: unknown }).id
  return typeof id === 'string' && /^(?:tok|pm)_[A-Za-z0-9_]{1,250}$/.test(id) ? id : undefined
}
