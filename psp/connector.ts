/**
 * The port to a PSP. A connector is stateless beside its connections and breaker: it turns a call into the PSP's wire
 * form, sends it once, and says what is known afterwards. It never retries, never guesses, and never throws for
 * anything a PSP or a network can do.
 */
import type { ConnectionProfile, OperationOutcome, PspCall } from '../domain/payment/operations.ts'

export interface SendOptions {
  /** Unix milliseconds; checked just before the first byte is written: later, the outcome is `not_sent`. */
  readonly notAfter: number
}

export interface InquiryOptions {
  /** The PSP's id of the operation's object, where an earlier answer told it. */
  readonly pspReference?: string
  /** Whether the identical request may be repeated with its key as the inquiry. */
  readonly repeatAllowed: boolean
  /** Unix milliseconds; a repeat is not begun after this: the outcome stays `unknown`. */
  readonly notAfter?: number
}

export interface Connector {
  readonly profile: ConnectionProfile
  /**
   * First send of an operation.
   * @returns never `absent`; `not_sent` only with proof that the PSP did not and will not process the request.
   */
  send(call: PspCall, options: SendOptions): Promise<OperationOutcome>
  /**
   * Asks what became of a call that may have been sent.
   * @returns never `not_sent`: on a repeat no sign of non-delivery says anything about the first send.
   */
  inquire(call: PspCall, options: InquiryOptions): Promise<OperationOutcome>
  /** Ends idle connections; calls in flight finish first. */
  close(): Promise<void>
}
