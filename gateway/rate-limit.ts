/**
 * A token bucket per merchant and mode, in this process: what several gateways let through adds up. Asked before
 * idempotency, so repeats count too. Its memory is bounded by the number of merchants: only known ones are asked about.
 */
import type { Mode } from '../domain/ids.ts'
import type { RateTier } from '../domain/merchant/state.ts'
import type { Clock } from '../runtime/clock.ts'

export type RateLimits = Readonly<Record<RateTier, { readonly perSecond: number; readonly burst: number }>>

export interface RateDecision {
  readonly allowed: boolean
  /** Tokens that a full bucket holds. */
  readonly limit: number
  readonly remaining: number
  /** Seconds until the bucket is full again. */
  readonly resetSeconds: number
  /** Seconds until the next token; 0 where one was taken. */
  readonly retryAfterSeconds: number
}

interface Bucket {
  tokens: number
  filledAt: number
}

export class RateLimiter {
  readonly #clock: Clock
  readonly #limits: RateLimits
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock, limits: RateLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  take(merchant: string, mode: Mode, tier: RateTier): RateDecision {
    const { perSecond, burst } = this.#limits[tier]
    const now = this.#clock.monotonic()
    const key = `${mode}:${merchant}`
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = { tokens: burst, filledAt: now }
      this.#buckets.set(key, bucket)
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.filledAt) / 1_000) * perSecond)
    bucket.filledAt = now
    const allowed = bucket.tokens >= 1
    if (allowed) bucket.tokens -= 1
    return {
      allowed,
      limit: burst,
      remaining: Math.floor(bucket.tokens),
      resetSeconds: Math.ceil((burst - bucket.tokens) / perSecond),
      retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond)),
    }
  }
}
