/** A stand-in for endpoints of webhooks: what the simulator posted, when, and what each post is answered. */
import type { Clock } from '../../runtime/clock.ts'
import type { PostRequest, PostResult, Transport } from '../../psp/simulator/webhooks/ports.ts'

export interface ReceivedPost extends PostRequest {
  /** Unix milliseconds. */
  readonly at: number
  readonly json: ReceivedJson
  /** Stripe's event type, Adyen's event code. */
  readonly type: string
}

/** A Stripe event, or Adyen's standard notification. */
export interface ReceivedJson {
  readonly id?: string
  readonly type?: string
  readonly data?: { readonly object: Record<string, unknown> }
  readonly notificationItems?: readonly { readonly NotificationRequestItem: Record<string, unknown> }[]
}

export interface WebhookReceiver extends Transport {
  readonly posts: ReceivedPost[]
  /** From now on: a status, or none because nobody answers. */
  answer: (post: ReceivedPost) => number | 'timeout' | Promise<number>
}

export function webhookReceiver(clock: Clock): WebhookReceiver {
  const posts: ReceivedPost[] = []
  const receiver: WebhookReceiver = {
    posts,
    answer: () => 200,
    async post(request): Promise<PostResult> {
      const json = JSON.parse(request.body) as ReceivedJson
      const item = json.notificationItems?.[0]?.NotificationRequestItem
      const post: ReceivedPost = { ...request, at: clock.now(), json, type: json.type ?? String(item?.['eventCode']) }
      posts.push(post)
      const status = await receiver.answer(post)
      return status === 'timeout' ? { kind: 'failed', reason: 'timeout' } : { kind: 'answered', status }
    },
    close: () => Promise.resolve(),
  }
  return receiver
}
