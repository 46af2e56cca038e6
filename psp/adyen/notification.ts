/**
 * Adyen's standard notification as it comes: its form, and what of it is signed. What it means is `notice.ts`'s business.
 *
 * Signed are eight fields of an item, joined by `:` without any escaping. Colons within a field could therefore be moved from
 * one field to its neighbour under the same signature; {@link hasOneReading} refuses every item that can be read in two ways.
 */
import { parseJsonLeniently } from '../../runtime/json.ts'
import { type Fields, isFields } from '../answer-json.ts'
import { noticesMax } from '../webhook.ts'

export interface Notification {
  /** Not signed. */
  readonly live: boolean
  readonly items: readonly NotificationItem[]
}

export interface NotificationItem {
  readonly pspReference: string
  readonly originalReference: string
  readonly merchantAccountCode: string
  readonly merchantReference: string
  readonly amount: { readonly value: number; readonly currency: string } | undefined
  readonly eventCode: string
  readonly success: string
  /** What follows is not signed: it may inform, and never decides about money. */
  readonly eventDate: string
  readonly reason: string
  readonly additionalData: Fields
}

const limits = { jsonDepthMax: 8, jsonValuesMax: 8_192 }

/**
 * The message, or undefined where it has not the form of one. Nothing of it is verified yet. What is signed is read strictly; in what is
 * not, an odd text or number counts as not there: a message that is refused holds up all that Adyen sends after it.
 */
export function readNotification(body: Buffer): Notification | undefined {
  const json = parseJsonLeniently(body, limits)
  if (!json.ok || !isFields(json.value)) return undefined
  const { live, notificationItems } = json.value
  if ((live !== 'true' && live !== 'false') || !Array.isArray(notificationItems)) return undefined
  if (notificationItems.length === 0 || notificationItems.length > noticesMax) return undefined
  const items: NotificationItem[] = []
  for (const wrapper of notificationItems as readonly unknown[]) {
    const item = isFields(wrapper) ? readItem(wrapper['NotificationRequestItem']) : undefined
    if (item === undefined) return undefined
    items.push(item)
  }
  return { live: live === 'true', items }
}

function readItem(value: unknown): NotificationItem | undefined {
  if (!isFields(value)) return undefined
  const pspReference = readText(value['pspReference'])
  const originalReference = readText(value['originalReference'])
  const merchantAccountCode = readText(value['merchantAccountCode'])
  const merchantReference = readText(value['merchantReference'])
  const eventCode = readText(value['eventCode'])
  const success = readText(value['success'])
  if (pspReference === undefined || originalReference === undefined || merchantAccountCode === undefined)
    return undefined
  if (merchantReference === undefined || eventCode === undefined || success === undefined) return undefined
  const amount = readAmount(value['amount'])
  if (amount === 'malformed') return undefined
  return {
    pspReference,
    originalReference,
    merchantAccountCode,
    merchantReference,
    amount,
    eventCode,
    success,
    eventDate: readText(value['eventDate']) ?? '',
    reason: readText(value['reason']) ?? '',
    additionalData: isFields(value['additionalData']) ? value['additionalData'] : {},
  }
}

/** What Adyen signs of an item; a field that is not there counts as empty. */
export function signedTextOf(item: NotificationItem): string {
  return [
    item.pspReference,
    item.originalReference,
    item.merchantAccountCode,
    item.merchantReference,
    item.amount === undefined ? '' : String(item.amount.value),
    item.amount === undefined ? '' : item.amount.currency,
    item.eventCode,
    item.success,
  ].join(':')
}

/** Whether nothing but this item has its signed text: then only `merchantReference` may hold a colon. */
export function hasOneReading(item: NotificationItem): boolean {
  const { pspReference, originalReference, merchantAccountCode, eventCode, success } = item
  return (
    plain.test(pspReference) &&
    (originalReference === '' || plain.test(originalReference)) &&
    plain.test(merchantAccountCode) &&
    eventCodePattern.test(eventCode) &&
    (success === 'true' || success === 'false')
  )
}

/** Printable, without colon and blank. */
const plain = /^[!-9;-~]{1,255}$/
const eventCodePattern = /^[A-Z][A-Z0-9_]{0,63}$/

function readAmount(value: unknown): NotificationItem['amount'] | 'malformed' {
  if (value === undefined || value === null) return undefined
  if (!isFields(value)) return 'malformed'
  const { value: minor, currency } = value
  if (typeof minor !== 'number' || !Number.isSafeInteger(minor)) return 'malformed'
  return typeof currency === 'string' && /^[A-Z]{3}$/.test(currency) ? { value: minor, currency } : 'malformed'
}

/** A text; one that is missing is empty. */
function readText(value: unknown): string | undefined {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : undefined
}
