/**
 * The receiver of Adyen's standard webhooks. In this order, from cheap to dear: the endpoint's login; a bounded reading of the
 * message's form, which the signature is part of; the signature of every item; their identities.
 *
 * Guarantees: a notice comes from signed items alone; secrets are compared in constant time whatever their length; what cannot
 * be a key or a login opens nothing. An authentic message is taken even where nothing can be made of it: Adyen sends nothing
 * else to the endpoint before that one is acknowledged.
 *
 * The scheme signs no time, so a copy may come at any time; it has the identity of the first.
 */
import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Mode } from '../../domain/ids.ts'
import { noticeIdLengthMax } from '../../domain/inbox/notice.ts'
import { assert } from '../../runtime/assert.ts'
import {
  type WebhookReceiver,
  type WebhookRefusal,
  type WebhookRequest,
  type WebhookVerdict,
  webhookBytesMax,
} from '../webhook.ts'
import { noticeIdOf, noticeOf } from './notice.ts'
import { hasOneReading, type NotificationItem, readNotification, signedTextOf } from './notification.ts'

export interface AdyenReceiverOptions {
  readonly connection: string
  readonly mode: Mode
  /** What is told of other accounts is kept, and nothing of a payment changes by it. */
  readonly merchantAccount: string
  /** The endpoint's HMAC keys, 64 hexadecimal digits each: several while they are rotated. Asked for at every message. */
  readonly hmacKeys: () => readonly string[]
  /** The endpoint's logins, `user:password`. Asked for at every message. */
  readonly logins: () => readonly string[]
}

/** What older endpoints of Adyen's insist on; the newer ones look at the status alone. */
const acknowledgement = { contentType: 'text/plain; charset=utf-8', body: '[accepted]' }

export function createAdyenReceiver(options: AdyenReceiverOptions): WebhookReceiver {
  const { connection, mode, merchantAccount, hmacKeys, logins } = options
  assert(merchantAccount !== '', 'a receiver knows its merchant account', { connection })

  function receive({ headers, body, receivedAt }: WebhookRequest): WebhookVerdict {
    if (!isLoggedIn(headers['authorization'], logins())) return refused('login')
    const notification = body.length > webhookBytesMax ? undefined : readNotification(body)
    if (notification === undefined) return refused('body_invalid')
    // imported, because a signature by a key's bytes costs three times as much
    const keys = hmacKeys()
      .filter((key) => hmacKeyPattern.test(key))
      .map((key) => createSecretKey(key, 'hex'))
    const signed = notification.items.map((item) => ({ item, text: signedTextOf(item) }))
    if (!signed.every(({ item, text }) => isSigned(item, text, keys))) return refused('signature')
    if (!notification.items.every(hasIdentity)) return refused('id_invalid')
    const told = notification.live ? 'live' : 'test'
    const notices = signed.map(({ item, text }) => {
      const digest = createHash('sha256').update(text, 'utf8').digest('hex')
      const notice = noticeOf(item, { merchantAccount, mode: told, digest, receivedAt })
      // Which environment it is of is not signed: what is not acted on for that alone must not stand in the way of its like.
      return told === mode ? notice : { ...notice, id: `${notice.id}:${told}` }
    })
    return { kind: 'authentic', notices, acknowledgement }
  }

  return { connection, psp: 'adyen', mode, receive }
}

const hmacKeyPattern = /^[0-9A-Fa-f]{64}$/
const loginPattern = /^[^:]+:[^]+$/
const authorizationPattern = /^Basic ([A-Za-z0-9+/]{1,1024}={0,2})$/i

function refused(refusal: WebhookRefusal): WebhookVerdict {
  return { kind: 'refused', refusal }
}

function isLoggedIn(header: string | readonly string[] | undefined, logins: readonly string[]): boolean {
  const given = typeof header === 'string' ? authorizationPattern.exec(header)?.[1] : undefined
  if (given === undefined) return false
  const login = digestOf(Buffer.from(given, 'base64'))
  let known = false
  for (const expected of logins) {
    if (loginPattern.test(expected) && timingSafeEqual(login, digestOf(Buffer.from(expected)))) known = true
  }
  return known
}

/** Of equal length for everything, so that comparing tells nothing of a length. */
function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function isSigned({ additionalData }: NotificationItem, text: string, keys: readonly KeyObject[]): boolean {
  const given: unknown = additionalData['hmacSignature']
  if (typeof given !== 'string') return false
  const signature = Buffer.from(given)
  let valid = false
  for (const key of keys) {
    const expected = Buffer.from(createHmac('sha256', key).update(text, 'utf8').digest('base64'))
    if (signature.length === expected.length && timingSafeEqual(signature, expected)) valid = true
  }
  return valid
}

function hasIdentity(item: NotificationItem): boolean {
  return hasOneReading(item) && `${noticeIdOf(item)}:live`.length <= noticeIdLengthMax
}
