/**
 * Reads one HTTP answer: the object that was asked for, or a failure with whether the same request may be sent again.
 *
 * Sending again is safe for every request, because a read changes nothing and a POST carries its idempotency key. It is
 * useful only where the answer says nothing final: the API could not say what happened (5xx), is busy with this very
 * request (409 in use), or did not look at it (408, 429).
 */
import { ShardpayError } from './errors.ts'
import type { Problem } from './types.ts'

export type Outcome<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly error: ShardpayError; readonly repeat: boolean; readonly retryAfterMs: number }

/** As much of the error object as is read here; everything is checked, because proxies answer too. */
type ErrorObject = Readonly<Record<string, unknown>>

/** @param expected the `object` member that a success has: what lacks it did not come from the API. */
export async function readAnswer<Answer>(
  response: Response,
  expected: string,
  idempotencyKey: string | undefined,
): Promise<Outcome<Answer>> {
  const text = await response.text()
  const body = objectIn(text)
  if (response.ok && body?.['object'] === expected) return { kind: 'answer', answer: body as Answer }

  const { status } = response
  const retryAfterMs = retryAfterOf(response.headers.get('retry-after'))
  const error = errorObjectIn(body)
  if (!response.ok && error !== undefined) {
    const told = errorOf(error, response, idempotencyKey)
    const repeat = status >= 500 || status === 408 || status === 429 || told.code === 'idempotency_key_in_use'
    return { kind: 'failed', error: told, repeat, retryAfterMs }
  }
  const repeat = response.ok || status >= 500 || status === 408 || status === 429
  const unreadable = new ShardpayError({
    code: 'answer_unreadable',
    message: `the answer with status ${status} is not one of the Shardpay API`,
    retryable: repeat,
    status,
    idempotencyKey,
    requestId: response.headers.get('request-id') ?? undefined,
  })
  return { kind: 'failed', error: unreadable, repeat, retryAfterMs }
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return recordIn(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function recordIn(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
}

function errorObjectIn(body: Readonly<Record<string, unknown>> | undefined): ErrorObject | undefined {
  const error = recordIn(body?.['error'])
  return typeof error?.['code'] === 'string' ? error : undefined
}

function errorOf(error: ErrorObject, response: Response, idempotencyKey: string | undefined): ShardpayError {
  const text = (name: string): string | undefined => {
    const value = error[name]
    return typeof value === 'string' ? value : undefined
  }
  const code = text('code') ?? ''
  const payment = recordIn(error['payment'])
  return new ShardpayError({
    code,
    message: `${response.status} ${code}: ${text('message') ?? ''}`,
    retryable: error['retryable'] === true,
    type: text('type'),
    status: response.status,
    declineCode: text('decline_code'),
    param: text('param'),
    requestId: text('request_id') ?? response.headers.get('request-id') ?? undefined,
    docUrl: text('doc_url'),
    idempotencyKey,
    payment: typeof payment?.['id'] === 'string' ? (payment as Problem['error']['payment']) : undefined,
    details: error as Problem['error'],
  })
}

/** Seconds, or the date that proxies send; 0 where there is none. */
function retryAfterOf(header: string | null): number {
  if (header === null) return 0
  if (/^[0-9]{1,6}$/.test(header)) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now())
}
