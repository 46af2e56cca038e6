/** How each PSP signs what it pushes, and its messages as bytes: for the tests of the edge, without code of the receivers. */
import { createHmac } from 'node:crypto'
import { createAdyenReceiver } from '../../psp/adyen/webhook.ts'
import { createStripeReceiver } from '../../psp/stripe/webhook.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'

export interface Message {
  readonly payload: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** An authorization that the PSP holds. */
export interface Hold {
  /** Distinguishes one message from another. */
  readonly nth?: number
  /** Our `att_…`, as the PSP echoes it. */
  readonly attempt: string
  readonly amount: number
  readonly live?: boolean
  /** Another type than that of a hold. */
  readonly type?: string
}

export interface Scheme {
  readonly psp: string
  /** How the PSP refers to the first hold. */
  readonly reference: string
  receiver(connection: string, secrets: () => readonly string[]): WebhookReceiver
  /** The message as an object, its body not yet signed. */
  body(hold: Hold): object
  /** Signs bytes as they are, where the scheme signs bytes; else the fields that they hold. */
  sign(payload: Buffer, at: number, secret: string): Message
  /** Another body under the identity of this one. */
  otherBody(hold: Hold): object
  /** A dispute of the first hold, which names nothing of ours. */
  dispute(amount: number): object
}

const currency = 'eur'

export function stripeSignature(payload: Buffer, timestamp: string | number, secret: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(payload).digest('hex')
}

export const stripe: Scheme = {
  psp: 'stripe',
  reference: 'pi_1',
  receiver: (connection, secrets) => createStripeReceiver({ connection, mode: 'test', secrets }),
  body: ({ nth = 1, attempt, amount, live = false, type = 'charge.succeeded' }) => ({
    id: `evt_${nth}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: 1_793_793_600,
    livemode: live,
    pending_webhooks: 1,
    type,
    data: {
      object: {
        id: `ch_${nth}`,
        object: 'charge',
        ...{ amount, currency, captured: false, payment_intent: `pi_${nth}` },
        metadata: { operation_id: attempt },
      },
    },
    request: { id: null, idempotency_key: attempt },
  }),
  sign(payload, at, secret) {
    const timestamp = Math.floor(at / 1_000)
    const signature = `t=${timestamp},v1=${stripeSignature(payload, timestamp, secret)}`
    return { payload, headers: { 'content-type': 'application/json', 'stripe-signature': signature } }
  },
  otherBody: (hold) => stripe.body({ ...hold, amount: hold.amount + 1 }),
  dispute(amount) {
    const references = { charge: 'ch_1', payment_intent: 'pi_1', balance_transactions: [] }
    const object = { id: 'dp_1', object: 'dispute', status: 'needs_response', amount, currency, ...references }
    const event = stripe.body({ nth: 2, attempt: '', amount, type: 'charge.dispute.created' })
    return { ...event, data: { object }, request: null }
  },
}

export const merchantAccount = 'ShardpayTest'
const login = 'webhooks:secret'

interface AdyenItem {
  readonly NotificationRequestItem: Readonly<Record<string, unknown>>
}

interface AdyenBody {
  readonly notificationItems: readonly AdyenItem[]
}

function adyenText({ NotificationRequestItem: item }: AdyenItem): string {
  const { value, currency: unit } = item['amount'] as { readonly value: number; readonly currency: string }
  const before = ['pspReference', 'originalReference', 'merchantAccountCode', 'merchantReference']
  return [...before.map((name) => item[name] ?? ''), value, unit, item['eventCode'], item['success']].join(':')
}

export const adyen: Scheme = {
  psp: 'adyen',
  reference: 'PSP0000000000001',
  receiver: (connection, hmacKeys) =>
    createAdyenReceiver({ connection, mode: 'test', merchantAccount, hmacKeys, logins: () => [login] }),
  body: ({ nth = 1, attempt, amount, live = false, type = 'AUTHORISATION' }) => ({
    live: String(live),
    notificationItems: [
      {
        NotificationRequestItem: {
          pspReference: `PSP${String(nth).padStart(13, '0')}`,
          merchantAccountCode: merchantAccount,
          merchantReference: attempt,
          amount: { value: amount, currency: currency.toUpperCase() },
          eventCode: type,
          success: 'true',
          eventDate: '2026-11-04T13:00:00+01:00',
        },
      },
    ],
  }),
  sign(payload, _at, secret) {
    const body = JSON.parse(payload.toString()) as AdyenBody
    const notificationItems = body.notificationItems.map(({ NotificationRequestItem: item }) => {
      const text = adyenText({ NotificationRequestItem: item })
      const hmacSignature = createHmac('sha256', Buffer.from(secret, 'hex')).update(text).digest('base64')
      return { NotificationRequestItem: { ...item, additionalData: { hmacSignature } } }
    })
    return {
      payload: Buffer.from(JSON.stringify({ ...body, notificationItems })),
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(login).toString('base64')}`,
      },
    }
  },
  otherBody: (hold) => adyen.body({ ...hold, amount: hold.amount + 1 }),
  dispute(amount) {
    const body = adyen.body({ nth: 2, attempt: '', amount, type: 'CHARGEBACK' }) as AdyenBody
    return {
      ...body,
      notificationItems: body.notificationItems.map(({ NotificationRequestItem: item }) => ({
        NotificationRequestItem: { ...item, originalReference: adyen.reference },
      })),
    }
  },
}
