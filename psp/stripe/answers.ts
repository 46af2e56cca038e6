/**
 * The parts of Stripe's answers that this connector reads, checked by hand: a PSP's answer is outside data, and a field
 * of the wrong kind makes the whole answer unreadable instead of a wrong outcome. Unknown fields and unknown values of
 * open sets (statuses, codes) pass; what they mean is `mapping.ts`'s business.
 */
import { isFields } from '../answer-json.ts'

export interface StripeIntent {
  readonly id: string
  readonly status: string
  readonly amount: number
  readonly amountCapturable: number
  readonly amountReceived: number
  /** Lower case, as Stripe writes it. */
  readonly currency: string
  readonly metadata: Readonly<Record<string, string>>
  /** Where the shopper has to go, if anywhere. */
  readonly redirectUrl?: string
  readonly lastPaymentError?: StripeError
  readonly latestCharge?: StripeCharge
}

export interface StripeCharge {
  readonly id: string
  /** Unix seconds; absent where the charge was not expanded or needs no capture. */
  readonly captureBefore?: number
}

export interface StripeRefund {
  readonly id: string
  readonly status: string
  readonly amount: number
  readonly currency: string
  readonly intent: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly failureReason?: string
}

export interface StripeError {
  readonly type: string
  readonly code?: string
  readonly declineCode?: string
  readonly adviceCode?: string
  readonly param?: string
  readonly intent?: StripeIntent
}

export interface StripePage<Item> {
  readonly items: readonly Item[]
  readonly hasMore: boolean
}

export function readIntent(value: unknown): StripeIntent | undefined {
  if (!isFields(value) || value['object'] !== 'payment_intent') return undefined
  const id = readId(value['id'], 'pi_')
  const status = readToken(value['status'])
  const amount = readAmount(value['amount'])
  const amountCapturable = readAmount(value['amount_capturable'])
  const amountReceived = readAmount(value['amount_received'])
  const currency = readToken(value['currency'])
  const metadata = readMetadata(value['metadata'])
  if (id === undefined || status === undefined || currency === undefined || metadata === undefined) return undefined
  if (amount === undefined || amountCapturable === undefined || amountReceived === undefined) return undefined
  const redirectUrl = readRedirect(value['next_action'])
  const lastPaymentError = readErrorFields(value['last_payment_error'])
  const latestCharge = readCharge(value['latest_charge'])
  return {
    id,
    status,
    amount,
    amountCapturable,
    amountReceived,
    currency,
    metadata,
    ...(redirectUrl === undefined ? {} : { redirectUrl }),
    ...(lastPaymentError === undefined ? {} : { lastPaymentError }),
    ...(latestCharge === undefined ? {} : { latestCharge }),
  }
}

export function readRefund(value: unknown): StripeRefund | undefined {
  if (!isFields(value) || value['object'] !== 'refund') return undefined
  const id = readId(value['id'], 're_') ?? readId(value['id'], 'pyr_')
  const status = readToken(value['status'])
  const amount = readAmount(value['amount'])
  const currency = readToken(value['currency'])
  const metadata = readMetadata(value['metadata'] ?? {})
  if (id === undefined || status === undefined || amount === undefined) return undefined
  if (currency === undefined || metadata === undefined) return undefined
  const intent = isFields(value['payment_intent']) ? value['payment_intent']['id'] : value['payment_intent']
  const failureReason = readToken(value['failure_reason'])
  return {
    id,
    status,
    amount,
    currency,
    intent: readId(intent, 'pi_'),
    metadata,
    ...(failureReason === undefined ? {} : { failureReason }),
  }
}

/** The object inside `{"error": {…}}`, or undefined where the answer is no Stripe error. */
export function readError(value: unknown): StripeError | undefined {
  return isFields(value) ? readErrorFields(value['error']) : undefined
}

/** A list or a search result; undefined where any of its items is not one. */
export function readPage<Item>(
  value: unknown,
  read: (item: unknown) => Item | undefined,
): StripePage<Item> | undefined {
  if (!isFields(value) || (value['object'] !== 'list' && value['object'] !== 'search_result')) return undefined
  const data: unknown = value['data']
  if (!Array.isArray(data) || typeof value['has_more'] !== 'boolean') return undefined
  const items: Item[] = []
  for (const entry of data as readonly unknown[]) {
    const item = read(entry)
    if (item === undefined) return undefined
    items.push(item)
  }
  return { items, hasMore: value['has_more'] }
}

function readErrorFields(value: unknown): StripeError | undefined {
  if (!isFields(value)) return undefined
  const type = readToken(value['type'])
  if (type === undefined) return undefined
  const code = readToken(value['code'])
  const declineCode = readToken(value['decline_code'])
  const adviceCode = readToken(value['advice_code'])
  const param = readToken(value['param'])
  const intent = readIntent(value['payment_intent'])
  return {
    type,
    ...(code === undefined ? {} : { code }),
    ...(declineCode === undefined ? {} : { declineCode }),
    ...(adviceCode === undefined ? {} : { adviceCode }),
    ...(param === undefined ? {} : { param }),
    ...(intent === undefined ? {} : { intent }),
  }
}

/** An expandable field: an id or the object. */
export function readCharge(value: unknown): StripeCharge | undefined {
  const charge = isFields(value) ? value : { id: value }
  const id = readId(charge['id'], 'ch_') ?? readId(charge['id'], 'py_')
  if (id === undefined) return undefined
  const details: unknown = charge['payment_method_details']
  const card = isFields(details) ? details['card'] : undefined
  const captureBefore = isFields(card) ? readTime(card['capture_before']) : undefined
  return { id, ...(captureBefore === undefined ? {} : { captureBefore }) }
}

function readRedirect(value: unknown): string | undefined {
  if (!isFields(value) || value['type'] !== 'redirect_to_url' || !isFields(value['redirect_to_url'])) return undefined
  return readUrl(value['redirect_to_url']['url'])
}

/** An address that a browser or a download may be sent to. */
export function readUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined
  const { protocol } = new URL(value)
  return protocol === 'https:' || protocol === 'http:' ? value : undefined
}

export function readId(value: unknown, prefix: string): string | undefined {
  return typeof value === 'string' && value.startsWith(prefix) && /^[A-Za-z0-9_]{4,255}$/.test(value)
    ? value
    : undefined
}

/** A status, code, currency or parameter name; never free text, which may hold anything. */
export function readToken(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_.[\]-]{1,128}$/.test(value) ? value : undefined
}

/** A count of minor units. */
export function readAmount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Unix seconds, such that the milliseconds are a safe integer as well. */
export function readTime(value: unknown): number | undefined {
  const seconds = readAmount(value)
  return seconds === undefined || seconds > 99_999_999_999 ? undefined : seconds
}

export function readMetadata(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isFields(value)) return undefined
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(entries)
}
