/** What the actor host does once a decision is durable: call a PSP, or ask it what became of a call. */
import type { PspCall } from './operations.ts'

export type PaymentEffect =
  /** First send of a planned operation (or of an authorization's second step). Only the process that planned it sends it. */
  | { readonly kind: 'send'; readonly call: PspCall; readonly notAfter: number }
  /** An inquiry into an operation of unknown outcome; where allowed, the identical request is the inquiry. */
  | {
      readonly kind: 'inquire'
      readonly call: PspCall
      readonly pspReference?: string
      readonly repeatAllowed: boolean
      /** Unix milliseconds of the decision to ask: the answer tells nothing of what the PSP did later. */
      readonly askedAt: number
      /** Unix milliseconds after which the request is not repeated any more: `absent` is judged from there. */
      readonly notAfter: number
    }

/** A wake-up the payment wants; rows `(shard, due, entity, op, kind)` under the shard's cursor. */
export interface PaymentTimer {
  readonly kind: import('./commands.ts').TimerKind
  /** Empty where the timer is the payment's own. */
  readonly operationId: string
  /** Unix milliseconds. */
  readonly due: number
}
