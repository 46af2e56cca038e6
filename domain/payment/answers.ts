/** What a payment actor answers to the gateway, through the router. Codes and values only; the gateway renders. */
import type { RequestRecord } from '../decision.ts'
import type { Page, PublishedEvent } from './history.ts'
import type { PaymentRejection } from './rejections.ts'
import type { Payment } from './state.ts'

export type PaymentAnswer =
  /** A read, or a request that planned or concluded something. `state` is the state at the concluding decision where there is one. */
  | {
      readonly kind: 'payment'
      readonly state: Payment
      /** The merchant's request this answers; absent for reads. */
      readonly request?: RequestRecord
      /** True where the request had been accepted before and this repeats its final answer. */
      readonly replayed: boolean
    }
  | { readonly kind: 'rejected'; readonly rejection: PaymentRejection; readonly state?: Payment }
  /** The same key is being worked on right now by another request. */
  | { readonly kind: 'in_use' }

/** To a query for history. */
export type PaymentHistoryAnswer =
  | {
      readonly kind: 'history'
      /** Sequence of the last decision that was looked at. */
      readonly seq: number
      /** A page of public events, newest first; undefined where the cursor names none of this payment. */
      readonly page: Page<PublishedEvent> | undefined
    }
  | Extract<PaymentAnswer, { kind: 'rejected' }>
