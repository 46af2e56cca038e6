/**
 * API keys: `sk_test_…` and `sk_live_…` with 192 random bits. Only an HMAC of the secret is kept anywhere; without the
 * server's key secret it cannot be tested against guesses.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Mode } from '../domain/ids.ts'
import type { NewApiKey } from '../domain/merchant/commands.ts'
import type { MerchantDirectory } from '../domain/merchant/directory.ts'
import type { ApiKey, MerchantConfiguration } from '../domain/merchant/state.ts'
import { assert } from '../runtime/assert.ts'
import type { Random } from '../runtime/random.ts'
import { currentApiVersion } from './api-version.ts'

/** As a `KeyObject` (made once) a hash costs 1.5 µs, as bytes 11. */
export type KeySecret = Uint8Array | KeyObject

export type Scope = 'payments:read' | 'payments:write' | 'refunds:write'

/** What a merchant's own key may do unless it was made for less. */
export const allScopes: readonly Scope[] = ['payments:read', 'payments:write', 'refunds:write']

const secretPattern = /^sk_(test|live)_([0-9A-Za-z]{16,128})$/
/** Characters of the secret that people are shown. */
const shownCharacters = 4

/** A new key: the secret, which is shown once and kept nowhere, and what the merchant's configuration keeps of it. */
export function newApiKey(
  mode: Mode,
  random: Random,
  keySecret: KeySecret,
): { readonly secret: string; readonly record: NewApiKey } {
  const secret = `sk_${mode}_${random.hex(24)}`
  return { secret, record: apiKeyRecordOf(secret, keySecret) }
}

/** What the configuration keeps of a secret that exists already. The key's id is derived, so seeding twice adds no second key. */
export function apiKeyRecordOf(secret: string, keySecret: KeySecret): NewApiKey {
  const match = secretPattern.exec(secret)
  assert(match !== null, 'an API key’s secret is sk_test_ or sk_live_ and at least 16 letters or digits')
  const mode = match[1] as Mode
  const hash = hashApiKey(secret, keySecret)
  return {
    id: `key_${hash.slice(0, 24)}`,
    hash,
    prefix: `sk_${mode}_${(match[2] ?? '').slice(0, shownCharacters)}…`,
    mode,
    scopes: allScopes,
    apiVersion: currentApiVersion,
  }
}

export function hashApiKey(secret: string, keySecret: KeySecret): string {
  return createHmac('sha256', keySecret).update(secret, 'utf8').digest('hex')
}

/**
 * The secret that an `Authorization` header carries, as a bearer token or as Stripe's clients send it (Basic, the key as
 * the user, no password); undefined where it carries none.
 */
export function secretOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const [scheme = '', credentials = '', ...rest] = authorization.split(' ')
  if (rest.length > 0) return undefined
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return secretPattern.test(credentials) ? credentials : undefined
    case 'basic': {
      const decoded = Buffer.from(credentials, 'base64').toString('utf8')
      const user = decoded.endsWith(':') ? decoded.slice(0, -1) : decoded
      return secretPattern.test(user) ? user : undefined
    }
    default:
      return undefined
  }
}

/** Whose working key a secret is. The time it takes says nothing of which secrets exist: what is compared is an HMAC. */
export function findKey(
  secret: string,
  keySecret: KeySecret,
  directory: MerchantDirectory,
): { readonly merchant: MerchantConfiguration; readonly key: ApiKey } | undefined {
  const hash = hashApiKey(secret, keySecret)
  const found = directory.findByKeyHash(hash)
  if (found === undefined || found.key.revokedAt !== undefined) return undefined
  const same = timingSafeEqual(Buffer.from(hash, 'hex'), Buffer.from(found.key.hash, 'hex'))
  return same && secret.startsWith(`sk_${found.key.mode}_`) ? found : undefined
}
