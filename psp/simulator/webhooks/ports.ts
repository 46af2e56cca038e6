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

export interface StripeMessage {
  readonly psp: 'stripe'
  /** `evt_…` */
  readonly id: string
  readonly type: string
  readonly event: StripeEvent
  /** Endpoints that it was for when it happened. */
  readonly endpoints: number
}

export interface AdyenMessage {
  readonly psp: 'adyen'
  readonly id: string
  readonly type: string
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
