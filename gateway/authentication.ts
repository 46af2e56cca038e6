/**
 * Who asks, decided before a byte of the body is read: age of the configuration, API key, account, rate, scope, version of
 * the API, in this order.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { findKey, type Scope, secretOf } from './api-key.ts'
import { isApiVersion } from './api-version.ts'
import type { Caller, Edge } from './deps.ts'
import type { Refusal } from './problem.ts'

/** The refusal that ends the request here, or undefined where `request.caller` is set and may go on. */
export function authenticate(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  scope: Scope,
): Refusal | undefined {
  // An old copy may have keys that were revoked since.
  if (edge.directory.stale) return { code: 'configuration_unavailable' }

  const secret = secretOf(request.headers.authorization)
  const found = secret === undefined ? undefined : findKey(secret, edge.keySecret, edge.directory)
  if (found === undefined) return { code: 'api_key_invalid' }
  const { merchant, key } = found
  if (merchant.status === 'suspended') return { code: 'merchant_suspended' }

  const rate = edge.rateLimiter.take(merchant.id, key.mode, merchant.rateTier)
  reply.headers({
    'ratelimit-limit': String(rate.limit),
    'ratelimit-remaining': String(rate.remaining),
    'ratelimit-reset': String(rate.resetSeconds),
  })
  if (!rate.allowed) return { code: 'rate_limited', retryAfterSeconds: rate.retryAfterSeconds }
  if (!key.scopes.includes(scope)) return { code: 'scope_missing', message: `The API key lacks the scope ${scope}.` }

  const apiVersion = request.headers['api-version'] ?? key.apiVersion
  if (typeof apiVersion !== 'string' || !isApiVersion(apiVersion)) return { code: 'api_version_unknown' }
  reply.header('api-version', apiVersion)

  request.caller = { merchant, key, mode: key.mode, apiVersion } satisfies Caller
  return undefined
}
