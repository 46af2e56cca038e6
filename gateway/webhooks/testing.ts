/** For tests of the webhook edge: a receiver whose messages are signed by a plain HMAC, and messages for it. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Envelope, RouteAnswer } from '../../cluster/router.ts'
import type { InboxAnswer } from '../../domain/inbox/commands.ts'
import type { Notice } from '../../domain/inbox/notice.ts'
import { noticeWith } from '../../domain/inbox/testing.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'

export const secret = 'a secret for tests'
const header = 'x-test-signature'

export function signatureOf(body: string | Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex')
}

/** Takes a list of what makes its notices differ from an ordinary one. */
export const testReceiver: WebhookReceiver = {
  connection: 'scripted-test',
  psp: 'scripted',
  mode: 'test',
  receive({ headers, body }) {
    const given = Buffer.from(String(headers[header]))
    const expected = Buffer.from(signatureOf(body))
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return { kind: 'refused', refusal: 'signature' }
    }
    const digest = createHash('sha256').update(body).digest('hex')
    const notices = (JSON.parse(body.toString()) as Partial<Notice>[]).map((more) => noticeWith({ digest, ...more }))
    return { kind: 'authentic', notices, acknowledgement: { contentType: 'text/plain', body: '[accepted]' } }
  },
}

export const url = '/webhooks/scripted/scripted-test'

export function signed(notices: readonly Partial<Notice>[] = [{}]): {
  readonly payload: string
  readonly headers: Record<string, string>
} {
  const payload = JSON.stringify(notices)
  return { payload, headers: { 'content-type': 'application/json', [header]: signatureOf(payload) } }
}

export function stored(
  more: { readonly repeated?: boolean; readonly altered?: boolean } = {},
): RouteAnswer<InboxAnswer> {
  return { kind: 'answered', answer: { kind: 'stored', repeated: false, altered: false, ...more } }
}

/** A router to inboxes, as an answer to each envelope. */
export function routerOf(answer: (envelope: Envelope) => RouteAnswer<InboxAnswer> | Promise<RouteAnswer<InboxAnswer>>) {
  return {
    route: async <Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> =>
      (await answer(envelope)) as RouteAnswer<Answer>,
  }
}
