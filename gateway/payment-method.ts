/**
 * Payment methods as requests name them: a PSP's token as a plain text, or an object that says its type. Wallets' tokens
 * are passed on as they came: a PSP's token, or the JSON text that the wallet made for the PSP, which nobody here can read.
 */
import type { PaymentMethod } from '../domain/payment/operations.ts'
import type { Refusal } from './problem.ts'
import type { PaymentMethodBody } from './request-schema.ts'

export type PaymentMethodResult =
  | { readonly ok: true; readonly paymentMethod: PaymentMethod }
  | { readonly ok: false; readonly refusal: Refusal }

const tokenPattern = /^[A-Za-z0-9_-]{1,255}$/

export function paymentMethodOf(body: string | PaymentMethodBody): PaymentMethodResult {
  if (typeof body === 'string') return { ok: true, paymentMethod: { type: 'card', token: body } }
  const { type, token } = body
  if (tokenPattern.test(token) || (type !== 'card' && isJsonObject(token))) {
    return { ok: true, paymentMethod: { type, token } }
  }
  const message =
    type === 'card'
      ? 'payment_method.token must be a token of the PSP: letters, digits, _ and -.'
      : 'payment_method.token must be a token of the PSP, or the JSON text that the wallet gave.'
  return { ok: false, refusal: { code: 'parameter_invalid', param: 'payment_method.token', message } }
}

/** By the tolerant reader: it is the PSP that reads it, and a text that is not JSON is refused either way. */
function isJsonObject(text: string): boolean {
  if (!text.startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
