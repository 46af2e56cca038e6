/** A merchant actor holds configuration only; totals are folds of the ledger. */
import type { Mode } from '../ids.ts'

export interface ApiKey {
  /** Public id of the key, `key_…`. */
  readonly id: string
  /** HMAC-SHA256 of the secret under the server's key secret, hexadecimal. */
  readonly hash: string
  /** What people see: `sk_test_ab12…`. */
  readonly prefix: string
  readonly mode: Mode
  readonly scopes: readonly string[]
  readonly apiVersion: string
  readonly createdAt: number
  readonly revokedAt?: number
}

/** Ordered rules; the first that matches and whose connection is available is taken. */
export interface RouteRule {
  /** PSP connection, such as `stripe-test`. */
  readonly connection: string
  readonly mode: Mode
  /** Absent: every currency. */
  readonly currencies?: readonly string[]
  /** Minor units, inclusive. */
  readonly amountMinorMax?: number
}

/** The rate tier's name; `runtime/limits.ts` has the numbers. */
export type RateTier = 'standard' | 'high' | 'development'

export interface MerchantConfiguration {
  readonly id: string
  readonly name: string
  readonly status: 'active' | 'suspended'
  /** Equals the sequence of the merchant's last decision. */
  readonly version: number
  readonly rateTier: RateTier
  readonly routes: readonly RouteRule[]
  readonly keys: readonly ApiKey[]
}
