/** What the sender of webhooks is given, and what it needs: messages of both PSPs, and a way to post them. */
import type { StripeEvent } from '../stripe-events-render.ts'

export type Psp = 'stripe' | 'adyen'

/** The members of a `NotificationRequestItem` that are signed; the others go along as they are. */
export interface AdyenItem {
  readonly pspReference: string
  readonly originalReference?: string
  readonly merchantReference: string
  readonly merchantAccountCode: string
  readonly amount: { readonly value: number; readonly currency: string }
  readonly eventCode: string
  readonly success: string
  readonly additionalData?: Readonly<Record<string, string>>
}

/** Something that a PSP tells of; the same for every endpoint. */
export type Message = StripeMessage | AdyenMessage

interface MessageCommon {
  /** Stripe's `evt_…`; Adyen's account, code, reference and success. */
  readonly id: string
  readonly type: string
  /** Our payment id, where it tells one. */
  readonly payment: string | null
}

export interface StripeMessage extends MessageCommon {
  readonly psp: 'stripe'
  readonly event: StripeEvent
  /** Endpoints that it was for when it happened. */
  readonly endpoints: number
}

export interface AdyenMessage extends MessageCommon {
  readonly psp: 'adyen'
  readonly item: AdyenItem
}

export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the sender learns of an attempt. */
export type PostResult =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'failed'; readonly reason: 'timeout' | 'connection_failed' | 'lost' }

export interface Transport {
  /** Never throws; ends within its own timeout. */
  post(request: PostRequest): Promise<PostResult>
  close(): Promise<void>
}
