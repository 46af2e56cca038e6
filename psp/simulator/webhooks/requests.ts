/**
 * Messages as they go on the wire: Stripe's signature header over the raw body, Adyen's signature inside the item and
 * Basic auth. Every attempt is built and signed anew. The faults of an attempt (`faults.ts`) are put in here.
 */
import { createHmac } from 'node:crypto'
import { assert } from '../../../runtime/assert.ts'
import { renderEvent } from '../stripe-events-render.ts'
import type { AdyenEndpoint, Endpoint, StripeEndpoint } from './endpoints.ts'
import type { AttemptFaults } from './faults.ts'
import type { AdyenItem, AdyenMessage, Message, PostRequest, StripeMessage } from './ports.ts'

export interface Attempt {
  /** Unix milliseconds. */
  readonly at: number
  readonly faults: AttemptFaults
  /** From 0 to 1: which of an Adyen endpoint's keys signs. A new key takes a while to reach all of Adyen's senders. */
  readonly keyDraw: number
}

export function requestOf(message: Message, endpoint: Endpoint, attempt: Attempt): PostRequest {
  if (message.psp === 'stripe' && endpoint.psp === 'stripe') return stripeRequest(message, endpoint, attempt)
  assert(message.psp === 'adyen' && endpoint.psp === 'adyen', "a message goes to its own PSP's endpoints")
  return adyenRequest(message, endpoint, attempt)
}

function stripeRequest(message: StripeMessage, endpoint: StripeEndpoint, { at, faults }: Attempt): PostRequest {
  const body = JSON.stringify(renderEvent(message.event, message.endpoints))
  const timestamp = Math.floor(at / 1000) + faults.timestampOffsetSeconds
  const signatures = endpoint.secrets.map((secret) => {
    const key = faults.wrongSecret ? `${secret}_wrong` : secret
    return `v1=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`
  })
  return {
    url: endpoint.url,
    headers: { ...commonHeaders, 'stripe-signature': [`t=${timestamp}`, ...signatures].join(',') },
    body: faults.tampered ? tampered(body) : body,
  }
}

function adyenRequest(message: AdyenMessage, endpoint: AdyenEndpoint, { faults, keyDraw }: Attempt): PostRequest {
  const key = endpoint.hmac_keys?.[Math.floor(keyDraw * endpoint.hmac_keys.length)]
  const { item } = message
  const signature =
    key === undefined ? {} : { hmacSignature: adyenSignature(item, faults.wrongSecret ? inverted(key) : key) }
  const signed = { ...item, additionalData: { ...item.additionalData, ...signature } }
  const body = JSON.stringify({ live: 'false', notificationItems: [{ NotificationRequestItem: signed }] })
  const { login } = endpoint
  return {
    url: endpoint.url,
    headers: {
      ...commonHeaders,
      ...(login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
    },
    body: faults.tampered ? tampered(body) : body,
  }
}

const commonHeaders = { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'shardpay-simulator' }

/** @param key hexadecimal */
export function adyenSignature(item: AdyenItem, key: string): string {
  const text = [
    item.pspReference,
    item.originalReference ?? '',
    item.merchantAccountCode,
    item.merchantReference,
    item.amount.value,
    item.amount.currency,
    item.eventCode,
    item.success,
  ].join(':')
  return createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('base64')
}

function inverted(key: string): string {
  return Buffer.from(Buffer.from(key, 'hex').map((byte) => byte ^ 0xff)).toString('hex')
}

/** The body with one minor unit more, as an attacker would have it: still JSON, not what was signed. */
function tampered(body: string): string {
  return body.replace(/("amount":|"value":)(\d+)/, (_, name: string, amount: string) => `${name}${Number(amount) + 1}`)
}
