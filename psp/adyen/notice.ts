/**
 * What Adyen's notifications tell: pure and total, from one verified item to one notice. An event code that is not listed is
 * kept as of an unknown type; one whose content cannot be what it should be, as unreadable.
 *
 * `success` alone says nothing: of a request it tells how that ended, of what happened by itself it is always true.
 *
 * Money and outcomes come from signed fields alone: event code, success, references, amount. Of the others are taken: the reason
 * of a decline (its class, never that it was one); by when evidence is due; the address of a report; that an expired dispute
 * was a mere request for information, which only holds something back; and whether `CANCEL_OR_REFUND` was the one or the
 * other, which nothing signed says: that one of them took effect, on which payment and for how much is signed.
 */
import { type Mode, parseOperationId } from '../../domain/ids.ts'
import type { Notice, NoticeFact, NoticeSubject } from '../../domain/inbox/notice.ts'
import { fromPspMinor } from '../../domain/money/psp-exponents.ts'
import type { Decline, OperationKind } from '../../domain/payment/operations.ts'
import type { NotificationItem } from './notification.ts'
import { refusalOfReason } from './refusals.ts'

/** @param receivedAt unix milliseconds, for a message that does not say when it happened. */
export function noticeOf(
  item: NotificationItem,
  facts: {
    readonly merchantAccount: string
    readonly mode: Mode
    readonly digest: string
    readonly receivedAt: number
  },
): Notice {
  const { digest, mode, receivedAt, merchantAccount } = facts
  // An endpoint of the whole company hears of its other accounts too; none of that is ours.
  const isOurs = item.merchantAccountCode === merchantAccount
  return {
    id: noticeIdOf(item),
    type: item.eventCode,
    occurredAt: timeOf(item.eventDate) ?? receivedAt,
    digest,
    mode,
    subject: isOurs ? subjectOf(item) : { references: [] },
    fact: isOurs ? factOf(item) : informative,
  }
}

/** Copies of one notification have this in common, whatever else differs. */
export function noticeIdOf({ merchantAccountCode, eventCode, pspReference, success }: NotificationItem): string {
  return `${merchantAccountCode}:${eventCode}:${pspReference}:${success}`
}

function subjectOf({ eventCode, merchantReference, pspReference, originalReference }: NotificationItem): NoticeSubject {
  // Its reference is a file's name.
  if (eventCode === 'REPORT_AVAILABLE') return { references: [] }
  return {
    // A modification's own reference, or its payment's where Adyen echoes that.
    ...(parseOperationId(merchantReference) === undefined ? {} : { operationId: merchantReference }),
    references: originalReference === '' ? [pspReference] : [pspReference, originalReference],
  }
}

type Reader = (item: NotificationItem) => NoticeFact

export function factOf(item: NotificationItem): NoticeFact {
  return readers.get(item.eventCode)?.(item) ?? { kind: 'none', reason: 'unknown_type' }
}

const informative: NoticeFact = { kind: 'none', reason: 'informative' }
const unreadable: NoticeFact = { kind: 'none', reason: 'unreadable' }

type Dispute = Extract<NoticeFact, { kind: 'dispute' }>

const chargeback = 'chargeback'
const secondChargeback = 'second_chargeback'
const preArbitration = 'pre_arbitration'
const schemeArbitration = 'scheme_arbitration'

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['AUTHORISATION', outcomeOf('authorize', ({ reason }) => refusalOfReason(reason))],
  ['CAPTURE', outcomeOf('capture', ({ reason }) => modificationRefusal('capture_refused', reason))],
  ['REFUND', outcomeOf('refund', ({ reason }) => modificationRefusal('refund_failed', reason))],
  ['REFUND_WITH_DATA', outcomeOf('refund', ({ reason }) => modificationRefusal('refund_failed', reason))],
  ['CANCELLATION', outcomeOf('void', voidRefusal)],
  ['TECHNICAL_CANCEL', outcomeOf('void', voidRefusal)],
  ['CANCEL_OR_REFUND', cancelOrRefund],
  ['POSTPONED_REFUND', whereTrue(postponedRefund)],
  ['CAPTURE_FAILED', whereTrue(reversalOf('capture'))],
  ['REFUND_FAILED', whereTrue(reversalOf('refund'))],
  ['REFUNDED_REVERSED', whereTrue(reversalOf('refund'))],
  ['EXPIRE', whereTrue(expiry)],

  ['REQUEST_FOR_INFORMATION', whereTrue(disputeAt('request_for_information', 'inquiry', false))],
  ['NOTIFICATION_OF_CHARGEBACK', whereTrue(disputeAt(chargeback, 'open', false))],
  ['CHARGEBACK', whereTrue(disputeAt(chargeback, 'open', true))],
  ['CHARGEBACK_REVERSED', whereTrue(disputeAt(chargeback, 'won', false))],
  ['ISSUER_RESPONSE_TIMEFRAME_EXPIRED', whereTrue(disputeAt(chargeback, 'won', false))],
  ['DISPUTE_DEFENSE_PERIOD_ENDED', whereTrue(defensePeriodEnded)],
  ['SECOND_CHARGEBACK', whereTrue(disputeAt(secondChargeback, 'open', true))],
  ['PREARBITRATION_OPEN', whereTrue(disputeAt(preArbitration, 'open', false))],
  ['PREARBITRATION_WON', whereTrue(disputeAt(preArbitration, 'won', false))],
  ['PREARBITRATION_ISSUER_WITHDRAWN', whereTrue(disputeAt(preArbitration, 'won', false))],
  ['PREARBITRATION_LOST', whereTrue(disputeAt(preArbitration, 'lost', true))],
  // Accepted or declined by us: who accepts the issuer's case is liable, who declines it may see it escalated.
  ['PREARBITRATION_ACCEPTED', whereTrue(disputeAt(preArbitration, 'lost', true))],
  ['PREARBITRATION_DECLINED', whereTrue(disputeAt(preArbitration, 'open', false))],
  ['SCHEME_ARBITRATION', whereTrue(disputeAt(schemeArbitration, 'open', false))],
  ['SCHEME_ARBITRATION_WON', whereTrue(disputeAt(schemeArbitration, 'won', false))],
  ['SCHEME_ARBITRATION_LOST', whereTrue(disputeAt(schemeArbitration, 'lost', true))],

  ['REPORT_AVAILABLE', whereTrue(report)],

  ['AUTHORISATION_ADJUSTMENT', () => informative],
  ['HANDLED_EXTERNALLY', () => informative],
  ['VOID_PENDING_REFUND', () => informative],
  ['PAIDOUT_REVERSED', () => informative],
  ['INFORMATION_SUPPLIED', () => informative],
  ['ISSUER_COMMENTS', () => informative],
  ['NOTIFICATION_OF_FRAUD', () => informative],
  ['MANUAL_REVIEW_ACCEPT', () => informative],
  ['MANUAL_REVIEW_REJECT', () => informative],
])

/** Every event code whose meaning is known. */
export const knownEventCodes: readonly string[] = [...readers.keys()]

/** How a request of ours, or one made in Adyen's own pages, has ended. */
function outcomeOf(operation: OperationKind, refusal: (item: NotificationItem) => Decline): Reader {
  return (item) => {
    const { pspReference, merchantReference, success } = item
    if (success !== 'true') {
      return { kind: 'outcome', operation, outcome: { kind: 'declined', decline: refusal(item), pspReference } }
    }
    const money = moneyOf(item)
    if (money === undefined) return unreadable
    return {
      kind: 'outcome',
      operation,
      outcome: {
        kind: 'succeeded',
        pspReference,
        ...money,
        ...(operation === 'authorize' ? { captured: false } : {}),
        ...(parseOperationId(merchantReference)?.prefix === prefixes[operation]
          ? { echoedOperationId: merchantReference }
          : {}),
      },
    }
  }
}

const prefixes = { authorize: 'att', capture: 'cap', void: 'void', refund: 're' } as const

/** Adyen explains a refused modification in words alone. */
function modificationRefusal(code: string, reason: string): Decline {
  const known = refusedModifications.get(reason)
  return known === undefined ? { class: 'soft', code } : { class: 'hard', code: known }
}

const refusedModifications: ReadonlyMap<string, string> = new Map([
  ["Transaction hasn't been captured, refund not possible", 'not_captured'],
])

function voidRefusal(): Decline {
  return { class: 'hard', code: 'void_refused' }
}

function cancelOrRefund(item: NotificationItem): NoticeFact {
  switch (item.additionalData['modification.action']) {
    case 'cancel':
      return outcomeOf('void', voidRefusal)(item)
    case 'refund':
      return outcomeOf('refund', () => modificationRefusal('refund_failed', item.reason))(item)
    default:
      // Refused as either, nothing has happened.
      return item.success === 'true' ? unreadable : informative
  }
}

function postponedRefund({ pspReference }: NotificationItem): NoticeFact {
  return { kind: 'outcome', operation: 'refund', outcome: { kind: 'accepted', pspReference } }
}

/** Of what happens by itself nothing is told where it did not happen. */
function whereTrue(read: Reader): Reader {
  return (item) => (item.success === 'true' ? read(item) : informative)
}

function reversalOf(operation: 'capture' | 'refund'): Reader {
  return (item) => {
    const money = moneyOf(item)
    return money === undefined ? unreadable : { kind: 'reversal', operation, pspReference: item.pspReference, ...money }
  }
}

function expiry(item: NotificationItem): NoticeFact {
  const money = moneyOf(item)
  if (money === undefined) return unreadable
  return { kind: 'authorization_expired', pspReference: item.originalReference || item.pspReference, ...money }
}

function disputeAt(stage: string, status: Dispute['status'], fundsWithdrawn: boolean): Reader {
  return (item) => {
    const money = moneyOf(item)
    if (money === undefined) return unreadable
    const isUndecided = status === 'inquiry' || status === 'open'
    const evidenceBy = isUndecided ? timeOf(item.additionalData['defensePeriodEndsAt']) : undefined
    return {
      kind: 'dispute',
      pspReference: item.pspReference,
      stage,
      status,
      ...money,
      feeMinor: 0, // reports tell it
      fundsWithdrawn,
      ...(evidenceBy === undefined ? {} : { evidenceBy }),
    }
  }
}

/** Of a chargeback: it was not defended, or accepted. `Expired` is a request for information that nobody answered. */
function defensePeriodEnded(item: NotificationItem): NoticeFact {
  if (item.additionalData['disputeStatus'] === 'Expired') return informative
  return disputeAt(chargeback, 'lost', true)(item)
}

function report({ pspReference, reason }: NotificationItem): NoticeFact {
  if (reason.length > urlLengthMax || !URL.canParse(reason)) return unreadable
  const { protocol, username, password } = new URL(reason)
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return unreadable
  return { kind: 'report', name: pspReference, url: reason }
}

const urlLengthMax = 2048

function moneyOf({ amount }: NotificationItem): { amountMinor: number; currency: string } | undefined {
  if (amount === undefined || amount.value < 0) return undefined
  const amountMinor = fromPspMinor('adyen', amount.value, amount.currency)
  return amountMinor === undefined ? undefined : { amountMinor, currency: amount.currency }
}

/** Unix milliseconds of `2021-01-01T01:00:00+01:00`. */
function timeOf(text: unknown): number | undefined {
  if (typeof text !== 'string' || !timePattern.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
