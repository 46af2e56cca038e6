/** What an HTTP answer tells a merchant's program: whether the request was done, and what became of its payment. */
import type { End, EndType, ToldPayment, ToldRefund } from './history.ts'

export interface HttpAnswer {
  readonly status: number
  readonly etag: string | undefined
  readonly replayed: boolean
  readonly text: string
}

export interface Understood {
  readonly type: EndType
  readonly code?: string
  readonly paymentId?: string
  readonly version?: number
  readonly value?: ToldPayment | ToldRefund
  /** Worth sending again under the same key: it got no answer of its own yet. */
  readonly isUnanswered: boolean
}

/**
 * `ok` where the answer is about something that happened, a decline included; `fail` where this request certainly did
 * nothing; `info` where neither is said. 503 promises nothing unless it says `not_accepted`.
 */
export function understand({ status, etag, text }: HttpAnswer): Understood {
  let body: Readonly<Record<string, unknown>>
  try {
    body = objectOf(JSON.parse(text))
  } catch {
    return { type: 'info', code: 'unreadable_answer', isUnanswered: true }
  }
  const error = objectOf(body['error'])
  const code = typeof error['code'] === 'string' ? error['code'] : undefined
  const shown = status < 300 ? body : objectOf(error['payment'])
  const told = status < 300 || status === 402 || status === 424 ? valueOf(shown) : undefined
  const version = /^"?(\d+)"?$/.exec(etag ?? '')?.[1]
  const id = shown['object'] === 'refund' ? idIn(shown['payment']) : shown['id']
  const about = {
    ...(code !== undefined && { code }),
    ...(typeof id === 'string' && { paymentId: id }),
    ...(version !== undefined && told !== undefined && { version: Number(version) }),
    ...(told !== undefined && { value: told }),
  }
  if (status < 300 || told !== undefined) return { type: 'ok', ...about, isUnanswered: false }
  if (status >= 500) {
    const isCertain = code === 'not_accepted'
    return { type: isCertain ? 'fail' : 'info', ...about, isUnanswered: true }
  }
  return { type: 'fail', ...about, isUnanswered: status === 429 || status === 408 || code === 'idempotency_key_in_use' }
}

/** The end of an operation in a history, without its number. */
export function endOf(answer: HttpAnswer, understood: Understood, hash: string): Omit<End, 'i' | 't_mono_ns'> {
  const { type, code, paymentId, version, value } = understood
  return {
    type,
    status: answer.status,
    resp_hash: hash,
    ...(code !== undefined && { code }),
    ...(paymentId !== undefined && { payment_id: paymentId }),
    ...(version !== undefined && { version }),
    ...(answer.replayed && { replayed: true }),
    ...(value !== undefined && { value }),
  }
}

function valueOf(shown: Readonly<Record<string, unknown>>): ToldPayment | ToldRefund | undefined {
  const { object, id, status } = shown as { object?: unknown; id?: unknown; status?: unknown }
  if (typeof id !== 'string' || typeof status !== 'string') return undefined
  if (object === 'refund') return { object, id, status, amount: Number(shown['amount']) }
  if (object !== 'payment') return undefined
  return {
    object,
    status,
    authorized: Number(shown['amount_authorized']),
    captured: Number(shown['amount_captured']),
    refunded: Number(shown['amount_refunded']),
  }
}

/** A payment that is named, or written out. */
function idIn(payment: unknown): unknown {
  return typeof payment === 'string' ? payment : objectOf(payment)['id']
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
