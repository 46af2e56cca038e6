/**
 * The receiver of Stripe's webhooks: proves a message by its signature (`webhook-signature.ts`), then reads one event of it
 * (`events.ts`).
 *
 * Guarantees: as the port says. The body is looked at only once it is proved to be Stripe's, and then read within bounds. The
 * notice's identity is the event's id; its digest is that of the body as it was signed, which Stripe repeats byte for byte.
 *
 * A thin event (`v2.core.event`) has no snapshot of what it is about and no use here: refused, so that whoever set the
 * endpoint up that way sees it fail in Stripe's pages.
 */
import { createHash } from 'node:crypto'
import type { Mode } from '../../domain/ids.ts'
import { noticeIdLengthMax } from '../../domain/inbox/notice.ts'
import { type Fields, parseObject } from '../answer-json.ts'
import type { WebhookReceiver, WebhookRefusal, WebhookVerdict } from '../webhook.ts'
import { toldBy } from './events.ts'
import { readEvent } from './events-objects.ts'
import { refusalOfSignature } from './webhook-signature.ts'

export interface StripeReceiverOptions {
  /** Name of the PSP connection, such as `stripe-test`. */
  readonly connection: string
  /** The connection's own; which environment a message is about, Stripe says in it. */
  readonly mode: Mode
  /** `whsec_…` of the endpoint, all that are live; asked at every message. */
  readonly secrets: () => readonly string[]
}

/** Stripe reads the status alone. */
const acknowledgement = { contentType: 'application/json', body: '{"received":true}' } as const
/** Objects and lists within each other; Stripe's events have about ten. */
const depthMax = 64
const eventId = /^evt_[A-Za-z0-9_]+$/

export function createStripeReceiver({ connection, mode, secrets }: StripeReceiverOptions): WebhookReceiver {
  return {
    connection,
    psp: 'stripe',
    mode,
    receive({ headers, body, receivedAt }) {
      const refusal = refusalOfSignature({ header: headers['stripe-signature'], body, receivedAt }, secrets())
      return refusal === undefined ? verdictOn(body) : refused(refusal)
    },
  }
}

function verdictOn(body: Buffer): WebhookVerdict {
  const fields = isWithinDepth(body) ? parseObject(body) : undefined
  const event = fields === undefined ? undefined : readEvent(fields)
  if (fields === undefined || event === undefined) return refused('body_invalid')
  const id = readEventId(fields)
  if (id === undefined) return refused('id_invalid')
  const notice = {
    id,
    type: event.type,
    occurredAt: event.created * 1000,
    digest: digestOf(fields),
    mode: event.livemode ? 'live' : 'test',
    ...toldBy(event),
  } as const
  return { kind: 'authentic', notices: [notice], acknowledgement }
}

/**
 * Of what an event says, for ever: how many endpoints are still to hear of it may be told differently with every copy. The
 * members come in the order in which Stripe wrote them.
 */
function digestOf({ pending_webhooks: _stillToHear, ...event }: Fields): string {
  return createHash('sha256').update(JSON.stringify(event)).digest('hex')
}

function readEventId({ id }: Fields): string | undefined {
  return typeof id === 'string' && id.length <= noticeIdLengthMax && eventId.test(id) ? id : undefined
}

function refused(refusal: WebhookRefusal): WebhookVerdict {
  return { kind: 'refused', refusal }
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]')

/** Counted in the bytes, before anything is built of them: in UTF-8 these characters are never part of another one. */
function isWithinDepth(body: Uint8Array): boolean {
  let depth = 0
  let inText = false
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (inText) {
      if (byte === backslash) at += 1
      else if (byte === quote) inText = false
    } else if (byte === quote) inText = true
    else if (byte === openBrace || byte === openBracket) {
      depth += 1
      if (depth > depthMax) return false
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1
  }
  return true
}
