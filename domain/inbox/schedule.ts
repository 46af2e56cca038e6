/** When a notice is handed over again, and when an orphan's payment is looked for once more. */

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/**
 * How long whoever hands a notice over may be silent: longer than the hand-over itself can take, so that a second one is
 * begun only where the first was lost.
 */
export const deliveryPatienceMs = 2 * minute

const pausesMs: readonly number[] = [
  1 * second,
  2 * second,
  4 * second,
  15 * second,
  1 * minute,
  5 * minute,
  30 * minute,
]

/** Until it is handed over again, after so many tries that came to nothing; hourly in the end, without end. */
export function pauseMs(triesBefore: number): number {
  return pausesMs[triesBefore] ?? hour
}

/**
 * A payment that is only a moment behind its notice is found by the second look. That none knows the notice can be said ten
 * seconds after it came, by when everything older is in the journal: the third look says so, and a look before it cannot.
 */
const searchPausesMs: readonly number[] = [1 * second, 10 * second, 15 * second, 1 * minute, 5 * minute, 30 * minute]

/** Until its payment is looked for again, after so many tries, where not all that is older could be looked at. */
export function searchPauseMs(triesBefore: number): number {
  return searchPausesMs[triesBefore] ?? hour
}

/**
 * An orphan is looked at again because a payment may learn late by which reference the PSP knows it: an authorization of
 * unknown outcome is asked about for days, and the last witness is the settlement report. Rarely and not for ever, because
 * an account that others use too brings orphans that nobody will ever claim.
 */
const looksMs: readonly number[] = [1 * minute, 30 * minute, 6 * hour, 24 * hour, 72 * hour]

/** Until its payment is looked for once more, after so many searches; undefined where it stays an orphan. */
export function lookAgainMs(searchesBefore: number): number | undefined {
  return looksMs[searchesBefore]
}
