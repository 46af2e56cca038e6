/**
 * When a PSP tries again. Stripe: each message by itself, the waits doubling, for three days. Adyen: three times at once,
 * then the endpoint's queue, whose first message is tried after 2, 5, 10, 15, 30 minutes, 1, 2, 4, 8 hours and every 8 hours
 * from there, for 30 days.
 */
const minute = 60_000
const hour = 60 * minute

/** Stripe does not publish its waits: these double from a minute and end within three days. */
export const stripeWaitsMs: readonly number[] = Array.from({ length: 12 }, (_, n) => 2 ** n * minute)

export const adyenImmediateRetries = 3

const adyenFirstWaitsMs = [2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 4 * hour]
const adyenLastWaitMs = 8 * hour
const adyenKeptMs = 30 * 24 * hour
const adyenLastWaits = Math.floor((adyenKeptMs - adyenFirstWaitsMs.reduce((sum, wait) => sum + wait)) / adyenLastWaitMs)

/** Waits of the first message in an endpoint's queue. */
export const adyenWaitsMs: readonly number[] = [
  ...adyenFirstWaitsMs,
  ...Array.from({ length: adyenLastWaits }, () => adyenLastWaitMs),
]
