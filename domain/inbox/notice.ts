/**
 * What a PSP has pushed to us: verified, reduced to what is needed of it, free of personal data. It is journaled by the
 * connection's inbox before the PSP is told that we have it. Permanent: these names are in the journal; add, never change.
 */
import type { Mode } from '../ids.ts'
import type { OperationKind, OperationOutcome } from '../payment/operations.ts'

export interface Notice {
  /** Identity under which the PSP repeats it: Stripe's event id; Adyen's account, event code, reference and success. */
  readonly id: string
  /** The PSP's own name: `payment_intent.succeeded`, `CAPTURE`. */
  readonly type: string
  /** Unix milliseconds by the PSP's clock, of one-second grain at best: it orders nothing. */
  readonly occurredAt: number
  /** SHA-256 of what the PSP signed, hexadecimal: another digest under the same id is a matter for security. */
  readonly digest: string
  /** Which environment the PSP says that it is about. */
  readonly mode: Mode
  readonly subject: NoticeSubject
  readonly fact: NoticeFact
}

/** How the payment is found that a notice is about. */
export interface NoticeSubject {
  /** Our operation's id, where the PSP echoes it: as metadata, reference or idempotency key. */
  readonly operationId?: string
  /** The PSP's references that the payment may be known by, most specific first: refund, charge, payment. */
  readonly references: readonly string[]
}

/** What a PSP may tell of an operation by itself: never that nothing was sent, or that nothing is known. */
export type NoticeOutcome = Extract<
  OperationOutcome,
  { readonly kind: 'succeeded' | 'requires_action' | 'declined' | 'accepted' }
>

export type NoticeFact =
  /** An operation's outcome. Where the operation is none of ours it was made in the PSP's own pages. */
  | { readonly kind: 'outcome'; readonly operation: OperationKind; readonly outcome: NoticeOutcome }
  /** A success taken back: a capture that failed later, a refund that was returned. */
  | {
      readonly kind: 'reversal'
      readonly operation: 'capture' | 'refund'
      /** Of the capture or refund that is taken back. */
      readonly pspReference: string
      readonly amountMinor: number
      readonly currency: string
    }
  /** An authorization that nobody captured has ended. */
  | {
      readonly kind: 'authorization_expired'
      readonly pspReference: string
      readonly amountMinor: number
      readonly currency: string
    }
  | {
      readonly kind: 'dispute'
      readonly pspReference: string
      /** The PSP's name of the stage; a later stage of one dispute is known by another name. */
      readonly stage: string
      readonly status: 'inquiry' | 'open' | 'won' | 'lost'
      readonly amountMinor: number
      readonly currency: string
      readonly feeMinor: number
      readonly fundsWithdrawn: boolean
      /** Unix milliseconds. */
      readonly evidenceBy?: number
    }
  /** A report is ready; `url` is not signed by every PSP: fetch it from the PSP's own hosts alone. */
  | { readonly kind: 'report'; readonly name: string; readonly url: string }
  /** Authentic, and nothing of a payment changes by it: kept. `reason`: `unknown_type`, `informative`. */
  | { readonly kind: 'none'; readonly reason: 'unknown_type' | 'informative' | 'unreadable' }

export const noticeIdLengthMax = 255
