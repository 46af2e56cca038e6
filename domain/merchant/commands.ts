/** What an operator can ask of a merchant's actor, and every refusal. A merchant has no PSP facts and no timers. */
import type { Mode } from '../ids.ts'
import type { LimitName, LimitValues } from './limits.ts'
import type { RateTier, RouteRule } from './state.ts'

/** Who asks and why: every change of configuration is auditable from the journal alone. */
export interface Audit {
  /** The operator's id, or the program's (`bin:start`); never a person's name or address. */
  readonly operator: string
  /** In the operator's words; no personal data. */
  readonly reason: string
}

interface CommandBase extends Audit {
  /** `mer_…`. */
  readonly merchant: string
}

export interface CreateMerchant extends CommandBase {
  readonly type: 'CreateMerchant'
  readonly name: string
  readonly rateTier: RateTier
  readonly routes: readonly RouteRule[]
}

export interface SuspendMerchant extends CommandBase {
  readonly type: 'SuspendMerchant'
}

export interface ResumeMerchant extends CommandBase {
  readonly type: 'ResumeMerchant'
}

/** An API key as its issuer hands it over: the secret itself never gets here. */
export interface NewApiKey {
  /** `key_…`. */
  readonly id: string
  /** HMAC-SHA256 of the secret under the server's key secret, 64 lower-case hexadecimal digits. */
  readonly hash: string
  /** What people see of it: `sk_test_ab12…`, at most 8 characters of the secret. */
  readonly prefix: string
  readonly mode: Mode
  /** `payments:write`, `recon:read`, …; at least one. */
  readonly scopes: readonly string[]
  /** Dated API version, `2026-11-01`. */
  readonly apiVersion: string
}

export interface AddApiKey extends CommandBase {
  readonly type: 'AddApiKey'
  readonly key: NewApiKey
}

export interface RevokeApiKey extends CommandBase {
  readonly type: 'RevokeApiKey'
  readonly keyId: string
}

/** Replaces all routes: their order is their meaning. */
export interface ChangeRoutes extends CommandBase {
  readonly type: 'ChangeRoutes'
  readonly routes: readonly RouteRule[]
}

export interface ChangeRateTier extends CommandBase {
  readonly type: 'ChangeRateTier'
  readonly rateTier: RateTier
}

/** Of one mode and currency: sets some limits, takes others away, leaves the rest as it is. */
export interface ChangeLimits extends CommandBase {
  readonly type: 'ChangeLimits'
  readonly mode: Mode
  /** Upper case. */
  readonly currency: string
  readonly set: LimitValues
  readonly clear: readonly LimitName[]
}

export type MerchantCommand =
  | CreateMerchant
  | SuspendMerchant
  | ResumeMerchant
  | AddApiKey
  | RevokeApiKey
  | ChangeRoutes
  | ChangeRateTier
  | ChangeLimits

export interface MerchantContext {
  /** Unix milliseconds. */
  readonly now: number
  /** Epoch under which the deciding node owns the shard. */
  readonly epoch: number
}

export type MerchantRejection =
  | { readonly code: 'merchant_unknown' }
  /** The id is taken by a merchant that is configured otherwise. */
  | { readonly code: 'merchant_exists' }
  /** `param` names the field, never its value. */
  | { readonly code: 'parameter_invalid'; readonly param: string }
  | { readonly code: 'api_key_unknown' }
  /** Another key has this id or this hash. */
  | { readonly code: 'api_key_conflict' }
  /** The key was revoked, which is for ever: issue a new one. */
  | { readonly code: 'api_key_revoked' }
  | { readonly code: 'api_key_limit_reached'; readonly limit: number }
  /** The first would be greater than the second, which holds for more. */
  | { readonly code: 'limits_contradictory'; readonly limit: LimitName; readonly above: LimitName }

export type MerchantRejectionCode = MerchantRejection['code']

/** API keys of a merchant that work at the same time. */
export const activeKeysMax = 32
/** API keys of a merchant, revoked ones included; they stay in the configuration for ever. */
export const keysMax = 1024
export const routesMax = 128
export const routeWeightMax = 100
