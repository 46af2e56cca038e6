/**
 * Names that are in almost every decision or state, as small numbers: keys of maps, and the values of the few keys that hold one of
 * a fixed set of words. Half of a payment's bytes in the journal were such names. Hexadecimal digits of a few keys become
 * bytes.
 *
 * Permanent: a word's number is its index here and stands in journals; words are added at the end, none is moved or
 * removed. A word that is not here is stored as text and read back the same, so forgetting to add one costs bytes only.
 * docs/journal-format.md repeats the list for those who decode the journal in other languages.
 */
import { assert, AssertionFailure } from '../runtime/assert.ts'

export const words: readonly string[] =
  // 0-15: what nearly every event and transfer has.
  (
    'type operationId attemptId amountMinor pspReference connection cause terms final debit credit phase request reason ' +
    'currency operation ' +
    // Fields of events.
    'payment key fingerprint requestId apiVersion merchant mode merchantVersion captureMethod merchantReference ' +
    'statementDescriptor metadata rule nonce returnUrl psp requestVersion sendWithin repeatWithin quiet acceptWithin ' +
    'captureBefore decline class code pspCode failure action url factId repeatIsUseless pause dispute stage status feeMinor ' +
    'fundsWithdrawn evidenceBy id lineKey lineType grossMinor netMinor batch kind operator approver evidence fact ' +
    'paymentMethod token customer description name rateTier routes currencies amountMinorMax keyId hash prefix scopes ' +
    // Types of events.
    'PaymentCreated RequestAccepted PaymentConfirmed RouteChosen AttemptPlanned ActionRequired ActionCompleted Authorized ' +
    'PartiallyAuthorized OperationDeclined OperationNotSent OperationAbsent OperationAccepted OutcomeUnknown InquiryPlanned ' +
    'ManualNeeded ManuallyResolved PaymentFailed PaymentCanceled PaymentExpired CancelRequested CancelFailed CapturePlanned ' +
    'CaptureSucceeded CaptureReversed CaptureRetryScheduled RemainderReleased VoidPlanned VoidSucceeded RefundPlanned ' +
    'RefundSucceeded RefundReversed LateSuccess FactConflict ReviewOpened BreakRaised DisputeRecorded ' +
    'SettlementLineRecorded ExternalOperationRecorded MerchantCreated MerchantSuspended MerchantResumed ApiKeyAdded ' +
    'ApiKeyRevoked RoutesChanged RateTierChanged ' +
    // Accounts, phases and other fixed words.
    'auth_hold auth_hold_contra psp_receivable merchant_payable psp_fees dispute_receivable dispute_fees losses ' +
    'settlement_in_transit suspense posted pending released live test automatic manual cancel action_expired expiry ' +
    'compensation external create confirm capture refund void authorize card redirect stripe ' +
    // Fields of states.
    'acceptedWithinMs plannedEpoch repeatUntil quietUntil plannedAt idempotencyKey notAfter authorizedMinor ' +
    'concludedSeq endedAt releasedMinor acceptedAt reversedMinor createdKey createdAt updatedAt settlement lifecycle ' +
    'seenFacts attempts unwanted captures disputes requests routing refunds review lines voids step seq ' +
    'captureReference authorizationReference reversed disputedAt doubt since inquiries nextInquiryAt ' +
    'acceptedUntil captureId'
  ).split(' ')

/** Keys whose values are words: never numbers. */
const keysOfWords: ReadonlySet<string> = new Set(
  'type debit credit phase cause captureMethod mode operation psp kind'.split(' '),
)

/** Keys whose values are bytes, written in lower-case hexadecimal digits; where one is not, it stays text. */
const keysOfBytes: ReadonlySet<string> = new Set(['fingerprint', 'nonce', 'hash'])
const hexadecimal = /^(?:[0-9a-f]{2})+$/

const numbers: ReadonlyMap<string, number> = new Map(words.map((word, index) => [word, index]))

/** Maps by number where a word has one. Members that are undefined are left out. */
export function shorten(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(shorten)
  const short = new Map<string | number, unknown>()
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    short.set(numbers.get(key) ?? key, shortenMember(key, member))
  }
  return short
}

function shortenMember(key: string, member: unknown): unknown {
  if (keysOfWords.has(key)) {
    assert(typeof member !== 'number', 'a member that holds words holds no number', { key })
    if (typeof member === 'string') return numbers.get(member) ?? member
  } else if (keysOfBytes.has(key) && typeof member === 'string' && hexadecimal.test(member)) {
    return Buffer.from(member, 'hex')
  }
  return shorten(member)
}

/** Whether a number that is this key's value is a word. */
export function isKeyOfWords(key: string): boolean {
  return keysOfWords.has(key)
}

/** Whether bytes that are this key's value are hexadecimal digits. */
export function isKeyOfBytes(key: string): boolean {
  return keysOfBytes.has(key)
}

/** @throws {AssertionFailure} for a number that no word has. */
export function wordOf(number: number): string {
  const word = words[number]
  if (word === undefined) throw new AssertionFailure('the number of a word is known to this build', { number })
  return word
}
