/**
 * The port to what a PSP pushes. A receiver is stateless beside its secrets: it proves that a message is the PSP's, and says
 * what it tells. It looks at nothing before that is proved, and never throws for anything that can be sent to it.
 */
import type { Notice } from '../domain/inbox/notice.ts'
import type { Mode } from '../domain/ids.ts'

export interface WebhookRequest {
  /** Names in lower case, as Node has them; a header that came twice is a list, or joined by `, `. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** As it came on the wire; at most {@link webhookBytesMax}. */
  readonly body: Buffer
  /** Unix milliseconds of its arrival. */
  readonly receivedAt: number
}

/**
 * Why a message is not taken. Nothing of it is stored.
 * `login`, `signature`, `timestamp`: 401. The others: 400.
 */
export type WebhookRefusal =
  | 'login'
  | 'signature'
  | 'timestamp'
  | 'signature_header'
  | 'too_many_signatures'
  | 'body_invalid'
  | 'id_invalid'

export type WebhookVerdict =
  | {
      readonly kind: 'authentic'
      /** Each is stored before the PSP is answered. */
      readonly notices: readonly Notice[]
      /** What the PSP wants to read with status 200. */
      readonly acknowledgement: { readonly contentType: string; readonly body: string }
    }
  | { readonly kind: 'refused'; readonly refusal: WebhookRefusal }

export interface WebhookReceiver {
  readonly connection: string
  readonly psp: string
  readonly mode: Mode
  receive(request: WebhookRequest): WebhookVerdict
}

/** A longer body is refused with 413 before it is read to its end. */
export const webhookBytesMax = 256 * 1024
/** Notices in one message; a message with more is refused as invalid. */
export const noticesMax = 64
