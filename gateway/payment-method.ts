/**
 * Payment methods as requests name them: a PSP's token as a plain text, or an object that says its type. Beside a PSP's token
 * there are JSON texts that nobody here can read: what a wallet made for the PSP is passed on as it came; a card's is what
 * the PSP's page has encrypted in the shopper's browser.
 */
import type { PaymentMethod } from '../domain/payment/operations.ts'
import { httpLimits } from '../runtime/limits.ts'
import { parseJson } from '../runtime/json.ts'
import type { Refusal } from './problem.ts'
import type { PaymentMethodBody } from './request-schema.ts'

export type PaymentMethodResult =
  | { readonly ok: true; readonly paymentMethod: PaymentMethod }
  | { readonly ok: false; readonly refusal: Refusal }

const tokenPattern = /^[A-Za-z0-9_-]{1,255}$/

export function paymentMethodOf(body: string | PaymentMethodBody): PaymentMethodResult {
  if (typeof body === 'string') return { ok: true, paymentMethod: { type: 'card', token: body } }
  const { type, token } = body
  if (tokenPattern.test(token) || (type === 'card' ? isStrictJsonObject(token) : isJsonObject(token))) {
    return { ok: true, paymentMethod: { type, token } }
  }
  const message =
    type === 'card'
      ? 'payment_method.token must be a token of the PSP, or the JSON text of a card that the PSP’s page has encrypted.'
      : 'payment_method.token must be a token of the PSP, or the JSON text that the wallet gave.'
  return { ok: false, refusal: { code: 'parameter_invalid', param: 'payment_method.token', message } }
}

/** By the strict reader: it is read again here, for what a card must not show, and has to mean the same to every reader. */
function isStrictJsonObject(text: string): boolean {
  return text.startsWith('{') && parseJson(Buffer.from(text), httpLimits).ok
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
