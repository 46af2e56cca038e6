/**
 * Signed webhooks as the two PSPs send them, each about a payment of its own or about nothing of a payment, and the receivers
 * that hold their secrets. An event has the size that Stripe's have: the official fixture of a payment intent, indented.
 */
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Mode } from '../../domain/ids.ts'
import { operationIdOf } from '../../domain/ids.ts'
import { createAdyenReceiver } from '../../psp/adyen/webhook.ts'
import { stripeVersion } from '../../psp/stripe/wire.ts'
import { createStripeReceiver } from '../../psp/stripe/webhook.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'

export const pushingPsps = ['stripe', 'adyen'] as const

export type PushingPsp = (typeof pushingPsps)[number]

export interface PushedMessage {
  /** Under which the inbox knows it. */
  readonly noticeId: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a message is about: nothing else of it matters. */
export interface MessageSubject {
  /** Letters and digits that no other message has. */
  readonly name: string
  /** Captured in full by its first attempt, with the reference that a scripted connector gives; absent: nothing of a payment changes. */
  readonly payment?: string
}

export const pushedAmount = { amountMinor: 4999, currency: 'EUR' } as const
export const merchantAccount = 'ShardpayBench'
const mode: Mode = 'test'
const stripeSecret = 'whsec_bench'
const adyenKey = 'ab'.repeat(32)
const adyenLogin = 'bench:password'

export function connectionOf(psp: PushingPsp): string {
  return `${psp}-${mode}`
}

export function receiverOf(psp: PushingPsp): WebhookReceiver {
  const connection = connectionOf(psp)
  switch (psp) {
    case 'stripe':
      return createStripeReceiver({ connection, mode, secrets: () => [stripeSecret] })
    case 'adyen':
      return createAdyenReceiver({
        ...{ connection, mode, merchantAccount },
        hmacKeys: () => [adyenKey],
        logins: () => [adyenLogin],
      })
  }
}

/** @param signedAt unix milliseconds. */
export function messageOf(psp: PushingPsp, subject: MessageSubject, signedAt: number): PushedMessage {
  return psp === 'stripe' ? stripeMessage(subject, signedAt) : adyenMessage(subject, signedAt)
}

const fixtures = new URL('../../psp/stripe/fixtures/stripe.fixtures.json', import.meta.url)
const { resources } = JSON.parse(readFileSync(fixtures, 'utf8')) as {
  readonly resources: { readonly payment_intent: object }
}

function stripeMessage({ name, payment }: MessageSubject, signedAt: number): PushedMessage {
  const id = `evt_${name}`
  const created = Math.floor(signedAt / 1000)
  const attempt = payment === undefined ? undefined : operationIdOf('att', payment, 1)
  const event = {
    id,
    object: 'event',
    api_version: stripeVersion,
    created,
    data: {
      object: {
        ...resources.payment_intent,
        id: `pi_${attempt ?? name}`,
        amount: pushedAmount.amountMinor,
        amount_received: attempt === undefined ? 0 : pushedAmount.amountMinor,
        currency: pushedAmount.currency.toLowerCase(),
        status: attempt === undefined ? 'requires_payment_method' : 'succeeded',
        capture_method: 'automatic',
        metadata: attempt === undefined ? {} : { operation_id: attempt, payment_id: payment },
      },
    },
    livemode: false,
    pending_webhooks: 1,
    request: { id: `req_${name}`, idempotency_key: attempt ?? null },
    type: attempt === undefined ? 'payment_intent.created' : 'payment_intent.succeeded',
  }
  const body = JSON.stringify(event, undefined, 2)
  const signature = createHmac('sha256', stripeSecret).update(`${created}.${body}`).digest('hex')
  return { noticeId: id, headers: { 'stripe-signature': `t=${created},v1=${signature}` }, body }
}

function adyenMessage({ name, payment }: MessageSubject, signedAt: number): PushedMessage {
  const attempt = payment === undefined ? undefined : operationIdOf('att', payment, 1)
  const item = {
    amount: { currency: pushedAmount.currency, value: pushedAmount.amountMinor },
    eventCode: attempt === undefined ? 'AUTHORISATION_ADJUSTMENT' : 'AUTHORISATION',
    eventDate: new Date(signedAt).toISOString(),
    merchantAccountCode: merchantAccount,
    merchantReference: attempt ?? name,
    originalReference: '',
    paymentMethod: 'visa',
    pspReference: attempt === undefined ? name : `pi_${attempt}`,
    reason: '079610:1111:03/2030',
    success: 'true',
  }
  const signed = [
    ...[item.pspReference, item.originalReference, item.merchantAccountCode, item.merchantReference],
    ...[item.amount.value, item.amount.currency, item.eventCode, item.success],
  ].join(':')
  const hmacSignature = createHmac('sha256', Buffer.from(adyenKey, 'hex')).update(signed).digest('base64')
  const additionalData = { authCode: '079610', cardSummary: '1111', expiryDate: '03/2030', hmacSignature }
  return {
    noticeId: `${merchantAccount}:${item.eventCode}:${item.pspReference}:${item.success}`,
    headers: { authorization: `Basic ${Buffer.from(adyenLogin).toString('base64')}` },
    body: JSON.stringify({
      live: 'false',
      notificationItems: [{ NotificationRequestItem: { ...item, additionalData } }],
    }),
  }
}
