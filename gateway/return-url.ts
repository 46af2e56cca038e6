/** The merchant's address that the shopper goes back to, and what is added to it. */
import type { Mode } from '../domain/ids.ts'

/** Whether shoppers can be sent there: an absolute https address without user information; http too in test mode. */
export function isReturnUrl(text: string, mode: Mode): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && mode === 'test')
  return secure && url.username === '' && url.password === ''
}

/** The address with the payment's id and status in its query, for the merchant's page; its server asks for the rest. */
export function returnUrlWith(returnUrl: string, paymentId: string, status: string): string {
  const url = new URL(returnUrl)
  url.searchParams.set('payment', paymentId)
  url.searchParams.set('status', status)
  return url.href
}
