/**
 * What Stripe's events tell: pure and total, from an event to the fact that it carries and the operation it is about.
 *
 * One change at Stripe makes several events. Each fact is carried by the events named here, with the reference and the amount
 * that the answer to the call has as well (the same functions of `mapping.ts` make both), so that all of them are one fact:
 *
 * | fact | carried by |
 * | --- | --- |
 * | authorize: held | `charge.succeeded` of an uncaptured charge, which alone says until when it can be captured |
 * | authorize: taken in the same step | `payment_intent.succeeded` of an automatic capture |
 * | authorize: the shopper must act, is being processed, declined | `payment_intent.requires_action`, `.processing`, `.payment_failed` |
 * | authorize: ended without ever being one | `payment_intent.canceled` without a charge that stands, by no void of ours |
 * | capture | `payment_intent.succeeded` of a manual capture; one of several: `payment_intent.amount_capturable_updated` |
 * | void, also as the abort of what waits for its shopper | `payment_intent.canceled` |
 * | the authorization has expired | `payment_intent.canceled` with the reason `automatic` |
 * | refund: succeeded, pending, canceled | `refund.created`, `refund.updated`, `charge.refund.updated` |
 * | refund taken back | the same and `refund.failed`, where its status is `failed` |
 * | dispute | `charge.dispute.*` |
 * | a report is ready | `reporting.report_run.succeeded` |
 *
 * A failed refund is always told as taken back, though it may never have succeeded: its success may be on its way still, and
 * must not be believed after its failure.
 *
 * Informative on purpose: `payment_intent.created` and `.partially_funded`; `charge.*` beside the above, because the intent or
 * the refund says it better, or because `charge.refunded` and the refund behind it may be no more than a hold that was let go;
 * `payout.*`, `balance.available`, `radar.*`, `review.*`, `reporting.report_run.failed`: nothing of a payment changes by them.
 *
 * Leaves to others: every order. An event shows its object as it was then, and may come after a newer one.
 */
import { type OperationPrefix, parseOperationId } from '../../domain/ids.ts'
import type { Notice, NoticeOutcome, NoticeSubject } from '../../domain/inbox/notice.ts'
import type { OperationKind, OperationOutcome } from '../../domain/payment/operations.ts'
import { authorizationOf, ours, refundOf, succeededCapture } from './mapping.ts'
import { tellDispute } from './events-disputes.ts'
import {
  type EventIntent,
  type EventRefund,
  readEventCharge,
  readEventIntent,
  readEventRefund,
  readEventReport,
  type StripeEvent,
} from './events-objects.ts'

/** What an event tells, and of what. */
export type Told = Pick<Notice, 'subject' | 'fact'>

/** Undefined where the event cannot be read. */
type Teller = (event: StripeEvent) => Told | undefined

export function toldBy(event: StripeEvent): Told {
  const tell = tellers.get(event.type)
  return tell === undefined ? nothing('unknown_type') : (tell(event) ?? nothing('unreadable'))
}

const informative: Teller = () => nothing('informative')

const tellers: ReadonlyMap<string, Teller> = new Map([
  ['payment_intent.requires_action', withIntent(tellAuthorization)],
  ['payment_intent.processing', withIntent(tellProcessing)],
  ['payment_intent.payment_failed', withIntent(tellAuthorization)],
  ['payment_intent.succeeded', withIntent(tellSuccess)],
  ['payment_intent.amount_capturable_updated', withIntent(tellPartialCapture)],
  ['payment_intent.canceled', withIntent(tellCancellation)],
  ['charge.succeeded', tellHold],
  ...each('refund', ['created', 'updated', 'failed'], tellRefund),
  ...each('charge.refund', ['updated'], tellRefund),
  ...each('charge.dispute', ['created', 'updated', 'funds_withdrawn', 'funds_reinstated', 'closed'], tellDispute),
  ['reporting.report_run.succeeded', tellReport],
  ...each('payment_intent', ['created', 'partially_funded'], informative),
  ...each('charge', ['pending', 'failed', 'captured', 'expired', 'refunded', 'updated'], informative),
  ...each('payout', ['created', 'updated', 'paid', 'failed', 'canceled', 'reconciliation_completed'], informative),
  ...each('balance', ['available'], informative),
  ...each('radar.early_fraud_warning', ['created', 'updated'], informative),
  ...each('review', ['opened', 'closed'], informative),
  ...each('reporting.report_run', ['failed'], informative),
])

function each(group: string, names: readonly string[], tell: Teller): (readonly [string, Teller])[] {
  return names.map((name) => [`${group}.${name}`, tell])
}

function withIntent(tell: (event: StripeEvent, intent: EventIntent) => Told | undefined): Teller {
  return (event) => {
    const intent = readEventIntent(event.object)
    return intent === undefined ? undefined : tell(event, intent)
  }
}

function tellAuthorization(event: StripeEvent, intent: EventIntent): Told | undefined {
  return outcomeTold('authorize', authorizationOf(intent), aboutAuthorization(event, intent))
}

/** The hold. Its reference is the intent's, as in the answer to the call. */
function tellHold(event: StripeEvent): Told | undefined {
  const charge = readEventCharge(event.object)
  if (charge === undefined) return undefined
  const { intent, captured, captureBefore } = charge
  if (captured || intent === undefined) return nothing('informative')
  const money = ours(charge.amount, charge.currency)
  if (money === undefined) return undefined
  const outcome: NoticeOutcome = {
    kind: 'succeeded',
    pspReference: intent,
    ...money,
    captured: false,
    ...(captureBefore !== undefined && { captureBefore: captureBefore * 1000 }),
  }
  return outcomeTold('authorize', outcome, subject(authorizationId(event, charge.metadata), [charge.id, intent]))
}

function tellProcessing(event: StripeEvent, intent: EventIntent): Told | undefined {
  const capture = keyOf(event, 'cap')
  if (capture === undefined) return tellAuthorization(event, intent)
  const pspReference = intent.latestCharge?.id
  if (pspReference === undefined) return undefined
  return outcomeTold('capture', { kind: 'accepted', pspReference }, subject(capture, referencesOf(intent)))
}

function tellSuccess(event: StripeEvent, intent: EventIntent): Told | undefined {
  if (intent.captureMethod !== 'manual') return tellAuthorization(event, intent)
  return tellCapture(intent, keyOf(event, 'cap') ?? captureOfAll(intent))
}

/** The hold itself changes by this event as well; of a capture that is not the last, nothing else tells. */
function tellPartialCapture(event: StripeEvent, intent: EventIntent): Told | undefined {
  const capture = keyOf(event, 'cap')
  return capture === undefined ? nothing('informative') : tellCapture(intent, capture)
}

function tellCapture(intent: EventIntent, operationId: string | undefined): Told | undefined {
  if (intent.latestCharge === undefined) return undefined
  const outcome = succeededCapture(operationId, intent)
  // All that was received is what captures of ours took, and none of them caused this event.
  const isExplained = outcome.kind === 'succeeded' && outcome.amountMinor === 0
  if (isExplained) return nothing('informative')
  return outcomeTold('capture', outcome, subject(operationId, referencesOf(intent)))
}

/** The capture of ours that took all that was received, by the word that it left. */
function captureOfAll(intent: EventIntent): string | undefined {
  const received = String(intent.amountReceived)
  return Object.keys(intent.metadata).find((name) => intent.metadata[name] === received && isOurs(name, 'cap'))
}

function tellCancellation(event: StripeEvent, intent: EventIntent): Told | undefined {
  const money = ours(intent.amount - intent.amountReceived, intent.currency)
  if (money === undefined || intent.status !== 'canceled') return undefined
  const voided = keyOf(event, 'void')
  const stood = intent.latestCharge !== undefined && intent.lastPaymentError === undefined
  if (voided === undefined && !stood) return tellAuthorization(event, intent)
  const pspReference = intent.id
  if (voided === undefined && intent.cancellationReason === 'automatic') {
    const fact = { kind: 'authorization_expired', pspReference, ...money } as const
    return { subject: aboutAuthorization(event, intent), fact }
  }
  return outcomeTold('void', { kind: 'succeeded', pspReference, ...money }, subject(voided, referencesOf(intent)))
}

function tellRefund(event: StripeEvent): Told | undefined {
  const refund = readEventRefund(event.object)
  if (refund === undefined) return undefined
  const operationId = keyOf(event, 're') ?? ownId(refund.metadata, 're')
  if (operationId === undefined && isRelease(event, refund)) return nothing('informative')
  const about = subject(operationId, [refund.id, refund.charge, refund.intent])
  if (refund.status !== 'failed') return outcomeTold('refund', refundOf(refund), about)
  const money = ours(refund.amount, refund.currency)
  if (money === undefined) return undefined
  return { subject: about, fact: { kind: 'reversal', operation: 'refund', pspReference: refund.id, ...money } }
}

/** Stripe shows a hold that is let go as a refund of its charge. No money was taken, so none has come back. */
function isRelease(event: StripeEvent, refund: EventRefund): boolean {
  if (keyOf(event, 'void') !== undefined || refund.reason === 'expired_uncaptured_charge') return true
  return refund.status === 'succeeded' && refund.movedNothing
}

function tellReport(event: StripeEvent): Told | undefined {
  const report = readEventReport(event.object)
  if (report === undefined) return undefined
  return { subject: subject(undefined, [report.id]), fact: { kind: 'report', name: report.type, url: report.url } }
}

function outcomeTold(operation: OperationKind, outcome: OperationOutcome, about: NoticeSubject): Told | undefined {
  const told = noticeOutcome(outcome)
  return told === undefined ? undefined : { subject: about, fact: { kind: 'outcome', operation, outcome: told } }
}

/** Without the echo, which may be anything that somebody wrote there: the subject says whose it is where it is ours. */
function noticeOutcome(outcome: OperationOutcome): NoticeOutcome | undefined {
  switch (outcome.kind) {
    case 'succeeded': {
      const { echoedOperationId: _, ...told } = outcome
      return told
    }
    case 'requires_action':
    case 'declined':
    case 'accepted':
      return outcome
    case 'not_sent':
    case 'unknown':
    case 'absent':
      return undefined
  }
}

function nothing(reason: 'unknown_type' | 'informative' | 'unreadable'): Told {
  return { subject: subject(undefined, []), fact: { kind: 'none', reason } }
}

function aboutAuthorization(event: StripeEvent, intent: EventIntent): NoticeSubject {
  return subject(authorizationId(event, intent.metadata), referencesOf(intent))
}

function authorizationId(event: StripeEvent, metadata: Readonly<Record<string, string>>): string | undefined {
  return keyOf(event, 'att') ?? ownId(metadata, 'att')
}

function referencesOf(intent: EventIntent): (string | undefined)[] {
  return [intent.latestCharge?.id, intent.id]
}

function subject(operationId: string | undefined, references: readonly (string | undefined)[]): NoticeSubject {
  return {
    ...(operationId !== undefined && { operationId }),
    references: references.filter((reference) => reference !== undefined),
  }
}

/** Our operation whose request caused the event, where it is of this kind: its id is the request's idempotency key. */
function keyOf({ idempotencyKey }: StripeEvent, prefix: OperationPrefix): string | undefined {
  return isOurs(idempotencyKey, prefix) ? idempotencyKey : undefined
}

/** Our operation id as the object carries it: people can change it in Stripe's pages, so the request's key is asked first. */
function ownId(metadata: Readonly<Record<string, string>>, prefix: OperationPrefix): string | undefined {
  const id = metadata['operation_id']
  return isOurs(id, prefix) ? id : undefined
}

function isOurs(id: string | undefined, prefix: OperationPrefix): boolean {
  return id !== undefined && parseOperationId(id)?.prefix === prefix
}
