/**
 * What happened to a merchant's configuration. Permanent: journals hold these by name and field; a field may be added as
 * optional, nothing may be renamed or take on another meaning. When it happened is the row's `at`.
 */
import type { Mode } from '../ids.ts'
import type { Audit, NewApiKey } from './commands.ts'
import type { LimitValues } from './limits.ts'
import type { RateTier, RouteRule } from './state.ts'

export interface MerchantCreated extends Audit {
  readonly type: 'MerchantCreated'
  readonly merchant: string
  readonly name: string
  readonly rateTier: RateTier
  readonly routes: readonly RouteRule[]
}

export interface MerchantSuspended extends Audit {
  readonly type: 'MerchantSuspended'
}

export interface MerchantResumed extends Audit {
  readonly type: 'MerchantResumed'
}

export interface ApiKeyAdded extends Audit {
  readonly type: 'ApiKeyAdded'
  readonly key: NewApiKey
}

export interface ApiKeyRevoked extends Audit {
  readonly type: 'ApiKeyRevoked'
  readonly keyId: string
}

export interface RoutesChanged extends Audit {
  readonly type: 'RoutesChanged'
  readonly routes: readonly RouteRule[]
}

export interface RateTierChanged extends Audit {
  readonly type: 'RateTierChanged'
  readonly rateTier: RateTier
}

export interface LimitsChanged extends Audit {
  readonly type: 'LimitsChanged'
  readonly mode: Mode
  readonly currency: string
  /** All that hold from here on; empty: none. */
  readonly values: LimitValues
}

export type MerchantEvent =
  | MerchantCreated
  | MerchantSuspended
  | MerchantResumed
  | ApiKeyAdded
  | ApiKeyRevoked
  | RoutesChanged
  | RateTierChanged
  | LimitsChanged
