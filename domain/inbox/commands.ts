/**
 * What an inbox takes, tells and refuses. One inbox keeps one notice of one PSP connection: its address is derived from the
 * notice's identity, so that every copy reaches the same actor, on any day, through any gateway, and is known as a copy.
 */
import { type Address, addressOfName, type Mode } from '../ids.ts'
import type { Notice } from './notice.ts'

/** The kind of actor that keeps notices. */
export const inboxKindName = 'psp_notice'

/** Where a connection's notice is kept. */
export function addressOfNotice(connection: string, noticeId: string): Address {
  return addressOfName(`notice/${connection}/${noticeId}`)
}

/** From the webhook gateway, once the message is proved to be the PSP's. */
export interface ReceiveNotice {
  readonly type: 'ReceiveNotice'
  readonly connection: string
  /** The connection's own environment. */
  readonly mode: Mode
  readonly notice: Notice
}

/** What came of handing the notice to the payment that it is about. */
export type Delivery =
  /** The payment has taken it, or knew it already. */
  | { readonly kind: 'delivered'; readonly payment: string }
  /**
   * No payment is known by the notice's references. `complete`: everything that was journaled before the notice came had
   * been looked at, so that waiting longer finds nothing.
   */
  | { readonly kind: 'not_found'; readonly complete: boolean }
  /** There is a payment, and it says that this is none of its own. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nobody could be asked, or nobody knows whether it was taken: handing it over again is safe. */
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface RecordDelivery {
  readonly type: 'RecordDelivery'
  readonly delivery: Delivery
}

/** A timer fell due, or a new owner found the notice not handed over yet. */
export interface DeliverAgain {
  readonly type: 'DeliverAgain'
  /** A new owner does not wait until it is due: whoever was handing it over is gone. */
  readonly atOnce: boolean
}

/** A query. */
export interface ReadNotice {
  readonly type: 'ReadNotice'
}

export type InboxCommand = ReceiveNotice | RecordDelivery | DeliverAgain | ReadNotice

export type OrphanReason =
  /** No payment is known by any of its references. */
  | 'payment_unknown'
  /** The payment says that it is none of its own. */
  | 'refused'
  /** A test message on a live connection, or the other way round. */
  | 'other_environment'

export type InboxAnswer =
  /** It is in the journal. `repeated`: it had been before. `altered`: under this identity the PSP signed something else before. */
  | { readonly kind: 'stored'; readonly repeated: boolean; readonly altered: boolean }
  | { readonly kind: 'notice'; readonly state: InboxNotice | undefined }

export type InboxEvent =
  | { readonly type: 'NoticeReceived'; readonly connection: string; readonly mode: Mode; readonly notice: Notice }
  /** It is being handed over; begun anew where nobody has told what came of it after `patienceMs`. */
  | { readonly type: 'NoticeDeliveryBegun'; readonly patienceMs: number }
  | { readonly type: 'NoticeDelivered'; readonly payment: string }
  /** Handed over again after `pauseMs`. */
  | { readonly type: 'NoticePostponed'; readonly reason: string; readonly pauseMs: number }
  /** Where `lookAgainMs` is there, its payment is looked for once more after that. */
  | { readonly type: 'NoticeOrphaned'; readonly reason: OrphanReason; readonly lookAgainMs?: number }
  /** Nothing of a payment changes by it. */
  | { readonly type: 'NoticeKept' }
  /** Another body came under the same identity, signed as well: kept as a digest, for people. */
  | { readonly type: 'NoticeAltered'; readonly digest: string }

export type Standing =
  /** `deliverAt`: unix milliseconds; when it is handed over again. `tries`: how many came to nothing. */
  | { readonly status: 'received'; readonly deliverAt: number; readonly tries: number }
  | { readonly status: 'delivered'; readonly payment: string }
  /** `lookAgainAt`: unix milliseconds. */
  | { readonly status: 'orphaned'; readonly reason: OrphanReason; readonly lookAgainAt?: number }
  | { readonly status: 'kept' }

/** What an inbox keeps. */
export interface InboxNotice {
  readonly connection: string
  readonly mode: Mode
  readonly notice: Notice
  /** Unix milliseconds. */
  readonly receivedAt: number
  readonly standing: Standing
  /** How often no payment was found for it though all had been looked at. */
  readonly searches: number
  /** Digests of other bodies that came under its identity, bounded. */
  readonly alterations: readonly string[]
  readonly seq: number
  readonly updatedAt: number
}

/** `deliver`: it has to be handed over. `look_again`: it is an orphan whose payment may be known by then. */
export type InboxTimerKind = 'deliver' | 'look_again'

export interface InboxTimer {
  readonly kind: InboxTimerKind
  /** Unix milliseconds. */
  readonly due: number
}

/** What is to be done once a decision is durable. */
export interface DeliverNotice {
  readonly kind: 'deliver'
  readonly connection: string
  /** Unix milliseconds: what was journaled before it must have been looked at before nobody is said to know the notice. */
  readonly receivedAt: number
  readonly notice: Notice
}
