/** What the edge is given by the process that starts it, and what a request carries once it was authenticated. */
import type { KeyObject } from 'node:crypto'
import type { Router } from '../cluster/router.ts'
import type { Mode } from '../domain/ids.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import type { ApiKey, MerchantConfiguration } from '../domain/merchant/state.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Random } from '../runtime/random.ts'
import type { Scope } from './api-key.ts'
import type { ApiVersion } from './api-version.ts'
import type { CursorMac } from './cursor-mac.ts'
import type { ErrorCode } from './errors.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { RateLimiter, RateLimits } from './rate-limit.ts'
import type { MerchantReads } from './read-port.ts'
import type { WebhookReceivers } from './webhooks/receivers.ts'

export interface Readiness {
  readonly ready: boolean
  /** Stable codes of what is missing: `journal_unavailable`, `stopping`. */
  readonly reasons: readonly string[]
}

export interface RequestTimeouts {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly connectionsCheckMs: number
}

export interface GatewayDeps {
  readonly router: Router
  readonly directory: MerchantDirectory
  /** What lists, balances and the ledger are read from; default: they answer that they cannot be read. */
  readonly reads?: MerchantReads
  /** The cluster's secret that payment ids are derived with. */
  readonly idKey: Uint8Array
  /** The secret that API keys are hashed with. */
  readonly keySecret: Uint8Array
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** What `/readyz` adds to the directory's freshness; asked at every probe, so it must be cheap. */
  readonly readiness: () => Readiness
  /** Whose messages are taken under `/webhooks`; default: there is no such address. */
  readonly webhooks?: WebhookReceivers
  /** Of this process; default: nobody looks. */
  readonly metrics?: Metrics
  /** Where docs/errors.md is served; default `docs/errors.md`. */
  readonly errorDocsUrl?: string
  /** Status of a reused idempotency key: 422 (default), or 400 as Stripe has it. */
  readonly keyReusedStatus?: 400 | 422
  /** Default: runtime/limits.ts. */
  readonly rateLimits?: RateLimits
  /** Default: runtime/limits.ts, which says what each is. */
  readonly timeouts?: RequestTimeouts
}

/** {@link GatewayDeps} with its defaults, as the routes get it. */
export interface Edge extends Omit<GatewayDeps, 'idKey' | 'keySecret' | 'metrics'> {
  readonly idKey: KeyObject
  readonly keySecret: KeyObject
  readonly errorDocsUrl: string
  readonly keyReusedStatus: 400 | 422
  readonly reads: MerchantReads
  readonly cursors: CursorMac
  readonly rateLimiter: RateLimiter
  readonly metrics: GatewayMetrics
}

/** What every HTTP edge of ours has, the merchants' and the operators'. */
export type EdgeCore = Pick<Edge, 'clock' | 'random' | 'log' | 'errorDocsUrl' | 'keyReusedStatus' | 'metrics'>

/** Whose request it is. */
export interface Caller {
  readonly merchant: MerchantConfiguration
  readonly key: ApiKey
  readonly mode: Mode
  /** What answers are rendered in: asked for, or the key's. */
  readonly apiVersion: ApiVersion
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every route that has a scope, before anything of its handler runs. */
    caller: Caller | null
    /** Size of the body as received. */
    bodyBytes: number
  }

  interface FastifyContextConfig {
    /** What the API key must permit; absent: the route asks for no key. */
    scope?: Scope
    /** A request without a body counts as one with `{}`. */
    bodyOptional?: boolean
    /** The route reads its body itself, of whatever content type. */
    rawBody?: boolean
    /** Its answer says as of when it is, and has no version. */
    projected?: boolean
    /** What the document of the API says the route can answer. */
    errors?: readonly ErrorCode[]
  }
}
