/** The numbers of the payment machine, in one place. Times in milliseconds. */
import { assert } from '../../runtime/assert.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
export const day = 24 * hour

/** A created payment that nobody confirms ends after this. */
export const confirmWithinMs = 24 * hour
/** A shopper has this long to act (3-D Secure). */
export const actWithinMs = hour
/** Authorization attempts of one payment, fallbacks included. */
export const attemptsMax = 4
/**
 * The next route is tried this long after the payment was confirmed, or its shopper came back last. Later nobody waits for
 * it any more, and who may have paid otherwise meanwhile would be charged without being asked.
 */
export const fallbackWithinMs = 15 * minute
export const refundsMax = 100
export const capturesMax = 100
/** Tries of an automatic capture after its first failure. */
export const captureRetriesMax = 3
/** Pause before the nth retry of an automatic capture. */
export const captureRetryPausesMs: readonly number[] = [10 * second, minute, 10 * minute]
/** Voids of one authorization: what a merchant may ask for, and how often an abort is tried. */
export const voidsMax = 20
/** Pauses before a void that nobody asks for again is tried again; after the last a person looks. */
export const voidRetryPausesMs: readonly number[] = [10 * second, minute, 10 * minute, hour, 6 * hour]
/** After this an idempotency key is refused with the old payment inside. */
export const replayWithinMs = 30 * day
/**
 * Pauses between inquiries into an unknown outcome, from the moment it became unknown; the last repeats. At the end of
 * {@link inquiriesMax} a person decides.
 */
export const inquiryPausesMs: readonly number[] = [
  2 * second,
  4 * second,
  8 * second,
  30 * second,
  2 * minute,
  10 * minute,
  hour,
  6 * hour,
  day,
]
/** The last ones are a day apart: two weeks cover webhooks of three days and the settlement report. */
export const inquiriesMax = 20
/** An inquiry that did not come back is asked again after this. */
export const inquiryWithinMs = minute
/** People are reminded of an operation that waits for them after this, again and again. */
export const remindAfterMs = 30 * day
/** A planned call whose outcome nobody reported counts as unknown this long after it could last have been sent. */
export const callMarginMs = minute
/** PSP event identities kept for de-duplication. */
export const seenFactsMax = 256
/** Keys of settlement lines kept for de-duplication. */
export const settlementLinesMax = 1000

/** Pause before the next inquiry after `inquiries` came back without an outcome; no connection waits longer than it says. */
export function inquiryPauseMs(inquiries: number, pauseMsMax = day): number {
  return Math.min(inquiryPausesMs[inquiries] ?? day, pauseMsMax)
}

assert(inquiriesMax > inquiryPausesMs.length, 'the inquiry schedule runs to its end before a person is asked')
assert(captureRetryPausesMs.length === captureRetriesMax, 'every capture retry has its pause')
