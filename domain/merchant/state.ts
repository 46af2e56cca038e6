/** A merchant actor holds configuration only; totals are folds of the ledger. */
import type { Mode } from '../ids.ts'
import type { PaymentMethod } from '../payment/operations.ts'
import type { PaymentLimits } from './limits.ts'

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

/**
 * Ordered rules; the first that matches and whose connection is available is taken. Rules with a weight that stand next to
 * each other share what comes to the first of them: one is drawn, the others are its fallbacks.
 */
export interface RouteRule {
  /** PSP connection, such as `stripe-test`. */
  readonly connection: string
  readonly mode: Mode
  /** Absent: every currency. */
  readonly currencies?: readonly string[]
  /** Absent: every payment method. */
  readonly methods?: readonly PaymentMethod['type'][]
  /** Minor units, inclusive. */
  readonly amountMinorMin?: number
  readonly amountMinorMax?: number
  /** 1 to 100: its part of what comes to its neighbours with weights and it. Absent: it stands alone. */
  readonly weight?: number
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
  /** At most one for each mode and currency; none is empty. */
  readonly limits: readonly PaymentLimits[]
  readonly keys: readonly ApiKey[]
}
