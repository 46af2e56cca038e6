/** Stores the notices of one authentic message, each in its own inbox. */
import type { RouteAnswer } from '../../cluster/router.ts'
import { addressOfNotice, type InboxAnswer, inboxKindName, type ReceiveNotice } from '../../domain/inbox/commands.ts'
import type { Notice } from '../../domain/inbox/notice.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'
import { assert } from '../../runtime/assert.ts'
import { webhookLimits } from '../../runtime/limits.ts'
import type { Edge } from '../deps.ts'

export type Storing =
  /** All of them are durable. */
  | { readonly kind: 'stored'; readonly notices: readonly StoredNotice[] }
  /** One of them at least may not be: the PSP has to send the message again. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterMs: number }

export interface StoredNotice {
  readonly notice: Notice
  readonly repeated: boolean
  readonly altered: boolean
}

export async function storeNotices(
  edge: Pick<Edge, 'router' | 'clock' | 'random'>,
  from: WebhookReceiver,
  notices: readonly Notice[],
  bytes: number,
): Promise<Storing> {
  const routed = await Promise.all(notices.map((notice) => store(edge, from, notice, bytes)))
  const away = routed.filter((answer) => answer.kind === 'unavailable')
  if (away.length > 0) {
    const retryAfterMs = Math.max(...away.map((answer) => answer.retryAfterMs))
    return { kind: 'unavailable', reason: away[0]?.reason ?? '', retryAfterMs }
  }
  const stored = routed.flatMap((answer, index): StoredNotice[] => {
    const notice = notices[index]
    if (answer.kind === 'unavailable' || notice === undefined) return []
    assert(answer.answer.kind === 'stored', 'an inbox answers a notice by storing it')
    const { repeated, altered } = answer.answer
    return [{ notice, repeated, altered }]
  })
  return { kind: 'stored', notices: stored }
}

function store(
  { router, clock, random }: Pick<Edge, 'router' | 'clock' | 'random'>,
  { connection, mode }: WebhookReceiver,
  notice: Notice,
  bytes: number,
): Promise<RouteAnswer<InboxAnswer>> {
  const deadline = clock.monotonic() + webhookLimits.storeMs
  const payload: ReceiveNotice = { type: 'ReceiveNotice', connection, mode, notice }
  return router.route<InboxAnswer>({
    ...addressOfNotice(connection, notice.id),
    ...{ id: random.hex(16), kind: inboxKindName, class: 'settle' },
    ...{ bytes, payload, deadline, waitUntil: deadline, attach: true },
  })
}
